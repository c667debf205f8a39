package tlsstep

import (
	"crypto/tls"
	"encoding/binary"
)

// The server's hello is read as it passes by, for two things that crypto/tls does
// not tell: whether TLS 1.2 will run without the Extended Master Secret, before
// anything of ours is shown; and the server's random, which keys without it need.

const (
	recordAlert     = 21
	recordHandshake = 22
	recordHeader    = 5
	typeServerHello = 2
	messageHeader   = 4
	helloRandom     = 2 // after the version

	extensionEMS      = 23 // RFC 7627 5.1
	extensionVersions = 43 // RFC 8446 4.2.1
)

type serverHello struct {
	raw     []byte // of the stream, until the hello is whole
	done    bool
	version uint16 // 0: not understood; crypto/tls will say what is wrong
	ems     bool
	random  [32]byte
}

// plain says that the server runs TLS 1.2 without the Extended Master Secret.
func (h *serverHello) plain() bool { return h.version == tls.VersionTLS12 && !h.ems }

// feed takes the next octets of the server's stream.
func (h *serverHello) feed(b []byte) {
	if h.done {
		return
	}
	h.raw = append(h.raw, b...)
	message, more := firstMessage(h.raw)
	if more {
		return
	}
	h.done, h.raw = true, nil
	if message != nil {
		h.parse(message)
	}
}

// firstMessage gives the first handshake message of a stream of records. more: it
// has not come whole; nil: it is no hello, or the stream does not begin with one.
func firstMessage(stream []byte) (message []byte, more bool) {
	var payload []byte
	for len(stream) >= recordHeader {
		kind, n := stream[0], int(binary.BigEndian.Uint16(stream[3:]))
		stream = stream[recordHeader:]
		switch kind {
		case recordHandshake:
			payload = append(payload, stream[:min(n, len(stream))]...)
		case recordAlert: // a warning, or crypto/tls ends it
		default:
			return nil, false
		}
		if len(payload) >= messageHeader {
			size := messageHeader + int(payload[1])<<16 + int(payload[2])<<8 + int(payload[3])
			switch {
			case payload[0] != typeServerHello || size > maxHandshake:
				return nil, false
			case len(payload) >= size:
				return payload[messageHeader:size], false
			}
		}
		if n > len(stream) {
			break
		}
		stream = stream[n:]
	}
	return nil, true
}

// parse reads a ServerHello (RFC 5246 7.4.1.3). What is malformed leaves version 0.
func (h *serverHello) parse(b []byte) {
	if len(b) < helloRandom+len(h.random)+1 {
		return
	}
	version := binary.BigEndian.Uint16(b)
	copy(h.random[:], b[helloRandom:])
	b = b[helloRandom+len(h.random):]
	const suiteAndCompression = 3
	skip := 1 + int(b[0]) + suiteAndCompression // the session identifier comes first
	if len(b) < skip {
		return
	}
	b = b[skip:]
	if len(b) >= 2 {
		b = b[2:] // the length of all extensions; crypto/tls checks it
	}
	for len(b) >= 4 {
		kind, n := binary.BigEndian.Uint16(b), int(binary.BigEndian.Uint16(b[2:]))
		b = b[4:]
		if n > len(b) {
			return
		}
		switch {
		case kind == extensionEMS:
			h.ems = true
		case kind == extensionVersions && n == 2:
			version = binary.BigEndian.Uint16(b)
		}
		b = b[n:]
	}
	h.version = version
}

// refuseHello ends the handshake because of the server's hello. Nothing is
// encrypted yet at that point, so the alert is written by hand (RFC 7627 5.3 asks
// for handshake_failure).
func (c *Conn) refuseHello() (Step, error) {
	c.finish = &Error{Kind: NoEMS}
	c.Close()
	return Step{Out: []byte{21, 3, 3, 0, 2, 2, AlertHandshakeFailure}}, c.finish
}
