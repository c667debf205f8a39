package ike_test

import (
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/ike"
	"github.com/homeward-vpn/homeward/ike/iketest"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// RFC 7383 2.5.2: each cut of a message has the schedule from its first wait on,
// the largest one first, and the last one all the patience there is.
//
//	--> CREATE_CHILD_SA                        lost, twice
//	--> CREATE_CHILD_SA { SKF 1/2 } { 2/2 }    lost, until the peer counts as dead
func TestTwoPeerEachCutStartsOver(t *testing.T) {
	t.Parallel()
	p := large(t, iketest.PairConfig{})
	connect(t, p)
	mustUp(t, p)
	tries := map[uint16][]time.Duration{} // by the number of fragments: when the first of them left
	begun := p.Now
	p.Network.Intercept = func(x *iketest.Packet) (time.Duration, bool) {
		if x.Keepalive || x.From.Addr() != iketest.ClientPublic {
			return 0, true
		}
		m, err := wire.ParseMessage(x.Data)
		if err != nil {
			t.Fatal(err)
		}
		total, first := uint16(1), true
		if f, ok := wire.Find[*wire.EncryptedFragment](m.Payloads); ok {
			total, first = f.Total, f.Number == 1
		}
		if m.Exchange == wire.ExchangeCreateChildSA && first {
			tries[total] = append(tries[total], p.Now.Sub(begun))
		}
		return 0, true
	}
	if err := p.Do(ike.RekeyChild{InboundSPI: p.Active().InboundSPI}); err != nil {
		t.Fatal(err)
	}
	mustFail(t, p, ike.CausePeerDead)
	whole, cut := tries[1], tries[2]
	if len(tries) != 2 || len(whole) != 2 || len(cut) != 7 {
		t.Fatalf("tries by number of fragments: %v", tries)
	}
	if cut[0] <= whole[1] {
		t.Error("the small cut came before the large one")
	}
	for name, c := range map[string][]time.Duration{"whole": whole, "in two": cut} {
		if wait := c[1] - c[0]; wait < 400*time.Millisecond || wait > 500*time.Millisecond {
			t.Errorf("%s: the first wait is %v, want 500 ms or up to a fifth less", name, wait)
		}
	}
	if last := cut[6] - cut[0]; last < 15*time.Second {
		t.Errorf("the last cut was given up after %v", last)
	}
}
