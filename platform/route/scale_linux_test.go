package route

import (
	"net/netip"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/platform/platformtest/namespace"
)

// bound is what ten thousand routes may take, each way (issue 5).
const bound = 2 * time.Second

// crowd is a split tunnel of n routes, of both families.
func crowd(device string, n int, shift byte) Config {
	c := Config{Interface: device}
	for i := range n {
		p := netip.PrefixFrom(netip.AddrFrom4([4]byte{20 + shift, byte(i >> 8), byte(i), 0}), 24)
		if i%4 == 0 {
			p = netip.PrefixFrom(netip.AddrFrom16([16]byte{0: 0xfd, 1: shift, 4: byte(i >> 8), 5: byte(i)}), 48)
		}
		c.Routes = append(c.Routes, p)
	}
	return c
}

// TestTenThousandRoutes: set, changed for others, set again without a change and
// taken away, each in time; the kernel is then what it was.
func TestTenThousandRoutes(t *testing.T) {
	if !namespace.Enter(t) {
		return
	}
	uplink(t)
	d := tunnel(t, nil)
	before := namespace.Take(t)
	r, err := New(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	const many = 10000
	step := func(what string, do func() error) {
		t.Helper()
		start := time.Now()
		if err := do(); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		took := time.Since(start)
		t.Logf("%d routes, %s: %v", many, what, took)
		if took > bound {
			t.Errorf("%s takes %v, more than %v", what, took, bound)
		}
	}
	holds := func(want int) {
		t.Helper()
		w, err := r.kernel.World(d.Name())
		if err != nil || len(w.have) != want {
			t.Errorf("the kernel has %d routes, want %d (%v)", len(w.have), want, err)
		}
	}
	step("set", func() error { return r.Set(crowd(d.Name(), many, 0)) })
	holds(many)
	wantWays(t, "20.1.2.3 "+d.Name(), "9.9.9.9 eth0")
	step("set again", func() error { return r.Set(crowd(d.Name(), many, 0)) })
	step("changed for others", func() error { return r.Set(crowd(d.Name(), many, 1)) })
	holds(many)
	wantWays(t, "20.1.2.3 eth0", "21.1.2.3 "+d.Name())
	step("taken away", r.Clear)
	if after := namespace.Take(t); after != before {
		t.Errorf("left behind:\n%+v\n--- before\n%+v", after, before)
	}
}
