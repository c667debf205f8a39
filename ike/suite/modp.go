package suite

import (
	"encoding/hex"
	"fmt"
	"io"
	"sync"

	"filippo.io/bigmod"
)

// modpGroup is one MODP group of RFC 3526, generator 2. The exponent length
// lies within the range that RFC 3526 section 8 gives for the modulus, and is
// more than twice its strength estimate, so that generic discrete logarithm
// searches gain nothing from its being shorter than the modulus.
type modpGroup struct {
	id       uint16
	exponent int // octets
	modulus  func() *bigmod.Modulus
}

var modpGroups = []modpGroup{
	{Group2048, 32, parsePrime(prime2048)},
	{Group3072, 40, parsePrime(prime3072)},
	{Group4096, 48, parsePrime(prime4096)},
}

// parsePrime defers the work, and its Montgomery constants, to the first use.
func parsePrime(digits string) func() *bigmod.Modulus {
	return sync.OnceValue(func() *bigmod.Modulus {
		b, err := hex.DecodeString(digits)
		if err != nil {
			panic("suite: prime: " + err.Error())
		}
		m, err := bigmod.NewModulus(b)
		if err != nil {
			panic("suite: prime: " + err.Error())
		}
		return m
	})
}

// modp is a MODP key exchange. All arithmetic with the exponent takes the same
// time whatever its value.
type modp struct {
	group  *modpGroup
	secret Secret
	public []byte
}

func newMODP(id uint16, rand io.Reader) (*modp, error) {
	g := findMODP(id)
	secret := make(Secret, g.exponent)
	if _, err := io.ReadFull(rand, secret); err != nil {
		return nil, fmt.Errorf("suite: random: %w", err)
	}
	return g.exchange(secret)
}

func findMODP(id uint16) *modpGroup {
	for i := range modpGroups {
		if modpGroups[i].id == id {
			return &modpGroups[i]
		}
	}
	return nil
}

// exchange takes a private exponent, big-endian, and keeps it.
func (g *modpGroup) exchange(secret Secret) (*modp, error) {
	m := g.modulus()
	generator := bigmod.NewNat().SetUint(2).ExpandFor(m)
	public := bigmod.NewNat().Exp(generator, secret, m)
	if !usable(public, m) {
		return nil, errWeakRandom
	}
	return &modp{group: g, secret: secret, public: public.Bytes(m)}, nil
}

// usable is the check of RFC 6989 2.1 for safe primes: 1 < y < p-1. y < p
// holds already.
func usable(y *bigmod.Nat, m *bigmod.Modulus) bool {
	return y.IsZero()|y.IsOne()|y.IsMinusOne(m) == 0
}

func (x *modp) Group() uint16  { return x.group.id }
func (x *modp) Public() []byte { return x.public }

func (x *modp) Shared(peer []byte) (Secret, error) {
	m := x.group.modulus()
	if len(peer) != m.Size() { // RFC 7296 3.4: always as long as the modulus
		return nil, peerError(x.group.id, fmt.Sprintf("%d octets, want %d", len(peer), m.Size()))
	}
	y, err := bigmod.NewNat().SetBytes(peer, m)
	if err != nil || !usable(y, m) {
		return nil, peerError(x.group.id, "out of range")
	}
	// Bytes pads to the modulus length, as RFC 7296 2.14 wants it.
	return bigmod.NewNat().Exp(y, x.secret, m).Bytes(m), nil
}
