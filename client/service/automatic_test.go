package service

import (
	"testing"

	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/client/ondemand"
	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/supervisor"
)

// TestChoose: which wish follows from what the rules say, what stands and what
// persons have asked for.
func TestChoose(t *testing.T) {
	t.Parallel()
	a, b := named("a", ada.UID), named("b", ada.UID)
	of := func(st profile.Stored, action ondemand.Action, able bool) candidate {
		return candidate{stored: st, decision: ondemand.Decision{Action: action, Rule: 1}, able: able}
	}
	line := func(st profile.Stored, phase supervisor.Phase, automatic bool) supervisor.State {
		return supervisor.State{Phase: phase, Request: supervisor.Request{ProfileID: st.Profile.ID, Owner: st.Owner, Automatic: automatic}}
	}
	locked := func(s supervisor.State) supervisor.State { s.Setting = supervisor.SetLockdown; return s }
	ended := func(r *respect) { r.ended[wish{a.Profile.ID, a.Owner}] = said{ondemand.Connect, 1} }
	asked := func(r *respect) { r.asked[wish{a.Profile.ID, a.Owner}] = said{ondemand.Disconnect, 1} }
	failed := func(r *respect) {
		r.failed[wish{a.Profile.ID, a.Owner}] = &diagnose.Failure{Cause: diagnose.CauseWrongPassword}
	}
	none := supervisor.State{}
	for _, c := range []struct {
		name    string
		list    []candidate
		state   supervisor.State
		persons func(*respect)
		want    string
	}{
		{"wanted", []candidate{of(a, ondemand.Connect, true)}, none, nil, "connect a"},
		{"nobody signs in", []candidate{of(a, ondemand.Connect, false)}, none, nil, ""},
		{"not wanted", []candidate{of(a, ondemand.Disconnect, true), of(b, ondemand.Ignore, true)}, none, nil, ""},
		{"the next one", []candidate{of(a, ondemand.Connect, false), of(b, ondemand.Connect, true)}, none, nil, "connect b"},
		{"a person has disconnected", []candidate{of(a, ondemand.Connect, true)}, none, ended, ""},
		{"and another profile", []candidate{of(a, ondemand.Connect, true), of(b, ondemand.Connect, true)}, none, ended, "connect b"},
		{"failed for good", []candidate{of(a, ondemand.Connect, true)}, none, failed, ""},
		{"stands", []candidate{of(a, ondemand.Connect, true)}, line(a, supervisor.Connected, true), nil, ""},
		{"is being made", []candidate{of(a, ondemand.Connect, true)}, line(a, supervisor.Connecting, true), nil, ""},
		{"is taken down", []candidate{of(a, ondemand.Connect, true)}, line(a, supervisor.Disconnecting, true), nil, ""},
		{"blocked, and wanted again", []candidate{of(a, ondemand.Connect, true)}, line(a, supervisor.Blocked, true), nil, "connect a"},
		{"blocked by what lasts", []candidate{of(a, ondemand.Connect, true)}, line(a, supervisor.Blocked, true), failed, ""},
		{"blocked in a trusted network", []candidate{of(a, ondemand.Disconnect, true)}, line(a, supervisor.Blocked, true), nil, "end"},
		{"trusted", []candidate{of(a, ondemand.Disconnect, true)}, line(a, supervisor.Connected, true), nil, "end"},
		{"ignored", []candidate{of(a, ondemand.Ignore, true)}, line(a, supervisor.Connected, true), nil, ""},
		{"ignored, another wanted", []candidate{of(a, ondemand.Ignore, true), of(b, ondemand.Connect, true)}, line(a, supervisor.Connected, true), nil, "end"},
		{"ignored, another that cannot", []candidate{of(a, ondemand.Ignore, true), of(b, ondemand.Connect, false)}, line(a, supervisor.Connected, true), nil, ""},
		{"another stands", []candidate{of(a, ondemand.Connect, true), of(b, ondemand.Connect, true)}, line(b, supervisor.Connected, true), nil, ""},
		{"a stranger's stands", []candidate{of(a, ondemand.Disconnect, true)}, line(named("c", bob.UID), supervisor.Connected, true), nil, ""},
		{"a person's, trusted", []candidate{of(a, ondemand.Disconnect, true)}, line(a, supervisor.Connected, false), asked, ""},
		{"a person's, newly trusted", []candidate{of(a, ondemand.Disconnect, true)}, line(a, supervisor.Connected, false), nil, "end by hand"},
		{"lockdown, trusted", []candidate{of(a, ondemand.Disconnect, true)}, locked(none), nil, "connect a"},
		{"lockdown, a person has disconnected", []candidate{of(a, ondemand.Connect, true)}, locked(none), ended, "connect a"},
		{"lockdown, failed for good", []candidate{of(a, ondemand.Connect, true)}, locked(none), failed, ""},
		{"lockdown, stands in a trusted network", []candidate{of(a, ondemand.Disconnect, true)}, locked(line(a, supervisor.Connected, true)), nil, ""},
	} {
		r := newRespect()
		if c.persons != nil {
			c.persons(&r)
		}
		got := ""
		switch e := choose(c.list, c.state, &r, true).(type) {
		case supervisor.Wanted:
			if got = "end"; e.Connect {
				got = "connect " + e.Request.ProfileName
			}
			if e.Connect && (!e.Request.Automatic || !e.Request.AlwaysOn) {
				t.Errorf("%s: %+v", c.name, e.Request)
			}
		case supervisor.Disconnect:
			got = "end by hand"
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
		if e := choose(c.list, c.state, &r, false); e != nil {
			t.Errorf("%s, without a network: %+v", c.name, e)
		}
	}
}

// TestKillSwitchOfTheProfile: a line that comes by itself has the kill switch that the
// profile wants.
func TestKillSwitchOfTheProfile(t *testing.T) {
	t.Parallel()
	st := named("a", ada.UID)
	st.Profile.Traffic.KillSwitch = profile.KillSwitchOn
	c := candidate{stored: st}
	if got := c.request(); got.KillSwitch != supervisor.On {
		t.Errorf("%+v", got)
	}
}
