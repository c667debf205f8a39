package keyfile

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
)

// Certificates reads certificates without their keys: one in DER, or PEM text with
// one or more. Those that it gives are at most MaxCertificates.
func Certificates(data []byte) ([]*x509.Certificate, error) {
	if !bytes.Contains(data, []byte("-----BEGIN")) {
		c, err := oneCertificate(data)
		if err != nil {
			return nil, err
		}
		return []*x509.Certificate{c}, nil
	}
	var certs []*x509.Certificate
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" && block.Type != "X509 CERTIFICATE" {
			continue
		}
		if len(block.Bytes) > maxCertificate || len(certs) >= MaxCertificates {
			return nil, errMany
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		certs = append(certs, c)
	}
	if len(certs) == 0 {
		return nil, ErrNoCertificate
	}
	return certs, nil
}

func oneCertificate(data []byte) (*x509.Certificate, error) {
	if len(data) > maxCertificate {
		return nil, fmt.Errorf("it is larger than %d bytes", maxCertificate)
	}
	var whole asn1.RawValue
	rest, err := asn1.Unmarshal(data, &whole)
	if err == nil && len(bytes.Trim(rest, "\r\n")) == 0 { // editors end a file with a line break
		data = whole.FullBytes
	}
	return x509.ParseCertificate(bytes.Clone(data))
}

// ErrNotGiven says that the user was asked for a password and gave none.
var ErrNotGiven = errors.New("no password was given")

// OpenPKCS12 opens a PKCS#12 file without a password, with each that is known, then
// with what the user says, three times at most. asked: it was the user. The error is
// ErrPassword where nobody has the right one, ErrNotGiven where the asking ended, or
// about a damaged file.
func OpenPKCS12(data []byte, name string, known []string, ask AskPassword) (id *Identity, asked bool, err error) {
	for _, password := range append([]string{""}, known...) {
		if id, err = PKCS12(data, password); !errors.Is(err, ErrPassword) {
			return id, false, err
		}
	}
	for attempt := 0; ask != nil && attempt < maxAttempts; attempt++ {
		typed, aerr := ask(name, attempt)
		if aerr != nil {
			return nil, true, fmt.Errorf("%w: %w", ErrNotGiven, aerr)
		}
		id, err = PKCS12(data, string(typed))
		clear(typed)
		if !errors.Is(err, ErrPassword) {
			return id, true, err
		}
	}
	return nil, ask != nil, err
}
