package mobileconfig

import (
	"bytes"
	"slices"
	"strings"

	"github.com/homeward-vpn/homeward/client/profile"
)

// eapDictionary says more about EAP than the IKEv2 keys do. It is of Apple's network
// payloads; some generators write it here too, in the IKEv2 dictionary or beside it.
const eapDictionary = "EAPClientConfiguration"

// eapSection finds the EAP dictionary.
func (c *connection) eapSection() *section {
	for _, at := range []*section{c.ike, c.vpn} {
		if v := at.get(eapDictionary); v != nil && v.kind == kindDict && len(v.keys) > 0 {
			s := newSection(at.path+eapDictionary+".", v)
			at.told[eapDictionary] = true
			c.sections = append(c.sections, s)
			return s
		}
	}
	return nil
}

// eapTypes are the methods by their numbers (RFC 3748 6.2 and IANA's list).
var eapTypes = map[int64]profile.EAPMethod{
	4: profile.EAPMD5, 5: profile.EAPGTC, 6: profile.EAPGTC, 13: profile.EAPTLS, 21: profile.EAPTTLS, 25: profile.EAPPEAP, 26: profile.EAPMSCHAPv2,
}

// useDictionary takes what the EAP dictionary says.
func (c *connection) useDictionary(s *section) error {
	p := &c.profile.Client
	p.Auth = profile.ClientEAP
	if err := c.acceptedTypes(s); err != nil {
		return err
	}
	c.innerMethods(s)
	if p.EAP.OverTLS() {
		if err := c.signInServer(s); err != nil {
			return err
		}
	}
	if p.EAP.OuterIdentity = profile.CleanText(s.text("OuterIdentity"), 256); p.EAP.OuterIdentity != "" {
		s.honour("OuterIdentity", "")
	}
	if p.EAP.Certificate() {
		if err := c.takeCertificate(c.certificateUUID()); err != nil {
			return err
		}
	}
	if err := c.dictionaryUser(s); err != nil {
		return err
	}
	s.approx("TLSAllowTrustExceptions", "nobody may take a server that the profile does not trust")
	s.ignore("TLSCertificateIsRequired", "the methods say who shows a certificate")
	s.ignoreAll("you are asked for what the server asks for", "OneTimeUserPassword")
	s.rest(unknown)
	return nil
}

// acceptedTypes reads AcceptEAPTypes.
func (c *connection) acceptedTypes(s *section) error {
	const key = "AcceptEAPTypes"
	v := s.get(key)
	if v == nil || v.kind != kindArray {
		return incomplete("%s has settings for EAP and does not say by which methods you sign in: %s is missing", quote(c.profile.Name), key)
	}
	e := &c.profile.Client.EAP
	var left []string
	for _, entry := range v.list {
		n, ok := entry.asInteger()
		m, known := eapTypes[n]
		switch {
		case !ok || !known:
			left = append(left, entry.show())
		case !slices.Contains(e.Methods, m):
			e.Methods = append(e.Methods, m)
		}
	}
	switch {
	case len(e.Methods) == 0:
		return unsupported("%s wants you to sign in by EAP methods that this version does not do (%s); ask for a profile with EAP-TLS, TTLS, PEAP or a password",
			quote(c.profile.Name), profile.CleanText(strings.Join(left, ", "), 80))
	case len(left) > 0:
		s.approx(key, "without "+profile.CleanText(strings.Join(left, ", "), 80)+", which this version does not do")
	default:
		s.honour(key, "")
	}
	if slices.ContainsFunc(e.Methods, func(m profile.EAPMethod) bool {
		return m == profile.EAPGTC || m == profile.EAPMD5
	}) {
		s.lowers(key)
	}
	return nil
}

// innerNames are the values of TTLSInnerAuthentication. EAP leaves the method to the
// server; Apple answers MSCHAPv2 there, and so does this version.
var innerNames = map[string]profile.InnerMethod{
	"PAP": profile.InnerPAP, "CHAP": profile.InnerCHAP, "MSCHAP": profile.InnerMSCHAP, "MSCHAPv2": profile.InnerMSCHAPv2, "EAP": profile.InnerEAPMSCHAPv2,
}

// innerMethods reads what goes inside TTLS. Inside PEAP it is MSCHAPv2.
func (c *connection) innerMethods(s *section) {
	const key = "TTLSInnerAuthentication"
	e := &c.profile.Client.EAP
	if !slices.Contains(e.Methods, profile.EAPTTLS) {
		s.ignore(key, "for TTLS")
		return
	}
	name := s.text(key)
	if name == "" {
		return
	}
	inner, known := innerNames[name]
	if !known {
		s.refuse(key, "not a way to sign in inside TTLS; MSCHAPv2 is used")
		return
	}
	e.Inner = []profile.InnerMethod{inner}
	if slices.Contains(e.Methods, profile.EAPPEAP) && inner != profile.InnerMSCHAPv2 {
		e.Inner = append(e.Inner, profile.InnerMSCHAPv2)
	}
	switch inner {
	case profile.InnerPAP:
		s.honour(key, "the server that signs you in reads the password as you typed it")
	default:
		s.honour(key, "")
	}
}

// signInServer reads whom the methods over TLS trust.
func (c *connection) signInServer(s *section) error {
	e := &c.profile.Client.EAP
	c.versions(s)
	const names, anchors = "TLSTrustedServerNames", "PayloadCertificateAnchorUUID"
	for _, name := range s.texts(names) {
		if slices.Contains(e.ServerNames, name) {
			continue
		}
		if !profile.ValidServerName(name) || name == profile.AnyName {
			return unsupported("%s trusts sign-in servers by the name %s, which this version cannot compare: ask for a host name, or one behind *.", quote(c.profile.Name), quote(name))
		}
		e.ServerNames = append(e.ServerNames, name)
	}
	if len(e.ServerNames) > 0 {
		s.honour(names, "")
	} else {
		s.approx(names, "empty, so the server that signs you in must have the gateway's name")
		s.absent(names, "the server that signs you in must have the gateway's name")
	}
	for _, uuid := range s.texts(anchors) {
		found := c.container.certs.named(uuid)
		if len(found) == 0 {
			return incomplete("%s trusts a certificate for its sign-in server that the file does not hold; ask for a complete profile", quote(c.profile.Name))
		}
		e.Anchors = append(e.Anchors, found...)
	}
	if len(e.Anchors) > 0 {
		s.honour(anchors, "only what these issue may sign you in")
	}
	return nil
}

// dictionaryUser reads who signs in; what the IKEv2 keys say comes first.
func (c *connection) dictionaryUser(s *section) error {
	p := &c.profile.Client
	if c.ike.text("AuthName") == "" {
		if p.Username = profile.CleanText(s.text("UserName"), 256); p.Username != "" {
			s.honour("UserName", "")
			c.ike.approx("AuthName", "empty, and the EAP dictionary has the name")
		}
	}
	if p.Username == "" {
		c.username()
	}
	s.ignore("UserName", "AuthName counts")
	if !p.EAP.Username() {
		s.ignore("UserPassword", "not used by this way to sign in")
		return nil
	}
	if err := c.password(c.ike, "AuthPassword", methodPassword); err != nil {
		return err
	}
	return c.password(s, "UserPassword")
}

// texts gives the entries of a list of texts, or the one text, without the empty.
func (s *section) texts(key string) (list []string) {
	v := s.get(key)
	if v == nil {
		return nil
	}
	entries := v.list
	if v.kind != kindArray {
		entries = []*value{v}
	}
	for _, e := range entries {
		if t, ok := e.asText(); ok && strings.TrimSpace(t) != "" {
			list = append(list, strings.TrimSpace(t))
		}
	}
	return list
}

// named gives the certificates of the payload with that UUID, DER.
func (cs *certificates) named(uuid string) (list [][]byte) {
	for _, t := range cs.trusted {
		if strings.EqualFold(t.payload.text("PayloadUUID"), uuid) {
			list = append(list, bytes.Clone(t.cert.Raw))
		}
	}
	return list
}
