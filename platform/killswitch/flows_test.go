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
			if got := p.keeps(c.flow); got != want {
				t.Errorf("%s: %s kept: %v", name, c.name, got)
			}
		}
	}
}
