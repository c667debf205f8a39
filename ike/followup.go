package ike

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/homeward-vpn/homeward/ike/suite"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// IKE_FOLLOWUP_KE as its initiator: the key exchanges after the first, when an
// IKE SA or a Child SA is rekeyed or a Child SA made (RFC 9370 2.2.4):
//
//	--> CREATE_CHILD_SA { ..., KEi(0) }
//	<-- CREATE_CHILD_SA { ..., KEr(0), N(ADDITIONAL_KEY_EXCHANGE, link 1) }
//	--> IKE_FOLLOWUP_KE { KEi(1), N(ADDITIONAL_KEY_EXCHANGE, link 1) }
//	<-- IKE_FOLLOWUP_KE { KEr(1), N(ADDITIONAL_KEY_EXCHANGE, link 2) }
//	--> IKE_FOLLOWUP_KE { KEi(2), N(ADDITIONAL_KEY_EXCHANGE, link 2) }
//	<-- IKE_FOLLOWUP_KE { KEr(2) }
//
// The new SA exists after the last answer. The nonces of CREATE_CHILD_SA decide
// a simultaneous rekey, so that whoever loses it stops where it is.

// maxLinkLen bounds what the peer may have us send back.
const maxLinkLen = 256

// creation is CREATE_CHILD_SA, whatever it makes.
type creation interface {
	exchange
	// complete takes all shared secrets, that of CREATE_CHILD_SA first; nil is
	// none.
	complete(s *Session, sa *ikeSA, now time.Time, secrets []suite.Secret) error
	// refused decides what follows an error notification.
	refused(s *Session, sa *ikeSA, now time.Time, n *wire.NotifyPayload) error
	// abandoned says that the peer's rekey has won meanwhile: no more is asked
	// for, and what the last answer may still make is redundant.
	abandoned() bool
}

// followUp is one additional key exchange of a creation, and those after it.
type followUp struct {
	of      creation
	methods []uint16 // this one's and those to come
	secrets []suite.Secret
	link    []byte
	kx      suite.KeyExchange
}

// goOn finishes a creation whose answer has been taken, at once or after the
// additional key exchanges that were agreed on. secrets are cleared in the end.
func (s *Session) goOn(sa *ikeSA, now time.Time, of creation, methods []uint16, secrets []suite.Secret, answer []wire.Payload) error {
	n, linked := wire.Notify(answer, wire.NotifyAdditionalKeyExchange)
	if len(methods) == 0 {
		defer clearSecrets(secrets)
		return of.complete(s, sa, now, secrets)
	}
	if !linked || len(n.Data) == 0 || len(n.Data) > maxLinkLen {
		clearSecrets(secrets)
		return broken(errors.New("additional key exchange without a link to the next"))
	}
	sa.enqueueFirst(&followUp{of: of, methods: methods, secrets: secrets, link: bytes.Clone(n.Data)})
	return nil
}

func (*followUp) kind() wire.ExchangeType { return wire.ExchangeFollowupKE }

// build implements exchange.
func (e *followUp) build(s *Session, _ *ikeSA, _ time.Time) ([]wire.Payload, error) {
	var err error
	if e.kx, err = suite.NewKeyExchange(e.methods[0], s.cfg.Rand); err != nil {
		return nil, internal(err)
	}
	return []wire.Payload{
		&wire.KEPayload{Group: e.kx.Group(), Data: e.kx.Public()},
		&wire.NotifyPayload{NotifyType: wire.NotifyAdditionalKeyExchange, Data: e.link},
	}, nil
}

// handle implements exchange. STATE_NOT_FOUND, or any other error, ends the
// whole series as a refusal of CREATE_CHILD_SA would (RFC 9370 2.2.4).
func (e *followUp) handle(s *Session, sa *ikeSA, now time.Time, answer []wire.Payload) error {
	ke, ok := wire.Find[*wire.KEPayload](answer)
	if e.of.abandoned() && (!ok || len(e.methods) > 1) {
		e.clear()
		return nil
	}
	if !ok {
		e.clear()
		if n, isError := wire.FirstError(answer); isError {
			return e.of.refused(s, sa, now, n)
		}
		return broken(errors.New("IKE_FOLLOWUP_KE answered without a KE payload"))
	}
	if ke.Group != e.kx.Group() {
		e.clear()
		return broken(fmt.Errorf("IKE_FOLLOWUP_KE answered with method %d, want %d", ke.Group, e.kx.Group()))
	}
	shared, err := e.kx.Shared(ke.Data)
	if err != nil {
		e.clear()
		return broken(err)
	}
	return s.goOn(sa, now, e.of, e.methods[1:], append(e.secrets, shared), answer)
}

// clear wipes the secrets so far.
func (e *followUp) clear() { clearSecrets(e.secrets) }

func clearSecrets(secrets []suite.Secret) {
	for _, secret := range secrets {
		secret.Clear()
	}
}

// creating is what an exchange makes or replaces: itself, or for an additional
// key exchange the CREATE_CHILD_SA that it belongs to; nil where that has been
// given up.
func creating(e exchange) exchange {
	f, ok := e.(*followUp)
	switch {
	case !ok:
		return e
	case f.of.abandoned():
		return nil
	default:
		return f.of
	}
}
