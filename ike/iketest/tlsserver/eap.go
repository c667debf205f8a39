package tlsserver

import (
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
)

// EAP is an EAP server that speaks a method over TLS: EAP-TLS by itself (RFC 5216,
// RFC 9190), TTLS and PEAP with what Inside says. It is strict: what an honest peer
// never sends is an error.
type EAP struct {
	*Server
	Kind     byte   // the EAP type
	Version  byte   // in the flags
	Offer    byte   // in those of the Start, where that is a higher one
	Greeting []byte // behind those of the Start
	Fragment int    // octets of a message in one packet, 0: 1,000
	// EveryLength: each fragment has the message's length, as FreeRADIUS sends it, and
	// so does a message in one piece.
	EveryLength bool
	// Inside answers what the client says inside, and says when the conversation is
	// over, and how. Nil: EAP-TLS.
	Inside func(established bool, data []byte) (reply []byte, over, good bool)

	ID      byte // of the last request
	Success bool // the last packet was a Success
	Sent    int  // packets
	Longest int  // octets of the longest message of the client's, in one packet

	up     bool
	in     []byte
	want   int
	out    []byte
	total  int
	over   bool // after what is being sent, the end
	good   bool
	failed bool
}

// EAP codes (RFC 3748 4) and flags (RFC 5216 3.1).
const (
	codeRequest, codeResponse, codeSuccess, codeFailure = 1, 2, 3, 4

	flagLength, flagMore, flagStart = 0x80, 0x40, 0x20

	typePEAP = 25
)

// Start gives the first packet.
func (e *EAP) Start() []byte {
	return e.request(append([]byte{flagStart | max(e.Version, e.Offer)}, e.Greeting...))
}

// Handle takes the client's response and gives the next packet, the last one of
// which is a Success or a Failure.
func (e *EAP) Handle(b []byte) ([]byte, error) {
	if len(b) < 6 || b[0] != codeResponse || int(binary.BigEndian.Uint16(b[2:])) != len(b) {
		return nil, fmt.Errorf("not a response with flags: %x", b)
	}
	if b[1] != e.ID || b[4] != e.Kind {
		return nil, fmt.Errorf("response %d of type %d to request %d of type %d", b[1], b[4], e.ID, e.Kind)
	}
	flags, data := b[5], b[6:]
	if flags&^byte(flagLength|flagMore) != e.Version {
		return nil, fmt.Errorf("flags %#x", flags)
	}
	e.Longest = max(e.Longest, len(data))
	switch {
	case len(e.out) > 0 && len(data) == 0 && flags == e.Version:
		return e.part(), nil
	case len(e.out) > 0:
		return nil, errors.New("not an acknowledgement")
	case e.over && len(data) == 0:
		return e.end(e.good && !e.failed), nil
	}
	whole, err := e.collect(flags, data)
	switch {
	case err != nil:
		return nil, err
	case !whole:
		return e.request([]byte{e.Version}), nil
	}
	return e.message(), nil
}

// collect puts the client's message together.
func (e *EAP) collect(flags byte, data []byte) (whole bool, err error) {
	first := e.want == 0
	if flags&flagLength != 0 {
		if len(data) < 4 || !first || flags&flagMore == 0 && (e.Kind != typePEAP || e.up) {
			return false, errors.New("a length that does not belong here")
		}
		e.want, data = int(binary.BigEndian.Uint32(data)), data[4:]
	} else if first && (flags&flagMore != 0 || e.Kind == typePEAP && !e.up && len(data) > 0) {
		return false, errors.New("the first of several fragments has no length, or PEAP's handshake")
	}
	if first {
		e.in = nil
	}
	e.in = append(e.in, data...)
	if flags&flagMore != 0 {
		if len(data) == 0 {
			return false, errors.New("a fragment of nothing")
		}
		return false, nil
	}
	if e.want != 0 && e.want != len(e.in) {
		return false, fmt.Errorf("%d octets came, %d were announced", len(e.in), e.want)
	}
	e.want = 0
	return true, nil
}

// message takes one of TLS.
func (e *EAP) message() []byte {
	out, data := e.Input(e.in)
	if e.Err != nil {
		e.over, e.failed = true, true
		return e.send(out)
	}
	established := e.Established && !e.up
	e.up = e.Established
	if !e.up {
		return e.send(out)
	}
	reply, over, good := e.inside(established, data)
	if len(reply) > 0 {
		out = append(out, e.Write(reply)...)
	}
	if e.over, e.good = over, good; over && len(out) == 0 {
		return e.end(good)
	}
	return e.send(out)
}

func (e *EAP) inside(established bool, data []byte) (reply []byte, over, good bool) {
	if e.Inside != nil {
		return e.Inside(established, data)
	}
	if len(data) > 0 {
		e.Err = fmt.Errorf("data inside EAP-TLS: %x", data)
		return nil, true, false
	}
	if e.TLS.ConnectionState().Version == tls.VersionTLS13 {
		return []byte{0}, true, true
	}
	return nil, true, true
}

// MSK is what the server derives (RFC 5216 2.3, RFC 9190 2.3); label is TLS 1.2's.
func (e *EAP) MSK(label string) ([]byte, error) {
	state := e.TLS.ConnectionState()
	if state.Version == tls.VersionTLS13 {
		key, err := state.ExportKeyingMaterial("EXPORTER_EAP_TLS_Key_Material", []byte{e.Kind}, 128)
		return key[:min(64, len(key))], err
	}
	return state.ExportKeyingMaterial(label, nil, 64)
}

func (e *EAP) send(message []byte) []byte {
	if len(message) == 0 {
		return e.request([]byte{e.Version})
	}
	e.out, e.total = message, len(message)
	return e.part()
}

func (e *EAP) part() []byte {
	size := e.Fragment
	if size == 0 {
		size = 1000
	}
	n := min(size, len(e.out))
	flags, more := e.Version, n < len(e.out)
	if more {
		flags |= flagMore
	}
	data := []byte{flags}
	if e.EveryLength || more && len(e.out) == e.total {
		data[0] |= flagLength
		data = binary.BigEndian.AppendUint32(data, uint32(e.total))
	}
	data = append(data, e.out[:n]...)
	e.out = e.out[n:]
	return e.request(data)
}

func (e *EAP) request(data []byte) []byte {
	e.ID++
	e.Sent++
	b := append([]byte{codeRequest, e.ID, 0, 0, e.Kind}, data...)
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	return b
}

func (e *EAP) end(good bool) []byte {
	code := byte(codeFailure)
	if e.Success = good; good {
		code = codeSuccess
	}
	return []byte{code, e.ID, 0, 4}
}
