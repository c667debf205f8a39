package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/posture"
	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/native"
	"github.com/homeward-vpn/homeward/client/service"
)

// layDown puts an administrator's file into a folder, in one step.
func layDown(t *testing.T, dir, name string, content []byte) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	next := filepath.Join(filepath.Dir(path), ".next")
	if err := os.WriteFile(next, content, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, path); err != nil {
		t.Fatal(err)
	}
}

func fileOf(t *testing.T, p *profile.Profile) []byte {
	t.Helper()
	text, err := native.Encode(p)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestAdministratorsFiles is the whole service with a real folder: what is laid down
// while it runs is there for a program that watches, holds, and goes with its file; and
// it is there at the next start.
func TestAdministratorsFiles(t *testing.T) {
	dir := t.TempDir()
	o, stop := start(t, dir)
	c := control.NewClient(o.socket)
	until := func(what string, holds func(control.Status) bool) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		enough := errors.New("enough")
		if err := c.Watch(ctx, func(st control.Status) error {
			if holds(st) {
				return enough
			}
			return nil
		}); !errors.Is(err, enough) {
			t.Fatalf("%s: %v", what, err)
		}
	}
	has := func(names ...string) func(control.Status) bool {
		return func(control.Status) bool {
			list, err := c.Profiles(t.Context())
			var got []string
			for _, p := range list {
				got = append(got, p.Name)
			}
			return err == nil && slices.Equal(got, names)
		}
	}
	layDown(t, o.configDir, "profiles.d/office.json", fileOf(t, stored("office")))
	until("a profile", has("office"))
	layDown(t, o.configDir, "policy.json", []byte(`{"version": 1, "organization": "Harbour Ltd", "kill_switch": "off", "always_on": "office"}`))
	until("a policy", func(control.Status) bool {
		s, err := c.Settings(t.Context())
		return err == nil && s.ManagedBy == "Harbour Ltd" && s.Holds(control.ManagedKillSwitch) && s.AlwaysOn != ""
	})
	mode := control.KillSwitchOn
	var refusal *control.Refusal
	if _, err := c.ChangeSettings(t.Context(), control.SettingsChange{KillSwitch: &mode}); !errors.As(err, &refusal) || refusal.Code != control.CodeForbidden {
		t.Errorf("over the policy: %v", err)
	}
	layDown(t, o.configDir, "profiles.d/lab.json", []byte("{"))
	until("a file that is damaged", func(st control.Status) bool {
		return slices.ContainsFunc(st.Warnings, func(w string) bool { return strings.Contains(w, "lab.json is not used") })
	})
	layDown(t, o.configDir, "profiles.d/lab.json", fileOf(t, stored("lab")))
	until("mended", has("lab", "office"))
	if err := os.Remove(filepath.Join(o.configDir, "policy.json")); err != nil {
		t.Fatal(err)
	}
	until("no policy", func(control.Status) bool {
		s, err := c.Settings(t.Context())
		return err == nil && s.Managed == nil && s.KillSwitch == ""
	})
	if err := os.Remove(filepath.Join(o.configDir, "profiles.d/office.json")); err != nil {
		t.Fatal(err)
	}
	until("one gone", has("lab"))
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	o, stop = start(t, dir)
	c = control.NewClient(o.socket)
	if list, err := c.Profiles(t.Context()); err != nil || len(list) != 1 || !list[0].Managed {
		t.Errorf("at the next start: %+v, %v", list, err)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// TestBootUnderAPolicy: what early boot does with an administrator's policy, beside what
// the computer remembers.
func TestBootUnderAPolicy(t *testing.T) {
	t.Parallel()
	const (
		held    = `{"version": 1, "kill_switch": "lockdown"}`
		nearby  = `{"version": 1, "kill_switch": "lockdown", "local_network": "allow"}`
		left    = `{"version": 1, "kill_switch": "lockdown", "user_may_set": ["kill_switch"]}`
		open    = `{"version": 1, "kill_switch": "off"}`
		damaged = `{"version": 1, "kill_switch": "lock`
	)
	profiled := &posture.Posture{Profiled: true}
	chosen := &posture.Posture{Mode: posture.Off, Profiled: true}
	policed := &posture.Posture{Mode: posture.Lockdown, Policed: true, OwnMode: posture.Off, Profiled: true}
	for name, tt := range map[string]struct {
		state  *posture.Posture
		policy string
		laid   bool
		block  bool
		local  bool
		says   string
	}{
		"no policy":                             {profiled, "", true, false, false, "nobody has connected"},
		"the first time, a profile laid down":   {nil, held, true, true, false, "the administrator's policy wants lockdown"},
		"the first time, no profile":            {nil, held, false, false, false, "nothing has been set"},
		"a profile that was stored":             {profiled, held, false, true, false, "the administrator's policy wants lockdown"},
		"over what was chosen":                  {chosen, held, false, true, false, "the administrator's policy wants lockdown"},
		"the local network is let through":      {profiled, nearby, false, true, true, "the administrator's policy wants lockdown"},
		"left to people, who have chosen":       {chosen, left, false, false, false, "the kill switch is off"},
		"left to people, who have not":          {profiled, left, false, true, false, "the administrator's policy wants lockdown"},
		"left to people, in a policy of before": {&posture.Posture{Mode: posture.On, Policed: true, OwnMode: posture.Off, Profiled: true}, left, false, false, false, "nobody has connected"},
		"known from before":                     {policed, held, false, true, false, "lockdown is set"},
		"damaged since":                         {policed, damaged, false, true, false, "lockdown is set"},
		"damaged, and nothing was held":         {profiled, damaged, true, false, false, "nobody has connected"},
		"lifted, which the service is to see":   {policed, open, false, true, false, "lockdown is set"},
	} {
		dir, config := stateDir(t, tt.state), t.TempDir()
		if tt.policy != "" {
			layDown(t, config, "policy.json", []byte(tt.policy))
		}
		if tt.laid {
			layDown(t, config, "profiles.d/office.json", []byte("{}"))
		}
		f, out := &fakeBarrier{}, &bytes.Buffer{}
		err := boot(t.Context(), bootParts{dir: dir, config: config, barrier: f, out: out, logger: slog.New(slog.DiscardHandler)})
		if err != nil || slices.Contains(f.calls, "block") != tt.block || f.local != tt.local || !strings.Contains(out.String(), tt.says) {
			t.Errorf("%s: %v, %q, local %v, says %q", name, err, f.calls, f.local, out)
		}
	}
}

// TestStandingUnderAPolicy: what holds and what was chosen are both remembered, and a
// profile that was laid down is one that there is a way back by.
func TestStandingUnderAPolicy(t *testing.T) {
	t.Parallel()
	dir := stateDir(t, nil)
	s := stanceOf(t, dir, "a boot")
	s.profiled = func() bool { return true }
	want := service.Standing{
		Settings: service.Choices{KillSwitch: control.KillSwitchLockdown, LocalNetwork: "refuse"},
		Own:      service.Choices{KillSwitch: control.KillSwitchOn, LocalNetwork: "allow"}, Policed: true, Profiled: true,
	}
	if err := s.Save(want); err != nil {
		t.Fatal(err)
	}
	if got, err := stanceOf(t, dir, "a boot").Load(); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	if d := posture.AtBoot(dir); !d.Block {
		t.Errorf("%+v", d)
	}
}
