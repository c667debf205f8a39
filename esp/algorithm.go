package esp

import "fmt"

// Cipher is the encryption of an SA. Config.Key is an AES key of 16, 24 or 32
// octets where nothing else is said.
type Cipher uint8

// The ciphers.
const (
	// AESGCM16 is AES-GCM with an ICV of 16 octets (RFC 4106). A salt of 4
	// octets follows the key.
	AESGCM16 Cipher = iota + 1
	// ChaCha20Poly1305 is RFC 7634. Config.Key is 32 octets and a salt of 4.
	ChaCha20Poly1305
	// AESCBC is RFC 3602, with an Integrity of its own.
	AESCBC
	// AESGCM12 and AESGCM8 are AESGCM16 with shorter ICVs.
	AESGCM12
	AESGCM8
	// AESCCM16, AESCCM12 and AESCCM8 are AES-CCM with an ICV of so many octets
	// (RFC 4309). A salt of 3 octets follows the key.
	AESCCM16
	AESCCM12
	AESCCM8
	// AESCTR is RFC 3686, with an Integrity of its own. A nonce of 4 octets
	// follows the key.
	AESCTR
	// TripleDES is 3DES-CBC (RFC 2451), with an Integrity of its own.
	// Config.Key is 24 octets. It is no longer safe.
	TripleDES
	// AESGMAC authenticates and does not encrypt (RFC 4543). A salt of 4 octets
	// follows the key.
	AESGMAC
	// Null does not encrypt (RFC 2410); its Integrity authenticates. Config.Key
	// is empty.
	Null
)

// cipherInfo is what the data plane needs to know of a cipher. Lengths in octets.
type cipherInfo struct {
	name string
	salt int // behind the key
	icv  int // 0: an integrity algorithm makes it
}

// infos has an entry for each Cipher.
var infos = [...]cipherInfo{
	AESGCM16:         {"AES-GCM-16", 4, 16},
	ChaCha20Poly1305: {"ChaCha20-Poly1305", 4, 16},
	AESCBC:           {"AES-CBC", 0, 0},
	AESGCM12:         {"AES-GCM-12", 4, 12},
	AESGCM8:          {"AES-GCM-8", 4, 8},
	AESCCM16:         {"AES-CCM-16", 3, 16},
	AESCCM12:         {"AES-CCM-12", 3, 12},
	AESCCM8:          {"AES-CCM-8", 3, 8},
	AESCTR:           {"AES-CTR", 4, 0},
	TripleDES:        {"3DES-CBC", 0, 0},
	AESGMAC:          {"AES-GMAC", 4, 16},
	Null:             {"NULL", 0, 0},
}

// info is nil for a number that is no cipher.
func (c Cipher) info() *cipherInfo {
	if c == 0 || int(c) >= len(infos) {
		return nil
	}
	return &infos[c]
}

// String names the cipher as its RFC does.
func (c Cipher) String() string {
	if i := c.info(); i != nil {
		return i.name
	}
	return fmt.Sprintf("cipher %d", uint8(c))
}

// split parts Config.Key into the cipher's key and what follows it.
func (c *Config) split() (key, salt []byte, err error) {
	n := len(c.Key) - c.Cipher.info().salt
	if n < 0 {
		return nil, nil, fmt.Errorf("%w: %v key of %d octets", ErrConfig, c.Cipher, len(c.Key))
	}
	return c.Key[:n], c.Key[n:], nil
}
