package auth

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"slices"
	"time"

	"golang.org/x/crypto/cryptobyte"
)

// JudgeOCSP says what an OCSP response tells of a certificate that issuer has
// issued (RFC 6960 3.2). It must be signed by the issuer, or by a responder that
// the issuer itself has certified for that; it must be about this certificate and
// this issuer, and fresh. nonce is what was sent with the request; nil: nothing, or
// the response is an old one. A response without a nonce is taken all the same, as
// large responders make theirs ahead of time (RFC 5019 4): what bounds a replay is
// nextUpdate. Errors are ErrEvidence.
func JudgeOCSP(der []byte, cert, issuer *x509.Certificate, nonce []byte, now time.Time) (Finding, error) {
	r, complaint := parseOCSP(der)
	if complaint != "" {
		return Finding{}, unusable(complaint, nil)
	}
	if nonce != nil && r.nonce != nil && !bytes.Equal(nonce, r.nonce) {
		return Finding{}, unusable("an OCSP response to another request", nil)
	}
	answers := r.about(cert, issuer)
	if answers == nil {
		return Finding{}, unusable("an OCSP response about other certificates", nil)
	}
	if err := r.checkSigner(issuer, now); err != nil {
		return Finding{}, err
	}
	var known Finding
	var because error
	for _, s := range answers {
		f, err := s.finding(now)
		if err != nil {
			because = err
		} else if known.Standing == StandingUnknown || f.Outweighs(known) {
			known = f
		}
	}
	if known.Standing == StandingUnknown {
		return Finding{}, because
	}
	return known, nil
}

// finding is what one answer says.
func (s ocspSingle) finding(now time.Time) (Finding, error) {
	switch {
	case s.critical:
		return Finding{}, unusable("an OCSP response with a critical extension that is not understood", nil)
	case s.standing == StandingUnknown:
		return Finding{}, unusable("an OCSP responder that does not know the certificate", nil)
	}
	f := Finding{Standing: s.standing, RevokedAt: s.revokedAt, Hold: s.hold, Issued: s.thisUpdate}
	return f, fresh("an OCSP response", &f, s.update, now)
}

// about finds the answers about a certificate: the serial number alone is not
// enough, for every authority counts its own.
func (r *ocspResponse) about(cert, issuer *x509.Certificate) (answers []ocspSingle) {
	var b cryptobyte.Builder
	b.AddASN1BigInt(cert.SerialNumber)
	serial, err := b.Bytes()
	key, ok := keyBits(issuer)
	if err != nil || !ok {
		return nil
	}
	for _, s := range r.singles {
		if s.hash != 0 && bytes.Equal(s.serial, serial) &&
			bytes.Equal(s.nameHash, digest(s.hash, issuer.RawSubject)) && bytes.Equal(s.keyHash, digest(s.hash, key)) {
			answers = append(answers, s)
		}
	}
	return answers
}

// checkSigner finds who has signed (RFC 6960 4.2.2.2): the issuer, or a responder
// whose certificate is in the response.
func (r *ocspResponse) checkSigner(issuer *x509.Certificate, now time.Time) error {
	if r.isFrom(issuer) {
		return r.checkSignature(issuer)
	}
	err := unusable("an OCSP response of somebody unknown", nil)
	for _, der := range r.certificates {
		cert, cerr := x509.ParseCertificate(der)
		if cerr != nil || !r.isFrom(cert) {
			continue
		}
		// A responder's last certificate may stand beside its next, by the same name.
		if err = mayRespond(cert, issuer, now); err == nil {
			err = r.checkSignature(cert)
		}
		if err == nil {
			return nil
		}
	}
	return err
}

// isFrom compares the responderID, which is only a name.
func (r *ocspResponse) isFrom(cert *x509.Certificate) bool {
	if r.byName != nil {
		return bytes.Equal(r.byName, cert.RawSubject)
	}
	key, ok := keyBits(cert)
	return ok && bytes.Equal(r.byKey, digest(crypto.SHA1, key))
}

func (r *ocspResponse) checkSignature(signer *x509.Certificate) error {
	if err := verifySigned(signer, r.algorithm, r.signed, r.signature); err != nil {
		return unusable("an OCSP response with a signature that does not verify", err)
	}
	return nil
}

// verifySigned verifies a signature over DER with a certificate's key; by SHA-1 none.
func verifySigned(signer *x509.Certificate, algorithm, signed, signature []byte) error {
	key, err := keyOf(signer)
	if err != nil {
		return err
	}
	alg, err := parseAlgorithm(algorithm)
	if err != nil {
		return err
	}
	if alg.hash == crypto.SHA1 {
		return ErrSHA1
	}
	return verifyWith(key, alg, signed, signature)
}

var oidOCSPNoCheck = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 5}

// mayRespond says whether the issuer lets somebody else answer for it: by a
// certificate that it has signed itself, for OCSP in so many words, and that need
// not be checked in turn (RFC 6960 4.2.2.2.1), for there is nobody left to ask.
func mayRespond(cert, issuer *x509.Certificate, now time.Time) error {
	const who = "an OCSP responder "
	noCheck := slices.ContainsFunc(cert.Extensions, func(e pkix.Extension) bool { return e.Id.Equal(oidOCSPNoCheck) })
	switch {
	case !bytes.Equal(cert.RawIssuer, issuer.RawSubject) || weakHash(cert.SignatureAlgorithm):
		return unusable(who+"that the issuer has not certified", nil)
	case !slices.Contains(cert.ExtKeyUsage, x509.ExtKeyUsageOCSPSigning):
		return unusable(who+"whose certificate is not for OCSP", nil)
	case cert.KeyUsage != 0 && cert.KeyUsage&(x509.KeyUsageDigitalSignature|x509.KeyUsageContentCommitment) == 0:
		return unusable(who+"whose certificate is not for signatures", nil)
	case len(cert.UnhandledCriticalExtensions) > 0:
		return unusable(who+"whose certificate has a critical extension that is not understood", nil)
	case now.After(cert.NotAfter) || now.Before(cert.NotBefore):
		return unusable(who+"whose certificate is not valid now", nil)
	case !noCheck:
		return unusable(who+"whose own certificate would have to be checked", nil)
	}
	if err := checkStrength([]*x509.Certificate{cert}); err != nil {
		return unusable(who+"with a weak key", err)
	}
	if err := issuer.CheckSignature(cert.SignatureAlgorithm, cert.RawTBSCertificate, cert.Signature); err != nil {
		return unusable(who+"that the issuer has not certified", err)
	}
	return nil
}
