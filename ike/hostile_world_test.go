package ike

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/ike/wire"
)

// The hostile peer: a table of named misbehaviours. Each row says who does it, at
// which moment of a Session's life, and what comes of it; the runner holds the
// Session against that, and against bounds of memory, datagrams and time. The rows
// stand in hostile_init_test.go, hostile_auth_test.go, hostile_live_test.go and
// hostile_storm_test.go.

// culprit is who misbehaves.
type culprit uint8

const (
	injector culprit = iota // has no keys, but knows addresses, ports and SPIs
	gateway                 // whoever stands at the other end of the IKE SA
)

// moment is how far the Session is when it happens.
type moment uint8

const (
	whileReaching  moment = iota // IKE_SA_INIT sent
	whileProving                 // IKE_AUTH sent
	whileConnected               // established
)

func (m moment) String() string { return [...]string{"init", "auth", "live"}[m] }

// fate is what a misbehaviour must come to.
type fate struct {
	class  string // "dropped", "told", "fatal", or "served": nothing is wrong with it
	reason DropReason
	notify wire.NotifyType
	cause  Cause
}

func drops(r DropReason) fate       { return fate{class: "dropped", reason: r} }
func tells(n wire.NotifyType) fate  { return fate{class: "told", notify: n} }
func ends(c Cause) fate             { return fate{class: "fatal", cause: c} }
func (f fate) matches(e error) bool { return f.mismatch(e) == nil }

var serves = fate{class: "served"}

// mismatch says in what an error is not this fate.
func (f fate) mismatch(err error) error {
	var drop *DropError
	var told *NotifyError
	var fatal *Failure
	ok := false
	switch f.class {
	case "dropped":
		ok = errors.As(err, &drop) && (f.reason == "" || drop.Reason == f.reason)
	case "told":
		ok = errors.As(err, &told) && told.Type == f.notify
	case "fatal":
		ok = errors.As(err, &fatal) && fatal.Cause == f.cause
	default:
		ok = err == nil
	}
	if ok {
		return nil
	}
	return fmt.Errorf("got %v, want %s %s%s (%v)", err, f.class, f.reason, f.cause, f.notify)
}

// misbehaviour is one row.
type misbehaviour struct {
	name  string
	by    culprit
	when  moment
	want  fate
	setup func(*Config)
	// extras stand in the gateway's own answer to IKE_SA_INIT.
	extras []wire.Payload
	// act does it and gives what came of the decisive input.
	act func(h *hostile) error
	// datagrams is how many may go out beyond one for each that came in; 0: 16.
	datagrams int
	// lasts is how long it may take in virtual time; 0: ten minutes.
	lasts time.Duration
}

// What a Session may weigh while it is under attack, and how much of that a row may add
// for the messages of up to 64 KiB that the bounds of doc.go allow it to hold.
const mostWeight = 640 << 10

// hostile is the world of one row.
type hostile struct {
	*script
	first    Datagram // our first IKE_SA_INIT
	inputs   int
	heaviest int
}

// deliver counts and weighs.
func (h *hostile) deliver(data []byte) error { return h.deliverFrom(serverAddr, data) }

// deliverFrom delivers from any address. The octets are only lent, and are others
// afterwards.
func (h *hostile) deliverFrom(from netip.AddrPort, data []byte) error {
	lent := bytes.Clone(data)
	err := h.s.HandleDatagram(h.now, Datagram{Local: clientAddr, Remote: from, Data: lent})
	for i := range lent {
		lent[i] = 0xdb
	}
	h.drain()
	h.inputs++
	if h.inputs < 64 || h.inputs%256 == 0 {
		h.weigh()
	}
	return err
}

func (h *hostile) weigh() { h.heaviest = max(h.heaviest, weight(h.s)) }

// each delivers many datagrams, all of which must come to the same, and gives the
// last error.
func (h *hostile) each(want fate, datagrams ...[]byte) (err error) {
	h.t.Helper()
	for i, d := range datagrams {
		if err = h.deliver(d); !want.matches(err) {
			h.t.Fatalf("datagram %d of %d, %x: %v", i, len(datagrams), d[:min(len(d), 64)], want.mismatch(err))
		}
	}
	return err
}

// tell sends a protected request of the gateway.
func (h *hostile) tell(kind wire.ExchangeType, ps ...wire.Payload) error {
	id := h.nextID
	h.nextID++
	return h.deliver(h.seal(kind, id, false, ps...))
}

// inform sends a protected INFORMATIONAL of the gateway.
func (h *hostile) inform(ps ...wire.Payload) error { return h.tell(wire.ExchangeInformational, ps...) }

// respond answers our request that was sent last.
func (h *hostile) respond(ps ...wire.Payload) error {
	h.t.Helper()
	return h.deliver(h.answer(ps...))
}

// answer is the octets of that.
func (h *hostile) answer(ps ...wire.Payload) []byte {
	h.t.Helper()
	q := h.request()
	return h.seal(q.Exchange, q.MessageID, true, ps...)
}

// request is the header of our protected request that was sent last.
func (h *hostile) request() wire.Header {
	h.t.Helper()
	for i := len(h.sent) - 1; i >= 0; i-- {
		q, err := wire.ParseHeader(h.sent[i].Data)
		if err == nil && !q.Response() && q.ResponderSPI == h.spiR && h.spiR != 0 {
			return q
		}
	}
	h.t.Fatal("we have sent no request")
	return wire.Header{}
}

// parts are the fragments of one message of the gateway, of at most room octets each.
func (h *hostile) parts(kind wire.ExchangeType, id uint32, response bool, room int, ps ...wire.Payload) [][]byte {
	h.t.Helper()
	out, err := h.protector.SealFragments(h.header(kind, id, response), ps, room)
	if err != nil {
		h.t.Fatal(err)
	}
	return out
}

// fragment is one authentic fragment of any number and total (RFC 7383 2.5), which no
// honest sealer makes: AES-GCM with the gateway's key (RFC 5282 3).
func (h *hostile) fragment(kind wire.ExchangeType, id uint32, response bool, number, total uint16, plain []byte) []byte {
	h.t.Helper()
	const salt, iv, icv = 4, 8, 16
	key := h.keys.SK_er
	block, err := aes.NewCipher(key[:len(key)-salt])
	if err != nil {
		h.t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		h.t.Fatal(err)
	}
	body := append(h.octets(iv), make([]byte, len(plain)+1+icv)...)
	m := wire.Message{Header: h.header(kind, id, response), Payloads: []wire.Payload{&wire.EncryptedFragment{Number: number, Total: total, Body: body}}}
	b := m.Marshal()
	head := b[:len(b)-len(body)]
	nonce := append(bytes.Clone(key[len(key)-salt:]), body[:iv]...)
	return gcm.Seal(b[:len(head)+iv], nonce, append(bytes.Clone(plain), 0), head)
}

// raw is a message without protection, with the SPIs and the flags of one of the gateway.
func (h *hostile) raw(kind wire.ExchangeType, id uint32, response bool, ps ...wire.Payload) []byte {
	m := wire.Message{Header: h.header(kind, id, response), Payloads: ps}
	return m.Marshal()
}

// reach brings a Session to a moment.
func (m misbehaviour) reach(t *testing.T) *hostile {
	cfg := scriptConfig(1)
	if m.setup != nil {
		m.setup(&cfg)
	}
	h := &hostile{script: newScript(t, cfg)}
	h.extras = m.extras
	switch m.when {
	case whileReaching:
		h.do(Connect{})
	case whileProving:
		h.do(Connect{})
		if err := h.script.deliver(h.initReply()); err != nil {
			t.Fatal(err)
		}
		if q, ok := event[NeedPSK](h.script); ok {
			h.do(PSK{ID: q.ID, Key: []byte(scriptPSK)})
		}
	case whileConnected:
		h.establish()
	}
	h.first = h.sent[0]
	return h
}

// run plays one row.
func (m misbehaviour) run(t *testing.T) {
	t.Parallel()
	h := m.reach(t)
	sent, began, received := len(h.sent), h.now, h.s.Counters().Received
	err := m.act(h)
	h.weigh()
	if err == nil && m.want.class == "fatal" && h.s.init != nil {
		err = h.pass(rivalWait) // who has proven nothing may be a rival of the gateway's
	}
	if bad := m.want.mismatch(err); bad != nil {
		t.Fatal(bad)
	}
	inputs := int(h.s.Counters().Received - received)
	most := m.datagrams
	if most == 0 {
		most = 16
	}
	if m.by == gateway { // to whom every request is answered once
		most += inputs
	}
	if n := len(h.sent) - sent; n > most {
		t.Errorf("%d datagrams went out for %d that came in, want at most %d", n, inputs, most)
	}
	if h.heaviest > mostWeight {
		t.Errorf("the Session weighed %d octets", h.heaviest)
	}
	lasts := m.lasts
	if lasts == 0 {
		lasts = 10 * time.Minute
	}
	if d := h.now.Sub(began); d > lasts {
		t.Errorf("it took %v", d)
	}
	if m.want.class == "fatal" {
		wantFatal(t, h.script, err, m.want.cause)
	} else {
		h.goesOn(m)
	}
	if w := weight(h.s); w > 64<<10 {
		t.Errorf("closed, the Session weighs %d octets", w)
	}
}

// goesOn wants that the attempt succeeds, or that the line stands, and that it ends in
// order.
func (h *hostile) goesOn(m misbehaviour) {
	h.t.Helper()
	if m.when == whileReaching && h.s.phase == phaseConnecting {
		h.sent = append(h.sent, h.first) // it is this one that the gateway has, and answers
		if err := h.deliver(h.initReply()); err != nil {
			h.t.Fatalf("the gateway's own answer is not taken any more: %v", err)
		}
		h.toPSK()
	}
	if m.when != whileConnected && h.s.phase == phaseConnecting {
		if err := h.respond(h.authReply()...); err != nil {
			h.t.Fatalf("the attempt came to an end: %v", err)
		}
	}
	if h.s.phase != phaseEstablished || count[Closed](h.script) != 0 {
		h.t.Fatalf("in phase %d, with %d Closed", h.s.phase, count[Closed](h.script))
	}
	if m.when != whileConnected {
		h.nextID = h.s.current.window.expected
	}
	h.lives()
	h.do(Delete{})
	if err := h.pass(closeWait); err != nil {
		h.t.Errorf("while closing: %v", err)
	}
	if h.s.phase != phaseClosed || count[Closed](h.script) != 1 || !h.s.NextTimeout().IsZero() {
		h.t.Errorf("ends in phase %d with %d Closed", h.s.phase, count[Closed](h.script))
	}
}

// lives wants that each end is answered by the other.
func (h *hostile) lives() {
	h.t.Helper()
	if t := h.s.current.window.request; t == nil {
		h.do(CheckLiveness{})
	}
	if h.s.current.remoteSPI == h.spiR || h.s.current.localSPI == h.spiR {
		for range 4 { // whatever is under way or queued first
			if h.s.current.window.request == nil {
				break
			}
			if err := h.respond(); err != nil {
				h.t.Fatalf("our own request: %v", err)
			}
		}
		before := len(h.sent)
		if err := h.inform(); err != nil || len(h.sent) == before {
			h.t.Fatalf("the gateway's own request: %v, %d answers", err, len(h.sent)-before)
		}
	}
	if len(h.s.children) == 0 {
		h.t.Error("no Child SA is left")
	}
}

// hostileTable is all rows.
func hostileTable() []misbehaviour {
	var all []misbehaviour
	for _, rows := range [][]misbehaviour{
		hostileInit(), hostileKeys(), hostileProving(), hostileGateway(), hostileLive(), hostileRequests(), hostileStorms(),
	} {
		all = append(all, rows...)
	}
	return all
}

// RFC 7296 2.4, 2.21, 2.25 and the others that the rows name: nothing that a hostile
// peer does makes a Session do more than it must.
func TestHostilePeer(t *testing.T) {
	t.Parallel()
	all := hostileTable()
	seen := map[string]bool{}
	for _, m := range all {
		name := m.when.String() + " " + m.name
		if seen[name] {
			t.Errorf("two misbehaviours are called %q", name)
		}
		seen[name] = true
		t.Run(name, m.run)
	}
	const least = 60
	if len(seen) < least {
		t.Errorf("%d misbehaviours, want at least %d", len(seen), least)
	}
	t.Logf("%d misbehaviours", len(seen))
}

// weight is how many octets hang on a Session, as far as Go's reflection sees: what its
// configuration and logger hold does not count, nor do closures.
func weight(s *Session) int {
	v := reflect.ValueOf(s).Elem()
	seen := map[uintptr]bool{}
	n := 0
	for i := range v.NumField() {
		if name := v.Type().Field(i).Name; name != "cfg" && name != "log" {
			n += hangsOn(v.Field(i), seen)
		}
	}
	return n
}

// hangsOn is what a value refers to, and its own size.
func hangsOn(v reflect.Value, seen map[uintptr]bool) int {
	size := int(v.Type().Size())
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() || seen[v.Pointer()] {
			return size
		}
		seen[v.Pointer()] = true
		return size + hangsOn(v.Elem(), seen)
	case reflect.Interface:
		if v.IsNil() {
			return size
		}
		return size + hangsOn(v.Elem(), seen)
	case reflect.String:
		return size + v.Len()
	case reflect.Slice:
		if v.IsNil() || v.Cap() == 0 || seen[v.Pointer()] {
			return size
		}
		seen[v.Pointer()] = true
		each := int(v.Type().Elem().Size())
		n := size + v.Cap()*each
		if k := v.Type().Elem().Kind(); k == reflect.Uint8 || k == reflect.Uint16 {
			return n
		}
		for i := range v.Len() {
			n += hangsOn(v.Index(i), seen) - each
		}
		return n
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			size += hangsOn(it.Key(), seen) + hangsOn(it.Value(), seen)
		}
		return size
	case reflect.Struct:
		n := 0
		for i := range v.NumField() {
			n += hangsOn(v.Field(i), seen)
		}
		return max(n, size)
	case reflect.Array:
		if v.Len() == 0 || v.Type().Elem().Kind() <= reflect.Complex128 {
			return size
		}
		n := 0
		for i := range v.Len() {
			n += hangsOn(v.Index(i), seen)
		}
		return n
	}
	return size
}
