package tlsstep

import (
	"crypto/tls"
	"time"
)

// pipe is the connection that crypto/tls reads from and writes to. What it reads
// was put there by Input, what it writes is taken by the next Step.
//
// crypto/tls wants a net.Conn. Two of its methods name types of package net, which
// this part of the house does not know; the embedded nil connection supplies them. They
// are never called: crypto/tls asks for addresses where it has no server name only,
// and it always has one here.
type pipe struct {
	*tls.Conn
	conn     *Conn
	in, out  []byte
	received int
}

// Read gives what is there, and pauses the coroutine where nothing is.
func (p *pipe) Read(b []byte) (int, error) {
	for len(p.in) == 0 {
		if !p.conn.pause() {
			return 0, errClosed
		}
	}
	n := copy(b, p.in)
	if p.in = p.in[n:]; len(p.in) == 0 {
		p.in = nil
	}
	return n, nil
}

// Write keeps what goes out.
func (p *pipe) Write(b []byte) (int, error) {
	p.out = append(p.out, b...)
	return len(b), nil
}

// take gives what goes out, once.
func (p *pipe) take() []byte {
	out := p.out
	p.out = nil
	return out
}

// Close has nothing to close.
func (p *pipe) Close() error { return nil }

// Nothing here waits, so no deadline is ever reached.

// SetDeadline has nothing to set.
func (p *pipe) SetDeadline(time.Time) error { return nil }

// SetReadDeadline has nothing to set.
func (p *pipe) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline has nothing to set.
func (p *pipe) SetWriteDeadline(time.Time) error { return nil }
