package suite

import (
	"github.com/homeward-vpn/homeward/ike/wire"
)

// TransformType is the kind of a transform (RFC 7296 3.3.2).
type TransformType = wire.TransformType

// Encryption transform IDs (IANA IKEv2 registry, transform type 1).
const (
	ENCR_AES_CBC           uint16 = 12 // RFC 3602
	ENCR_AES_GCM_16        uint16 = 20 // RFC 4106, RFC 5282
	ENCR_CHACHA20_POLY1305 uint16 = 28 // RFC 7634
)

// Pseudorandom function transform IDs (transform type 2, RFC 4868).
const (
	PRF_HMAC_SHA2_256 uint16 = 5
	PRF_HMAC_SHA2_384 uint16 = 6
	PRF_HMAC_SHA2_512 uint16 = 7
)

// Integrity transform IDs (transform type 3, RFC 4868).
const (
	AUTH_NONE              uint16 = 0 // beside an AEAD cipher only
	AUTH_HMAC_SHA2_256_128 uint16 = 12
	AUTH_HMAC_SHA2_384_192 uint16 = 13
	AUTH_HMAC_SHA2_512_256 uint16 = 14
)

// Key exchange transform IDs (transform type 4), also called groups.
const (
	GroupNone   uint16 = 0  // in a Child proposal: no key exchange is fine too
	Group2048   uint16 = 14 // MODP, RFC 3526
	Group3072   uint16 = 15 // MODP, RFC 3526
	Group4096   uint16 = 16 // MODP, RFC 3526
	GroupP256   uint16 = 19 // ECP, RFC 5903
	GroupP384   uint16 = 20 // ECP, RFC 5903
	GroupP521   uint16 = 21 // ECP, RFC 5903
	GroupX25519 uint16 = 31 // Curve25519, RFC 8031
)

// Key exchange transform IDs of key encapsulation methods
// (draft-ietf-ipsecme-ikev2-mlkem). ML-KEM-512, 35, is not here: crypto/mlkem
// does not have it, and those who fear for 30 years from now want more.
const (
	GroupMLKEM768  uint16 = 36 // FIPS 203
	GroupMLKEM1024 uint16 = 37 // FIPS 203
)

// Extended sequence number transform IDs (transform type 5, RFC 4304).
const (
	ESNNo  uint16 = 0 // 32-bit sequence numbers
	ESNYes uint16 = 1 // 64-bit sequence numbers
)

// encryption is what one encryption algorithm looks like. Lengths in octets.
type encryption struct {
	id      uint16
	name    string   // keyword; the key length in bits goes between name and suffix
	suffix  string   // keyword after the key length
	keyBits []uint16 // values of the Key Length attribute; nil: it has none (RFC 7634 2)
	keyLen  int      // for algorithms without the attribute
	salt    int      // octets of keying material after the key (RFC 4106 8.1, RFC 7634 2)
	iv      int      // octets of IV in each payload
	icv     int      // octets of tag; 0: an integrity algorithm makes it
	block   int      // plaintext is padded to a multiple of this
}

func (e *encryption) aead() bool { return e.icv != 0 }

var encryptions = []encryption{
	{id: ENCR_AES_GCM_16, name: "aes", suffix: "gcm16", keyBits: []uint16{256, 192, 128}, salt: 4, iv: 8, icv: 16, block: 1},
	{id: ENCR_CHACHA20_POLY1305, name: "chacha20poly1305", keyLen: 32, salt: 4, iv: 8, icv: 16, block: 1},
	{id: ENCR_AES_CBC, name: "aes", keyBits: []uint16{256, 192, 128}, iv: 16, block: 16},
}

func findEncryption(id uint16) *encryption {
	for i := range encryptions {
		if encryptions[i].id == id {
			return &encryptions[i]
		}
	}
	return nil
}

// keyLength gives the length of the cipher key in octets without the salt, and
// false where the Key Length attribute does not fit the algorithm.
func (t Transform) keyLength() (int, bool) {
	e := findEncryption(t.ID)
	if e == nil {
		return 0, false
	}
	if e.keyBits == nil {
		return e.keyLen, t.KeyLen == 0
	}
	for _, b := range e.keyBits {
		if b == t.KeyLen {
			return int(b) / 8, true
		}
	}
	return 0, false
}

// named is an algorithm that a number and a keyword describe.
type named struct {
	id      uint16
	keyword string
}

var (
	prfs        = []named{{PRF_HMAC_SHA2_256, "sha256"}, {PRF_HMAC_SHA2_384, "sha384"}, {PRF_HMAC_SHA2_512, "sha512"}}
	integrities = []named{{AUTH_HMAC_SHA2_256_128, "sha256"}, {AUTH_HMAC_SHA2_384_192, "sha384"}, {AUTH_HMAC_SHA2_512_256, "sha512"}}
	groups      = []named{
		{Group2048, "modp2048"}, {Group3072, "modp3072"}, {Group4096, "modp4096"},
		{GroupP256, "ecp256"}, {GroupP384, "ecp384"}, {GroupP521, "ecp521"}, {GroupX25519, "x25519"},
		{GroupMLKEM768, "mlkem768"}, {GroupMLKEM1024, "mlkem1024"},
	}
)

func keywordOf(list []named, id uint16) (string, bool) {
	for _, n := range list {
		if n.id == id {
			return n.keyword, true
		}
	}
	return "", false
}

func idOf(list []named, keyword string) (uint16, bool) {
	for _, n := range list {
		if n.keyword == keyword {
			return n.id, true
		}
	}
	return 0, false
}
