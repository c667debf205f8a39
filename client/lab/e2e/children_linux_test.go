package e2e

import (
	"slices"
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/client/lab"
)

// TestChildless: the line starts without a Child SA and gets its first one by an
// exchange of its own (RFC 6023), at gateways that allow and that insist; one that
// never does it is no way to a line that insists.
func TestChildless(t *testing.T) {
	t.Parallel()
	r := gateways(t, lab.GatewayOptions{})
	for _, c := range []struct {
		name, profile, gateway string
		childless, fails       bool
	}{
		{name: "allowed and offered", profile: "offered", gateway: "allow", childless: true},
		{name: "insisted on and offered", profile: "offered", gateway: "force", childless: true},
		{name: "never and offered", profile: "offered", gateway: "never"},
		{name: "allowed and not wanted", gateway: "allow"},
		{name: "insisted on by both", profile: "required", gateway: "force", childless: true},
		{name: "never and insisted on", profile: "required", gateway: "never", fails: true},
		{name: "insisted on and not wanted", gateway: "force", fails: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			own := *r
			own.t = t
			own.edit(func(p map[string]any) {
				session := p["session"].(map[string]any)
				delete(session, "childless")
				if c.profile != "" {
					session["childless"] = c.profile
				}
			})
			o := lab.GatewayOptions{Childless: c.gateway}
			if !c.fails {
				before := own.Gateway.Log()
				own.visit(t, gatewayCase{options: o}, nil)
				said := strings.TrimPrefix(own.Gateway.Log(), before)
				if got := strings.Contains(said, "parsed CREATE_CHILD_SA request"); got != c.childless {
					t.Errorf("the first Child SA had an exchange of its own: %t, want %t", got, c.childless)
				}
				return
			}
			if err := own.Gateway.Reload(own.ctx, o); err != nil {
				t.Fatal(err)
			}
			own.fails(lab.UserPassword+"\n", "connect", anyProfile, "--user", lab.UserName, "--password-stdin")
			if s := own.status(); s.Error == nil {
				t.Error("the status tells of no error")
			}
		})
	}
}

// TestSeveralChildSAs: a gateway that narrows selectors to one network each gets
// asked for the others, and both networks are there, after rekeys too (RFC 7296
// 1.3, 2.9).
func TestSeveralChildSAs(t *testing.T) {
	t.Parallel()
	children := []lab.Child{
		{Name: "first", Local: []string{lab.IntranetPrefix.String()}},
		{Name: "second", Local: []string{lab.SecondPrefix.String()}},
	}
	r := gateways(t, lab.GatewayOptions{})
	r.edit(func(p map[string]any) {
		p["traffic"] = map[string]any{"full": false, "include": []string{lab.IntranetPrefix.String(), lab.SecondPrefix.String()}}
	})
	r.visit(t, gatewayCase{options: lab.GatewayOptions{Children: children, Pools: lab.IPv4Pool}}, func(r *rig) {
		second := "http://" + lab.IntranetSecond.String() + "/seen"
		live := func(sas []lab.SA) []string {
			var names []string
			for _, s := range sas {
				for _, c := range s.Children {
					if c.State == "INSTALLED" {
						names = append(names, c.Name+" "+c.SPIIn)
					}
				}
			}
			slices.Sort(names)
			return names
		}
		var before []string
		if err := r.Gateway.WaitSAs(r.ctx, "there are two Child SAs", func(sas []lab.SA) bool {
			before = live(sas)
			return len(sas) == 1 && len(before) == 2
		}); err != nil {
			t.Fatal(err)
		}
		r.opens(second, "10.98.0.")
		if s := r.status(); len(s.ESP.SAs) != 2 {
			t.Errorf("the status tells of %d Child SAs, want 2: %+v", len(s.ESP.SAs), s.ESP.SAs)
		}
		if err := r.Gateway.RekeyChildren(r.ctx, "first", "second"); err != nil {
			t.Error(err)
		}
		if err := r.Gateway.WaitSAs(r.ctx, "both are rekeyed", func(sas []lab.SA) bool {
			after := live(sas)
			return len(after) == 2 && !slices.Contains(after, before[0]) && !slices.Contains(after, before[1])
		}); err != nil {
			t.Error(err)
		}
		r.opens(intranet("/seen"), "10.98.0.")
		r.opens(second, "10.98.0.")
	})
}
