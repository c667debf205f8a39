package profile

import (
	"encoding/base64"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// The limits of what is said about certificates and sign-ins.
const (
	maxPins    = 16
	maxNames   = 32 // server names, issuers
	maxSignIns = 3  // after the first
)

// validateSignIns checks how the employee signs in, and that nothing is said that
// the methods have no use for: it would be a protection that is not there.
func (c *Client) validateSignIns() error {
	if err := c.EAP.validate("client.eap", c.Auth); err != nil {
		return err
	}
	if err := c.validateEAPOnly(); err != nil {
		return err
	}
	if len(c.Further) > maxSignIns {
		return invalid("client.further", "has more than %d entries", maxSignIns)
	}
	for i := range c.Further {
		if err := c.validateFurther(fmt.Sprintf("client.further[%d]", i), &c.Further[i]); err != nil {
			return err
		}
	}
	return c.validateCertificate()
}

func (c *Client) validateFurther(at string, f *SignIn) error {
	eap, ok := f.SignIn()
	if !ok {
		return invalid(at+".auth", "is not eap or eap-mschapv2, and a further sign-in is one of them")
	}
	if err := validText(at+".identity", f.Identity); err != nil {
		return err
	}
	if err := validText(at+".username", f.Username); err != nil {
		return err
	}
	if err := f.EAP.validate(at+".eap", f.Auth); err != nil {
		return err
	}
	if first, _ := c.SignIn(); eap.Username() && f.Username == "" && !first.Username() && c.Username == "" {
		return invalid(at+".username", "is missing, and the first sign-in has none")
	}
	return nil
}

// validateEAPOnly checks that a gateway which proves itself by EAP alone can.
func (c *Client) validateEAPOnly() error {
	eap, ok := c.SignIn()
	switch c.EAPOnly {
	case EAPOnlyNever:
		return nil
	case EAPOnlyAny, EAPOnlySafe:
	default:
		return invalid("client.eap_only", "is not safe or any")
	}
	switch {
	case !ok:
		return invalid("client.eap_only", "is set, and client.auth is not eap: leave it out")
	case c.EAPOnly == EAPOnlySafe && !slices.ContainsFunc(eap.Methods, EAPMethod.SafeAlone):
		return invalid("client.eap_only", "is safe, and none of the methods is: name tls or ttls, or let the gateway show a certificate")
	case !slices.ContainsFunc(eap.Methods, func(m EAPMethod) bool { return m != EAPGTC && m != EAPMD5 }):
		return invalid("client.eap_only", "is set, and the gateway proves nothing by gtc and md5: let it show a certificate")
	case slices.Contains(eap.ServerNames, AnyName):
		return invalid("client.eap_only", "is set, and client.eap.server_names takes any name: write the gateway's, by which alone it proves itself")
	}
	return nil
}

// SafeAlone says whether a gateway may prove itself by that method alone under
// EAPOnlySafe (RFC 5998 4, which does not name PEAP).
func (m EAPMethod) SafeAlone() bool { return m == EAPTLS || m == EAPTTLS }

// validateCertificate checks what is said about the employee's certificate.
func (c *Client) validateCertificate() error {
	uses := c.UsesCertificate()
	if !uses && (len(c.CertificateIssuers) > 0 || c.Token != "") {
		field := "client.certificate_issuers"
		if c.Token != "" {
			field = "client.token"
		}
		return invalid(field, "is set, and no method needs a certificate: leave it out, or name certificate or tls")
	}
	if err := validNames("client.certificate_issuers", c.CertificateIssuers, func(string) bool { return true }, ""); err != nil {
		return err
	}
	return validToken(c.Token)
}

// validToken checks a PKCS#11 URI: it finds a card, and never brings a secret or a
// program to run.
func validToken(uri string) error {
	const field = "client.token"
	if uri == "" {
		return nil
	}
	if err := validText(field, uri); err != nil {
		return err
	}
	rest, ok := strings.CutPrefix(uri, "pkcs11:")
	if !ok {
		return invalid(field, "is not a PKCS#11 URI: it begins with pkcs11:")
	}
	for part := range strings.FieldsFuncSeq(rest, func(r rune) bool { return strings.ContainsRune(";?&", r) }) {
		switch name, value, _ := strings.Cut(part, "="); {
		case name == "pin-value", name == "pin-source":
			return invalid(field, "has a PIN, and no secret stands in a profile: take %s out, the PIN is asked for", name)
		case name == "module-path", name == "module-name" && strings.ContainsAny(value, `/\%`):
			return invalid(field, "names a file to load: take %s out, which module is used is the computer's own setting", name)
		}
	}
	return nil
}

// validate checks the EAP settings of one sign-in.
func (e *EAP) validate(at string, auth ClientAuth) error {
	if auth != ClientEAP {
		if !e.IsZero() {
			return invalid(at, "is set, and the auth beside it is not eap: write eap there, and eap-mschapv2 as the method mschapv2")
		}
		return nil
	}
	if err := e.validateMethods(at); err != nil {
		return err
	}
	if err := validText(at+".outer_identity", e.OuterIdentity); err != nil {
		return err
	}
	if err := e.validateTLS(at); err != nil {
		return err
	}
	if e.WithoutBinding && !slices.Contains(e.Methods, EAPPEAP) {
		return invalid(at+".without_binding", "is set, and peap is not among the methods: leave it out")
	}
	return nil
}

func (e *EAP) validateMethods(at string) error {
	if len(e.Methods) == 0 {
		return invalid(at+".methods", "is missing: name what may be used, such as [\"tls\"]")
	}
	for i, m := range e.Methods {
		if !slices.Contains(EAPMethods(), m) {
			return invalid(at+".methods", "has a method that this version does not know: it knows %s", words(EAPMethods()))
		}
		if slices.Contains(e.Methods[:i], m) {
			return invalid(at+".methods", "names a method twice")
		}
		if m.tunnels() && len(e.InnerOf(m)) == 0 {
			return invalid(at+".inner", "has nothing that goes inside %s: name one of %s", m, words(InnerMethods(m)))
		}
	}
	for i, in := range e.Inner {
		if !slices.ContainsFunc(e.Methods, func(m EAPMethod) bool { return slices.Contains(InnerMethods(m), in) }) {
			return invalid(at+".inner", "has an entry that goes inside none of the methods")
		}
		if slices.Contains(e.Inner[:i], in) {
			return invalid(at+".inner", "names a method twice")
		}
	}
	return nil
}

// validateTLS checks whom the employee's side of a TLS method trusts.
func (e *EAP) validateTLS(at string) error {
	if !e.OverTLS() {
		for _, f := range []struct {
			field string
			set   bool
		}{
			{"server_names", len(e.ServerNames) > 0}, {"anchors", len(e.Anchors) > 0}, {"min_tls", e.MinTLS != ""},
			{"max_tls", e.MaxTLS != ""}, {"without_ems", e.WithoutEMS},
		} {
			if f.set {
				return invalid(at+"."+f.field, "is set, and none of the methods is tls, ttls or peap: leave it out")
			}
		}
		return nil
	}
	if err := validNames(at+".server_names", e.ServerNames, ValidServerName, "is not a host name, one behind *., an address, or * alone"); err != nil {
		return err
	}
	if slices.Contains(e.ServerNames, AnyName) && (len(e.ServerNames) > 1 || len(e.Anchors) == 0) {
		return invalid(at+".server_names", "takes any name: that stands alone, and beside anchors of the sign-in's own")
	}
	if err := validCertificates(at+".anchors", e.Anchors); err != nil {
		return err
	}
	for _, v := range []struct{ field, version string }{{"min_tls", e.MinTLS}, {"max_tls", e.MaxTLS}} {
		if v.version != "" && v.version != TLS12 && v.version != TLS13 {
			return invalid(at+"."+v.field, "is not 1.2 or 1.3; older versions are not safe and are never used")
		}
	}
	if e.MinTLS == TLS13 && e.MaxTLS == TLS12 {
		return invalid(at+".min_tls", "is above max_tls")
	}
	return nil
}

// ValidServerName accepts what can stand in a certificate's SAN, and a wildcard
// for one label above at least two (RFC 9525 6.3).
func ValidServerName(name string) bool {
	if name == AnyName {
		return true
	}
	if below, wild := strings.CutPrefix(name, "*."); wild {
		return ValidHostname(below) && strings.Contains(below, ".")
	}
	if a, err := netip.ParseAddr(name); err == nil {
		return a.Zone() == ""
	}
	return ValidHostname(name)
}

func validNames(field string, list []string, valid func(string) bool, reason string) error {
	if len(list) > maxNames {
		return invalid(field, "has more than %d entries", maxNames)
	}
	for i, name := range list {
		at := fmt.Sprintf("%s[%d]", field, i)
		if name == "" {
			return invalid(at, "is empty")
		}
		if err := validText(at, name); err != nil {
			return err
		}
		if !valid(name) {
			return invalid(at, "%s", reason)
		}
	}
	return nil
}

// pinPrefix names the hash of a pin.
const pinPrefix = "sha256/"

// validateProof checks what the gateway's certificate is held against beyond its
// authorities.
func (g *Gateway) validateProof() error {
	switch g.Revocation {
	case "", RevocationOff, RevocationRelaxed, RevocationStrict:
	default:
		return invalid("gateway.revocation", "is not off, relaxed or strict")
	}
	if len(g.Pins) > maxPins {
		return invalid("gateway.pins", "has more than %d entries", maxPins)
	}
	for i, pin := range g.Pins {
		text, ok := strings.CutPrefix(pin, pinPrefix)
		hash, err := base64.StdEncoding.Strict().DecodeString(text)
		if !ok || err != nil || len(hash) != 32 {
			return invalid(fmt.Sprintf("gateway.pins[%d]", i), "is not sha256/ and the base64 of 32 bytes, the hash of a public key")
		}
	}
	switch {
	case g.Auth == GatewayCertificate:
	case len(g.Pins) > 0:
		return invalid("gateway.pins", "is set, and the gateway proves itself without a certificate: leave it out")
	case g.Revocation != "":
		return invalid("gateway.revocation", "is set, and the gateway proves itself without a certificate: leave it out")
	}
	return nil
}

func words[T ~string](list []T) string {
	out := make([]string, len(list))
	for i, w := range list {
		out[i] = string(w)
	}
	return strings.Join(out, ", ")
}
