package auth

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
)

// A pin names a public key by the SHA-256 of its SubjectPublicKeyInfo, as RFC 7469
// 2.4 does for web servers. It outlives the certificate, and several of them make
// room for the next key.

const pinPrefix = "sha256/"

// Pin is the pin of a certificate's key.
func Pin(cert *x509.Certificate) [32]byte { return sha256.Sum256(cert.RawSubjectPublicKeyInfo) }

// PinText writes a pin as people do: "sha256/" and base64.
func PinText(pin [32]byte) string { return pinPrefix + base64.StdEncoding.EncodeToString(pin[:]) }

// ParsePin reads what PinText writes.
func ParsePin(text string) (pin [32]byte, err error) {
	encoded, ok := strings.CutPrefix(strings.TrimSpace(text), pinPrefix)
	b, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil || len(b) != len(pin) {
		return pin, fmt.Errorf("auth: pin %q is not %q and the base64 of 32 octets", text, pinPrefix)
	}
	return [32]byte(b), nil
}

// checkPins wants one of the pinned keys anywhere in the path.
func checkPins(path []*x509.Certificate, pins [][32]byte) error {
	if len(pins) == 0 || slices.ContainsFunc(path, func(c *x509.Certificate) bool { return slices.Contains(pins, Pin(c)) }) {
		return nil
	}
	const most = 2
	var want []string
	for i, pin := range pins {
		if i == most {
			want = append(want, "or others")
			break
		}
		want = append(want, PinText(pin))
	}
	return certError(path[0], NotPinned, PinText(Pin(path[0])), strings.Join(want, ", "), nil)
}
