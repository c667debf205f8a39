package auth

import (
	"crypto/hmac"
	"errors"
	"fmt"

	"github.com/homeward-vpn/homeward/ike/suite"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// ErrVerify says that an AUTH payload does not prove what it should: the
// signature or MAC is wrong. Errors of VerifyAuth and VerifyPSK that are not
// about an unsupported form wrap it.
var ErrVerify = errors.New("authentication data does not verify")

// keyPad is what turns a shared key into a MAC key (RFC 7296 2.15). No
// terminating zero.
const keyPad = "Key Pad for IKEv2"

// SignedOctets is what a peer signs or MACs (RFC 7296 2.15): its own first
// message as it was sent, the other peer's nonce without payload header, and
// prf(SK_p, ID payload body). For the client's AUTH: the first message is our
// last IKE_SA_INIT request, the nonce is Nr, and skp is SK_pi with IDi; for the
// gateway's, its IKE_SA_INIT response, Ni, and SK_pr with IDr.
func SignedOctets(firstMessage, peerNonce []byte, prf uint16, skp suite.Secret, idBody []byte) []byte {
	mac := suite.PRF(prf, skp, idBody)
	out := make([]byte, 0, len(firstMessage)+len(peerNonce)+len(mac))
	out = append(out, firstMessage...)
	out = append(out, peerNonce...)
	return append(out, mac...)
}

// PSKAuth proves knowledge of a shared key, or of the key that an EAP method
// gave (RFC 7296 2.15, 2.16); for an EAP method without a key it is SK_pi or SK_pr.
func PSKAuth(prf uint16, psk suite.Secret, octets []byte) *wire.AuthPayload {
	return &wire.AuthPayload{Method: MethodSharedKey, Data: sharedKeyMAC(prf, psk, octets)}
}

// VerifyPSK checks the peer's PSKAuth in constant time.
func VerifyPSK(p *wire.AuthPayload, prf uint16, psk suite.Secret, octets []byte) error {
	if p.Method != MethodSharedKey {
		return fmt.Errorf("auth: method %d where a shared key was expected: %w", p.Method, ErrScheme)
	}
	if !hmac.Equal(p.Data, sharedKeyMAC(prf, psk, octets)) {
		return fmt.Errorf("auth: shared key: %w", ErrVerify)
	}
	return nil
}

func sharedKeyMAC(prf uint16, psk suite.Secret, octets []byte) []byte {
	key := suite.Secret(suite.PRF(prf, psk, []byte(keyPad)))
	defer key.Clear()
	return suite.PRF(prf, key, octets)
}
