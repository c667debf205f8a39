package eap

import (
	"bytes"
	"io"
	"slices"

	"github.com/homeward-vpn/homeward/ike/suite"
)

// Config is what a Peer is made from.
type Config struct {
	Identity string // answer to the Identity request
	Username string // name inside the method; empty: Identity
	Methods  []uint8
	Rand     io.Reader
	// BareSuccess lets the server end the conversation well without a method, where
	// it has proven itself by other means and another proof of the peer stands.
	BareSuccess bool
}

// Result is what a step wants done. At most one of Response, NeedPassword and
// Done is set; none of them: the packet needs no answer.
type Result struct {
	Response     []byte // EAP packet to send; the caller's
	NeedPassword bool   // call Provide
	Message      string // what the server said for the user, fit to be shown
	Done         bool   // the conversation has ended well
	Success      bool   // same as Done: it never ends well without success
	MSK          suite.Secret
	Method       uint8 // under way, or completed
}

// Peer is one EAP conversation, from the first request to Success:
//
//	<-- Identity            --> Identity
//	<-- MSCHAPv2 Challenge  (Provide)  --> MSCHAPv2 Response
//	<-- MSCHAPv2 Success    --> MSCHAPv2 Success
//	<-- EAP-Success
//
// Requests are answered in any number and with Notifications in between. Not
// safe for concurrent use.
type Peer struct {
	cfg     Config
	over    bool
	refused uint8 // the method that was answered with a Nak
	method  *mschapv2
	// A request that comes again gets the same answer (RFC 3748 4.1).
	lastRequest, lastResponse []byte
}

// maxPacket bounds what is kept of a request for comparison; the methods here
// need far less.
const maxPacket = 4096

// New starts a conversation. The configuration's slices are kept.
func New(cfg Config) *Peer {
	if cfg.Username == "" {
		cfg.Username = cfg.Identity
	}
	return &Peer{cfg: cfg}
}

// Handle takes a packet of the server. b is borrowed. Errors are *Error; after
// one that is not Fatal the Peer goes on as if the packet had not come.
func (p *Peer) Handle(b []byte) (Result, error) {
	if p.over {
		return Result{}, &Error{Kind: Unexpected, Fatal: true, Err: reason("the conversation is over")}
	}
	pkt, err := parse(b)
	if err != nil {
		return Result{}, err
	}
	var r Result
	switch pkt.code {
	case codeRequest:
		if p.lastResponse != nil && bytes.Equal(b, p.lastRequest) {
			return p.result(Result{Response: bytes.Clone(p.lastResponse)}), nil
		}
		r, err = p.request(pkt)
	case codeSuccess:
		r, err = p.success()
	case codeFailure:
		err = p.failure()
	default:
		err = malformed("neither request, success nor failure")
	}
	if err != nil {
		return Result{}, p.end(err)
	}
	if pkt.code == codeRequest {
		p.remember(b, r.Response)
	}
	return p.result(r), nil
}

// Provide answers NeedPassword. password is read and not kept; clearing it is
// the caller's affair.
func (p *Peer) Provide(password suite.Secret) (Result, error) {
	if p.over || p.method == nil || p.method.state != awaitPassword {
		return Result{}, unexpected("no password was asked for")
	}
	response, err := p.method.answer(password, p.cfg.Rand)
	if err != nil {
		return Result{}, p.end(err)
	}
	p.lastResponse = response
	return p.result(Result{Response: bytes.Clone(response)}), nil
}

// Clear wipes what was derived from the password.
func (p *Peer) Clear() {
	if p.method != nil {
		p.method.clear()
	}
}

func (p *Peer) result(r Result) Result {
	if p.method != nil {
		r.Method = TypeMSCHAPv2
	}
	return r
}

// end wipes the method when an error ends the conversation.
func (p *Peer) end(err error) error {
	if e, ok := err.(*Error); ok && e.Fatal {
		p.over = true
		p.Clear()
	}
	return err
}

func (p *Peer) remember(request, response []byte) {
	p.lastRequest, p.lastResponse = nil, nil
	if len(request) <= maxPacket {
		p.lastRequest, p.lastResponse = bytes.Clone(request), bytes.Clone(response)
	}
}

func (p *Peer) request(pkt packet) (Result, error) {
	switch pkt.kind {
	case TypeIdentity:
		if p.method != nil {
			return Result{}, unexpected("an identity request after the method began")
		}
		return Result{Response: respond(pkt, []byte(p.cfg.Identity)), Message: displayable(pkt.data)}, nil
	case TypeNotification:
		return Result{Response: respond(pkt, nil), Message: displayable(pkt.data)}, nil
	case TypeNak:
		return Result{}, malformed("a Nak as a request")
	}
	if pkt.kind == TypeMSCHAPv2 && slices.Contains(p.cfg.Methods, TypeMSCHAPv2) {
		return p.mschapv2(pkt)
	}
	if p.method != nil {
		// RFC 3748 2.1: one method per conversation; a Nak is only for the
		// first request (5.3.1).
		return Result{}, &Error{Kind: Unexpected, Fatal: true, Method: pkt.kind, Err: reason("a second method in one conversation")}
	}
	p.refused = pkt.kind
	return Result{Response: nak(pkt.id, p.offered())}, nil
}

// nak proposes other methods; zero means that there is none (RFC 3748 5.3.1).
func nak(id byte, methods []byte) []byte {
	if len(methods) == 0 {
		methods = []byte{0}
	}
	return marshal(codeResponse, id, TypeNak, methods)
}

// offered are the allowed methods that can be served.
func (p *Peer) offered() []byte {
	var out []byte
	for _, m := range p.cfg.Methods {
		if m == TypeMSCHAPv2 && !slices.Contains(out, m) {
			out = append(out, m)
		}
	}
	return out
}

func respond(pkt packet, data []byte) []byte {
	return marshal(codeResponse, pkt.id, pkt.kind, data)
}

func (p *Peer) mschapv2(pkt packet) (Result, error) {
	if p.method == nil {
		m := &mschapv2{name: p.cfg.Username}
		r, err := m.handle(pkt)
		if err == nil {
			p.method = m // a malformed first request leaves nothing behind
		}
		return r, err
	}
	return p.method.handle(pkt)
}

// success is believed only when the method has proved the server (RFC 3748 4.2).
func (p *Peer) success() (Result, error) {
	if p.method == nil && p.cfg.BareSuccess {
		p.over = true
		return Result{Done: true, Success: true}, nil
	}
	if p.method == nil || p.method.state != proved {
		return Result{}, &Error{Kind: Unexpected, Fatal: true, Err: reason("success before the method was done")}
	}
	p.over = true
	msk := p.method.msk
	p.method.msk = nil
	return Result{Done: true, Success: true, MSK: msk}, nil
}

// failure gives the reason that came before it, where one did.
func (p *Peer) failure() error {
	switch {
	case p.method != nil && p.method.failure != nil:
		return p.method.failure
	case p.method != nil:
		return &Error{Kind: Failed, Fatal: true, Method: TypeMSCHAPv2}
	case p.refused != 0:
		return &Error{Kind: MethodRefused, Fatal: true, Method: p.refused}
	}
	return &Error{Kind: Failed, Fatal: true}
}
