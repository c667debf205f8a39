package eap

import (
	"bytes"
	"crypto/sha256"
	"slices"

	"github.com/homeward-vpn/homeward/ike/suite"
)

// Result is what a step wants done. At most one of Response, Ask and Done is set;
// none of them: the packet needs no answer.
type Result struct {
	Response []byte    // EAP packet to send; the caller's
	Ask      *Question // answer it with Provide
	Message  string    // what the server wants the user to know, fit to be shown
	// Failing says that the conversation has failed, and why. Response tells the
	// server; whatever it says to that, or whether it says anything, changes nothing.
	Failing *Error
	Done    bool // the conversation has ended well
	MSK     suite.Secret
	Method  uint8 // under way, or completed
}

// Peer is one EAP conversation, from the first request to Success:
//
//	<-- Identity            --> Identity
//	<-- a type that Config.Methods does not name
//	                        --> Nak
//	<-- the method          (Ask, Provide)  --> the method ... until it is done
//	<-- EAP-Success
//
// with Notifications in between. A method that has begun is the only one of its
// conversation (RFC 3748 2.1), and what is not a method's can be asked for a bounded
// number of times. Not safe for concurrent use.
type Peer struct {
	cfg     Config
	over    bool
	refused uint8 // the method that was answered with a Nak
	asides  int   // requests answered that are no method's
	method  method
	asked   *Question // the one that is open
	notice  *packet   // the Notification that it is about; nil: it is the method's

	// A request that comes again gets the same answer (RFC 3748 4.1).
	lastRequest  [sha256.Size]byte
	lastResponse []byte
	expanded     bool // the request that is being answered has the long form of its type
}

// maxAsides bounds Identity requests, Notifications and Naks: a server that needs
// more is not going to come to the point.
const maxAsides = 20

// New starts a conversation.
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
	switch pkt.code {
	case codeRequest:
		return p.request(pkt, sha256.Sum256(b))
	case codeSuccess:
		return p.success()
	case codeFailure:
		return Result{}, p.end(p.failure())
	}
	return Result{}, malformed("neither request, success nor failure")
}

// request answers one, a repeated one as before.
func (p *Peer) request(pkt packet, digest [sha256.Size]byte) (Result, error) {
	switch same := digest == p.lastRequest; {
	case same && p.asked != nil:
		return p.result(Result{Ask: p.asked}), nil
	case same && p.lastResponse != nil:
		return p.result(Result{Response: bytes.Clone(p.lastResponse)}), nil
	case p.asked != nil:
		return Result{}, unexpected("a request while an answer is awaited")
	}
	pkt = contract(pkt)
	r, err := p.dispatch(pkt)
	if err != nil {
		return Result{}, p.end(err)
	}
	clear(p.lastResponse)
	p.lastRequest, p.lastResponse, p.expanded = digest, nil, pkt.expanded
	return p.taken(r), nil
}

// Provide answers the question that is open. What a's secrets are is not kept.
func (p *Peer) Provide(a Answer) (Result, error) {
	if p.over || p.asked == nil {
		return Result{}, unexpected("nothing was asked for")
	}
	asked, notice := p.asked, p.notice
	p.asked, p.notice = nil, nil
	var r Result
	var err error
	if notice != nil {
		r, err = agreed(*notice, a)
	} else {
		r, err = p.method.provide(a)
	}
	if err != nil {
		if e := p.end(err); p.over {
			return Result{}, e
		}
		p.asked, p.notice = asked, notice
		return Result{}, err
	}
	return p.taken(r), nil
}

// Clear wipes what was derived from the password, and the last response, which may
// be the password itself.
func (p *Peer) Clear() {
	clear(p.lastResponse)
	if p.method != nil {
		p.method.clear()
	}
}

// taken keeps what a step has led to, a response or a question.
func (p *Peer) taken(r Result) Result {
	if r.Response != nil {
		if p.expanded {
			r.Response = expand(r.Response)
		}
		p.lastResponse = bytes.Clone(r.Response)
	}
	if r.Failing != nil && r.Failing.Method == 0 {
		r.Failing.Method = p.method.kind()
	}
	if q := r.Ask; q != nil {
		if p.method != nil && p.notice == nil {
			q.Method, q.Inner = p.method.kind(), q.Method
		}
		p.asked = q
	}
	return p.result(r)
}

func (p *Peer) result(r Result) Result {
	if p.method != nil {
		r.Method = p.method.kind()
	}
	return r
}

// end wipes the method when an error ends the conversation.
func (p *Peer) end(err error) error {
	if e, ok := err.(*Error); ok && e.Fatal {
		if e.Method == 0 && p.method != nil {
			e.Method = p.method.kind()
		}
		p.over = true
		p.Clear()
	}
	return err
}

// dispatch hands a request to what answers it.
func (p *Peer) dispatch(pkt packet) (Result, error) {
	switch {
	case pkt.kind == TypeNak:
		return Result{}, malformed("a Nak as a request")
	case pkt.kind == TypeIdentity || pkt.kind == TypeNotification:
		return p.aside(pkt)
	case p.method != nil && pkt.kind == p.method.kind():
		return p.method.handle(pkt)
	case p.method != nil:
		// RFC 3748 2.1: one method per conversation; a Nak is only for the
		// first request (5.3.1).
		return Result{}, &Error{Kind: Unexpected, Fatal: true, Method: pkt.kind, Err: reason("a second method in one conversation")}
	case Known(pkt.kind) && slices.Contains(p.cfg.Methods, pkt.kind):
		m := newMethod(pkt.kind, &p.cfg)
		r, err := m.handle(pkt)
		if err == nil {
			p.method = m // a malformed first request leaves nothing behind
		}
		return r, err
	}
	return p.refuse(pkt)
}

// aside answers what belongs to no method.
func (p *Peer) aside(pkt packet) (Result, error) {
	if pkt.kind == TypeIdentity && p.method != nil {
		return Result{}, unexpected("an identity request after the method began")
	}
	if err := p.countAside(); err != nil {
		return Result{}, err
	}
	if pkt.kind == TypeIdentity {
		return Result{Response: respond(pkt, []byte(p.cfg.Identity))}, nil
	}
	message := displayable(pkt.data)
	if p.cfg.ConfirmNotice {
		p.notice = &packet{id: pkt.id, kind: pkt.kind}
		return Result{Ask: &Question{Kind: AskConsent, Username: p.cfg.Username, Message: message}}, nil
	}
	return Result{Response: respond(pkt, nil), Message: message}, nil
}

func (p *Peer) countAside() error {
	if p.asides++; p.asides > maxAsides {
		return &Error{Kind: Unexpected, Fatal: true, Err: reason("the server does not come to the point")}
	}
	return nil
}

// agreed answers a Notification that the user has seen.
func agreed(notice packet, a Answer) (Result, error) {
	if a.Err != nil {
		return Result{}, &Error{Kind: Declined, Fatal: true, Err: a.Err}
	}
	return Result{Response: respond(notice, nil)}, nil
}

// success is believed only when the method is at its end (RFC 3748 4.2).
func (p *Peer) success() (Result, error) {
	early := &Error{Kind: Unexpected, Fatal: true, Err: reason("success before the method was done")}
	switch {
	case p.method == nil && p.cfg.BareSuccess:
		p.over = true
		return Result{Done: true}, nil
	case p.method == nil || p.asked != nil:
		return Result{}, p.end(early)
	}
	msk, err := p.method.finish()
	if err != nil {
		return Result{}, p.end(err)
	}
	p.over = true
	p.Clear()
	return p.result(Result{Done: true, MSK: msk}), nil
}

// failure gives the reason that came before it, where one did.
func (p *Peer) failure() error {
	switch {
	case p.method != nil:
		return p.method.failed()
	case p.refused != 0:
		return &Error{Kind: MethodRefused, Fatal: true, Method: p.refused}
	}
	return &Error{Kind: Failed, Fatal: true}
}
