package ike_test

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/ike"
	"github.com/homeward-vpn/homeward/ike/iketest"
	"github.com/homeward-vpn/homeward/ike/suite"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// RFC 7296 2.6:
//
//	--> IKE_SA_INIT { SA, KE, Ni }  <-- IKE_SA_INIT { N(COOKIE) }
//	--> IKE_SA_INIT { N(COOKIE), SA, KE, Ni }  <-- IKE_SA_INIT { SA, KE, Nr }
func TestTwoPeerCookie(t *testing.T) {
	t.Parallel()
	p := connected(t, iketest.PairConfig{Gateway: func(r *iketest.ResponderConfig) { r.Cookie = true }})
	if init, _ := exchanges(p); init != 2 {
		t.Errorf("%d IKE_SA_INIT exchanges, want 2", init)
	}
	first, _ := wire.ParseMessage(p.Sent[0].Data)
	second, _ := wire.ParseMessage(p.Sent[1].Data)
	if len(second.Payloads) != len(first.Payloads)+1 || second.InitiatorSPI != first.InitiatorSPI {
		t.Error("the second request is not the first with a cookie in front")
	}
	for i, q := range first.Payloads {
		if string(q.AppendBody(nil)) != string(second.Payloads[i+1].AppendBody(nil)) {
			t.Errorf("%v changed between the requests (RFC 7296 2.6)", q.Type())
		}
	}
}

// groupOnly leaves one group to the gateway.
func groupOnly(group uint16) func(*iketest.ResponderConfig) {
	return func(r *iketest.ResponderConfig) {
		r.IKE = suite.DefaultIKE()
		for i := range r.IKE {
			r.IKE[i].Group = []uint16{group}
		}
	}
}

// RFC 7296 1.2, 2.7:
//
//	--> IKE_SA_INIT { SA, KE(19), Ni }  <-- IKE_SA_INIT { N(INVALID_KE_PAYLOAD, g) }
//	--> IKE_SA_INIT { SA, KE(g), Ni }   <-- IKE_SA_INIT { SA, KE(g), Nr }
func TestTwoPeerInvalidKE(t *testing.T) {
	t.Parallel()
	for _, group := range []uint16{
		suite.Group2048, suite.Group3072, suite.Group4096, suite.GroupP384, suite.GroupP521, suite.GroupX25519,
	} {
		p := connected(t, iketest.PairConfig{Gateway: groupOnly(group)})
		if init, _ := exchanges(p); init != 2 {
			t.Errorf("group %d: %d IKE_SA_INIT exchanges, want 2", group, init)
		}
		if got := p.Established.Suite.Group[0]; got != group {
			t.Errorf("group %d, want %d", got, group)
		}
	}
}

// Cookie and group together (RFC 7296 2.6.1): the cookie is kept for the
// request with the other group.
//
//	--> SA, KE(19), Ni             <-- N(COOKIE)
//	--> N(COOKIE), SA, KE(19), Ni  <-- N(INVALID_KE_PAYLOAD)
//	--> N(COOKIE), SA, KE(31), Ni  <-- SA, KE(31), Nr
func TestTwoPeerCookieAndInvalidKE(t *testing.T) {
	t.Parallel()
	p := connected(t, iketest.PairConfig{Gateway: func(r *iketest.ResponderConfig) {
		groupOnly(suite.GroupX25519)(r)
		r.Cookie = true
	}})
	if init, _ := exchanges(p); init != 3 {
		t.Errorf("%d IKE_SA_INIT exchanges, want 3", init)
	}
}

// RFC 7296 2.23: with a NAT at either end, or none, IKE moves to port 4500 and
// stands behind the marker.
func TestTwoPeerNAT(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ us, peer bool }{{false, false}, {true, false}, {false, true}, {true, true}} {
		p := connected(t, iketest.PairConfig{ClientNAT: c.us, GatewayNAT: c.peer})
		if got := p.Established.Behind; got != (ike.NAT{Us: c.us, Peer: c.peer}) {
			t.Errorf("NAT %+v, want %+v", got, c)
		}
		if got := p.Established.Remote; got != netip.AddrPortFrom(iketest.GatewayPublic, 4500) {
			t.Errorf("remote %v", got)
		}
		for _, s := range p.Sent[1:] {
			if s.To.Port() != 4500 || !s.Encap {
				t.Errorf("after IKE_SA_INIT a message went to %v, encapsulated %v", s.To, s.Encap)
			}
		}
		if p.Sent[0].To.Port() != 500 || p.Sent[0].Encap {
			t.Errorf("IKE_SA_INIT went to %v, encapsulated %v", p.Sent[0].To, p.Sent[0].Encap)
		}
		if !p.Gateway.ClientBehindNAT {
			t.Error("the gateway does not see a NAT, and would send ESP without UDP")
		}
	}
}

// A gateway on a port of its own speaks with the marker from the start.
func TestTwoPeerCustomPort(t *testing.T) {
	t.Parallel()
	p := connected(t, iketest.PairConfig{
		Client:  func(c *ike.Config) { c.Remote = netip.AddrPortFrom(iketest.GatewayPublic, 8443) },
		Gateway: func(r *iketest.ResponderConfig) { r.Port = 8443 },
	})
	for _, s := range p.Sent {
		if s.To.Port() != 8443 || !s.Encap {
			t.Errorf("a message went to %v, encapsulated %v", s.To, s.Encap)
		}
	}
}

// RFC 3948 4: a mapping is kept alive; and when the NAT forgets it all the
// same, the gateway follows the client's new port (RFC 7296 2.23).
func TestTwoPeerNATKeepaliveAndRebinding(t *testing.T) {
	t.Parallel()
	p := connected(t, iketest.PairConfig{ClientNAT: true})
	p.Drive(70 * time.Second)
	// After 20 and 40 s; after 60 s a liveness check does as well.
	if n := p.Gateway.Keepalives; n != 2 {
		t.Errorf("%d keepalives in 70 s, want 2", n)
	}
	before := p.Gateway.Address().To
	p.Network.Rebind()
	if err := p.Do(ike.CheckLiveness{}); err != nil {
		t.Fatal(err)
	}
	p.Drive(5 * time.Second)
	if after := p.Gateway.Address().To; after == before || after.Addr() != iketest.ClientPublic {
		t.Errorf("the gateway still answers to %v", after)
	}
	answered := false
	if err := p.Tell(func(now time.Time) error { return p.Gateway.CheckLiveness(now, func() { answered = true }) }); err != nil {
		t.Fatal(err)
	}
	p.Drive(5 * time.Second)
	if !answered {
		t.Error("the gateway's own request did not arrive at the new port")
	}
	mustAgree(t, p)
}

// forge makes an unprotected answer to the client's IKE_SA_INIT, as anyone on
// the path can.
func forge(p *iketest.Pair, responder wire.SPI, payloads ...wire.Payload) iketest.Packet {
	sent := p.Sent[len(p.Sent)-1]
	m, err := wire.ParseMessage(sent.Data)
	if err != nil {
		panic(err)
	}
	answer := wire.Message{
		Header: wire.Header{
			InitiatorSPI: m.InitiatorSPI, ResponderSPI: responder,
			Exchange: wire.ExchangeIKESAInit, Flags: wire.FlagResponse,
		},
		Payloads: payloads,
	}
	return iketest.Packet{From: sent.To, To: sent.From, Data: answer.Marshal()}
}

// RFC 7296 2.4, 2.21.1: before keys exist nothing that a stranger sends ends
// the attempt. Each forgery arrives before the gateway's own answer.
func TestTwoPeerForgedBeforeKeys(t *testing.T) {
	t.Parallel()
	group := func(g uint16) []byte { return binary.BigEndian.AppendUint16(nil, g) }
	notify := func(n wire.NotifyType, data ...byte) wire.Payload {
		return &wire.NotifyPayload{NotifyType: n, Data: data}
	}
	for name, payloads := range map[string][]wire.Payload{
		"NO_PROPOSAL_CHOSEN":          {notify(wire.NotifyNoProposalChosen)},
		"AUTHENTICATION_FAILED":       {notify(wire.NotifyAuthenticationFailed)},
		"INVALID_SYNTAX":              {notify(wire.NotifyInvalidSyntax)},
		"INVALID_MAJOR_VERSION":       {notify(wire.NotifyInvalidMajorVersion)},
		"group not offered":           {notify(wire.NotifyInvalidKEPayload, group(1)...)},
		"group without a number":      {notify(wire.NotifyInvalidKEPayload)},
		"group offered":               {notify(wire.NotifyInvalidKEPayload, group(suite.GroupP521)...)},
		"a cookie":                    {notify(wire.NotifyCookie, 1, 2, 3)},
		"an empty cookie":             {notify(wire.NotifyCookie)},
		"REDIRECT":                    {notify(wire.NotifyRedirect, 1, 4, 10, 0, 0, 1)},
		"nothing":                     nil,
		"an unknown critical payload": {&wire.Unknown{PayloadType: 99, Critical: true}},
		"an empty SA":                 {&wire.SAPayload{Proposals: []wire.Proposal{{Number: 1, Protocol: wire.ProtocolIKE}}}, &wire.KEPayload{}, &wire.NoncePayload{Data: make([]byte, 32)}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPair(t, iketest.PairConfig{Conditions: iketest.Conditions{Delay: 20 * time.Millisecond}})
			connect(t, p)
			for _, spi := range []wire.SPI{0, 7} {
				for range 20 {
					p.Network.Inject(p.Now, forge(p, spi, payloads...))
				}
			}
			mustUp(t, p)
		})
	}
}

// A forged answer that looks right in every field is tried beside the real one
// and loses, because it leads to no protected message (RFC 7296 2.4).
func TestTwoPeerForgedFullAnswer(t *testing.T) {
	t.Parallel()
	for _, late := range []bool{false, true} {
		p := newPair(t, iketest.PairConfig{Conditions: iketest.Conditions{Delay: 20 * time.Millisecond}})
		connect(t, p)
		kx, err := suite.NewKeyExchange(suite.GroupP256, iketest.NewRand(99))
		if err != nil {
			t.Fatal(err)
		}
		one := suite.Proposal{
			Encryption: []suite.Transform{{ID: suite.ENCR_AES_GCM_16, KeyLen: 256}},
			PRF:        []uint16{suite.PRF_HMAC_SHA2_256}, Group: []uint16{suite.GroupP256},
		}
		fake := forge(p, 0xbad,
			&wire.SAPayload{Proposals: suite.ToWire([]suite.Proposal{one}, wire.ProtocolIKE, nil)},
			&wire.KEPayload{Group: suite.GroupP256, Data: kx.Public()},
			&wire.NoncePayload{Data: make([]byte, 32)})
		if late {
			p.After(50*time.Millisecond, func() { p.Network.Inject(p.Now, fake) })
		} else {
			p.Network.Inject(p.Now, fake)
		}
		mustUp(t, p)
	}
}

// Answers from another host are not the gateway's.
func TestTwoPeerAnswerFromElsewhere(t *testing.T) {
	t.Parallel()
	p := newPair(t, iketest.PairConfig{Conditions: iketest.Conditions{Delay: 20 * time.Millisecond}})
	connect(t, p)
	fake := forge(p, 0, &wire.NotifyPayload{NotifyType: wire.NotifyInvalidKEPayload, Data: []byte{0, 31}})
	fake.From = netip.MustParseAddrPort("192.0.2.66:500")
	p.Network.Inject(p.Now, fake)
	mustUp(t, p)
	if p.Drops[ike.DropWrongSource] != 1 {
		t.Errorf("drops: %v", p.Drops)
	}
	if init, _ := exchanges(p); init != 1 {
		t.Errorf("%d IKE_SA_INIT exchanges, want 1", init)
	}
}

// The retries that a stranger can cause are bounded: an endless row of changing
// cookies and groups neither ends the attempt nor makes it loop.
func TestTwoPeerRetriesAreBounded(t *testing.T) {
	t.Parallel()
	p := newPair(t, iketest.PairConfig{})
	p.Gateway.Silence(true)
	connect(t, p)
	for i := range 200 {
		cookie := &wire.NotifyPayload{NotifyType: wire.NotifyCookie, Data: []byte{byte(i), 1}}
		other := &wire.NotifyPayload{NotifyType: wire.NotifyInvalidKEPayload, Data: []byte{0, byte(19 + i%3)}}
		p.Network.Inject(p.Now, forge(p, 0, cookie))
		p.Network.Inject(p.Now, forge(p, 0, other))
		p.Drive(time.Millisecond)
	}
	if len(p.Sent) > 20 {
		t.Errorf("%d requests for 400 forged answers", len(p.Sent))
	}
	if p.Closed != nil {
		t.Fatalf("closed: %v", p.Closed.Failure)
	}
	if p.Drops[ike.DropRetries] == 0 {
		t.Errorf("drops: %v", p.Drops)
	}
}
