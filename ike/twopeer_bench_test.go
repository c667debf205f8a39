package ike_test

import (
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/ike/iketest"
)

// BenchmarkTwoPeerHandshake measures the arithmetic of both ends of a whole
// handshake by EAP-MSCHAPv2, from Connect to the first Child SA, on a wire
// without delay: 6 exchanges, two key exchanges, a signature and its
// verification, and a verdict on a chain.
func BenchmarkTwoPeerHandshake(b *testing.B) {
	ca := authority()
	for b.Loop() {
		p, err := iketest.NewPair(iketest.PairConfig{Authority: ca})
		if err != nil {
			b.Fatal(err)
		}
		if err := p.Connect(); err != nil {
			b.Fatal(err)
		}
		if !p.Up(time.Second) {
			b.Fatal("not connected")
		}
	}
}
