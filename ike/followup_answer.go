package ike

import (
	"bytes"
	"slices"
	"time"

	"github.com/homeward-vpn/homeward/ike/suite"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// IKE_FOLLOWUP_KE as its responder (RFC 9370 2.2.4): the peer's CREATE_CHILD_SA
// has been answered with a link, and what it makes waits for the rest.
//
//	request                       answer
//	the link that we gave last    KEr, and the next link until all are done
//	another link, or too late     STATE_NOT_FOUND
//	what it rekeys is on its end  TEMPORARY_FAILURE

// The bounds of what a peer can leave unfinished.
const (
	maxUnfinished  = 4 // on one IKE SA; the oldest makes room
	unfinishedWait = 30 * time.Second
	linkLen        = 8
)

// unfinished is a CREATE_CHILD_SA of the peer's that we have answered and that
// still lacks additional key exchanges.
type unfinished struct {
	replaces  any  // the *child or *ikeSA that is being rekeyed; nil: none
	redundant bool // our own rekey has won already
	link      []byte
	methods   []uint16
	secrets   []suite.Secret
	until     time.Time
	// complete makes the SA from all secrets. What it returns follows once the
	// last answer is on its way.
	complete func(now time.Time, secrets []suite.Secret) (func() error, error)
}

// finishOrWait completes the answer to the peer's CREATE_CHILD_SA: at once, or
// with a link to the first additional key exchange. u brings the rest; its
// secrets are k's.
func (s *Session) finishOrWait(now time.Time, sa *ikeSA, k *accepted, u *unfinished, answer []wire.Payload) ([]wire.Payload, func() error) {
	u.methods, u.secrets = k.chosen.Additional(), []suite.Secret{k.shared}
	if len(u.methods) == 0 {
		defer clearSecrets(u.secrets)
		then, err := u.complete(now, u.secrets)
		if err != nil {
			return failing(err)
		}
		return answer, then
	}
	link, err := s.linkTo(now, u)
	if err != nil {
		return failing(err)
	}
	if u.replaces != nil {
		sa.forgetRekeyOf(u.replaces) // the peer has begun anew
	}
	if u.redundant {
		clearSecrets(u.secrets) // the peer sees it, too, and goes no further
		return append(answer, link), nil
	}
	if len(sa.unfinished) == maxUnfinished {
		s.giveUp(sa, sa.unfinished[0])
	}
	sa.unfinished = append(sa.unfinished, u)
	s.watchUnfinished(sa)
	return append(answer, link), nil
}

// linkTo draws the link to the next key exchange, and gives the peer its time.
func (s *Session) linkTo(now time.Time, u *unfinished) (*wire.NotifyPayload, error) {
	link, err := s.random(linkLen)
	if err != nil {
		return nil, err
	}
	u.link, u.until = link, now.Add(unfinishedWait)
	return &wire.NotifyPayload{NotifyType: wire.NotifyAdditionalKeyExchange, Data: link}, nil
}

// answerFollowUp serves IKE_FOLLOWUP_KE.
func (s *Session) answerFollowUp(now time.Time, sa *ikeSA, ps []wire.Payload) ([]wire.Payload, func() error) {
	n, linked := wire.Notify(ps, wire.NotifyAdditionalKeyExchange)
	ke, hasKE := wire.Find[*wire.KEPayload](ps)
	if !linked || !hasKE {
		return refuse(wire.NotifyInvalidSyntax, nil)
	}
	at := slices.IndexFunc(sa.unfinished, func(u *unfinished) bool { return bytes.Equal(u.link, n.Data) })
	if at < 0 {
		return refuse(wire.NotifyStateNotFound, nil)
	}
	u := sa.unfinished[at]
	old, isChild := u.replaces.(*child)
	if s.phase != phaseEstablished || sa != s.current || sa.state != ikeLive || isChild && old.state == childDeleting {
		s.giveUp(sa, u)
		return refuse(wire.NotifyTemporaryFailure, nil)
	}
	var public []byte
	var shared suite.Secret
	var err error
	if ke.Group == u.methods[0] {
		public, shared, err = suite.AnswerKeyExchange(ke.Group, ke.Data, s.cfg.Rand)
	}
	if err != nil || public == nil {
		s.giveUp(sa, u)
		return refuse(wire.NotifyInvalidSyntax, nil)
	}
	u.methods, u.secrets = u.methods[1:], append(u.secrets, shared)
	answer := []wire.Payload{&wire.KEPayload{Group: ke.Group, Data: public}}
	if len(u.methods) > 0 {
		link, err := s.linkTo(now, u)
		if err != nil {
			return failing(err)
		}
		s.watchUnfinished(sa)
		return append(answer, link), nil
	}
	then, err := u.complete(now, u.secrets)
	sa.dropUnfinished(u)
	if err != nil {
		return failing(err)
	}
	return answer, then
}

// dropUnfinished forgets one that is finished, or never will be, and wipes its
// secrets.
func (sa *ikeSA) dropUnfinished(u *unfinished) {
	clearSecrets(u.secrets)
	sa.unfinished = slices.DeleteFunc(sa.unfinished, func(o *unfinished) bool { return o == u })
}

// rekeyOf is the peer's unfinished rekey of old, a *child or *ikeSA; nil: none.
func (sa *ikeSA) rekeyOf(old any) *unfinished {
	for _, u := range sa.unfinished {
		if u.replaces == old {
			return u
		}
	}
	return nil
}

// forgetRekeyOf drops the peer's unfinished rekey of old, if there is one.
func (sa *ikeSA) forgetRekeyOf(old any) {
	if u := sa.rekeyOf(old); u != nil {
		sa.dropUnfinished(u)
	}
}

// watchUnfinished arms the end of the peer's time.
func (s *Session) watchUnfinished(sa *ikeSA) {
	if len(sa.unfinished) == 0 {
		s.timers.stop(timerUnfinished, sa.id)
		return
	}
	first := slices.MinFunc(sa.unfinished, func(a, b *unfinished) int { return a.until.Compare(b.until) })
	s.timers.set(timerUnfinished, sa.id, first.until)
}

// forgetUnfinished gives up what the peer has begun and not finished in time.
// What it was to replace is rekeyed by us again when its own time comes.
func (s *Session) forgetUnfinished(now time.Time, id uint64) error {
	sa := s.saByID(id)
	if sa == nil {
		return nil
	}
	for _, u := range slices.Clone(sa.unfinished) {
		if u.until.After(now) {
			continue
		}
		s.giveUp(sa, u)
	}
	s.watchUnfinished(sa)
	return nil
}
