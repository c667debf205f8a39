package killswitch

import (
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestGolden: the policy of each row of the kill switch's table, as text. A
// difference is a change of what may leave, and is to be read as one.
func TestGolden(t *testing.T) {
	t.Parallel()
	for name, p := range states() {
		file := filepath.Join("testdata", strings.ReplaceAll(strings.ReplaceAll(name, ",", ""), " ", "-")+".nft")
		got := p.Text()
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s: the policy differs from %s:\n%s", name, file, got)
		}
	}
}

// TestOneSpelling: policies that mean the same have the same text.
func TestOneSpelling(t *testing.T) {
	t.Parallel()
	a := Policy{
		Mark: 1, Gateways: endpointsOf("192.0.2.2:500 192.0.2.1:500"),
		LocalNetworks: networksOf("192.168.0.0/16 10.1.2.3/8"),
		Tunnel:        &Tunnel{Interface: "homeward0", Addresses: networksOf("10.0.0.2/24"), DNS: addressesOf("10.0.0.1"), IPv4: true},
	}
	b := Policy{
		Mark: 1, Gateways: endpointsOf("192.0.2.1:500 192.0.2.2:500 192.0.2.1:500"),
		LocalNetworks: networksOf("10.0.0.0/8 192.168.77.0/24 192.168.0.0/16 10.2.0.0/16"),
		Tunnel:        &Tunnel{Interface: "homeward0", Addresses: networksOf("10.0.0.2/32"), DNS: addressesOf("10.0.0.1 10.0.0.1"), IPv4: true},
	}
	if a.Text() != b.Text() {
		t.Errorf("two texts for one policy:\n%s\n%s", a.Text(), b.Text())
	}
}

// TestRefusedPolicies: what could mean more than it says is no policy.
func TestRefusedPolicies(t *testing.T) {
	t.Parallel()
	for want, p := range map[string]Policy{
		"needs a mark":                      {Gateways: endpointsOf("192.0.2.1:500")},
		"resolver needs a mark":             {Resolvers: endpointsOf("192.0.2.1:53")},
		"probe needs a mark":                {Probes: endpointsOf("192.0.2.1:80")},
		"without a port":                    {Mark: 1, Gateways: endpointsOf("192.0.2.1:0")},
		"0.0.0.0 cannot be":                 {Mark: 1, Gateways: endpointsOf("0.0.0.0:500")},
		"::ffff:192.0.2.1 cannot be":        {Mark: 1, Gateways: endpointsOf("[::ffff:192.0.2.1]:500")},
		"224.0.0.1 cannot be":               {Mark: 1, Probes: endpointsOf("224.0.0.1:80")},
		"0.0.0.0/0 is no local network":     {LocalNetworks: networksOf("0.0.0.0/0")},
		"::/0 is no local network":          {LocalNetworks: networksOf("::/0")},
		"invalid Prefix is no local":        {LocalNetworks: []netip.Prefix{{}}},
		`"" is no name for the tunnel's`:    {Tunnel: &Tunnel{}},
		`"lo" is no name`:                   {Tunnel: &Tunnel{Interface: "lo"}},
		`"eth*" is no name`:                 {Tunnel: &Tunnel{Interface: "eth*"}},
		`"a\"; accept" is no name`:          {Tunnel: &Tunnel{Interface: `a"; accept`}},
		`"homeward-is-long" is no name`:     {Tunnel: &Tunnel{Interface: "homeward-is-long"}},
		"every program":                     {Mark: 1, Portal: &Portal{Cgroup: "/../"}},
		"no name for the portal's control":  {Mark: 1, Portal: &Portal{Cgroup: "a\"b"}},
		"a policy with a portal needs":      {Portal: &Portal{Cgroup: "a"}},
		"16385 are too many for a policy: ": {Mark: 1, Gateways: make([]netip.AddrPort, maxEndpoints+1)},
	} {
		if got := p.Text(); !strings.HasPrefix(got, "# ") || !strings.Contains(got, want) {
			t.Errorf("a policy that is to be refused with %q: %s", want, got)
		}
	}
}
