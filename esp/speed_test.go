package esp_test

import (
	"crypto/aes"
	"crypto/cipher"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/esp"
	"github.com/homeward-vpn/homeward/esp/esptest"
)

const benchSize = 1400

// Sealing and opening allocate nothing, whatever the suite.
func TestNoAllocations(t *testing.T) {
	forEachSerial(t, func(t *testing.T, s esptest.Suite) {
		a, b := s.Ends(0x1001, 0x1002)
		inner := esptest.UDP(hostA, hostB, make([]byte, benchSize-28))
		buf := make([]byte, esp.HeaderRoom+len(inner)+esp.TrailerRoom)
		var in esp.Inner
		allocs := testing.AllocsPerRun(200, func() {
			copy(buf[esp.HeaderRoom:], inner)
			if !in.Parse(inner) || !a.Out.Match(&in) {
				t.Fatal("outside the selectors")
			}
			seq, _ := a.Out.Reserve(1)
			sealed, drop := a.Out.Seal(buf, esp.HeaderRoom, len(inner), seq)
			if drop != esp.DropNone {
				t.Fatal(drop)
			}
			if _, drop = b.In.Open(sealed); drop != esp.DropNone {
				t.Fatal(drop)
			}
		})
		if allocs != 0 {
			t.Errorf("%v allocations per packet", allocs)
		}
	})
}

// forEachSerial runs without t.Parallel: AllocsPerRun counts for the process.
func forEachSerial(t *testing.T, f func(t *testing.T, s esptest.Suite)) {
	for _, s := range esptest.Suites() {
		t.Run(s.Name, func(t *testing.T) { f(t, s) })
	}
}

// bareGCM is the yardstick: Go's AES-256-GCM in place and nothing else.
func bareGCM(b *testing.B) (aead cipher.AEAD, nonce, aad, buf []byte) {
	block, err := aes.NewCipher(make([]byte, 32))
	if err != nil {
		b.Fatal(err)
	}
	aead, err = cipher.NewGCM(block)
	if err != nil {
		b.Fatal(err)
	}
	return aead, make([]byte, 12), make([]byte, 12), make([]byte, benchSize, benchSize+16)
}

func BenchmarkSeal(b *testing.B) {
	b.Run("bare-aes256gcm", func(b *testing.B) {
		aead, nonce, aad, buf := bareGCM(b)
		b.SetBytes(benchSize)
		for b.Loop() {
			aead.Seal(buf[:0], nonce, buf, aad)
		}
	})
	for _, s := range esptest.Suites() {
		b.Run(s.Name, func(b *testing.B) {
			x, _ := s.Ends(0x1001, 0x1002)
			buf := make([]byte, esp.HeaderRoom+benchSize+esp.TrailerRoom)
			copy(buf[esp.HeaderRoom:], esptest.UDP(hostA, hostB, make([]byte, benchSize-28)))
			var in esp.Inner
			b.SetBytes(benchSize)
			b.ReportAllocs()
			for b.Loop() {
				buf[esp.HeaderRoom] = 0x45 // the ciphertext of the last round stands there
				buf[esp.HeaderRoom+2], buf[esp.HeaderRoom+3] = benchSize>>8, benchSize&0xff
				if !in.Parse(buf[esp.HeaderRoom:]) || !x.Out.Match(&in) {
					b.Fatal("outside the selectors")
				}
				seq, _ := x.Out.Reserve(1)
				if _, drop := x.Out.Seal(buf, esp.HeaderRoom, benchSize, seq); drop != esp.DropNone {
					b.Fatal(drop)
				}
			}
		})
	}
}

// BenchmarkOfBare alternates between Go's AES-256-GCM and this package in short
// turns and reports the ratio of their best turns, which neither a busy machine
// nor a changing clock disturbs. 1.0 is as fast as the bare cipher.
func BenchmarkOfBare(b *testing.B) {
	const turn = 64
	measure := func(b *testing.B, prepare, bare, ours func(k int)) {
		best := [2]time.Duration{time.Hour, time.Hour}
		for b.Loop() {
			for which, f := range [2]func(int){bare, ours} {
				for k := range turn {
					prepare(k)
				}
				start := time.Now()
				for k := range turn {
					f(k)
				}
				best[which] = min(best[which], time.Since(start))
			}
		}
		b.ReportMetric(float64(best[0])/float64(best[1]), "of-bare")
	}
	x, y := esptest.Default().Ends(0x1001, 0x1002)
	inner := esptest.UDP(hostA, hostB, make([]byte, benchSize-28))
	var bufs, sealed [turn][]byte
	for k := range bufs {
		bufs[k] = make([]byte, esp.HeaderRoom+benchSize+esp.TrailerRoom)
	}
	aead, nonce, aad, _ := bareGCM(b)
	var in esp.Inner
	sealOurs := func(k int) {
		if !in.Parse(bufs[k][esp.HeaderRoom:]) || !x.Out.Match(&in) {
			b.Fatal("outside the selectors")
		}
		seq, _ := x.Out.Reserve(1)
		var drop esp.Drop
		if sealed[k], drop = x.Out.Seal(bufs[k], esp.HeaderRoom, benchSize, seq); drop != esp.DropNone {
			b.Fatal(drop)
		}
	}
	bare := func(k int) []byte { return bufs[k][esp.HeaderRoom : esp.HeaderRoom+benchSize] }
	fill := func(k int) { copy(bufs[k][esp.HeaderRoom:], inner) }

	b.Run("seal", func(b *testing.B) {
		measure(b, fill, func(k int) { aead.Seal(bare(k)[:0], nonce, bare(k), aad) }, sealOurs)
	})
	b.Run("open", func(b *testing.B) {
		ours := false
		prepare := func(k int) {
			if k == 0 {
				ours = !ours
			}
			fill(k)
			if !ours {
				sealOurs(k)
				return
			}
			sealed[k] = aead.Seal(bare(k)[:0], nonce, bare(k), aad)
		}
		measure(b, prepare, func(k int) {
			if _, err := aead.Open(sealed[k][:0], nonce, sealed[k], aad); err != nil {
				b.Fatal(err)
			}
		}, func(k int) {
			if _, drop := y.In.Open(sealed[k]); drop != esp.DropNone {
				b.Fatal(drop)
			}
		})
	})
}

// openBatch packets are sealed beforehand; copying them in place again is part
// of both measurements.
const openBatch = 256

func BenchmarkOpen(b *testing.B) {
	b.Run("bare-aes256gcm", func(b *testing.B) {
		aead, nonce, aad, buf := bareGCM(b)
		sealed := aead.Seal(nil, nonce, buf, aad)
		work := make([]byte, len(sealed))
		b.SetBytes(benchSize)
		for b.Loop() {
			copy(work, sealed)
			if _, err := aead.Open(work[:0], nonce, work, aad); err != nil {
				b.Fatal(err)
			}
		}
	})
	for _, s := range esptest.Suites() {
		b.Run(s.Name, func(b *testing.B) {
			x, y := s.Ends(0x1001, 0x1002)
			inner := esptest.UDP(hostA, hostB, make([]byte, benchSize-28))
			buf := make([]byte, esp.HeaderRoom+benchSize+esp.TrailerRoom)
			work := make([]byte, 0, len(buf))
			b.SetBytes(benchSize)
			b.ReportAllocs()
			b.StopTimer()
			batch := make([][]byte, openBatch)
			for i := 0; i < b.N; {
				for k := range batch {
					copy(buf[esp.HeaderRoom:], inner)
					seq, _ := x.Out.Reserve(1)
					sealed, _ := x.Out.Seal(buf, esp.HeaderRoom, len(inner), seq)
					batch[k] = append(batch[k][:0], sealed...)
				}
				b.StartTimer()
				for k := 0; k < openBatch && i < b.N; k++ {
					work = append(work[:0], batch[k]...)
					if _, drop := y.In.Open(work); drop != esp.DropNone {
						b.Fatal(drop)
					}
					i++
				}
				b.StopTimer()
			}
		})
	}
}
