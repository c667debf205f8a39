package strongswan

import (
	"encoding/hex"
	"net/netip"
	"strings"

	"github.com/homeward-vpn/homeward/client/profile"
)

// kinds are the prefixes of an identity, and the kinds of which a profile has none.
// The number is that of RFC 7296 3.5, as in "{2}:vpn.example.com".
var kinds = map[string]struct{ as, lacks string }{
	"ipv4": {as: "ipv4"}, "{1}": {as: "ipv4"},
	"fqdn": {as: "fqdn"}, "dns": {as: "fqdn"}, "{2}": {as: "fqdn"},
	"rfc822": {as: "email"}, "email": {as: "email"}, "userfqdn": {as: "email"}, "{3}": {as: "email"},
	"ipv6": {as: "ipv6"}, "{5}": {as: "ipv6"},
	"asn1dn": {as: "asn1dn"}, "{9}": {as: "asn1dn"},
	"keyid": {as: "keyid"}, "{11}": {as: "keyid"},
	"asn1gn": {lacks: "general name"}, "{10}": {lacks: "general name"},
	"uri": {lacks: "URI"}, "xmppaddr": {lacks: "XMPP address"},
	"ipv4net": {lacks: "network"}, "ipv6net": {lacks: "network"}, "ipv4range": {lacks: "range"}, "ipv6range": {lacks: "range"},
}

// maxIdentity bounds an identity in a profile, in bytes.
const maxIdentity = 512

// Identity reads an identity as strongSwan's files write it, and gives it as a
// profile does. Empty without a reason: it stands for anybody. A profile spells
// them the same way, but for these: hex digits behind a prefix, numbers in braces,
// and kinds that it does not have, which are the reason that is given.
func Identity(text string) (id, reason string) {
	text = strings.TrimSpace(text)
	if anybody(text) {
		return "", ""
	}
	if profile.CleanText(text, maxIdentity) != text {
		return "", "it has characters that cannot be shown, or too many"
	}
	prefix, rest, prefixed := strings.Cut(text, ":")
	kind, known := kinds[strings.ToLower(prefix)]
	switch {
	case prefixed && known:
		return typed(kind.as, kind.lacks, strings.TrimSpace(rest))
	case prefixed && strings.HasPrefix(prefix, "{"):
		return "", "it is of the kind " + profile.CleanText(prefix, 20) + ", which this version does not have"
	case strings.HasPrefix(text, "@#"):
		if b, err := hex.DecodeString(text[2:]); err != nil || len(b) == 0 {
			return "", "what follows @# is not hex digits"
		}
	case strings.HasPrefix(text, "@") && strings.Trim(text, "@") == "":
		return "", "it is empty"
	}
	return text, ""
}

// anybody says that an identity is none in particular.
func anybody(text string) bool {
	switch text {
	case "", "*", "0.0.0.0", "::", "@*", "%identity":
		return true
	}
	return strings.HasPrefix(text, "%any")
}

// Pattern says that an identity has a wildcard, and so is nobody's own.
func Pattern(id string) bool { return strings.Contains(id, "*") }

// typed reads what follows a prefix.
func typed(as, lacks, rest string) (id, reason string) {
	if lacks != "" {
		return "", "it is a " + lacks + ", which this version does not have as an identity"
	}
	if digits, ok := strings.CutPrefix(rest, "#"); ok {
		b, err := hex.DecodeString(digits)
		if err != nil || len(b) == 0 {
			return "", "what follows # is not hex digits"
		}
		return binary(as, b)
	}
	if rest == "" {
		return "", "it is empty"
	}
	if a, err := netip.ParseAddr(rest); (as == "ipv4" || as == "ipv6") && (err != nil || a.Zone() != "" || a.Is4() != (as == "ipv4")) {
		return "", "it is not such an address"
	}
	return as + ":" + rest, ""
}

// binary writes the octets of an identity as text.
func binary(as string, b []byte) (id, reason string) {
	switch as {
	case "keyid":
		return "@#" + hex.EncodeToString(b), ""
	case "ipv4", "ipv6":
		a, ok := netip.AddrFromSlice(b)
		if !ok || a.Is4() != (as == "ipv4") {
			return "", "it is not such an address"
		}
		return as + ":" + a.String(), ""
	case "fqdn", "email":
		if text := string(b); profile.CleanText(text, maxIdentity) == text {
			return as + ":" + text, ""
		}
		return "", "it has characters that cannot be shown"
	}
	return "", "it is a distinguished name in hex digits, which this version does not read; write it as text"
}
