package tlsserver

import (
	"crypto/tls"
	"errors"
	"fmt"
	"iter"
	"time"
)

// Server is one connection. Not safe for concurrent use. Close it.
type Server struct {
	TLS         *tls.Conn
	Established bool
	Err         error // how it ended, io.EOF: by close_notify

	next    func() (struct{}, bool)
	stop    func()
	yield   func(struct{}) bool
	in, out []byte
	data    []byte
	closed  bool
}

// New prepares a server. Its first Input, of nothing, may be left out.
func New(cfg *tls.Config) *Server {
	s := &Server{}
	s.TLS = tls.Server(&pipe{server: s}, cfg)
	s.next, s.stop = iter.Pull(s.run)
	return s
}

// Input takes octets of the client, and gives those for it with the application
// data that came.
func (s *Server) Input(b []byte) (out, data []byte) {
	s.in = append(s.in, b...)
	s.data = nil
	s.next()
	return s.take(), s.data
}

// Write gives the records for application data.
func (s *Server) Write(data []byte) []byte {
	if _, err := s.TLS.Write(data); err != nil {
		s.Err = err
	}
	return s.take()
}

// End gives the close_notify alert.
func (s *Server) End() []byte {
	if err := s.TLS.CloseWrite(); err != nil {
		s.Err = err
	}
	return s.take()
}

// Close frees the coroutine.
func (s *Server) Close() {
	s.closed = true
	s.stop()
}

func (s *Server) take() []byte {
	out := s.out
	s.out = nil
	return out
}

func (s *Server) run(yield func(struct{}) bool) {
	s.yield = yield
	if err := s.TLS.Handshake(); err != nil {
		s.Err = fmt.Errorf("handshake: %w", err)
		return
	}
	s.Established = true
	buf := make([]byte, 4096)
	for {
		n, err := s.TLS.Read(buf)
		s.data = append(s.data, buf[:n]...)
		if err != nil {
			s.Err = err
			return
		}
	}
}

var errClosed = errors.New("closed")

// pipe is a net.Conn: the embedded connection has the methods that are never called.
type pipe struct {
	*tls.Conn
	server *Server
}

func (p *pipe) Read(b []byte) (int, error) {
	s := p.server
	for len(s.in) == 0 {
		if s.closed || !s.yield(struct{}{}) {
			return 0, errClosed
		}
	}
	n := copy(b, s.in)
	s.in = s.in[n:]
	return n, nil
}

func (p *pipe) Write(b []byte) (int, error) {
	p.server.out = append(p.server.out, b...)
	return len(b), nil
}

func (p *pipe) Close() error                     { return nil }
func (p *pipe) SetDeadline(time.Time) error      { return nil }
func (p *pipe) SetReadDeadline(time.Time) error  { return nil }
func (p *pipe) SetWriteDeadline(time.Time) error { return nil }
