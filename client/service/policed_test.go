package service

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/provision"
)

// testTime is long enough for a line that is lost to be tried again.
func testTime(r *rig) <-chan time.Time {
	r.t.Helper()
	return time.After(time.Minute)
}

// TestPoliced: what holds, of what a policy says and what was chosen on the computer.
func TestPoliced(t *testing.T) {
	t.Parallel()
	now := Choices{KillSwitch: "on", LocalNetwork: "refuse"}
	for name, tt := range map[string]struct {
		policy    *provision.Policy
		own, want Choices
		empty     bool // there is no profile
	}{
		"no policy":                    {nil, Choices{"off", "allow"}, Choices{"off", "allow"}, false},
		"a policy that says nothing":   {&provision.Policy{}, Choices{"off", "allow"}, Choices{"off", "allow"}, false},
		"held":                         {&provision.Policy{KillSwitch: "lockdown", LocalNetwork: "refuse"}, Choices{"off", "allow"}, Choices{"lockdown", "refuse"}, false},
		"held off":                     {&provision.Policy{KillSwitch: "off"}, Choices{"lockdown", "allow"}, Choices{"off", "allow"}, false},
		"a default, nothing chosen":    {&provision.Policy{KillSwitch: "on", UserMaySet: []string{"kill_switch"}}, Choices{}, Choices{"on", ""}, false},
		"a default, something chosen":  {&provision.Policy{KillSwitch: "on", UserMaySet: []string{"kill_switch"}}, Choices{"off", ""}, Choices{"off", ""}, false},
		"a local network by default":   {&provision.Policy{LocalNetwork: "allow", UserMaySet: []string{"local_network"}}, Choices{"", "refuse"}, Choices{"", "refuse"}, false},
		"not known":                    {&provision.Policy{Unknown: true}, Choices{"off", "allow"}, now, false},
		"lockdown without any profile": {&provision.Policy{KillSwitch: "lockdown", LocalNetwork: "refuse"}, Choices{"on", ""}, Choices{"on", "refuse"}, true},
	} {
		a := &administrator{fakeProfiles: &fakeProfiles{}, policy: tt.policy}
		if !tt.empty {
			a.laid = []profile.Profile{{Name: "office"}}
		}
		s := &Service{cfg: Config{Administration: a, Profiles: a}, guard: &guard{}}
		if got := s.policed(tt.own, now); got != tt.want {
			t.Errorf("%s: %+v, want %+v", name, got, tt.want)
		}
		a.laid = nil
		if got := s.policed(tt.own, now); got != tt.want {
			t.Errorf("%s, and the last profile gone: %+v, want %+v", name, got, tt.want)
		}
	}
}

// TestPolicyHolds: a policy comes, holds against everybody, and goes; what was chosen on
// the computer counts before and after it.
func TestPolicyHolds(t *testing.T) {
	a, c := &administrator{}, &computer{}
	under(t, c, a, same, func(t *testing.T, r *rig) {
		if err := r.set(bob, "on"); err != nil {
			t.Fatal(err)
		}
		filings := r.svc.Status(bob).Filings
		a.does(func() {
			a.policy = &provision.Policy{Organization: "Harbour Ltd", KillSwitch: "lockdown", LocalNetwork: "allow", OwnProfiles: "administrators", AlwaysOnID: a.laid[0].ID}
		})
		want := control.Settings{
			KillSwitch: "lockdown", LocalNetwork: "allow", AlwaysOn: a.laid[0].ID, OwnProfiles: "administrators", ManagedBy: "Harbour Ltd",
			Managed: []string{"kill_switch", "local_network", "always_on", "own_profiles"},
		}
		if got := r.svc.Settings(bob); !reflect.DeepEqual(got, want) || !got.Holds(control.ManagedKillSwitch) {
			t.Errorf("%+v", got)
		}
		if st := r.state(control.StateBlocked); c.now() == nil || st.KillSwitch.Mode != "lockdown" || st.Filings == filings {
			t.Errorf("%+v: %+v", c.now(), st)
		}
		on := Choices{KillSwitch: "on"}
		if d := c.disk.now; d.Settings != (Choices{"lockdown", "allow"}) || d.Own != on || !d.Policed {
			t.Errorf("on disk: %+v", d)
		}
		allow := control.LocalNetworkRefuse
		for _, who := range []control.Caller{ada, root} {
			for _, mode := range []string{"off", "on", "lockdown", ""} {
				if err := r.set(who, mode); code(err) != control.CodeForbidden || !strings.Contains(err.Error(), "Harbour Ltd") {
					t.Errorf("%q by %d: %v", mode, who.UID, err)
				}
			}
			if _, err := r.svc.ChangeSettings(t.Context(), who, control.SettingsChange{LocalNetwork: &allow}); code(err) != control.CodeForbidden {
				t.Errorf("the local network by %d: %v", who.UID, err)
			}
		}
		own := named("home", 0).Profile
		if err := r.svc.AddProfile(ada, &own); code(err) != control.CodeForbidden || !strings.Contains(err.Error(), "only administrators") {
			t.Errorf("a profile of ada's own: %v", err)
		}
		if err := r.svc.AddProfile(root, &own); err != nil {
			t.Errorf("one of an administrator's: %v", err)
		}
		a.does(func() { a.policy = nil })
		if got := r.svc.Settings(bob); !reflect.DeepEqual(got, control.Settings{KillSwitch: "on"}) {
			t.Errorf("after it: %+v", got)
		}
		if r.state(control.StateDisconnected); c.now() != nil || c.disk.now.Settings != on || c.disk.now.Policed {
			t.Errorf("after it: %+v, on disk %+v", c.now(), c.disk.now)
		}
		r.done()
	})
}

// TestPolicyAsADefault: what a policy leaves to people holds until they choose, and
// when they take that back.
func TestPolicyAsADefault(t *testing.T) {
	a, c := &administrator{policy: &provision.Policy{KillSwitch: "on", UserMaySet: []string{"kill_switch"}}}, &computer{}
	under(t, c, a, func(cfg *Config) { cfg.KillSwitch.(fakeSwitch).began = "saved, open, clean up, saved" }, func(t *testing.T, r *rig) {
		for _, step := range []struct{ set, holds string }{{"", "on"}, {"off", "off"}, {"on", "on"}, {"", "on"}} {
			if err := r.set(ada, step.set); err != nil {
				t.Errorf("%q: %v", step.set, err)
			}
			if got := r.svc.Settings(ada); got.KillSwitch != step.holds || got.Managed != nil {
				t.Errorf("%q: %+v", step.set, got)
			}
		}
		a.does(func() { a.policy.KillSwitch = "lockdown" })
		if err := r.set(ada, "off"); code(err) != control.CodeForbidden {
			t.Errorf("a user lifts lockdown: %v", err)
		}
		if err := r.set(root, "off"); err != nil || c.now() != nil {
			t.Errorf("an administrator does: %v", err)
		}
		r.done()
	})
}

// TestPolicyOverARestart: what was decided while no service ran holds from its start,
// before anything else is done; a policy that is not known changes nothing.
func TestPolicyOverARestart(t *testing.T) {
	for name, tt := range map[string]struct {
		policy *provision.Policy
		before Standing
		want   Choices
		began  string
	}{
		"a new one": {
			&provision.Policy{KillSwitch: "lockdown"}, Standing{Profiled: true}, Choices{KillSwitch: "lockdown"}, "saved, closed, clean up",
		},
		"the same": {
			&provision.Policy{KillSwitch: "lockdown"}, Standing{Profiled: true, Policed: true, Settings: Choices{KillSwitch: "lockdown"}},
			Choices{KillSwitch: "lockdown"}, "closed, clean up",
		},
		"gone": {
			nil, Standing{Profiled: true, Policed: true, Settings: Choices{KillSwitch: "lockdown"}, Own: Choices{KillSwitch: "on"}},
			Choices{KillSwitch: "on"}, "saved, open, clean up",
		},
		"not known any more": {
			&provision.Policy{Unknown: true}, Standing{Profiled: true, Policed: true, Settings: Choices{KillSwitch: "lockdown"}},
			Choices{KillSwitch: "lockdown"}, "closed, clean up",
		},
		"never known": {
			&provision.Policy{Unknown: true}, Standing{Profiled: true, Settings: Choices{KillSwitch: "on"}}, Choices{KillSwitch: "on"}, "open, clean up",
		},
	} {
		t.Run(name, func(t *testing.T) {
			a, c := &administrator{policy: tt.policy}, &computer{}
			c.disk.now = tt.before
			under(t, c, a, func(cfg *Config) { cfg.KillSwitch.(fakeSwitch).began = tt.began }, func(t *testing.T, r *rig) {
				if got := r.svc.Settings(ada); got.KillSwitch != tt.want.KillSwitch || c.disk.now.Settings != tt.want {
					t.Errorf("%+v, on disk %+v", got, c.disk.now)
				}
				if (c.now() != nil) != (tt.want.KillSwitch == "lockdown") {
					t.Errorf("held back: %+v", c.now())
				}
			})
		})
	}
}

// TestPolicyWaitsForAProfile: lockdown would cut a computer off that has no way back.
func TestPolicyWaitsForAProfile(t *testing.T) {
	a, c := &administrator{policy: &provision.Policy{KillSwitch: "lockdown"}}, &computer{}
	under(t, c, a, func(cfg *Config) { a.laid, a.list, cfg.KillSwitch.(fakeSwitch).began = nil, nil, "open, clean up" }, func(t *testing.T, r *rig) {
		if c.now() != nil || r.svc.Settings(ada).KillSwitch != "" {
			t.Errorf("without a profile: %+v", c.now())
		}
		p := named("home", 0).Profile
		if err := r.svc.AddProfile(ada, &p); err != nil {
			t.Fatal(err)
		}
		if r.state(control.StateBlocked); c.now() == nil {
			t.Error("with one nothing is held back")
		}
		if err := r.svc.DeleteProfile(ada, "home"); err != nil {
			t.Fatal(err)
		}
		if r.state(control.StateBlocked); c.now() == nil {
			t.Error("to take it away again lifts lockdown")
		}
	})
}

// TestPolicyThatCannotBeWritten: it is said, and tried again with the next change.
func TestPolicyThatCannotBeWritten(t *testing.T) {
	a, c := &administrator{}, &computer{}
	under(t, c, a, same, func(t *testing.T, r *rig) {
		r.fail("saved", errors.New("no space left"))
		a.does(func() { a.policy = &provision.Policy{KillSwitch: "lockdown"} })
		if st := r.svc.Status(ada); !slices.Contains(st.Warnings, policyWarning) {
			t.Errorf("%q", st.Warnings)
		}
		r.fail("saved", nil)
		a.does(func() {})
		if st := r.state(control.StateBlocked); slices.Contains(st.Warnings, policyWarning) || c.now() == nil {
			t.Errorf("%q, %+v", st.Warnings, c.now())
		}
	})
}

// TestAlwaysOnForEverybody: a profile that is always on comes by the computer's own
// credential before anybody is there, and everybody sees it; only an administrator ends
// it.
func TestAlwaysOnForEverybody(t *testing.T) {
	a, m, n := &administrator{}, &machines{kept: map[string]string{}}, newFakeNetwork()
	under(t, &computer{}, a, func(c *Config) {
		a.laid = []profile.Profile{a.laid[0]}
		a.laid[0].OnDemand = profile.OnDemand{When: profile.WhenAlways}
		m.kept[a.laid[0].ID] = "secret"
		n.changes = make(chan struct{}, 1)
		c.Automation, c.Machine = n.automation(), m
		c.KillSwitch.(fakeSwitch).began = "open, clean up, saved, tunnel starts"
	}, func(t *testing.T, r *rig) {
		r.stands()
		for _, who := range []control.Caller{ada, bob} {
			if st := r.svc.Status(who); st.Redacted || st.Profile != "office" || st.Automatic == nil {
				t.Errorf("user %d sees %+v", who.UID, st)
			}
		}
		if _, err := r.svc.Disconnect(t.Context(), ada); code(err) != control.CodeForbidden || !strings.Contains(err.Error(), "by itself") {
			t.Errorf("a user disconnects it: %v", err)
		}
		for name, says := range map[string]string{"secret": "of its own", "office": "by itself already"} {
			if _, err := r.svc.Connect(t.Context(), bob, control.ConnectRequest{Profile: name}); code(err) != control.CodeConflict || !strings.Contains(err.Error(), says) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := r.svc.Disconnect(t.Context(), root); err != nil {
			t.Error(err)
		}
		r.state(control.StateDisconnected)
	})
}

// TestAlwaysOnWithoutACredential: without a credential of the computer's own the line
// comes when somebody is there who can answer, as theirs.
func TestAlwaysOnWithoutACredential(t *testing.T) {
	a, n := &administrator{}, newFakeNetwork()
	under(t, &computer{}, a, func(c *Config) {
		a.laid = []profile.Profile{a.laid[0]}
		a.laid[0].OnDemand = profile.OnDemand{When: profile.WhenAlways}
		n.changes = make(chan struct{}, 1)
		c.Automation = n.automation()
	}, func(t *testing.T, r *rig) {
		if r.count() != 0 {
			t.Fatal("a line for nobody")
		}
		leave := r.svc.Attend(bob)
		r.tunnel().do(func() { r.tunnels[0].emit(officeUp()) })
		if st := r.svc.Status(bob); st.State != control.StateConnected || st.Redacted {
			t.Errorf("%+v", st)
		}
		if st := r.svc.Status(ada); !st.Redacted {
			t.Errorf("another user sees %+v", st)
		}
		leave()
		synctest.Wait()
		if st := r.svc.Status(bob); st.State != control.StateConnected {
			t.Errorf("after bob has left: %+v", st)
		}
	})
}
