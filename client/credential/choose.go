package credential

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"encoding/asn1"
	"slices"
	"strings"
	"time"

	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/client/profile"
)

// Which of the user's certificates fit a question:
//
//	the profile's issuers       others are never shown
//	validity                    what has ended is told apart from what is missing
//	usage                       made for signing, and for this (RFC 4945 5.1.3, RFC 5280 4.2.1)
//	key, issuers                what the other side verifies and whom it trusts: of a
//	                            TLS server its word; of a gateway, which has not
//	                            proven itself yet, a preference (RFC 7296 3.7)
//	renewal                     of two for the same person from the same issuer the newer

// Wish is what a certificate has to be.
type Wish struct {
	// TLS: for a TLS server (EAP-TLS); else for the gateway itself, in IKE.
	TLS bool
	// Issuers are the names of authorities that the other side takes, DER.
	Issuers [][]byte
	// IssuerKeys are SHA-1 hashes of the keys of such authorities (RFC 7296 3.7).
	IssuerKeys [][20]byte
	// Families are the kinds of keys that the other side verifies: "rsa", "ecdsa",
	// "ed25519"; nil: it did not say.
	Families []string
	// Names are the profile's: the common name of an authority above, or its whole name.
	Names []string
	// Authorities are further certificates that may stand above one of the user's.
	Authorities []*x509.Certificate
	Now         time.Time
}

// Choose gives the identities that fit, and what is wrong where none does.
func Choose(all []Identity, w Wish) ([]Identity, error) {
	missing := &diagnose.Failure{Cause: diagnose.CauseCertificateMissing, Expected: w.wanted()}
	fit := slices.DeleteFunc(slices.Clone(all), func(id Identity) bool {
		return !w.named(id) || !w.usable(id.Leaf) || !signs(id.Leaf)
	})
	if w.TLS {
		fit = slices.DeleteFunc(fit, func(id Identity) bool { return !w.verified(id) || !w.issued(id) })
	}
	valid := slices.DeleteFunc(slices.Clone(fit), func(id Identity) bool {
		return w.Now.Before(id.Leaf.NotBefore) || w.Now.After(id.Leaf.NotAfter)
	})
	if len(valid) == 0 {
		return nil, w.ended(fit, missing)
	}
	return newest(prefer(prefer(valid, w.verified), w.issued)), nil
}

// prefer leaves those that are liked, where there are some.
func prefer(list []Identity, liked func(Identity) bool) []Identity {
	if best := slices.DeleteFunc(slices.Clone(list), func(id Identity) bool { return !liked(id) }); len(best) > 0 {
		return best
	}
	return list
}

// ended tells a certificate that was good from none at all.
func (w *Wish) ended(fit []Identity, missing *diagnose.Failure) error {
	var last time.Time
	for _, id := range fit {
		if w.Now.After(id.Leaf.NotAfter) && id.Leaf.NotAfter.After(last) {
			last = id.Leaf.NotAfter
		}
	}
	if last.IsZero() {
		return missing
	}
	return &diagnose.Failure{Cause: diagnose.CauseCertificateExpired, When: last}
}

// wanted names an issuer that is asked for, for the sentence.
func (w *Wish) wanted() string {
	if len(w.Names) > 0 {
		return profile.CleanText(w.Names[0], maxName)
	}
	for _, der := range w.Issuers {
		if name, err := parseName(der); err == nil {
			return name
		}
	}
	return ""
}

// path lists the authorities above an identity, as far as they are known.
func (w *Wish) path(id Identity) []*x509.Certificate {
	all := Identity{Leaf: id.Leaf, Above: append(slices.Clone(id.Above), w.Authorities...)}
	var path []*x509.Certificate
	for at := all.above(id.Leaf); at != nil && !slices.ContainsFunc(path, at.Equal); at = all.above(at) {
		path = append(path, at)
	}
	return path
}

// named holds an identity against the profile's own wish.
func (w *Wish) named(id Identity) bool {
	if len(w.Names) == 0 {
		return true
	}
	is := func(common, whole string) bool {
		return slices.ContainsFunc(w.Names, func(n string) bool {
			n = strings.TrimSpace(n)
			return n != "" && (strings.EqualFold(n, common) || strings.EqualFold(n, whole))
		})
	}
	if is(id.Leaf.Issuer.CommonName, id.Leaf.Issuer.String()) {
		return true
	}
	return slices.ContainsFunc(w.path(id), func(c *x509.Certificate) bool {
		return is(c.Subject.CommonName, c.Subject.String()) || is(c.Issuer.CommonName, c.Issuer.String())
	})
}

// issued says whether one of the other side's authorities stands above.
func (w *Wish) issued(id Identity) bool {
	if len(w.Issuers)+len(w.IssuerKeys) == 0 {
		return true
	}
	path := w.path(id)
	for _, c := range append([]*x509.Certificate{id.Leaf}, path...) {
		if slices.ContainsFunc(w.Issuers, func(name []byte) bool { return bytes.Equal(name, c.RawIssuer) }) {
			return true
		}
	}
	return slices.ContainsFunc(path, func(c *x509.Certificate) bool {
		return slices.Contains(w.IssuerKeys, sha1.Sum(c.RawSubjectPublicKeyInfo))
	})
}

// oidIKE are the extended key usages of IKE (RFC 4945 5.1.3.12), the second as
// Microsoft's authorities write it.
var oidIKE = []asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 17}, {1, 3, 6, 1, 5, 5, 8, 2, 2}}

// usesIKE are those that it has taken the place of.
var usesIKE = []x509.ExtKeyUsage{x509.ExtKeyUsageIPSECEndSystem, x509.ExtKeyUsageIPSECTunnel, x509.ExtKeyUsageIPSECUser}

// usable looks at what a certificate was issued for. Extended key usages that are
// not there restrict nothing (RFC 5280 4.2.1.12).
func (w *Wish) usable(c *x509.Certificate) bool {
	if c.IsCA && c.BasicConstraintsValid && c.KeyUsage != 0 && c.KeyUsage&x509.KeyUsageDigitalSignature == 0 {
		return false
	}
	signs := x509.KeyUsageDigitalSignature
	if !w.TLS {
		signs |= x509.KeyUsageContentCommitment // RFC 4945 5.1.3.2
	}
	if c.KeyUsage != 0 && c.KeyUsage&signs == 0 {
		return false
	}
	if len(c.ExtKeyUsage)+len(c.UnknownExtKeyUsage) == 0 ||
		slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageAny) || slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageClientAuth) {
		return true
	}
	return !w.TLS && (slices.ContainsFunc(c.UnknownExtKeyUsage, func(oid asn1.ObjectIdentifier) bool {
		return slices.ContainsFunc(oidIKE, oid.Equal)
	}) || slices.ContainsFunc(c.ExtKeyUsage, func(u x509.ExtKeyUsage) bool { return slices.Contains(usesIKE, u) }))
}

// family is the kind of a certificate's key; empty: one that nothing here signs with.
func family(c *x509.Certificate) string {
	switch k := c.PublicKey.(type) {
	case *rsa.PublicKey:
		return "rsa"
	case *ecdsa.PublicKey:
		if bits := k.Curve.Params().BitSize; bits == 256 || bits == 384 || bits == 521 {
			return "ecdsa"
		}
	case ed25519.PublicKey:
		return "ed25519"
	}
	return ""
}

func signs(c *x509.Certificate) bool { return family(c) != "" }

// verified says whether the other side can verify what the key signs.
func (w *Wish) verified(id Identity) bool {
	return w.Families == nil || slices.Contains(w.Families, family(id.Leaf))
}

// newest leaves out a certificate that was renewed: one of the same subject and
// issuer, for the same uses and with the same kind of key, began later.
func newest(list []Identity) []Identity {
	renewed := func(old Identity) bool {
		return slices.ContainsFunc(list, func(o Identity) bool {
			return o.ID != old.ID && o.Leaf.NotBefore.After(old.Leaf.NotBefore) && o.Card == old.Card &&
				bytes.Equal(o.Leaf.RawSubject, old.Leaf.RawSubject) && bytes.Equal(o.Leaf.RawIssuer, old.Leaf.RawIssuer) &&
				o.Leaf.PublicKeyAlgorithm == old.Leaf.PublicKeyAlgorithm && o.Leaf.KeyUsage == old.Leaf.KeyUsage &&
				slices.Equal(o.Leaf.ExtKeyUsage, old.Leaf.ExtKeyUsage) && len(o.Leaf.Subject.Names) > 0
		})
	}
	var out []Identity
	for _, id := range list {
		if !renewed(id) {
			out = append(out, id)
		}
	}
	return out
}
