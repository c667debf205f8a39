package importer

import (
	"net/netip"
	"strings"

	"golang.org/x/net/idna"

	"github.com/homeward-vpn/homeward/client/profile"
)

// Gateway gives the gateway's address in the model's form: a host name in
// ASCII, or an address without brackets. name is the connection's, for the
// sentence.
func Gateway(name, text string) (string, error) {
	text = strings.TrimSpace(text)
	switch {
	case text == "":
		return "", Incomplete("%s names no gateway; ask for a complete profile", Quote(name))
	case Template(text):
		return "", Incomplete("%s is a template that was not filled in: its gateway is %s", Quote(name), Quote(text))
	}
	address := strings.TrimSuffix(text, ".")
	if inner, ok := strings.CutPrefix(text, "["); ok {
		address = strings.TrimSuffix(inner, "]")
	}
	if _, err := netip.ParseAddr(address); err == nil || profile.ValidHostname(address) {
		return address, nil
	}
	ascii, err := idna.Lookup.ToASCII(address)
	if err != nil || !profile.ValidHostname(ascii) {
		return "", Incomplete("%s cannot be used: its gateway %s is neither a host name nor an address", Quote(name), Quote(text))
	}
	return ascii, nil
}

// Template says that a text is a mark to be replaced, and no value: {{host}},
// ${HOST}, %HOST%, <host>.
func Template(text string) bool {
	return strings.ContainsAny(text, "{}$<>@ ") || strings.HasPrefix(text, "%")
}

// Domain gives a domain in ASCII and small letters, without the dots and
// wildcards that are written around it.
func Domain(text string) (string, bool) {
	text = strings.TrimSpace(text)
	name := strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(text, "*"), "."), ".")
	if profile.ValidHostname(name) {
		return strings.ToLower(name), true
	}
	ascii, err := idna.Lookup.ToASCII(name)
	return ascii, err == nil && profile.ValidHostname(ascii)
}

// Server gives the address of a name server.
func Server(text string) (netip.Addr, bool) {
	a, err := netip.ParseAddr(strings.TrimSpace(text))
	if err != nil || a.Zone() != "" || a.Is4In6() || a.IsUnspecified() || a.IsMulticast() {
		return netip.Addr{}, false
	}
	return a, a != netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

// Prefix gives a network with no bits behind its length; a bare address is one
// host.
func Prefix(text string) (netip.Prefix, bool) {
	text = strings.TrimSpace(text)
	if a, err := netip.ParseAddr(text); err == nil {
		p := netip.PrefixFrom(a, a.BitLen())
		return p, a.Zone() == "" && usable(p)
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, false
	}
	return p.Masked(), usable(p)
}

func usable(p netip.Prefix) bool {
	a := p.Addr()
	return !a.Is4In6() && !a.IsMulticast()
}

// own are the networks of homes and companies (RFC 1918, RFC 4193), and those
// that no router carries.
var own = []netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("169.254.0.0/16"), netip.MustParsePrefix("127.0.0.0/8"),
	netip.MustParsePrefix("fc00::/7"), netip.MustParsePrefix("fe80::/10"), netip.MustParsePrefix("::1/128"),
}

// Public says that a prefix is more than somebody's own network: to let it go
// beside a tunnel for everything else lowers security.
func Public(p netip.Prefix) bool {
	for _, o := range own {
		if o.Bits() <= p.Bits() && o.Contains(p.Addr()) {
			return false
		}
	}
	return true
}
