package tunnel

import (
	"bytes"
	"errors"
	"slices"
	"time"

	"github.com/homeward-vpn/homeward/ike"
	"github.com/homeward-vpn/homeward/ike/eap"
)

// What EAP asks on the way through a sign-in, and who answers:
//
//	password, round 0   the prompt that asked for the user name, once; else the user
//	password, later     the user: what is kept is for the first
//	new password, code  the user, every time
//	consent             the user
//	certificate, signature  the user's program (strand.go)
//	verdict             the profile
//
// A question whose last answer was refused is Fresh: nothing that is kept will do.

// signsIn performs a question of EAP's about what the user has.
func (l *line) signsIn(s *strand, e ike.NeedCredentials) {
	s.unproven(e)
	q := Question{
		Kind: questionKinds[e.Kind], Username: e.Username, Message: e.Message, Echo: e.Echo, Code: e.Code, Fresh: e.Again,
	}
	if e.Kind == eap.AskPassword {
		if e.Round > 0 {
			q.Kind = AskFurther
		} else if s.creds.password != nil && !e.Again {
			s.later(ike.Credentials{ID: e.ID, Password: s.creds.use()})
			return
		} else if s == l.successor() {
			// It was given the password that the line was made with, in vain.
			q.Fresh = true
		}
	}
	l.ask(s, q, func(a Answer, err error) ike.Command {
		return ike.Credentials{ID: e.ID, Password: a.Secret, New: a.New, Err: err}
	})
}

// gatewayPatience is for how long gateways hold a sign-in open for a person, at least:
// those that have no limit of their own for it end one half a minute after its
// beginning.
const gatewayPatience = 25 * time.Second

// errLate ends an attempt whose gateway may not wait any more. Another begins with the
// answer at hand: nobody is asked again, and the password goes out once.
var errLate = errors.New("tunnel: the answer came later than gateways wait for one")

// late says that of an answer to the first sign-in of a line.
func (l *line) late(a answered) bool {
	return !l.stood && a.strand == l.strand && time.Since(a.asked) > gatewayPatience
}

var questionKinds = map[eap.QuestionKind]QuestionKind{
	eap.AskPassword: AskPassword, eap.AskNewPassword: AskNewPassword, eap.AskCode: AskCode, eap.AskConsent: AskConsent,
}

// clone gives a question that outlives the session's next input.
func (q Question) clone() Question {
	q.Data, q.Hashes, q.IssuerKeys = bytes.Clone(q.Data), slices.Clone(q.Hashes), slices.Clone(q.IssuerKeys)
	q.Certificate = bytes.Clone(q.Certificate)
	q.Issuers = slices.Clone(q.Issuers)
	for i := range q.Issuers {
		q.Issuers[i] = bytes.Clone(q.Issuers[i])
	}
	return q
}
