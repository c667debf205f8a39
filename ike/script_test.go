package ike

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/ike/auth"
	"github.com/homeward-vpn/homeward/ike/suite"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// The world of the tests in this package. Tests against a whole gateway are in
// package ike_test, on iketest; here a script plays the peer message by message,
// so that a test can see inside the Session and say exactly what arrives.
var (
	epoch      = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	clientAddr = netip.MustParseAddrPort("198.51.100.7:500")
	serverAddr = netip.MustParseAddrPort("203.0.113.5:500")
)

const scriptPSK = "a shared key of some length"

func seeded(seed uint64) *rand.ChaCha8 {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], seed)
	return rand.NewChaCha8(sha256.Sum256(b[:]))
}

// scriptConfig is a client with a shared key and the fastest algorithms.
func scriptConfig(seed uint64) Config {
	return Config{
		Rand: seeded(seed), Local: clientAddr, Remote: serverAddr,
		Identity: auth.Identity{Type: auth.IDFQDN, Data: []byte("client.example.com")},
		Client:   ClientPSK, Gateway: GatewayPSK,
		IKEProposals: []suite.Proposal{{
			Encryption: []suite.Transform{{ID: suite.ENCR_AES_GCM_16, KeyLen: 256}},
			PRF:        []uint16{suite.PRF_HMAC_SHA2_256},
			Group:      []uint16{suite.GroupX25519, suite.GroupP256},
		}},
		ChildProposals: []suite.Proposal{{
			Encryption: []suite.Transform{{ID: suite.ENCR_AES_GCM_16, KeyLen: 256}},
			Group:      []uint16{suite.GroupX25519, suite.GroupP256, suite.GroupNone},
			ESN:        []uint16{suite.ESNYes},
		}},
		LocalTS:     []wire.TrafficSelector{wire.AnyIPv4()},
		RemoteTS:    []wire.TrafficSelector{wire.AnyIPv4()},
		RequestIPv4: true, Liveness: -1, NATKeepalive: -1,
	}
}

// script is the peer of one Session, with the keys and without a will.
type script struct {
	t      testing.TB
	s      *Session
	now    time.Time
	rand   *rand.ChaCha8
	sent   []Datagram // drained datagrams, oldest first
	events []Event

	request, response []byte // IKE_SA_INIT
	spiI, spiR        wire.SPI
	ni, nr            []byte
	suite             suite.Proposal
	keys              *suite.Keys
	protector         *suite.Protector
	nextID            uint32         // of the peer's own requests
	childSPI          uint32         // inbound at the peer
	extras            []wire.Payload // more of IKE_SA_INIT's answer
	began             bool           // the IKE SA, by a rekey of its own
}

func newScript(t testing.TB, cfg Config) *script {
	t.Helper()
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return &script{t: t, s: s, now: epoch, rand: seeded(4711), childSPI: 0x11223344}
}

// do gives a command that must succeed.
func (p *script) do(c Command) {
	p.t.Helper()
	if err := p.s.Do(p.now, c); err != nil {
		p.t.Fatalf("%T: %v", c, err)
	}
	p.drain()
}

// deliver gives a datagram from the gateway's address.
func (p *script) deliver(data []byte) error {
	err := p.s.HandleDatagram(p.now, Datagram{Local: clientAddr, Remote: serverAddr, Data: data})
	p.drain()
	return err
}

// pass lets time go by, deadline by deadline.
func (p *script) pass(d time.Duration) error {
	end := p.now.Add(d)
	var all error
	for range 10000 {
		next := p.s.NextTimeout()
		if next.IsZero() || next.After(end) {
			p.now = end
			return all
		}
		p.now = next
		all = errors.Join(all, p.s.HandleTimeout(p.now))
		p.drain()
	}
	p.t.Fatal("time does not pass")
	return nil
}

func (p *script) drain() {
	for {
		if d, ok := p.s.PollTransmit(); ok {
			d.Data = append([]byte(nil), d.Data...)
			p.sent = append(p.sent, d)
		} else if e, ok := p.s.PollEvent(); ok {
			p.events = append(p.events, e)
		} else {
			return
		}
	}
}

// last is the datagram sent last.
func (p *script) last() Datagram {
	p.t.Helper()
	if len(p.sent) == 0 {
		p.t.Fatal("nothing was sent")
	}
	return p.sent[len(p.sent)-1]
}

// event finds the newest event of a type.
func event[E Event](p *script) (E, bool) {
	for i := len(p.events) - 1; i >= 0; i-- {
		if e, ok := p.events[i].(E); ok {
			return e, true
		}
	}
	var none E
	return none, false
}

// count counts the events of a type.
func count[E Event](p *script) int {
	n := 0
	for _, e := range p.events {
		if _, ok := e.(E); ok {
			n++
		}
	}
	return n
}

func (p *script) octets(n int) []byte {
	b := make([]byte, n)
	if err := readFull(p.rand, b); err != nil {
		p.t.Fatal(err)
	}
	return b
}

// initReply builds the answer to the IKE_SA_INIT request sent last, and takes
// the keys that come of it.
func (p *script) initReply() []byte {
	p.t.Helper()
	p.request = p.last().Data
	m, err := wire.ParseMessage(p.request)
	if err != nil {
		p.t.Fatal(err)
	}
	offer, _ := wire.Find[*wire.SAPayload](m.Payloads)
	ke, _ := wire.Find[*wire.KEPayload](m.Payloads)
	nonce, _ := wire.Find[*wire.NoncePayload](m.Payloads)
	policy := suite.PreferGroup(p.s.cfg.IKEProposals, ke.Group)
	chosen, number, _, err := suite.Select(policy, offer.Proposals, wire.ProtocolIKE)
	if err != nil {
		p.t.Fatal(err)
	}
	kx, err := suite.NewKeyExchange(ke.Group, p.rand)
	if err != nil {
		p.t.Fatal(err)
	}
	shared, err := kx.Shared(ke.Data)
	if err != nil {
		p.t.Fatal(err)
	}
	p.spiI, p.spiR = m.InitiatorSPI, wire.SPI(binary.BigEndian.Uint64(p.octets(8)))
	p.ni, p.nr, p.suite = nonce.Data, p.octets(32), chosen
	if p.keys, err = suite.DeriveKeys(chosen, shared, p.ni, p.nr, p.spiI, p.spiR); err != nil {
		p.t.Fatal(err)
	}
	if p.protector, err = suite.NewProtector(chosen, p.keys, false, p.rand); err != nil {
		p.t.Fatal(err)
	}
	answer := suite.ToWire([]suite.Proposal{chosen}, wire.ProtocolIKE, nil)
	answer[0].Number = number
	p.response = p.plain(p.spiR, append([]wire.Payload{
		&wire.SAPayload{Proposals: answer},
		&wire.KEPayload{Group: ke.Group, Data: kx.Public()},
		&wire.NoncePayload{Data: p.nr},
		&wire.NotifyPayload{NotifyType: wire.NotifyNATDetectionSourceIP, Data: natHash(p.spiI, p.spiR, serverAddr)},
		&wire.NotifyPayload{NotifyType: wire.NotifyNATDetectionDestinationIP, Data: natHash(p.spiI, p.spiR, clientAddr)},
		&wire.NotifyPayload{NotifyType: wire.NotifyFragmentationSupported},
	}, p.extras...)...)
	return p.response
}

// plain builds an IKE_SA_INIT response to the request sent last.
func (p *script) plain(responder wire.SPI, ps ...wire.Payload) []byte {
	h, err := wire.ParseHeader(p.last().Data)
	if err != nil {
		p.t.Fatal(err)
	}
	m := wire.Message{Header: wire.Header{
		InitiatorSPI: h.InitiatorSPI, ResponderSPI: responder, Version: wire.Version2,
		Exchange: wire.ExchangeIKESAInit, Flags: wire.FlagResponse,
	}, Payloads: ps}
	return m.Marshal()
}

func (p *script) header(kind wire.ExchangeType, id uint32, response bool) wire.Header {
	h := wire.Header{InitiatorSPI: p.spiI, ResponderSPI: p.spiR, Version: wire.Version2, Exchange: kind, MessageID: id}
	if response {
		h.Flags = wire.FlagResponse
	}
	if p.began {
		h.Flags |= wire.FlagInitiator
	}
	return h
}

// seal protects a message of the peer.
func (p *script) seal(kind wire.ExchangeType, id uint32, response bool, ps ...wire.Payload) []byte {
	p.t.Helper()
	b, err := p.protector.Seal(p.header(kind, id, response), ps)
	if err != nil {
		p.t.Fatal(err)
	}
	return b
}

// open takes the Session's message apart.
func (p *script) open(d Datagram) (wire.Header, []wire.Payload) {
	p.t.Helper()
	m, err := wire.ParseMessage(d.Data)
	if err != nil {
		p.t.Fatal(err)
	}
	first, plain, err := p.protector.Open(d.Data, m)
	if err != nil {
		p.t.Fatal(err)
	}
	ps, err := wire.ParseChain(first, plain)
	if err != nil {
		p.t.Fatal(err)
	}
	return m.Header, ps
}

// ask sends a request of the peer and gives the Session's answer.
func (p *script) ask(kind wire.ExchangeType, ps ...wire.Payload) ([]wire.Payload, error) {
	p.t.Helper()
	id := p.nextID
	p.nextID++
	before := len(p.sent)
	err := p.deliver(p.seal(kind, id, false, ps...))
	for _, d := range p.sent[before:] {
		h, bad := wire.ParseHeader(d.Data)
		if bad != nil || !h.Response() || h.MessageID != id {
			continue
		}
		_, answer := p.open(d)
		return answer, err
	}
	if err == nil {
		err = fmt.Errorf("no answer to %v", kind)
	}
	return nil, err
}

// reply answers the Session's request that was sent last.
func (p *script) reply(ps ...wire.Payload) error {
	p.t.Helper()
	h, err := wire.ParseHeader(p.last().Data)
	if err != nil {
		p.t.Fatal(err)
	}
	return p.deliver(p.seal(h.Exchange, h.MessageID, true, ps...))
}

var scriptIDr = auth.Identity{Type: auth.IDFQDN, Data: []byte("vpn.example.com")}

// authReply lists the payloads of a good last IKE_AUTH answer.
func (p *script) authReply() []wire.Payload {
	octets := auth.SignedOctets(p.response, p.ni, p.suite.PRF[0], p.keys.SK_pr, scriptIDr.Body())
	return []wire.Payload{
		scriptIDr.Payload(true),
		auth.PSKAuth(p.suite.PRF[0], suite.Secret(scriptPSK), octets),
		&wire.CPPayload{CFGType: wire.CFGReply, Attributes: []wire.ConfigAttribute{
			{Type: wire.InternalIP4Address, Value: []byte{10, 0, 0, 9}},
		}},
		&wire.SAPayload{Proposals: suite.ToWire([]suite.Proposal{{
			Encryption: p.s.cfg.ChildProposals[0].Encryption, ESN: []uint16{suite.ESNYes},
		}}, wire.ProtocolESP, spiBytes(p.childSPI))},
		&wire.TSPayload{Selectors: p.s.cfg.LocalTS},
		&wire.TSPayload{Responder: true, Selectors: p.s.cfg.RemoteTS},
	}
}

// toAuth goes as far as the first IKE_AUTH request.
func (p *script) toAuth() {
	p.t.Helper()
	p.do(Connect{})
	if err := p.deliver(p.initReply()); err != nil {
		p.t.Fatal(err)
	}
	q, ok := event[NeedPSK](p)
	if !ok {
		p.t.Fatal("no NeedPSK")
	}
	p.do(PSK{ID: q.ID, Key: []byte(scriptPSK)})
}

// establish goes all the way.
func (p *script) establish() {
	p.t.Helper()
	p.toAuth()
	if err := p.reply(p.authReply()...); err != nil {
		p.t.Fatal(err)
	}
	if p.s.phase != phaseEstablished {
		p.t.Fatal("not established")
	}
}

// established makes a Session that stands.
func established(t testing.TB, cfg Config) *script {
	t.Helper()
	p := newScript(t, cfg)
	p.establish()
	return p
}

// wantDrop checks the first third of the error contract.
func wantDrop(t testing.TB, err error, reason DropReason) {
	t.Helper()
	var d *DropError
	if !errors.As(err, &d) || d.Reason != reason {
		t.Fatalf("got %v, want a datagram dropped as %q", err, reason)
	}
}

// wantTold checks the second third.
func wantTold(t testing.TB, err error, notify wire.NotifyType) {
	t.Helper()
	var n *NotifyError
	if !errors.As(err, &n) || n.Type != notify {
		t.Fatalf("got %v, want the peer told %v", err, notify)
	}
}

// wantFatal checks the last third, and that Closed says the same.
func wantFatal(t testing.TB, p *script, err error, cause Cause) {
	t.Helper()
	var f *Failure
	if err == nil && p.s.phase == phaseConnecting { // of who has proven nothing it is only a hint
		err = p.pass(rivalWait)
	}
	if !errors.As(err, &f) || f.Cause != cause {
		t.Fatalf("got %v, want a failure with cause %q", err, cause)
	}
	if err := p.pass(closeWait); err != nil {
		t.Fatalf("while closing: %v", err)
	}
	c, ok := event[Closed](p)
	if !ok || c.Failure == nil || c.Failure.Cause != cause {
		t.Fatalf("Closed is %+v, want cause %q", c.Failure, cause)
	}
	if _, last := p.events[len(p.events)-1].(Closed); !last || count[Closed](p) != 1 {
		t.Fatal("Closed is not the last event, or came twice")
	}
	if !p.s.NextTimeout().IsZero() {
		t.Fatal("a closed session still has a timer")
	}
}
