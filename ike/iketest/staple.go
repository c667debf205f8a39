package iketest

import (
	"crypto/sha1"
	"crypto/x509"
	"slices"
	"time"

	"golang.org/x/crypto/ocsp"

	"github.com/homeward-vpn/homeward/ike/wire"
)

// Stapling is how a gateway brings OCSP responses along (RFC 4806).
type Stapling struct {
	// Staples are sent, DER, one CERT payload each, to a client that asks for them;
	// nil: the gateway does not know RFC 4806.
	Staples [][]byte
	// StapleAlways: to others too, against the rules.
	StapleAlways bool
}

// Encodings of CERT and CERTREQ, by numbers of their own (RFC 7296 3.6, RFC 4806 3).
const (
	encodingX509 = 4
	encodingOCSP = 14
)

// noteStapling reads the client's CERTREQ payloads (RFC 4806 3.1, 4.1).
func (sa *ikeSA) noteStapling(now time.Time, request []wire.Payload) {
	asked := map[uint8]int{}
	for _, p := range request {
		c, ok := p.(*wire.CertReqPayload)
		if !ok {
			continue
		}
		asked[c.Encoding]++
		if len(c.Data)%sha1.Size != 0 {
			sa.r.complain(now, "a CERTREQ of encoding %d with %d octets of hashes", c.Encoding, len(c.Data))
		}
	}
	if asked[encodingOCSP] > 1 || asked[encodingOCSP] > 0 && asked[encodingX509] == 0 {
		sa.r.complain(now, "OCSP is asked for %d times, certificates %d times (RFC 4806 4.1)", asked[encodingOCSP], asked[encodingX509])
	}
	sa.r.AskedOCSP = asked[encodingOCSP] > 0
}

// staples are the gateway's responses, behind its certificates.
func (sa *ikeSA) staples() (out []wire.Payload) {
	if !sa.r.AskedOCSP && !sa.r.cfg.StapleAlways {
		return nil
	}
	for _, der := range sa.r.cfg.Staples {
		out = append(out, &wire.CertPayload{Encoding: encodingOCSP, Data: slices.Clone(der)})
	}
	return out
}

// OCSP answers for a certificate of the authority's, revoked or not, from an hour
// before now until an hour after it. by is who signs; nil: the authority itself.
func (a *Authority) OCSP(leaf *Certificate, revoked bool, now time.Time, by *Authority) []byte {
	cert, err := x509.ParseCertificate(leaf.Chain[0])
	if err != nil {
		panic("iketest: " + err.Error())
	}
	r := ocsp.Response{Status: ocsp.Good, SerialNumber: cert.SerialNumber, ThisUpdate: now.Add(-time.Hour), NextUpdate: now.Add(time.Hour)}
	if revoked {
		r.Status, r.RevokedAt = ocsp.Revoked, now.Add(-2*time.Hour)
	}
	if by == nil {
		by = a
	} else {
		r.Certificate = by.cert
	}
	der, err := ocsp.CreateResponse(a.cert, by.cert, r, by.key)
	if err != nil {
		panic("iketest: " + err.Error())
	}
	return der
}

// Show has the gateway show another certificate at sign-ins from now on.
func (r *Responder) Show(c *Certificate) { r.cfg.Certificate = c }
