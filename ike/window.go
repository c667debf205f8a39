package ike

import (
	"math"
	"time"

	"github.com/homeward-vpn/homeward/ike/wire"
)

// window is the message window of one IKE SA (RFC 7296 2.1 to 2.3): one request
// of ours and one of the peer's at a time. It keeps the octets of our request,
// so that every retransmission is bit-identical, and those of our last
// response, so that a repeated request gets the same answer.
type window struct {
	next      uint32        // message ID of our next request
	request   *transmission // our request under way; nil: the window is free
	exchange  exchange      // whose request it is; nil: nobody waits for the answer
	expected  uint32        // message ID of the peer's next request
	response  [][]byte      // our answer to the request before expected
	answered  cutting       // how it was made
	repeats   int           // how often it has been asked for again
	requests  reassembly    // fragments of the peer's request
	responses reassembly    // fragments of the peer's response
}

// transmission is a message on its way until it is answered.
type transmission struct {
	id       uint32
	kind     wire.ExchangeType
	path     path
	packets  [][]byte
	payloads []wire.Payload // what they say
	pace     Retransmit
	tries    int
	wait     time.Duration
	cut      cutting // how the packets were made of the message
	again    bool    // it has been sent before
	probed   bool    // since the last change of the path it has gone out on others, too
}

// relation says how a received message stands to the window.
type relation uint8

const (
	outside  relation = iota // neither awaited nor the last one again
	awaited                  // the answer to our request, or the next request
	repeated                 // the peer's last request again
)

// place finds where a message belongs, from its header alone.
func (w *window) place(h wire.Header) relation {
	if h.Response() {
		if w.request != nil && h.MessageID == w.request.id && h.Exchange == w.request.kind {
			return awaited
		}
		return outside
	}
	switch {
	case h.MessageID == w.expected && w.expected != math.MaxUint32: // what comes after it would begin anew
		return awaited
	case w.response != nil && h.MessageID+1 == w.expected:
		return repeated
	default:
		return outside
	}
}

// begin opens our next request. Message IDs never wrap (RFC 7296 2.2): an IKE
// SA that has used them all can only be closed.
func (w *window) begin(kind wire.ExchangeType, e exchange) (id uint32, ok bool) {
	if w.request != nil || w.next == math.MaxUint32 {
		return 0, false
	}
	id = w.next
	w.next++
	w.request = &transmission{id: id, kind: kind}
	w.exchange = e
	w.responses.reset()
	return id, true
}

// finish closes our request, which has been answered or given up, and returns
// whose it was.
func (w *window) finish() exchange {
	e := w.exchange
	w.request, w.exchange = nil, nil
	w.responses.reset()
	return e
}

// accept moves past the peer's request; the answer to it follows.
func (w *window) accept() {
	w.expected++
	w.response, w.answered, w.repeats = nil, cutting{}, 0
	w.requests.reset()
}
