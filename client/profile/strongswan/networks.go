package strongswan

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/importer"
)

// maxNetworks bounds a list of networks.
const maxNetworks = 16384

// Networks is a list of networks as a file wrote it.
type Networks struct {
	Prefixes []netip.Prefix // each once, masked
	Full     bool           // all of a family is among them
	Dynamic  bool           // what the gateway says is among them
	Narrowed int            // entries for single protocols or ports, taken without those
	Bad      []string       // what is no network

	seen map[netip.Prefix]bool
}

// ParseNetworks reads networks, single addresses and ranges "10.0.0.1-10.0.0.9". A
// protocol and ports in brackets behind one ("10.0.0.0/8[tcp/80]") are left out.
func ParseNetworks(entries []string) (n Networks) {
	for _, entry := range entries {
		entry = strings.TrimSpace(entry)
		text, ports, bracket := strings.Cut(entry, "[")
		if bracket && strings.Trim(ports, "]") != "" {
			n.Narrowed++
		}
		switch text = strings.TrimSpace(text); {
		case text == "":
		case text == "dynamic" || text == "%dynamic":
			n.Dynamic = true
		default:
			if !n.add(text) && len(n.Bad) < 8 {
				n.Bad = append(n.Bad, profile.CleanText(entry, 60))
			}
		}
	}
	return n
}

func (n *Networks) add(text string) bool {
	if low, high, isRange := strings.Cut(text, "-"); isRange {
		return n.addRange(low, high)
	}
	p, ok := importer.Prefix(text)
	return ok && n.addPrefix(p)
}

func (n *Networks) addPrefix(p netip.Prefix) bool {
	switch {
	case p.Bits() == 0:
		n.Full = true
	case p.Addr().IsMulticast() || len(n.Prefixes) >= maxNetworks:
		return false
	case !n.seen[p]:
		if n.seen == nil {
			n.seen = map[netip.Prefix]bool{}
		}
		n.seen[p] = true
		n.Prefixes = append(n.Prefixes, p)
	}
	return true
}

// addRange cuts a range into the largest networks that it is made of.
func (n *Networks) addRange(low, high string) bool {
	from, err := netip.ParseAddr(strings.TrimSpace(low))
	to, err2 := netip.ParseAddr(strings.TrimSpace(high))
	if err != nil || err2 != nil || from.BitLen() != to.BitLen() || from.Zone() != "" || to.Zone() != "" || from.Is4In6() || to.Less(from) {
		return false
	}
	for {
		bits := from.BitLen()
		for bits > 0 {
			wider := netip.PrefixFrom(from, bits-1)
			if wider.Masked().Addr() != from || to.Less(last(wider)) {
				break
			}
			bits--
		}
		p := netip.PrefixFrom(from, bits)
		if !n.addPrefix(p) {
			return false
		}
		end := last(p)
		if end == to {
			return true
		}
		from = end.Next()
	}
}

// last is the last address of a network.
func last(p netip.Prefix) netip.Addr {
	b := p.Masked().Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 1 << (7 - i%8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// Told says for the report what became of a list; note is of one that was taken
// over whole.
func (n Networks) Told(note string) (profile.Verdict, string) {
	var notes []string
	if note != "" {
		notes = append(notes, note)
	}
	verdict := profile.Honoured
	if n.Narrowed > 0 {
		verdict = profile.Approximated
		notes = append(notes, "single protocols and ports are not told apart: all that goes there is meant")
	}
	if len(n.Bad) > 0 {
		verdict = profile.Approximated
		notes = append(notes, fmt.Sprintf("left out, for not being networks: %s", strings.Join(n.Bad, ", ")))
	}
	if len(n.Bad) > 0 && len(n.Prefixes) == 0 && !n.Full && !n.Dynamic {
		return profile.Refused, "there are no networks in it"
	}
	return verdict, strings.Join(notes, "; ")
}

// Public says that some of the networks are more than somebody's own: to leave them
// out of a full tunnel lowers security.
func Public(list []netip.Prefix) bool {
	return slices.ContainsFunc(list, importer.Public)
}

// Servers reads addresses that a question can be sent to, and counts the others.
func Servers(entries []string) (list []netip.Addr, bad int) {
	for _, entry := range entries {
		a, ok := importer.Server(entry)
		switch {
		case strings.TrimSpace(entry) == "" || ok && slices.Contains(list, a):
		case !ok || len(list) == maxServers:
			bad++
		default:
			list = append(list, a)
		}
	}
	return list, bad
}

const maxServers = 16
