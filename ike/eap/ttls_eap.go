package eap

// ttlsEAP is EAP inside TTLS (RFC 5281 11.2.1): a conversation of its own, whose
// packets travel as EAP-Message attributes. The client opens it with its identity,
// as if it had been asked.
type ttlsEAP struct {
	inner *Peer
	done  bool
}

func (m *ttlsEAP) begin() (ttlsStep, error) {
	return m.step(m.inner.Handle(marshal(codeRequest, 0, TypeIdentity, nil)))
}

func (m *ttlsEAP) take(list []avp) (ttlsStep, error) {
	b, found := joinAVPs(list, avpEAPMessage)
	if !found {
		return ttlsStep{message: replyMessage(list)}, nil
	}
	return m.step(m.inner.Handle(b))
}

func (m *ttlsEAP) provide(a Answer) (ttlsStep, error) { return m.step(m.inner.Provide(a)) }

func (m *ttlsEAP) step(r Result, err error) (ttlsStep, error) {
	if err != nil {
		return ttlsStep{}, fatally(err)
	}
	if r.Done {
		m.done = true
		r.MSK.Clear()
	}
	s := ttlsStep{ask: r.Ask, message: r.Message, failing: r.Failing}
	if r.Response != nil {
		s.send = appendAVP(nil, avpEAPMessage, r.Response)
	}
	return s, nil
}

// finish tells the conversation inside that it has ended well; most servers leave
// that to the packet outside.
func (m *ttlsEAP) finish() error {
	if m.done {
		return nil
	}
	_, err := m.step(m.inner.Handle(marshalEnd(codeSuccess, 0)))
	return err
}

func (m *ttlsEAP) failed() *Error { return innerFailure(m.inner) }

func (m *ttlsEAP) clear() { m.inner.Clear() }

// innerFailure tells the conversation inside that it has failed, and gives what it
// makes of that.
func innerFailure(inner *Peer) *Error {
	_, err := inner.Handle(marshalEnd(codeFailure, 0))
	if e, ok := err.(*Error); ok {
		return e
	}
	return &Error{Kind: Failed, Fatal: true}
}
