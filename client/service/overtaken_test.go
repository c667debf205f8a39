package service

import (
	"testing"
	"testing/synctest"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/ondemand"
	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/supervisor"
)

// TestPersonOvertakesTheRules: what the rules have concluded about one line, while they
// were looking, ends no other that a person has connected meanwhile.
func TestPersonOvertakesTheRules(t *testing.T) {
	inNetwork(t, map[string]profile.OnDemand{"office": trusted(profile.WhenLogin)}, same, func(t *testing.T, r *rig, _ *fakeNetwork) {
		stored, err := r.profiles.ByName("office", ada.UID)
		if err != nil {
			t.Fatal(err)
		}
		r.connect("lab")
		r.stands()
		a := r.svc.auto
		a.mu.Lock()
		a.seen = supervisor.State{Phase: supervisor.Connected, Request: supervisor.Request{ProfileID: stored.Profile.ID, Owner: ada.UID}}
		a.mu.Unlock()
		a.conclude([]candidate{{stored: stored, decision: ondemand.Decision{Action: ondemand.Disconnect, Reason: "Rule 1."}}}, true)
		synctest.Wait()
		if st := r.state(control.StateConnected); st.Profile != "lab" {
			t.Errorf("%+v", st)
		}
		r.done()
	})
}
