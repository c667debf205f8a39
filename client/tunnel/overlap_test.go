package tunnel

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/ike"
)

// small is what a local network may claim in these tests, as the system's routes have it.
func small(p netip.Prefix) bool { return p.Addr().IsPrivate() && p.Bits() >= 16 }

// TestOverlap: who has the addresses that the network and the company both have, by
// everybody's wish, and what is said of it.
func TestOverlap(t *testing.T) {
	t.Parallel()
	split := func(o profile.Overlap, include ...string) profile.Traffic {
		return profile.Traffic{Include: prefixes(include...), Overlap: o, AcceptPushed: true}
	}
	full := func(o profile.Overlap, include ...string) profile.Traffic {
		return profile.Traffic{Full: true, Include: prefixes(include...), Overlap: o}
	}
	const home = "192.168.1.0/24"
	for _, c := range []struct {
		name         string
		traffic      profile.Traffic
		subnets      []netip.Prefix // that the gateway names
		dnsGiven     string
		local        string
		routes, keep []netip.Prefix
		dns          string
		said         []string // fragments of the one sentence; none: nothing is said
		refused      string
	}{
		{name: "elsewhere", traffic: split("", "10.99.0.0/24"), local: home, routes: prefixes("10.99.0.0/24")},
		{name: "both use it, nobody has chosen", traffic: split("", home), local: home, routes: prefixes(home),
			said: []string{"192.168.1.0/24, and the company's, 192.168.1.0/24", "go to the network you are in", "«homewardctl overlap office company»"}},
		{name: "both use it, the company", traffic: split("company", home), local: home, routes: prefixes(home), keep: prefixes(home),
			said: []string{"go to the company", "a printer", "«homewardctl overlap office local»"}},
		{name: "both use it, the network", traffic: split("local", home), local: home,
			said: []string{"as you chose", "«homewardctl overlap office company»"}, refused: "192.168.1.0/24"},
		{name: "the company's is wider", traffic: split("", "192.168.0.0/16"), local: home, routes: prefixes("192.168.0.0/16"),
			said: []string{"192.168.1.0/24", "192.168.0.0/16", "go to the network you are in"}},
		{name: "the profile names a part of it", traffic: split("", "192.168.1.128/25"), local: home, routes: prefixes("192.168.1.128/25"),
			said: []string{"192.168.1.128/25", "those go to the company, the others to the network"}},
		{name: "the gateway names a part of it", traffic: split(""), subnets: prefixes("192.168.1.128/25"), local: home,
			said: []string{"go to the network you are in"}, refused: "192.168.1.128/25"},
		{name: "the gateway names a part of it, the company", traffic: split("company"), subnets: prefixes("192.168.1.128/25"), local: home,
			routes: prefixes("192.168.1.128/25"), keep: prefixes("192.168.1.128/25"), said: []string{"go to the company"}},
		{name: "the allow-list holds for the company too", traffic: profile.Traffic{AcceptPushed: true, AllowPushed: prefixes("10.0.0.0/8"), Overlap: "company"},
			subnets: prefixes(home), local: home, said: []string{"go to the company"}, refused: home},
		{name: "a network claims too much", traffic: split(""), subnets: prefixes("10.99.0.0/24"), local: "10.0.0.0/8",
			routes: prefixes("10.99.0.0/24"), said: []string{"10.0.0.0/8", "no local network may claim them"}},
		{name: "a network claims what is public", traffic: split(""), subnets: prefixes("198.51.100.0/24"), local: "198.51.100.0/24",
			routes: prefixes("198.51.100.0/24"), said: []string{"no local network may claim them"}},
		{name: "everything, and nothing is known of the company", traffic: full(""), local: home, routes: prefixes("0.0.0.0/0")},
		{name: "everything, the gateway names the network's", traffic: full(""), subnets: prefixes(home), local: home, routes: prefixes("0.0.0.0/0"),
			said: []string{"go to the network you are in"}},
		{name: "everything, the profile names the network's", traffic: full("", home), local: home, routes: prefixes("0.0.0.0/0"), keep: prefixes(home),
			said: []string{"go to the company, as the profile says"}},
		{name: "everything, the company", traffic: full("company"), local: home, routes: prefixes("0.0.0.0/0"), keep: prefixes("0.0.0.0/0")},
		{name: "everything, the network", traffic: full("local", home), local: home, routes: prefixes("0.0.0.0/0"), said: []string{"as you chose"}},
		{name: "everything, and the network claims the company's name server", traffic: full(""), local: "10.99.0.0/24", dnsGiven: "10.99.0.2", dns: "10.99.0.2",
			routes: prefixes("0.0.0.0/0"), said: []string{"has addresses of the company's, 10.99.0.2/32, and those go to the company"}},
	} {
		w := world{
			profile: &profile.Profile{Name: "office", Traffic: c.traffic}, local: prefixes(c.local), mayClaim: small,
			given:  ike.Configuration{Addresses: prefixes("10.98.0.7/32"), Subnets: c.subnets},
			remote: remote("0.0.0.0/0"),
		}
		var dns []netip.Addr
		if c.dnsGiven != "" {
			w.given.DNS = addrs(c.dnsGiven)
		}
		if c.dns != "" {
			dns = addrs(c.dns)
		}
		n := w.network()
		if !slices.Equal(n.Routes, c.routes) || !slices.Equal(n.Keep, c.keep) || !slices.Equal(n.DNS, dns) {
			t.Errorf("%s: routes %v, kept %v, DNS %v; want %v, %v, %v", c.name, n.Routes, n.Keep, n.DNS, c.routes, c.keep, dns)
		}
		if (len(n.Overlaps) == 1) != (len(c.said) > 0) || len(n.Overlaps) > 1 {
			t.Errorf("%s: %q", c.name, n.Overlaps)
		}
		for _, words := range c.said {
			if !strings.Contains(strings.Join(n.Overlaps, ""), words) {
				t.Errorf("%s: %q does not say %q", c.name, n.Overlaps, words)
			}
		}
		for _, sentence := range n.Overlaps {
			if !strings.HasSuffix(sentence, ".") || strings.Count(sentence, ". ") > 0 {
				t.Errorf("%s: %q is no sentence", c.name, sentence)
			}
		}
		if all := strings.Join(n.Refused, "\n"); !strings.Contains(all, c.refused) || (c.refused == "") != (all == "") {
			t.Errorf("%s: refused %q, want %q", c.name, all, c.refused)
		}
	}
}

// TestOverlapName: a profile's name is one argument of what a person is told to type.
func TestOverlapName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"office": "office", "my office": `"my office"`, "": `""`, "a;b": `"a;b"`} {
		if got := argument(name); got != want {
			t.Errorf("%q: %s", name, got)
		}
	}
}
