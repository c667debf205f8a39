package suite

import (
	"github.com/homeward-vpn/homeward/ike/wire"
)

// TransformType is the kind of a transform (RFC 7296 3.3.2).
type TransformType = wire.TransformType

// Encryption transform IDs (IANA IKEv2 registry, transform type 1).
const (
	ENCR_3DES               uint16 = 3  // RFC 2451; legacy
	ENCR_NULL               uint16 = 11 // RFC 2410; ESP only
	ENCR_AES_CBC            uint16 = 12 // RFC 3602
	ENCR_AES_CTR            uint16 = 13 // RFC 3686, RFC 5930
	ENCR_AES_CCM_8          uint16 = 14 // RFC 4309, RFC 5282
	ENCR_AES_CCM_12         uint16 = 15 // RFC 4309, RFC 5282
	ENCR_AES_CCM_16         uint16 = 16 // RFC 4309, RFC 5282
	ENCR_AES_GCM_8          uint16 = 18 // RFC 4106, RFC 5282
	ENCR_AES_GCM_12         uint16 = 19 // RFC 4106, RFC 5282
	ENCR_AES_GCM_16         uint16 = 20 // RFC 4106, RFC 5282
	ENCR_NULL_AUTH_AES_GMAC uint16 = 21 // RFC 4543; ESP only
	ENCR_CHACHA20_POLY1305  uint16 = 28 // RFC 7634
)

// Pseudorandom function transform IDs (transform type 2).
const (
	PRF_HMAC_SHA1     uint16 = 2 // RFC 2104; legacy
	PRF_AES128_XCBC   uint16 = 4 // RFC 4434
	PRF_HMAC_SHA2_256 uint16 = 5 // RFC 4868
	PRF_HMAC_SHA2_384 uint16 = 6 // RFC 4868
	PRF_HMAC_SHA2_512 uint16 = 7 // RFC 4868
	PRF_AES128_CMAC   uint16 = 8 // RFC 4615
)

// Integrity transform IDs (transform type 3).
const (
	AUTH_NONE              uint16 = 0  // beside an AEAD cipher only
	AUTH_HMAC_SHA1_96      uint16 = 2  // RFC 2404; legacy
	AUTH_AES_XCBC_96       uint16 = 5  // RFC 3566
	AUTH_AES_CMAC_96       uint16 = 8  // RFC 4494
	AUTH_HMAC_SHA2_256_128 uint16 = 12 // RFC 4868
	AUTH_HMAC_SHA2_384_192 uint16 = 13 // RFC 4868
	AUTH_HMAC_SHA2_512_256 uint16 = 14 // RFC 4868
)

// Key exchange transform IDs (transform type 4), also called groups.
const (
	GroupNone     uint16 = 0  // in a Child proposal: no key exchange is fine too
	Group1024     uint16 = 2  // MODP, RFC 7296 B.2; legacy
	Group1536     uint16 = 5  // MODP, RFC 3526; legacy
	Group2048     uint16 = 14 // MODP, RFC 3526
	Group3072     uint16 = 15 // MODP, RFC 3526
	Group4096     uint16 = 16 // MODP, RFC 3526
	Group6144     uint16 = 17 // MODP, RFC 3526
	Group8192     uint16 = 18 // MODP, RFC 3526
	GroupP256     uint16 = 19 // ECP, RFC 5903
	GroupP384     uint16 = 20 // ECP, RFC 5903
	GroupP521     uint16 = 21 // ECP, RFC 5903
	Group2048S256 uint16 = 24 // MODP with a subgroup of 256 bits, RFC 5114; legacy
	GroupX25519   uint16 = 31 // Curve25519, RFC 8031
	GroupX448     uint16 = 32 // Curve448, RFC 8031
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
	keyBits []uint16 // values of the Key Length attribute; nil: it has none
	keyLen  int      // for algorithms without the attribute
	salt    int      // octets of keying material after the key: salt or nonce
	icv     int      // octets of tag; 0: an integrity algorithm makes it
	only    wire.ProtocolID
}

func (e *encryption) aead() bool { return e.icv != 0 }

// in says whether the algorithm may protect messages of a protocol. What does
// not encrypt has no place in IKE (IANA: not allowed).
func (e *encryption) in(proto wire.ProtocolID) bool { return e.only == 0 || e.only == proto }

// aesBits are the key lengths of AES. Without the attribute no length is
// implied (RFC 7296 3.3.5).
var aesBits = []uint16{256, 192, 128}

var encryptions = []encryption{
	{id: ENCR_AES_GCM_16, name: "aes", suffix: "gcm16", keyBits: aesBits, salt: 4, icv: 16},
	{id: ENCR_AES_GCM_12, name: "aes", suffix: "gcm12", keyBits: aesBits, salt: 4, icv: 12},
	{id: ENCR_AES_GCM_8, name: "aes", suffix: "gcm8", keyBits: aesBits, salt: 4, icv: 8},
	{id: ENCR_CHACHA20_POLY1305, name: "chacha20poly1305", keyLen: 32, salt: 4, icv: 16},
	{id: ENCR_AES_CCM_16, name: "aes", suffix: "ccm16", keyBits: aesBits, salt: 3, icv: 16},
	{id: ENCR_AES_CCM_12, name: "aes", suffix: "ccm12", keyBits: aesBits, salt: 3, icv: 12},
	{id: ENCR_AES_CCM_8, name: "aes", suffix: "ccm8", keyBits: aesBits, salt: 3, icv: 8},
	{id: ENCR_AES_CBC, name: "aes", keyBits: aesBits},
	{id: ENCR_AES_CTR, name: "aes", suffix: "ctr", keyBits: aesBits, salt: 4},
	{id: ENCR_3DES, name: "3des", keyLen: 24},
	{id: ENCR_NULL_AUTH_AES_GMAC, name: "aes", suffix: "gmac", keyBits: aesBits, salt: 4, icv: 16, only: wire.ProtocolESP},
	{id: ENCR_NULL, name: "null", only: wire.ProtocolESP},
}

func findEncryption(id uint16) *encryption {
	for i := range encryptions {
		if encryptions[i].id == id {
			return &encryptions[i]
		}
	}
	return nil
}

// transforms lists the algorithm with each of its key lengths.
func (e *encryption) transforms() []Transform {
	if e.keyBits == nil {
		return []Transform{{ID: e.id}}
	}
	var out []Transform
	for _, bits := range e.keyBits {
		out = append(out, Transform{ID: e.id, KeyLen: bits})
	}
	return out
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
	prfs = []named{
		{PRF_HMAC_SHA2_256, "sha256"}, {PRF_HMAC_SHA2_384, "sha384"}, {PRF_HMAC_SHA2_512, "sha512"},
		{PRF_AES128_XCBC, "aesxcbc"}, {PRF_AES128_CMAC, "aescmac"}, {PRF_HMAC_SHA1, "sha1"},
	}
	integrities = []named{
		{AUTH_HMAC_SHA2_256_128, "sha256"}, {AUTH_HMAC_SHA2_384_192, "sha384"}, {AUTH_HMAC_SHA2_512_256, "sha512"},
		{AUTH_AES_XCBC_96, "aesxcbc"}, {AUTH_AES_CMAC_96, "aescmac"}, {AUTH_HMAC_SHA1_96, "sha1"},
	}
	groups = []named{
		{Group2048, "modp2048"}, {Group3072, "modp3072"}, {Group4096, "modp4096"},
		{Group6144, "modp6144"}, {Group8192, "modp8192"},
		{GroupP256, "ecp256"}, {GroupP384, "ecp384"}, {GroupP521, "ecp521"},
		{GroupX25519, "x25519"}, {GroupX448, "x448"},
		{GroupMLKEM768, "mlkem768"}, {GroupMLKEM1024, "mlkem1024"},
		{Group1024, "modp1024"}, {Group1536, "modp1536"}, {Group2048S256, "modp2048s256"},
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
