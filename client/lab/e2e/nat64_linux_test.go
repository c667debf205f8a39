package e2e

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/homeward-vpn/homeward/client/lab"
)

// nat64Prefix is the network's own: the well-known one stands for no addresses of
// documentation, which the lab's are.
var nat64Prefix = netip.MustParsePrefix("2001:db8:6400::/96")

// in64 is a rig that has a network of IPv6 alone, and whose gateway has IPv4 alone.
func in64(t *testing.T, prefix netip.Prefix) *rig {
	t.Helper()
	r := start(t, lab.Options{Uplinks: true, NAT64: prefix})
	if _, err := r.Gateway.Namespace.Run(r.ctx, "ip", "-6", "addr", "flush", "dev", "outside", "scope", "global"); err != nil {
		t.Fatal(err)
	}
	return r
}

// switchTo makes one uplink take another's place.
func (r *rig) switchTo(to, from *lab.Uplink) {
	r.t.Helper()
	for _, f := range []func() error{to.Up, from.Down} {
		if err := f(); err != nil {
			r.t.Fatal(err)
		}
	}
}

// watch64 watches what leaves, where the gateway may be reached by the translator.
func (r *rig) watch64(prefix netip.Prefix, flows []lab.Flow) *guarded {
	r.t.Helper()
	may := lab.GatewayOnly()
	may.Gateways = append(may.Gateways, lab.Translated(prefix, lab.GatewayAddress))
	may.Names = append(may.Names, "ipv4only.arpa")
	return r.watchFor(may, flows)
}

// literal is a profile that knows the gateway by its IPv4 address alone.
func (r *rig) literal() string {
	const name = "by-address"
	r.native(lab.Native{Name: name, CA: [][]byte{r.PKI.CA.DER()}, Fields: map[string]any{
		"gateway.address": lab.GatewayAddress.String(), "gateway.identity": lab.GatewayName,
	}})
	return name
}

// TestNAT64 (RFC 6146, RFC 6147, RFC 7050): in a network of IPv6 alone the gateway, which
// has IPv4 alone, is found by its name and by its address; the line carries both families;
// and under the kill switch nothing else leaves, neither before, nor during, nor after.
func TestNAT64(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		prefix  netip.Prefix
		literal bool
	}{
		{"by name", nat64Prefix, false},
		{"by address", nat64Prefix, true},
		{"by address, with a prefix of 48 bits", netip.MustParsePrefix("2001:db8:640::/48"), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := in64(t, c.prefix)
			name := lab.OfficeProfile
			if c.literal {
				name = r.literal()
			} else {
				r.importFile(name)
			}
			r.switchTo(r.Uplinks.NAT64, r.Uplinks.WiFi)
			r.must("", "killswitch", "lockdown")
			g := r.watch64(c.prefix, r.StrangerFlows())
			g.open = false
			g.scene("connecting", func() { r.connect(name) })
			if at := r.status().Gateway.Address; at != lab.Translated(c.prefix, lab.GatewayAddress).String() {
				t.Errorf("the gateway is reached at %s", at)
			}
			ends := g.scene("connected", func() {
				r.opens(intranet("/"), lab.IntranetGreeting)
				r.opens("http://"+lab.IntranetAddress.String()+"/", lab.IntranetGreeting)
				r.opens("http://["+lab.IntranetAddress6.String()+"]/", lab.IntranetGreeting)
				r.opens("http://"+lab.PublicAddress.String()+"/", lab.PublicGreeting)
			})
			for f, e := range ends {
				if f.Device == "" && f.Kind == lab.TCP && (f.To.Addr() == lab.PublicAddress || f.To.Addr() == lab.IntranetAddress6) && e.Answered == 0 {
					t.Errorf("%s: the full tunnel carries nothing: %+v", f, e)
				}
			}
			if r.DNS64.Queries("ipv4only.arpa") == 0 && c.literal {
				t.Error("the network was not asked for its translator")
			}
			g.scene("disconnected", func() { r.must("", "disconnect") })
			r.must("", "killswitch", "off")
			if err := r.Uplinks.Home(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestNAT64WithoutKillSwitch: a full tunnel alone holds what follows the routes: also what
// goes to the translator. Without a line the same sniffer sees it leave.
func TestNAT64WithoutKillSwitch(t *testing.T) {
	t.Parallel()
	r := in64(t, nat64Prefix)
	name := r.literal()
	r.switchTo(r.Uplinks.NAT64, r.Uplinks.WiFi)
	unbound := slices.DeleteFunc(r.StrangerFlows(), func(f lab.Flow) bool { return f.Device != "" })
	g := r.watch64(nat64Prefix, unbound)
	if tally, _ := g.play("without a line", func() {}); tally.Leaked[lab.Sort{Kind: lab.TCP, To: lab.Translated(nat64Prefix, lab.PublicAddress)}] == 0 {
		t.Error("the sniffer does not see what goes to the translator")
	}
	g.play("connecting", func() { r.connect(name) })
	g.scene("connected", func() { r.opens(intranet("/"), lab.IntranetGreeting) })
	r.must("", "disconnect")
	if err := r.Uplinks.Home(); err != nil {
		t.Error(err)
	}
}

// TestNAT64Roaming: a line goes from IPv4 to a network of IPv6 alone and back, by MOBIKE
// and under a transfer; nothing leaks meanwhile.
func TestNAT64Roaming(t *testing.T) {
	t.Parallel()
	r := in64(t, nat64Prefix)
	r.importFile(lab.OfficeProfile)
	r.verbose()
	r.must("", "killswitch", "on")
	r.connect(lab.OfficeProfile)
	g := r.watch64(nat64Prefix, r.StrangerFlows())
	g.open = false
	v := r.depart()
	before, addresses := v.theSA(), r.status().Addresses
	u := r.Uplinks
	do := func(f ...func() error) []func() error { return f }
	for _, s := range []scene{
		{name: "Wi-Fi lost, IPv6 alone there", do: do(u.NAT64.Up, u.WiFi.Down), from: lab.NAT64Outside.String()},
		{name: "IPv6 alone lost, Wi-Fi there", do: do(u.WiFi.Up, u.NAT64.Down), from: lab.RouterOutside.String()},
		{name: "everything lost, then IPv6 alone", do: do(u.WiFi.Down, u.NAT64.Up), from: lab.NAT64Outside.String()},
		{name: "Wi-Fi beside it", do: do(u.WiFi.Up), from: lab.RouterOutside.String()},
	} {
		g.scene(s.name, func() { v.play(s) })
	}
	if after := v.theSA(); after.ike != before.ike {
		t.Errorf("the moves ended the IKE SA: %+v, then %+v", before, after)
	}
	if s := r.status(); s.State != "connected" || !slices.Equal(s.Addresses, addresses) {
		t.Errorf("after the moves: %s with %q, before with %q", s.State, s.Addresses, addresses)
	}
	v.arrive()
	r.must("", "killswitch", "off")
}

// TestNAT64Split: beside a split tunnel nothing of its IPv4 networks goes by the network's
// translator, whose resolver would lead programs there past every route of IPv4. What is
// not the tunnel's goes that way as before.
func TestNAT64Split(t *testing.T) {
	t.Parallel()
	const name = "split"
	r := in64(t, nat64Prefix)
	r.native(lab.Native{Name: name, CA: [][]byte{r.PKI.CA.DER()}, Fields: map[string]any{
		"traffic.full": nil, "traffic.include": []string{lab.IntranetPrefix.String(), "203.0.113.48/28"},
	}})
	r.switchTo(r.Uplinks.NAT64, r.Uplinks.WiFi)
	company := lab.Translated(nat64Prefix, lab.PublicAddress)
	flows := slices.DeleteFunc(r.StrangerFlows(), func(f lab.Flow) bool { return f.Device != "" || f.To.Addr() != company })
	g := r.watch64(nat64Prefix, flows)
	if tally, _ := g.play("without a line", func() {}); tally.Leaks() == 0 {
		t.Error("the sniffer does not see what goes to the translator")
	}
	g.play("connecting", func() { r.connect(name) })
	ends := g.scene("connected", func() {
		r.opens("http://"+lab.PublicAddress.String()+"/", lab.PublicGreeting)
		r.opens("http://"+lab.IntranetAddress.String()+"/", lab.IntranetGreeting)
	})
	for f, e := range ends {
		if e.Refused+e.Unreachable == 0 {
			t.Errorf("%s is not told at once: %+v", f, e)
		}
	}
	other := lab.Translated(nat64Prefix, lab.GatewayAddress).String()
	if out, err := r.Client.Run(r.ctx, "ping", "-n", "-c", "1", "-W", "2", other); err != nil {
		t.Errorf("what is not the tunnel's cannot be reached: %v: %s", err, out)
	}
	r.must("", "disconnect")
	if err := r.Uplinks.Home(); err != nil {
		t.Error(err)
	}
}
