package ike

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/homeward-vpn/homeward/ike/wire"
)

func span(start, end string) wire.TrafficSelector {
	return wire.TrafficSelector{EndPort: 65535, Start: netip.MustParseAddr(start), End: netip.MustParseAddr(end)}
}

func limited(t wire.TrafficSelector, protocol uint8, start, end uint16) wire.TrafficSelector {
	t.Protocol, t.StartPort, t.EndPort = protocol, start, end
	return t
}

// RFC 7296 2.9, 3.13.1: what a responder may give of what is asked for.
func TestCommonSelectors(t *testing.T) {
	t.Parallel()
	net, any4 := selectors("10.0.0.0/8")[0], wire.AnyIPv4()
	for _, c := range []struct {
		name string
		a, b wire.TrafficSelector
		want wire.TrafficSelector // zero: nothing
	}{
		{"a part", any4, net, net},
		{"the same", net, net, net},
		{"overlapping ranges", span("10.0.0.0", "10.0.0.9"), span("10.0.0.5", "10.0.1.0"), span("10.0.0.5", "10.0.0.9")},
		{"ranges that touch", span("10.0.0.0", "10.0.0.9"), span("10.0.0.9", "10.0.1.0"), span("10.0.0.9", "10.0.0.9")},
		{"apart", span("10.0.0.0", "10.0.0.9"), span("10.0.0.10", "10.0.1.0"), wire.TrafficSelector{}},
		{"another family", any4, wire.AnyIPv6(), wire.TrafficSelector{}},
		{"one protocol", net, limited(any4, 6, 0, 65535), limited(net, 6, 0, 65535)},
		{"two protocols", limited(net, 17, 0, 65535), limited(any4, 6, 0, 65535), wire.TrafficSelector{}},
		{"ports", limited(net, 6, 80, 443), limited(net, 6, 400, 500), limited(net, 6, 400, 443)},
		{"other ports", limited(net, 6, 80, 90), limited(net, 6, 400, 500), wire.TrafficSelector{}},
		{"OPAQUE of any", net, limited(net, 6, 65535, 0), limited(net, 6, 65535, 0)},
		{"OPAQUE of OPAQUE", limited(net, 6, 65535, 0), limited(net, 6, 65535, 0), limited(net, 6, 65535, 0)},
		{"OPAQUE of some ports", limited(net, 6, 1, 2), limited(net, 6, 65535, 0), wire.TrafficSelector{}},
		{"of an unknown type", net, wire.TrafficSelector{Raw: "\x09\x00\x00\x08"}, wire.TrafficSelector{}},
	} {
		for _, swapped := range []bool{false, true} {
			a, b := c.a, c.b
			if swapped {
				a, b = b, a
			}
			got, ok := common(a, b)
			if ok != (c.want != wire.TrafficSelector{}) || ok && got != c.want {
				t.Errorf("%s (swapped %v): %v, %v", c.name, swapped, got, ok)
			}
		}
	}
	many := slices.Repeat([]wire.TrafficSelector{net}, 3)
	for i := range 100 {
		many = append(many, selectors(fmt.Sprintf("10.%d.0.0/16", i))...)
	}
	if got := intersect(many, []wire.TrafficSelector{any4}); len(got) != maxSelectors || got[0] != net || got[1] == net {
		t.Errorf("%d selectors, beginning with %v", len(got), got[:2])
	}
}

// RFC 7296 2.9: the rest of a range, when parts of it are carried.
func TestSelectorsWithout(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name        string
		from, taken []wire.TrafficSelector
		want        []wire.TrafficSelector
	}{
		{"nothing", selectors("10.0.0.0/8"), nil, selectors("10.0.0.0/8")},
		{"all", selectors("10.0.0.0/8"), selectors("0.0.0.0/0"), nil},
		{"the middle", selectors("0.0.0.0/0"), selectors("10.0.0.0/8"),
			[]wire.TrafficSelector{span("0.0.0.0", "9.255.255.255"), span("11.0.0.0", "255.255.255.255")}},
		{"both ends", selectors("0.0.0.0/0"), selectors("0.0.0.0/1", "255.0.0.0/8"), []wire.TrafficSelector{span("128.0.0.0", "254.255.255.255")}},
		{"another family", selectors("::/0"), selectors("0.0.0.0/0"), selectors("::/0")},
		{"whatever the ports", []wire.TrafficSelector{limited(selectors("10.0.0.0/24")[0], 6, 1, 9)}, []wire.TrafficSelector{limited(selectors("10.0.0.0/25")[0], 17, 5, 5)},
			[]wire.TrafficSelector{limited(selectors("10.0.0.128/25")[0], 6, 1, 9)}},
	} {
		if got := without(c.from, c.taken); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v", c.name, got)
		}
	}
	if got := untouched(selectors("10.0.0.0/8", "192.168.0.0/16", "::/0"), selectors("10.1.0.0/16")); !slices.Equal(got, selectors("192.168.0.0/16", "::/0")) {
		t.Errorf("untouched %v", got)
	}
}

// An address is in the rest exactly when it was there and was not taken.
func TestSelectorsWithoutIsExact(t *testing.T) {
	t.Parallel()
	g := rand.New(seeded(7))
	addr := func() netip.Addr { return netip.AddrFrom4([4]byte{10, 0, 0, byte(g.IntN(64))}) }
	draw := func(n int) (out []wire.TrafficSelector) {
		for range n {
			a, b := addr(), addr()
			if b.Less(a) {
				a, b = b, a
			}
			out = append(out, wire.TrafficSelector{EndPort: 65535, Start: a, End: b})
		}
		return out
	}
	holds := func(list []wire.TrafficSelector, a netip.Addr) bool {
		return containedIn(wire.TrafficSelector{EndPort: 65535, Start: a, End: a}, list)
	}
	for range 2000 {
		from, taken := draw(3), draw(3)
		rest := without(from, taken)
		for i := range 64 {
			a := netip.AddrFrom4([4]byte{10, 0, 0, byte(i)})
			if want := holds(from, a) && !holds(taken, a); holds(rest, a) != want {
				t.Fatalf("%v without %v is %v: wrong at %v", from, taken, rest, a)
			}
		}
	}
}

// RFC 7296 1.3.1: how often a peer may make Child SAs is bounded in time, and how
// many it may have made in number, whatever their selectors.
func TestPeerMakesChildrenWithoutPause(t *testing.T) {
	t.Parallel()
	cfg := scriptConfig(1)
	cfg.MaxChildren = 100
	p := established(t, cfg)
	made, later := 0, 0
	for i := range 60 {
		answer, _ := p.ask(wire.ExchangeCreateChildSA, p.rekeyRequest(p.childSPI, uint32(0x55667700+i), p.octets(32))[1:]...)
		if n, refused := wire.FirstError(answer); !refused {
			made++
		} else if n.NotifyType == wire.NotifyTemporaryFailure {
			later++
		} else {
			t.Fatalf("told %v", n.NotifyType)
		}
	}
	if made != peerRekeyBurst || later != 60-made {
		t.Errorf("%d made, %d told to come later", made, later)
	}
	if got := count[ChildActive](p); got != made+1 {
		t.Errorf("%d in use", got)
	}
}
