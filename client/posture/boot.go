package posture

import "fmt"

// Decision is whether the network has to be blocked now, before anybody was asked.
type Decision struct {
	Block bool
	// LocalNetwork: the posture lets the local network through.
	LocalNetwork bool
	// Reason is why, as half a sentence for the log.
	Reason string
	// Unreadable is what is wrong with the state, where something is.
	Unreadable error
}

// AtBoot decides from the state in dir, early at boot and when the service
// starts. It writes nothing and waits for nothing.
func AtBoot(dir string) Decision {
	return (&Store{dir: dir, disk: osDisk{}}).decide(ThisBoot())
}

// AtBoot is the same for an open store.
func (s *Store) AtBoot() Decision { return s.decide(ThisBoot()) }

// decide is AtBoot in a given boot; empty: this system tells boots not apart.
func (s *Store) decide(boot string) Decision {
	p, err := s.Get()
	d := Decision{LocalNetwork: p.LocalNetwork, Unreadable: err}
	switch {
	case err != nil && p.Mode == Lockdown:
		d.Block, d.Reason = true, fmt.Sprintf("lockdown or always-on was set, and %v", err)
	case err != nil:
		d.Reason = fmt.Sprintf("neither lockdown nor always-on was set, although %v", err)
	case p == Posture{}:
		d.Reason = "nothing has been set"
	case !p.Profiled:
		d.Reason = "no profile has ever been stored"
	case p.Mode == Lockdown:
		d.Block, d.Reason = true, "lockdown is set"
	case p.Mode == Off:
		d.Reason = "the kill switch is off"
	case p.AlwaysOn != "" && p.anew(boot):
		d.Block, d.Reason = true, "a line that is always on is wanted whenever the computer is started"
	case !p.Engaged:
		d.Reason = "nobody has connected"
	case p.anew(boot):
		d.Reason = "the computer has been started anew since somebody connected"
	default:
		d.Block, d.Reason = true, "the line was wanted when the service ended"
	}
	return d
}

// anew says that the posture is of an earlier boot than this one, as far as is known.
func (p Posture) anew(boot string) bool { return p.BootID != boot && boot != "" && p.BootID != "" }
