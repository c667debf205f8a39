package main

import (
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/client/tunnel"
	"github.com/homeward-vpn/homeward/platform/dns"
	"github.com/homeward-vpn/homeward/platform/platformtest/namespace"
)

// TestLocalNetworks: what the machine is directly on is known to the tunnel, so
// that no gateway claims it; loopback, host addresses, what is down and the
// other ends of point-to-point links are no networks.
func TestLocalNetworks(t *testing.T) {
	if !namespace.Enter(t) {
		return
	}
	for _, args := range []string{
		"link set lo up",
		"link add eth0 type veth peer name wire", "link set wire up", "link set eth0 up",
		"addr add 192.168.77.2/24 dev eth0", "addr add fd77::2/64 dev eth0 nodad", "addr add 10.5.5.5/32 dev eth0",
		"link add eth1 type veth peer name wire1", "addr add 192.168.78.2/24 dev eth1",
		"tuntap add mode tun name other0", "link set other0 up", "addr add 10.7.0.2/24 dev other0",
	} {
		namespace.Run(t, "ip", strings.Fields(args)...)
	}
	local := tunnelParts(nil, slog.New(slog.DiscardHandler), nil, surroundings{}).LocalNetworks
	if local == nil {
		t.Fatal("the tunnel does not learn the local networks")
	}
	got := local()
	slices.SortFunc(got, netip.Prefix.Compare)
	want := []netip.Prefix{netip.MustParsePrefix("192.168.77.0/24"), netip.MustParsePrefix("fd77::/64")}
	if !slices.Equal(got, want) {
		t.Errorf("local networks %v, want %v", got, want)
	}
}

// TestFullTunnelWithoutNameServers: the names leave in clear, and that is said.
func TestFullTunnelWithoutNameServers(t *testing.T) {
	t.Parallel()
	d, err := dns.New(nil, nil, dns.System())
	if err != nil {
		t.Fatal(err)
	}
	warning, err := names{d}.Set(tunnel.Network{Interface: "homeward0", Full: true})
	if err != nil || !strings.HasSuffix(warning, ".") || !strings.Contains(warning, "names are still asked") {
		t.Errorf("warning %q, error %v", warning, err)
	}
	if warning, err = (names{d}).Set(tunnel.Network{Interface: "homeward0"}); warning != "" || err != nil {
		t.Errorf("a split tunnel without name servers: warning %q, error %v", warning, err)
	}
}
