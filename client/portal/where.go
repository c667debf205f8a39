package portal

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// Where a portal may be. A stranger names the host, and answers for its name, so what
// he says must lead nobody to this machine's own programs, to the networks inside it,
// to another VPN's, or to where a cloud keeps its machines' secrets. Portals are at
// private addresses as often as at public ones, so those are no reason to refuse.

// barred are networks in which nobody's portal is.
var barred = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),      // this host (RFC 6890)
	netip.MustParsePrefix("127.0.0.0/8"),    // loopback
	netip.MustParsePrefix("169.254.0.0/16"), // link-local, and most clouds' metadata
	netip.MustParsePrefix("224.0.0.0/3"),    // groups, reserved, broadcast
	netip.MustParsePrefix("::/96"),          // unspecified, loopback, IPv4-compatible
	netip.MustParsePrefix("fe80::/10"),      // link-local, which a URL cannot name (RFC 6874)
	netip.MustParsePrefix("ff00::/8"),       // groups
	// The metadata of clouds that keep it elsewhere.
	netip.MustParsePrefix("100.100.100.200/32"),
	netip.MustParsePrefix("168.63.129.16/32"),
	netip.MustParsePrefix("fd00:ec2::254/128"),
	netip.MustParsePrefix("fd20:ce::254/128"),
}

// translated is where an IPv6 address that stands for an IPv4 address has that
// (RFC 6052 2.1, the well-known prefix; RFC 3056 2).
var translated = []struct {
	prefix netip.Prefix
	at     int
}{
	{netip.MustParsePrefix("64:ff9b::/96"), 12},
	{netip.MustParsePrefix("2002::/16"), 2},
}

// habitable says why a portal cannot be at an address; nil: it can. own are this
// machine's addresses, and the networks inside it.
func habitable(a netip.Addr, own []netip.Prefix) error {
	a = a.Unmap()
	within := func(p netip.Prefix) bool { return p.Contains(a) }
	switch {
	case !a.IsValid() || a.Zone() != "":
		return fmt.Errorf("portal: %v is no address of a portal", a)
	case slices.ContainsFunc(barred, within):
		return fmt.Errorf("portal: %v is no address that a portal can have", a)
	case slices.ContainsFunc(own, within):
		return fmt.Errorf("portal: %v is inside this machine", a)
	}
	for _, t := range translated {
		if t.prefix.Contains(a) {
			b := a.As16()
			return habitable(netip.AddrFrom4([4]byte(b[t.at:t.at+4])), own)
		}
	}
	return nil
}

// address takes a URL that a browser may be sent to: http or https, of a host that is
// not by its very name inside this machine, in the characters of RFC 3986.
func address(raw string) (*url.URL, error) {
	if len(raw) > urlLimit {
		return nil, fmt.Errorf("an address of %d characters", len(raw))
	}
	if strings.ContainsFunc(raw, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, fmt.Errorf("%.100q is no address (RFC 3986 2)", raw)
	}
	u, err := url.Parse(raw)
	if err != nil {
		return nil, err
	}
	host := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	if u.Scheme != "http" && u.Scheme != "https" || host == "" || u.User != nil || u.Opaque != "" {
		return nil, fmt.Errorf("%.100q is no address of a page", raw)
	}
	if host == "localhost" || strings.HasSuffix(host, ".localhost") { // RFC 6761 6.3
		return nil, fmt.Errorf("%.100q is inside this machine", raw)
	}
	if a, err := netip.ParseAddr(host); err == nil {
		return u, habitable(a, nil)
	}
	return u, nil
}
