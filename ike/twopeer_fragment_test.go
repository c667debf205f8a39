package ike_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/ike"
	"github.com/homeward-vpn/homeward/ike/iketest"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// large makes both ends send messages that do not fit a small path: certificates
// in IKE_AUTH, and groups of 4096 bits in the rekeys of Child SAs. IKE_SA_INIT,
// which is never cut (RFC 7383 2.3), stays small.
func large(t *testing.T, c iketest.PairConfig) *iketest.Pair {
	t.Helper()
	suites := oneSuite(t, [4]string{"aes256gcm16", "", "sha256", "ecp256"}, [3]string{"aes256gcm16", "", "modp4096"})
	suites.Conditions = c.Conditions
	c = both(suites, c)
	c.Leaf = func(l *iketest.Leaf) { l.Kind = iketest.RSA2048 }
	return byCertificate(t, c, iketest.RSA2048)
}

// finding is a gateway that looks for a fragment size as well.
func finding(r *iketest.ResponderConfig) { r.FindSize = true }

// datagrams sorts what the client sent by message and cut, and wants that one cut
// of a message is always the same octets (RFC 7296 2.1), and that a later cut of
// it has more fragments (RFC 7383 2.5.2).
func datagrams(t *testing.T, p *iketest.Pair) (cuts int) {
	t.Helper()
	type message struct {
		spi      wire.SPI
		id       uint32
		response bool
	}
	type part struct {
		message
		total, number uint16
	}
	seen, totals := map[part][]byte{}, map[message]uint16{}
	for _, s := range p.Sent {
		m, err := wire.ParseMessage(s.Data)
		if err != nil {
			t.Fatal(err)
		}
		k := part{message: message{m.InitiatorSPI, m.MessageID, m.Response()}}
		if f, ok := wire.Find[*wire.EncryptedFragment](m.Payloads); ok {
			k.total, k.number = f.Total, f.Number
		}
		if before, ok := seen[k]; ok && !bytes.Equal(before, s.Data) {
			t.Errorf("%v %d, fragment %d of %d, was sent again with other octets", m.Exchange, m.MessageID, k.number, k.total)
		}
		seen[k] = bytes.Clone(s.Data)
		before, again := totals[k.message]
		switch {
		case again && k.total < before:
			t.Errorf("%v %d was cut in %d after it was cut in %d", m.Exchange, m.MessageID, k.total, before)
		case again && k.total > before:
			cuts++
		}
		totals[k.message] = k.total
	}
	return cuts
}

// rekeyed has the Child SA rekeyed and gives how long that took.
func rekeyed(t *testing.T, p *iketest.Pair, byGateway bool) time.Duration {
	t.Helper()
	before, start := p.Active().InboundSPI, p.Now
	var err error
	if byGateway {
		spi := p.Active().OutboundSPI
		err = p.Tell(func(now time.Time) error { return p.Gateway.RekeyChild(now, spi) })
	} else {
		err = p.Do(ike.RekeyChild{InboundSPI: before})
	}
	if err != nil {
		t.Fatal(err)
	}
	if !p.Until(time.Minute, func() bool { return p.Closed != nil || p.Active().InboundSPI != before }) || p.Closed != nil {
		t.Fatalf("not rekeyed: %v", p.Cause())
	}
	took := p.Now.Sub(start)
	mustSettle(t, p, 5*time.Minute, 1)
	return took
}

// RFC 7383 2.5.2: on a path that loses large datagrams without a word, in one
// direction or in both, the size finds itself, and from then on nothing is lost.
//
//	--> IKE_AUTH { SKF 1/2 } { SKF 2/2 }               lost, twice
//	--> IKE_AUTH { SKF 1/4 } { SKF 2/4 } ...           the same message, cut anew
//	<-- IKE_AUTH { SKF 1/2 } { SKF 2/2 }               lost, until the gateway cuts anew
func TestTwoPeerFragmentSizeFindsItself(t *testing.T) {
	t.Parallel()
	for _, mtu := range []int{1280, 800, 576} {
		for direction, conditions := range map[string]iketest.Conditions{
			"to the gateway": {MTU: mtu, ToClient: 1500},
			"to the client":  {MTU: 1500, ToClient: mtu},
			"both":           {MTU: mtu},
		} {
			t.Run(fmt.Sprintf("%d octets, %s", mtu, direction), func(t *testing.T) {
				t.Parallel()
				conditions.Delay = 20 * time.Millisecond
				p := large(t, iketest.PairConfig{Conditions: conditions, Gateway: finding})
				connect(t, p)
				mustUp(t, p)
				if took := p.Now.Sub(iketest.Epoch); mtu == 1280 && took > time.Second || took > 6*time.Second {
					t.Errorf("connected after %v", took)
				}
				if n := iketest.Count[ike.PathNarrow](p); (n == 1) != (mtu < 1280) {
					t.Errorf("%d times word of a narrow path", n)
				}
				if cuts := datagrams(t, p); (mtu == 1280) != (cuts == 0) {
					t.Errorf("%d messages were cut anew", cuts)
				}
				// What was found is remembered, by both ends.
				if took := rekeyed(t, p, false); took > 200*time.Millisecond {
					t.Errorf("the client's rekey took %v", took)
				}
				if took := rekeyed(t, p, true); took > 200*time.Millisecond {
					t.Errorf("the gateway's rekey took %v", took)
				}
				datagrams(t, p)
			})
		}
	}
}

// RFC 7383 2.5.2: a path that becomes narrow under an established IKE SA. The
// gateway repeats its request because our answer is lost; the answer is cut anew.
//
//	<-- CREATE_CHILD_SA { ... }              again and again
//	--> CREATE_CHILD_SA { ... }              lost
//	--> CREATE_CHILD_SA { SKF 1/2 } { SKF 2/2 }
func TestTwoPeerResponseIsCutAnew(t *testing.T) {
	t.Parallel()
	p := large(t, iketest.PairConfig{})
	connect(t, p)
	mustUp(t, p)
	p.Network.Conditions.MTU, p.Network.Conditions.ToClient = 700, 1500
	if took := rekeyed(t, p, true); took > 10*time.Second {
		t.Errorf("the rekey took %v", took)
	}
	if cuts := datagrams(t, p); cuts != 1 {
		t.Errorf("%d messages were cut anew, want 1", cuts)
	}
	if n := iketest.Count[ike.PathNarrow](p); n != 1 {
		t.Errorf("%d times word of a narrow path, want 1", n)
	}
	if took := rekeyed(t, p, true); took > time.Millisecond {
		t.Errorf("the next rekey took %v", took)
	}
}

// A larger datagram that arrives ends the search: what follows is cut for it
// again, so that a burst of losses does not make small pieces for ever.
func TestTwoPeerFragmentSizeRecovers(t *testing.T) {
	t.Parallel()
	p := large(t, iketest.PairConfig{})
	connect(t, p)
	mustUp(t, p)
	p.Network.Conditions.MTU, p.Network.Conditions.ToClient = 700, 1500
	rekeyed(t, p, false)
	p.Network.Conditions.MTU = 1500
	sent := len(p.Sent)
	rekeyed(t, p, false)
	if !fragmented(t, p.Sent[sent:]) {
		t.Error("what was found is not remembered")
	}
	if e := checked(t, p, 1280); !e.OK {
		t.Fatalf("the check says %+v", e)
	}
	sent = len(p.Sent)
	rekeyed(t, p, false)
	if fragmented(t, p.Sent[sent:]) {
		t.Error("messages are cut though the path carries them whole")
	}
	p.Network.Conditions.MTU = 1279
	if e := checked(t, p, 1280); !e.OK || iketest.Count[ike.PathChecked](p) != 2 {
		t.Errorf("a check of no more than every message may have says %+v", e)
	}
}

// fragmented says whether any of the datagrams is a fragment.
func fragmented(t *testing.T, sent []iketest.Packet) bool {
	t.Helper()
	for _, s := range sent {
		m, err := wire.ParseMessage(s.Data)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := wire.Find[*wire.EncryptedFragment](m.Payloads); ok {
			return true
		}
	}
	return false
}

// RFC 7383 2.4: a gateway that takes no fragments gets whole messages, always the
// same octets, whatever becomes of them.
func TestTwoPeerWholeWhereNotAgreed(t *testing.T) {
	t.Parallel()
	p := large(t, iketest.PairConfig{
		Conditions: iketest.Conditions{MTU: 800},
		Gateway:    func(r *iketest.ResponderConfig) { r.Fragments = false },
	})
	connect(t, p)
	mustFail(t, p, ike.CauseNoAnswer)
	if fragmented(t, p.Sent) || datagrams(t, p) != 0 {
		t.Error("the message was cut")
	}
}

// Cutting anew and a network that does everything at once: both ends still agree.
func TestTwoPeerFragmentsOnFaultyNarrowPaths(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		p := large(t, iketest.PairConfig{
			Gateway: finding, Client: patient,
			Conditions: iketest.Conditions{
				MTU: 600, Delay: 50 * time.Millisecond, Jitter: 400 * time.Millisecond, Loss: 0.1, Duplicate: 0.2,
			},
		})
		p.Network.Conditions.Loss += float64(seed) / 100
		connect(t, p)
		mustUp(t, p)
		rekeyed(t, p, seed%2 == 0)
		rekeyed(t, p, seed%2 == 1)
		datagrams(t, p)
	}
}
