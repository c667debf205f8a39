package suite

import (
	"errors"
	"fmt"
	"io"
)

// KeyExchange is one side of one key exchange. The private value lives as long
// as the KeyExchange does and is used for one peer value only.
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
	switch group {
	case Group2048, Group3072, Group4096:
		return newMODP(group, rand)
	case GroupP256, GroupP384, GroupP521, GroupX25519:
		return newCurve(group, rand)
	}
	return nil, fmt.Errorf("%w %d", ErrGroup, group)
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
