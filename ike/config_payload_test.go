package ike

import (
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/ike/wire"
)

// RFC 7296 3.15.1, RFC 8598 3.1: what a request asks for.
func TestConfigRequest(t *testing.T) {
	t.Parallel()
	four := []uint16{wire.InternalIP4Address, wire.InternalIP4DNS, wire.InternalIP4Subnet}
	six := []uint16{wire.InternalIP6Address, wire.InternalIP6DNS, wire.InternalIP6Subnet}
	for _, c := range []struct {
		v4, v6 bool
		want   []uint16
	}{
		{false, false, nil},
		{true, false, append(slices.Clone(four), wire.InternalDNSDomain, wire.ApplicationVersion)},
		{false, true, append(slices.Clone(six), wire.InternalDNSDomain, wire.ApplicationVersion)},
		{true, true, slices.Concat(four, six, []uint16{wire.InternalDNSDomain, wire.ApplicationVersion})},
	} {
		p := configRequest(c.v4, c.v6, nil)
		var got []uint16
		if p != nil {
			for _, a := range p.Attributes {
				if len(a.Value) != 0 {
					t.Errorf("attribute %d asks with a value", a.Type)
				}
				got = append(got, a.Type)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%v, %v: asks for %v, want %v", c.v4, c.v6, got, c.want)
		}
	}
}

func ip(text string) []byte { return netip.MustParseAddr(text).AsSlice() }

// RFC 7296 3.15.1, RFC 8598 3.1: what an answer gives, and what of it is skipped.
func TestParseConfiguration(t *testing.T) {
	t.Parallel()
	type attrs = []wire.ConfigAttribute
	prefixes := func(texts ...string) (out []netip.Prefix) {
		for _, s := range texts {
			out = append(out, netip.MustParsePrefix(s))
		}
		return out
	}
	addrs := func(texts ...string) (out []netip.Addr) {
		for _, s := range texts {
			out = append(out, netip.MustParseAddr(s))
		}
		return out
	}
	six := func(text string, bits byte) []byte { return append(ip(text), bits) }
	for _, c := range []struct {
		name  string
		attrs attrs
		want  Configuration
	}{
		{"nothing", nil, Configuration{}},
		{"both families", attrs{
			{Type: wire.InternalIP4Address, Value: ip("10.0.0.9")},
			{Type: wire.InternalIP6Address, Value: six("fd00::9", 64)},
			{Type: wire.InternalIP4DNS, Value: ip("10.0.0.53")},
			{Type: wire.InternalIP6DNS, Value: ip("fd00::53")},
			{Type: wire.InternalIP4Subnet, Value: append(ip("10.1.2.3"), 255, 255, 0, 0)},
			{Type: wire.InternalIP6Subnet, Value: six("fd00:1::7", 32)},
			{Type: wire.ApplicationVersion, Value: []byte("gate\x1b[2Jway 1")},
		}, Configuration{
			Addresses: prefixes("10.0.0.9/32", "fd00::9/64"),
			DNS:       addrs("10.0.0.53", "fd00::53"),
			Subnets:   prefixes("10.1.0.0/16", "fd00:1::/32"),
			Version:   "gate[2Jway 1",
		}},
		{"netmask, in either order", attrs{
			{Type: wire.InternalIP4Netmask, Value: []byte{255, 255, 255, 0}},
			{Type: wire.InternalIP4Address, Value: ip("10.0.0.9")},
		}, Configuration{Addresses: prefixes("10.0.0.9/24")}},
		{"netmask of zero and with holes", attrs{
			{Type: wire.InternalIP4Address, Value: ip("10.0.0.9")},
			{Type: wire.InternalIP4Netmask, Value: []byte{0, 0, 0, 0}},
			{Type: wire.InternalIP4Netmask, Value: []byte{255, 0, 255, 0}},
		}, Configuration{Addresses: prefixes("10.0.0.9/32")}},
		{"ipv6 without a prefix length", attrs{
			{Type: wire.InternalIP6Address, Value: ip("fd00::9")},
			{Type: wire.InternalIP6DNS, Value: six("fd00::53", 128)},
		}, Configuration{Addresses: prefixes("fd00::9/128"), DNS: addrs("fd00::53")}},
		{"wrong lengths", attrs{
			{Type: wire.InternalIP4Address, Value: []byte{10, 0, 0}},
			{Type: wire.InternalIP4Address},
			{Type: wire.InternalIP6Address, Value: six("fd00::9", 129)},
			{Type: wire.InternalIP4Subnet, Value: ip("10.0.0.0")},
			{Type: wire.InternalIP4Subnet, Value: append(ip("10.0.0.0"), 255, 0, 255, 0)},
			{Type: wire.InternalIP6DNS, Value: ip("10.0.0.53")},
			{Type: 4711, Value: []byte("unknown")},
		}, Configuration{}},
		{"addresses that no host has", attrs{
			{Type: wire.InternalIP4Address, Value: ip("0.0.0.0")},
			{Type: wire.InternalIP4Address, Value: ip("127.0.0.1")},
			{Type: wire.InternalIP4Address, Value: ip("255.255.255.255")},
			{Type: wire.InternalIP6Address, Value: six("::ffff:10.0.0.9", 128)},
			{Type: wire.InternalIP4DNS, Value: ip("224.0.0.1")},
			{Type: wire.InternalIP6DNS, Value: ip("ff02::fb")},
		}, Configuration{}},
		// RFC 8598 4: trust anchors for DNSSEC are not asked for, and not used.
		{"a trust anchor for a domain", attrs{
			{Type: wire.InternalDNSDomain, Value: []byte("corp.example.com")},
			{Type: wire.InternalDNSSECTA, Value: append([]byte{0x30, 0x39, 8, 2}, make([]byte, 32)...)},
			{Type: wire.InternalDNSSECTA},
		}, Configuration{Domains: []string{"corp.example.com"}}},
		{"twice the same", attrs{
			{Type: wire.InternalIP4DNS, Value: ip("10.0.0.53")},
			{Type: wire.InternalIP4DNS, Value: ip("10.0.0.53")},
		}, Configuration{DNS: addrs("10.0.0.53")}},
		{"domains, one each and as lists", attrs{
			{Type: wire.InternalDNSDomain, Value: []byte("corp.example.com")},
			{Type: wire.InternalDNSDomain, Value: []byte("Lab.Example.com.;a.example, b.example\x00")},
			{Type: wire.InternalDNSDomain, Value: []byte("corp.example.com;;,")},
			{Type: wire.InternalDNSDomain, Value: []byte("_srv.xn--bcher-kva.example")},
		}, Configuration{Domains: []string{
			"corp.example.com", "lab.example.com", "a.example", "b.example", "_srv.xn--bcher-kva.example",
		}}},
		{"what is no domain", attrs{
			{Type: wire.InternalDNSDomain, Value: []byte("a..b;-a.example;a-.example;.;bücher.example;a/b;$(x)")},
			{Type: wire.InternalDNSDomain, Value: []byte(strings.Repeat("a", 64) + ".example")},
			{Type: wire.InternalDNSDomain, Value: []byte(strings.Repeat("a.", 127) + "example")},
		}, Configuration{}},
	} {
		got := parseConfiguration(&wire.CPPayload{CFGType: wire.CFGReply, Attributes: c.attrs}, true, true)
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s:\n got %+v\nwant %+v", c.name, got, c.want)
		}
	}
}

// Only a CFG_REPLY gives anything, and only of the families that were asked for.
func TestParseConfigurationUnasked(t *testing.T) {
	t.Parallel()
	p := &wire.CPPayload{CFGType: wire.CFGReply, Attributes: []wire.ConfigAttribute{
		{Type: wire.InternalIP4Address, Value: ip("10.0.0.9")},
		{Type: wire.InternalIP6Address, Value: append(ip("fd00::9"), 64)},
	}}
	if c := parseConfiguration(p, true, false); len(c.Addresses) != 1 || !c.Addresses[0].Addr().Is4() {
		t.Errorf("asked for IPv4, took %v", c.Addresses)
	}
	if c := parseConfiguration(p, false, true); len(c.Addresses) != 1 || !c.Addresses[0].Addr().Is6() {
		t.Errorf("asked for IPv6, took %v", c.Addresses)
	}
	for _, kind := range []uint8{wire.CFGRequest, wire.CFGSet, wire.CFGAck} {
		p.CFGType = kind
		if c := parseConfiguration(p, true, true); len(c.Addresses) != 0 {
			t.Errorf("CFG type %d gave %v", kind, c.Addresses)
		}
	}
	if c := parseConfiguration(nil, true, true); len(c.Addresses) != 0 {
		t.Errorf("no payload gave %v", c.Addresses)
	}
}

// A hostile answer cannot fill the memory.
func TestParseConfigurationBound(t *testing.T) {
	t.Parallel()
	p := &wire.CPPayload{CFGType: wire.CFGReply}
	for i := range 2000 {
		p.Attributes = append(p.Attributes, wire.ConfigAttribute{
			Type: wire.InternalIP4DNS, Value: []byte{10, 0, byte(i >> 8), byte(i)},
		})
	}
	if c := parseConfiguration(p, true, true); len(c.DNS) != maxConfigured {
		t.Errorf("%d servers, want %d", len(c.DNS), maxConfigured)
	}
}
