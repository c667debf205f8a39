package suite

import (
	"fmt"
	"io"

	"github.com/cloudflare/circl/dh/x448"
)

// montgomery448 is the key exchange with Curve448 (RFC 8031).
type montgomery448 struct {
	private, public x448.Key
}

func newX448(rand io.Reader) (*montgomery448, error) {
	x := new(montgomery448)
	if _, err := io.ReadFull(rand, x.private[:]); err != nil {
		return nil, fmt.Errorf("suite: random: %w", err)
	}
	x448.KeyGen(&x.public, &x.private)
	return x, nil
}

func (x *montgomery448) Group() uint16  { return GroupX448 }
func (x *montgomery448) Public() []byte { return x.public[:] }

// Shared takes every value of the right length (RFC 8031 3.2) but those of small
// order, which give a secret of zeros (RFC 7748 6.2).
func (x *montgomery448) Shared(peer []byte) (Secret, error) {
	if len(peer) != x448.Size {
		return nil, peerError(GroupX448, fmt.Sprintf("%d octets, want %d", len(peer), x448.Size))
	}
	var public, shared x448.Key
	copy(public[:], peer)
	if !x448.Shared(&shared, &x.private, &public) {
		return nil, peerError(GroupX448, "a value of small order")
	}
	return shared[:], nil
}
