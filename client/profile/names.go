package profile

import (
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/publicsuffix"
)

// The limits of texts, in bytes.
const (
	MaxName = 128
	maxText = 1024
	maxHost = 253 // RFC 1035 2.3.4, without the root's own length byte
)

// printable says that s is valid UTF-8 without control characters, line
// breaks and invisible format characters, so that it can stand in a terminal,
// a log line or a window without changing what stands around it.
func printable(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return false
		}
	}
	return true
}

// CleanText makes one printable line of at most limit bytes from foreign text:
// white space is collapsed, everything else that does not print is dropped.
func CleanText(s string, limit int) string {
	var b strings.Builder
	for _, field := range strings.Fields(strings.ToValidUTF8(s, "")) {
		sep := b.Len() > 0
		for _, r := range field {
			if !unicode.IsPrint(r) {
				continue
			}
			need := utf8.RuneLen(r)
			if sep {
				need++
			}
			if b.Len()+need > limit {
				return b.String()
			}
			if sep {
				b.WriteByte(' ')
				sep = false
			}
			b.WriteRune(r)
		}
	}
	return b.String()
}

// CleanName makes a valid profile name from foreign text, or "" when nothing
// of it can be kept. A leading dash goes, because a person types the name
// after a command.
func CleanName(s string) string {
	return strings.TrimSpace(strings.TrimLeft(CleanText(s, MaxName), "- "))
}

// ValidHostname says that s is a DNS name in its ASCII form: letters, digits,
// dashes and underscores in labels of 1 to 63, the last label not all digits
// (RFC 1123 2.1). A trailing dot is not accepted.
func ValidHostname(s string) bool {
	if s == "" || len(s) > maxHost {
		return false
	}
	labels := strings.Split(s, ".")
	for _, l := range labels {
		if !validLabel(l) {
			return false
		}
	}
	return strings.Trim(labels[len(labels)-1], "0123456789") != ""
}

func validLabel(l string) bool {
	if l == "" || len(l) > 63 || l[0] == '-' || l[len(l)-1] == '-' {
		return false
	}
	for _, c := range []byte(l) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_':
		default:
			return false
		}
	}
	return true
}

// PublicSuffix says that domain is one under which the public registers names
// ("com", "co.uk"). No company owns all names below it, so none may send them
// to its own resolver. A private top level such as "corp" is not one.
func PublicSuffix(domain string) bool {
	d := strings.ToLower(strings.TrimSuffix(domain, "."))
	if d == "" {
		return true
	}
	suffix, icann := publicsuffix.PublicSuffix(d)
	return icann && suffix == d
}

// validGateway accepts a host name or a unicast address without a zone.
func validGateway(s string) bool {
	if a, err := netip.ParseAddr(s); err == nil {
		return usableAddr(a)
	}
	return ValidHostname(s)
}

// usableAddr accepts an address that a packet can be sent to.
func usableAddr(a netip.Addr) bool {
	return a.IsValid() && a.Zone() == "" && !a.Is4In6() && !a.IsUnspecified() && !a.IsMulticast() &&
		a != netip.AddrFrom4([4]byte{255, 255, 255, 255})
}
