package ike

import (
	"errors"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/ike/iketest/vectors"
	"github.com/homeward-vpn/homeward/ike/suite"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// fuzzStates bring a Session into every state in which a datagram can find it.
var fuzzStates = []func(p *script){
	func(*script) {}, // idle
	func(p *script) { p.do(Connect{}) },
	func(p *script) { // a candidate that waits for the user
		p.do(Connect{})
		if err := p.deliver(p.initReply()); err != nil {
			p.t.Fatal(err)
		}
	},
	func(p *script) { p.toAuth() },
	func(p *script) { p.establish() },
	func(p *script) { p.establish(); p.do(CheckLiveness{}) },
	func(p *script) { p.establish(); p.startRekey() },
	func(p *script) { p.establish(); p.do(RekeyIKE{}) },
	func(p *script) { // both ends rekey the Child SA
		p.establish()
		p.startRekey()
		if _, err := p.ask(wire.ExchangeCreateChildSA, p.rekeyRequest(p.childSPI, 0x0000aaaa, p.octets(32))...); err != nil {
			p.t.Fatal(err)
		}
	},
	func(p *script) { // both ends rekey the IKE SA
		p.establish()
		p.do(RekeyIKE{})
		if _, err := p.ask(wire.ExchangeCreateChildSA, p.ikeRekeyRequest(suite.GroupX25519)...); err != nil {
			p.t.Fatal(err)
		}
	},
	func(p *script) { p.establish(); p.do(Delete{}) },
	func(p *script) { // closed
		p.establish()
		p.do(Delete{})
		if err := p.reply(); err != nil {
			p.t.Fatal(err)
		}
	},
}

// How the octets reach the Session: as a stranger's datagram, or inside a
// message that the gateway itself protected.
const (
	fuzzRaw      = iota // the datagram itself
	fuzzInit            // the payloads of an IKE_SA_INIT answer
	fuzzRequest         // the payloads of the next request
	fuzzAnswer          // the payloads of the answer to our last request
	fuzzFragment        // an authentic fragment of the next request
	fuzzWays
)

// fuzzDatagram builds what arrives. The first octet of data is the first
// payload's type where there are payloads.
func fuzzDatagram(p *script, way uint8, exchange uint8, data []byte) []byte {
	first := wire.PayloadNone
	if len(data) > 0 && way != fuzzRaw {
		first, data = wire.PayloadType(data[0]), data[1:]
	}
	raw := []wire.Payload{&rawChain{first, data}}
	if way == fuzzRaw || p.protector == nil && way != fuzzInit {
		return data
	}
	if way == fuzzInit {
		if len(p.sent) == 0 {
			return data
		}
		b := p.plain(77)
		b = append(b, data...)
		b[16] = byte(first)
		b[24], b[25], b[26], b[27] = byte(len(b)>>24), byte(len(b)>>16), byte(len(b)>>8), byte(len(b))
		return b
	}
	kind, id, response := wire.ExchangeType(exchange), p.nextID, false
	if way == fuzzAnswer {
		h, err := wire.ParseHeader(p.last().Data)
		if err != nil {
			return data
		}
		kind, id, response = h.Exchange, h.MessageID, true
	}
	if way == fuzzFragment {
		parts, err := p.protector.SealFragments(p.header(kind, id, response), raw, 100)
		if err != nil || len(parts) == 0 {
			return data
		}
		return parts[len(parts)-1]
	}
	b, err := p.protector.Seal(p.header(kind, id, response), raw)
	if err != nil {
		return data
	}
	return b
}

// rawChain is a whole chain of payloads as one: its own generic header is what
// the first four octets of the chain are.
type rawChain struct {
	first wire.PayloadType
	body  []byte
}

func (r *rawChain) Type() wire.PayloadType     { return r.first }
func (r *rawChain) AppendBody(b []byte) []byte { return append(b, r.body...) }

// FuzzHandleDatagram gives any octets to a Session in any state. It must not
// panic, must keep to its error contract and its bounds, and must end in order.
func FuzzHandleDatagram(f *testing.F) {
	for state := range fuzzStates {
		for way := range uint8(fuzzWays) {
			f.Add(uint8(state), way, uint8(wire.ExchangeInformational), []byte{42, 0, 0, 0, 12, 3, 4, 0, 1, 1, 2, 3, 4})
		}
		f.Add(uint8(state), uint8(fuzzRequest), uint8(wire.ExchangeCreateChildSA), []byte{41, 0, 0, 0, 12, 3, 4, 0x40, 9, 0x11, 0x22, 0x33, 0x44})
		f.Add(uint8(state), uint8(fuzzAnswer), uint8(0), []byte{41, 0, 0, 0, 8, 0, 0, 0, 43})
		f.Add(uint8(state), uint8(fuzzAnswer), uint8(0), []byte{41, 0, 0, 0, 10, 0, 0, 0, 17, 0, 19})
	}
	for i, b := range vectors.Seeds(f, "fuzz/ikev2-seeds") {
		f.Add(uint8(i), uint8(fuzzRaw), uint8(0), b)
	}
	f.Fuzz(func(t *testing.T, state, way, exchange uint8, data []byte) {
		if len(data) > 1<<14 {
			return
		}
		p := newScript(t, scriptConfig(1))
		fuzzStates[int(state)%len(fuzzStates)](p)
		before, sent, events := p.s.phase, len(p.sent), len(p.events)
		err := p.deliver(fuzzDatagram(p, way%fuzzWays, exchange, data))
		checkContract(t, p, err, before, events)
		if n := len(p.sent) - sent; n > 3 {
			t.Errorf("%d datagrams for one", n)
		}
		if len(p.s.sas) > maxCandidates || len(p.s.children) > 4 || len(p.s.timers.rows) > 16 {
			t.Errorf("%d IKE SAs, %d Child SAs, %d timers", len(p.s.sas), len(p.s.children), len(p.s.timers.rows))
		}
		end := p.now.Add(time.Hour)
		steps := 0
		for next := p.s.NextTimeout(); !next.IsZero() && next.Before(end); next = p.s.NextTimeout() {
			if steps++; steps > 1000 {
				t.Fatalf("%d deadlines within an hour", steps)
			}
			p.now = next
			checkContract(t, p, p.s.HandleTimeout(p.now), p.s.phase, len(p.events))
			p.drain()
		}
		if err := p.s.Do(p.now, Delete{}); err != nil && !errors.Is(err, ErrClosed) {
			t.Errorf("Delete: %v", err)
		}
		p.drain()
		if err := p.pass(closeWait); err != nil || p.s.phase != phaseClosed || count[Closed](p) != 1 {
			t.Errorf("ends in phase %d with %d Closed, %v", p.s.phase, count[Closed](p), err)
		}
	})
}

// checkContract verifies what an error says against what has happened.
func checkContract(t *testing.T, p *script, err error, before phase, events int) {
	t.Helper()
	var drop *DropError
	var told *NotifyError
	var fatal *Failure
	switch {
	case err == nil, errors.As(err, &told):
	case errors.As(err, &drop):
		if p.s.phase != before || len(p.events) != events {
			t.Errorf("dropped (%v), but the phase went from %d to %d, with %d events", err, before, p.s.phase, len(p.events)-events)
		}
	case errors.As(err, &fatal):
		if p.s.phase != phaseClosing && p.s.phase != phaseClosed {
			t.Errorf("fatal (%v), but the phase is %d", err, p.s.phase)
		}
		if before == phaseConnecting && p.s.init != nil {
			t.Errorf("an unauthenticated message ended the attempt: %v", err)
		}
	default:
		t.Errorf("an error outside the contract: %v", err)
	}
}
