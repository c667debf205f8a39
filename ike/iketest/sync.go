package iketest

import (
	"bytes"
	"encoding/binary"
	"time"

	"github.com/homeward-vpn/homeward/ike/wire"
)

// Message ID synchronisation (RFC 6311), as the machine of a cluster does that
// takes over.

// MessageIDs are the next message IDs of one end's requests and of the other's.
type MessageIDs struct{ Send, Receive uint32 }

// messageIDSync is one synchronisation.
type messageIDSync struct {
	nonce   []byte
	packets []Packet
	done    bool
}

// MessageIDs are the gateway's own of the IKE SA that stands.
func (r *Responder) MessageIDs() MessageIDs {
	sa := r.current()
	return MessageIDs{sa.next, sa.expected}
}

// SyncMessageIDs makes the gateway forget what it knew of message IDs, believe
// these, and ask its client.
func (r *Responder) SyncMessageIDs(now time.Time, ids MessageIDs) {
	sa := r.current()
	sa.next, sa.expected, sa.seen, sa.answer = ids.Send, ids.Receive, nil, nil
	sa.sync = &messageIDSync{nonce: octets(r.cfg.Rand, 4)}
	data := binary.BigEndian.AppendUint32(bytes.Clone(sa.sync.nonce), ids.Send)
	data = binary.BigEndian.AppendUint32(data, ids.Receive)
	flags := wire.Flags(0)
	if sa.initiator {
		flags = wire.FlagInitiator
	}
	r.trace(now, "<-- INFORMATIONAL 0 { N(IKEV2_MESSAGE_ID_SYNC): %d, %d }", ids.Send, ids.Receive)
	sa.sync.packets = sa.seal(now, wire.ExchangeInformational, flags, 0, []wire.Payload{notify(wire.NotifyMessageIDSync, data...)})
	r.RepeatSync()
}

// RepeatSync sends the last synchronisation again, as it was.
func (r *Responder) RepeatSync() {
	for _, p := range r.current().sync.packets {
		r.send(p)
	}
}

// takeSync takes the answer to a synchronisation: the client's word counts.
func (sa *ikeSA) takeSync(now time.Time, m *wire.Message, first wire.PayloadType, plain []byte) bool {
	if sa.sync == nil || m.MessageID != 0 || m.Exchange != wire.ExchangeInformational {
		return false
	}
	payloads, err := wire.ParseChain(first, plain)
	if err != nil {
		return false
	}
	n, ok := wire.Notify(payloads, wire.NotifyMessageIDSync)
	if !ok {
		return false
	}
	if len(n.Data) != 12 || !bytes.Equal(n.Data[:4], sa.sync.nonce) {
		sa.r.complain(now, "the answer to a synchronisation has another nonce, or length (RFC 6311 5.1)")
		return true
	}
	ids := MessageIDs{binary.BigEndian.Uint32(n.Data[4:]), binary.BigEndian.Uint32(n.Data[8:])}
	sa.r.trace(now, "--> INFORMATIONAL 0 { N(IKEV2_MESSAGE_ID_SYNC): %d, %d }", ids.Send, ids.Receive)
	sa.r.Synced = append(sa.r.Synced, ids)
	sa.seen = nil // message ID 0 may come again with another meaning
	if !sa.sync.done {
		sa.sync.done = true
		sa.expected, sa.next = ids.Send, ids.Receive
	}
	return true
}

// Mirrored are the same message IDs as the other end says them.
func (m MessageIDs) Mirrored() MessageIDs { return MessageIDs{m.Receive, m.Send} }
