package tlsstep

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"iter"
)

// A step, from the caller's side and from crypto/tls's:
//
//	Start, Input, Answer -> resume -> the coroutine runs:
//	    run: Handshake, then Read after Read
//	        pipe.Read:  no octets left  -> pause   (Step.Out: send, wait for more)
//	        verify, certificate, sign   -> pause   (Step.Ask: answer it)
//	    run ends: error, close_notify or Close
//
// Write runs beside the coroutine: it only adds records to what goes out.

// Bounds on what a server may send.
const (
	maxHandshake = 256 << 10 // until the handshake is done
	maxInput     = 128 << 10 // in one Input
)

// Step is what happened up to the point where nothing goes on by itself.
type Step struct {
	Out []byte // octets for the server; the caller's
	// Ask is a question. Answer it before the next Input.
	Ask *Ask
	// Established says, once, that the handshake is done: both ends have proved
	// what they had to, and keys can be exported.
	Established bool
	Data        []byte // application data of the server; the caller's
	Closed      bool   // the server sent close_notify, nothing else will come
}

// Conn is one TLS connection. Not safe for concurrent use.
type Conn struct {
	cfg     Config
	tls     *tls.Conn
	pipe    pipe
	hello   serverHello
	master  masterSecret
	session sessionSlot

	next  func() (struct{}, bool)
	stop  func()
	yield func(struct{}) bool

	asked       *Ask
	answer      Answer
	wanted      bool // the server asked for a certificate
	given       bool // and one was sent
	established bool
	told        bool // Established was
	ended       bool // the coroutine has returned
	closed      bool
	finish      error  // how the connection ended
	cause       *Error // why we ended it, where crypto/tls only says that we did
	data        []byte
}

// New prepares a connection. The configuration's slices are kept. Nothing runs
// before Start.
func New(cfg Config) (*Conn, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	c := &Conn{cfg: cfg}
	c.pipe.conn = c
	c.session.of(cfg)
	c.tls = tls.Client(&c.pipe, c.configuration())
	return c, nil
}

// Start begins the handshake: Step.Out is the client's hello.
func (c *Conn) Start() (Step, error) {
	if c.next != nil || c.closed {
		return Step{}, &Error{Kind: Internal, Err: reason("started already")}
	}
	c.next, c.stop = iter.Pull(c.run)
	return c.resume()
}

// Input takes octets of the server, which are borrowed: any part of its stream.
// With an error, which is an *Error and ends the connection, Step.Out may still hold
// the alert that tells the server why.
func (c *Conn) Input(b []byte) (Step, error) {
	switch {
	case c.next == nil || c.asked != nil:
		return Step{}, &Error{Kind: Internal, Err: reason("octets are not expected now")}
	case c.ended || c.closed:
		return Step{}, c.over()
	case len(b) > maxInput || !c.established && c.pipe.received+len(b) > maxHandshake:
		c.finish = &Error{Kind: TooMuch}
		c.Close()
		return Step{}, c.finish
	}
	c.pipe.received += len(b)
	c.pipe.in = append(c.pipe.in, b...)
	if c.hello.feed(b); c.hello.plain() && !c.cfg.Legacy {
		return c.refuseHello()
	}
	return c.resume()
}

// Answer answers Step.Ask. Its slices are borrowed.
func (c *Conn) Answer(a Answer) (Step, error) {
	if c.asked == nil || c.ended || c.closed {
		return Step{}, &Error{Kind: Internal, Err: reason("nothing was asked")}
	}
	c.answer = a
	return c.resume()
}

// Write gives the records for application data. Only after Established.
func (c *Conn) Write(data []byte) (out []byte, err error) {
	switch {
	case c.closed || c.finish != nil:
		return nil, c.over()
	case !c.established:
		return nil, &Error{Kind: Internal, Err: reason("data before the handshake is done")}
	}
	defer c.guard(&err)
	if _, err := c.tls.Write(data); err != nil {
		return nil, c.classify(err)
	}
	return c.pipe.take(), nil
}

// Close ends the connection without a word to the server and frees what it keeps.
// It can be called at any time and more than once.
func (c *Conn) Close() {
	c.closed = true
	c.master.clear()
	c.pipe.in, c.pipe.out = nil, nil
	if c.stop != nil && !c.ended {
		var err error
		defer c.guard(&err) // of no interest any more
		c.ended = true
		c.stop()
	}
}

// resume lets the coroutine go on until it pauses or ends.
func (c *Conn) resume() (step Step, err error) {
	defer c.guard(&err)
	c.data = nil
	_, more := c.next()
	step = Step{Out: c.pipe.take(), Ask: c.asked, Data: c.data}
	if c.established && !c.told {
		c.told, step.Established = true, true
	}
	if !more {
		c.ended = true
		if c.finish == nil {
			step.Closed = true
			return step, nil
		}
		return step, c.finish
	}
	return step, nil
}

// guard turns a panic behind the coroutine into an error: a stranger's octets
// are not to end the program.
func (c *Conn) guard(err *error) {
	if p := recover(); p != nil {
		c.ended = true
		c.finish = &Error{Kind: Internal, Err: fmt.Errorf("crypto/tls panicked: %v", p)}
		*err = c.finish
	}
}

func (c *Conn) over() error {
	if c.finish != nil {
		return c.finish
	}
	return &Error{Kind: Internal, Err: reason("the connection is closed")}
}

// run is the coroutine.
func (c *Conn) run(yield func(struct{}) bool) {
	c.yield = yield
	err := c.tls.Handshake()
	if err == nil {
		err = c.checkMaster()
	}
	if err != nil {
		c.finishBy(err)
		return
	}
	c.established = true
	buf := make([]byte, 4096)
	for {
		n, err := c.tls.Read(buf)
		c.data = append(c.data, buf[:n]...)
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			c.finishBy(err)
			return
		}
	}
}

// finishBy keeps the first reason that there is.
func (c *Conn) finishBy(err error) {
	if c.finish == nil {
		c.finish = c.classify(err)
	}
}

// pause hands over to the caller. False: the connection was closed meanwhile.
func (c *Conn) pause() bool { return !c.closed && c.yield(struct{}{}) && !c.closed }
