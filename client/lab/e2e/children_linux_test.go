package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"

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

// TestRedirect: a gateway sends the client of a line that stands to another
// (RFC 5685 5), by address and by name, and back; the line is there all the time.
// A profile that wants no redirects stays where it is. strongSwan redirects in no
// other moment: those of IKE_SA_INIT and IKE_AUTH are ike/iketest's.
func TestRedirect(t *testing.T) {
	t.Parallel()
	r := start(t, lab.Options{Second: &lab.GatewayOptions{}})
	r.importFile(lab.OfficeProfile)
	r.connect(lab.OfficeProfile)
	r.opens(intranet("/seen"), "")
	for _, hop := range []struct {
		from, to *lab.Gateway
		name     string // as it is redirected to
		address  string
	}{
		{r.Gateway, r.Second, lab.SecondGatewayAddress.String(), lab.SecondGatewayAddress.String()},
		{r.Second, r.Gateway, lab.GatewayName, lab.GatewayAddress.String()},
	} {
		p := r.ping(400) // two seconds
		if err := hop.from.Redirect(r.ctx, hop.name); err != nil {
			t.Fatal(err)
		}
		if err := hop.to.WaitSAs(r.ctx, "the client has come over", func(sas []lab.SA) bool {
			return len(sas) == 1 && sas[0].State == "ESTABLISHED" && len(sas[0].Children) == 1
		}); err != nil {
			t.Fatal(err)
		}
		if err := hop.from.WaitSAs(r.ctx, "the client has left", func(sas []lab.SA) bool { return len(sas) == 0 }); err != nil {
			t.Fatal(err)
		}
		p.allArrive()
		if s := r.status(); s.State != "connected" || !strings.Contains(s.Gateway.Address, hop.address) {
			t.Errorf("after the redirect to %s: %s at %s", hop.name, s.State, s.Gateway.Address)
		}
		r.opens(intranet("/"), lab.IntranetGreeting)
	}
	r.must("", "disconnect")

	r.edit(func(p map[string]any) { p["session"].(map[string]any)["no_redirect"] = true })
	r.connect(lab.OfficeProfile)
	before := r.theSA()
	if err := r.Gateway.Redirect(r.ctx, lab.SecondGatewayAddress.String()); err != nil {
		// strongSwan does not ask whether the client takes redirects.
		t.Log("the gateway: ", err)
	}
	r.ping(100).allArrive()
	if sas, err := r.Second.SAs(r.ctx); err != nil || len(sas) != 0 {
		t.Errorf("against the profile the client went to the other gateway: %+v (%v)", sas, err)
	}
	if after := r.theSA(); after != before {
		t.Errorf("a refused redirect changed the line: %+v, then %+v", before, after)
	}
	r.must("", "disconnect")
}

// TestSigningInAgainLosesNothing: the gateway says how long a sign-in counts
// (RFC 4478), and the client signs in again before that, beside the old line, with
// no packet lost and without a question.
func TestSigningInAgainLosesNothing(t *testing.T) {
	t.Parallel()
	for _, unique := range []string{"never", "replace"} {
		t.Run("unique "+unique, func(t *testing.T) {
			t.Parallel()
			r := start(t, lab.Options{Gateway: lab.GatewayOptions{Reauth: 13 * time.Second, Overtime: 10 * time.Second, Unique: unique}})
			r.importFile(lab.OfficeProfile)
			r.connect(lab.OfficeProfile)
			first := r.theSA()
			address := r.status().Addresses
			p := r.ping(3000) // fifteen seconds
			if err := r.Gateway.WaitSAs(r.ctx, "the client has signed in again", func(sas []lab.SA) bool {
				return slices.ContainsFunc(sas, func(s lab.SA) bool { return s.State == "ESTABLISHED" && s.UniqueID != first.ike })
			}); err != nil {
				t.Fatal(err)
			}
			p.allArrive()
			if last := r.theSA(); last.ike == first.ike {
				t.Error("the old IKE SA is still there")
			}
			if s := r.status(); s.State != "connected" || !slices.Equal(s.Addresses, address) {
				t.Errorf("after signing in again: %s with %q, before with %q", s.State, s.Addresses, address)
			}
			r.must("", "disconnect")
		})
	}
}
