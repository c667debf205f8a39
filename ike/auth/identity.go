package auth

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/homeward-vpn/homeward/ike/wire"
)

// Identification types (RFC 7296 3.5).
const (
	IDIPv4   uint8 = 1
	IDFQDN   uint8 = 2
	IDRFC822 uint8 = 3
	IDIPv6   uint8 = 5
	IDDERDN  uint8 = 9
	IDKeyID  uint8 = 11
)

// Identity is who an IKE peer says it is.
type Identity struct {
	Type uint8
	Data []byte // an address in network order, text, or DER of a distinguished name
}

// IdentityError says that a text is not an identity.
type IdentityError struct{ Text, Reason string }

// Error implements error.
func (e *IdentityError) Error() string {
	return fmt.Sprintf("auth: identity %q: %s", e.Text, e.Reason)
}

const nobody = "it names nobody in particular"

// prefixes force a type, as in "keyid:office" or "email:a@example.com".
var prefixes = map[string]uint8{
	"ipv4": IDIPv4, "ipv6": IDIPv6,
	"fqdn": IDFQDN, "dns": IDFQDN,
	"rfc822": IDRFC822, "email": IDRFC822, "userfqdn": IDRFC822,
	"asn1dn": IDDERDN, "dn": IDDERDN,
	"keyid": IDKeyID,
}

// ParseIdentity reads an identity as people write it: a type prefix and a
// colon; else text with "=" is a distinguished name (a key ID where it does not
// read as one), "@#" and hex digits a key ID, "@@" an e-mail address, "@" a
// domain name, text with "@" inside an e-mail address, text with ":" an IPv6
// address (else a key ID), then IPv4, and a domain name for all the rest.
func ParseIdentity(text string) (Identity, error) {
	text = strings.TrimSpace(text)
	if kind, rest, ok := strings.Cut(text, ":"); ok {
		if t, known := prefixes[strings.ToLower(kind)]; known {
			return typedIdentity(t, text, rest)
		}
	}
	switch {
	case text == "" || text == "*" || strings.HasPrefix(text, "%any"):
		return Identity{}, &IdentityError{text, nobody}
	case strings.Contains(text, "="):
		if der, err := encodeDN(text); err == nil {
			return Identity{IDDERDN, der}, nil
		}
		return Identity{IDKeyID, []byte(text)}, nil
	case strings.HasPrefix(text, "@#"):
		b, err := hex.DecodeString(text[2:])
		if err != nil || len(b) == 0 {
			return Identity{}, &IdentityError{text, "what follows @# is not hex digits"}
		}
		return Identity{IDKeyID, b}, nil
	case strings.HasPrefix(text, "@@"):
		return typedIdentity(IDRFC822, text, text[2:])
	case strings.HasPrefix(text, "@"):
		return typedIdentity(IDFQDN, text, text[1:])
	case strings.Contains(text, "@"):
		return Identity{IDRFC822, []byte(text)}, nil
	}
	if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
		if a.Unmap().IsUnspecified() {
			return Identity{}, &IdentityError{text, nobody}
		}
		return addressIdentity(a), nil
	}
	if strings.Contains(text, ":") {
		return Identity{IDKeyID, []byte(text)}, nil
	}
	return Identity{IDFQDN, []byte(text)}, nil
}

// typedIdentity reads the part of text that follows what gave the type.
func typedIdentity(t uint8, text, rest string) (Identity, error) {
	if t != IDKeyID { // whose octets are nobody's but its owner's
		rest = strings.TrimSpace(rest)
	}
	if rest == "" {
		return Identity{}, &IdentityError{text, "it is empty"}
	}
	switch t {
	case IDIPv4, IDIPv6:
		a, err := netip.ParseAddr(rest)
		if err != nil || a.Zone() != "" || a.Is4() != (t == IDIPv4) || a.Is4In6() || a.IsUnspecified() {
			return Identity{}, &IdentityError{text, "it is not such an address"}
		}
		return Identity{t, a.AsSlice()}, nil
	case IDDERDN:
		der, err := encodeDN(rest)
		if err != nil {
			return Identity{}, &IdentityError{text, err.Error()}
		}
		return Identity{t, der}, nil
	}
	return Identity{t, []byte(rest)}, nil
}

// AddressIdentity is the identity of a host by its address.
func AddressIdentity(a netip.Addr) Identity { return addressIdentity(a.WithZone("")) }

func addressIdentity(a netip.Addr) Identity {
	a = a.Unmap()
	if a.Is4() {
		return Identity{IDIPv4, a.AsSlice()}
	}
	return Identity{IDIPv6, a.AsSlice()}
}

// FromPayload takes the identity out of an ID payload. Data is copied.
func FromPayload(p *wire.IDPayload) Identity {
	return Identity{p.IDType, bytes.Clone(p.Data)}
}

// Payload makes IDr, or IDi. It shares Data.
func (i Identity) Payload(responder bool) *wire.IDPayload {
	return &wire.IDPayload{Responder: responder, IDType: i.Type, Data: i.Data}
}

// Body is the ID payload without its generic header, which is what AUTH covers
// (RFC 7296 2.15).
func (i Identity) Body() []byte { return i.Payload(false).AppendBody(nil) }

// Equal compares type and value; letters of domain names and of the domain in
// e-mail addresses in either case, distinguished names by their parts.
func (i Identity) Equal(o Identity) bool {
	if i.Type != o.Type || bytes.Equal(i.Data, o.Data) {
		return i.Type == o.Type
	}
	switch i.Type {
	case IDFQDN:
		return equalName(string(i.Data), string(o.Data))
	case IDRFC822:
		return equalEmail(string(i.Data), string(o.Data))
	case IDDERDN:
		return equalDN(i.Data, o.Data)
	}
	return bytes.Equal(i.Data, o.Data)
}

// String is text that ParseIdentity reads back as an equal identity, as long
// as the type is known and the value well formed.
func (i Identity) String() string {
	switch i.Type {
	case IDIPv4, IDIPv6:
		a, ok := netip.AddrFromSlice(i.Data)
		if ok && a.Is4() == (i.Type == IDIPv4) {
			return a.String()
		}
	case IDFQDN, IDRFC822:
		if text := string(i.Data); printable(text) {
			return i.spell(text)
		}
	case IDDERDN:
		if text, err := decodeDN(i.Data); err == nil {
			return text
		}
	case IDKeyID:
		if text := string(i.Data); printable(text) {
			return "keyid:" + text
		}
		return "@#" + hex.EncodeToString(i.Data)
	}
	return fmt.Sprintf("type %d %x", i.Type, i.Data)
}

// spell adds the mark that a name needs to be read as what it is.
func (i Identity) spell(text string) string {
	if back, err := ParseIdentity(text); err == nil && back.Type == i.Type && string(back.Data) == text {
		return text
	}
	if i.Type == IDFQDN {
		return "fqdn:" + text
	}
	return "email:" + text
}

func printable(text string) bool {
	if text == "" || !utf8.ValidString(text) || strings.TrimSpace(text) != text {
		return false
	}
	return strings.IndexFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) < 0
}
