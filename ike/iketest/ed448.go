package iketest

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"errors"

	"github.com/cloudflare/circl/sign/ed448"
	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

var (
	oidEd448       = asn1.ObjectIdentifier{1, 3, 101, 113}            // RFC 8410 3
	oidECDSASHA256 = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2} // RFC 5758 3.2
)

// createCertificate is x509.CreateCertificate for Ed448 keys as well, which
// crypto/x509 does not know: it makes one for the issuer's own key, puts the
// other key in and signs it again. The issuer of such a leaf has a P-256 key.
func createCertificate(template, parent *x509.Certificate, key crypto.PublicKey, signer crypto.Signer) ([]byte, error) {
	public, ok := key.(ed448.PublicKey)
	if !ok {
		return x509.CreateCertificate(rand.Reader, template, parent, key, signer)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, signer.Public(), signer)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	if cert.SignatureAlgorithm != x509.ECDSAWithSHA256 {
		return nil, errors.New("an Ed448 leaf wants an issuer with a P-256 key")
	}
	tbs := cryptobyte.String(cert.RawTBSCertificate)
	var body cryptobyte.String
	if !tbs.ReadASN1(&body, cbasn1.SEQUENCE) {
		return nil, errors.New("a certificate that is none")
	}
	spki, err := sequence(func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(oidEd448) })
		b.AddASN1BitString(public)
	})
	if err != nil {
		return nil, err
	}
	body = bytes.Replace(body, cert.RawSubjectPublicKeyInfo, spki, 1)
	signed, err := sequence(func(b *cryptobyte.Builder) { b.AddBytes(body) })
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256(signed)
	signature, err := signer.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		return nil, err
	}
	return sequence(func(b *cryptobyte.Builder) {
		b.AddBytes(signed)
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(oidECDSASHA256) })
		b.AddASN1BitString(signature)
	})
}

func sequence(fill cryptobyte.BuilderContinuation) ([]byte, error) {
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, fill)
	return b.Bytes()
}
