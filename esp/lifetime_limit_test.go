package esp

import (
	"math"
	"net/netip"
	"testing"
)

// A cipher with blocks of 64 bits ends after 2^25 of them, whatever the
// configuration allows, and is worn long before; the others go on.
func TestSmallBlocksEndEarly(t *testing.T) {
	t.Parallel()
	any4 := []Selector{{
		Start: netip.AddrFrom4([4]byte{}), End: netip.AddrFrom4([4]byte{255, 255, 255, 255}), EndPort: 65535,
	}}
	generous := Lifetime{Packets: math.MaxUint64, Octets: math.MaxUint64}
	for cipher, keyLen := range map[Cipher]int{TripleDES: 24, AESCBC: 16} {
		o, err := NewOutbound(Config{
			SPI: 4711, Cipher: cipher, Key: make([]byte, keyLen), Integrity: HMACSHA256_128, IntegrityKey: make([]byte, 32),
			Source: any4, Destination: any4, Soft: generous, Hard: generous,
		})
		if err != nil {
			t.Fatal(err)
		}
		small := cipher == TripleDES
		for _, at := range []struct {
			carried     uint64
			worn, ended bool
		}{
			{0, false, false},
			{1<<26 - 200, false, false},
			{1 << 26, true, false},
			{1<<28 - 1, true, false},
			{1 << 28, true, true},
		} {
			o.octets = at.carried
			buf := make([]byte, HeaderRoom+100+TrailerRoom)
			buf[HeaderRoom] = 0x45
			_, d := o.Seal(buf, HeaderRoom, 100, 1)
			if ended := d == DropLifetime; ended != (at.ended && small) {
				t.Errorf("%v after %d octets: %v", cipher, at.carried, d)
			}
			if worn := o.Worn() == WornOctets; worn != (at.worn && small) {
				t.Errorf("%v after %d octets: worn %v", cipher, at.carried, worn)
			}
		}
	}
}
