package iketest

import (
	"bytes"
	"cmp"
	"slices"
	"time"

	"github.com/homeward-vpn/homeward/ike/suite"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// ikeSA is one IKE SA of the gateway, with its window of one request each way
// (RFC 7296 2.3).
type ikeSA struct {
	r             *Responder
	serial        int
	local, remote wire.SPI // ours and the client's
	initiator     bool     // we began it, by a rekey: our SPI is SPIi
	proposal      suite.Proposal
	keys          *suite.Keys
	protector     *suite.Protector
	fragments     bool
	path          Packet // addresses of the newest request, or those that MOBIKE agreed on; From is ours
	arrived       Packet // the newest request's, as it came
	mobike        bool   // both ends have said so
	mangled       bool   // IKE_AUTH came with other addresses than it left with

	hs          *handshake // until IKE_AUTH is over
	established bool
	closing     bool // a Delete of it is under way
	heir        *ikeSA
	replaced    bool // another IKE SA has taken over; it waits to be deleted

	expected uint32            // message ID of the client's next request
	answer   []Packet          // to the request before
	again    func() []Packet   // seals that answer anew
	repeats  int               // how often it has been asked for again
	seen     map[uint64][]byte // the client's messages, to hold repetitions against
	requests assembly
	replies  assembly

	next    uint32      // message ID of our next request
	request *ownRequest // under way
	queue   []*ownRequest
	rekey   *rekeyIKE // our rekey of this IKE SA under way
	forget  time.Time // when it goes without a word; zero: never

	wantGroup uint16 // for INVALID_KE_PAYLOAD

	inside      []byte // of the request that is being served
	insideFirst wire.PayloadType
	before      *suite.Protector // of the keys before the last IKE_INTERMEDIATE

	sync *messageIDSync // the last one

	followups map[string]*followup // by the link that the client is to send
	links     map[string]bool      // all that were given
}

// ownRequest is a request that the gateway makes.
type ownRequest struct {
	exchange wire.ExchangeType
	stays    bool                               // with its IKE SA, whatever takes over
	build    func(now time.Time) []wire.Payload // nil: there is nothing to ask any more
	reply    func(now time.Time, payloads []wire.Payload)
	id       uint32
	packets  []Packet
	again    func() []Packet // seals it anew
	tries    int
	at       time.Time
}

// The gateway's schedule for requests of its own (RFC 7296 2.1).
const (
	firstWait = time.Second
	lastTry   = 11
)

func (sa *ikeSA) spiI() wire.SPI {
	if sa.initiator {
		return sa.local
	}
	return sa.remote
}

func (sa *ikeSA) spiR() wire.SPI {
	if sa.initiator {
		return sa.remote
	}
	return sa.local
}

func (sa *ikeSA) setKeys(keys *suite.Keys) error {
	p, err := suite.NewProtector(sa.proposal, keys, sa.initiator, sa.r.cfg.Rand)
	if err != nil {
		return err
	}
	sa.keys, sa.protector = keys, p
	return nil
}

// handle takes a message of this IKE SA: authenticate, put together, place in
// the window, then serve.
func (sa *ikeSA) handle(now time.Time, p Packet, m *wire.Message) {
	first, plain, err := sa.protector.Open(p.Data, m)
	if err != nil && sa.repeatedBefore(now, p, m) {
		return
	}
	if err != nil {
		sa.r.trace(now, "   x %s: %v", describe(p), err)
		return
	}
	sa.check(now, p, m)
	if f, ok := m.Payloads[len(m.Payloads)-1].(*wire.EncryptedFragment); ok {
		collect := &sa.requests
		if m.Response() {
			collect = &sa.replies
		}
		if !m.Response() && m.MessageID+1 == sa.expected {
			// RFC 7383 2.6.1: only the first fragment repeats the answer.
			if f.Number == 1 {
				sa.repeat(now, p)
			}
			return
		}
		if first, plain, ok = collect.add(m.MessageID, f, first, plain); !ok {
			return
		}
	}
	if m.Response() {
		sa.handleResponse(now, m, first, plain)
		return
	}
	switch {
	case m.MessageID+1 == sa.expected:
		sa.repeat(now, p)
	case m.MessageID == sa.expected:
		payloads, err := wire.ParseChain(first, plain)
		if err != nil {
			sa.r.complain(now, "%s: %v", describe(p), err)
			return
		}
		sa.r.holdForm(now, m.Header, inside(m.Header, first, plain))
		sa.inside, sa.insideFirst = plain, first
		sa.handleRequest(now, p, m.Header, payloads)
	case m.MessageID > sa.expected:
		sa.r.complain(now, "%s outside the window, which is at %d (RFC 7296 2.3)", describe(p), sa.expected)
	}
}

// check holds an authentic message against the rules that a client can break
// without being noticed: flags, ports and identical repetitions.
func (sa *ikeSA) check(now time.Time, p Packet, m *wire.Message) {
	sa.r.holdForm(now, m.Header, formOf(p.Data))
	want := wire.FlagInitiator
	if sa.initiator {
		want = 0
	}
	if m.Response() {
		want |= wire.FlagResponse
	}
	if m.Flags != want {
		sa.r.complain(now, "%s with flags %#x, want %#x (RFC 7296 3.1)", describe(p), uint8(m.Flags), uint8(want))
	}
	if !p.Encap {
		sa.r.complain(now, "%s outside UDP encapsulation, though ESP needs it", describe(p))
	}
	number := uint64(0)
	if f, ok := wire.Find[*wire.EncryptedFragment](m.Payloads); ok {
		// A message that is cut anew is told by its total (RFC 7383 2.6).
		number = uint64(f.Total)<<8 | uint64(f.Number)
	}
	key := uint64(m.MessageID)<<32 | uint64(m.Flags&wire.FlagResponse)<<24 | number
	if before, ok := sa.seen[key]; !ok {
		if sa.seen == nil {
			sa.seen = map[uint64][]byte{}
		}
		sa.seen[key] = bytes.Clone(p.Data)
	} else if !bytes.Equal(before, p.Data) {
		sa.r.complain(now, "%s repeated with other octets (RFC 7296 2.1)", describe(p))
	}
}

// repeat sends the last answer once more, as it was.
func (sa *ikeSA) repeat(now time.Time, p Packet) {
	sa.r.trace(now, "   = %s repeated", describe(p))
	sa.recutAnswer(now)
	for _, out := range sa.answer {
		out.From, out.To = p.To, p.From
		sa.r.send(out)
	}
}

// handleRequest serves the client's next request and answers it.
func (sa *ikeSA) handleRequest(now time.Time, p Packet, h wire.Header, payloads []wire.Payload) {
	x := &Exchange{Header: h, Request: payloads}
	if sa.r.cfg.OnRequest != nil && !sa.r.cfg.OnRequest(x) {
		sa.r.trace(now, "   x %s ignored by the test", describe(p))
		return
	}
	sa.r.trace(now, "--> %v %d { %s }", h.Exchange, h.MessageID, wire.Describe(payloads))
	sa.r.Received[h.Exchange]++
	sa.arrived = Packet{From: p.From, To: p.To}
	back := Packet{From: p.To, To: p.From, Encap: p.Encap}
	if !sa.mobike {
		sa.path = back
	}
	sa.expected = h.MessageID + 1

	var after func()
	if n, ok := sa.r.refusal(h.Exchange); ok {
		x.Response = []wire.Payload{notify(n)}
		if h.Exchange == wire.ExchangeIKEAuth {
			after = func() { sa.drop() }
		}
	} else {
		x.Response, after = sa.serve(now, x)
		x.Response = sa.mobile(now, back, x, x.Response)
	}
	if sa.r.cfg.OnReply != nil {
		sa.r.cfg.OnReply(x)
	}
	flags := wire.FlagResponse
	if sa.initiator {
		flags |= wire.FlagInitiator
	}
	sa.r.trace(now, "<-- %v %d { %s }", h.Exchange, h.MessageID, wire.Describe(x.Response))
	sa.answer = sa.seal(now, h.Exchange, flags, h.MessageID, x.Response)
	for i := range sa.answer { // to where the request came from (RFC 7296 2.11)
		sa.answer[i].From, sa.answer[i].To, sa.answer[i].Encap = back.From, back.To, back.Encap
	}
	sa.repeats, sa.again = 0, func() []Packet { return sa.seal(now, h.Exchange, flags, h.MessageID, x.Response) }
	for _, out := range sa.answer {
		sa.r.send(out)
	}
	if after != nil {
		after()
	}
	sa.start(now)
}

// serve finds who answers an exchange. after runs once the answer is sealed.
func (sa *ikeSA) serve(now time.Time, x *Exchange) (payloads []wire.Payload, after func()) {
	switch {
	case x.Header.Exchange == wire.ExchangeIntermediate && sa.hs != nil && len(sa.hs.methods) > 0:
		return sa.intermediate(now, x)
	case x.Header.Exchange == wire.ExchangeIKEAuth && sa.hs != nil && len(sa.hs.methods) > 0:
		sa.r.complain(now, "IKE_AUTH before all key exchanges are made (RFC 9370 2.2.2)")
		return sa.refuse()
	case x.Header.Exchange == wire.ExchangeIKEAuth && !sa.established:
		return sa.authenticate(now, x.Request)
	case x.Header.Exchange == wire.ExchangeCreateChildSA && sa.established:
		return sa.createChild(now, x.Request)
	case x.Header.Exchange == wire.ExchangeFollowupKE && sa.established:
		return sa.answerFollowup(now, x.Request)
	case x.Header.Exchange == wire.ExchangeInformational:
		// Before IKE_AUTH is over too: the client may have found that the
		// gateway is not who it should be (RFC 7296 2.21.2).
		return sa.inform(now, x.Request)
	}
	sa.r.complain(now, "%v is out of place", x.Header.Exchange)
	return []wire.Payload{notify(wire.NotifyInvalidSyntax)}, nil
}

// seal makes the packets of one message.
func (sa *ikeSA) seal(now time.Time, e wire.ExchangeType, flags wire.Flags, id uint32, payloads []wire.Payload) []Packet {
	limit := wire.MaxMessageLen
	if sa.fragments {
		limit = sa.r.fragmentSize
	}
	raw, err := sa.protector.SealFragments(wire.Header{
		InitiatorSPI: sa.spiI(), ResponderSPI: sa.spiR(), Exchange: e, Flags: flags, MessageID: id,
	}, payloads, limit)
	if err != nil {
		sa.r.complain(now, "sealing: %v", err)
		return nil
	}
	var out []Packet
	for _, b := range raw {
		p := sa.path
		p.Data = b
		out = append(out, p)
	}
	return out
}

// ask queues a request of the gateway.
func (sa *ikeSA) ask(now time.Time, q *ownRequest) {
	sa.queue = append(sa.queue, q)
	sa.start(now)
}

// start sends the next queued request if the window is free.
func (sa *ikeSA) start(now time.Time) {
	for sa.request == nil && len(sa.queue) > 0 && sa.r.sas[sa.local] == sa {
		q := sa.queue[0]
		sa.queue = sa.queue[1:]
		payloads := q.build(now)
		if payloads == nil {
			continue
		}
		if sa.r.cfg.OnAsk != nil {
			payloads = sa.r.cfg.OnAsk(q.exchange, payloads)
		}
		flags := wire.Flags(0)
		if sa.initiator {
			flags = wire.FlagInitiator
		}
		q.id = sa.next
		sa.next++
		sa.r.trace(now, "<-- %v request %d { %s }", q.exchange, q.id, wire.Describe(payloads))
		q.packets = sa.seal(now, q.exchange, flags, q.id, payloads)
		q.again = func() []Packet { return sa.seal(now, q.exchange, flags, q.id, payloads) }
		sa.request = q
		sa.transmit(now, q)
	}
}

func (sa *ikeSA) transmit(now time.Time, q *ownRequest) {
	for _, p := range q.packets {
		p.From, p.To = sa.path.From, sa.path.To
		sa.r.send(p)
	}
	q.at = now.Add(firstWait << min(q.tries, 4))
	q.tries++
}

func (sa *ikeSA) deadline() time.Time {
	if sa.request == nil {
		return sa.forget
	}
	return sa.request.at
}

// forgetAfter is how long a redundant IKE SA waits for its Delete. Its maker
// may never hear of it, if our answer is late (RFC 7296 2.8.2).
const forgetAfter = time.Minute

// timeout repeats our request, or gives the IKE SA up (RFC 7296 2.4).
func (sa *ikeSA) timeout(now time.Time) {
	if sa.request == nil {
		sa.r.trace(now, "   gateway forgets IKE SA %v/%v", sa.spiI(), sa.spiR())
		sa.drop()
		return
	}
	if sa.request.tries >= cmp.Or(sa.r.cfg.Tries, lastTry) {
		sa.r.trace(now, "   gateway gives up: no answer to request %d", sa.request.id)
		sa.r.Dead++
		sa.drop()
		return
	}
	sa.r.trace(now, "<-- %v request %d again", sa.request.exchange, sa.request.id)
	sa.recutRequest(now)
	sa.transmit(now, sa.request)
}

// handleResponse ends our request under way.
func (sa *ikeSA) handleResponse(now time.Time, m *wire.Message, first wire.PayloadType, plain []byte) {
	if sa.takeSync(now, m, first, plain) {
		return
	}
	if sa.request == nil || m.MessageID != sa.request.id || m.Exchange != sa.request.exchange {
		if m.MessageID >= sa.next {
			sa.r.complain(now, "answer %d to a request that was never made", m.MessageID)
		}
		return
	}
	payloads, err := wire.ParseChain(first, plain)
	if err != nil {
		sa.r.complain(now, "answer %d: %v", m.MessageID, err)
		return
	}
	sa.r.trace(now, "--> %v response %d { %s }", m.Exchange, m.MessageID, wire.Describe(payloads))
	sa.r.holdForm(now, m.Header, inside(m.Header, first, plain))
	q := sa.request
	sa.request = nil
	if q.reply != nil {
		q.reply(now, payloads)
	}
	sa.start(now)
}

// drop forgets the IKE SA and its Child SAs. Child SAs that have moved to
// another IKE SA are not its own any more.
func (sa *ikeSA) drop() {
	delete(sa.r.sas, sa.local)
	for spi, c := range sa.r.children {
		if c.sa == sa {
			delete(sa.r.children, spi)
		}
	}
}

// assembly puts fragments together (RFC 7383 2.6).
type assembly struct {
	id    uint32
	parts [][]byte
	first wire.PayloadType
}

func (a *assembly) add(id uint32, f *wire.EncryptedFragment, first wire.PayloadType, plain []byte) (wire.PayloadType, []byte, bool) {
	if a.parts == nil || a.id != id || len(a.parts) < int(f.Total) {
		a.id, a.parts = id, make([][]byte, f.Total)
	}
	if len(a.parts) != int(f.Total) {
		return 0, nil, false
	}
	if f.Number == 1 {
		a.first = first
	}
	a.parts[f.Number-1] = append([]byte{}, plain...)
	if slices.ContainsFunc(a.parts, func(b []byte) bool { return b == nil }) {
		return 0, nil, false
	}
	whole := slices.Concat(a.parts...)
	a.parts = nil
	return a.first, whole, true
}
