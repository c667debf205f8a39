package eap

import "errors"

// What goes wrong inside a tunnel always ends the conversation: a message there is
// the server's own, and will not come again.

// fatally makes an error end the conversation.
func fatally(err error) *Error {
	var e *Error
	if !errors.As(err, &e) {
		return internal(0, err)
	}
	out := *e
	out.Fatal = true
	return &out
}

func internal(method uint8, err error) *Error {
	return &Error{Kind: Internal, Fatal: true, Method: method, Err: err}
}

// declined is for a question that the user did not answer.
func declined(a Answer) error {
	switch {
	case a.Err != nil:
		return &Error{Kind: Declined, Fatal: true, Err: a.Err}
	case len(a.Secret) == 0 && len(a.New) == 0:
		return &Error{Kind: Declined, Fatal: true, Err: reason("no password was given")}
	}
	return nil
}

func endless() *Error {
	return &Error{Kind: Unexpected, Fatal: true, Err: reason("the server does not come to an end")}
}

// notDone is for an EAP-Success before its time.
func notDone(kind uint8) *Error {
	return &Error{Kind: Unexpected, Fatal: true, Method: kind, Err: reason("success before the method inside was done")}
}

func bindingError(why reason) *Error {
	return &Error{Kind: Binding, Fatal: true, Method: TypePEAP, Err: why}
}

// refusedInside is for an EAP-Failure after an answer that the server gave no
// reason against.
func refusedInside() *Error { return &Error{Kind: Failed, Fatal: true, Method: TypeTTLS} }
