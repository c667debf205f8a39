package main

import (
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/posture"
	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/service"
)

// stanceOf opens the stance of a state directory, in a boot of the computer.
func stanceOf(t *testing.T, dir, boot string) *stance {
	t.Helper()
	store, err := profile.OpenStore(filepath.Join(dir, "profiles"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := openStance(dir, ownOnly(t, store), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	s.boot = boot
	return s
}

// TestStandingAcrossBoots: a line that was wanted is held back for after a restart of
// the service, and not after one of the computer; lockdown is in either. Where boots
// cannot be told apart the line counts as of this one.
func TestStandingAcrossBoots(t *testing.T) {
	t.Parallel()
	dir := stateDir(t, nil)
	office := stored("office")
	first := stanceOf(t, dir, "the first boot")
	store, err := profile.OpenStore(filepath.Join(dir, "profiles"))
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Add(office, 1000); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []string{control.KillSwitchOn, control.KillSwitchLockdown} {
		before := service.Standing{Settings: service.Choices{KillSwitch: mode}, Profiled: true, Engaged: true, Profile: office.ID, Owner: 1000}
		if err := first.Save(before); err != nil {
			t.Fatal(err)
		}
		after := before
		after.Engaged, after.Profile, after.Owner = false, "", 0
		for boot, want := range map[string]service.Standing{"the first boot": before, "the second": after, "": before} {
			if got, err := stanceOf(t, dir, boot).Load(); err != nil || got != want {
				t.Errorf("%s, in boot %q: %+v, %v", mode, boot, got, err)
			}
		}
	}
}

// TestNothingStandsBeforeAProfile: a state that asks for lockdown on a computer that has
// never had a profile, one that was copied there say, holds nothing back.
func TestNothingStandsBeforeAProfile(t *testing.T) {
	t.Parallel()
	dir := stateDir(t, nil)
	s := stanceOf(t, dir, "a boot")
	if err := s.store.Put(posture.Posture{Mode: posture.Lockdown}); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Load(); err != nil || got != (service.Standing{}) {
		t.Errorf("loaded as %+v, %v", got, err)
	}
	if d := posture.AtBoot(dir); d.Block {
		t.Errorf("blocked at boot: %s", d.Reason)
	}
}
