package eap

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"time"

	"github.com/homeward-vpn/homeward/ike/auth"
	"github.com/homeward-vpn/homeward/ike/eap/tlsstep"
	"github.com/homeward-vpn/homeward/ike/suite"
)

// carrier is what the methods over TLS share: fragments, the handshake with its
// questions, and how it ends when it ends badly.
//
//	<-- Start                       --> the client's hello
//	<-- the server's flight         (AskVerdict, AskCertificate, AskSignature)
//	                                --> the client's flight
//	<-- ...                         the method's turn: send, or acknowledge
//
// An error of TLS that the server is to hear of goes out as an alert first; the
// next thing that the server says ends the conversation, whatever it is.
type carrier struct {
	method   uint8
	frag     fragments
	conn     *tlsstep.Conn
	id       byte // of the request that is being answered
	asked    *tlsstep.Ask
	out      []byte // records that wait for what the method has to say
	began    bool   // the server's Start came
	empty    int    // packets of the server's in which nothing was
	greeting []byte // what was in it
	up       bool   // the handshake is done
	end      *Error // why the conversation is over, known before the server says so
}

// maxEmpty bounds packets without anything in them that are not for more of ours: a
// server has one to send where it waits for the client to speak first.
const maxEmpty = 16

// carried is what a packet, or an answer, came to. Either the Result is to be
// returned as it is, or it is the method's turn.
type carried struct {
	Result
	turn        bool
	established bool   // the handshake is done, with this packet
	data        []byte // what the server said inside
	closed      bool   // with it, the server said that nothing more will come
}

// newCarrier prepares the connection. Where cfg does not fit, the first packet fails.
func newCarrier(kind, version uint8, cfg *Config) carrier {
	c := carrier{method: kind, frag: newFragments(version, cfg.TLS.FragmentSize)}
	c.frag.lengths = kind == TypePEAP
	now := cfg.Now
	// A tunnel is built without the client's certificate, which TLS 1.2 would show to
	// everybody on the way: whom it names is for inside.
	certificates := cfg.TLS.Certificates
	if tunnels(kind) {
		certificates = nil
	}
	conn, err := tlsstep.New(tlsstep.Config{
		MinVersion: cfg.TLS.MinVersion, MaxVersion: cfg.TLS.MaxVersion, Legacy: cfg.TLS.AllowWithoutEMS,
		Certificates: certificates, NoCertificate: tunnels(kind),
		Sessions: cfg.TLS.Sessions, Policy: sessionPolicy(kind, cfg),
		Rand: cfg.Rand, Now: func() time.Time { return now },
	})
	if err != nil {
		c.end = c.failure(err)
	}
	c.conn = conn
	return c
}

// sessionPolicy names what a session hangs on besides the profile: who signs in,
// and how.
func sessionPolicy(kind uint8, cfg *Config) string {
	b := []byte{kind}
	for _, s := range []string{cfg.Identity, cfg.Username, cfg.TLS.Policy} {
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...)
	}
	for _, m := range cfg.Inner {
		b = binary.BigEndian.AppendUint16(b, uint16(m))
	}
	if cfg.RequireBinding {
		b = append(b, 1)
	}
	return string(b)
}

// asking says whether the open question is TLS's own.
func (c *carrier) asking() bool { return c.asked != nil }

// take takes a request of the method.
func (c *carrier) take(pkt packet) (carried, error) {
	if c.end != nil {
		return carried{}, c.end
	}
	a, err := c.frag.receive(pkt.data)
	if err != nil {
		return carried{}, err
	}
	switch {
	case a.start == c.began:
		return carried{}, unexpected("a second start, or none")
	case !a.start && tunnels(c.method) && a.version != c.frag.version:
		// Its Start says the highest that it speaks, our answer what it is to speak
		// (RFC 5281 9.2.1, MS-PEAP 2.2.2).
		return carried{}, &Error{Kind: MethodRefused, Fatal: true, Method: c.method, Err: reason("the server insists on another version")}
	}
	if a.whole && !a.start && len(a.message) == 0 {
		if c.empty++; c.empty > maxEmpty {
			return carried{}, endless()
		}
	}
	c.id, c.began = pkt.id, true
	switch {
	case !a.whole:
		return carried{Result: c.packet(a.reply)}, nil
	case a.start:
		c.greeting = bytes.Clone(a.message)
		return c.step(c.conn.Start())
	}
	return c.step(c.conn.Input(a.message))
}

// answer answers the question that is open.
func (c *carrier) answer(a Answer) (carried, error) {
	if c.end != nil || c.asked == nil {
		return carried{}, unexpected("nothing was asked for")
	}
	if c.asked.Kind == tlsstep.AskCertificate && a.Err == nil && len(a.Certificates) == 0 {
		a.Err = errNoCertificate
	}
	c.asked = nil
	return c.step(c.conn.Answer(tlsstep.Answer{Certificates: a.Certificates, Signature: a.Signature, Err: a.Err}))
}

// step says what the connection came to.
func (c *carrier) step(s tlsstep.Step, err error) (carried, error) {
	switch {
	case err != nil:
		return c.broken(s.Out, err)
	case s.Ask != nil:
		q, err := c.question(s.Ask)
		if err != nil {
			return carried{}, err
		}
		c.out = append(c.out, s.Out...)
		c.asked = s.Ask
		return carried{Result: Result{Ask: q}}, nil
	}
	c.out = append(c.out, s.Out...)
	c.up = c.up || s.Established
	if !c.up {
		if s.Closed {
			return carried{}, &Error{Kind: Failed, Fatal: true, Method: c.method, Err: reason("the server closed TLS before it was up")}
		}
		return carried{Result: c.acknowledge()}, nil
	}
	return carried{turn: true, established: s.Established, data: s.Data, closed: s.Closed}, nil
}

// question puts TLS's question into the words of EAP.
func (c *carrier) question(ask *tlsstep.Ask) (*Question, error) {
	q := new(Question)
	switch ask.Kind {
	case tlsstep.AskVerdict:
		q.Kind, q.Chain, q.OCSP = AskVerdict, ask.Chain, ask.OCSP
	case tlsstep.AskCertificate:
		q.Kind, q.Issuers = AskCertificate, ask.Issuers
	case tlsstep.AskSignature:
		q.Kind, q.Scheme, q.Data = AskSignature, signatureSchemes[ask.Scheme], ask.Message
		if q.Scheme == "" {
			return nil, &Error{Kind: Internal, Fatal: true, Method: c.method, Err: reason("a signature scheme without a name")}
		}
	}
	return q, nil
}

var signatureSchemes = map[tls.SignatureScheme]auth.Scheme{
	tls.PKCS1WithSHA1: auth.RSASHA1, tls.PKCS1WithSHA256: auth.RSASHA256,
	tls.PKCS1WithSHA384: auth.RSASHA384, tls.PKCS1WithSHA512: auth.RSASHA512,
	tls.PSSWithSHA256: auth.PSSSHA256, tls.PSSWithSHA384: auth.PSSSHA384, tls.PSSWithSHA512: auth.PSSSHA512,
	tls.ECDSAWithP256AndSHA256: auth.ECDSASHA256, tls.ECDSAWithP384AndSHA384: auth.ECDSASHA384,
	tls.ECDSAWithP521AndSHA512: auth.ECDSASHA512,
	tls.Ed25519:                auth.Ed25519,
}

// send answers the request with data inside the tunnel, behind whatever TLS itself
// has to say. The handshake must be done.
func (c *carrier) send(data []byte) (Result, error) {
	c.frag.lengths = false
	records, err := c.conn.Write(data)
	if err != nil {
		return Result{}, c.failure(err)
	}
	c.out = append(c.out, records...)
	return c.acknowledge(), nil
}

// acknowledge answers the request with what TLS has to say, or with nothing.
func (c *carrier) acknowledge() Result {
	out := c.out
	c.out = nil
	return c.packet(c.frag.send(out))
}

func (c *carrier) packet(data []byte) Result {
	return Result{Response: marshal(codeResponse, c.id, c.method, data)}
}

// material is the keying material of the connection: 128 octets of which the first
// half is the MSK (RFC 5216 2.3, RFC 5281 8, RFC 9190 2.3). label is TLS 1.2's.
func (c *carrier) material(label string) (suite.Secret, error) {
	const size = 128
	var key suite.Secret
	var err error
	if c.conn.State().Version == tls.VersionTLS13 {
		key, err = c.conn.Export("EXPORTER_EAP_TLS_Key_Material", []byte{c.method}, size)
	} else {
		key, err = c.conn.Export(label, nil, size)
	}
	if err != nil {
		return nil, c.failure(err)
	}
	return key, nil
}

// failed gives what EAP-Failure means.
func (c *carrier) failed() *Error {
	if c.end != nil {
		return c.end
	}
	return &Error{Kind: Failed, Fatal: true, Method: c.method}
}

// clear ends the connection. It must be called, whatever the end.
func (c *carrier) clear() {
	if c.conn != nil {
		c.conn.Close()
	}
	clear(c.out)
}
