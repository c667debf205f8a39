package tunnel

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/ike"
	"github.com/homeward-vpn/homeward/ike/wire"
)

func prefixes(texts ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, s := range texts {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

func addrs(texts ...string) []netip.Addr {
	var out []netip.Addr
	for _, s := range texts {
		out = append(out, netip.MustParseAddr(s))
	}
	return out
}

func remote(ps ...string) []wire.TrafficSelector {
	var out []wire.TrafficSelector
	for _, p := range prefixes(ps...) {
		out = append(out, wire.SelectorFromPrefix(p))
	}
	return out
}

// TestNetwork walks the decision table: the profile's wish, the gateway's
// word, and what becomes of both.
func TestNetwork(t *testing.T) {
	t.Parallel()
	full := profile.Traffic{Full: true}
	tests := []struct {
		name    string
		profile profile.Profile
		given   ike.Configuration
		remote  []wire.TrafficSelector
		local   []netip.Prefix
		full    bool
		routes  []netip.Prefix
		dns     []netip.Addr
		domains []string
		refused []string // fragments, one per expected line
	}{
		{
			name:    "full tunnel, one family",
			profile: profile.Profile{Traffic: full},
			given:   ike.Configuration{Addresses: prefixes("10.98.0.7/24"), DNS: addrs("10.99.0.2")},
			remote:  remote("0.0.0.0/0", "::/0"),
			full:    true, routes: prefixes("0.0.0.0/0"), dns: addrs("10.99.0.2"),
		},
		{
			name:    "full tunnel, both families",
			profile: profile.Profile{Traffic: full},
			given:   ike.Configuration{Addresses: prefixes("10.98.0.7/32", "fd00:98::7/128")},
			remote:  remote("0.0.0.0/0", "::/0"),
			full:    true, routes: prefixes("0.0.0.0/0", "::/0"),
		},
		{
			name:    "full wanted, but the gateway narrows to a subnet",
			profile: profile.Profile{Traffic: full},
			given:   ike.Configuration{Addresses: prefixes("10.98.0.7/32"), DNS: addrs("10.99.0.2", "8.8.8.8")},
			remote:  remote("10.99.0.0/24"),
			full:    false, routes: prefixes("10.99.0.0/24"), dns: addrs("10.99.0.2"),
		},
		{
			name:    "split by the profile, cut to what is carried",
			profile: profile.Profile{Traffic: profile.Traffic{Include: prefixes("10.0.0.0/8", "172.16.0.0/12")}},
			given:   ike.Configuration{Addresses: prefixes("10.98.0.7/32")},
			remote:  remote("10.99.0.0/24"),
			routes:  prefixes("10.99.0.0/24"),
		},
		{
			name:    "split with pushed subnets",
			profile: profile.Profile{Traffic: profile.Traffic{AcceptPushed: true}},
			given:   ike.Configuration{Addresses: prefixes("10.98.0.7/32"), Subnets: prefixes("10.99.0.0/24", "10.97.0.0/16")},
			remote:  remote("0.0.0.0/0"),
			routes:  prefixes("10.99.0.0/24", "10.97.0.0/16"),
		},
		{
			name:    "a pushed subnet outside the allow-list is refused",
			profile: profile.Profile{Traffic: profile.Traffic{AcceptPushed: true, AllowPushed: prefixes("10.99.0.0/16")}},
			given:   ike.Configuration{Addresses: prefixes("10.98.0.7/32"), Subnets: prefixes("10.99.0.0/24", "192.0.2.0/24")},
			remote:  remote("0.0.0.0/0"),
			routes:  prefixes("10.99.0.0/24"),
			refused: []string{"192.0.2.0/24"},
		},
		{
			name:    "the local subnet is not taken by surprise",
			profile: profile.Profile{Traffic: profile.Traffic{AcceptPushed: true}},
			given:   ike.Configuration{Addresses: prefixes("10.98.0.7/32"), Subnets: prefixes("192.168.77.0/24", "10.99.0.0/24")},
			remote:  remote("0.0.0.0/0"),
			local:   prefixes("192.168.77.0/24"),
			routes:  prefixes("10.99.0.0/24"),
			refused: []string{"192.168.77.0/24"},
		},
		{
			name:    "a resolver inside is routed even where no subnet names it",
			profile: profile.Profile{Traffic: profile.Traffic{Include: prefixes("10.99.1.0/24")}},
			given:   ike.Configuration{Addresses: prefixes("10.98.0.7/32"), DNS: addrs("10.99.0.2")},
			remote:  remote("10.99.0.0/16"),
			routes:  prefixes("10.99.1.0/24", "10.99.0.2/32"), dns: addrs("10.99.0.2"),
		},
		{
			name: "pushed domains: a company's yes, public suffixes no",
			profile: profile.Profile{Traffic: profile.Traffic{AcceptPushed: true},
				DNS: profile.DNS{AcceptPushed: true, Domains: []string{"Corp.Example."}}},
			given: ike.Configuration{Addresses: prefixes("10.98.0.7/32"), DNS: addrs("10.99.0.2"),
				Domains: []string{"corp.example", "com", "co.uk", "github.io", "lan", "."}},
			remote:  remote("10.99.0.0/24"),
			routes:  prefixes("10.99.0.0/24"),
			dns:     addrs("10.99.0.2"),
			domains: []string{"corp.example", "lan"},
			refused: []string{`"com"`, `"co.uk"`, `"github.io"`, `"."`},
		},
		{
			name: "a pushed domain that is none takes only itself away",
			profile: profile.Profile{Traffic: profile.Traffic{AcceptPushed: true},
				DNS: profile.DNS{AcceptPushed: true}},
			given: ike.Configuration{Addresses: prefixes("10.98.0.7/32"), DNS: addrs("10.99.0.2"),
				Domains: []string{"corp.example", "*.corp.example", "corp example", "corp.example\nnameserver 192.0.2.1", "a..b", strings.Repeat("a", 64)}},
			remote:  remote("10.99.0.0/24"),
			routes:  prefixes("10.99.0.0/24"),
			dns:     addrs("10.99.0.2"),
			domains: []string{"corp.example"},
			refused: []string{"*.corp.example", "corp example", `\n`, "a..b", "aaaa"},
		},
		{
			name:    "selectors that nobody asked for stay inside the allow-list",
			profile: profile.Profile{Traffic: profile.Traffic{AcceptPushed: true, AllowPushed: prefixes("10.99.0.0/16")}},
			given:   ike.Configuration{Addresses: prefixes("10.98.0.7/32")},
			remote:  remote("0.0.0.0/0"),
			routes:  prefixes("10.99.0.0/16"),
		},
		{
			name:    "a refused subnet is not let in by the selectors",
			profile: profile.Profile{Traffic: profile.Traffic{AcceptPushed: true, AllowPushed: prefixes("10.99.0.0/16")}},
			given:   ike.Configuration{Addresses: prefixes("10.98.0.7/32"), Subnets: prefixes("192.0.2.0/24")},
			remote:  remote("0.0.0.0/0"),
			refused: []string{"192.0.2.0/24"},
		},
		{
			name:    "selectors within the local network are not taken by surprise",
			profile: profile.Profile{Traffic: profile.Traffic{AcceptPushed: true}},
			given:   ike.Configuration{Addresses: prefixes("10.98.0.7/32")},
			remote:  remote("192.168.77.128/25", "10.99.0.0/24"),
			local:   prefixes("192.168.77.0/24"),
			routes:  prefixes("10.99.0.0/24"),
			refused: []string{"192.168.77.128/25"},
		},
		{
			name:    "a full tunnel does not take a part of the local network either",
			profile: profile.Profile{Traffic: full},
			given:   ike.Configuration{Addresses: prefixes("10.98.0.7/32")},
			remote:  remote("0.0.0.0/0", "192.168.77.0/25"),
			local:   prefixes("192.168.77.0/24"),
			full:    true, routes: prefixes("0.0.0.0/0"),
			refused: []string{"192.168.77.0/25"},
		},
		{
			name:    "selectors do not cut a local part out of a network that is wanted",
			profile: profile.Profile{Traffic: profile.Traffic{Include: prefixes("192.168.0.0/16")}},
			given:   ike.Configuration{Addresses: prefixes("10.98.0.7/32")},
			remote:  remote("192.168.77.0/26", "192.168.5.0/24"),
			local:   prefixes("192.168.77.0/24"),
			routes:  prefixes("192.168.5.0/24"),
			refused: []string{"192.168.77.0/26"},
		},
		{
			name:    "the profile may name a part of the local network",
			profile: profile.Profile{Traffic: profile.Traffic{Include: prefixes("192.168.77.128/25")}},
			given:   ike.Configuration{Addresses: prefixes("10.98.0.7/32"), DNS: addrs("192.168.77.130")},
			remote:  remote("0.0.0.0/0"),
			local:   prefixes("192.168.77.0/24"),
			routes:  prefixes("192.168.77.128/25"), dns: addrs("192.168.77.130"),
		},
		{
			name:    "a resolver is no way to take an address of the local network",
			profile: profile.Profile{Traffic: profile.Traffic{Include: prefixes("10.99.0.0/16")}},
			given:   ike.Configuration{Addresses: prefixes("10.98.0.7/32"), DNS: addrs("192.168.77.1", "10.99.0.2")},
			remote:  remote("0.0.0.0/0"),
			local:   prefixes("192.168.77.0/24"),
			routes:  prefixes("10.99.0.0/16"), dns: addrs("10.99.0.2"),
			refused: []string{"192.168.77.1/32"},
		},
		{
			name:    "nor to take what the allow-list leaves out",
			profile: profile.Profile{Traffic: profile.Traffic{AcceptPushed: true, AllowPushed: prefixes("10.99.0.0/16")}},
			given:   ike.Configuration{Addresses: prefixes("10.98.0.7/32"), Subnets: prefixes("10.99.0.0/24"), DNS: addrs("10.99.1.2", "9.9.9.9")},
			remote:  remote("0.0.0.0/0"),
			routes:  prefixes("10.99.0.0/24", "10.99.1.2/32"), dns: addrs("10.99.1.2"),
			refused: []string{"9.9.9.9/32"},
		},
		{
			name: "pushed domains outside the allow-list are refused",
			profile: profile.Profile{Traffic: profile.Traffic{AcceptPushed: true},
				DNS: profile.DNS{AcceptPushed: true, AllowPushed: []string{"Corp.Example", "lan"}}},
			given: ike.Configuration{Addresses: prefixes("10.98.0.7/32"), DNS: addrs("10.99.0.2"),
				Domains: []string{"corp.example", "LAB.corp.example", "notcorp.example", "example", "lan", "bank.example"}},
			remote:  remote("10.99.0.0/24"),
			routes:  prefixes("10.99.0.0/24"),
			dns:     addrs("10.99.0.2"),
			domains: []string{"corp.example", "lab.corp.example", "lan"},
			refused: []string{`"notcorp.example"`, `"example"`, `"bank.example"`},
		},
		{
			name: "pushed domains without a server that answers for them lead nowhere",
			profile: profile.Profile{Traffic: profile.Traffic{AcceptPushed: true, AllowPushed: prefixes("10.99.0.0/24")},
				DNS: profile.DNS{AcceptPushed: true, Domains: []string{"own.example"}}},
			given: ike.Configuration{Addresses: prefixes("10.98.0.7/32"), DNS: addrs("10.1.0.2"),
				Domains: []string{"corp.example"}},
			remote:  remote("10.99.0.0/24"),
			routes:  prefixes("10.99.0.0/24"),
			domains: []string{"own.example"},
			refused: []string{`"corp.example"`},
		},
		{
			name:    "pushed domains without leave are refused",
			profile: profile.Profile{},
			given:   ike.Configuration{Addresses: prefixes("10.98.0.7/32"), Domains: []string{"corp.example"}},
			remote:  remote("10.99.0.0/24"),
			routes:  prefixes("10.99.0.0/24"),
			refused: []string{"corp.example"},
		},
		{
			name:    "with everything in the tunnel nobody's domains count",
			profile: profile.Profile{Traffic: full, DNS: profile.DNS{Domains: []string{"corp.example"}}},
			given:   ike.Configuration{Addresses: prefixes("10.98.0.7/32"), DNS: addrs("10.99.0.2"), Domains: []string{"corp.example", "com"}},
			remote:  remote("0.0.0.0/0"),
			full:    true, routes: prefixes("0.0.0.0/0"), dns: addrs("10.99.0.2"),
		},
		{
			name:    "the profile's resolvers stand instead of the pushed ones",
			profile: profile.Profile{Traffic: full, DNS: profile.DNS{Servers: addrs("10.99.0.3")}},
			given:   ike.Configuration{Addresses: prefixes("10.98.0.7/32"), DNS: addrs("10.99.0.2")},
			remote:  remote("0.0.0.0/0"),
			full:    true, routes: prefixes("0.0.0.0/0"), dns: addrs("10.99.0.3"),
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			n := world{profile: &tt.profile, given: tt.given, remote: tt.remote, local: tt.local}.network()
			if n.Full != tt.full {
				t.Errorf("full = %v, want %v", n.Full, tt.full)
			}
			if !slices.Equal(n.Routes, tt.routes) {
				t.Errorf("routes = %v, want %v", n.Routes, tt.routes)
			}
			if !slices.Equal(n.DNS, tt.dns) {
				t.Errorf("dns = %v, want %v", n.DNS, tt.dns)
			}
			if !slices.Equal(n.Domains, tt.domains) {
				t.Errorf("domains = %v, want %v", n.Domains, tt.domains)
			}
			if len(n.Refused) != len(tt.refused) {
				t.Fatalf("refused = %q, want %q", n.Refused, tt.refused)
			}
			for i, frag := range tt.refused {
				if !strings.Contains(n.Refused[i], frag) || !strings.HasSuffix(n.Refused[i], ".") {
					t.Errorf("refused[%d] = %q, want a sentence that names %s", i, n.Refused[i], frag)
				}
			}
			for _, a := range n.Addresses {
				if a.Bits() != a.Addr().BitLen() {
					t.Errorf("address %v is not a host prefix", a)
				}
			}
		})
	}
}

// A gateway whose selectors are ranges that cannot be worse to cut, and that
// pushes as many networks as it can: the work and its result are bounded, and so
// is what a person has to read.
func TestNetworkBounds(t *testing.T) {
	t.Parallel()
	given := ike.Configuration{Addresses: prefixes("10.98.0.7/32", "fd00:98::7/128")}
	for i := range 256 {
		given.Subnets = append(given.Subnets, netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 168, byte(i), 0}), 25))
	}
	var worst []wire.TrafficSelector
	for i := range byte(64) {
		worst = append(worst, wire.TrafficSelector{
			Start: netip.AddrFrom4([4]byte{i, 0, 0, 1}), End: netip.AddrFrom4([4]byte{255, 255, 255, 254 - i}), EndPort: 65535,
		}, wire.TrafficSelector{
			Start: netip.AddrFrom16([16]byte{0x20, i, 15: 1}), End: netip.AddrFrom16([16]byte{0xff, 15: 254 - i}), EndPort: 65535,
		})
	}
	for name, traffic := range map[string]profile.Traffic{
		"full": {Full: true}, "split": {AcceptPushed: true}, "named": {Include: prefixes("0.0.0.0/0", "::/0"), AcceptPushed: true},
	} {
		n := world{
			profile: &profile.Profile{Traffic: traffic}, given: given, remote: worst, local: prefixes("192.168.0.0/20"),
		}.network()
		if len(n.Routes) == 0 || len(n.Routes) > maxRoutes+len(n.DNS) || len(n.Refused) == 0 || len(n.Refused) > maxRefused+1 {
			t.Errorf("%s: %d routes, %d refused", name, len(n.Routes), len(n.Refused))
		}
	}
}
