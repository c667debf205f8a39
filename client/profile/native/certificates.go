package native

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"reflect"
	"strings"
	"time"

	"github.com/homeward-vpn/homeward/client/profile"
)

const pemBegin = "-----BEGIN "

// certificates reads a list of certificates: each entry is one in base64 (DER),
// or PEM text with one or more. Whether they are certificates is Validate's
// question.
func (r *reader) certificates(at place, t json.Token, v reflect.Value) error {
	if t != json.Delim('[') {
		return r.fault(at, "is not a list in brackets")
	}
	var list [][]byte
	for i := 0; r.d.More(); i++ {
		t, err := r.d.Token()
		text, ok := t.(string)
		if err != nil || !ok {
			return r.fault(at.entry(i), "is not text in quotes")
		}
		if strings.Contains(text, "PRIVATE KEY") {
			return r.secret(at.entry(i))
		}
		found := decodeCertificates(text)
		if found == nil {
			return r.fault(at.entry(i), "is neither a certificate in base64 nor PEM text of certificates")
		}
		list = append(list, found...)
	}
	v.Set(reflect.ValueOf(list))
	return r.end(at)
}

// decodeCertificates gives the DER of one entry; nil: it cannot be read whole.
func decodeCertificates(text string) [][]byte {
	if !strings.Contains(text, pemBegin) {
		der, err := base64.StdEncoding.Strict().DecodeString(text)
		if err != nil || len(der) == 0 {
			return nil
		}
		return [][]byte{der}
	}
	var list [][]byte
	rest := []byte(text)
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" || len(block.Bytes) == 0 {
			return nil
		}
		list = append(list, bytes.Clone(block.Bytes))
	}
	if len(list) != strings.Count(text, pemBegin) {
		return nil // the decoder steps over what is not well formed
	}
	return list
}

// describe names a certificate for the report.
func describe(der []byte, now time.Time) string {
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return "unreadable"
	}
	name := c.Subject.CommonName
	if name == "" {
		name = c.Subject.String()
	}
	issuer := c.Issuer.CommonName
	switch {
	case bytes.Equal(c.RawIssuer, c.RawSubject):
		issuer = "itself"
	case issuer == "":
		issuer = c.Issuer.String()
	}
	until := "valid until "
	if c.NotAfter.Before(now) {
		until = "expired on "
	}
	return profile.CleanText(name+", issued by "+issuer+", "+until+c.NotAfter.UTC().Format("2006-01-02"), maxShown)
}
