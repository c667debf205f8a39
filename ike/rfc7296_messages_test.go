package ike

import (
	"bytes"
	"math"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/ike/suite"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// Rules of RFC 7296 about messages, each by itself: what is sent, when it is
// not, and to where. testdata/requirements.txt says which test is for which rule.

// RFC 7296 2.1: an answer goes out once, and again only when it is asked for.
func TestAnswersAreNotRepeated(t *testing.T) {
	t.Parallel()
	p := established(t, scriptConfig(1))
	if _, err := p.ask(wire.ExchangeInformational); err != nil {
		t.Fatal(err)
	}
	p.sent = nil
	if err := p.pass(40 * time.Minute); err != nil {
		t.Fatal(err)
	}
	if len(p.sent) != 0 {
		t.Errorf("%d datagrams after the answer, and nobody has asked", len(p.sent))
	}
}

// RFC 7296 2.1, 2.3: a request whose answer is forgotten, and one beyond the
// window, is not answered, neither with what it wants nor with a refusal.
func TestForgottenRequestIsIgnored(t *testing.T) {
	t.Parallel()
	p := established(t, scriptConfig(1))
	first := p.seal(wire.ExchangeInformational, 0, false)
	for range 3 {
		if _, err := p.ask(wire.ExchangeInformational); err != nil {
			t.Fatal(err)
		}
	}
	p.sent = nil
	wantDrop(t, p.deliver(first), DropOutside)
	for _, id := range []uint32{1, 4, 1000, math.MaxUint32} {
		wantDrop(t, p.deliver(p.seal(wire.ExchangeInformational, id, false)), DropOutside)
	}
	if len(p.sent) != 0 {
		t.Errorf("answered with %d datagrams", len(p.sent))
	}
	if _, err := p.ask(wire.ExchangeInformational); err != nil {
		t.Errorf("the next request: %v", err)
	}
}

// RFC 7296 2.2: an IKE SA that has used all its message IDs is closed; none is
// used twice.
func TestMessageIDsRunOut(t *testing.T) {
	t.Parallel()
	p := established(t, scriptConfig(1))
	p.s.current.window.next = math.MaxUint32 - 1
	p.do(CheckLiveness{})
	if h, _ := p.open(p.last()); h.MessageID != math.MaxUint32-1 {
		t.Fatalf("message %d", h.MessageID)
	}
	if err := p.reply(); err != nil {
		t.Fatal(err)
	}
	sent := len(p.sent)
	err := p.s.Do(p.now, CheckLiveness{})
	p.drain()
	if len(p.sent) != sent {
		h, _ := p.open(p.last())
		t.Errorf("one more request, with message ID %d", h.MessageID)
	}
	wantFatal(t, p, err, CauseProtocol)
}

// RFC 7296 2.11, 2.23: a request is taken from whatever port it comes, and
// answered to where it came from, from where it arrived; so is its repetition.
func TestAnswersGoBackWhereRequestsCameFrom(t *testing.T) {
	t.Parallel()
	p := established(t, scriptConfig(1))
	for _, d := range []Datagram{
		{Local: clientAddr, Remote: netip.AddrPortFrom(serverAddr.Addr(), 61234), Encap: true},
		{Local: netip.MustParseAddrPort("192.0.2.50:4711"), Remote: netip.MustParseAddrPort("192.0.2.99:1"), Encap: true},
		{Local: netip.MustParseAddrPort("[2001:db8::7]:9"), Remote: netip.MustParseAddrPort("[2001:db8::1]:500")},
	} {
		d.Data = p.seal(wire.ExchangeInformational, p.nextID, false)
		p.nextID++
		for _, what := range []string{"answer", "answer to the repetition"} {
			sent := len(p.sent)
			if what != "answer" {
				d.Local = netip.AddrPortFrom(d.Local.Addr().Next(), 7)
			}
			if err := p.s.HandleDatagram(p.now, d); err != nil {
				t.Fatal(err)
			}
			p.drain()
			if len(p.sent) != sent+1 {
				t.Fatalf("%d datagrams", len(p.sent)-sent)
			}
			if a := p.last(); a.Local != d.Local || a.Remote != d.Remote || a.Encap != d.Encap {
				t.Errorf("request from %v to %v, %s from %v to %v", d.Remote, d.Local, what, a.Local, a.Remote)
			}
		}
	}
}

// RFC 7296 1.5, 2.5, 2.21.4, 3.1: what is of no IKE SA, of another version, or an
// answer to nothing gets no answer, and changes nothing.
func TestStrangersGetNoAnswer(t *testing.T) {
	t.Parallel()
	warning := errorNotify(wire.NotifyInvalidIKESPI, nil)
	for name, make := range map[string]func(p *script) []byte{
		"a request for an unknown IKE SA": func(p *script) []byte {
			b := p.seal(wire.ExchangeInformational, 0, false)
			b[7] ^= 1
			return b
		},
		"a warning about an unknown IKE SA": func(p *script) []byte {
			m := wire.Message{Header: p.header(wire.ExchangeInformational, 0, true), Payloads: []wire.Payload{warning}}
			m.ResponderSPI++
			return m.Marshal()
		},
		"an answer that is of nobody's IKE SA": func(p *script) []byte {
			b := p.seal(wire.ExchangeInformational, 2, true)
			b[15] ^= 1
			return b
		},
		"an answer to a request that was not made": func(p *script) []byte { return p.seal(wire.ExchangeInformational, 2, true) },
		"an answer that was taken before":          func(p *script) []byte { return p.seal(wire.ExchangeIKEAuth, 1, true, p.authReply()...) },
		"a request of a higher version": func(p *script) []byte {
			b := p.seal(wire.ExchangeInformational, 0, false)
			b[17] = 0x30
			return b
		},
		"IKEv1": func(p *script) []byte {
			b := p.seal(wire.ExchangeInformational, 0, false)
			b[17] = 0x10
			return b
		},
		"IKE_SA_INIT":                     func(p *script) []byte { return bytes.Clone(p.request) },
		"an answer to IKE_SA_INIT, again": func(p *script) []byte { return bytes.Clone(p.response) },
		"an unprotected warning": func(p *script) []byte {
			m := wire.Message{Header: p.header(wire.ExchangeInformational, 0, true), Payloads: []wire.Payload{warning}}
			return m.Marshal()
		},
		"an unprotected Delete": func(p *script) []byte {
			m := wire.Message{
				Header:   p.header(wire.ExchangeInformational, 0, false),
				Payloads: []wire.Payload{&wire.DeletePayload{Protocol: wire.ProtocolIKE}},
			}
			return m.Marshal()
		},
		"an unknown critical payload without protection": func(p *script) []byte {
			m := wire.Message{
				Header:   p.header(wire.ExchangeInformational, 0, false),
				Payloads: []wire.Payload{&wire.Unknown{PayloadType: 200, Critical: true}},
			}
			return m.Marshal()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := established(t, scriptConfig(1))
			b := make(p)
			p.sent = nil
			events := len(p.events)
			if err := p.deliver(b); err == nil {
				t.Error("taken")
			}
			if err := p.pass(time.Minute); err != nil {
				t.Fatal(err)
			}
			if len(p.sent) != 0 || len(p.events) != events {
				t.Errorf("%d datagrams, events %+v", len(p.sent), p.events[events:])
			}
			if _, err := p.ask(wire.ExchangeInformational); err != nil {
				t.Errorf("the next request: %v", err)
			}
		})
	}
}

// RFC 7296 2.21.4: what the peer says, protected, of suspicious messages that it
// got changes no SA.
func TestProtectedWarningsChangeNothing(t *testing.T) {
	t.Parallel()
	for _, n := range []wire.NotifyType{wire.NotifyInvalidIKESPI, wire.NotifyInvalidSPI, wire.NotifyInvalidMessageID, wire.NotifyInvalidMajorVersion, wire.NotifyInvalidSelectors} {
		p := established(t, scriptConfig(1))
		events, sas, children := len(p.events), len(p.s.sas), len(p.s.children)
		answer, err := p.ask(wire.ExchangeInformational, errorNotify(n, []byte{1, 2, 3, 4}))
		if err != nil || len(answer) != 0 {
			t.Errorf("%v: %s, %v", n, wire.Describe(answer), err)
		}
		if len(p.events) != events || len(p.s.sas) != sas || len(p.s.children) != children || p.s.children[0].state != childLive {
			t.Errorf("%v: events %+v, %d IKE SAs, %d Child SAs", n, p.events[events:], len(p.s.sas), len(p.s.children))
		}
	}
}

// RFC 7296 2.5: payloads are taken in any order, in every message of the peer.
func TestPayloadsInAnyOrder(t *testing.T) {
	t.Parallel()
	reversed := func(ps []wire.Payload) []wire.Payload {
		ps = slices.Clone(ps)
		slices.Reverse(ps)
		return ps
	}
	p := newScript(t, scriptConfig(1))
	p.do(Connect{})
	m, err := wire.ParseMessage(p.initReply())
	if err != nil {
		t.Fatal(err)
	}
	m.Payloads = reversed(m.Payloads)
	p.response = m.Marshal()
	if err := p.deliver(p.response); err != nil {
		t.Fatalf("IKE_SA_INIT: %v", err)
	}
	p.toPSK()
	if err := p.reply(reversed(p.authReply())...); err != nil || p.s.phase != phaseEstablished {
		t.Fatalf("IKE_AUTH: phase %d, %v", p.s.phase, err)
	}
	_, request := p.startRekey()
	if err := p.reply(reversed(p.childReply(request, 0x55667788, p.octets(32)))...); err != nil {
		t.Fatalf("our rekey: %v", err)
	}
	if err := p.reply(deleteESP(p.childSPI)); err != nil {
		t.Fatal(err)
	}
	if answer, err := p.ask(wire.ExchangeCreateChildSA, reversed(p.rekeyRequest(0x55667788, 0x66778899, p.octets(32)))...); err != nil {
		t.Errorf("the peer's rekey: %s, %v", wire.Describe(answer), err)
	}
	if _, err := p.ask(wire.ExchangeInformational, deleteESP(0x55667788)); err != nil {
		t.Fatal(err)
	}
	if answer, err := p.ask(wire.ExchangeCreateChildSA, reversed(p.ikeRekeyRequest(suite.GroupX25519))...); err != nil {
		t.Errorf("the peer's rekey of the IKE SA: %s, %v", wire.Describe(answer), err)
	}
}

// RFC 7296 2: messages of up to 1280 octets, and of 3000, are taken and answered
// whole.
func TestMessagesOfEveryLength(t *testing.T) {
	t.Parallel()
	p := established(t, scriptConfig(1))
	for _, size := range []int{200, 1279, 1280, 1281, 3000, 60000} {
		empty := p.seal(wire.ExchangeInformational, p.nextID, false, &wire.VendorIDPayload{})
		request := p.seal(wire.ExchangeInformational, p.nextID, false, &wire.VendorIDPayload{Data: make([]byte, size-len(empty))})
		if len(request) != size {
			t.Fatalf("%d octets, want %d", len(request), size)
		}
		p.nextID++
		sent := len(p.sent)
		if err := p.deliver(request); err != nil || len(p.sent) != sent+1 {
			t.Errorf("a request of %d octets: %d answers, %v", size, len(p.sent)-sent, err)
		}
	}
}

// RFC 7296 3.10: where a notification has no SPI, its protocol means nothing.
func TestProtocolWithoutSPI(t *testing.T) {
	t.Parallel()
	p := newScript(t, scriptConfig(1))
	p.do(Connect{})
	if err := p.deliver(p.plain(0, &wire.NotifyPayload{Protocol: wire.ProtocolAH, NotifyType: wire.NotifyInvalidKEPayload, Data: []byte{0, byte(suite.GroupP256)}})); err != nil {
		t.Fatal(err)
	}
	if ke, _ := wire.Find[*wire.KEPayload](p.sentInit().Payloads); ke.Group != suite.GroupP256 {
		t.Errorf("group %d", ke.Group)
	}
	if err := p.deliver(p.initReply()); err != nil {
		t.Fatal(err)
	}
	p.toPSK()
	if err := p.reply(p.authReply()...); err != nil {
		t.Fatal(err)
	}
	answer, err := p.ask(wire.ExchangeCreateChildSA, slices.Concat(
		[]wire.Payload{&wire.NotifyPayload{Protocol: wire.ProtocolESP, NotifyType: wire.NotifyRekeySA}},
		p.rekeyRequest(p.childSPI, 0x55667788, p.octets(32))[1:])...)
	wantTold(t, err, wire.NotifyChildSANotFound)
	if n, _ := wire.FirstError(answer); n == nil || n.Protocol != wire.ProtocolNone || len(n.SPI) != 0 {
		t.Errorf("a protocol without an SPI is sent: %+v", n)
	}
}
