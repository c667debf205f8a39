package profile

import (
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

// InvalidError says which field of a profile cannot be used, and why, in a
// sentence's second half: "gateway.address is not a host name or an address".
type InvalidError struct {
	Field  string // path in the JSON form
	Reason string
}

// Error implements error.
func (e *InvalidError) Error() string { return "profile: " + e.Field + " " + e.Reason }

func invalid(field, format string, args ...any) error {
	return &InvalidError{Field: field, Reason: fmt.Sprintf(format, args...)}
}

// The limits of a profile. They keep a hostile file or request from costing
// more than a few milliseconds and a megabyte.
const (
	maxCertificates    = 64       // per list
	maxCertificateSize = 32 << 10 // DER
	maxProposals       = 16       // per SA
	maxPrefixes        = 16384    // per list; companies exclude a whole country's networks
	maxServers         = 16
	maxDomains         = 16384 // per list
	maxSearched        = 256   // each costs a question for every name without a dot
)

// Validate checks everything a profile says on its own, without the network
// or the user's secrets. The error is an *InvalidError.
func (p *Profile) Validate() error {
	for _, check := range []func() error{
		p.validateHead, p.Gateway.validate, p.Client.validate, p.validateAuth,
		p.IKE.validateIKE, p.Child.validateChild,
		p.Traffic.validate, p.DNS.validate, p.Session.validate, p.OnDemand.validate, p.validateQuirks,
	} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (p *Profile) validateHead() error {
	if p.Version != Version {
		return invalid("version", "is %d, and this version reads %d", p.Version, Version)
	}
	if !ValidID(p.ID) {
		return invalid("id", "is not 32 hexadecimal digits")
	}
	if p.Name == "" || len(p.Name) > MaxName {
		return invalid("name", "is not between 1 and %d bytes long", MaxName)
	}
	if CleanName(p.Name) != p.Name {
		return invalid("name", "has characters that cannot be shown, spaces at an end or a dash in front")
	}
	return p.Origin.validate()
}

func (o *Origin) validate() error {
	for _, t := range []struct{ field, text string }{
		{"origin.format", o.Format}, {"origin.identifier", o.Identifier}, {"origin.organization", o.Organization},
		{"origin.description", o.Description}, {"origin.signed_by", o.SignedBy},
	} {
		if err := validText(t.field, t.text); err != nil {
			return err
		}
	}
	if o.SHA256 != "" {
		if b, err := hex.DecodeString(o.SHA256); err != nil || len(b) != 32 {
			return invalid("origin.sha256", "is not 64 hexadecimal digits")
		}
	}
	return nil
}

func validText(field, v string) error {
	if len(v) > maxText {
		return invalid(field, "is longer than %d bytes", maxText)
	}
	if !printable(v) {
		return invalid(field, "has characters that cannot be shown")
	}
	return nil
}

func (g *Gateway) validate() error {
	if g.Address == "" {
		return invalid("gateway.address", "is missing")
	}
	if !validGateway(g.Address) {
		return invalid("gateway.address", "is not a host name or an address")
	}
	switch g.Auth {
	case GatewayCertificate, GatewayPSK:
	default:
		return invalid("gateway.auth", "is not a method that this version knows")
	}
	for _, t := range []struct{ field, text string }{
		{"gateway.identity", g.Identity}, {"gateway.certificate_name", g.CertificateName}, {"gateway.issuer_name", g.IssuerName},
	} {
		if err := validText(t.field, t.text); err != nil {
			return err
		}
	}
	if err := validCertificates("gateway.anchors", g.Anchors); err != nil {
		return err
	}
	if err := validCertificates("gateway.intermediates", g.Intermediates); err != nil {
		return err
	}
	return g.validateProof()
}

func (c *Client) validate() error {
	switch c.Auth {
	case ClientEAP, ClientMSCHAPv2, ClientPSK, ClientCertificate:
	default:
		return invalid("client.auth", "is not a method that this version knows")
	}
	if err := validText("client.identity", c.Identity); err != nil {
		return err
	}
	if err := validText("client.username", c.Username); err != nil {
		return err
	}
	if err := c.validateSignIns(); err != nil {
		return err
	}
	return validCertificates("client.certificates", c.Certificates)
}

// validateAuth refuses a combination that would hand the answer to a password
// challenge to whoever holds a key that all employees share: a gateway proves
// itself with a certificate before EAP (RFC 7296 2.16).
func (p *Profile) validateAuth() error {
	_, byEAP := p.Client.SignIn()
	if (byEAP || len(p.Client.Further) > 0) && p.Gateway.Auth != GatewayCertificate {
		return invalid("gateway.auth", "must be certificate where the client signs in by EAP, for passwords go only to a gateway that nobody else can play")
	}
	if p.Client.EAPOnly != EAPOnlyNever && (len(p.Gateway.Pins) > 0 || p.Gateway.Revocation == RevocationStrict) {
		return invalid("client.eap_only", "lets the gateway do without a certificate, of which gateway.pins or gateway.revocation want more: leave one of them out")
	}
	return nil
}

func validCertificates(field string, list [][]byte) error {
	if len(list) > maxCertificates {
		return invalid(field, "has more than %d certificates", maxCertificates)
	}
	for i, der := range list {
		at := fmt.Sprintf("%s[%d]", field, i)
		if len(der) > maxCertificateSize {
			return invalid(at, "is larger than %d bytes", maxCertificateSize)
		}
		if _, err := x509.ParseCertificate(der); err != nil {
			return invalid(at, "is not a certificate: %s", strings.TrimPrefix(err.Error(), "x509: "))
		}
	}
	return nil
}

// validDuration accepts 0 (Homeward's own choice) and what lies in the range.
func validDuration(field string, d Duration, low, high time.Duration) error {
	if v := time.Duration(d); v != 0 && (v < low || v > high) {
		return invalid(field, "is %v, not between %v and %v", v, low, high)
	}
	return nil
}

// validAmount does the same for what is counted.
func validAmount(field string, n, low, high uint64) error {
	if n != 0 && (n < low || n > high) {
		return invalid(field, "is %d, not between %d and %d", n, low, high)
	}
	return nil
}
