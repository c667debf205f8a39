package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/client/lab"
)

// machine is a booted system with the package to be installed, and a sniffer
// beyond its cable.
type machine struct {
	*lab.Lab
	*lab.System
	t       *testing.T
	ctx     context.Context
	sniffer *lab.Sniffer
	debs    [2]string // two versions
	file    string    // a profile, as the system sees it
}

// newMachine prepares one, switched off, or skips where it cannot be had.
func newMachine(t *testing.T) *machine {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testTime)
	t.Cleanup(cancel)
	l, err := lab.Start(ctx, lab.Options{NoGateway: true})
	skip := func(err error) {
		t.Helper()
		forbidden, bare := (*lab.NotPermittedError)(nil), (*lab.NoSystemError)(nil)
		if errors.As(err, &forbidden) || errors.As(err, &bare) || errors.Is(err, lab.ErrNotInstalled) {
			t.Skip("no booted system on this machine: ", err)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	skip(err)
	m := &machine{Lab: l, t: t, ctx: ctx, file: "/root/office.mobileconfig"}
	t.Cleanup(m.end)
	m.System, err = l.InstallSystem(ctx)
	skip(err)
	for i, version := range []string{"1.0", "1.1"} {
		file, err := l.Package(ctx, version)
		skip(err)
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		m.debs[i] = "/root/homeward-" + version + ".deb"
		m.write(m.debs[i], string(raw))
	}
	files, err := l.PKI.WriteSamples(l.Dir)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(files[lab.OfficeProfile])
	if err != nil {
		t.Fatal(err)
	}
	m.write(m.file, string(raw))
	if err := m.Noise(l.StrangerFlows()); err != nil {
		t.Fatal(err)
	}
	if m.sniffer, err = l.Sniff("off", lab.Allowed{}); err != nil {
		t.Fatal(err)
	}
	return m
}

func (m *machine) end() {
	if m.t.Failed() && m.System != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if log, err := m.System.Run(ctx, "journalctl", "--no-pager", "-b", "-u", "homeward*", "-u", "systemd-networkd"); err == nil {
			m.t.Log(log)
		}
	}
	if err := m.Lab.Close(); err != nil {
		m.t.Error("closing the lab: ", err)
	}
}

func (m *machine) write(path, text string) {
	m.t.Helper()
	if err := m.Write(path, text, 0o600); err != nil {
		m.t.Fatal(err)
	}
}

// run runs a command inside, which must succeed, and gives what it says.
func (m *machine) run(name string, args ...string) string {
	m.t.Helper()
	out, err := m.System.Run(m.ctx, name, args...)
	if err != nil {
		m.t.Fatal(err)
	}
	return out
}

// boot switches the system on, and waits until it has booted whole. Its own
// programs must all be there.
func (m *machine) boot() {
	m.t.Helper()
	err := m.System.Boot(m.ctx)
	if bare := (*lab.NoSystemError)(nil); errors.As(err, &bare) {
		m.t.Skip("no booted system on this machine: ", err)
	}
	if err != nil {
		m.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(m.ctx, 30*time.Second)
	defer cancel()
	failed, err := m.Booted(ctx)
	if err != nil {
		m.t.Fatal(err)
	}
	if len(failed) > 0 {
		m.t.Errorf("these units have failed: %q", failed)
	}
	m.online()
}

// online waits until the network is up as far as the system goes: addresses of
// both families and a way to everywhere.
func (m *machine) online() {
	m.t.Helper()
	err := lab.Until(m.ctx, "the system is online", func() (bool, error) {
		four, err := m.System.Run(m.ctx, "ip", "-4", "route", "show", "default")
		six, err6 := m.System.Run(m.ctx, "ip", "-6", "route", "show", "default")
		return four != "" && six != "", errors.Join(err, err6)
	})
	if err != nil {
		m.t.Fatal(err)
	}
}

// cut cuts the power.
func (m *machine) cut() {
	m.t.Helper()
	if err := m.Cut(); err != nil {
		m.t.Fatal(err)
	}
}

// listening is how long a phase is listened to once all that it is about has happened.
const listening = 700 * time.Millisecond

// quiet ends a phase, in which nothing may have left.
func (m *machine) quiet(during string) { m.judge(during, false) }

// loud ends one in which everybody is heard: each kind, in both families.
func (m *machine) loud(during string) { m.judge(during, true) }

func (m *machine) judge(during string, loud bool) {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(m.ctx, listening)
	if loud { // until everybody was heard, for as long as that takes
		cancel()
		ctx, cancel = context.WithTimeout(m.ctx, 10*time.Second)
	}
	defer cancel()
	err := lab.Until(ctx, "everybody is heard", func() (bool, error) { return loud && len(m.unheard()) == 0, nil })
	if loud && err != nil {
		m.t.Errorf("%s: not heard are %v", during, m.unheard())
	}
	tally, err := m.sniffer.Phase(m.ctx, "after "+during)
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Logf("%s: %d frames that should not leave, in %v; and %v", during, tally.Leaks(), tally.Took.Round(time.Millisecond), tally)
	if !loud && tally.Leaks() > 0 {
		for _, leak := range tally.First {
			m.t.Log(leak)
		}
		m.t.Errorf("%s: %d frames have left: %v", during, tally.Leaks(), tally.Leaked)
	}
}

// unheard are the kinds of packets that have not been seen in this phase.
func (m *machine) unheard() []string {
	seen := map[string]bool{}
	for sort := range m.sniffer.Leaked() {
		seen[fmt.Sprintf("%s over IPv%d", sort.Kind, sort.Family())] = true
	}
	var missing []string
	for _, k := range lab.Kinds {
		for _, family := range []int{4, 6} {
			if name := fmt.Sprintf("%s over IPv%d", k, family); !seen[name] {
				missing = append(missing, name)
			}
		}
	}
	return missing
}

// forget begins a phase anew: what has left so far is not looked at.
func (m *machine) forget() {
	m.t.Helper()
	if _, err := m.sniffer.Phase(m.ctx, "interlude"); err != nil {
		m.t.Fatal(err)
	}
}

// setting is `homewardctl killswitch`.
func (m *machine) setting(mode string) {
	m.t.Helper()
	m.run("homewardctl", "killswitch", mode)
}

// mode is that which the service says it has.
func (m *machine) mode() string {
	m.t.Helper()
	var s struct {
		KillSwitch struct {
			Mode string `json:"mode"`
		} `json:"killswitch"`
	}
	if err := json.Unmarshal([]byte(m.run("homewardctl", "status", "--json")), &s); err != nil {
		m.t.Fatal(err)
	}
	return s.KillSwitch.Mode
}

const stateDir = "/var/lib/homeward"

// TestBootedSystem: a whole system, with systemd and a network that it brings up
// by itself, whose programs talk to everybody from the first moment on. In
// lockdown nothing leaves it: through boots, with the state damaged or on a slow
// disk of its own, too; while the service is stopped, killed and started anew.
// Each way out opens it. Without a kill switch everything is heard, and without
// the early unit something is, or nothing of this would prove anything.
func TestBootedSystem(t *testing.T) {
	m := newMachine(t)
	m.boot()
	m.loud("a boot without Homeward")
	m.install(m.debs[0])
	m.loud("the installation")
	if said := m.run("systemd-analyze", "verify", "homewardd.service", "homeward-boot.service"); said != "" {
		t.Errorf("systemd says of the units: %s", said)
	}

	m.lockdown("lockdown")
	m.cut()
	m.boot()
	m.quiet("a boot in lockdown")
	if got := m.mode(); got != "lockdown" {
		t.Errorf("after a boot in lockdown the service says %q", got)
	}
	if log := m.run("journalctl", "--no-pager", "-b", "-u", "homeward-boot"); !strings.Contains(log, "Blocked: lockdown is set.") {
		t.Errorf("the early unit says %q", log)
	}
	m.run("systemctl", "stop", "homewardd")
	m.quiet("the service stopped")
	m.run("systemctl", "start", "homewardd")
	m.run("systemctl", "restart", "homewardd")
	m.quiet("the service started, and restarted")
	m.run("systemctl", "kill", "--signal=KILL", "homewardd")
	m.answers()
	m.quiet("kill -9, until the service runs again")

	m.cut()
	damage(t, m, "posture.json")
	m.boot()
	m.quiet("a boot in lockdown with the state damaged")
	m.answers()
	m.setting("off")
	m.forget()
	m.loud("lockdown lifted")
	m.cut()
	m.boot()
	m.loud("a boot with the kill switch off")

	m.lockdown("lockdown again")
	m.slowDisk()
	m.cut()
	m.boot()
	m.quiet("a boot in lockdown with the state on a slow disk")
	m.run("systemctl", "disable", "homeward-boot")
	m.cut()
	m.forget()
	m.boot()
	if n := len(m.sniffer.Leaked()); n == 0 {
		t.Error("without the early unit nothing leaves during a boot in lockdown: its absence is not seen")
	}
	m.answers()
	m.run("systemctl", "stop", "homewardd")
	m.forget()
	m.quiet("lockdown without the service")
	if said := m.run("homewardd", "cleanup"); !strings.Contains(said, "The kill switch is off: the network is open again.") {
		t.Errorf("cleanup says %q", said)
	}
	m.loud("homewardd cleanup")
	m.run("systemctl", "start", "homewardd")
	m.loud("a start after homewardd cleanup")
}

// TestNetworkWaitsForTheBlock: where lockdown is set and the system cannot block,
// the network does not come up, and everything else does; until the
// administrator's way out. The next boot is an ordinary one.
func TestNetworkWaitsForTheBlock(t *testing.T) {
	m := newMachine(t)
	m.boot()
	m.install(m.debs[0])
	m.lockdown("lockdown")
	m.cut()
	m.write("/etc/systemd/system/homeward-boot.service.d/powerless.conf", "[Service]\nCapabilityBoundingSet=\n")
	m.forget()
	if err := m.System.Boot(m.ctx); err != nil {
		t.Fatal(err)
	}
	err := lab.Until(m.ctx, "the early unit has said why the network waits", func() (bool, error) {
		// Neither is there from the first moment on.
		basic, _ := m.System.Run(m.ctx, "systemctl", "is-active", "basic.target")
		log, _ := m.System.Run(m.ctx, "journalctl", "--no-pager", "-b", "-u", "homeward-boot")
		return strings.TrimSpace(basic) == "active" && strings.Contains(log, "the network is kept from starting"), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	m.quiet("a boot in lockdown where nothing can be blocked")
	if link := m.run("ip", "-brief", "link", "show", "dev", "eth0"); !strings.Contains(link, "DOWN") {
		t.Errorf("the network is up: %s", link)
	}
	if said := m.run("homewardd", "cleanup"); !strings.Contains(said, "the network is open again") {
		t.Errorf("cleanup says %q", said)
	}
	m.online()
	m.loud("homewardd cleanup")
	m.cut()
	m.boot()
	m.loud("the next boot")
}

// slowDisk puts the service's state on a disk of its own, which takes its time
// to be there, and which nothing but the units themselves asks for.
func (m *machine) slowDisk() {
	m.t.Helper()
	m.run("systemctl", "stop", "homewardd")
	m.run("sh", "-ec", "cp -a "+stateDir+" /srv/homeward && rm -rf "+stateDir+"/*")
	m.write("/etc/systemd/system/slow-disk.service", "[Unit]\nDefaultDependencies=no\n[Service]\nType=oneshot\nExecStart=sleep 1\n")
	m.write("/etc/systemd/system/var-lib-homeward.mount",
		"[Unit]\nDefaultDependencies=no\nRequires=slow-disk.service\nAfter=slow-disk.service\n[Mount]\nWhat=/srv/homeward\nWhere="+stateDir+"\nType=none\nOptions=bind\n")
}

// TestPackages: the scripts of the packages, as dpkg runs them, and as rpm would.
// An upgrade in lockdown lets nothing out, and a removal gives everything back.
func TestPackages(t *testing.T) {
	m := newMachine(t)
	m.boot()
	m.install(m.debs[0])
	m.lockdown("lockdown with a deb")
	m.run("dpkg", "-i", m.debs[1])
	m.answers()
	m.quiet("an upgrade of the deb")
	m.run("dpkg", "-r", "homeward")
	m.loud("the deb removed")
	m.gone("usr/sbin/homewardd", "usr/bin/homewardctl", "usr/lib/systemd/system/homewardd.service", "usr/lib/systemd/system/homeward-boot.service")
	m.run("dpkg", "-P", "homeward")
	m.gone(stateDir, "etc/systemd/system/multi-user.target.wants/homewardd.service", "etc/systemd/system/sysinit.target.wants/homeward-boot.service")

	// rpm lays out the files, then runs the new version's script, then the old one's.
	m.run("sh", "-ec", "mkdir /root/scripts && dpkg-deb -e "+m.debs[1]+" /root/scripts && dpkg-deb -x "+m.debs[1]+" / && sh /root/scripts/postinst 1")
	m.answers()
	m.run("homewardctl", "import", m.file, "--yes")
	m.lockdown("lockdown with an rpm")
	m.run("sh", "-ec", "sh /root/scripts/postinst 2 && sh /root/scripts/prerm 1 && sh /root/scripts/postrm 1")
	m.answers()
	m.quiet("an upgrade of the rpm")
	m.run("sh", "-ec", "sh /root/scripts/prerm 0 && rm -f /usr/sbin/homewardd /usr/bin/homewardctl /usr/lib/systemd/system/homeward* && sh /root/scripts/postrm 0")
	m.loud("the rpm removed")
	m.gone(stateDir, "etc/systemd/system/multi-user.target.wants/homewardd.service", "etc/systemd/system/sysinit.target.wants/homeward-boot.service")
	if tables := m.run("nft", "list", "tables"); strings.Contains(tables, "homeward") {
		t.Errorf("left behind are %s", tables)
	}
}

// install installs a deb, whose service must run at once, and imports a profile.
func (m *machine) install(deb string) {
	m.t.Helper()
	m.run("dpkg", "-i", deb)
	m.answers()
	m.run("homewardctl", "import", m.file, "--yes")
}

// lockdown sets it, and looks whether it holds.
func (m *machine) lockdown(name string) {
	m.t.Helper()
	m.answers()
	m.setting("lockdown")
	m.forget()
	m.quiet(name)
}

// gone wants files to be there no more.
func (m *machine) gone(paths ...string) {
	m.t.Helper()
	for _, path := range paths {
		if _, err := os.Lstat(m.Path(path)); !errors.Is(err, os.ErrNotExist) {
			m.t.Errorf("%s is left behind: %v", path, err)
		}
	}
}

// answers waits until the service answers.
func (m *machine) answers() {
	m.t.Helper()
	err := lab.Until(m.ctx, "the service answers", func() (bool, error) {
		_, err := m.System.Run(m.ctx, "homewardctl", "status")
		return err == nil, nil
	})
	if err != nil {
		m.t.Fatal(err)
	}
}

// damage overwrites a file of the service's state while the power is off.
func damage(t *testing.T, m *machine, name string) {
	t.Helper()
	path := filepath.Join(stateDir, name)
	raw, err := os.ReadFile(m.Path(path))
	if err != nil {
		t.Fatal(err)
	}
	m.write(path, string(slices.Repeat([]byte{0}, len(raw))))
}
