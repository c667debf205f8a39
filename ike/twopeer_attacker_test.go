package ike_test

import (
	"bytes"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/ike"
	"github.com/homeward-vpn/homeward/ike/auth"
	"github.com/homeward-vpn/homeward/ike/iketest"
	"github.com/homeward-vpn/homeward/ike/suite"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// Two attackers on the way, who send at every moment of whole runs: one knows
// addresses, ports, SPIs and message IDs, and reads nothing else; the other reads
// everything and is always faster, but holds nothing back (RFC 7296 2.4, 2.21, 5).

// attacker forges what goes to the client.
type attacker struct {
	p    *iketest.Pair
	rand *rand.Rand
	full int // forged full answers to IKE_SA_INIT that are left

	reads    bool
	recorded []iketest.Packet // of the gateway's
	rival    *iketest.Responder
}

// attack lets an attacker see every packet, as far as it reads, and send before it.
func attack(p *iketest.Pair, seed uint64, reads bool) *attacker {
	a := &attacker{p: p, rand: rand.New(rand.NewPCG(seed, 17)), full: 2, reads: reads}
	p.Network.Intercept = func(q *iketest.Packet) (time.Duration, bool) {
		if len(q.Data) >= wire.HeaderLen {
			a.see(*q)
		}
		return 0, false
	}
	return a
}

// see takes a packet of either end, and sends a few to the client.
func (a *attacker) see(q iketest.Packet) {
	h, err := wire.ParseHeader(q.Data)
	if err != nil {
		return
	}
	fromClient := !a.p.Network.IsGateway(q.From.Addr())
	to := q
	if fromClient {
		to.From, to.To = q.To, q.From
	}
	for range 6 {
		to.Data = a.forge(h, fromClient)
		a.send(to)
	}
	if a.reads {
		a.race(q, to, fromClient)
	}
}

func (a *attacker) send(q iketest.Packet) { a.p.Network.Inject(a.p.Now, q) }

// octets draws up to n octets.
func (a *attacker) octets(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(a.rand.Uint32())
	}
	return b
}

// forge makes one datagram from what is known of a packet: its header.
func (a *attacker) forge(seen wire.Header, fromClient bool) []byte {
	h := seen
	h.Length, h.NextPayload = 0, 0
	if fromClient { // as an answer to it, or as a request of the other end
		h.Flags ^= wire.FlagInitiator
	}
	if a.rand.IntN(2) == 0 {
		h.Flags ^= wire.FlagResponse
	}
	switch a.rand.IntN(4) {
	case 0:
		h.Exchange = wire.ExchangeType(34 + a.rand.IntN(11))
	case 1:
		h.MessageID += a.rand.Uint32N(4) - 1
	case 2:
		spis := a.p.Client.AppendSPIs(nil)
		if len(spis) > 0 {
			h.InitiatorSPI = spis[a.rand.IntN(len(spis))]
		}
	}
	if seen.Exchange == wire.ExchangeIKESAInit {
		h.Exchange, h.MessageID, h.Flags = seen.Exchange, 0, wire.FlagResponse
		h.ResponderSPI = wire.SPI(a.rand.Uint64N(3))
	}
	m := wire.Message{Header: h, Payloads: a.payloads(seen.Exchange == wire.ExchangeIKESAInit)}
	b := m.Marshal()
	if a.rand.IntN(8) == 0 {
		b = b[:a.rand.IntN(len(b))]
	}
	return b
}

// payloads are what somebody without keys can say.
func (a *attacker) payloads(init bool) []wire.Payload {
	note := func(t wire.NotifyType, data []byte) []wire.Payload {
		return []wire.Payload{&wire.NotifyPayload{NotifyType: t, Data: data}}
	}
	groups := []uint16{suite.GroupX25519, suite.GroupP256, suite.GroupP384, suite.GroupP521, suite.Group2048, 1, 2}
	switch a.rand.IntN(9) {
	case 0:
		return note(wire.NotifyType(1+a.rand.IntN(50)), a.octets(a.rand.IntN(6)))
	case 1:
		return note(wire.NotifyCookie, a.octets(a.rand.IntN(70)))
	case 2:
		g := groups[a.rand.IntN(len(groups))]
		return note(wire.NotifyInvalidKEPayload, []byte{byte(g >> 8), byte(g)})
	case 3:
		return note(wire.NotifyRedirect, append([]byte{1, 4, 192, 0, 2, 66}, a.octets(32*a.rand.IntN(2))...))
	case 4:
		return []wire.Payload{&wire.DeletePayload{Protocol: wire.ProtocolIKE}}
	case 5:
		return []wire.Payload{&wire.Encrypted{First: wire.PayloadDelete, Body: a.octets(1 + a.rand.IntN(200))}}
	case 6:
		total := uint16(1 + a.rand.IntN(70))
		return []wire.Payload{&wire.EncryptedFragment{Number: 1 + uint16(a.rand.IntN(int(total))), Total: total, Body: a.octets(60)}}
	case 7:
		if init && a.full > 0 {
			a.full--
			return a.fullAnswer()
		}
	}
	return []wire.Payload{&wire.NoncePayload{Data: a.octets(32)}, &wire.Unknown{PayloadType: 200, Critical: true}}
}

// fullAnswer is an answer to IKE_SA_INIT that looks right in every field.
func (a *attacker) fullAnswer() []wire.Payload {
	kx, err := suite.NewKeyExchange(suite.GroupX25519, iketest.NewRand(a.rand.Uint64()))
	if err != nil {
		panic(err)
	}
	chosen := suite.DefaultIKE()[0]
	chosen.Encryption, chosen.PRF, chosen.Group = chosen.Encryption[:1], chosen.PRF[:1], []uint16{suite.GroupX25519}
	if len(chosen.Integrity) > 1 {
		chosen.Integrity = chosen.Integrity[:1]
	}
	return []wire.Payload{
		&wire.SAPayload{Proposals: suite.ToWire([]suite.Proposal{chosen}, wire.ProtocolIKE, nil)},
		&wire.KEPayload{Group: suite.GroupX25519, Data: kx.Public()},
		&wire.NoncePayload{Data: a.octets(32)},
	}
}

// race is what a reader adds: what the gateway has said before again, from its own
// address and from others; what it says now a moment earlier from somewhere else, and
// with a bit wrong; what the client says back to it; and the answers of a rival.
func (a *attacker) race(q, to iketest.Packet, fromClient bool) {
	if a.rival != nil && fromClient {
		a.rival.Handle(a.p.Now, q)
		for {
			answer, ok := a.rival.Poll()
			if !ok {
				break
			}
			a.send(answer)
		}
	}
	if fromClient {
		back := to
		back.Data = bytes.Clone(q.Data)
		a.send(back)
		back.Data = bytes.Clone(q.Data)
		back.Data[19] ^= byte(wire.FlagInitiator | wire.FlagResponse)
		a.send(back)
		return
	}
	bad := to
	bad.Data = bytes.Clone(q.Data)
	if h, err := wire.ParseHeader(q.Data); err == nil && h.Exchange != wire.ExchangeIKESAInit {
		bad.Data[a.rand.IntN(len(bad.Data))] ^= 1 << a.rand.IntN(8) // of IKE_SA_INIT that is a rival's answer
		a.send(bad)
		elsewhere := to
		elsewhere.Data, elsewhere.From = bytes.Clone(q.Data), netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, 66}), q.From.Port())
		a.send(elsewhere)
	}
	kept := to
	kept.Data = bytes.Clone(q.Data)
	a.recorded = append(a.recorded, kept)
	for range 3 {
		a.send(a.recorded[a.rand.IntN(len(a.recorded))])
	}
}

// underAttack is a whole life: the handshake, rekeys from both ends, at once too, moves
// of both and a redirect, with an attacker at every moment.
func underAttack(t *testing.T, seed uint64, reads bool, rival func(*iketest.ResponderConfig)) {
	t.Helper()
	p := newPair(t, iketest.PairConfig{
		Seed: seed, Conditions: iketest.Conditions{Delay: 15 * time.Millisecond, Jitter: 5 * time.Millisecond},
		Gateway: func(r *iketest.ResponderConfig) { r.MOBIKE = &iketest.MOBIKE{} },
	})
	p.Network.Gateways = []netip.Addr{iketest.GatewaySecond}
	a := attack(p, seed, reads)
	if rival != nil {
		a.rival = newRival(seed, rival)
	}
	connect(t, p)
	mustUp(t, p)
	goesOn := func() {
		t.Helper()
		p.Drive(4 * time.Second)
		if p.Closed != nil {
			t.Fatalf("seed %d: the attacker has ended the line: %v", seed, p.Closed.Failure)
		}
	}
	for _, do := range []act{
		clientRekeysChild, gatewayRekeysChild, clientRekeysIKE, gatewayRekeysIKE,
		func(t *testing.T, p *iketest.Pair) { clientRekeysChild(t, p); gatewayRekeysChild(t, p) },
		func(t *testing.T, p *iketest.Pair) { clientRekeysIKE(t, p); gatewayRekeysIKE(t, p) },
		func(t *testing.T, p *iketest.Pair) { mustMove(t, p, iketest.ClientMobile, netip.Addr{}) },
		clientRekeysIKE,
		func(t *testing.T, p *iketest.Pair) {
			if err := p.Tell(func(now time.Time) error { return p.Gateway.Relocate(now, iketest.GatewaySecond, nil, nil, nil) }); err != nil {
				t.Fatal(err)
			}
		},
		func(t *testing.T, p *iketest.Pair) { mustMove(t, p, iketest.ClientPublic, iketest.GatewaySecond) },
		func(t *testing.T, p *iketest.Pair) {
			if err := p.Tell(func(now time.Time) error { return p.Gateway.Redirect(now, "vpn2.example.com") }); err != nil {
				t.Fatal(err)
			}
		},
	} {
		do(t, p)
		goesOn()
	}
	p.Network.Intercept = nil
	p.Drive(time.Minute)
	goesOn()
	if p.ClientToGateway() != nil || p.GatewayToClient() != nil {
		t.Errorf("seed %d: no traffic: %v, %v", seed, p.ClientToGateway(), p.GatewayToClient())
	}
	if n := iketest.Count[ike.Redirect](p); n != 1 {
		t.Errorf("seed %d: %d redirects, of which the gateway made one", seed, n)
	}
	mustAgree(t, p)
	if err := p.Do(ike.Delete{}); err != nil {
		t.Fatal(err)
	}
	if !p.Down(10*time.Second) || p.Cause() != "" {
		t.Errorf("seed %d: ends with %q", seed, p.Cause())
	}
}

// newRival is somebody who answers as if it were the gateway, with a certificate that
// nobody trusts.
func newRival(seed uint64, change func(*iketest.ResponderConfig)) *iketest.Responder {
	ca := iketest.NewAuthority("Rival CA", iketest.P256)
	c := iketest.ResponderConfig{
		Rand: iketest.NewRand(seed + 1000), Address: iketest.GatewayPublic,
		Identity:    auth.Identity{Type: auth.IDFQDN, Data: []byte(iketest.GatewayName)},
		Certificate: ca.Issue(iketest.Leaf{CommonN: iketest.GatewayName, DNSNames: []string{iketest.GatewayName}}),
		Users:       map[string]string{iketest.UserName: "?"}, Fragments: true,
	}
	change(&c)
	return iketest.NewResponder(c)
}

// An attacker who can inject and not read ends no attempt and no line, whatever it
// knows of addresses, SPIs and message IDs.
func TestInjectorEndsNothing(t *testing.T) {
	t.Parallel()
	for seed := range uint64(12) {
		underAttack(t, seed, false, nil)
	}
}

// One who reads everything and is faster than the gateway, but holds nothing back, ends
// nothing either: with replays, reflections and forged senders, and as a rival that
// answers IKE_SA_INIT with keys of its own, and then refuses, or is somebody else.
func TestReaderEndsNothing(t *testing.T) {
	t.Parallel()
	for name, rival := range map[string]func(*iketest.ResponderConfig){
		"that only replays": nil,
		"that refuses": func(r *iketest.ResponderConfig) {
			r.Refuse = map[wire.ExchangeType]wire.NotifyType{wire.ExchangeIKEAuth: wire.NotifyAuthenticationFailed}
		},
		"with a certificate of its own": func(*iketest.ResponderConfig) {},
		"with another name":             func(r *iketest.ResponderConfig) { r.Identity.Data = []byte("evil.example.com") },
		"that asks for a cookie":        func(r *iketest.ResponderConfig) { r.Cookie = true },
		"that wants another group": func(r *iketest.ResponderConfig) {
			r.IKE = suite.DefaultIKE()
			for i := range r.IKE {
				r.IKE[i].Group = []uint16{suite.GroupP384}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(3) {
				underAttack(t, seed, true, rival)
			}
		})
	}
}
