package main

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/homeward-vpn/homeward/esp"
)

const packetLen = 1400

// cipherSection measures seal and open against the cipher alone. The three are
// run in turn several times, and each ratio is of neighbours in time.
func cipherSection() error {
	b, err := newCipherBench()
	if err != nil {
		return err
	}
	var seal, open []float64
	var sealAllocs, openAllocs int64
	var bareRate float64
	for range 5 {
		bareSeal := rate(testing.Benchmark(b.bareSeal))
		s := testing.Benchmark(b.seal)
		bareOpen := rate(testing.Benchmark(b.bareOpen))
		o := testing.Benchmark(b.open)
		seal, open = append(seal, rate(s)/bareSeal), append(open, rate(o)/bareOpen)
		sealAllocs, openAllocs = max(sealAllocs, s.AllocsPerOp()), max(openAllocs, o.AllocsPerOp())
		bareRate = max(bareRate, bareSeal)
	}
	slices.Sort(seal)
	slices.Sort(open)
	fmt.Printf("seal and open of %d-octet packets, AES-256-GCM (bare: up to %.2f GB/s)\n", packetLen, bareRate/1e9)
	fmt.Printf("  seal / bare AES-GCM   %.0f%%   %d allocations per packet   (target 90%%, 0)\n", 100*median(seal), sealAllocs)
	fmt.Printf("  open / bare AES-GCM   %.0f%%   %d allocations per packet   (target 90%%, 0)\n", 100*median(open), openAllocs)
	return nil
}

func rate(r testing.BenchmarkResult) float64 {
	return float64(r.N) * packetLen / r.T.Seconds()
}

type cipherBench struct {
	out    *esp.Outbound
	config esp.Config
	inner  []byte
	bare   cipher.AEAD
}

func newCipherBench() (*cipherBench, error) {
	s, err := sideOf("a")
	if err != nil {
		return nil, err
	}
	b := &cipherBench{config: staticSA(1, s.inside, s.other), inner: innerPacket(s.inside.Addr(), s.other.Addr())}
	if b.out, err = esp.NewOutbound(b.config); err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(make([]byte, 32))
	if err != nil {
		return nil, err
	}
	b.bare, err = cipher.NewGCM(block)
	return b, err
}

// innerPacket is a UDP datagram of packetLen octets in all.
func innerPacket(from, to netip.Addr) []byte {
	p := make([]byte, packetLen)
	p[0], p[8], p[9] = 0x45, 64, 17
	binary.BigEndian.PutUint16(p[2:], packetLen)
	copy(p[12:], from.AsSlice())
	copy(p[16:], to.AsSlice())
	binary.BigEndian.PutUint16(p[24:], packetLen-20)
	return p
}

func (b *cipherBench) bareSeal(tb *testing.B) {
	buf, nonce := make([]byte, packetLen+16), make([]byte, 12)
	tb.ReportAllocs()
	for tb.Loop() {
		b.bare.Seal(buf[:0], nonce, buf[:packetLen], nonce[:8])
	}
}

func (b *cipherBench) bareOpen(tb *testing.B) {
	nonce := make([]byte, 12)
	sealed := b.bare.Seal(nil, nonce, b.inner, nonce[:8])
	work := make([]byte, len(sealed))
	tb.ReportAllocs()
	for tb.Loop() {
		copy(work, sealed)
		if _, err := b.bare.Open(work[:0], nonce, work, nonce[:8]); err != nil {
			tb.Fatal(err)
		}
	}
}

func (b *cipherBench) seal(tb *testing.B) {
	buf := make([]byte, esp.HeaderRoom+packetLen+esp.TrailerRoom)
	copy(buf[esp.HeaderRoom:], b.inner)
	tb.ReportAllocs()
	for tb.Loop() {
		buf[esp.HeaderRoom] = b.inner[0] // what stood there was sealed in place
		seq, _ := b.out.Reserve(1)
		if _, drop := b.out.Seal(buf, esp.HeaderRoom, packetLen, seq); drop != 0 {
			tb.Fatal(drop)
		}
	}
}

// open opens packets sealed beforehand, a window of them after the other; each
// window wants a fresh SA, or they would be replays. Making it is measured too
// and is next to nothing against the window.
func (b *cipherBench) open(tb *testing.B) {
	const window = 1024
	sealed := make([][]byte, window)
	for i := range sealed {
		buf := make([]byte, esp.HeaderRoom+packetLen+esp.TrailerRoom)
		copy(buf[esp.HeaderRoom:], b.inner)
		seq, _ := b.out.Reserve(1)
		p, drop := b.out.Seal(buf, esp.HeaderRoom, packetLen, seq)
		if drop != 0 {
			tb.Fatal(drop)
		}
		sealed[i] = p
	}
	work := make([]byte, len(sealed[0]))
	var in *esp.Inbound
	tb.ReportAllocs()
	tb.ResetTimer()
	for i := 0; i < tb.N; i++ {
		if i%window == 0 {
			var err error
			if in, err = esp.NewInbound(b.config); err != nil {
				tb.Fatal(err)
			}
		}
		copy(work, sealed[i%window])
		if _, drop := in.Open(work); drop != 0 {
			tb.Fatal(drop)
		}
	}
}
