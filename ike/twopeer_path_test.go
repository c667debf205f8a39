package ike_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/ike"
	"github.com/homeward-vpn/homeward/ike/iketest"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// carry makes the network lose IP packets above a size, silently, and an
// INFORMATIONAL in fragments, which is as lost on some gateways.
func carry(p *iketest.Pair, mtu int) {
	p.Network.Intercept = func(x *iketest.Packet) (time.Duration, bool) {
		const ip, udp, marker = 20, 8, 4
		const nextPayload, exchange = 16, 18 // RFC 7296 3.1
		fragment := x.Data[nextPayload] == byte(wire.PayloadSKF) && x.Data[exchange] == byte(wire.ExchangeInformational)
		return 0, fragment || ip+udp+marker+len(x.Data) > mtu
	}
}

// checked asks for one size and gives the answer.
func checked(t *testing.T, p *iketest.Pair, size int) ike.PathChecked {
	t.Helper()
	before := iketest.Count[ike.PathChecked](p)
	if err := p.Do(ike.CheckPath{Size: size}); err != nil {
		t.Fatal(err)
	}
	if !p.Until(10*time.Second, func() bool { return iketest.Count[ike.PathChecked](p) > before }) {
		t.Fatalf("no answer to a check of %d octets", size)
	}
	for i := len(p.Events) - 1; ; i-- {
		if e, ok := p.Events[i].(ike.PathChecked); ok {
			return e
		}
	}
}

// TestTwoPeerPathCheck: a request of an exact size goes out whole, and where it
// is lost a smaller one of the same Message ID arrives, so that the IKE SA does
// not suffer from having asked (RFC 8899 3), whether the gateway takes fragments
// or not.
//
//	--> INFORMATIONAL { N(padding) }            lost, twice
//	--> INFORMATIONAL { N(padding) }            lost again
//	--> INFORMATIONAL { N(less padding) }       the same Message ID
//	<-- INFORMATIONAL { }
func TestTwoPeerPathCheck(t *testing.T) {
	t.Parallel()
	for _, fragments := range []bool{true, false} {
		t.Run(fmt.Sprintf("fragments %t", fragments), func(t *testing.T) {
			t.Parallel()
			checkPaths(t, connected(t, iketest.PairConfig{Gateway: func(c *iketest.ResponderConfig) { c.Fragments = fragments }}))
		})
	}
}

func checkPaths(t *testing.T, p *iketest.Pair) {
	tests := []struct {
		path, size int
		ok         bool
	}{
		{1500, 1500, true},
		{1500, 1280, true}, // not above what every message may be cut to: no exchange
		{1499, 1500, false},
		{1400, 1400, true},
		{1300, 1400, false},
	}
	for _, tt := range tests {
		carry(p, tt.path)
		e := checked(t, p, tt.size)
		if e.OK != tt.ok || e.Size != tt.size {
			t.Errorf("a path of %d: the check of %d says %+v, want %v", tt.path, tt.size, e, tt.ok)
		}
		mustBehave(t, p)
	}
	if p.Closed != nil {
		t.Fatalf("the checks ended the session: %v", p.Closed.Failure)
	}
	carry(p, 1500)
	if err := p.Do(ike.RekeyIKE{}); err != nil {
		t.Fatal(err)
	}
	if !p.Until(10*time.Second, func() bool { return iketest.Count[ike.IKERekeyed](p) == 1 }) {
		t.Error("after the checks the IKE SA cannot be rekeyed")
	}
}

// TestTwoPeerPathCheckOutlivesItsIKESA: the gateway rekeys the IKE SA while a
// check is still lost, and deletes the old one; the check goes on on the new.
func TestTwoPeerPathCheckOutlivesItsIKESA(t *testing.T) {
	t.Parallel()
	p := connected(t, iketest.PairConfig{})
	carry(p, 1400)
	if err := p.Do(ike.CheckPath{Size: 1500}); err != nil {
		t.Fatal(err)
	}
	gatewayRekeysIKE(t, p)
	mustSettle(t, p, 20*time.Second, 1)
	if n := iketest.Count[ike.PathChecked](p); n != 1 {
		t.Fatalf("%d answers to the check", n)
	}
	if iketest.Count[ike.IKERekeyed](p) != 1 {
		t.Error("the IKE SA was not rekeyed")
	}
}
