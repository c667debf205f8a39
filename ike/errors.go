package ike

import (
	"errors"
	"maps"

	"github.com/homeward-vpn/homeward/ike/wire"
)

// Errors of commands that do not fit the state of the Session.
var (
	ErrClosed          = errors.New("ike: session is closed")
	ErrStarted         = errors.New("ike: session has been started before")
	ErrNotEstablished  = errors.New("ike: session is not established")
	ErrUnknownSA       = errors.New("ike: no such child sa, or it is being replaced already")
	ErrCarried         = errors.New("ike: a child sa carries these selectors already, or is asked for")
	ErrTooManyChildren = errors.New("ike: no more child sas than configured")
	ErrNoSelectors     = errors.New("ike: no address of the family of these selectors")
	ErrNoMOBIKE        = errors.New("ike: the two ends have not agreed on mobike (RFC 4555)")
	ErrFamilies        = errors.New("ike: a path from one address family to the other")
	ErrUnknownQuestion = errors.New("ike: no such question is open")
)

// Errors inside a Failure that nobody decides by.
var (
	errRepeatedSPI = errors.New("the source of randomness repeats itself")
	errNoMessageID = errors.New("no message id is left")
	errNoChildLeft = errors.New("no child sa is left")
	errOutlived    = errors.New("the ike sa has come to its end, and no rekey was answered")
)

// DropReason says why a datagram was dropped. The texts are constant and few,
// so that they can be keys of counters.
type DropReason string

// The reasons.
const (
	DropMalformed    DropReason = "malformed"     // not a well-formed IKEv2 message
	DropIdle         DropReason = "idle"          // the Session is not started, or over
	DropUnknownSPI   DropReason = "unknown-spi"   // of no IKE SA of this Session
	DropWrongSource  DropReason = "wrong-source"  // an IKE_SA_INIT response from another address
	DropUnexpected   DropReason = "unexpected"    // a message that nothing waits for
	DropOutside      DropReason = "out-of-window" // message ID is neither awaited nor the last one
	DropUnprotected  DropReason = "unprotected"   // no SK payload where there must be one
	DropNotAuthentic DropReason = "not-authentic" // the integrity check failed
	DropFragment     DropReason = "fragment"      // one of a message not yet complete, or a repeated or inconsistent one
	DropDuplicate    DropReason = "duplicate"     // seen before
	DropRetries      DropReason = "retries"       // a bounded retry is used up
	DropInitAnswer   DropReason = "init-answer"   // an IKE_SA_INIT response that cannot be followed
)

// DropError is the first third of the error contract: a datagram was dropped
// and the Session is what it was before.
type DropError struct {
	Reason DropReason
	Err    error // what was wrong with it, may be nil
}

// Error implements error.
func (e *DropError) Error() string {
	s := "ike: datagram dropped: " + string(e.Reason)
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap gives the underlying error.
func (e *DropError) Unwrap() error { return e.Err }

// NotifyError is the second third of the error contract: the peer's request was
// answered with an error notification and the Session goes on.
type NotifyError struct{ Type wire.NotifyType }

// Error implements error.
func (e *NotifyError) Error() string {
	return "ike: request refused with " + e.Type.String()
}

// IdentityError says that the gateway's IDr is not the one that was asked for.
// It is the Err of a Failure with CauseGatewayIdentity.
type IdentityError struct{ Seen, Expected string }

// Error implements error.
func (e *IdentityError) Error() string {
	return "gateway says it is " + e.Seen + ", expected " + e.Expected
}

// Counters is what a Session has seen and done so far.
type Counters struct {
	Received      uint64 // datagrams given to HandleDatagram
	Sent          uint64 // datagrams made, retransmissions and keepalives included
	Retransmitted uint64 // of those, datagrams that went out again
	Told          uint64 // requests refused with an error notification
	Dropped       map[DropReason]uint64
}

// Counters gives a copy.
func (s *Session) Counters() Counters {
	c := s.counters
	c.Dropped = maps.Clone(s.counters.Dropped)
	return c
}

// dropped makes a DropError; conclude counts it.
func dropped(reason DropReason, err error) error { return &DropError{Reason: reason, Err: err} }

// broken is the Failure for an authenticated peer that broke the rules.
func broken(err error) *Failure { return &Failure{Cause: CauseProtocol, Err: err} }

// asFailure makes a Failure of any error that ends the Session.
func asFailure(err error) *Failure {
	var f *Failure
	if errors.As(err, &f) {
		return f
	}
	return internal(err)
}

// internal is the Failure for a defect of our own side, such as a source of
// randomness that has run dry.
func internal(err error) *Failure { return &Failure{Cause: CauseInternal, Err: err} }
