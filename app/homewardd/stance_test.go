package main

import (
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/posture"
	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/provision"
	"github.com/homeward-vpn/homeward/client/service"
)

// ownOnly is a store where nothing is laid down.
func ownOnly(t *testing.T, own *profile.Store) *provision.Store {
	t.Helper()
	s, err := provision.NewStore(own, nil, "", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestDamagedStateOfAnAlwaysOnLine: from the moment at which a line that is always
// on has had the kill switch up, a state that cannot be read means blocked,
// also while it is down; until the kill switch is off or the profile gone.
func TestDamagedStateOfAnAlwaysOnLine(t *testing.T) {
	t.Parallel()
	dir := stateDir(t, nil)
	store, err := profile.OpenStore(filepath.Join(dir, "profiles"))
	if err != nil {
		t.Fatal(err)
	}
	office, always := stored("office"), stored("always")
	always.OnDemand.When = profile.WhenAlways
	for _, p := range []*profile.Profile{office, always} {
		if err := store.Add(p, 0); err != nil {
			t.Fatal(err)
		}
	}
	s, err := openStance(dir, ownOnly(t, store), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	on, off := service.Choices{KillSwitch: control.KillSwitchOn}, service.Choices{KillSwitch: control.KillSwitchOff}
	steps := []struct {
		name    string
		now     service.Standing
		secured bool
	}{
		{"a line that is not always on", service.Standing{Settings: on, Engaged: true, Profile: office.ID}, false},
		{"disconnected", service.Standing{Settings: on}, false},
		{"always on", service.Standing{Settings: on, Engaged: true, Profile: always.ID}, true},
		{"always on, by its own rules", service.Standing{Settings: on, Engaged: true, Profile: always.ID, Automatic: true}, true},
		{"and disconnected", service.Standing{Settings: on}, true},
		{"the kill switch off", service.Standing{Settings: off}, false},
		{"the profile decides", service.Standing{Engaged: true, Profile: always.ID}, true},
	}
	for _, step := range steps {
		step.now.Profiled = true
		if err := s.Save(step.now); err != nil {
			t.Fatal(err)
		}
		p, err := s.store.Get()
		if err != nil || p.Secured() != step.secured {
			t.Errorf("%s: %+v, %v", step.name, p, err)
		}
		if got, err := s.Load(); err != nil || got != step.now {
			t.Errorf("%s: loaded as %+v, %v", step.name, got, err)
		}
	}
	if err := store.Delete(always.ID); err != nil {
		t.Fatal(err)
	}
	if err := s.Save(service.Standing{Settings: on}); err != nil {
		t.Fatal(err)
	}
	if p, err := s.store.Get(); err != nil || p.AlwaysOn != "" || posture.AtBoot(dir).Block {
		t.Errorf("the profile gone: %+v, %v", p, err)
	}
}
