package suite

import (
	"bytes"
	"math/big"
	"slices"
	"testing"
)

// RFC 8031 3.2, RFC 7748 5: a value of Curve448 that is not reduced means what is
// left of it, and no bit of it is ignored.
func TestX448TakesWhatIsNotReduced(t *testing.T) {
	t.Parallel()
	p := new(big.Int).Lsh(big.NewInt(1), 448)
	p.Sub(p.Sub(p, new(big.Int).Lsh(big.NewInt(1), 224)), big.NewInt(1))
	kx := mustExchange(t, GroupX448, seeded(1))
	shared := func(n *big.Int) []byte {
		t.Helper()
		b := n.FillBytes(make([]byte, 56))
		slices.Reverse(b)
		secret, err := kx.Shared(b)
		if err != nil {
			t.Fatalf("%v: %v", n, err)
		}
		return secret
	}
	for d := int64(2); d < 20; d++ {
		small := big.NewInt(d)
		if !bytes.Equal(shared(new(big.Int).Add(p, small)), shared(small)) {
			t.Errorf("p+%d and %d give two secrets", d, d)
		}
	}
	five := big.NewInt(5)
	if bytes.Equal(shared(five), shared(new(big.Int).SetBit(five, 447, 1))) {
		t.Error("the top bit is ignored")
	}
}
