package ike

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"time"

	"github.com/homeward-vpn/homeward/ike/wire"
)

// Message ID synchronisation (RFC 6311): a gateway of several machines has lost
// one, and the next knows the IKE SA but not how far its message IDs are.
//
//	<-- INFORMATIONAL, message ID 0 { N(IKEV2_MESSAGE_ID_SYNC: nonce, M1, P1) }
//	--> INFORMATIONAL, message ID 0 { N(IKEV2_MESSAGE_ID_SYNC: nonce, P2, M2) }
//
// M1 is what the gateway will send next, and P1 what it believes that we will. We
// answer with what we will send next, P2, and expect next, M2. A request of ours
// that is under way goes out anew, as P2. Anybody can send again what he has
// heard, so that M1 must be beyond all that has been seen.
//
// The replay counters of Child SAs are not synchronised here, which we say by not
// announcing it: a gateway then jumps ahead on its own side (RFC 6311 5.2).

// syncLen is the length of the notification's data: three times four octets.
const syncLen = 12

// synchronised is the last message ID synchronisation of an IKE SA.
type synchronised struct {
	request  []byte // as it was on the wire; nil: none yet
	response [][]byte
	m1       uint32
}

// maySync says whether a message can be a synchronisation, from its header.
func (sa *ikeSA) maySync(h wire.Header) bool {
	return sa.syncs && h.MessageID == 0 && h.Exchange == wire.ExchangeInformational && !h.Response()
}

// synchronise takes an authentic message that may be one; not so, where it has
// no such notification.
func (s *Session) synchronise(now time.Time, r received, first wire.PayloadType, plain []byte) (so bool, err error) {
	ps, err := wire.ParseChain(first, plain)
	if err != nil {
		return false, nil // whoever takes it otherwise will find that out
	}
	n, ok := wire.Notify(ps, wire.NotifyMessageIDSync)
	if !ok {
		return false, nil
	}
	if len(n.Data) != syncLen {
		return true, dropped(DropMalformed, errors.New("message id synchronisation of a wrong length"))
	}
	w, last := &r.sa.window, &r.sa.synced
	m1, p1 := binary.BigEndian.Uint32(n.Data[4:]), binary.BigEndian.Uint32(n.Data[8:])
	if m1 == math.MaxUint32 || p1 == math.MaxUint32 {
		return true, dropped(DropMalformed, errNoMessageID)
	}
	if bytes.Equal(last.request, r.from.Data) && w.expected == last.m1 {
		s.send(s.backTo(r.from), last.response) // nothing has come since: the answer was lost
		return true, nil
	}
	if m1 < w.expected || last.request != nil && m1 <= last.m1 {
		return true, dropped(DropDuplicate, errors.New("message id synchronisation of an earlier time"))
	}
	s.heard(now, r)
	w.expected, w.response = m1, nil
	w.requests.reset()
	w.next = max(w.next, p1)
	return true, s.answerSync(now, r, n.Data[:4], m1)
}

// answerSync tells the gateway where we are, and asks again what it may not have
// heard.
func (s *Session) answerSync(now time.Time, r received, nonce []byte, m1 uint32) error {
	data := binary.BigEndian.AppendUint32(bytes.Clone(nonce), r.sa.window.next)
	data = binary.BigEndian.AppendUint32(data, r.sa.window.expected)
	packet, err := r.sa.protector.Seal(r.sa.header(wire.ExchangeInformational, 0, true), []wire.Payload{
		&wire.NotifyPayload{NotifyType: wire.NotifyMessageIDSync, Data: data},
	})
	if err != nil {
		return internal(err)
	}
	r.sa.synced = synchronised{request: bytes.Clone(r.from.Data), response: [][]byte{packet}, m1: m1}
	s.send(s.backTo(r.from), r.sa.synced.response)
	return s.reissue(now, r.sa)
}

// reissue sends the request under way anew, under the next message ID.
func (s *Session) reissue(now time.Time, sa *ikeSA) error {
	w := &sa.window
	old, e := w.request, w.exchange
	if old == nil || old.payloads == nil {
		return nil
	}
	w.request = nil
	if _, ok := w.begin(old.kind, e); !ok {
		return broken(errNoMessageID)
	}
	t := w.request
	t.pace, t.payloads, t.path = old.pace, old.payloads, s.path
	var err error
	if t.packets, err = s.sealRequest(sa, t, e, t.payloads); err != nil {
		return internal(err)
	}
	return s.retransmit(now, sa.id)
}
