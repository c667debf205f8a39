package service

import (
	"fmt"
	"net/netip"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/supervisor"
	"github.com/homeward-vpn/homeward/client/tunnel"
)

// Posture keeps what must outlive the service; client/posture does.
type Posture interface {
	// Load gives what was saved last. After an error it gives what has to be
	// assumed. What was engaged in an earlier boot of the computer is not any more.
	Load() (Standing, error)
	// Save returns when it would survive a power cut.
	Save(Standing) error
}

// Standing is what is to be held back also when nobody can be asked.
type Standing struct {
	// Settings hold. Own is what was chosen on the computer, where Policed says that a
	// policy goes before it; else Settings are.
	Settings Choices
	Own      Choices
	Policed  bool
	// Profiled: there was a profile at some time. Save need not keep it: the disk knows.
	Profiled bool
	// LocalNetwork: what is held back leaves the local network open.
	LocalNetwork bool
	// Engaged: the kill switch holds for a line that Owner wants, by that profile.
	Engaged bool
	Profile string
	Owner   uint32
	// Automatic: the profile's own rules wanted it, and no person did.
	Automatic bool
}

// Choices are the machine's settings as they were made on this computer.
type Choices struct {
	KillSwitch   string // control.KillSwitchProfile and so on
	LocalNetwork string // control.LocalNetworkProfile and so on
}

// noPosture forgets.
type noPosture struct{}

func (noPosture) Load() (Standing, error) { return Standing{}, nil }
func (noPosture) Save(Standing) error     { return nil }

// engage notes, before it is done, what a former run must have held back.
func (g *guard) engage() {
	g.note(func(now *Standing) {
		r := g.ordered.Request
		now.LocalNetwork = g.allowsLocal()
		now.Engaged = r != (supervisor.Request{})
		now.Profile, now.Owner, now.Automatic = r.ProfileID, r.Owner, r.Automatic
	})
}

// disengage notes, after it is done, that everything may leave.
func (g *guard) disengage() {
	g.note(func(now *Standing) {
		now.LocalNetwork, now.Engaged, now.Profile, now.Owner, now.Automatic = g.allowsLocal(), false, "", 0, false
	})
}

// note saves what has changed. What cannot be saved does not keep the policy from
// being set, but is said. The caller holds setting.
func (g *guard) note(how func(*Standing)) {
	g.mu.Lock()
	now := g.standing
	how(&now)
	same := now == g.standing && !g.behind
	g.mu.Unlock()
	if same {
		return
	}
	err := g.posture.Save(now)
	g.mu.Lock()
	defer g.mu.Unlock()
	if err != nil {
		g.logger.Error("what the kill switch is to hold back cannot be written to disk", "error", err)
		g.alarm(alarmPosture, fmt.Sprintf("What the kill switch is to hold back cannot be written to disk (%v), so it may not hold after a restart; make room on the disk.", err))
		return
	}
	g.standing, g.behind = now, false
	g.alarm(alarmPosture, "")
}

// profiled saves once more what is to be held back, for it is held against the profiles,
// one of which has changed.
func (g *guard) profiled() {
	g.setting.Lock()
	defer g.setting.Unlock()
	g.mu.Lock()
	now := g.standing
	g.mu.Unlock()
	if err := g.posture.Save(now); err != nil {
		g.logger.Error("what the kill switch is to hold back could not be held against the profiles", "error", err)
	}
}

// choose puts into a standing what is chosen.
func (now *Standing) choose(to chosen) {
	now.Settings, now.Own, now.Policed = to.settings, to.own, to.own != to.settings
	if !now.Policed {
		now.Own = Choices{}
	}
}

// chosen gives what is chosen.
func (g *guard) chosen() chosen {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.standing.chosen()
}

func (now Standing) chosen() chosen {
	if !now.Policed {
		return chosen{now.Settings, now.Settings}
	}
	return chosen{now.Settings, now.Own}
}

// profiledOnce says that there was a profile at some time, now among them.
func (g *guard) profiledOnce(now bool) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.standing.Profiled = g.standing.Profiled || now
	return g.standing.Profiled
}

// set takes new settings of the machine: they hold when they are on disk.
func (g *guard) set(to chosen) error {
	g.setting.Lock()
	defer g.setting.Unlock()
	g.mu.Lock()
	now := g.standing
	now.choose(to)
	now.LocalNetwork = localWord(to.settings.LocalNetwork, g.ordered.Request.LocalNetwork)
	g.mu.Unlock()
	if err := g.posture.Save(now); err != nil {
		return err
	}
	g.mu.Lock()
	g.standing, g.behind = now, false
	g.alarm(alarmPosture, "")
	g.mu.Unlock()
	return nil
}

// assume takes settings that are not on disk, for want of room there say.
func (g *guard) assume(to chosen, because error) {
	g.setting.Lock()
	defer g.setting.Unlock()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.standing.choose(to)
	g.behind = true
	g.standing.LocalNetwork = localWord(to.settings.LocalNetwork, g.ordered.Request.LocalNetwork)
	g.alarm(alarmPosture, fmt.Sprintf("The setting of the kill switch could not be written to disk (%v), so the one before holds again when the service is started anew; make room on the disk, then set it once more.", because))
}

// unwritten says that the settings that hold are not on disk.
func (g *guard) unwritten() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.behind
}

// settingOf is what the supervisor calls a setting.
func settingOf(s Choices) supervisor.Setting {
	switch s.KillSwitch {
	case control.KillSwitchOff:
		return supervisor.SetOff
	case control.KillSwitchOn:
		return supervisor.SetOn
	case control.KillSwitchLockdown:
		return supervisor.SetLockdown
	default:
		return supervisor.ProfileDecides
	}
}

// wishes takes over what a profile says of the kill switch.
func wishes(r supervisor.Request, p *profile.Profile) supervisor.Request {
	if p.Traffic.KillSwitch == profile.KillSwitchOn {
		r.KillSwitch = supervisor.On
	}
	r.LocalNetwork = p.Traffic.LocalNetwork == profile.LocalAllow
	return r
}

// allowsLocal says whether the local network is let through. The caller holds mu.
func (g *guard) allowsLocal() bool {
	return localWord(g.standing.Settings.LocalNetwork, g.ordered.Request.LocalNetwork)
}

func localWord(setting string, profile bool) bool {
	return setting == control.LocalNetworkAllow || setting == control.LocalNetworkProfile && profile
}

// near are the addresses that never leave the link, for printers and such that are
// found by multicast.
var near = prefixes("169.254.0.0/16", "fe80::/10", "224.0.0.0/24", "239.255.255.250/32", "255.255.255.255/32", "ff02::/16", "ff05::/16")

// private are what a local network may be. Whoever runs one could give the whole
// Internet out as a part of it.
var private = prefixes("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "fc00::/7", "fe80::/10")

func prefixes(list ...string) (out []netip.Prefix) {
	for _, s := range list {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

// around are the local networks that may be let through beside the tunnel.
func (g *guard) around() []netip.Prefix {
	out := append([]netip.Prefix(nil), near...)
	if g.local == nil {
		return out
	}
	for _, p := range g.local() {
		for _, of := range private {
			if of.Bits() <= p.Bits() && of.Contains(p.Addr()) {
				out = append(out, p.Masked())
			}
		}
	}
	return out
}

// resume holds back again what an earlier run did, or early boot, before anything
// else is done: the ledger's replay takes away routes and devices behind which that
// traffic was. It gives the state to begin with.
func (s *Service) resume() supervisor.State {
	g := s.guard
	standing, err := g.posture.Load()
	if err != nil {
		s.logger.Error("the state of the kill switch cannot be read", "error", err, "assumed", standing.Settings.KillSwitch)
		g.raise(alarmPosture, "The state of the kill switch on disk cannot be read, so the strictest is assumed that was set; an administrator can set it anew with «homewardctl killswitch».")
	}
	standing = s.underPolicy(standing)
	g.mu.Lock()
	g.standing = standing
	g.mu.Unlock()
	stands, err := g.ks.Stands()
	if err != nil {
		s.logger.Warn("what an earlier run held back is not known", "error", err)
	}
	e := supervisor.Restarted{Setting: settingOf(standing.Settings)}
	if standing.Engaged || stands && e.Setting != supervisor.SetLockdown {
		e.Request = s.wanted(standing)
	}
	state, _ := supervisor.Step(supervisor.State{}, e)
	order := supervisor.Policy{Mode: state.Mode(), Allow: supervisor.AllowNothing, Request: state.Request}
	if err := g.order(order, tunnel.Network{}); err != nil {
		e.Failure = &diagnose.Failure{Cause: diagnose.CausePolicyFailed, Seen: err.Error(), Err: err}
		state, _ = supervisor.Step(supervisor.State{}, e)
	}
	if state.Phase != supervisor.Disconnected {
		s.logState(supervisor.State{}, state)
	}
	s.shown.post(state, nil)
	return state
}

// underPolicy is a standing under the policy of now, which may have changed while no
// service ran.
func (s *Service) underPolicy(standing Standing) Standing {
	s.guard.mu.Lock()
	s.guard.standing = standing // for whether there was a profile
	s.guard.mu.Unlock()
	now := standing.chosen()
	now.settings = s.policed(now.own, now.settings)
	if now == standing.chosen() {
		return standing
	}
	standing.choose(now)
	standing.LocalNetwork = localWord(now.settings.LocalNetwork, false)
	if err := s.guard.posture.Save(standing); err != nil {
		s.logger.Error("what the policy wants cannot be written to disk", "error", err)
		s.guard.raise(alarmPosture, fmt.Sprintf("What the administrator's policy wants of the kill switch cannot be written to disk (%v), so early boot may not know it; make room on the disk.", err))
	}
	return standing
}

// wanted is the wish of an earlier run.
func (s *Service) wanted(standing Standing) supervisor.Request {
	r := supervisor.Request{
		ProfileID: standing.Profile, Owner: standing.Owner, Automatic: standing.Automatic, AlwaysOn: standing.Automatic,
	}
	if stored, err := s.cfg.Profiles.Get(standing.Profile, standing.Owner); err == nil && stored.Owner == standing.Owner {
		r.ProfileName = stored.Profile.Name
		r = wishes(r, &stored.Profile)
	}
	r.KillSwitch = supervisor.On // it held, whatever the profile says by now
	return r
}
