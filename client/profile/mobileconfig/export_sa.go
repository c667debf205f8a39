package mobileconfig

import (
	"crypto/ecdsa"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/homeward-vpn/homeward/client/profile"
)

// certificateType is Apple's word for the kind of a key; RSA stands for nothing.
func certificateType(c *x509.Certificate) string {
	if key, ok := c.PublicKey.(*ecdsa.PublicKey); ok {
		return fmt.Sprintf("ECDSA%d", key.Curve.Params().BitSize)
	}
	return ""
}

// The names of algorithms in a profile, by their keywords.
var (
	encryptionWords = map[string]string{
		"aes128": "AES-128", "aes256": "AES-256", "aes128gcm16": "AES-128-GCM", "aes256gcm16": "AES-256-GCM", "chacha20poly1305": "ChaCha20Poly1305", "3des": "3DES",
	}
	integrityWords = map[string]string{"sha256": "SHA2-256", "sha384": "SHA2-384", "sha512": "SHA2-512", "sha1": "SHA1-96"}
)

// algorithms writes one set for each SA, for Apple's devices offer no more. An SA
// without a set of its own would take the other's.
func (w *writer) algorithms() {
	p := w.profile
	w.ike.setFlag("EnablePFS", p.Child.PFS)
	optional := fallback(p)
	ike, ikeWhole := ikeSet(&p.IKE, optional)
	child, childWhole := childSet(&p.Child, optional)
	w.ike.setFlag(fallbackKey, optional && (has(ike) || has(child)))
	if ike != nil {
		w.ike.set(ikeParameters, ike)
	}
	if child != nil {
		w.ike.set(childParameters, child)
	}
	strict := p.IKE.Strict && p.Child.Strict && ikeWhole && childWhole
	// What Apple's devices refuse under this switch is left without it.
	weak := p.IKE.Legacy || p.Child.Legacy
	stronger := strict && strings.Contains(p.Child.Proposals[0].Encryption, "256") && strings.Contains(p.IKE.Proposals[0].Encryption, "128")
	w.ike.setFlag("EnforceStrictAlgorithmSelection", strict && !weak && !stronger)
}

// ikeSet gives the dictionary of the first proposal that Apple has names for; whole
// says that it is all there is.
func ikeSet(sa *profile.SA, optional bool) (d keyed, whole bool) {
	for _, p := range sa.Proposals {
		integrity, known := integrityWords[p.PRF]
		if !known || p.Integrity != "" && p.Integrity != p.PRF {
			continue
		}
		if d, known = set(p.Encryption, integrity, p.Group, optional); known {
			setLifetime(&d, sa)
			return d, len(sa.Proposals) == 1
		}
	}
	return nil, false
}

// childSet does the same for the Child SA.
func childSet(sa *profile.SA, optional bool) (d keyed, whole bool) {
	for _, p := range sa.Proposals {
		integrity, known := integrityWords[p.Integrity]
		if !known && p.Integrity != "" {
			continue
		}
		group := p.Group
		if !sa.PFS {
			group = ""
		}
		if d, known = set(p.Encryption, integrity, group, optional); known {
			setLifetime(&d, sa)
			return d, len(sa.Proposals) == 1
		}
	}
	return nil, false
}

// fallback says that the first additional key exchanges of a profile may be left
// out. Apple has one switch for both SAs.
func fallback(p *profile.Profile) bool {
	for _, set := range append(append([]profile.Proposal(nil), p.IKE.Proposals...), p.Child.Proposals...) {
		if words := strings.Split(set.Group, "-"); len(words) > 1 {
			_, optional, _ := additionalOf(words[1:])
			return optional
		}
	}
	return false
}

// has says that a set has additional key exchanges.
func has(d keyed) bool {
	return slices.ContainsFunc(d, func(e entry) bool { return e.key == additionalKey })
}

// set writes one set of algorithms; no group means that none counts.
func set(encryption, integrity, group string, optional bool) (d keyed, known bool) {
	name, known := encryptionWords[encryption]
	if !known {
		return nil, false
	}
	d.set("EncryptionAlgorithm", name)
	d.setText("IntegrityAlgorithm", integrity)
	if group == "" {
		return d, true
	}
	words := strings.Split(group, "-")
	number := int64(0)
	for n, word := range groupNumbers {
		if word == words[0] {
			number = n
		}
	}
	additional, left, ok := additionalOf(words[1:])
	if number == 0 || !ok || len(additional) > 0 && left != optional {
		return nil, false
	}
	d.set("DiffieHellmanGroup", int(number))
	if len(additional) > 0 {
		d.set(additionalKey, additional)
	}
	return d, true
}

func setLifetime(d *keyed, sa *profile.SA) {
	if minutes := int(time.Duration(sa.Lifetime) / time.Minute); minutes > 0 {
		d.set("LifeTimeInMinutes", min(max(minutes, minMinutes), maxMinutes))
	}
}
