package service

import (
	"errors"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/client/tunnel"
)

// TestServiceThatIsKilled: what the next run finds is held back before anything else,
// and only the user whose line it was, or an administrator, lets it go.
func TestServiceThatIsKilled(t *testing.T) {
	stored := guarded("vault", ada.UID)
	tests := []struct {
		name   string
		before Standing
		holds  *Policy
		cause  diagnose.Cause // "": nothing is held back
		broken error
	}{
		{name: "nothing"},
		{name: "a line behind the kill switch", before: Standing{Engaged: true, Owner: ada.UID, Profile: stored.Profile.ID}, holds: &Policy{}, cause: diagnose.CauseServiceRestarted},
		{name: "the same, and the table is gone", before: Standing{Engaged: true, Owner: ada.UID, Profile: stored.Profile.ID}, cause: diagnose.CauseServiceRestarted},
		{name: "a table, and nobody knows why", holds: &Policy{}, cause: diagnose.CauseServiceRestarted},
		{name: "lockdown", before: Standing{Settings: Choices{KillSwitch: "lockdown"}}, cause: diagnose.CauseLockdown},
		{name: "lockdown, and a line", before: Standing{Settings: Choices{KillSwitch: "lockdown"}, Engaged: true, Owner: ada.UID, Profile: stored.Profile.ID}, holds: &Policy{}, cause: diagnose.CauseServiceRestarted},
		{name: "lockdown that early boot holds", before: Standing{Settings: Choices{KillSwitch: "lockdown"}}, holds: &Policy{}, cause: diagnose.CauseLockdown},
		{name: "a state that cannot be read, and lockdown is assumed", before: Standing{Settings: Choices{KillSwitch: "lockdown"}}, broken: errors.New("damaged"), cause: diagnose.CauseLockdown},
		{name: "on, and nobody was connected", before: Standing{Settings: Choices{KillSwitch: "on"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := &computer{}
			c.kernel.holds, c.disk.now, c.disk.broken = tt.holds, tt.before, tt.broken
			inComputer(t, c, func(t *testing.T, r *rig) {
				if tt.cause == "" {
					r.state(control.StateDisconnected)
					if c.now() != nil {
						t.Error("held back")
					}
					return
				}
				st := r.state(control.StateBlocked)
				if st.Error == nil || st.Error.Cause != string(tt.cause) || c.now() == nil || !st.KillSwitch.Engaged {
					t.Errorf("%+v, %+v", st.Error, st.KillSwitch)
				}
				if (tt.broken != nil) != (st.KillSwitch.Alarm != "") {
					t.Errorf("alarm %q", st.KillSwitch.Alarm)
				}
				if tt.before.Engaged {
					if _, err := r.svc.Disconnect(t.Context(), bob); code(err) != control.CodeForbidden {
						t.Errorf("somebody else lets it go: %v", err)
					}
				}
				if _, err := r.svc.Disconnect(t.Context(), ada); err != nil {
					t.Fatal(err)
				}
				if tt.before.Settings.KillSwitch == control.KillSwitchLockdown {
					if st := r.state(control.StateBlocked); st.Error.Cause != string(diagnose.CauseLockdown) || c.disk.now.Engaged {
						t.Errorf("nobody wants a line: %+v, on disk %+v", st.Error, c.disk.now)
					}
					if err := r.set(root, control.KillSwitchOff); err != nil {
						t.Fatal(err)
					}
				}
				r.state(control.StateDisconnected)
				if c.now() != nil || c.disk.now.Engaged {
					t.Errorf("let go: %+v, %+v", c.now(), c.disk.now)
				}
			})
		})
	}
}

// TestOrderlyEndKeepsTheBlock: in on and lockdown; the next run goes on with it.
func TestOrderlyEndKeepsTheBlock(t *testing.T) {
	for _, mode := range []string{control.KillSwitchOff, control.KillSwitchOn, control.KillSwitchLockdown} {
		t.Run(mode, func(t *testing.T) {
			c := &computer{}
			inComputer(t, c, func(t *testing.T, r *rig) {
				if err := r.set(root, mode); err != nil {
					t.Fatal(err)
				}
				r.up()
				r.end()
				if err := <-r.ended; err != nil {
					t.Error(err)
				}
				r.ended <- nil
			})
			if held := c.kernel.holds != nil; held != (mode != control.KillSwitchOff) || c.disk.now.Engaged != held {
				t.Fatalf("held back %v, on disk %+v", held, c.disk.now)
			}
			inComputer(t, c, func(t *testing.T, r *rig) {
				if mode == control.KillSwitchOff {
					r.state(control.StateDisconnected)
					return
				}
				if st := r.state(control.StateBlocked); st.Error.Cause != string(diagnose.CauseServiceRestarted) {
					t.Errorf("%+v", st.Error)
				}
			})
		})
	}
}

// TestSettingsRights: lockdown is the administrators', the rest also the user's whose
// line it is, or anybody's where there is none.
func TestSettingsRights(t *testing.T) {
	c := &computer{}
	inComputer(t, c, func(t *testing.T, r *rig) {
		for _, step := range []struct {
			who  control.Caller
			mode string
			may  bool
		}{
			{ada, "on", true}, {bob, "off", true}, {ada, "lockdown", false}, {root, "lockdown", true},
			{ada, "off", false}, {root, "on", true}, {bob, "", true},
		} {
			if err := r.set(step.who, step.mode); (err == nil) != step.may || err != nil && code(err) != control.CodeForbidden {
				t.Errorf("%q by %d: %v", step.mode, step.who.UID, err)
			}
		}
		r.up()
		if err := r.set(bob, "on"); code(err) != control.CodeForbidden {
			t.Errorf("on over another's line: %v", err)
		}
		if err := r.set(ada, "on"); err != nil || c.now() == nil || c.now().Tunnel == nil {
			t.Errorf("on over the own line: %v, %+v", err, c.now())
		}
		allow := control.LocalNetworkAllow
		c.home = []netip.Prefix{netip.MustParsePrefix("192.168.1.0/24"), netip.MustParsePrefix("0.0.0.0/1"), netip.MustParsePrefix("198.51.0.0/16")}
		if _, err := r.svc.ChangeSettings(t.Context(), bob, control.SettingsChange{LocalNetwork: &allow}); code(err) != control.CodeForbidden {
			t.Errorf("the local network over another's line: %v", err)
		}
		if _, err := r.svc.ChangeSettings(t.Context(), ada, control.SettingsChange{LocalNetwork: &allow}); err != nil {
			t.Fatal(err)
		}
		if p := c.now().LocalNetworks; !slices.Contains(p, c.home[0]) || slices.Contains(p, c.home[1]) || slices.Contains(p, c.home[2]) {
			t.Errorf("local networks %v: a part of the Internet is none", p)
		}
		c.home = []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}
		c.news <- tunnel.NetworkChange{}
		synctest.Wait()
		if p := c.now().LocalNetworks; !slices.Contains(p, c.home[0]) || slices.Contains(p, netip.MustParsePrefix("192.168.1.0/24")) {
			t.Errorf("in another network: %v", p)
		}
		if st := r.state(control.StateConnected); !st.KillSwitch.LocalNetwork {
			t.Errorf("%+v", st.KillSwitch)
		}
		want := Choices{KillSwitch: "on", LocalNetwork: "allow"}
		if got := r.svc.Settings(bob); !reflect.DeepEqual(got, r.svc.describePolicy(want)) || c.disk.now.Settings != want || !c.disk.now.LocalNetwork {
			t.Errorf("settings %+v, on disk %+v", got, c.disk.now)
		}
	})
}

// TestSettingsThatCannotBeKept do not hold.
func TestSettingsThatCannotBeKept(t *testing.T) {
	c := &computer{}
	inComputer(t, c, func(t *testing.T, r *rig) {
		r.fail("saved", errors.New("no space left"))
		if err := r.set(root, "lockdown"); err == nil || !strings.Contains(err.Error(), "no space left") {
			t.Errorf("%v", err)
		}
		r.state(control.StateDisconnected)
		if c.now() != nil || r.svc.Settings(root).KillSwitch != "" {
			t.Error("it holds all the same")
		}
		// A line is held back also where that cannot be noted, but it is said.
		r.connect("vault")
		if st := r.state(control.StateConnecting); c.now() == nil || !strings.Contains(st.KillSwitch.Alarm, "no space left") {
			t.Errorf("%+v", st.KillSwitch)
		}
		r.fail("saved", nil)
		r.profiles.list = nil
		if err := r.set(root, "lockdown"); code(err) != control.CodeConflict {
			t.Errorf("lockdown without a profile: %v", err)
		}
	})
}
