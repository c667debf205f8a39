package main

import (
	"errors"
	"log/slog"
	"sync"

	"github.com/homeward-vpn/homeward/client/posture"
	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/provision"
	"github.com/homeward-vpn/homeward/client/service"
	"github.com/homeward-vpn/homeward/platform/killswitch"
)

// wall lets the service use platform/killswitch.
type wall struct{ *killswitch.Switch }

// Set implements service.KillSwitch.
func (w wall) Set(p service.Policy) error {
	out := killswitch.Policy{
		Mark: mark, Gateways: p.Gateways, Resolvers: p.Resolvers, Probes: p.Probes, LocalNetworks: p.LocalNetworks,
	}
	if t := p.Tunnel; t != nil {
		out.Tunnel = &killswitch.Tunnel{Interface: t.Interface, Addresses: t.Addresses, DNS: t.DNS, IPv4: t.IPv4, IPv6: t.IPv6}
	}
	if s := p.Portal; s != nil {
		out.Portal = &killswitch.Portal{Cgroup: s.Cgroup, Resolvers: s.Resolvers}
	}
	return w.Switch.Set(out)
}

// noWall is the kill switch of a computer that cannot have one: it says why whenever
// something is to be held back.
type noWall struct {
	service.NoKillSwitch
	why error
}

// Set implements service.KillSwitch.
func (w noWall) Set(service.Policy) error { return w.why }

// newWall gives the kill switch of this computer.
func newWall(logger *slog.Logger) service.KillSwitch {
	s, err := killswitch.New(killswitch.Config{Logger: logger})
	if err != nil {
		if !errors.Is(err, errors.ErrUnsupported) {
			logger.Warn("this computer can have no kill switch", "error", err)
		}
		return noWall{why: err}
	}
	return wall{s}
}

// stance lets the service use client/posture. What of the state is not the service's
// stays as it is.
type stance struct {
	store *posture.Store
	boot  string // this one; "": this system does not tell boots apart
	// always gives a profile that is always connected, by its ID.
	always func(id string) (profile.Stored, bool)
	// profiled says whether there is a profile, also one that was laid down.
	profiled func() bool

	mu sync.Mutex
}

// openStance opens the posture of a state directory, and mends it.
func openStance(dir string, profiles *provision.Store, logger *slog.Logger) (*stance, error) {
	store, err := posture.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := store.Mend(); err != nil {
		logger.Error("the state of the kill switch could not be mended", "error", err)
	}
	always := func(id string) (profile.Stored, bool) {
		st, err := profiles.Get(id, profile.OwnerSystem)
		return st, err == nil && st.Profile.OnDemand.When == profile.WhenAlways
	}
	profiled := func() bool { return len(profiles.List(0, true)) > 0 }
	return &stance{store: store, boot: posture.ThisBoot(), always: always, profiled: profiled}, nil
}

// Load implements service.Posture.
func (s *stance) Load() (service.Standing, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.store.Get()
	if !p.Profiled {
		return service.Standing{}, err // nothing is ever held back before there is a profile
	}
	now := service.Standing{
		Settings:     service.Choices{KillSwitch: p.Mode, LocalNetwork: p.LocalWord},
		Own:          service.Choices{KillSwitch: p.OwnMode, LocalNetwork: p.OwnWord},
		Policed:      p.Policed,
		Profiled:     true,
		LocalNetwork: p.LocalNetwork,
	}
	anew := p.BootID != s.boot && p.BootID != "" && s.boot != ""
	if p.Engaged && !anew {
		now.Engaged, now.Profile, now.Owner, now.Automatic = true, p.Profile, p.Owner, p.Automatic
	}
	// In a new start of the computer nobody has ended a line that is always on.
	if of, always := s.always(p.AlwaysOn); always && anew && p.Mode != posture.Off {
		now.Engaged, now.Profile, now.Owner, now.Automatic = true, of.Profile.ID, of.Owner, true
	}
	return now, err
}

// Save implements service.Posture.
func (s *stance) Save(now service.Standing) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.store.Get()
	var unreadable *posture.UnreadableError
	if err != nil && !errors.As(err, &unreadable) {
		return err
	}
	p.Mode, p.LocalWord, p.LocalNetwork = now.Settings.KillSwitch, now.Settings.LocalNetwork, now.LocalNetwork
	p.Policed, p.OwnMode, p.OwnWord = now.Policed, now.Own.KillSwitch, now.Own.LocalNetwork
	p.Profiled = p.Profiled || s.profiled()
	p.Engaged, p.Profile, p.Owner, p.Automatic, p.BootID = now.Engaged, now.Profile, now.Owner, now.Automatic, s.boot
	if now.Engaged {
		p.AlwaysOn = now.Profile
	}
	// A profile that is no longer always on, or wants no kill switch any more.
	of, always := s.always(p.AlwaysOn)
	if !always || !now.Engaged && p.Mode == posture.Unset && of.Profile.Traffic.KillSwitch != profile.KillSwitchOn {
		p.AlwaysOn = ""
	}
	return s.store.Put(p)
}
