package lab

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// noiseUnit runs a Stranger's program as a unit without any order: it begins
// with systemd itself, long before there is a network. The program goes on as
// long as its input does.
const noiseUnit = `[Unit]
Description=Programs of %[1]s that talk to everybody
DefaultDependencies=no

[Service]
Environment=` + stageVariable + `=` + stageHelper + `
ExecStart=/bin/sh -c 'tail -f /dev/null | exec ` + noiseProgram + ` stranger "$(cat ` + noiseProgram + `.flows)"'
StandardOutput=null
%[2]s
`

// Noise has the system talk to everybody from the first moment of its next boot
// on, as root and as another user, and puts what answers beyond the machine.
func (s *System) Noise(flows []Flow) error {
	if err := s.lab.startResponders(); err != nil {
		return err
	}
	text, err := json.Marshal(flows)
	if err != nil {
		return fmt.Errorf("lab: telling a system what to say: %w", err)
	}
	if err := s.Write(noiseProgram+".flows", string(text), 0o644); err != nil {
		return err
	}
	for name, unit := range map[string]string{
		"lab-noise.service": fmt.Sprintf(noiseUnit, "another user", ""),
		// Who may not change to another user stays root.
		"lab-noise-root.service": fmt.Sprintf(noiseUnit, "root", "CapabilityBoundingSet=~CAP_SETUID CAP_SETGID"),
	} {
		if err := s.Write("/etc/systemd/system/"+name, unit, 0o644); err != nil {
			return err
		}
		wants := filepath.Join(s.disk(), "etc/systemd/system/sysinit.target.wants", name)
		if err := os.MkdirAll(filepath.Dir(wants), 0o755); err != nil {
			return fmt.Errorf("lab: enabling noise: %w", err)
		}
		if err := os.Symlink("/etc/systemd/system/"+name, wants); err != nil {
			return fmt.Errorf("lab: enabling noise: %w", err)
		}
	}
	return nil
}
