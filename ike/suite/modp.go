package suite

import (
	"encoding/hex"
	"fmt"
	"io"
	"sync"

	"filippo.io/bigmod"
)

// modpGroup is one MODP group. Those of RFC 7296 B.2 and RFC 3526 are safe
// primes with generator 2: the exponent length lies within the range that RFC
// 3526 section 8 gives for the modulus, and is more than twice its strength
// estimate, so that generic discrete logarithm searches gain nothing from its
// being shorter than the modulus.
type modpGroup struct {
	id       uint16
	exponent int // octets
	modulus  func() *bigmod.Modulus
	// generator and order are those of a subgroup; nil: 2, and a safe prime.
	generator []byte
	order     func() *bigmod.Modulus
}

var modpGroups = []modpGroup{
	{id: Group1024, exponent: 32, modulus: parsePrime(prime1024)},
	{id: Group1536, exponent: 32, modulus: parsePrime(prime1536)},
	{id: Group2048, exponent: 32, modulus: parsePrime(prime2048)},
	{id: Group3072, exponent: 40, modulus: parsePrime(prime3072)},
	{id: Group4096, exponent: 48, modulus: parsePrime(prime4096)},
	{id: Group6144, exponent: 56, modulus: parsePrime(prime6144)},
	{id: Group8192, exponent: 64, modulus: parsePrime(prime8192)},
	{
		id: Group2048S256, exponent: 32, modulus: parsePrime(prime2048S256),
		generator: mustHex(generator2048S256), order: parsePrime(order2048S256),
	},
}

// parsePrime defers the work, and its Montgomery constants, to the first use.
func parsePrime(digits string) func() *bigmod.Modulus {
	return sync.OnceValue(func() *bigmod.Modulus {
		m, err := bigmod.NewModulus(mustHex(digits))
		if err != nil {
			panic("suite: prime: " + err.Error())
		}
		return m
	})
}

func mustHex(digits string) []byte {
	b, err := hex.DecodeString(digits)
	if err != nil {
		panic("suite: prime: " + err.Error())
	}
	return b
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
	if g.generator != nil {
		if _, err := generator.SetBytes(g.generator, m); err != nil {
			return nil, fmt.Errorf("suite: generator: %w", err)
		}
	}
	public := bigmod.NewNat().Exp(generator, secret, m)
	if !g.usable(public) {
		return nil, errWeakRandom
	}
	return &modp{group: g, secret: secret, public: public.Bytes(m)}, nil
}

// usable is the check of RFC 6989: for safe primes 1 < y < p-1 (2.1), and for
// a group with a small subgroup that y is in it (2.2). y < p holds already.
func (g *modpGroup) usable(y *bigmod.Nat) bool {
	m := g.modulus()
	if y.IsZero()|y.IsOne()|y.IsMinusOne(m) != 0 {
		return false
	}
	if g.order == nil {
		return true
	}
	order := g.order()
	return bigmod.NewNat().Exp(y, order.Nat().Bytes(order), m).IsOne() == 1
}

func (x *modp) Group() uint16  { return x.group.id }
func (x *modp) Public() []byte { return x.public }

func (x *modp) Shared(peer []byte) (Secret, error) {
	m := x.group.modulus()
	if len(peer) != m.Size() { // RFC 7296 3.4: always as long as the modulus
		return nil, peerError(x.group.id, fmt.Sprintf("%d octets, want %d", len(peer), m.Size()))
	}
	y, err := bigmod.NewNat().SetBytes(peer, m)
	if err != nil || !x.group.usable(y) {
		return nil, peerError(x.group.id, "out of range")
	}
	// Bytes pads to the modulus length, as RFC 7296 2.14 wants it.
	return bigmod.NewNat().Exp(y, x.secret, m).Bytes(m), nil
}
