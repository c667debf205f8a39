package ike

import (
	"bytes"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/ike/suite"
	"github.com/homeward-vpn/homeward/ike/wire"
)

func cookie(data ...byte) wire.Payload {
	return &wire.NotifyPayload{NotifyType: wire.NotifyCookie, Data: data}
}

func invalidKE(data ...byte) wire.Payload {
	return errorNotify(wire.NotifyInvalidKEPayload, data)
}

// sentInit parses the IKE_SA_INIT request sent last.
func (p *script) sentInit() *wire.Message {
	p.t.Helper()
	m, err := wire.ParseMessage(p.last().Data)
	if err != nil || m.Exchange != wire.ExchangeIKESAInit {
		p.t.Fatalf("the last message is %v, %v", m, err)
	}
	return m
}

// takeCookie delivers a cookie and waits until it is followed.
func (p *script) takeCookie(data ...byte) {
	p.t.Helper()
	if err := p.deliver(p.plain(0, cookie(data...))); err != nil {
		p.t.Fatal(err)
	}
	if err := p.pass(cookieWait); err != nil {
		p.t.Fatal(err)
	}
}

// RFC 7296 2.6: the same request again with the cookie in front, also when the
// cookie changes, but not for ever; SPI, nonce and key exchange stay.
func TestCookie(t *testing.T) {
	t.Parallel()
	p := newScript(t, scriptConfig(1))
	p.do(Connect{})
	plain := p.sentInit()
	for i := range maxCookies {
		p.takeCookie(byte(i), 1, 2)
		m := p.sentInit()
		n, ok := m.Payloads[0].(*wire.NotifyPayload)
		if !ok || n.NotifyType != wire.NotifyCookie || !bytes.Equal(n.Data, []byte{byte(i), 1, 2}) {
			t.Fatalf("cookie %d does not come first: %s", i, wire.Describe(m.Payloads))
		}
		if m.InitiatorSPI != plain.InitiatorSPI || m.MessageID != 0 {
			t.Error("SPI or message ID changed")
		}
		was, _ := wire.Find[*wire.NoncePayload](plain.Payloads)
		is, _ := wire.Find[*wire.NoncePayload](m.Payloads)
		if !bytes.Equal(was.Data, is.Data) {
			t.Error("the nonce changed, for which the cookie was made")
		}
		_, rest := wire.AppendChain(nil, m.Payloads[1:])
		if _, whole := wire.AppendChain(nil, plain.Payloads); !bytes.Equal(rest, whole) {
			t.Error("more than the cookie was added")
		}
	}
	sent := len(p.sent)
	wantDrop(t, p.deliver(p.plain(0, cookie(byte(maxCookies-1), 1, 2))), DropDuplicate)
	wantDrop(t, p.deliver(p.plain(0, cookie(99))), DropRetries)
	wantDrop(t, p.deliver(p.plain(0, cookie())), DropInitAnswer)
	wantDrop(t, p.deliver(p.plain(0, cookie(make([]byte, maxCookieLen+1)...))), DropInitAnswer)
	if len(p.sent) != sent {
		t.Error("a dropped answer made us send")
	}
	if err := p.deliver(p.initReply()); err != nil {
		t.Errorf("the real answer is not taken any more: %v", err)
	}
}

// RFC 7296 1.2: another group, if it was offered, a bounded number of times,
// with the cookie kept (2.6.1).
func TestInvalidKE(t *testing.T) {
	t.Parallel()
	p := newScript(t, scriptConfig(1))
	p.do(Connect{})
	p.takeCookie(7)
	wantDrop(t, p.deliver(p.plain(0, invalidKE(0, byte(suite.GroupX25519)))), DropDuplicate)
	wantDrop(t, p.deliver(p.plain(0, invalidKE(19))), DropInitAnswer)
	groups := []uint16{suite.GroupP256, suite.GroupX25519}
	for i := range maxGroups {
		want := groups[i%2]
		if err := p.deliver(p.plain(0, invalidKE(0, byte(want)))); err != nil {
			t.Fatal(err)
		}
		m := p.sentInit()
		if ke, _ := wire.Find[*wire.KEPayload](m.Payloads); ke.Group != want {
			t.Fatalf("group %d, want %d", ke.Group, want)
		}
		if _, ok := wire.Notify(m.Payloads, wire.NotifyCookie); !ok {
			t.Error("the cookie is gone")
		}
	}
	wantDrop(t, p.deliver(p.plain(0, invalidKE(0, byte(suite.GroupP256)))), DropRetries)
	if err := p.deliver(p.initReply()); err != nil {
		t.Errorf("the real answer is not taken any more: %v", err)
	}
}

// RFC 7296 2.21.1: an unprotected error is believed only when nothing better comes.
func TestHints(t *testing.T) {
	t.Parallel()
	hints := []struct {
		name  string
		p     wire.Payload
		cause Cause
	}{
		{"no proposal", errorNotify(wire.NotifyNoProposalChosen, nil), CauseNoProposal},
		{"a group that was not offered", invalidKE(0, 14), CauseNoProposal},
		{"syntax", errorNotify(wire.NotifyInvalidSyntax, nil), CauseProtocol},
		{"an unknown error", errorNotify(4711, nil), CauseProtocol},
	}
	for _, c := range hints {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newScript(t, scriptConfig(1))
			p.do(Connect{})
			wantDrop(t, p.deliver(p.plain(0, c.p)), DropInitAnswer)
			if err := p.pass(hintWait - time.Millisecond); err != nil {
				t.Fatalf("before its time: %v", err)
			}
			wantFatal(t, p, p.pass(time.Millisecond), c.cause)

			better := newScript(t, scriptConfig(1))
			better.do(Connect{})
			wantDrop(t, better.deliver(better.plain(0, c.p)), DropInitAnswer)
			if err := better.deliver(better.initReply()); err != nil {
				t.Fatal(err)
			}
			if err := better.pass(hintWait * 2); err != nil {
				t.Errorf("the hint outlived a real answer: %v", err)
			}
		})
	}
}

// Whatever a stranger can send before keys exist, the attempt goes on.
func TestForgedInitAnswers(t *testing.T) {
	t.Parallel()
	stranger := netip.MustParseAddrPort("192.0.2.66:500")
	for _, c := range []struct {
		name   string
		from   netip.AddrPort
		forge  func(p *script) []byte
		reason DropReason
	}{
		{"empty", serverAddr, func(*script) []byte { return nil }, DropMalformed},
		{"noise", serverAddr, func(p *script) []byte { return p.octets(200) }, DropMalformed},
		{"another host", stranger, func(p *script) []byte { return p.plain(1, cookie(1)) }, DropWrongSource},
		{"another SPI", serverAddr, func(p *script) []byte {
			b := p.plain(1, cookie(1))
			b[0] ^= 1
			return b
		}, DropUnknownSPI},
		{"a request", serverAddr, func(p *script) []byte { return bytes.Clone(p.last().Data) }, DropUnexpected},
		{"message ID 1", serverAddr, func(p *script) []byte {
			b := p.plain(1, cookie(1))
			b[23] = 1
			return b
		}, DropUnexpected},
		{"no payload", serverAddr, func(p *script) []byte { return p.plain(1) }, DropInitAnswer},
		{"an SA without more", serverAddr, func(p *script) []byte {
			return p.plain(1, &wire.SAPayload{Proposals: suite.ToWire(p.s.cfg.IKEProposals, wire.ProtocolIKE, nil)})
		}, DropInitAnswer},
		{"a responder SPI of zero", serverAddr, func(p *script) []byte {
			b := p.initReply()
			clear(b[8:16])
			return b
		}, DropInitAnswer},
		{"a key that is no key", serverAddr, func(p *script) []byte {
			b := p.initReply()
			m, _ := wire.ParseMessage(b)
			ke, _ := wire.Find[*wire.KEPayload](m.Payloads)
			clear(ke.Data) // an all-zero secret (RFC 8031 2)
			return b
		}, DropInitAnswer},
		{"a short nonce", serverAddr, func(p *script) []byte {
			m, _ := wire.ParseMessage(p.initReply())
			for i, x := range m.Payloads {
				if _, ok := x.(*wire.NoncePayload); ok {
					m.Payloads[i] = &wire.NoncePayload{Data: make([]byte, 15)}
				}
			}
			return m.Marshal()
		}, DropMalformed},
		{"an exchange that needs keys", serverAddr, func(p *script) []byte {
			b := p.plain(1, cookie(1))
			b[18] = byte(wire.ExchangeIKEAuth)
			return b
		}, DropUnknownSPI},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newScript(t, scriptConfig(1))
			p.do(Connect{})
			forged := c.forge(p)
			err := p.s.HandleDatagram(p.now, Datagram{Local: clientAddr, Remote: c.from, Data: forged})
			wantDrop(t, err, c.reason)
			p.drain()
			if n := p.s.Counters().Dropped[c.reason]; n != 1 {
				t.Errorf("counted %d times", n)
			}
			p.sent = p.sent[:1]
			if err := p.deliver(p.initReply()); err != nil {
				t.Fatalf("the real answer is not taken any more: %v", err)
			}
			p.toPSK()
			if err := p.reply(p.authReply()...); err != nil {
				t.Fatalf("the attempt came to an end: %v", err)
			}
		})
	}
}

// toPSK answers the newest NeedPSK.
func (p *script) toPSK() {
	p.t.Helper()
	q, ok := event[NeedPSK](p)
	if !ok {
		p.t.Fatal("no NeedPSK")
	}
	p.do(PSK{ID: q.ID, Key: []byte(scriptPSK)})
}

// RFC 7296 2.4: several IKE_SA_INIT answers are tried beside each other, until
// a protected message shows which was the gateway's.
func TestForgedCandidates(t *testing.T) {
	t.Parallel()
	p := newScript(t, scriptConfig(1))
	p.do(Connect{})
	request := p.last()
	for range maxCandidates - 1 { // a stranger is faster than the gateway
		p.sent = append(p.sent, request)
		if err := p.deliver(p.initReply()); err != nil {
			t.Fatal(err)
		}
		p.toPSK()
	}
	p.sent = append(p.sent, request)
	if err := p.deliver(p.initReply()); err != nil {
		t.Fatal(err)
	}
	wantDrop(t, p.deliver(p.response), DropDuplicate)
	p.toPSK()
	genuine := p.last()
	real := *p
	p.sent = append(p.sent, request)
	wantDrop(t, p.deliver(p.initReply()), DropRetries)
	*p = real

	h, _ := wire.ParseHeader(genuine.Data)
	if err := p.deliver(p.seal(h.Exchange, h.MessageID, true, p.authReply()...)); err != nil {
		t.Fatal(err)
	}
	if p.s.phase != phaseEstablished || len(p.s.sas) != 1 || p.s.current.remoteSPI != p.spiR {
		t.Errorf("phase %d with %d IKE SAs", p.s.phase, len(p.s.sas))
	}
	if err := p.pass(2 * time.Minute); err != nil {
		t.Errorf("a forged candidate still matters: %v", err)
	}
}

// Three forged answers that nobody stands behind, each faster than the gateway:
// the first of them to be asked in vain makes room, a bounded number of times.
func TestForgedCandidatesMakeRoom(t *testing.T) {
	t.Parallel()
	p := newScript(t, scriptConfig(1))
	p.do(Connect{})
	request := p.last()
	forge := func() error {
		p.sent = append(p.sent, request)
		err := p.deliver(p.initReply())
		if err == nil {
			p.toPSK()
		}
		return err
	}
	for range maxCandidates {
		if err := forge(); err != nil {
			t.Fatal(err)
		}
	}
	wantDrop(t, forge(), DropRetries)
	if err := p.pass(2 * time.Second); err != nil {
		t.Fatal(err)
	}
	if err := forge(); err != nil { // the gateway's
		t.Fatalf("after two seconds: %v", err)
	}
	if len(p.s.sas) != maxCandidates {
		t.Errorf("%d candidates", len(p.s.sas))
	}
	trial := *p
	if err := trial.reply(trial.authReply()...); err != nil || p.s.phase != phaseEstablished {
		t.Errorf("phase %d, %v", p.s.phase, err)
	}
}

// A stranger that forges without end has no more than its share tried.
func TestForgedCandidatesWithoutEnd(t *testing.T) {
	t.Parallel()
	p := newScript(t, scriptConfig(1))
	p.do(Connect{})
	request := p.last()
	var err error
	for range 1000 {
		p.sent = append(p.sent, request)
		if p.deliver(p.initReply()) == nil {
			p.toPSK()
		}
		if err = p.pass(200 * time.Millisecond); err != nil {
			break
		}
	}
	if n := count[NeedPSK](p); n != maxTried {
		t.Errorf("%d answers tried, want %d", n, maxTried)
	}
	wantFatal(t, p, err, CauseNoAnswer)
}

// A forged answer that nobody stands behind, and the gateway's own lost: the
// request goes out again until the gateway is heard.
func TestForgedCandidateAlone(t *testing.T) {
	t.Parallel()
	p := newScript(t, scriptConfig(1))
	p.do(Connect{})
	request := p.last()
	if err := p.deliver(p.initReply()); err != nil {
		t.Fatal(err)
	}
	p.toPSK()
	p.sent = nil
	if err := p.pass(5 * time.Second); err != nil {
		t.Fatal(err)
	}
	again := 0
	for _, d := range p.sent {
		if bytes.Equal(d.Data, request.Data) {
			again++
		}
	}
	if again == 0 {
		t.Fatal("IKE_SA_INIT is not repeated while its only answer leads nowhere")
	}
	p.sent = append(p.sent, request)
	if err := p.deliver(p.initReply()); err != nil {
		t.Fatal(err)
	}
	p.toPSK()
	if err := p.reply(p.authReply()...); err != nil || p.s.phase != phaseEstablished {
		t.Errorf("phase %d, %v", p.s.phase, err)
	}
}

// RFC 7296 2.1, 2.4: without any answer the attempt ends after the last try.
func TestNoAnswer(t *testing.T) {
	t.Parallel()
	cfg := scriptConfig(1)
	cfg.Retransmit = Retransmit{First: time.Second, Factor: 2, Max: 4 * time.Second, Tries: 4}
	p := newScript(t, cfg)
	p.do(Connect{})
	const most = 11 * time.Second // 1 + 2 + 4 + 4 s
	if err := p.pass(most * 4 / 5); err != nil {
		t.Fatal(err)
	}
	if len(p.sent) != 4 {
		t.Errorf("%d tries", len(p.sent))
	}
	for i, d := range p.sent {
		if d.Encap != (i >= plainTries) {
			t.Errorf("try %d went to %v", i+1, d.Remote)
		}
		if !d.Encap && !bytes.Equal(d.Data, p.sent[0].Data) {
			t.Error("a retransmission differs")
		}
	}
	wantFatal(t, p, p.pass(most/5), CauseNoAnswer)
}

// RFC 3948 2.2: no IKE message of ours can be taken for one behind a marker.
func TestIKESPINeverBeginsWithMarker(t *testing.T) {
	t.Parallel()
	cfg := scriptConfig(1)
	cfg.Rand = zeros{}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	spi, err := s.newIKESPI()
	if err != nil || spi>>32 == 0 {
		t.Errorf("spi %v, %v", spi, err)
	}
	s.sas = append(s.sas, &ikeSA{localSPI: spi})
	if _, err := s.newIKESPI(); !errors.Is(err, errRepeatedSPI) {
		t.Errorf("a source that repeats itself gives %v", err)
	}
	esp, err := s.newESPSPI()
	if err != nil || esp < 256 {
		t.Errorf("esp spi %d, %v", esp, err)
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}
