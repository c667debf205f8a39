package e2e

import (
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/client/lab"
)

// sum adds up how the attempts of some flows ended.
func sum(ends map[lab.Flow]lab.Ends, which func(lab.Flow) bool) (total lab.Ends) {
	for f, e := range ends {
		if which(f) {
			total.Add(e)
		}
	}
	return total
}

// TestNothingLeaksOfHalfATunnel: the family that a tunnel does not carry is refused, at once; so
// is what a split tunnel leaves out, and the status says that. The profile alone wants
// the kill switch here.
func TestNothingLeaksOfHalfATunnel(t *testing.T) {
	t.Parallel()
	g := guard(t, lab.Options{}, "")
	g.native(lab.Native{Name: "closed", CA: [][]byte{g.PKI.CA.DER()}, Fields: map[string]any{"traffic.kill_switch": "on"}})
	g.native(lab.Native{Name: "half", CA: [][]byte{g.PKI.CA.DER()}, Fields: map[string]any{
		"traffic.kill_switch": "on", "traffic.full": false,
		"traffic.include": []string{lab.IntranetPrefix.String(), lab.IntranetPrefix6.String()},
	}})
	g.round()
	for _, c := range []struct {
		name, profile string
		pools         lab.Pools
		answered      func(lab.Flow) bool // flows without a device that get answers
	}{
		{"a tunnel of IPv4 alone", "closed", lab.IPv4Pool, func(f lab.Flow) bool { return f.To.Addr() == lab.IntranetAddress }},
		{"a tunnel of IPv6 alone", "closed", lab.IPv6Pool, func(f lab.Flow) bool { return f.To.Addr() == lab.IntranetAddress6 }},
		{"a split tunnel", "half", lab.BothPools, func(f lab.Flow) bool {
			return lab.IntranetPrefix.Contains(f.To.Addr()) || lab.IntranetPrefix6.Contains(f.To.Addr())
		}},
	} {
		g.do(func() error { return g.Gateway.Reload(g.ctx, lab.GatewayOptions{Pools: c.pools}) })
		g.closes("connect with "+c.name, func() { g.connect(c.profile) })
		// What was begun before may still end without a word.
		g.scene(c.name+", at first", func() { g.tellsTruth("on"); g.lasts(1500 * time.Millisecond) })
		ends := g.scene(c.name, func() { g.lasts(time.Second) })
		for f, e := range ends {
			refused := f.Device != "" || c.profile == "half" && !c.answered(f) || c.pools == lab.IPv4Pool && f.Family() == 6 || c.pools == lab.IPv6Pool && f.Family() == 4
			switch {
			case f.Device == "" && c.answered(f) && e.Answered == 0:
				t.Errorf("%s: %s: %+v, want it answered", c.name, f, e)
			case refused && (e.Answered > 0 || e.Refused+e.Unreachable == 0 || e.Silent > 0):
				t.Errorf("%s: %s: %+v, want it refused at once", c.name, f, e)
			}
		}
		if warnings := strings.Join(g.status().Warnings, " "); c.profile == "half" && !strings.Contains(warnings, "kill switch") {
			t.Errorf("with a split tunnel under the kill switch the warnings are %q", warnings)
		}
		g.reopens("disconnect from "+c.name, func() { g.must("", "disconnect") })
	}
	g.untouched("after disconnect")
}

// TestLocalNetworkByChoice: the local network is refused unless the user allows it, and
// whatever is beyond it stays refused.
func TestLocalNetworkByChoice(t *testing.T) {
	t.Parallel()
	g := guard(t, lab.Options{}, "on")
	g.round()
	g.closes("connect", g.signIn)
	atRouter := func(f lab.Flow) bool {
		return f.Device == "eth0" && (f.To.Addr() == lab.RouterInside || f.To.Addr() == lab.RouterInside6)
	}
	refused := g.scene("the local network is refused", func() {})
	if e := sum(refused, atRouter); e.Refused == 0 || e.Silent > 0 {
		t.Errorf("at the router: %+v, want all refused", e)
	}
	local := lab.GatewayOnly()
	for _, p := range []string{"192.168.77.0/24", "fd00:77::/64", "fe80::/10", "224.0.0.251/32", "ff02::fb/128"} {
		local.Local = append(local.Local, netip.MustParsePrefix(p))
	}
	g.sniffer.Allow(local)
	g.must("", "killswitch", "on", "--local-network", "allow")
	// Names are asked of the tunnel's servers, whoever else is near.
	allowed := func(f lab.Flow) bool {
		return atRouter(f) && f.Kind != lab.DNSoverUDP && f.Kind != lab.DNSoverTCP
	}
	t1, ends := g.play("the local network is allowed", func() { g.lasts(time.Second) })
	if t1.Leaks() > 0 {
		g.leaked(t1)
	}
	for f, e := range ends {
		if allowed(f) && e.Answered == 0 || f.Device != "" && !atRouter(f) && e.Answered > 0 || atRouter(f) && !allowed(f) && e.Answered > 0 {
			t.Errorf("with the local network allowed: %s: %+v", f, e)
		}
	}
	g.must("", "killswitch", "on", "--local-network", "refuse")
	g.phase(interlude)
	g.sniffer.Allow(lab.GatewayOnly())
	g.phase(interlude)
	g.scene("the local network is refused again", func() {})
	g.reopens("the user's Disconnect", func() { g.must("", "disconnect") })
	g.untouched("after disconnect")
}

// TestNothingLeaksOfNames: names are asked through the tunnel alone, whoever keeps
// resolv.conf, while that is rewritten and its keeper restarts.
func TestNothingLeaksOfNames(t *testing.T) {
	t.Parallel()
	for name, service := range map[string]lab.NameService{"resolv.conf": lab.ResolvConf, "systemd-resolved": lab.Resolved} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := guard(t, lab.Options{Names: service}, "on")
			original, err := os.ReadFile(g.Client.Path("/etc/resolv.conf"))
			if err != nil {
				t.Fatal(err)
			}
			if service == lab.Resolved {
				// Whoever asks the machine's own server asks by it.
				stub := netip.MustParseAddrPort("127.0.0.53:53")
				s, err := g.Stranger(g.Client, []lab.Flow{{Kind: lab.DNSoverUDP, To: stub}, {Kind: lab.DNSoverTCP, To: stub}})
				if err != nil {
					t.Fatal(err)
				}
				defer func() { g.do(s.Stop) }()
			}
			g.round()
			g.closes("connect", g.signIn)
			g.scene("names are looked up", func() { g.opens(intranet("/"), lab.IntranetGreeting) })
			g.scene("resolv.conf is rewritten", func() {
				g.do(func() error {
					return os.WriteFile(g.Client.Path("/etc/resolv.conf"), []byte("nameserver "+lab.RouterInside.String()+"\nnameserver "+lab.PublicAddress6.String()+"\n"), 0o644)
				})
				g.looksUp()
			})
			if service == lab.Resolved {
				g.scene("systemd-resolved restarts", func() {
					g.do(func() error { return g.RestartResolved(g.ctx) })
					g.looksUp()
				})
			}
			g.reopens("the user's Disconnect", func() { g.must("", "disconnect") })
			if service == lab.ResolvConf { // what somebody else has written stays
				g.do(func() error { return os.WriteFile(g.Client.Path("/etc/resolv.conf"), original, 0o644) })
			}
		})
	}
}

// looksUp asks for names as any program does; whether there is an answer is not
// the question.
func (g *guarded) looksUp() {
	g.t.Helper()
	for _, name := range []string{lab.IntranetName, lab.PublicName, "a-name." + lab.CompanyDomain} {
		if addrs, err := g.Client.Lookup(g.ctx, name); err != nil {
			g.t.Logf("%s: %v", name, err)
		} else {
			g.t.Logf("%s: %v", name, addrs)
		}
	}
}
