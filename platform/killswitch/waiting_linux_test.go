package killswitch

import (
	"net/netip"
	"testing"

	"github.com/homeward-vpn/homeward/platform/platformtest/namespace"
)

// TestWaitingPackets: a packet that was sent before the policy and still waits for the
// hardware address of its next hop does not leave when that becomes known. Without a
// policy it does.
func TestWaitingPackets(t *testing.T) {
	if !namespace.Enter(t) {
		return
	}
	w := newWorld(t)
	s := newSwitch(t)
	// Next hops that nobody answers for.
	w.machine.run(`
		ip route add 198.51.100.0/24 via 192.168.77.77
		ip route add 2001:db8:1::/64 via fd77::77`)
	left := func(before func()) map[netip.Addr]int {
		w.machine.run(`
			ip neigh flush to 192.168.77.77
			ip neigh flush to fd77::77`)
		for _, to := range []string{"198.51.100.1:4000", "[2001:db8:1::1]:4000"} {
			w.machine.do(func() {
				if err := (how{to: netip.MustParseAddrPort(to)}).send(); err != nil {
					t.Error(err)
				}
			})
		}
		before()
		w.machine.run(`
			ip neigh replace 192.168.77.77 lladdr 02:00:00:00:00:01 dev eth0 nud reachable
			ip neigh replace fd77::77 lladdr 02:00:00:00:00:01 dev eth0 nud reachable`)
		out := map[netip.Addr]int{}
		for _, f := range w.seen() {
			if p, ok := decode(f); ok && p.port == 4000 {
				out[p.to]++
			}
		}
		return out
	}
	if got := left(func() {}); len(got) != 2 {
		t.Fatalf("without a policy there left %v, want a packet of each family", got)
	}
	if got := left(func() { w.machine.do(func() { setPolicy(t, s, Policy{}) }) }); len(got) != 0 {
		t.Errorf("after the policy there left %v", got)
	}
}
