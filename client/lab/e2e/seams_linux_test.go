package e2e

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/client/lab"
)

// nft changes the client's rules as another program would.
func (r *rig) nft(rules string) {
	r.t.Helper()
	if out, err := r.Client.Run(r.ctx, "nft", rules); err != nil {
		r.t.Fatalf("nft %s: %v: %s", rules, err, out)
	}
}

// provenSince waits until it is proven anew that nothing leaves.
func (r *rig) provenSince(at time.Time) {
	r.t.Helper()
	if err := lab.Until(r.ctx, "it is proven anew", func() (bool, error) {
		v := r.killSwitch().KillSwitch.Verified
		return v != nil && v.After(at), nil
	}); err != nil {
		r.t.Fatalf("%v: %+v", err, r.killSwitch())
	}
}

// TestHolesTornIntoTheTable: whatever another program does to the kill switch's own
// table is noticed, mended and told, and it is proven anew that nothing leaves.
func TestHolesTornIntoTheTable(t *testing.T) {
	t.Parallel()
	r := start(t, lab.Options{})
	r.importFile(lab.OfficeProfile)
	r.must("", "killswitch", "on")
	r.connect(lab.OfficeProfile)
	r.provenSince(time.Time{})
	for name, rules := range map[string]string{
		"a rule before all others":  "insert rule inet homeward output accept",
		"the same after the routes": "insert rule inet homeward postrouting accept",
		"for a mark":                "insert rule inet homeward output meta mark 0x1234 accept",
		"another policy":            "add chain inet homeward output { policy accept ; }",
		"a chain emptied":           "flush chain inet homeward output",
		"asleep":                    "add table inet homeward { flags dormant ; }",
	} {
		t.Run(name, func(t *testing.T) {
			own := *r
			own.t = t
			before, at := own.rules(), time.Now()
			own.nft(rules)
			if err := lab.Until(r.ctx, "the table is as it was", func() (bool, error) { return own.rules() == before, nil }); err != nil {
				t.Fatalf("%v: %+v\n%s", err, own.killSwitch().KillSwitch, own.rules())
			}
			own.provenSince(at)
			s := own.killSwitch()
			if s.State != "connected" || !s.KillSwitch.Engaged || !strings.Contains(s.KillSwitch.Alarm, "another firewall") {
				t.Errorf("%s: %+v", s.State, s.KillSwitch)
			}
			own.opens(intranet("/"), lab.IntranetGreeting)
		})
	}
	r.must("", "disconnect")
	r.untouched("after the user's own disconnect")
}

// TestHoleBesideTheTable: a hole that is in no rule of ours, but in what another table
// makes of packets before ours looks at them and after it has, is found by the proof,
// and its end too.
func TestHoleBesideTheTable(t *testing.T) {
	t.Parallel()
	r := start(t, lab.Options{})
	r.importFile(lab.OfficeProfile)
	r.must("", "killswitch", "lockdown", "--local-network", "allow")
	r.provenSince(time.Time{})
	elsewhere := func(verb string) {
		t.Helper()
		if out, err := r.Client.Run(r.ctx, "ip", "addr", verb, "192.168.77.77/24", "dev", "eth0"); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	// What goes to anywhere looks like something for the local network, until it has
	// passed the last of our rules.
	r.nft("add table inet elsewhere")
	r.nft("add chain inet elsewhere before { type filter hook output priority -300 ; }")
	r.nft("add rule inet elsewhere before ip daddr 192.0.2.0/24 meta l4proto udp ip daddr set ip daddr & 0.0.0.255 ^ 192.168.77.0")
	r.nft("add table netdev elsewhere")
	r.nft("add chain netdev elsewhere after { type filter hook egress device eth0 priority 0 ; }")
	r.nft("add rule netdev elsewhere after ip daddr 192.168.77.0/24 meta l4proto udp ip daddr set ip daddr & 0.0.0.255 ^ 192.0.2.0")
	ours := func() string {
		table, _, _ := strings.Cut(r.rules(), "\n}")
		return table
	}
	before := ours()
	elsewhere("add") // the computer is in another network, so it is proven anew
	if err := lab.Until(r.ctx, "the status raises the alarm", func() (bool, error) {
		return strings.Contains(r.killSwitch().KillSwitch.Alarm, "gets past the kill switch"), nil
	}); err != nil {
		t.Fatalf("%v: %+v", err, r.killSwitch().KillSwitch)
	}
	s := r.killSwitch()
	if s.KillSwitch.Verified != nil || !strings.Contains(s.KillSwitch.Alarm, "udp over ") || !strings.Contains(s.KillSwitch.Alarm, "by eth0") {
		t.Errorf("with a hole: %+v", s.KillSwitch)
	}
	if out := r.must("", "status"); !strings.Contains(out, "ALARM: Traffic gets past the kill switch") {
		t.Errorf("status:\n%s", out)
	}
	if now := ours(); now != before {
		t.Errorf("our own table has changed:\n%s\nbefore\n%s", now, before)
	}
	r.nft("delete table inet elsewhere")
	r.nft("delete table netdev elsewhere")
	at := time.Now()
	elsewhere("del")
	r.provenSince(at)
	if s := r.killSwitch(); s.KillSwitch.Alarm != "" {
		t.Errorf("the hole is mended: %+v", s.KillSwitch)
	}
	r.must("", "killswitch", "off", "--local-network", "profile")
	r.untouched("after the lockdown was lifted")
}

// TestNothingLeaksInAFight: another program that insists on removing the line's rules
// wins them in the end, and nothing of what went through the tunnel leaves in clear.
func TestNothingLeaksInAFight(t *testing.T) {
	t.Parallel()
	g := guard(t, lab.Options{}, "on")
	g.round()
	g.closes("connect", g.signIn)
	warned := func() bool {
		return slices.ContainsFunc(g.status().Warnings, func(w string) bool { return strings.Contains(w, "keeps removing") })
	}
	g.scene("a fight over the rules, until it is given up", func() {
		for n := 0; n < 30 && !warned(); n++ {
			g.ip("-4 rule del priority 26700")
			g.await("it is set again, or given up", func() bool {
				out, err := g.Client.Run(g.ctx, "ip", "-4", "rule", "show", "priority", "26700")
				return err == nil && strings.Contains(out, "26733") || warned()
			})
		}
	})
	if !warned() {
		t.Fatalf("nobody is warned: %q", g.status().Warnings)
	}
	g.scene("without the rules", func() { g.holds("connected", "") })
	if s := g.killSwitch(); !s.KillSwitch.Engaged || !warned() {
		t.Errorf("given up: %+v, warned: %v", s.KillSwitch, warned())
	}
	g.reopens("the user's Disconnect", func() { g.must("", "disconnect") })
}

// TestHolesOfAnotherAddress: the gateway's name is found again when its line is lost, to
// another address. The way there is open before the first packet, the ways to those of
// before are closed, and nothing else leaves meanwhile.
func TestHolesOfAnotherAddress(t *testing.T) {
	t.Parallel()
	r := start(t, lab.Options{Second: &lab.GatewayOptions{Identity: lab.GatewayName}})
	r.native(lab.Native{Name: guardedProfile, CA: [][]byte{r.PKI.CA.DER()}, Fields: map[string]any{"session.liveness": "1s"}})
	may := lab.GatewayOnly()
	may.Gateways = append(may.Gateways, lab.SecondGatewayAddress, lab.SecondGatewayAddress6)
	g := r.watchFor(may, r.StrangerFlows())
	r.must("", "killswitch", "on")
	g.round()
	g.closes("connect", g.signIn)
	holes := func(open, shut []netip.Addr) {
		t.Helper()
		last := ""
		if err := lab.Until(g.ctx, "the ways are open to the addresses of now alone", func() (bool, error) {
			last = g.rules()
			fits := func(a netip.Addr) bool { return strings.Contains(last, a.String()+" . 4500") }
			return !slices.ContainsFunc(shut, fits) && !slices.ContainsFunc(open, func(a netip.Addr) bool { return !fits(a) }), nil
		}); err != nil {
			t.Errorf("%v\n%s", err, last)
		}
	}
	first := []netip.Addr{lab.GatewayAddress, lab.GatewayAddress6}
	holes(first[:1], []netip.Addr{lab.SecondGatewayAddress, lab.SecondGatewayAddress6})
	second := lab.SecondGatewayAddress
	g.scene("the name has another address", func() {
		g.PublicDNS.Set(lab.GatewayName, second)
		g.do(g.Gateway.Kill)
		g.await("a line to the address of now", func() bool {
			now := g.status()
			return now.State == "connected" && now.Gateway.Address == second.String()
		})
		holes([]netip.Addr{second}, first)
	})
	g.scene("connected there", func() { g.holds("connected", "") })
	g.reopens("the user's Disconnect", func() { g.must("", "disconnect") })
	if rules := g.rules(); rules != "" {
		t.Errorf("left behind:\n%s", rules)
	}
}
