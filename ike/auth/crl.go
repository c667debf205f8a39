package auth

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

var (
	oidReasonCode        = asn1.ObjectIdentifier{2, 5, 29, 21}
	oidInvalidityDate    = asn1.ObjectIdentifier{2, 5, 29, 24}
	oidCRLNumber         = asn1.ObjectIdentifier{2, 5, 29, 20}
	oidDeltaCRL          = asn1.ObjectIdentifier{2, 5, 29, 27}
	oidIssuingPoint      = asn1.ObjectIdentifier{2, 5, 29, 28}
	oidAuthorityKeyID    = asn1.ObjectIdentifier{2, 5, 29, 35}
	understoodInCRL      = []asn1.ObjectIdentifier{oidCRLNumber, oidAuthorityKeyID, oidIssuingPoint}
	understoodInCRLEntry = []asn1.ObjectIdentifier{oidReasonCode, oidInvalidityDate}
)

// JudgeCRL says what a CRL tells of a certificate that issuer has issued
// (RFC 5280 6.3.3). Only a complete list of the issuer's own is taken: neither a
// delta nor an indirect one, nor one for some reasons alone. Errors are ErrEvidence.
func JudgeCRL(der []byte, cert, issuer *x509.Certificate, now time.Time) (Finding, error) {
	if len(der) > MaxCRL {
		return Finding{}, unusable("a CRL that is too large", nil)
	}
	list, err := x509.ParseRevocationList(der)
	if err != nil {
		return Finding{}, unusable("what is no CRL", err)
	}
	if !bytes.Equal(list.RawIssuer, issuer.RawSubject) {
		return Finding{}, unusable("a CRL of another authority", nil)
	}
	if issuer.KeyUsage != 0 && issuer.KeyUsage&x509.KeyUsageCRLSign == 0 {
		return Finding{}, unusable("a CRL of an authority that may not sign any", nil)
	}
	if err := checkListSignature(list, issuer); err != nil {
		return Finding{}, unusable("a CRL with a signature that does not verify", err)
	}
	f := Finding{Standing: StandingGood, Issued: list.ThisUpdate}
	if list.NextUpdate.IsZero() {
		return Finding{}, unusable("a CRL without an end", nil) // RFC 5280 5.1.2.5
	}
	if complaint := unsuitable(list, cert); complaint != "" {
		return Finding{}, unusable(complaint, nil)
	}
	for i := range list.RevokedCertificateEntries {
		e := &list.RevokedCertificateEntries[i]
		if len(unhandled(e.Extensions, understoodInCRLEntry)) > 0 { // RFC 5280 5.3
			return Finding{}, unusable("a CRL with a critical extension that is not understood", nil)
		}
		if e.SerialNumber.Cmp(cert.SerialNumber) == 0 {
			f.Standing, f.RevokedAt, f.Hold = StandingRevoked, e.RevocationTime, e.ReasonCode == reasonHold
		}
	}
	if err := fresh("a CRL", &f, list.NextUpdate, now); err != nil {
		return Finding{}, err
	}
	return f, nil
}

// checkListSignature takes the algorithm and the bits as they stand in the list, so
// that the keys and schemes are those of all other signatures here.
func checkListSignature(list *x509.RevocationList, issuer *x509.Certificate) error {
	in := cryptobyte.String(list.Raw)
	var outer, signed, algorithm cryptobyte.String
	if !in.ReadASN1(&outer, cbasn1.SEQUENCE) || !outer.ReadASN1Element(&signed, cbasn1.SEQUENCE) || !outer.ReadASN1Element(&algorithm, cbasn1.SEQUENCE) {
		return errCertificate
	}
	return verifySigned(issuer, algorithm, list.RawTBSRevocationList, list.Signature)
}

// unhandled lists the critical extensions that are not among those understood.
func unhandled(extensions []pkix.Extension, understood []asn1.ObjectIdentifier) []pkix.Extension {
	return slices.DeleteFunc(slices.Clone(extensions), func(e pkix.Extension) bool {
		return !e.Critical || slices.ContainsFunc(understood, e.Id.Equal)
	})
}

// unsuitable says why a list does not speak for a certificate; "": it does.
func unsuitable(list *x509.RevocationList, cert *x509.Certificate) string {
	for _, e := range list.Extensions {
		switch {
		case e.Id.Equal(oidDeltaCRL):
			return "a delta CRL"
		case e.Id.Equal(oidIssuingPoint):
			if complaint := checkIssuingPoint(e.Value, cert); complaint != "" {
				return complaint
			}
		}
	}
	if len(unhandled(list.Extensions, understoodInCRL)) > 0 {
		return "a CRL with a critical extension that is not understood"
	}
	return ""
}

// checkIssuingPoint is the scope of a list (RFC 5280 5.2.5).
func checkIssuingPoint(der []byte, cert *x509.Certificate) string {
	const malformed = "a CRL whose scope cannot be read"
	in := cryptobyte.String(der)
	var body, point cryptobyte.String
	var named bool
	if !in.ReadASN1(&body, cbasn1.SEQUENCE) || !in.Empty() || !body.ReadOptionalASN1(&point, &named, explicit(0)) {
		return malformed
	}
	var users, authorities, indirect, attributes bool
	some := false
	var reasons cryptobyte.String
	flag := func(out *bool, n uint8) bool {
		return readFlag(&body, out, cbasn1.Tag(n).ContextSpecific())
	}
	if !flag(&users, 1) || !flag(&authorities, 2) || !body.ReadOptionalASN1(&reasons, &some, cbasn1.Tag(3).ContextSpecific()) ||
		!flag(&indirect, 4) || !flag(&attributes, 5) || !body.Empty() {
		return malformed
	}
	switch {
	case indirect:
		return "an indirect CRL"
	case some:
		return "a CRL for some reasons alone"
	case attributes, users && cert.IsCA, authorities && !cert.IsCA:
		return "a CRL for other kinds of certificates"
	case named && !atPoint(point, cert):
		return "a CRL of another distribution point"
	}
	return ""
}

// atPoint says whether one of a list's own addresses is where the certificate says
// that its list is.
func atPoint(point cryptobyte.String, cert *x509.Certificate) bool {
	var names cryptobyte.String
	if !point.ReadASN1(&names, explicit(0)) || !point.Empty() {
		return false // a name relative to an authority's is for indirect lists
	}
	for !names.Empty() {
		var value cryptobyte.String
		var tag cbasn1.Tag
		if !names.ReadAnyASN1(&value, &tag) {
			return false
		}
		if tag == cbasn1.Tag(6).ContextSpecific() && slices.ContainsFunc(cert.CRLDistributionPoints, func(at string) bool { return strings.EqualFold(at, string(value)) }) {
			return true
		}
	}
	return false
}
