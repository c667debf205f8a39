package service

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/client/profile"
)

func TestOthersSeeAndTouchNothing(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		f := r.up()
		st := r.svc.Status(bob)
		if data, err := json.Marshal(st); err != nil || st.State != control.StateConnected || !st.Redacted {
			t.Errorf("%s, %v", data, err)
		} else {
			for _, private := range []string{"office", "203.0.113.1", "vpn.example.com", "10.9", "corp.example", "192.168"} {
				if strings.Contains(string(data), private) {
					t.Errorf("another user reads %s in %s", private, data)
				}
			}
		}
		var refusal *control.Refusal
		if _, err := r.svc.Disconnect(t.Context(), bob); !errors.As(err, &refusal) || refusal.Code != control.CodeForbidden {
			t.Errorf("disconnect by another user: %v", err)
		}
		if _, err := r.svc.Connect(t.Context(), bob, control.ConnectRequest{Profile: "secret"}); !errors.As(err, &refusal) ||
			refusal.Code != control.CodeConflict || strings.Contains(refusal.Message, "office") {
			t.Errorf("connect by another user: %v", err)
		}
		id := r.svc.Profiles(ada)[0].ID
		for _, name := range []string{"office", id} {
			if _, err := r.svc.Profile(bob, name); !errors.As(err, &refusal) || refusal.Code != control.CodeNotFound {
				t.Errorf("another user's profile %q: %v", name, err)
			}
			if err := r.svc.DeleteProfile(bob, name); !errors.As(err, &refusal) || refusal.Code != control.CodeNotFound {
				t.Errorf("deleting another user's profile %q: %v", name, err)
			}
			if _, err := r.svc.Connect(t.Context(), bob, control.ConnectRequest{Profile: name}); !errors.As(err, &refusal) || refusal.Code != control.CodeNotFound {
				t.Errorf("connecting another user's profile %q: %v", name, err)
			}
		}
		if list := r.svc.Profiles(bob); len(list) != 1 || list[0].Name != "secret" {
			t.Errorf("another user's list: %+v", list)
		}
		f.die(&diagnose.Failure{Cause: diagnose.CauseRejected, Seen: "vpn.example.com"})
		synctest.Wait()
		if st := r.svc.Status(bob); st.Error == nil || st.Error.Cause != string(diagnose.CauseRejected) || strings.Contains(st.Error.Message+st.Error.Detail, "example") {
			t.Errorf("another user's failure: %+v", st.Error)
		}
	})
}

func TestAdministratorMay(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.up()
		if st := r.svc.Status(root); st.Redacted || st.Profile != "office" {
			t.Errorf("%+v", st)
		}
		if list := r.svc.Profiles(root); len(list) != 4 {
			t.Errorf("%d profiles", len(list))
		}
		if p, err := r.svc.Profile(root, "secret"); err != nil || p.Name != "secret" {
			t.Errorf("%v, %v", p, err)
		}
		var refusal *control.Refusal
		if err := r.svc.DeleteProfile(root, "office"); !errors.As(err, &refusal) || refusal.Code != control.CodeConflict {
			t.Errorf("deleting what is in use: %v", err)
		}
		if _, err := r.svc.Disconnect(t.Context(), root); err != nil {
			t.Error(err)
		}
		r.state(control.StateDisconnected)
		if err := r.svc.DeleteProfile(root, "office"); err != nil {
			t.Error(err)
		}
		r.profiles.list = append(r.profiles.list, named("twice", ada.UID), named("twice", bob.UID))
		if _, err := r.svc.Profile(root, "twice"); !errors.As(err, &refusal) || refusal.Code != control.CodeConflict {
			t.Errorf("a name that two users have: %v", err)
		}
	})
}

// TestProfileInUseKeepsItsGateway: a line that is lost comes back with the
// password of before, so its profile does not lead elsewhere meanwhile.
func TestProfileInUseKeepsItsGateway(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		replaced := r.profiles.list[0].Profile
		f := r.up()
		change := func(edit func(*profile.Profile)) error {
			p := replaced
			edit(&p)
			return r.svc.AddProfile(ada, &p)
		}
		elsewhere := func(p *profile.Profile) { p.Gateway.Address = "vpn.elsewhere.example" }
		trusting := func(p *profile.Profile) { p.Gateway.Anchors = [][]byte{{1}} }
		unproven := func(p *profile.Profile) { p.Client.EAPOnly = profile.EAPOnlyAny } // an impostor could guess it
		check := func(when string) {
			t.Helper()
			for _, edit := range []func(*profile.Profile){elsewhere, trusting, unproven} {
				if err := change(edit); code(err) != control.CodeConflict {
					t.Errorf("%s: %v, want a conflict", when, err)
				}
			}
		}
		check("connected")
		f.die(&diagnose.Failure{Cause: diagnose.CauseLineLost})
		check("coming back")
		var taken *control.Refusal // by the fake store: it was asked
		if err := change(func(p *profile.Profile) { p.Client.Username = "ada" }); !errors.As(err, &taken) || strings.Contains(taken.Message, "in use") {
			t.Errorf("another user name: %v", err)
		}
		if _, err := r.svc.Disconnect(t.Context(), ada); err != nil {
			t.Fatal(err)
		}
		r.state(control.StateDisconnected)
		if err := change(elsewhere); err != nil && strings.Contains(err.Error(), "in use") {
			t.Errorf("disconnected: %v", err)
		}
	})
}

func TestProfilesAreStoredForTheCaller(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		p := named("home", 0).Profile
		if err := r.svc.AddProfile(bob, &p); err != nil {
			t.Fatal(err)
		}
		if got, err := r.svc.Profile(bob, "home"); err != nil || got.ID != p.ID {
			t.Errorf("%v, %v", got, err)
		}
		again := named("home", 0).Profile
		var refusal *control.Refusal
		if err := r.svc.AddProfile(bob, &again); !errors.As(err, &refusal) || refusal.Code != control.CodeConflict {
			t.Errorf("a name that is taken: %v", err)
		}
		if err := r.svc.DeleteProfile(bob, "home"); err != nil {
			t.Error(err)
		}
		if err := r.svc.DeleteProfile(bob, "home"); !errors.As(err, &refusal) || refusal.Code != control.CodeNotFound {
			t.Errorf("%v", err)
		}
	})
}

// TestFilings: who watches learns that there is something new to read of profiles or
// settings, and not of what was refused.
func TestFilings(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		before := r.svc.Status(ada)
		expect := func(what string, grows bool) {
			t.Helper()
			st := r.svc.Status(ada)
			if grew := st.Filings > before.Filings; grew != grows || grew && st.Revision <= before.Revision {
				t.Errorf("%s: from %d at %d to %d at %d", what, before.Filings, before.Revision, st.Filings, st.Revision)
			}
			before = st
		}
		p := named("home", 0).Profile
		if err := r.svc.AddProfile(bob, &p); err != nil {
			t.Fatal(err)
		}
		expect("stored", true)
		again := named("home", 0).Profile
		if err := r.svc.AddProfile(bob, &again); err == nil {
			t.Fatal("two of one name")
		}
		expect("refused", false)
		if err := r.svc.DeleteProfile(bob, "home"); err != nil {
			t.Fatal(err)
		}
		expect("forgotten", true)
		off := control.KillSwitchOff
		if _, err := r.svc.ChangeSettings(t.Context(), root, control.SettingsChange{KillSwitch: &off}); err != nil {
			t.Fatal(err)
		}
		expect("set", true)
	})
}
