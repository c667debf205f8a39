package suite

import (
	"errors"
	"fmt"
	"io"
)

// KeyExchange is the initiator's side of one key exchange. The private value
// lives as long as the KeyExchange does and is used for one peer value only.
type KeyExchange interface {
	// Group is the transform ID.
	Group() uint16
	// Public is the Key Exchange Data to send (RFC 7296 3.4). Callers do not write to it.
	Public() []byte
	// Shared computes g^ir from the peer's Key Exchange Data in the form that
	// the key schedule wants: padded to the modulus length for MODP (RFC 7296
	// 2.14), the x coordinate for ECP (RFC 5903 7). The peer's value is checked
	// first (RFC 6989); errors wrap ErrPeerValue. The caller owns the result.
	Shared(peer []byte) (Secret, error)
}

// ErrPeerValue says that the peer's Key Exchange Data is not a value that an
// honest peer can send.
var ErrPeerValue = errors.New("invalid key exchange value from the peer")

// ErrGroup says that a group is not known here.
var ErrGroup = errors.New("suite: unknown key exchange group")

// errWeakRandom ends a key generation whose source gives no usable value.
var errWeakRandom = errors.New("suite: the random source gives no usable private value")

// NewKeyExchange draws a private value from rand. The same octets from rand
// give the same value.
func NewKeyExchange(group uint16, rand io.Reader) (KeyExchange, error) {
	if findMODP(group) != nil {
		return newMODP(group, rand)
	}
	switch group {
	case GroupX448:
		return newX448(rand)
	case GroupP256, GroupP384, GroupP521, GroupX25519:
		return newCurve(group, rand)
	case GroupMLKEM768, GroupMLKEM1024:
		return newKEM(group, rand)
	}
	return nil, fmt.Errorf("%w %d", ErrGroup, group)
}

// AnswerKeyExchange is the responder's side: it takes the initiator's Key
// Exchange Data and gives its own together with the shared secret. A key
// encapsulation method has no value of the responder's before there is one of
// the initiator's; for all others this is a KeyExchange and its Shared. Errors
// about the peer's value wrap ErrPeerValue. The caller owns both results.
func AnswerKeyExchange(group uint16, peer []byte, rand io.Reader) (public []byte, shared Secret, err error) {
	switch group {
	case GroupMLKEM768, GroupMLKEM1024:
		return encapsulate(group, peer)
	}
	kx, err := NewKeyExchange(group, rand)
	if err != nil {
		return nil, nil, err
	}
	shared, err = kx.Shared(peer)
	return kx.Public(), shared, err
}

// KnownGroup says whether NewKeyExchange can serve a group, for the answer to
// an INVALID_KE_PAYLOAD notify.
func KnownGroup(group uint16) bool {
	_, ok := keywordOf(groups, group)
	return ok
}

func peerError(group uint16, reason string) error {
	return fmt.Errorf("suite: group %d: %s: %w", group, reason, ErrPeerValue)
}
