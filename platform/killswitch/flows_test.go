package killswitch

import (
	"net/netip"
	"testing"
)

// TestKeeps: what the kernel may go on remembering, by policy.
func TestKeeps(t *testing.T) {
	t.Parallel()
	between := func(protocol uint8, asked, answers string) flow {
		a, b := netip.MustParseAddrPort(asked), netip.MustParseAddrPort(answers)
		return flow{protocol, end{a.Addr(), a.Port()}, end{b.Addr(), b.Port()}}
	}
	for _, c := range []struct {
		name string
		flow flow
		in   []string // the states that keep it
	}{
		{"to the internet", between(tcp, "192.168.77.2:1", "198.51.100.1:443"), nil},
		{"from the internet", between(tcp, "198.51.100.1:1", "192.168.77.2:22"), nil},
		{"loopback", between(tcp, "127.0.0.1:1", "127.0.0.1:80"), allStates},
		{"the machine's own address", between(udp, "192.168.77.2:1", "192.168.77.2:80"), allStates},
		{"loopback that is sent elsewhere", between(tcp, "127.0.0.1:1", "198.51.100.1:80"), nil},
		{"DHCP", between(udp, "192.168.77.2:68", "192.168.77.1:67"), allStates},
		{"IKE", between(udp, "192.168.77.2:500", "192.0.2.1:500"), withGateways},
		{"the gateway by TCP", between(tcp, "192.168.77.2:500", "192.0.2.1:500"), nil},
		{"the gateway's name", between(udp, "[fd77::2]:1", "[2001:db8::53]:53"), []string{"resolving"}},
		{"a probe", between(tcp, "192.168.77.2:1", "192.0.2.80:80"), []string{"probing"}},
		{"tunnel, IPv4", between(tcp, "10.98.0.2:1", "198.51.100.1:443"), without(connectedStates, "connected, IPv6 carried")},
		{"tunnel, IPv6", between(tcp, "[fd98::2]:1", "[2001:db8:1::1]:443"), without(connectedStates, "connected, IPv4 carried")},
		{"into the tunnel's address", between(tcp, "10.99.0.7:1", "10.98.0.2:22"), append(without(connectedStates, "connected, IPv6 carried"), "blocked, local network")},
		{"the tunnel's names", between(udp, "10.98.0.2:1", "10.98.0.53:53"), without(connectedStates, "connected, IPv6 carried", "connected, no resolvers")},
		{"other names through the tunnel", between(udp, "10.98.0.2:1", "198.51.100.1:53"), nil},
		{"local network", between(tcp, "192.168.77.2:1", "192.168.77.9:445"), localStates},
		{"from the local network", between(tcp, "192.168.77.9:1", "192.168.77.2:22"), localStates},
		{"names of the local network", between(udp, "192.168.77.2:1", "192.168.77.1:53"), nil},
	} {
		for name, p := range states() {
			want := false
			for _, s := range c.in {
				want = want || s == name
			}
			if name == "portal" && c.in == nil {
				continue // flows know no control group
			}
			p, err := checked(p)
			if err != nil {
				t.Fatal(err)
			}
			if got := newKeeper(p).keeps(c.flow); got != want {
				t.Errorf("%s: %s kept: %v", name, c.name, got)
			}
		}
	}
}

// TestKeepsAll: what closes nothing needs no look at the flows; what closes
// something, does.
func TestKeepsAll(t *testing.T) {
	t.Parallel()
	all := states()
	for _, c := range []struct {
		from, to string
		want     bool
	}{
		{"blocked", "connecting", true},
		{"blocked", "portal", true},
		{"connecting", "probing", true},
		{"connecting", "connected", true},
		{"connected", "connected, local network", true},
		{"connected", "connected", true},
		{"connecting", "blocked", false},
		{"probing", "connecting", false},
		{"resolving", "connecting", false},
		{"connected", "connecting", false},
		{"connected", "connected, IPv4 carried", false},
		{"connected, IPv4 carried", "connected, no resolvers", false},
		{"connected, local network", "connected", false},
		{"blocked, local network", "connected, local network", false},
		{"blocked, local network", "blocked", false},
		{"portal", "connecting", false},
	} {
		from, err := checked(all[c.from])
		if err != nil {
			t.Fatal(err)
		}
		to, err := checked(all[c.to])
		if err != nil {
			t.Fatal(err)
		}
		if got := newKeeper(to).keepsAll(from); got != c.want {
			t.Errorf("%q keeps all of %q: %v", c.to, c.from, got)
		}
	}
	// A tunnel takes its address from the local network that it was part of.
	home := Policy{LocalNetworks: networksOf("10.0.0.0/8")}
	away := Policy{LocalNetworks: networksOf("10.0.0.0/8"), Tunnel: &Tunnel{Interface: "homeward0", Addresses: networksOf("10.98.0.2/32"), IPv4: true}}
	if newKeeper(away).keepsAll(home) {
		t.Error("the flows of what is the tunnel's address now are kept")
	}
	// Two networks that hold both ends of a larger one do not hold all of it.
	wide, ends := Policy{LocalNetworks: networksOf("10.0.0.0/16")}, Policy{LocalNetworks: networksOf("10.0.0.0/24 10.0.255.0/24")}
	if newKeeper(ends).keepsAll(wide) || !newKeeper(wide).keepsAll(ends) {
		t.Error("networks are not held against each other as a whole")
	}
	// Every flow that one kept, the other keeps, where it says so.
	flows := []flow{}
	for _, a := range []string{"192.168.77.2:1", "10.98.0.2:1", "[fd98::2]:1", "[fd77::2]:1"} {
		for _, b := range []string{"192.0.2.1:500", "192.0.2.53:53", "192.0.2.80:80", "198.51.100.1:443", "10.98.0.53:53", "192.168.77.9:445", "[fd77::9]:1", "[2001:db8:1::1]:443"} {
			x, y := netip.MustParseAddrPort(a), netip.MustParseAddrPort(b)
			for _, protocol := range []uint8{tcp, udp} {
				flows = append(flows, flow{protocol, end{x.Addr(), x.Port()}, end{y.Addr(), y.Port()}})
			}
		}
	}
	for nameA, a := range all {
		for nameB, b := range all {
			from, errA := checked(a)
			to, errB := checked(b)
			if errA != nil || errB != nil {
				t.Fatal(errA, errB)
			}
			if !newKeeper(to).keepsAll(from) {
				continue
			}
			for _, f := range flows {
				if newKeeper(from).keeps(f) && !newKeeper(to).keeps(f) {
					t.Errorf("%q is said to keep all of %q, but not %v", nameB, nameA, f)
				}
			}
		}
	}
}
