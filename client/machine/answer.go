package machine

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"strings"
	"time"

	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/tunnel"
)

// Answer implements service.Machine.
func (s *Store) Answer(p *profile.Profile, q tunnel.Question) (tunnel.Answer, bool, error) {
	k, err := s.meant(p)
	if errors.Is(err, errNone) {
		return tunnel.Answer{}, false, nil
	}
	if err != nil {
		return tunnel.Answer{}, false, err
	}
	defer k.clear()
	switch q.Kind {
	case tunnel.AskPassword:
		return k.password(q)
	case tunnel.AskPSK:
		return tunnel.Answer{Secret: bytes.Clone(k.PSK)}, len(k.PSK) > 0, nil
	case tunnel.AskCertificate:
		return k.certificate()
	case tunnel.AskSignature:
		return k.signature(q)
	}
	return tunnel.Answer{}, false, nil
}

func (k *kept) password(q tunnel.Question) (tunnel.Answer, bool, error) {
	username := q.Username
	if username == "" {
		username = k.Username
	}
	if len(k.Password) == 0 || username == "" || k.Username != "" && k.Username != username {
		return tunnel.Answer{}, false, nil
	}
	return tunnel.Answer{Username: username, Secret: bytes.Clone(k.Password)}, true, nil
}

// certificate gives the chain, and says of one that has ended that it has.
func (k *kept) certificate() (tunnel.Answer, bool, error) {
	if len(k.Certificates) == 0 {
		return tunnel.Answer{}, false, nil
	}
	leaf, err := x509.ParseCertificate(k.Certificates[0])
	if err != nil {
		return tunnel.Answer{}, false, err
	}
	if time.Now().After(leaf.NotAfter) {
		return tunnel.Answer{}, false, &diagnose.Failure{Cause: diagnose.CauseCertificateExpired, When: leaf.NotAfter, Detail: "the certificate of the machine"}
	}
	return tunnel.Answer{Certificates: k.Certificates}, true, nil
}

// signature signs with the key, where it is that certificate's.
func (k *kept) signature(q tunnel.Question) (tunnel.Answer, bool, error) {
	if len(k.PrivateKey) == 0 || q.Certificate != nil && !bytes.Equal(q.Certificate, k.Certificates[0]) {
		return tunnel.Answer{}, false, nil
	}
	key, err := keyOf(k.PrivateKey, k.Certificates)
	if err != nil {
		return tunnel.Answer{}, false, err
	}
	signature, err := sign(key, q.Scheme, q.Data)
	return tunnel.Answer{Secret: signature}, err == nil, err
}

// hashes are the ends of the names of schemes (auth.Scheme).
var hashes = map[string]crypto.Hash{"sha1": crypto.SHA1, "sha256": crypto.SHA256, "sha384": crypto.SHA384, "sha512": crypto.SHA512}

var errScheme = errors.New("machine: the key cannot make the signature that is wanted")

// sign signs a message that is not hashed yet (RFC 7427 3: the salt of PSS is as long
// as the hash).
func sign(key crypto.Signer, scheme string, message []byte) ([]byte, error) {
	if scheme == "ed25519" {
		if _, ok := key.(ed25519.PrivateKey); !ok {
			return nil, errScheme
		}
		return key.Sign(rand.Reader, message, crypto.Hash(0))
	}
	family, name, _ := cutLast(scheme, "-")
	hash, known := hashes[name]
	if !known {
		return nil, errScheme
	}
	var options crypto.SignerOpts = hash
	fits := false
	switch key.(type) {
	case *rsa.PrivateKey:
		fits = family == "rsa-pkcs1" || family == "rsa-pss" && hash != crypto.SHA1
		if family == "rsa-pss" {
			options = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: hash}
		}
	case *ecdsa.PrivateKey:
		fits = family == "ecdsa" && hash != crypto.SHA1
	}
	if !fits {
		return nil, errScheme
	}
	h := hash.New()
	h.Write(message) // a hash never fails
	return key.Sign(rand.Reader, h.Sum(nil), options)
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}
