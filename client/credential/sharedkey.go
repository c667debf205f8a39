package credential

import "encoding/hex"

// SharedKey reads a shared key as people type it: text as it stands, or, behind
// "0x", octets in hexadecimal digits, as gateways' own configurations have it
// (RFC 7296 2.15). It takes typed over and clears it where that is another form.
func SharedKey(typed []byte) []byte {
	if len(typed) < 4 || typed[0] != '0' || typed[1] != 'x' {
		return typed
	}
	key := make([]byte, hex.DecodedLen(len(typed)-2))
	if _, err := hex.Decode(key, typed[2:]); err != nil {
		clear(key)
		return typed // text that happens to begin so
	}
	clear(typed)
	return key
}
