package mobileconfig

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/homeward-vpn/homeward/client/profile"
)

// The payload types that matter here. Certificates are in certificates.go.
const (
	typeProfile = "Configuration"
	typeVPN     = "com.apple.vpn.managed"
	typePerApp  = "com.apple.vpn.managed.applayer"
)

// payload is one entry of the profile's PayloadContent.
type payload struct {
	index int
	dict  *value
	typ   string
}

func (p payload) text(key string) string { return newSection("", p.dict).text(key) }

// label names the payload in a sentence.
func (p payload) label() string {
	name := p.text("PayloadDisplayName")
	if name == "" {
		name = p.text("PayloadIdentifier")
	}
	if name == "" {
		return fmt.Sprintf("payload %d", p.index+1)
	}
	return fmt.Sprintf("payload %d, %s", p.index+1, quote(name))
}

// path stands before the payload's keys in the report.
func (p payload) path() string { return fmt.Sprintf("Payload[%d].", p.index) }

// container is the whole profile.
type container struct {
	source   source
	head     *section
	payloads []payload
	certs    *certificates
}

// readContainer reads the profile around the payloads, then each VPN payload.
func readContainer(root *value, src source) ([]profile.Imported, error) {
	c := &container{source: src, head: newSection("Profile.", root)}
	if root.kind != kindDict || c.head.text("PayloadType") != typeProfile {
		return nil, profile.NewImportError(profile.ImportForeign, "the file is a property list, but not a configuration profile")
	}
	if c.head.flag("IsEncrypted", false) || c.head.get("EncryptedPayloadContent") != nil {
		return nil, encrypted()
	}
	if err := c.checkDates(); err != nil {
		return nil, err
	}
	if err := c.readPayloads(); err != nil {
		return nil, err
	}
	var err error
	if c.certs, err = readCertificates(c.payloads, src.options); err != nil {
		return nil, err
	}
	c.tellHead()
	return c.connections()
}

// The bounds of a profile. Each connection's report names every payload, so
// together they bound the work.
const (
	maxPayloads    = 256
	maxConnections = 32
)

func (c *container) readPayloads() error {
	content := c.head.get("PayloadContent")
	if content == nil {
		return incomplete("the profile is empty: it has no PayloadContent")
	}
	if content.kind != kindArray {
		return damaged("the file is damaged: PayloadContent is not a list")
	}
	if len(content.list) > maxPayloads {
		return damaged("the file holds more than %d payloads, which no profile does", maxPayloads)
	}
	for i, v := range content.list {
		if v.kind != kindDict {
			return damaged("the file is damaged: payload %d is not a dictionary", i+1)
		}
		p := payload{index: i, dict: v}
		p.typ = p.text("PayloadType")
		c.payloads = append(c.payloads, p)
	}
	return nil
}

// checkDates refuses a profile whose time is over.
func (c *container) checkDates() error {
	for _, key := range []string{"PayloadExpirationDate", "RemovalDate"} {
		v := c.head.get(key)
		if v == nil || v.kind != kindDate {
			continue
		}
		end, err := time.Parse(time.RFC3339, v.text)
		if err == nil && end.Before(c.source.options.Now) {
			return profile.NewImportError(profile.ImportExpired,
				"this profile was valid until %s; ask for a newer one", end.Format("2 January 2006"))
		}
	}
	return nil
}

// tellHead reports the keys around the payloads.
func (c *container) tellHead() {
	h := c.head
	h.told["PayloadContent"] = true // its entries are reported one by one
	h.honour("PayloadType", "")
	h.honour("PayloadIdentifier", "a later file with the same identifier replaces this connection")
	h.honour("PayloadOrganization", "")
	h.honour("PayloadDescription", "")
	h.honour("PayloadDisplayName", "")
	if h.get("ConsentText") != nil {
		h.honour("ConsentText", "it is taken over only by who agrees to: "+profile.CleanText(c.consent(), 1000))
	}
	h.ignoreAll("only names the file", "PayloadVersion", "PayloadUUID")
	h.ignoreAll("you may remove every connection that you imported", "PayloadRemovalDisallowed", "HasRemovalPasscode")
	h.ignoreAll("nothing is removed by itself; remove the connection by then",
		"RemovalDate", "DurationUntilRemoval", "PayloadExpirationDate")
	h.ignore("PayloadScope", "a connection belongs to the user who imports it")
	h.ignore("TargetDeviceType", "for Apple devices")
	h.ignore("IsEncrypted", "the profile is not encrypted")
	h.rest(unknown)
}

// consent picks the text that a person agrees to: in the person's language, the default one,
// English, or the first.
func (c *container) consent() string {
	texts := newSection("", c.head.get("ConsentText"))
	for _, language := range slices.Concat(c.source.options.Languages, []string{"default", "en"}, texts.dict.keys) {
		base, _, _ := strings.Cut(language, "-")
		for _, key := range []string{language, base} {
			if i := slices.IndexFunc(texts.dict.keys, func(k string) bool { return strings.EqualFold(k, key) }); i >= 0 {
				if t := profile.CleanText(texts.text(texts.dict.keys[i]), maxConsent); t != "" {
					return t
				}
			}
		}
	}
	return ""
}

// maxConsent bounds the text that a person agrees to, in bytes.
const maxConsent = 16 << 10

// connections reads every VPN payload and joins the reports.
func (c *container) connections() ([]profile.Imported, error) {
	var done []*connection
	var refusals []refusal
	for _, p := range c.payloads {
		if p.typ != typeVPN && p.typ != typePerApp {
			continue
		}
		if len(done)+len(refusals) >= maxConnections {
			return nil, damaged("the file holds more than %d connections, which no profile does", maxConnections)
		}
		found, err := c.readVPN(p)
		if err != nil {
			refusals = append(refusals, refusal{p, err})
			continue
		}
		done = append(done, found...)
	}
	if len(done) == 0 {
		return nil, c.nothing(refusals)
	}
	nameApart(done)
	imported := make([]profile.Imported, 0, len(done))
	for _, conn := range done {
		if len(done) > 1 {
			conn.profile.Origin.Identifier = profile.CleanText(conn.profile.Origin.Identifier+" "+conn.key, maxIdentifier)
		}
		if err := conn.profile.Validate(); err != nil {
			e := unsupported("the connection %s cannot be used: %v", quote(conn.profile.Name), err)
			e.Err = err
			return nil, e
		}
		imported = append(imported, profile.Imported{
			Profile: conn.profile, Secrets: conn.secrets, Report: c.report(conn, refusals), Consent: c.consent(),
		})
	}
	return imported, nil
}

// maxIdentifier bounds Origin.Identifier, in bytes.
const maxIdentifier = 512

// refusal is a VPN payload that was not taken over.
type refusal struct {
	payload payload
	err     error
}

// nothing says why no connection is left.
func (c *container) nothing(refusals []refusal) error {
	if len(refusals) == 0 {
		return incomplete("the profile holds no VPN connection%s", c.otherTypes())
	}
	return refusals[0].err
}

// otherTypes names what the profile holds instead.
func (c *container) otherTypes() string {
	var types []string
	for _, p := range c.payloads {
		if t := profile.CleanText(p.typ, 60); t != "" && !slices.Contains(types, t) {
			types = append(types, t)
		}
	}
	if len(types) == 0 {
		return ""
	}
	return ", only " + strings.Join(types[:min(len(types), 5)], ", ")
}

// nameApart makes the names of one file's connections differ.
func nameApart(done []*connection) {
	seen := map[string]int{}
	for _, conn := range done {
		p := &conn.profile
		seen[strings.ToLower(p.Name)]++
		if n := seen[strings.ToLower(p.Name)]; n > 1 {
			suffix := fmt.Sprintf(" %d", n)
			p.Name = profile.CleanText(p.Name, profile.MaxName-len(suffix)) + suffix
		}
	}
}

// report joins what is to be told for one connection: who signed the file,
// the keys around, the connection's own, then every other payload.
func (c *container) report(conn *connection, refusals []refusal) []profile.Line {
	lines := c.signatureLine()
	lines = append(lines, conn.lines()...)
	lines = append(lines, c.head.lines...)
	for _, p := range c.payloads {
		if p.index == conn.payload.index {
			continue
		}
		lines = append(lines, c.otherPayload(p, conn, refusals)...)
	}
	return lines
}

// otherPayload reports a payload that is not the connection's own.
func (c *container) otherPayload(p payload, conn *connection, refusals []refusal) []profile.Line {
	if p.typ == typeVPN || p.typ == typePerApp {
		note := "another connection of this file, reported on its own"
		verdict := profile.Ignored
		for _, r := range refusals {
			if r.payload.index == p.index {
				verdict, note = profile.Refused, r.err.Error()
			}
		}
		return []profile.Line{{Path: strings.TrimSuffix(p.path(), "."), Value: p.text("UserDefinedName"), Verdict: verdict, Note: note}}
	}
	if s := conn.certificateReport(p); s != nil {
		return s.lines
	}
	s := newSection(p.path(), p.dict)
	s.rest("not a part of a VPN connection")
	return s.lines
}

// signatureLine says who signed the file.
func (c *container) signatureLine() []profile.Line {
	sig := c.source.signature
	if sig == nil {
		return nil
	}
	line := profile.Line{Path: "Signature", Value: sig.signer, Verdict: profile.Honoured}
	switch {
	case sig.trusted:
		line.Note = "unmodified since it was signed, by a certificate of " + quote(sig.issuer) + " that this system trusts"
	case sig.at.IsZero():
		line.Verdict = profile.Ignored
		line.Note = "the signature is of a kind that cannot be checked, so the file may have been changed"
	default:
		line.Verdict = profile.Approximated
		line.Note = "unmodified since it was signed, but this system does not know the signer, who may be anybody"
	}
	return []profile.Line{line}
}
