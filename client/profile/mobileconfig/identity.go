package mobileconfig

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/homeward-vpn/homeward/client/profile"
)

// identity is a client certificate with its key, out of a PKCS#12 file.
type identity struct {
	payload int // index
	leaf    *x509.Certificate
	chain   [][]byte // DER, leaf first, without the root
	others  []*x509.Certificate
	key     []byte // PKCS#8 DER
	kind    string // as CertificateType writes it
	asked   bool   // its password came from the user
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
	if p.typ != typePKCS12 {
		return nil, unsupported("%s wants a client certificate that has to be fetched from a server (%s), which this version does not do; ask for a profile that holds the certificate",
			name, strings.ToUpper(strings.TrimPrefix(p.typ, "com.apple.security.")))
	}
	if id := cs.identities[p.index]; id != nil {
		return id, nil
	}
	if cs.costly {
		return nil, notPKCS12(p, errCostly)
	}
	id, err := cs.open(p)
	if err != nil {
		cs.costly = errors.Is(err, errCostly)
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
	der, err := berToDER(data)
	if err == nil {
		err = checkCost(der)
	}
	if err != nil {
		return nil, notPKCS12(p, err)
	}
	password, _ := passwordOf(p)
	id, err := openPKCS12(der, password)
	for attempt := 0; errors.Is(err, pkcs12.ErrIncorrectPassword) && attempt < maxAttempts; attempt++ {
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
		id, err = openPKCS12(der, string(typed))
		clear(typed)
		if id != nil {
			id.asked = true
		}
	}
	if errors.Is(err, pkcs12.ErrIncorrectPassword) {
		e := profile.NewImportError(profile.ImportPassword, "the client certificate in %s was not opened: the password is wrong", p.label())
		e.Err = err
		return nil, e
	}
	if err != nil {
		return nil, notPKCS12(p, err)
	}
	id.payload = p.index
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

// openDeadline bounds the work on one PKCS#12 file. checkCost sees the
// iteration counts that stand in the open; this is for those inside what the
// file encrypts.
const openDeadline = 20 * time.Second

// openPKCS12 decrypts a file in a goroutine of its own, which the deadline
// leaves behind; it ends when its iterations do.
func openPKCS12(der []byte, password string) (*identity, error) {
	type result struct {
		id  *identity
		err error
	}
	done := make(chan result, 1)
	go func() {
		id, err := decodePKCS12(der, password)
		done <- result{id, err}
	}()
	timer := time.NewTimer(openDeadline)
	defer timer.Stop()
	select {
	case r := <-done:
		return r.id, r.err
	case <-timer.C:
		return nil, errCostly
	}
}

func decodePKCS12(der []byte, password string) (id *identity, err error) {
	defer func() {
		if r := recover(); r != nil {
			id, err = nil, errors.New("it does not hold together")
		}
	}()
	key, first, rest, err := pkcs12.DecodeChain(der, password)
	if errors.Is(err, pkcs12.ErrDecryption) {
		err = pkcs12.ErrIncorrectPassword
	}
	if err != nil {
		return nil, err
	}
	return newIdentity(key, append([]*x509.Certificate{first}, rest...))
}

// newIdentity finds the key's certificate, wherever in the file it stands, and
// puts its chain in order.
func newIdentity(key any, certs []*x509.Certificate) (*identity, error) {
	kind, public, err := keyKind(key)
	if err != nil {
		return nil, err
	}
	if len(certs) > maxTrusted {
		return nil, fmt.Errorf("it holds more than %d certificates", maxTrusted)
	}
	id := &identity{kind: kind}
	for _, c := range certs {
		if len(c.Raw) > maxCertificate {
			return nil, fmt.Errorf("a certificate in it is larger than %d bytes", maxCertificate)
		}
		if id.leaf == nil && public.Equal(c.PublicKey) {
			id.leaf = c
		} else {
			id.others = append(id.others, c)
		}
	}
	if id.leaf == nil {
		return nil, errors.New("none of its certificates belongs to its key")
	}
	if id.key, err = x509.MarshalPKCS8PrivateKey(key); err != nil {
		return nil, err
	}
	id.order()
	return id, nil
}

// order walks from the leaf to its issuers as far as the file holds them. The
// root is left out: the gateway has it, or does not trust it.
func (id *identity) order() {
	id.chain = [][]byte{bytes.Clone(id.leaf.Raw)}
	used := map[*x509.Certificate]bool{}
	for at := id.leaf; !selfIssued(at); {
		next := id.issuerOf(at, used)
		if next == nil || selfIssued(next) {
			return
		}
		used[next] = true
		id.chain = append(id.chain, bytes.Clone(next.Raw))
		at = next
	}
}

func (id *identity) issuerOf(c *x509.Certificate, used map[*x509.Certificate]bool) *x509.Certificate {
	for _, o := range id.others {
		if !used[o] && bytes.Equal(o.RawSubject, c.RawIssuer) {
			return o
		}
	}
	return nil
}

// anchorsNamed gives the roots in the PKCS#12 file whose common name is the
// one that the profile expects of the gateway's issuer. Others that happen to
// be in the file are not trusted: they are about the client.
func (id *identity) anchorsNamed(issuer string) [][]byte {
	var anchors [][]byte
	for _, c := range id.others {
		if issuer != "" && c.Subject.CommonName == issuer && selfIssued(c) && c.IsCA {
			anchors = append(anchors, bytes.Clone(c.Raw))
		}
	}
	return anchors
}

// publicKey is what the public keys of crypto/... have in common.
type publicKey interface{ Equal(x crypto.PublicKey) bool }

// keyKind names a private key as CertificateType does.
func keyKind(key any) (kind string, public publicKey, err error) {
	switch k := key.(type) {
	case *rsa.PrivateKey:
		if bits := k.N.BitLen(); bits < 1024 || bits > 16384 {
			return "", nil, fmt.Errorf("its RSA key has %d bits", bits)
		}
		return "RSA", &k.PublicKey, nil
	case *ecdsa.PrivateKey:
		switch bits := k.Curve.Params().BitSize; bits {
		case 256, 384, 521:
			return fmt.Sprintf("ECDSA%d", bits), &k.PublicKey, nil
		}
	case ed25519.PrivateKey:
		return "Ed25519", k.Public().(ed25519.PublicKey), nil
	}
	return "", nil, errors.New("its key is of a kind that this version does not know")
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
