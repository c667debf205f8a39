package wire

import (
	"net/netip"
	"slices"
	"testing"
)

func addrRange(start, end string) TrafficSelector {
	return TrafficSelector{EndPort: 65535, Start: netip.MustParseAddr(start), End: netip.MustParseAddr(end)}
}

func TestSelectorFromPrefix(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ prefix, start, end string }{
		{"10.1.2.3/32", "10.1.2.3", "10.1.2.3"},
		{"10.1.2.3/24", "10.1.2.0", "10.1.2.255"},
		{"10.1.2.3/13", "10.0.0.0", "10.7.255.255"},
		{"0.0.0.0/0", "0.0.0.0", "255.255.255.255"},
		{"2001:db8::1/64", "2001:db8::", "2001:db8::ffff:ffff:ffff:ffff"},
		{"2001:db8::1/128", "2001:db8::1", "2001:db8::1"},
		{"::/0", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
	} {
		got := SelectorFromPrefix(netip.MustParsePrefix(c.prefix))
		if want := addrRange(c.start, c.end); got != want {
			t.Errorf("%s: %v, want %v", c.prefix, got, want)
		}
		if back := got.Prefixes(); len(back) != 1 || back[0] != netip.MustParsePrefix(c.prefix).Masked() {
			t.Errorf("%s: prefixes %v", c.prefix, back)
		}
	}
	if got := SelectorFromPrefix(netip.Prefix{}); got != (TrafficSelector{}) || got.Valid() {
		t.Errorf("no prefix gives %v", got)
	}
	if AnyIPv4() != addrRange("0.0.0.0", "255.255.255.255") || !AnyIPv6().Start.Is6() {
		t.Error("the selectors of everything are not everything")
	}
}

func TestPrefixesOfRanges(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		ts   TrafficSelector
		want []string
	}{
		{addrRange("10.0.0.1", "10.0.0.1"), []string{"10.0.0.1/32"}},
		{addrRange("10.0.0.1", "10.0.0.6"), []string{"10.0.0.1/32", "10.0.0.2/31", "10.0.0.4/31", "10.0.0.6/32"}},
		{addrRange("10.0.0.0", "10.0.2.255"), []string{"10.0.0.0/23", "10.0.2.0/24"}},
		{addrRange("255.255.255.254", "255.255.255.255"), []string{"255.255.255.254/31"}},
		{addrRange("2001:db8::", "2001:db8::2"), []string{"2001:db8::/127", "2001:db8::2/128"}},
		{addrRange("10.0.0.2", "10.0.0.1"), nil},
		{TrafficSelector{Raw: "\x09\x00\x00\x04"}, nil},
		{TrafficSelector{}, nil},
	} {
		var got []string
		for _, p := range c.ts.Prefixes() {
			got = append(got, p.String())
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%v: %v, want %v", c.ts, got, c.want)
		}
	}
	// The worst range of all: everything but its two ends.
	worst := addrRange("::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe").Prefixes()
	if len(worst) != 254 {
		t.Errorf("%d prefixes", len(worst))
	}
}

// The prefixes of a range are in order, touch each other and end where the
// range ends.
func TestPrefixesCoverExactly(t *testing.T) {
	t.Parallel()
	g := newGenerator(3)
	for range 500 {
		ts := g.selector()
		if !ts.Start.IsValid() {
			continue
		}
		if ts.End.Less(ts.Start) {
			ts.Start, ts.End = ts.End, ts.Start
		}
		ts.StartPort, ts.EndPort = 0, 65535
		at := ts.Start
		for i, p := range ts.Prefixes() {
			if p.Addr() != at || p != p.Masked() {
				t.Fatalf("%v: prefix %d is %v, want one that starts at %v", ts, i, p, at)
			}
			at = lastAddr(p).Next()
		}
		if at != ts.End.Next() {
			t.Fatalf("%v: covered up to %v", ts, at)
		}
	}
}

func TestContains(t *testing.T) {
	t.Parallel()
	ports := func(ts TrafficSelector, protocol uint8, start, end uint16) TrafficSelector {
		ts.Protocol, ts.StartPort, ts.EndPort = protocol, start, end
		return ts
	}
	net := addrRange("10.0.0.0", "10.0.0.255")
	for _, c := range []struct {
		name string
		a, b TrafficSelector
		want bool
	}{
		{"itself", net, net, true},
		{"everything contains a net", AnyIPv4(), net, true},
		{"a net does not contain everything", net, AnyIPv4(), false},
		{"one address too many", net, addrRange("10.0.0.0", "10.0.1.0"), false},
		{"other family", AnyIPv6(), net, false},
		{"TCP within any", net, ports(net, 6, 0, 65535), true},
		{"any not within TCP", ports(net, 6, 0, 65535), net, false},
		{"TCP not within UDP", ports(net, 17, 0, 65535), ports(net, 6, 0, 65535), false},
		{"port 443 within 400 to 500", ports(net, 6, 400, 500), ports(net, 6, 443, 443), true},
		{"ports that overlap only", ports(net, 6, 400, 500), ports(net, 6, 443, 501), false},
		{"OPAQUE within ANY (RFC 7296 3.13.1)", net, ports(net, 6, 65535, 0), true},
		{"OPAQUE within OPAQUE", ports(net, 6, 65535, 0), ports(net, 6, 65535, 0), true},
		{"OPAQUE not within a range", ports(net, 6, 0, 65534), ports(net, 6, 65535, 0), false},
		{"a range not within OPAQUE", ports(net, 6, 65535, 0), ports(net, 6, 1, 1), false},
		{"a range in the wrong order", AnyIPv4(), addrRange("10.0.0.2", "10.0.0.1"), false},
		{"ports in the wrong order", AnyIPv4(), ports(net, 6, 2, 1), false},
		{"nothing", AnyIPv4(), TrafficSelector{}, false},
		{"an unknown type", AnyIPv4(), TrafficSelector{Raw: "\x09\x00\x00\x04"}, false},
		{"mixed families", AnyIPv4(), addrRange("10.0.0.1", "::"), false},
	} {
		if got := c.a.Contains(c.b); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestSelectorString(t *testing.T) {
	t.Parallel()
	ts := addrRange("10.0.0.0", "10.0.0.255")
	if got := ts.String(); got != "10.0.0.0-10.0.0.255" {
		t.Error(got)
	}
	ts.Protocol, ts.StartPort = 6, 22
	if got := ts.String(); got != "10.0.0.0-10.0.0.255 protocol 6 ports 22-65535" {
		t.Error(got)
	}
	if got := (TrafficSelector{Raw: "\x09\x00\x00\x04"}).String(); got != "selector of type 9" {
		t.Error(got)
	}
}
