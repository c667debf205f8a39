package auth

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"testing"

	"github.com/homeward-vpn/homeward/ike/suite"
	"github.com/homeward-vpn/homeward/ike/wire"
)

func hmac256(key []byte, data ...[]byte) []byte {
	h := hmac.New(sha256.New, key)
	for _, d := range data {
		h.Write(d)
	}
	return h.Sum(nil)
}

// RFC 7296 2.15: message | nonce | prf(SK_p, ID body).
func TestSignedOctets(t *testing.T) {
	t.Parallel()
	id, err := ParseIdentity("anna")
	if err != nil {
		t.Fatal(err)
	}
	message, nonce := []byte("IKE_SA_INIT request"), []byte("Nr")
	got := SignedOctets(message, nonce, suite.PRF_HMAC_SHA2_256, suite.Secret("SK_pi"), id.Body())
	want := append([]byte("IKE_SA_INIT requestNr"), hmac256([]byte("SK_pi"), []byte{2, 0, 0, 0}, []byte("anna"))...)
	if !bytes.Equal(got, want) {
		t.Errorf("%x\nwant %x", got, want)
	}
	got[0] ^= 1
	if message[0] != 'I' {
		t.Error("the result shares memory with the message")
	}
}

// RFC 7296 2.15: prf(prf(key, "Key Pad for IKEv2"), octets).
func TestSharedKey(t *testing.T) {
	t.Parallel()
	key, octets := suite.Secret("tiger"), []byte("octets")
	p := PSKAuth(suite.PRF_HMAC_SHA2_256, key, octets)
	want := hmac256(hmac256(key, []byte("Key Pad for IKEv2")), octets)
	if p.Method != MethodSharedKey || !bytes.Equal(p.Data, want) {
		t.Errorf("method %d, %x", p.Method, p.Data)
	}
	for _, prf := range []uint16{suite.PRF_HMAC_SHA2_256, suite.PRF_HMAC_SHA2_384, suite.PRF_HMAC_SHA2_512} {
		p := PSKAuth(prf, key, octets)
		if err := VerifyPSK(p, prf, key, octets); err != nil {
			t.Error(err)
		}
		for name, err := range map[string]error{
			"another key":     VerifyPSK(p, prf, suite.Secret("Tiger"), octets),
			"other octets":    VerifyPSK(p, prf, key, []byte("octet")),
			"cut":             VerifyPSK(&wire.AuthPayload{Method: MethodSharedKey, Data: p.Data[:len(p.Data)-1]}, prf, key, octets),
			"longer":          VerifyPSK(&wire.AuthPayload{Method: MethodSharedKey, Data: append(bytes.Clone(p.Data), 0)}, prf, key, octets),
			"empty":           VerifyPSK(&wire.AuthPayload{Method: MethodSharedKey}, prf, key, octets),
			"another's first": VerifyPSK(PSKAuth(prf, key, nil), prf, key, octets),
		} {
			if !errors.Is(err, ErrVerify) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if err := VerifyPSK(&wire.AuthPayload{Method: MethodRSA, Data: want}, suite.PRF_HMAC_SHA2_256, key, octets); !errors.Is(err, ErrScheme) {
		t.Errorf("another method: %v", err)
	}
}
