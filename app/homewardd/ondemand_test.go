package main

import (
	"net/netip"
	"reflect"
	"testing"

	"github.com/homeward-vpn/homeward/client/ondemand"
	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/platform/netmon"
)

// TestEnvironment: rules see what the default route goes through, IPv4's first, and
// the physical network's names.
func TestEnvironment(t *testing.T) {
	t.Parallel()
	links := []netmon.Link{
		{Name: "eth0", Index: 2, Kind: netmon.Ethernet}, {Name: "wlan0", Index: 3, Kind: netmon.WiFi, SSID: "Café"},
		{Name: "wwan0", Index: 4, Kind: netmon.Cellular}, {Name: "homeward0", Index: 5, Kind: netmon.Tunnel},
	}
	servers := []netip.AddrPort{netip.MustParseAddrPort("10.1.0.53:53")}
	for name, c := range map[string]struct {
		four, six int
		want      ondemand.Environment
	}{
		"cable": {2, 3, ondemand.Environment{Interface: profile.RuleEthernet}}, "Wi-Fi": {3, 0, ondemand.Environment{Interface: profile.RuleWiFi, SSID: "Café"}},
		"IPv6 only": {0, 4, ondemand.Environment{Interface: profile.RuleCellular}}, "another kind": {5, 0, ondemand.Environment{}}, "none": {0, 0, ondemand.Environment{}},
		"gone": {9, 0, ondemand.Environment{}},
	} {
		got := environmentOf(netmon.Snapshot{
			Links: links, Default4: netmon.Way{Link: c.four}, Default6: netmon.Way{Link: c.six}, Resolvers: servers, SearchDomains: []string{"corp.example"},
		})
		c.want.Servers, c.want.Domains = []netip.Addr{netip.MustParseAddr("10.1.0.53")}, []string{"corp.example"}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

// TestWhatMatters: a change of our own tunnel alone has no rule looked at.
func TestWhatMatters(t *testing.T) {
	t.Parallel()
	if matters(netmon.Change{Kinds: netmon.All}) {
		t.Error("a change without a difference matters")
	}
	for i, c := range []netmon.Change{
		{LinksChanged: true}, {AddressesChanged: true}, {DefaultChanged: true}, {WirelessChanged: true}, {ResolversChanged: true},
		{PathLost: true}, {PathFound: true}, {Resumed: true},
	} {
		if !matters(c) {
			t.Errorf("change %d does not matter", i)
		}
	}
}
