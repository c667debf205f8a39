package main

import (
	"net/netip"
	"testing"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/platform/netmon"
)

func TestLeavesBy(t *testing.T) {
	t.Parallel()
	prefix := netip.MustParsePrefix
	now := netmon.Snapshot{
		Links: []netmon.Link{
			{Name: "wlan0", Index: 2, Kind: netmon.WiFi, Up: true, SSID: "Café", Addresses: []netip.Prefix{prefix("192.168.7.5/24")}},
			{Name: "eth0", Index: 3, Kind: netmon.Ethernet, Up: true, Addresses: []netip.Prefix{prefix("10.0.0.5/8"), prefix("2001:db8:1::5/64")}},
			{Name: "wwan0", Index: 4, Kind: netmon.Cellular, Up: true},
			{Name: "homeward0", Index: 5, Kind: netmon.Tunnel, Up: true, Addresses: []netip.Prefix{prefix("198.51.100.0/24")}},
			{Name: "eth1", Index: 6, Kind: netmon.Other, Addresses: []netip.Prefix{prefix("203.0.113.9/24")}},
		},
		Default4: netmon.Way{Link: 2},
		Default6: netmon.Way{Link: 4},
	}
	bridge := netmon.Snapshot{Links: []netmon.Link{{Name: "br0", Index: 9, Kind: netmon.Other}}, Default4: netmon.Way{Link: 9}}
	for name, tt := range map[string]struct {
		now   netmon.Snapshot
		to    string
		want  control.Network
		known bool
	}{
		"the default route":                {now, "203.0.113.1", control.Network{Kind: "wifi", Name: "Café"}, true},
		"written as IPv6":                  {now, "::ffff:203.0.113.1", control.Network{Kind: "wifi", Name: "Café"}, true},
		"that of IPv6":                     {now, "2001:db8:9::1", control.Network{Kind: "cellular", Name: "wwan0"}, true},
		"a gateway next door":              {now, "10.20.30.40", control.Network{Kind: "ethernet", Name: "eth0"}, true},
		"the same by IPv6":                 {now, "2001:db8:1::77", control.Network{Kind: "ethernet", Name: "eth0"}, true},
		"never a tunnel":                   {now, "198.51.100.7", control.Network{Kind: "wifi", Name: "Café"}, true},
		"what is not one of the three":     {bridge, "203.0.113.1", control.Network{Kind: "other", Name: "br0"}, true},
		"no default route of that family":  {bridge, "2001:db8::1", control.Network{}, false},
		"no network at all":                {netmon.Snapshot{}, "203.0.113.1", control.Network{}, false},
		"a default route without its link": {netmon.Snapshot{Default4: netmon.Way{Link: 3}}, "203.0.113.1", control.Network{}, false},
	} {
		if got, known := leavesBy(tt.now, netip.MustParseAddr(tt.to)); got != tt.want || known != tt.known {
			t.Errorf("%s: %+v, %v, want %+v, %v", name, got, known, tt.want, tt.known)
		}
	}
}
