package main

import (
	"fmt"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/profile"
)

// overlaps say who has the addresses that the network and the company both use.
var overlaps = map[profile.Overlap]string{
	profile.OverlapCompany: "belong to the company", profile.OverlapLocal: "belong to the network you are in",
}

// guardRows say what a profile wants of the kill switch and of overlapping networks.
func guardRows(t profile.Traffic) []row {
	words := map[profile.KillSwitch]string{profile.KillSwitchOff: "off", profile.KillSwitchOn: "on, where this computer has no setting of its own"}
	local := map[profile.LocalNetwork]string{
		profile.LocalAllow: "can be reached while the kill switch holds", profile.LocalRefuse: "cannot be reached while the kill switch holds",
	}
	return []row{{"Kill switch", words[t.KillSwitch]}, {"The local network", local[t.LocalNetwork]}, {"Addresses of both", overlaps[t.Overlap]}}
}

// demandRows say when the line comes and goes by itself.
func demandRows(o profile.OnDemand) []row {
	rows := []row{{"Connects by itself", o.Words()}}
	if o.When == profile.WhenNever {
		return rows
	}
	for i, r := range o.Rules {
		rows = append(rows, row{fmt.Sprintf("Rule %d", i+1), r.Words()})
	}
	return rows
}

// automatic says what the rules of a profile want, why, and why it is not so.
func automatic(a control.Automatic) string {
	words := map[string]string{
		"connect": "connect to " + a.Profile, "disconnect": "stay disconnected from " + a.Profile, "ignore": "leave " + a.Profile + " as it is",
	}[a.Action] + ". " + a.Reason
	if a.Waiting != "" {
		words += " " + a.Waiting
	}
	return words
}
