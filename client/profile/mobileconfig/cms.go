package mobileconfig

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/smallstep/pkcs7"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/ber"
)

// signature is who signed a profile that is unmodified since.
type signature struct {
	signer  string // name in the certificate
	issuer  string
	trusted bool  // the chain leads to a root of the system
	reason  error // why not
	at      time.Time
}

// looksLikeCMS says that data may be a CMS message in one of its wrappings.
func looksLikeCMS(data []byte) bool {
	if len(data) > 1 && data[0] == 0x30 && data[1]&0x80 != 0 { // SEQUENCE, longer than 127 bytes
		return true
	}
	head := bytes.TrimLeft(data[:min(len(data), 512)], " \t\r\n\uFEFF")
	return bytes.HasPrefix(head, []byte("-----BEGIN PKCS7")) || bytes.HasPrefix(head, []byte("-----BEGIN CMS")) ||
		isMIME(head)
}

func isMIME(head []byte) bool {
	lower := bytes.ToLower(head)
	return (bytes.HasPrefix(lower, []byte("mime-version:")) || bytes.HasPrefix(lower, []byte("content-"))) &&
		bytes.Contains(lower, []byte("pkcs7"))
}

// unwrap gives the property list inside a signed profile, and data itself
// where it is not signed. A profile that was changed after it was signed is
// refused; one whose signer is unknown is not, for an unsigned one is not
// either: the report says which it is.
func unwrap(data []byte, o profile.ImportOptions) ([]byte, *signature, error) {
	if !looksLikeCMS(data) {
		return data, nil, nil
	}
	raw, err := unarmour(data)
	if err != nil {
		return nil, nil, err
	}
	der, err := ber.ToDER(raw)
	if err != nil {
		e := damaged("the file looks like a signed profile, but it is damaged or cut off")
		e.Err = err
		return nil, nil, e
	}
	message, err := parseCMS(der)
	if err != nil {
		return nil, nil, err
	}
	if len(message.Content) == 0 {
		return nil, nil, damaged("the file is a signature without the profile that it is for")
	}
	sig, err := checkSignature(message, o)
	if err != nil {
		return nil, nil, err
	}
	return message.Content, sig, nil
}

// unarmour takes a CMS message out of PEM or S/MIME text.
func unarmour(data []byte) ([]byte, error) {
	if data[0] == 0x30 {
		return data, nil
	}
	text := bytes.TrimLeft(data, " \t\r\n\uFEFF")
	if block, _ := pem.Decode(text); block != nil {
		return block.Bytes, nil
	}
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	head, body, found := bytes.Cut(text, []byte("\n\n"))
	if !found || !isMIME(head) {
		return nil, damaged("the file looks like a signed profile, but it is damaged or cut off")
	}
	if bytes.Contains(bytes.ToLower(head), []byte("multipart/")) {
		return nil, unsupported("the file is a signed e-mail in several parts; save the profile that is attached to it and open that")
	}
	raw, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(string(body)), ""))
	if err != nil || len(raw) == 0 {
		return nil, damaged("the file looks like a signed profile, but it is damaged or cut off")
	}
	return raw, nil
}

// parseCMS reads the message. The library takes encodings apart without
// looking everywhere first, so a panic in it is a damaged file.
func parseCMS(der []byte) (message *pkcs7.PKCS7, err error) {
	defer func() {
		if r := recover(); r != nil {
			message, err = nil, damaged("the file looks like a signed profile, but it does not hold together")
		}
	}()
	switch kind := contentType(der); kind {
	case oidSignedData:
	case oidEnvelopedData, oidEncryptedData:
		return nil, encrypted()
	default:
		return nil, profile.NewImportError(profile.ImportForeign,
			"the file is not a configuration profile (it may be a certificate or a key)")
	}
	message, err = pkcs7.Parse(der)
	if err != nil {
		e := damaged("the file looks like a signed profile, but it does not hold together")
		e.Err = err
		return nil, e
	}
	return message, nil
}

// The content types of CMS (RFC 5652), as contentType writes them.
const (
	oidSignedData    = "2a864886f70d010702"
	oidEnvelopedData = "2a864886f70d010703"
	oidEncryptedData = "2a864886f70d010706"
)

// contentType gives the content type of a ContentInfo in hex, or "".
func contentType(der []byte) string {
	outer, err := ber.ParseHeader(der)
	if err != nil || outer.Tag[0] != 0x30 {
		return ""
	}
	oid, err := ber.ParseHeader(der[outer.Size:])
	if err != nil || oid.Tag[0] != 0x06 {
		return ""
	}
	at := outer.Size + oid.Size
	return fmt.Sprintf("%x", der[at:at+oid.Content])
}

// encrypted is the answer to a profile that only one device can read.
func encrypted() *profile.ImportError {
	return profile.NewImportError(profile.ImportEncrypted,
		"this profile is encrypted for one device and opens only there; ask for one that is not encrypted")
}

// checkSignature says who signed the message. nil without error: nobody did.
func checkSignature(message *pkcs7.PKCS7, o profile.ImportOptions) (sig *signature, err error) {
	if len(message.Signers) == 0 {
		return nil, nil
	}
	defer func() {
		if r := recover(); r != nil {
			sig, err = nil, damaged("the profile's signature does not hold together")
		}
	}()
	signer := message.GetOnlySigner()
	if signer == nil {
		return nil, damaged("the profile's signature does not say clearly who signed it")
	}
	if verr := message.Verify(); verr != nil {
		return brokenSignature(signer, verr)
	}
	sig = &signature{signer: distinguishedName(signer), issuer: profile.CleanText(signer.Issuer.CommonName, maxShown), at: o.Now}
	var signed time.Time
	if message.UnmarshalSignedAttribute(pkcs7.OIDAttributeSigningTime, &signed) == nil && signed.Before(o.Now) {
		sig.at = signed // leaf certificates are short-lived, profiles are not
	}
	sig.reason = verifySigner(signer, message.Certificates, o.Roots, sig.at)
	sig.trusted = sig.reason == nil
	return sig, nil
}

// brokenSignature tells a changed profile, which is refused, from a signature
// that cannot be checked because it is made with an outdated algorithm or by a
// certificate that was not valid then.
func brokenSignature(signer *x509.Certificate, cause error) (*signature, error) {
	var digest *pkcs7.MessageDigestMismatchError
	if errors.As(cause, &digest) || errors.Is(cause, rsa.ErrVerification) || strings.Contains(cause.Error(), "verification failure") {
		e := profile.NewImportError(profile.ImportAltered,
			"the profile was changed after %s signed it, so it is not used; get it again from where it came from",
			quote(distinguishedName(signer)))
		e.Err = cause
		return nil, e
	}
	return &signature{signer: distinguishedName(signer), reason: cause}, nil
}

// verifySigner looks for a chain to a root. Any purpose will do: profiles are
// signed with web server certificates as often as with others.
func verifySigner(signer *x509.Certificate, others []*x509.Certificate, roots *x509.CertPool, at time.Time) error {
	intermediates := x509.NewCertPool()
	for _, c := range others[:min(len(others), maxSignerCertificates)] {
		intermediates.AddCert(c)
	}
	_, err := signer.Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: intermediates, CurrentTime: at,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	return err
}

const maxSignerCertificates = 20

// distinguishedName names a certificate for a person: its common name, or the
// whole subject where it has none.
func distinguishedName(c *x509.Certificate) string {
	name := c.Subject.CommonName
	if name == "" {
		name = c.Subject.String()
	}
	if name == "" && len(c.DNSNames) > 0 {
		name = c.DNSNames[0]
	}
	return profile.CleanText(name, maxShown)
}
