package nat64

import (
	"net/netip"
	"slices"
	"testing"
)

var (
	prefix = netip.MustParsePrefix
	addr   = netip.MustParseAddr
)

// The examples of RFC 6052 2.4, of 192.0.2.33.
var examples = []struct{ prefix, v6 string }{
	{"2001:db8::/32", "2001:db8:c000:221::"},
	{"2001:db8:100::/40", "2001:db8:1c0:2:21::"},
	{"2001:db8:122::/48", "2001:db8:122:c000:2:2100::"},
	{"2001:db8:122:300::/56", "2001:db8:122:3c0:0:221::"},
	{"2001:db8:122:344::/64", "2001:db8:122:344:c0:2:2100::"},
	{"2001:db8:122:344::/96", "2001:db8:122:344::192.0.2.33"},
	{"64:ff9b::/96", "64:ff9b::192.0.2.33"},
}

func TestEmbedRFC6052Section24(t *testing.T) {
	t.Parallel()
	v4 := addr("192.0.2.33")
	for _, e := range examples {
		got, ok := Embed(prefix(e.prefix), v4)
		if !ok || got != addr(e.v6) {
			t.Errorf("%s: %v, %v, want %s", e.prefix, got, ok, e.v6)
		}
		if back, ok := Extract(prefix(e.prefix), addr(e.v6)); !ok || back != v4 {
			t.Errorf("%s read from %s: %v, %v", e.prefix, e.v6, back, ok)
		}
	}
}

// TestEmbedRefused: what is no prefix of a translator, and what the well-known one may
// not stand for (RFC 6052 2.2, 3.1).
func TestEmbedRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ prefix, v4 string }{
		{"2001:db8::/33", "192.0.2.33"},
		{"2001:db8::1/96", "192.0.2.33"},
		{"2001:db8:0:0:1::/96", "2001:db8::1"},
		{"2001:db8:0:0:ff00::/96", "192.0.2.33"},
		{"fe80::/64", "192.0.2.33"},
		{"ff00::/32", "192.0.2.33"},
		{"::/96", "192.0.2.33"},
		{"10.0.0.0/32", "192.0.2.33"},
		{"64:ff9b::/96", "10.1.2.3"},
		{"64:ff9b::/96", "192.168.1.1"},
		{"64:ff9b::/96", "100.64.0.1"},
		{"64:ff9b::/96", "127.0.0.1"},
		{"64:ff9b::/96", "224.0.0.1"},
	} {
		if got, ok := Embed(prefix(c.prefix), addr(c.v4)); ok {
			t.Errorf("%s in %s: %v", c.v4, c.prefix, got)
		}
	}
	if got, ok := Embed(prefix("2001:db8:64::/96"), addr("10.1.2.3")); !ok || got != addr("2001:db8:64::a01:203") {
		t.Errorf("a network's own prefix may stand for its private addresses: %v, %v", got, ok)
	}
}

func TestEmbedPrefixRFC6052Section22(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ prefix, v4, want string }{
		{"64:ff9b::/96", "198.51.100.0/24", "64:ff9b::c633:6400/120"},
		{"2001:db8::/32", "198.51.100.0/24", "2001:db8:c633:6400::/56"},
		{"2001:db8::/32", "198.51.100.7/32", "2001:db8:c633:6407::/64"},
		{"2001:db8:122:300::/56", "198.0.0.0/8", "2001:db8:122:3c6::/64"},
		{"2001:db8:122:300::/56", "198.51.0.0/16", "2001:db8:122:3c6:33::/80"},
		{"2001:db8:122:344::/64", "0.0.0.0/0", "2001:db8:122:344::/64"},
		{"2001:db8:122:344::/64", "198.51.100.0/24", "2001:db8:122:344:c6:3364::/96"},
	} {
		got, ok := EmbedPrefix(prefix(c.prefix), prefix(c.v4))
		if !ok || got != prefix(c.want) {
			t.Errorf("%s in %s: %v, %v, want %s", c.v4, c.prefix, got, ok, c.want)
		}
	}
	if got, ok := EmbedPrefix(prefix("2001:db8::/96"), prefix("2001:db8::/64")); ok {
		t.Errorf("a network of IPv6: %v", got)
	}
}

func TestPrefixesRFC7050Section3(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name         string
		answer, want []string
	}{
		{"no translator", nil, nil},
		{"a resolver that answers everything with its own address", []string{"2001:db8::53"}, nil},
		{"the IPv4 addresses themselves", []string{"192.0.0.170", "::ffff:192.0.0.171"}, nil},
		{"well-known", []string{"64:ff9b::192.0.0.170", "64:ff9b::192.0.0.171"}, []string{"64:ff9b::/96"}},
		{"one of two", []string{"64:ff9b::192.0.0.171"}, []string{"64:ff9b::/96"}},
		{"of 32 bits", []string{"2001:db8:c000:aa::", "2001:db8:c000:ab::"}, []string{"2001:db8::/32"}},
		{"of 40 bits", []string{"2001:db8:1c0:0:aa::"}, []string{"2001:db8:100::/40"}},
		{"of 48 bits", []string{"2001:db8:122:c000:0:aa00::"}, []string{"2001:db8:122::/48"}},
		{"of 56 bits", []string{"2001:db8:122:3c0:0:aa::"}, []string{"2001:db8:122:300::/56"}},
		{"of 64 bits, with a suffix", []string{"2001:db8:122:344:c0:0:aa00:7"}, []string{"2001:db8:122:344::/64"}},
		{"two prefixes", []string{"2001:db8:64::192.0.0.170", "64:ff9b::192.0.0.170", "2001:db8:64::192.0.0.171", "64:ff9b::192.0.0.171"},
			[]string{"2001:db8:64::/96", "64:ff9b::/96"}},
		{"the one with both addresses first", []string{"2001:db8:64::192.0.0.170", "64:ff9b::192.0.0.170", "64:ff9b::192.0.0.171"},
			[]string{"64:ff9b::/96", "2001:db8:64::/96"}},
		{"too many", []string{"2001:db8:1::192.0.0.170", "2001:db8:2::192.0.0.170", "2001:db8:3::192.0.0.170", "2001:db8:4::192.0.0.170", "2001:db8:5::192.0.0.170"},
			[]string{"2001:db8:1::/96", "2001:db8:2::/96", "2001:db8:3::/96", "2001:db8:4::/96"}},
	} {
		var answer []netip.Addr
		for _, a := range c.answer {
			answer = append(answer, addr(a))
		}
		var want []netip.Prefix
		for _, p := range c.want {
			want = append(want, prefix(p))
		}
		if got := Prefixes(answer); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", c.name, got, want)
		}
	}
}

// FuzzPrefixes: whatever an answer holds, each prefix found is one, and leads an address
// of the answer back to one of the name's.
func FuzzPrefixes(f *testing.F) {
	for _, e := range examples {
		a, b := addr(e.v6).As16(), addr("64:ff9b::192.0.0.170").As16()
		f.Add(append(a[:], b[:]...))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var answer []netip.Addr
		for len(raw) >= 16 && len(answer) < 32 {
			answer = append(answer, netip.AddrFrom16([16]byte(raw[:16])))
			raw = raw[16:]
		}
		found := Prefixes(answer)
		if len(found) > MaxPrefixes {
			t.Fatalf("%d prefixes", len(found))
		}
		for _, p := range found {
			if !Valid(p) {
				t.Fatalf("%v is no prefix of a translator", p)
			}
			if !slices.ContainsFunc(answer, func(a netip.Addr) bool {
				v4, ok := Extract(p, a)
				return ok && slices.Contains(names, v4)
			}) {
				t.Fatalf("%v is in none of %v", p, answer)
			}
			v4 := addr("203.0.113.1")
			v6, ok := Embed(p, v4)
			if back, read := Extract(p, v6); !ok || !read || back != v4 {
				t.Fatalf("%v: %v, %v, %v", p, v6, ok, back)
			}
		}
	})
}
