package suite

import (
	"fmt"
	"slices"
	"strings"

	"github.com/homeward-vpn/homeward/ike/wire"
)

// algorithmName is how a person is told of a transform. Names are needed for
// what is used and for what is refused: a gateway may want either.
type algorithmName struct {
	kind    TransformType
	id      uint16
	name    string
	verdict verdict
}

type verdict uint8

const (
	other   verdict = iota // safe, whether it is known here or not
	legacy                 // no longer safe: only where a profile insists (RFC 8247 2, RFC 8221 5, 6)
	refused                // broken: never
)

// names follows IANA's registry of IKEv2 transforms.
var names = []algorithmName{
	{wire.TransformENCR, 1, "DES with an IV of 64 bits", refused},
	{wire.TransformENCR, 2, "DES", refused},
	{wire.TransformENCR, ENCR_3DES, "3DES", legacy},
	{wire.TransformENCR, 4, "RC5", refused},
	{wire.TransformENCR, 5, "IDEA", refused},
	{wire.TransformENCR, 6, "CAST", refused},
	{wire.TransformENCR, 7, "Blowfish", refused},
	{wire.TransformENCR, 8, "3IDEA", refused},
	{wire.TransformENCR, 9, "DES with an IV of 32 bits", refused},
	{wire.TransformENCR, ENCR_NULL, "NULL encryption", other},
	{wire.TransformENCR, ENCR_AES_CBC, "AES-CBC", other},
	{wire.TransformENCR, ENCR_AES_CTR, "AES-CTR", other},
	{wire.TransformENCR, ENCR_AES_CCM_8, "AES-CCM-8", other},
	{wire.TransformENCR, ENCR_AES_CCM_12, "AES-CCM-12", other},
	{wire.TransformENCR, ENCR_AES_CCM_16, "AES-CCM-16", other},
	{wire.TransformENCR, ENCR_AES_GCM_8, "AES-GCM-8", other},
	{wire.TransformENCR, ENCR_AES_GCM_12, "AES-GCM-12", other},
	{wire.TransformENCR, ENCR_AES_GCM_16, "AES-GCM-16", other},
	{wire.TransformENCR, ENCR_NULL_AUTH_AES_GMAC, "AES-GMAC without encryption", other},
	{wire.TransformENCR, 23, "Camellia-CBC", other},
	{wire.TransformENCR, 24, "Camellia-CTR", other},
	{wire.TransformENCR, 25, "Camellia-CCM-8", other},
	{wire.TransformENCR, 26, "Camellia-CCM-12", other},
	{wire.TransformENCR, 27, "Camellia-CCM-16", other},
	{wire.TransformENCR, ENCR_CHACHA20_POLY1305, "ChaCha20-Poly1305", other},

	{wire.TransformPRF, 1, "HMAC-MD5", refused},
	{wire.TransformPRF, PRF_HMAC_SHA1, "HMAC-SHA-1", legacy},
	{wire.TransformPRF, 3, "HMAC-TIGER", refused},
	{wire.TransformPRF, PRF_AES128_XCBC, "AES-XCBC-PRF-128", other},
	{wire.TransformPRF, PRF_HMAC_SHA2_256, "HMAC-SHA-256", other},
	{wire.TransformPRF, PRF_HMAC_SHA2_384, "HMAC-SHA-384", other},
	{wire.TransformPRF, PRF_HMAC_SHA2_512, "HMAC-SHA-512", other},
	{wire.TransformPRF, PRF_AES128_CMAC, "AES-CMAC-PRF-128", other},

	{wire.TransformINTEG, 1, "HMAC-MD5-96", refused},
	{wire.TransformINTEG, AUTH_HMAC_SHA1_96, "HMAC-SHA-1-96", legacy},
	{wire.TransformINTEG, 3, "DES-MAC", refused},
	{wire.TransformINTEG, 4, "KPDK-MD5", refused},
	{wire.TransformINTEG, AUTH_AES_XCBC_96, "AES-XCBC-96", other},
	{wire.TransformINTEG, 6, "HMAC-MD5-128", refused},
	{wire.TransformINTEG, 7, "HMAC-SHA-1-160", refused},
	{wire.TransformINTEG, AUTH_AES_CMAC_96, "AES-CMAC-96", other},
	{wire.TransformINTEG, 9, "AES-128-GMAC", other},
	{wire.TransformINTEG, 10, "AES-192-GMAC", other},
	{wire.TransformINTEG, 11, "AES-256-GMAC", other},
	{wire.TransformINTEG, AUTH_HMAC_SHA2_256_128, "HMAC-SHA-256-128", other},
	{wire.TransformINTEG, AUTH_HMAC_SHA2_384_192, "HMAC-SHA-384-192", other},
	{wire.TransformINTEG, AUTH_HMAC_SHA2_512_256, "HMAC-SHA-512-256", other},

	{wire.TransformKE, 1, "the 768-bit group 1", refused},
	{wire.TransformKE, Group1024, "the 1024-bit group 2", legacy},
	{wire.TransformKE, Group1536, "the 1536-bit group 5", legacy},
	{wire.TransformKE, Group2048, "the 2048-bit group 14", other},
	{wire.TransformKE, Group3072, "the 3072-bit group 15", other},
	{wire.TransformKE, Group4096, "the 4096-bit group 16", other},
	{wire.TransformKE, Group6144, "the 6144-bit group 17", other},
	{wire.TransformKE, Group8192, "the 8192-bit group 18", other},
	{wire.TransformKE, GroupP256, "the curve P-256", other},
	{wire.TransformKE, GroupP384, "the curve P-384", other},
	{wire.TransformKE, GroupP521, "the curve P-521", other},
	{wire.TransformKE, 22, "the 1024-bit group 22", refused},
	{wire.TransformKE, 23, "the 2048-bit group 23", refused},
	{wire.TransformKE, Group2048S256, "the 2048-bit group 24", legacy},
	{wire.TransformKE, 25, "the curve P-192", refused},
	{wire.TransformKE, 26, "the curve P-224", other},
	{wire.TransformKE, 27, "the curve brainpoolP224r1", other},
	{wire.TransformKE, 28, "the curve brainpoolP256r1", other},
	{wire.TransformKE, 29, "the curve brainpoolP384r1", other},
	{wire.TransformKE, 30, "the curve brainpoolP512r1", other},
	{wire.TransformKE, GroupX25519, "Curve25519", other},
	{wire.TransformKE, GroupX448, "Curve448", other},
	{wire.TransformKE, 35, "ML-KEM-512", other},
	{wire.TransformKE, GroupMLKEM768, "ML-KEM-768", other},
	{wire.TransformKE, GroupMLKEM1024, "ML-KEM-1024", other},
}

// refusedWords are keywords of algorithms that other programs know and that are
// never used here, with their names.
var refusedWords = map[string]string{
	"des": "DES", "rc5": "RC5", "idea": "IDEA", "cast128": "CAST",
	"blowfish128": "Blowfish", "blowfish192": "Blowfish", "blowfish256": "Blowfish",
	"md5": "MD5", "md5_128": "MD5", "ripemd160": "RIPEMD-160", "tiger": "TIGER",
	"modp768": "the 768-bit group 1", "modp1024s160": "the 1024-bit group 22", "modp2048s224": "the 2048-bit group 23",
	"ecp192": "the curve P-192",
}

func findName(kind TransformType, id uint16) (algorithmName, bool) {
	at := slices.IndexFunc(names, func(n algorithmName) bool { return n.kind == kind && n.id == id })
	if at < 0 {
		return algorithmName{}, false
	}
	return names[at], true
}

// Name is what a person is told of a transform: its name, or its number where
// it has none here.
func Name(kind TransformType, id uint16) string {
	if n, ok := findName(kind, id); ok {
		return n.name
	}
	return fmt.Sprintf("%v %d", kind, id)
}

func isLegacy(kind TransformType, id uint16) bool {
	n, ok := findName(kind, id)
	return ok && n.verdict == legacy
}

// isRefused says that an algorithm is known to be broken.
func isRefused(kind TransformType, id uint16) bool {
	n, ok := findName(kind, id)
	return ok && n.verdict == refused
}

// Describe names the algorithms of a proposal for a log or an error, and says
// which of them are not safe: "DES (not safe), HMAC-MD5-96 (not safe)".
func Describe(p Proposal) string {
	var words []string
	p.each(func(kind TransformType, id uint16) {
		name := Name(kind, id)
		if isRefused(kind, id) {
			name += " (not safe)"
		}
		words = append(words, name)
	})
	if words == nil {
		return "nothing"
	}
	return strings.Join(words, ", ")
}

// Weak names what in a proposal is no longer safe, and was negotiated because a
// profile insisted. None: nil.
func (p Proposal) Weak() []string {
	var out []string
	p.each(func(kind TransformType, id uint16) {
		if name := Name(kind, id); isLegacy(kind, id) && !slices.Contains(out, name) {
			out = append(out, name)
		}
	})
	return out
}

// Confidential says whether a chosen proposal's cipher encrypts at all.
func (p Proposal) Confidential() bool {
	return !slices.ContainsFunc(p.Encryption, func(t Transform) bool {
		return t.ID == ENCR_NULL || t.ID == ENCR_NULL_AUTH_AES_GMAC
	})
}

// each goes through the algorithms; "none" is no algorithm.
func (p Proposal) each(f func(kind TransformType, id uint16)) {
	for _, t := range p.Encryption {
		f(wire.TransformENCR, t.ID)
	}
	list := func(kind TransformType, ids []uint16) {
		for _, id := range ids {
			if id != 0 {
				f(kind, id)
			}
		}
	}
	list(wire.TransformPRF, p.PRF)
	list(wire.TransformINTEG, p.Integrity)
	list(wire.TransformKE, p.Group)
	for _, ids := range p.AddKE {
		list(wire.TransformKE, ids)
	}
}

// UnsafeError says which broken algorithms a peer wants. It stands beside the
// error that ends the negotiation.
type UnsafeError struct {
	Names []string
}

// Error implements error.
func (e *UnsafeError) Error() string {
	return "not safe, and never used here: " + strings.Join(e.Names, ", ")
}

// refuse is the error for proposals of a peer that have nothing acceptable,
// with an UnsafeError where one of them has a broken algorithm.
func refuse(reason string, theirs ...wire.Proposal) error {
	unsafe := new(UnsafeError)
	for _, p := range theirs {
		for _, t := range p.Transforms {
			if name := Name(t.Type, t.ID); isRefused(t.Type, t.ID) && !slices.Contains(unsafe.Names, name) {
				unsafe.Names = append(unsafe.Names, name)
			}
		}
	}
	if unsafe.Names == nil {
		return fmt.Errorf("suite: %s: %w", reason, ErrNoProposal)
	}
	return fmt.Errorf("suite: %s: %w: %w", reason, ErrNoProposal, unsafe)
}

// RefuseGroup is the error for a peer that asks for a group that was not offered.
func RefuseGroup(group uint16) error {
	return refuse(Name(wire.TransformKE, group)+" was not offered", wire.Proposal{Transforms: []wire.Transform{{Type: wire.TransformKE, ID: group}}})
}
