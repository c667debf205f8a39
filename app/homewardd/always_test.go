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

// TestAlwaysOnInANewBoot: a line that is always on behind the kill switch is wanted in
// the next start of the computer, and by the rules, whatever a person did in the last
// one; a line that is not, one without a kill switch, and the same boot want nothing.
func TestAlwaysOnInANewBoot(t *testing.T) {
	t.Parallel()
	on := service.Choices{KillSwitch: control.KillSwitchOn}
	for name, tt := range map[string]struct {
		when     profile.When
		guarded  bool // by the profile
		settings service.Choices
		after    bool // the line was ended
		same     bool // boot
		wanted   bool
	}{
		"engaged":                          {when: profile.WhenAlways, settings: on, wanted: true},
		"disconnected":                     {when: profile.WhenAlways, settings: on, after: true, wanted: true},
		"disconnected, the profile says":   {when: profile.WhenAlways, guarded: true, after: true, wanted: true},
		"disconnected, nobody says on":     {when: profile.WhenAlways, after: true},
		"disconnected in the same boot":    {when: profile.WhenAlways, settings: on, after: true, same: true},
		"not always on":                    {when: profile.WhenBoot, settings: on},
		"the kill switch was switched off": {when: profile.WhenAlways, settings: service.Choices{KillSwitch: control.KillSwitchOff}, after: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := stateDir(t, nil)
			store, err := profile.OpenStore(filepath.Join(dir, "profiles"))
			if err != nil {
				t.Fatal(err)
			}
			p := stored("office")
			p.OnDemand.When = tt.when
			if tt.guarded {
				p.Traffic.KillSwitch = profile.KillSwitchOn
			}
			if err := store.Add(p, 1000); err != nil {
				t.Fatal(err)
			}
			s, err := openStance(dir, ownOnly(t, store), slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			now := posture.ThisBoot()
			if now == "" {
				t.Skip("this system does not tell boots apart")
			}
			if s.boot = "earlier"; tt.same {
				s.boot = now
			}
			standing := service.Standing{Settings: tt.settings, Engaged: true, Profile: p.ID, Owner: 1000}
			if err := s.Save(standing); err != nil {
				t.Fatal(err)
			}
			if tt.after {
				if err := s.Save(service.Standing{Settings: tt.settings}); err != nil {
					t.Fatal(err)
				}
			}
			s.boot = now
			got, err := s.Load()
			want := service.Standing{Settings: tt.settings, Profiled: true}
			if tt.wanted {
				want = service.Standing{Settings: tt.settings, Profiled: true, Engaged: true, Profile: p.ID, Owner: 1000, Automatic: true}
			}
			if err != nil || got != want {
				t.Errorf("loaded %+v, %v", got, err)
			}
			if d := posture.AtBoot(dir); d.Block != tt.wanted {
				t.Errorf("at boot: %+v", d)
			}
		})
	}
}
