package suite

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"math/big"
	mathrand "math/rand/v2"
	"slices"
	"testing"
	"testing/iotest"

	"github.com/homeward-vpn/homeward/ike/iketest/vectors"
)

var allGroups = []uint16{
	Group1024, Group1536, Group2048, Group3072, Group4096, Group6144, Group8192, Group2048S256,
	GroupP256, GroupP384, GroupP521, GroupX25519, GroupX448,
}

func seeded(n byte) io.Reader { return mathrand.NewChaCha8([32]byte{n}) }

func mustExchange(t testing.TB, group uint16, r io.Reader) KeyExchange {
	t.Helper()
	kx, err := NewKeyExchange(group, r)
	if err != nil {
		t.Fatal(err)
	}
	return kx
}

func TestBothSidesAgree(t *testing.T) {
	t.Parallel()
	lengths := map[uint16][2]int{ // public value, shared secret
		Group1024: {128, 128}, Group1536: {192, 192}, Group2048: {256, 256}, Group3072: {384, 384},
		Group4096: {512, 512}, Group6144: {768, 768}, Group8192: {1024, 1024}, Group2048S256: {256, 256},
		GroupX448: {56, 56},
		GroupP256: {64, 32}, GroupP384: {96, 48}, GroupP521: {132, 66}, GroupX25519: {32, 32},
	}
	for _, group := range allGroups {
		t.Run(fmt.Sprint(group), func(t *testing.T) {
			t.Parallel()
			i, r := mustExchange(t, group, rand.Reader), mustExchange(t, group, rand.Reader)
			one, err := i.Shared(r.Public())
			if err != nil {
				t.Fatal(err)
			}
			two, err := r.Shared(i.Public())
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(one, two) {
				t.Error("the two sides differ")
			}
			if want := lengths[group]; len(i.Public()) != want[0] || len(one) != want[1] {
				t.Errorf("lengths %d and %d, want %v", len(i.Public()), len(one), want)
			}
			if i.Group() != group || !KnownGroup(group) {
				t.Error("group number lost")
			}
		})
	}
}

func TestExchangeFollowsItsReader(t *testing.T) {
	t.Parallel()
	for _, group := range allGroups {
		a, b, c := mustExchange(t, group, seeded(1)), mustExchange(t, group, seeded(1)), mustExchange(t, group, seeded(2))
		if !bytes.Equal(a.Public(), b.Public()) {
			t.Errorf("group %d: same octets, another value", group)
		}
		if bytes.Equal(a.Public(), c.Public()) {
			t.Errorf("group %d: other octets, same value", group)
		}
	}
}

// RFC 6989 2: values that no honest peer sends.
func TestPeerValuesAreChecked(t *testing.T) {
	t.Parallel()
	for _, g := range modpGroups {
		p := new(big.Int).SetBytes(g.modulus().Nat().Bytes(g.modulus()))
		kx := mustExchange(t, g.id, seeded(1))
		size := len(kx.Public())
		fill := func(n *big.Int) []byte { return n.FillBytes(make([]byte, size)) }
		for name, peer := range map[string][]byte{
			"empty":        nil,
			"zero":         fill(new(big.Int)),
			"one":          fill(big.NewInt(1)),
			"p-1":          fill(new(big.Int).Sub(p, big.NewInt(1))),
			"p":            fill(p),
			"p+1":          fill(new(big.Int).Add(p, big.NewInt(1))),
			"all ones":     bytes.Repeat([]byte{0xff}, size),
			"short":        kx.Public()[1:],
			"long":         append([]byte{0}, kx.Public()...),
			"without zero": {2},
		} {
			if _, err := kx.Shared(peer); !errors.Is(err, ErrPeerValue) {
				t.Errorf("group %d: %s: %v", g.id, name, err)
			}
		}
		if g.order != nil {
			continue // TestSubgroup has those
		}
		if _, err := kx.Shared(fill(big.NewInt(2))); err != nil {
			t.Errorf("group %d: 2 is a fine value: %v", g.id, err)
		}
		if _, err := kx.Shared(fill(new(big.Int).Sub(p, big.NewInt(2)))); err != nil {
			t.Errorf("group %d: p-2 is a fine value: %v", g.id, err)
		}
	}
	for _, group := range []uint16{GroupP256, GroupP384, GroupP521} {
		kx := mustExchange(t, group, seeded(1))
		other := mustExchange(t, group, seeded(2)).Public()
		off := bytes.Clone(other)
		off[len(off)-1] ^= 1
		for name, peer := range map[string][]byte{
			"empty": nil, "zeros": make([]byte, len(other)), "short": other[1:],
			"with 04": append([]byte{4}, other...), "off the curve": off,
			"ones": bytes.Repeat([]byte{0xff}, len(other)),
		} {
			if _, err := kx.Shared(peer); !errors.Is(err, ErrPeerValue) {
				t.Errorf("group %d: %s: %v", group, name, err)
			}
		}
	}
	// RFC 7748 6: values of small order lead to a secret of zeros.
	for group, size := range map[uint16]int{GroupX25519: 32, GroupX448: 56} {
		kx := mustExchange(t, group, seeded(1))
		one := make([]byte, size)
		one[0] = 1
		for name, peer := range map[string][]byte{"empty": nil, "zero": make([]byte, size), "one": one, "long": make([]byte, size+1)} {
			if _, err := kx.Shared(peer); !errors.Is(err, ErrPeerValue) {
				t.Errorf("group %d: %s: %v", group, name, err)
			}
		}
	}
	// p-1, and p and p+1, which are not reduced, of Curve448.
	kx := mustExchange(t, GroupX448, seeded(1))
	p := new(big.Int).Lsh(big.NewInt(1), 448)
	p.Sub(p.Sub(p, new(big.Int).Lsh(big.NewInt(1), 224)), big.NewInt(1))
	for d := int64(-1); d <= 1; d++ {
		peer := new(big.Int).Add(p, big.NewInt(d)).FillBytes(make([]byte, 56))
		slices.Reverse(peer)
		if _, err := kx.Shared(peer); !errors.Is(err, ErrPeerValue) {
			t.Errorf("X448: p%+d: %v", d, err)
		}
	}
}

// RFC 6989 2.2: of a group with a small subgroup, only what lies in it counts.
func TestSubgroup(t *testing.T) {
	t.Parallel()
	g := findMODP(Group2048S256)
	m := g.modulus()
	p := new(big.Int).SetBytes(m.Nat().Bytes(m))
	q := new(big.Int).SetBytes(g.order().Nat().Bytes(g.order()))
	cofactor, rest := new(big.Int).DivMod(new(big.Int).Sub(p, big.NewInt(1)), q, new(big.Int))
	if rest.Sign() != 0 || !q.ProbablyPrime(8) {
		t.Fatal("the order is no prime that divides p-1")
	}
	kx := mustExchange(t, Group2048S256, seeded(1))
	fill := func(n *big.Int) []byte { return n.FillBytes(make([]byte, 256)) }
	if _, err := kx.Shared(g.generator); err != nil {
		t.Errorf("the generator is a fine value: %v", err)
	}
	// 2 is outside, and 2^q is of an order that divides the cofactor.
	small := new(big.Int).Exp(big.NewInt(2), q, p)
	if new(big.Int).Exp(small, cofactor, p).Cmp(big.NewInt(1)) != 0 {
		t.Fatal("2^q is not of small order")
	}
	for name, n := range map[string]*big.Int{"2": big.NewInt(2), "2^q": small} {
		if _, err := kx.Shared(fill(n)); !errors.Is(err, ErrPeerValue) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPoorRandomness(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for _, group := range allGroups {
		if _, err := NewKeyExchange(group, iotest.ErrReader(broken)); !errors.Is(err, broken) {
			t.Errorf("group %d: %v", group, err)
		}
		if _, err := NewKeyExchange(group, bytes.NewReader([]byte{1, 2, 3})); err == nil {
			t.Errorf("group %d: made a key of three octets", group)
		}
		zero := bytes.NewReader(make([]byte, 8*66))
		if _, err := NewKeyExchange(group, zero); group != GroupX25519 && group != GroupX448 && !errors.Is(err, errWeakRandom) {
			t.Errorf("group %d: all-zero private value: %v", group, err)
		}
	}
	for _, group := range []uint16{GroupNone, 1, 22, 23, 25} {
		if _, err := NewKeyExchange(group, rand.Reader); !errors.Is(err, ErrGroup) || KnownGroup(group) {
			t.Errorf("group %d is served: %v", group, err)
		}
	}
}

// A scalar at or above the order is drawn again, not reduced.
func TestScalarOutOfRangeIsDrawnAgain(t *testing.T) {
	t.Parallel()
	good := make([]byte, 32)
	good[31] = 7
	r := io.MultiReader(bytes.NewReader(bytes.Repeat([]byte{0xff}, 32)), bytes.NewReader(good))
	want := mustExchange(t, GroupP256, bytes.NewReader(good))
	if got := mustExchange(t, GroupP256, r); !bytes.Equal(got.Public(), want.Public()) {
		t.Error("the second draw did not count")
	}
}

// The primes are safe primes as long as their names say, and equal RFC 3526's.
func TestPrimes(t *testing.T) {
	t.Parallel()
	bits := map[uint16]int{
		Group1024: 1024, Group1536: 1536, Group2048: 2048, Group3072: 3072, Group4096: 4096,
		Group6144: 6144, Group8192: 8192, Group2048S256: 2048,
	}
	for _, g := range modpGroups {
		p := new(big.Int).SetBytes(g.modulus().Nat().Bytes(g.modulus()))
		if p.BitLen() != bits[g.id] {
			t.Errorf("group %d: %d bits", g.id, p.BitLen())
		}
		if g.order != nil || p.BitLen() > 4096 {
			continue // TestSubgroup has those; the longest are left to the vectors
		}
		// One round each: the vectors below are the real check.
		if !p.ProbablyPrime(0) || !new(big.Int).Rsh(p, 1).ProbablyPrime(0) {
			t.Errorf("group %d: not a safe prime", g.id)
		}
	}
	var file struct {
		Vectors []struct {
			Group uint16
			Prime vectors.Hex
		}
	}
	vectors.Load(t, "rfc/rfc3526-modp-groups.json", &file)
	seen := 0
	for _, v := range file.Vectors {
		if g := findMODP(v.Group); g != nil {
			seen++
			if m := g.modulus(); !bytes.Equal(m.Nat().Bytes(m), v.Prime) {
				t.Errorf("group %d: another prime", v.Group)
			}
		}
	}
	if seen != len(modpGroups)-2 { // 2 and 24 are in other RFCs
		t.Errorf("%d of %d groups checked", seen, len(modpGroups)-2)
	}
}

// withPrivate makes an exchange from a private value of a vector.
func withPrivate(t *testing.T, group uint16, private []byte) KeyExchange {
	t.Helper()
	if g := findMODP(group); g != nil {
		kx, err := g.exchange(private)
		if err != nil {
			t.Fatal(err)
		}
		return kx
	}
	_, size, _ := curveOf(group)
	if group == GroupX448 {
		size = 56
	}
	for len(private) > size && private[0] == 0 {
		private = private[1:]
	}
	padded := make([]byte, size)
	copy(padded[size-len(private):], private)
	return mustExchange(t, group, bytes.NewReader(padded))
}

func TestStrongSwanExchanges(t *testing.T) {
	t.Parallel()
	methods := map[string]uint16{
		"MODP_2048_BIT": Group2048, "MODP_3072_BIT": Group3072, "MODP_4096_BIT": Group4096,
		"MODP_6144_BIT": Group6144, "MODP_8192_BIT": Group8192, "CURVE_448": GroupX448,
		"ECP_256_BIT": GroupP256, "ECP_384_BIT": GroupP384, "ECP_521_BIT": GroupP521, "CURVE_25519": GroupX25519,
	}
	var raw struct{ Vectors []map[string]any }
	vectors.Load(t, "strongswan/dh.json", &raw)
	text := func(v map[string]any, key string) string { s, _ := v[key].(string); return s }
	seen := map[uint16]bool{}
	for _, v := range raw.Vectors {
		group, ok := methods[text(v, "method")]
		if !ok {
			continue
		}
		seen[group] = true
		i := withPrivate(t, group, vectors.Unhex(t, text(v, "priv_i")))
		r := withPrivate(t, group, vectors.Unhex(t, text(v, "priv_r")))
		checkExchange(t, text(v, "name"), i, r, vectors.Unhex(t, text(v, "pub_i")), vectors.Unhex(t, text(v, "pub_r")), vectors.Unhex(t, text(v, "shared")))
	}
	if len(seen) != len(methods) {
		t.Errorf("vectors for %d of %d groups", len(seen), len(methods))
	}
}

func checkExchange(t *testing.T, name string, i, r KeyExchange, pubI, pubR, shared []byte) {
	t.Helper()
	if !bytes.Equal(i.Public(), pubI) || !bytes.Equal(r.Public(), pubR) {
		t.Errorf("%s: another public value", name)
	}
	for _, side := range []struct {
		kx   KeyExchange
		peer []byte
	}{{i, pubR}, {r, pubI}} {
		if got, err := side.kx.Shared(side.peer); err != nil || !bytes.Equal(got, shared) {
			t.Errorf("%s: another shared secret, %v", name, err)
		}
	}
}

// RFC 5903 8 and RFC 8031 A.
func TestRFCExchanges(t *testing.T) {
	t.Parallel()
	var ecp struct {
		Vectors []struct {
			Group                    uint16
			I, R, Gix, Giy, Grx, Gry vectors.Hex
			Girx                     vectors.Hex
			KEi                      vectors.Hex `json:"kei_payload"`
			KEr                      vectors.Hex `json:"ker_payload"`
		}
	}
	vectors.Load(t, "rfc/rfc5903-ecp-ke.json", &ecp)
	for _, v := range ecp.Vectors {
		i, r := withPrivate(t, v.Group, v.I), withPrivate(t, v.Group, v.R)
		checkExchange(t, fmt.Sprint(v.Group), i, r, v.KEi[8:], v.KEr[8:], v.Girx)
	}
	var x struct {
		Vectors []struct {
			I      vectors.Hex `json:"random_i"`
			R      vectors.Hex `json:"random_r"`
			PubI   vectors.Hex `json:"pub_i"`
			PubR   vectors.Hex `json:"pub_r"`
			Shared vectors.Hex
		}
	}
	vectors.Load(t, "rfc/rfc8031-x25519.json", &x)
	for _, v := range x.Vectors {
		checkExchange(t, "X25519", withPrivate(t, GroupX25519, v.I), withPrivate(t, GroupX25519, v.R), v.PubI, v.PubR, v.Shared)
	}
	if len(ecp.Vectors) != 3 || len(x.Vectors) != 1 {
		t.Errorf("%d and %d vectors", len(ecp.Vectors), len(x.Vectors))
	}
}

func FuzzShared(f *testing.F) {
	for i, g := range allGroups {
		f.Add(uint8(i), mustExchange(f, g, seeded(3)).Public())
	}
	sides := make([]KeyExchange, len(allGroups))
	for i, g := range allGroups {
		sides[i] = mustExchange(f, g, seeded(4))
	}
	f.Fuzz(func(t *testing.T, which uint8, peer []byte) {
		kx := sides[int(which)%len(sides)]
		shared, err := kx.Shared(peer)
		switch {
		case err != nil && !errors.Is(err, ErrPeerValue):
			t.Error(err)
		case err == nil && len(peer) != len(kx.Public()):
			t.Error("a value of another length was accepted")
		case err == nil && bytes.Equal(shared, make([]byte, len(shared))):
			t.Error("the secret is zero")
		}
	})
}

// One key exchange as the initiator sees it: a private value, and the secret.
func BenchmarkKeyExchange(b *testing.B) {
	for _, group := range allGroups {
		word, _ := keywordOf(groups, group)
		peer := mustExchange(b, group, seeded(5)).Public()
		b.Run(word, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				kx := mustExchange(b, group, rand.Reader)
				if _, err := kx.Shared(peer); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
