package mobileconfig

import (
	"bytes"
	"crypto/x509"
	"errors"
	"strings"
	"time"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/keyfile"
)

// identity is a client certificate with its key, out of a PKCS#12 file.
type identity struct {
	*keyfile.Identity
	payload int  // index
	asked   bool // its password came from the user
}

// maxAttempts is how often the user is asked for a PKCS#12 file's password.
const maxAttempts = 3

// identity opens the PKCS#12 file of that UUID for the connection that the
// quoted name stands for.
func (cs *certificates) identity(uuid, name string) (*identity, error) {
	p, ok := cs.payloads[strings.ToLower(uuid)]
	if !ok {
		return nil, incomplete("%s wants a client certificate that the file does not hold; ask for a complete profile", name)
	}
	if id := cs.identities[p.index]; id != nil {
		return id, nil
	}
	if cs.costly {
		return nil, notPKCS12(p, keyfile.ErrCostly)
	}
	id, err := cs.open(p)
	if err != nil {
		cs.costly = errors.Is(err, keyfile.ErrCostly)
		return nil, err
	}
	cs.identities[p.index] = id
	return id, nil
}

// open decrypts a PKCS#12 payload: with the password beside it, with none,
// then with what the user says.
func (cs *certificates) open(p payload) (*identity, error) {
	data, err := content(p)
	if err != nil {
		return nil, err
	}
	password, _ := passwordOf(p)
	id := &identity{payload: p.index}
	id.Identity, err = keyfile.PKCS12(data, password)
	for attempt := 0; errors.Is(err, keyfile.ErrPassword) && attempt < maxAttempts; attempt++ {
		if cs.options.AskPassword == nil {
			return nil, profile.NewImportError(profile.ImportPassword,
				"the client certificate in %s is protected by a password that the file does not hold; ask for that password", p.label())
		}
		typed, aerr := cs.options.AskPassword(p.label(), attempt)
		if aerr != nil {
			e := profile.NewImportError(profile.ImportPassword, "the client certificate in %s was not opened: no password was given", p.label())
			e.Err = aerr
			return nil, e
		}
		id.Identity, err = keyfile.PKCS12(data, string(typed))
		clear(typed)
		id.asked = true
	}
	if errors.Is(err, keyfile.ErrPassword) {
		e := profile.NewImportError(profile.ImportPassword, "the client certificate in %s was not opened: the password is wrong", p.label())
		e.Err = err
		return nil, e
	}
	if err != nil {
		return nil, notPKCS12(p, err)
	}
	return id, nil
}

func passwordOf(p payload) (string, bool) {
	v := p.dict.dict["Password"]
	if v == nil {
		return "", false
	}
	return v.asText()
}

func notPKCS12(p payload, cause error) error {
	var known *profile.ImportError
	if errors.As(cause, &known) {
		return known
	}
	e := damaged("the client certificate in %s cannot be read: %s", p.label(), profile.CleanText(cause.Error(), maxShown))
	e.Err = cause
	return e
}

// anchorsNamed gives the roots in the PKCS#12 file whose common name is the
// one that the profile expects of the gateway's issuer. Others that happen to
// be in the file are not trusted: they are about the client.
func (id *identity) anchorsNamed(issuer string) [][]byte {
	var anchors [][]byte
	for _, c := range id.Others {
		if issuer != "" && c.Subject.CommonName == issuer && selfIssued(c) && c.IsCA {
			anchors = append(anchors, bytes.Clone(c.Raw))
		}
	}
	return anchors
}

// describe names a certificate for the report.
func describe(c *x509.Certificate, now time.Time) string {
	until := "valid until "
	if c.NotAfter.Before(now) {
		until = "expired on "
	}
	return profile.CleanText(distinguishedName(c)+", issued by "+issuerName(c)+", "+until+c.NotAfter.UTC().Format("2006-01-02"), maxShown)
}

func issuerName(c *x509.Certificate) string {
	switch {
	case selfIssued(c):
		return "itself"
	case c.Issuer.CommonName != "":
		return c.Issuer.CommonName
	}
	return c.Issuer.String()
}
