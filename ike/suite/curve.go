package suite

import (
	"crypto/ecdh"
	"fmt"
	"io"
)

// curve is an ECP key exchange (RFC 5903) or X25519 (RFC 8031). On the wire an
// ECP point is x||y; crypto/ecdh wants the octet 0x04 before it.
type curve struct {
	group   uint16
	private *ecdh.PrivateKey
	public  []byte
}

// curveOf gives the curve, the length of a private value in octets, and the
// mask of its first octet.
func curveOf(group uint16) (c ecdh.Curve, size int, mask byte) {
	switch group {
	case GroupP256:
		return ecdh.P256(), 32, 0xff
	case GroupP384:
		return ecdh.P384(), 48, 0xff
	case GroupP521:
		return ecdh.P521(), 66, 0x01
	default:
		return ecdh.X25519(), 32, 0xff
	}
}

// newCurve draws private values until one is within the curve's order.
// ecdh.GenerateKey is not used: it may ignore the reader it is given.
func newCurve(group uint16, rand io.Reader) (*curve, error) {
	c, size, mask := curveOf(group)
	scalar := make(Secret, size)
	defer scalar.Clear()
	// A draw fails with a chance below 2^-32 on these curves.
	for range 8 {
		if _, err := io.ReadFull(rand, scalar); err != nil {
			return nil, fmt.Errorf("suite: random: %w", err)
		}
		scalar[0] &= mask
		if private, err := c.NewPrivateKey(scalar); err == nil {
			return exchangeWith(group, private), nil
		}
	}
	return nil, errWeakRandom
}

func exchangeWith(group uint16, private *ecdh.PrivateKey) *curve {
	public := private.PublicKey().Bytes()
	if group != GroupX25519 {
		public = public[1:]
	}
	return &curve{group: group, private: private, public: public}
}

func (x *curve) Group() uint16  { return x.group }
func (x *curve) Public() []byte { return x.public }

func (x *curve) Shared(peer []byte) (Secret, error) {
	if len(peer) != len(x.public) {
		return nil, peerError(x.group, fmt.Sprintf("%d octets, want %d", len(peer), len(x.public)))
	}
	if x.group != GroupX25519 {
		peer = append([]byte{4}, peer...)
	}
	// NewPublicKey refuses points that are not on the curve (RFC 6989 2.3).
	// For X25519 it takes every value; the top bit is ignored (RFC 8031 3.2).
	public, err := x.private.Curve().NewPublicKey(peer)
	if err != nil {
		return nil, peerError(x.group, "not a point on the curve")
	}
	// ECDH refuses the all-zero result that a value of small order gives.
	shared, err := x.private.ECDH(public)
	if err != nil {
		return nil, peerError(x.group, "a value of small order")
	}
	return shared, nil
}
