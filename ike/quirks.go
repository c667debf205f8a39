package ike

import (
	"encoding/binary"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/homeward-vpn/homeward/ike/wire"
)

// Gateways that bend the rules, and what is done about it: this file is the one
// place. A quirk is chosen by the configuration (Config.Quirks), recognised from
// what the gateway does, or both; each is logged when it is made use of. What is
// not in the table is not done.

// Quirk names one way in which gateways bend the rules. The names are keywords of
// profiles as well.
type Quirk string

// The quirks.
const (
	// QuirkESPToOldPort: the gateway goes on sending ESP to the port that
	// IKE_SA_INIT came from, though IKE has moved to 4500 (Windows RRAS). A NAT that
	// keeps a mapping for each destination has no way in for that. The handshake
	// begins on 4500, so that there is one port only. ESP is known by its SPI, and
	// taken from whatever port it comes.
	QuirkESPToOldPort Quirk = "esp-to-old-port"
	// QuirkNoIDr: the gateway fails when it is sent an IDr, or answers with a name
	// that has nothing to do with the one that was asked for. None is sent, and its
	// own is not compared: the names in its certificate, which the owner judges, say
	// who it is; with a shared key whoever holds that key.
	QuirkNoIDr Quirk = "no-idr"
	// QuirkRekeyWithoutPFS: the gateway refuses the key exchange in the rekey of a
	// Child SA, for which it is configured without. A configuration that insists on
	// one (no proposal with suite.GroupNone) is not bent.
	QuirkRekeyWithoutPFS Quirk = "rekey-without-pfs"
	// QuirkLongEAPSuccess: an EAP-Success or EAP-Failure of more than 4 octets
	// (FortiGate sends 5, after a second challenge).
	QuirkLongEAPSuccess Quirk = "long-eap-success"
	// QuirkDomainLists: INTERNAL_DNS_DOMAIN holds several names behind ; or , or
	// white space.
	QuirkDomainLists Quirk = "domain-lists"
)

// QuirkRow says what is known of a quirk.
type QuirkRow struct {
	Name       Quirk
	Bends      string // the rule
	Chosen     bool   // a configuration may name it
	Recognised bool   // it is seen from what the gateway does
}

// Quirks is the table.
func Quirks() []QuirkRow {
	return []QuirkRow{
		{QuirkESPToOldPort, "RFC 7296 2.23, RFC 3948 3: after the move to port 4500 everything uses that", true, false},
		{QuirkNoIDr, "RFC 7296 1.2, 3.5: IDr tells a gateway of several names which one is meant", true, false},
		{QuirkRekeyWithoutPFS, "RFC 7296 2.17, 1.3.3: a rekey may bring a key exchange of its own", true, true},
		{QuirkLongEAPSuccess, "RFC 3748 4.2: Success and Failure have 4 octets", false, true},
		{QuirkDomainLists, "RFC 8598 3.1: one name in each attribute", false, true},
	}
}

// checkQuirks refuses what is not in the table, or cannot be chosen.
func (c *Config) checkQuirks() error {
	for _, q := range c.Quirks {
		if !slices.ContainsFunc(Quirks(), func(r QuirkRow) bool { return r.Name == q && r.Chosen }) {
			return fmt.Errorf("ike: config with an unknown quirk %q", string(q))
		}
	}
	return nil
}

// bend makes the configuration what the chosen quirks want. Later code does not
// know that there are quirks.
func (c *Config) bend() {
	if slices.Contains(c.Quirks, QuirkESPToOldPort) {
		c.Encap = true
	}
	if slices.Contains(c.Quirks, QuirkNoIDr) {
		c.GatewayIdentity = nil
	}
}

// recognise notes a quirk that the gateway has shown, once.
func (s *Session) recognise(q Quirk) {
	if slices.Contains(s.seenQuirks, q) {
		return
	}
	s.seenQuirks = append(s.seenQuirks, q)
	s.log.Info("the gateway bends a rule, and is taken as it is", "quirk", string(q))
}

// bends says whether a quirk has been chosen or recognised.
func (s *Session) bends(q Quirk) bool {
	return slices.Contains(s.cfg.Quirks, q) || slices.Contains(s.seenQuirks, q)
}

// logQuirks tells which quirks the configuration has chosen.
func (s *Session) logQuirks() {
	for _, q := range s.cfg.Quirks {
		s.log.Info("a quirk of the gateway is allowed for, as configured", slog.String("quirk", string(q)))
	}
}

// longEAPEnd says whether an EAP packet is a Success or Failure with more in it
// than there should be.
func longEAPEnd(b []byte) bool {
	const success, failure = 3, 4
	return len(b) >= 4 && (b[0] == success || b[0] == failure) && (len(b) > 4 || binary.BigEndian.Uint16(b[2:]) != 4)
}

// domainSeparator says whether r stands between the names of a list.
func domainSeparator(r rune) bool {
	return r == ';' || r == ',' || r == ' ' || r == '\t' || r == 0
}

// listsDomains says whether any INTERNAL_DNS_DOMAIN is a list.
func listsDomains(p *wire.CPPayload) bool {
	return p != nil && slices.ContainsFunc(p.Attributes, func(a wire.ConfigAttribute) bool {
		return a.Type == wire.InternalDNSDomain && len(strings.FieldsFunc(string(a.Value), domainSeparator)) > 1
	})
}
