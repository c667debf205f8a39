package route

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func prefixes(s string) []netip.Prefix {
	var ps []netip.Prefix
	for _, f := range strings.Fields(s) {
		ps = append(ps, netip.MustParsePrefix(f))
	}
	return ps
}

// print writes a plan down in one line per change.
func (p plan) print() string {
	var b strings.Builder
	for _, e := range p.add {
		fmt.Fprintf(&b, "+%s", e)
	}
	for _, e := range p.remove {
		fmt.Fprintf(&b, "-%s", e)
	}
	for _, r := range p.addRules {
		fmt.Fprintf(&b, "+%s", r)
	}
	for _, r := range p.dropRules {
		fmt.Fprintf(&b, "-%s", r)
	}
	for _, f := range p.loosen {
		fmt.Fprintf(&b, "loosen %s, was %d\n", f.Interface, f.Before)
	}
	for _, n := range p.notes {
		fmt.Fprintf(&b, "note %s: %s\n", n.prefix, n.reason)
	}
	return b.String()
}

func (e routeEntry) String() string {
	switch {
	case e.throw:
		return fmt.Sprintf("throw %s\n", e.prefix)
	case e.refuse:
		return fmt.Sprintf("refuse %s\n", e.prefix)
	}
	return fmt.Sprintf("%s dev %d\n", e.prefix, e.link)
}

func (r rule) String() string {
	family := 4
	if r.ipv6 {
		family = 6
	}
	return fmt.Sprintf("rule%d not %#x\n", family, r.mark)
}

func have(entries ...routeEntry) map[netip.Prefix]routeEntry {
	m := map[netip.Prefix]routeEntry{}
	for _, e := range entries {
		m[e.prefix] = e
	}
	return m
}

func dev(p string) routeEntry { return routeEntry{prefix: netip.MustParsePrefix(p), link: 5} }
func throw(p string) routeEntry {
	return routeEntry{prefix: netip.MustParsePrefix(p), throw: true}
}

func refuse(p string) routeEntry {
	return routeEntry{prefix: netip.MustParsePrefix(p), refuse: true}
}

func addrs(s string) []netip.Addr {
	var list []netip.Addr
	for _, f := range strings.Fields(s) {
		list = append(list, netip.MustParseAddr(f))
	}
	return list
}

const taken = "note 192.168.77.0/24: the company has addresses of the local network\n"

const heldBack = "the tunnel does not carry all of this family, so the rest is held back\n"

// TestDecide is a table of worlds.
func TestDecide(t *testing.T) {
	t.Parallel()
	home := prefixes("192.168.77.2/24")
	full4 := Config{Routes: prefixes("0.0.0.0/0"), Full: true}
	for name, c := range map[string]struct {
		config Config
		world  world
		want   string
	}{
		"full tunnel, both families, a home network": {
			Config{Routes: prefixes("0.0.0.0/0 ::/0"), Full: true},
			world{ipv6: true, local: home},
			"+0.0.0.0/0 dev 5\n+throw 192.168.77.0/24\n+::/0 dev 5\n+throw fe80::/10\n+rule4 not 0x1\n+rule6 not 0x1\n",
		},
		"the company has the network that both use, but not its router": {
			Config{Routes: prefixes("192.168.77.0/24"), Keep: prefixes("192.168.77.0/24")},
			world{local: home, routers: addrs("192.168.77.1 10.0.0.1")},
			"+192.168.77.0/24 dev 5\n+throw 192.168.77.1/32\n+rule4 not 0x1\n" + taken,
		},
		"nor the router where the company's name server is said to be": {
			Config{Routes: prefixes("192.168.0.0/16"), Keep: prefixes("192.168.0.0/16"), Hosts: addrs("192.168.77.1")},
			world{local: home, routers: addrs("192.168.77.1")},
			"+192.168.0.0/16 dev 5\n+192.168.77.1/32 dev 5\n+rule4 not 0x1\n" + taken + "note 192.168.77.0/24: the local network holds an address that the tunnel must reach\n",
		},
		"a full tunnel that keeps everything, whoever says that it is a router": {
			Config{Routes: prefixes("0.0.0.0/0 ::/0"), Keep: prefixes("0.0.0.0/0 ::/0"), Full: true},
			world{ipv6: true, local: prefixes("192.168.77.2/24 fd77::2/64 fe80::2/64"), routers: addrs("192.168.77.1")},
			"+0.0.0.0/0 dev 5\n+::/0 dev 5\n+throw fe80::/10\n+rule4 not 0x1\n+rule6 not 0x1\n" + taken + "note fd77::/64: the company has addresses of the local network\n",
		},
		"what would be translated into the tunnel's networks is held back, but not what is excluded": {
			Config{Routes: prefixes("10.99.0.0/16"), HeldBack: prefixes("2001:db8:64::a63:0/112"), Exclude: prefixes("10.99.7.0/24 2001:db8:64::a63:700/120")},
			world{ipv6: true, hasIPv6: true},
			"+10.99.0.0/16 dev 5\n+throw 10.99.7.0/24\n+refuse 2001:db8:64::a63:0/112\n+throw 2001:db8:64::a63:700/120\n+rule4 not 0x1\n+rule6 not 0x1\n",
		},
		"a full tunnel keeps a part of what the network claims": {
			Config{Routes: prefixes("0.0.0.0/0"), Keep: prefixes("192.168.77.128/25 172.16.0.0/12"), Full: true},
			world{local: prefixes("192.168.77.2/24 172.16.3.4/24")},
			"+0.0.0.0/0 dev 5\n+172.16.0.0/12 dev 5\n+throw 192.168.77.0/24\n+192.168.77.128/25 dev 5\n+rule4 not 0x1\nnote 172.16.3.0/24: the company has addresses of the local network\n",
		},
		"what is excluded stays outside whoever has it": {
			Config{Routes: prefixes("0.0.0.0/0"), Keep: prefixes("0.0.0.0/0"), Exclude: prefixes("192.168.77.0/24"), Full: true},
			world{local: home},
			"+0.0.0.0/0 dev 5\n+throw 192.168.77.0/24\n+rule4 not 0x1\n" + taken,
		},
		"full tunnel of IPv4 refuses IPv6, but for the local network": {
			full4, world{ipv6: true, hasIPv6: true, local: prefixes("192.168.77.2/24 fd00::2/64 2001:db8::2/64")},
			"+0.0.0.0/0 dev 5\n+throw 192.168.77.0/24\n+refuse ::/0\n+throw fd00::/64\n+throw fe80::/10\n+rule4 not 0x1\n+rule6 not 0x1\nnote ::/0: " + heldBack,
		},
		"full tunnel of IPv6 takes IPv4 in, where it ends": {
			Config{Routes: prefixes("::/0"), Full: true}, world{ipv6: true, hasIPv6: true, local: home, filters: []filterState{{"eth0", 1, 1}}},
			"+0.0.0.0/0 dev 5\n+throw 192.168.77.0/24\n+::/0 dev 5\n+throw fe80::/10\n+rule4 not 0x1\n+rule6 not 0x1\nloosen eth0, was 1\nnote 0.0.0.0/0: " + heldBack,
		},
		"full tunnel that carries a part of IPv6 refuses the rest": {
			Config{Routes: prefixes("0.0.0.0/0 2001:db8:1::/48"), Full: true}, world{ipv6: true, hasIPv6: true},
			"+0.0.0.0/0 dev 5\n+refuse ::/0\n+2001:db8:1::/48 dev 5\n+throw fe80::/10\n+rule4 not 0x1\n+rule6 not 0x1\nnote ::/0: " + heldBack,
		},
		"a device without IPv6 on a machine with it": {
			Config{Routes: prefixes("0.0.0.0/0 ::/0"), Full: true}, world{hasIPv6: true},
			"+0.0.0.0/0 dev 5\n+refuse ::/0\n+throw fe80::/10\n+rule4 not 0x1\n+rule6 not 0x1\nnote ::/0: IPv6 is off on this machine\nnote ::/0: " + heldBack,
		},
		"an excluded part of a family that is held back": {
			Config{Routes: prefixes("0.0.0.0/0"), Exclude: prefixes("2001:db8::/32"), Full: true}, world{ipv6: true, hasIPv6: true},
			"+0.0.0.0/0 dev 5\n+refuse ::/0\n+throw 2001:db8::/32\n+throw fe80::/10\n+rule4 not 0x1\n+rule6 not 0x1\nnote ::/0: " + heldBack,
		},
		"a name server is reached inside, whatever the access point claims": {
			Config{Routes: prefixes("0.0.0.0/0"), Hosts: addrs("10.99.0.2 8.8.8.8"), Full: true}, world{local: prefixes("10.99.0.7/24")},
			"+0.0.0.0/0 dev 5\n+8.8.8.8/32 dev 5\n+throw 10.99.0.0/24\n+10.99.0.2/32 dev 5\n+rule4 not 0x1\nnote 10.99.0.0/24: the local network holds an address that the tunnel must reach\n",
		},
		"a host is led in only where a route covers it, and not against the profile": {
			Config{Routes: prefixes("10.99.0.0/24"), Hosts: addrs("10.99.0.2 10.99.0.9 8.8.8.8 fd99::2"), Exclude: prefixes("10.99.0.8/31")}, world{},
			"+10.99.0.0/24 dev 5\n+10.99.0.2/32 dev 5\n+throw 10.99.0.8/31\n+rule4 not 0x1\n",
		},
		"from refusing a family to carrying it": {
			Config{Routes: prefixes("0.0.0.0/0 ::/0"), Full: true},
			world{ipv6: true, hasIPv6: true, have: have(dev("0.0.0.0/0"), refuse("::/0"), throw("fe80::/10")), rules: []rule{{mark: 1}, {ipv6: true, mark: 1}}},
			"+::/0 dev 5\n",
		},
		"split tunnel does not touch the local network": {
			Config{Routes: prefixes("10.99.0.0/24")}, world{ipv6: true, local: home},
			"+10.99.0.0/24 dev 5\n+rule4 not 0x1\n",
		},
		"host bits are cut off": {
			Config{Routes: prefixes("10.99.0.7/24")}, world{},
			"+10.99.0.0/24 dev 5\n+rule4 not 0x1\n",
		},
		"a company prefix inside the local network wins by its length": {
			Config{Routes: prefixes("192.168.77.128/25")}, world{local: home},
			"+192.168.77.128/25 dev 5\n+rule4 not 0x1\n",
		},
		"a company prefix equal to the local network loses": {
			Config{Routes: prefixes("192.168.77.0/24 10.0.0.0/8")}, world{local: home},
			"+10.0.0.0/8 dev 5\n+throw 192.168.77.0/24\n+rule4 not 0x1\nnote 192.168.77.0/24: the local network has the same prefix and keeps it\n",
		},
		"an access point cannot claim the company's or public addresses": {
			full4, world{local: prefixes("10.0.0.2/8 172.16.0.2/12 8.8.8.9/24 128.0.0.1/1 0.0.0.1/0")},
			"+0.0.0.0/0 dev 5\n+rule4 not 0x1\n",
		},
		"an access point cannot claim public or wide IPv6": {
			Config{Routes: prefixes("::/0"), Full: true}, world{ipv6: true, local: prefixes("2001:db8::2/64 fd00::2/32 fd01::2/64 2000::1/3 fe80::2/64")},
			"+0.0.0.0/0 dev 5\n+::/0 dev 5\n+throw fd01::/64\n+throw fe80::/10\n+rule4 not 0x1\n+rule6 not 0x1\nnote 0.0.0.0/0: " + heldBack,
		},
		"two halves are a full tunnel too": {
			Config{Routes: prefixes("0.0.0.0/1 128.0.0.0/1")}, world{local: home},
			"+0.0.0.0/1 dev 5\n+128.0.0.0/1 dev 5\n+throw 192.168.77.0/24\n+rule4 not 0x1\n",
		},
		"a point-to-point uplink has no local network": {
			full4, world{local: prefixes("10.64.64.64/32")},
			"+0.0.0.0/0 dev 5\n+rule4 not 0x1\n",
		},
		"exclusions, only where they matter": {
			Config{Routes: prefixes("10.0.0.0/8"), Exclude: prefixes("10.1.2.3/32 10.0.0.0/8 8.8.8.8/32")}, world{},
			"+throw 10.0.0.0/8\n+throw 10.1.2.3/32\n",
		},
		"an exclusion beside a route": {
			Config{Routes: prefixes("10.0.0.0/8"), Exclude: prefixes("10.1.0.0/16")}, world{},
			"+10.0.0.0/8 dev 5\n+throw 10.1.0.0/16\n+rule4 not 0x1\n",
		},
		"IPv6 is off": {
			Config{Routes: prefixes("0.0.0.0/0 ::/0"), Full: true}, world{},
			"+0.0.0.0/0 dev 5\n+rule4 not 0x1\nnote ::/0: IPv6 is off on this machine\n",
		},
		"nothing to do": {
			full4, world{local: home, have: have(dev("0.0.0.0/0"), throw("192.168.77.0/24")), rules: []rule{{mark: 1}}}, "",
		},
		"the local network has changed": {
			full4, world{local: prefixes("192.168.8.5/24"), have: have(dev("0.0.0.0/0"), throw("192.168.77.0/24")), rules: []rule{{mark: 1}}},
			"+throw 192.168.8.0/24\n-throw 192.168.77.0/24\n",
		},
		"from full to split": {
			Config{Routes: prefixes("10.99.0.0/24")},
			world{ipv6: true, local: home, have: have(dev("0.0.0.0/0"), throw("192.168.77.0/24"), dev("::/0"), throw("fe80::/10")), rules: []rule{{mark: 1}, {ipv6: true, mark: 1}}},
			"+10.99.0.0/24 dev 5\n-0.0.0.0/0 dev 5\n-throw 192.168.77.0/24\n-::/0 dev 5\n-throw fe80::/10\n-rule6 not 0x1\n",
		},
		"the device is another": {
			full4, world{have: have(routeEntry{prefix: netip.MustParsePrefix("0.0.0.0/0"), link: 4}), rules: []rule{{mark: 1}}},
			"+0.0.0.0/0 dev 5\n",
		},
		"the mark is another, and a rule stands twice": {
			full4, world{have: have(dev("0.0.0.0/0")), rules: []rule{{mark: 9}, {mark: 9}}},
			"+rule4 not 0x1\n-rule4 not 0x9\n-rule4 not 0x9\n",
		},
		"somebody removed the rule": {
			full4, world{have: have(dev("0.0.0.0/0"))}, "+rule4 not 0x1\n",
		},
		"strict filters are loosened, others left": {
			full4, world{filters: []filterState{{"eth0", 1, 1}, {"wlan0", 0, 1}, {"eth1", 2, 2}, {"eth2", 0, 0}}},
			"+0.0.0.0/0 dev 5\n+rule4 not 0x1\nloosen eth0, was 1\nloosen wlan0, was 0\n",
		},
		"no IPv4, no filter": {
			Config{Routes: prefixes("fd00::/8")}, world{ipv6: true, filters: []filterState{{"eth0", 1, 1}}},
			"+fd00::/8 dev 5\n+rule6 not 0x1\n",
		},
		"no routes at all": {Config{}, world{ipv6: true, local: home, have: have(dev("0.0.0.0/0")), rules: []rule{{mark: 1}}}, "-0.0.0.0/0 dev 5\n-rule4 not 0x1\n"},
	} {
		c.config.Interface, c.config.Mark, c.world.link = "homeward0", 1, 5
		if got := decide(c.config, c.world).print(); got != c.want {
			t.Errorf("%s:\n--- got\n%s--- want\n%s", name, got, c.want)
		}
	}
}

// TestDecideIsStable: what a plan makes needs no further plan.
func TestDecideIsStable(t *testing.T) {
	t.Parallel()
	c := Config{Interface: "homeward0", Mark: 7, Routes: prefixes("0.0.0.0/0 ::/0 10.0.0.0/8 fd00::/8"), Exclude: prefixes("10.3.0.0/16 8.8.8.8/32")}
	w := world{link: 3, ipv6: true, local: prefixes("192.168.1.2/24 fd00:1:2::5/64 10.4.0.1/16"), have: map[netip.Prefix]routeEntry{}}
	p := decide(c, w)
	for _, e := range p.add {
		w.have[e.prefix] = e
	}
	w.rules = p.addRules
	if again := decide(c, w); again.print() != "" {
		t.Fatalf("a second plan wants:\n%s", again.print())
	}
}

// TestDecideManyRoutes: ten thousand prefixes and a thousand local networks take
// no quadratic time; a quadratic plan would not end within the test's deadline.
func TestDecideManyRoutes(t *testing.T) {
	t.Parallel()
	var c Config
	for i := range 30_000 {
		c.Routes = append(c.Routes, netip.PrefixFrom(netip.AddrFrom4([4]byte{20, byte(i >> 16), byte(i >> 8), byte(i)}), 32))
	}
	w := world{link: 5}
	for i := range 3_000 {
		w.local = append(w.local, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 1}), 24))
	}
	c.Interface, c.Mark = "homeward0", 1
	if p := decide(c, w); len(p.add) != len(c.Routes) {
		t.Fatalf("%d routes, want %d", len(p.add), len(c.Routes))
	}
}

func TestBadConfig(t *testing.T) {
	t.Parallel()
	k := newMemory()
	r := newRouter(nil, nil, k)
	for name, c := range map[string]Config{
		"no interface": {Routes: prefixes("0.0.0.0/0")},
		"zero prefix":  {Interface: "homeward0", Routes: make([]netip.Prefix, 1)},
		"zero exclude": {Interface: "homeward0", Exclude: make([]netip.Prefix, 1)},
		"zero host":    {Interface: "homeward0", Hosts: make([]netip.Addr, 1)},
		"mapped host":  {Interface: "homeward0", Hosts: addrs("::ffff:10.0.0.1")},
		"no device":    {Interface: "absent", Routes: prefixes("0.0.0.0/0")},
	} {
		if err := r.Set(c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if k.changes != 0 {
		t.Errorf("a refused configuration changed something %d times", k.changes)
	}
}

func TestLocalPrefixesKeepOrder(t *testing.T) {
	t.Parallel()
	got := localPrefixes(prefixes("192.168.1.2/24 169.254.3.4/16 fe80::1/64 1.2.3.4/24"))
	want := prefixes("fe80::/10 192.168.1.0/24 169.254.0.0/16")
	if !slices.Equal(got, want) {
		t.Fatalf("%v, want %v", got, want)
	}
}
