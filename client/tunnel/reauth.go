package tunnel

import (
	"time"

	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/ike"
)

// Repeated authentication (RFC 4478): the gateway says until when the sign-in
// counts, and a successor signs in again before that. It begins early enough for
// a person who has to be asked; where the answer that the line was made with does
// again, nobody is. Without an answer the line stays until the gateway ends it.

const (
	whySignIn = "the sign-in is to be repeated"
	// longestLead is the time that a person is given at most, and a fifth of the
	// sign-in's life where that is less.
	longestLead = 5 * time.Minute
	// leastStand is how long a session stands before the next sign-in at least,
	// whatever the gateway says: it could have us do nothing else.
	leastStand = time.Second
)

// signInUntil takes the gateway's word for how long the sign-in counts.
func (l *line) signInUntil(s *strand, e ike.Reauthenticate) {
	s.info.SignInAgainBy = e.By.Round(0)
	s.lead = min(longestLead, e.Lifetime/5)
	if s == l.strand {
		l.log.Info("the gateway wants a new sign-in", "by", s.info.SignInAgainBy)
		l.planSignIn()
		l.changed()
	}
}

// planSignIn plans the next sign-in, unless a successor for another reason is on
// its way, which begins with one.
func (l *line) planSignIn() {
	end := l.info.SignInAgainBy
	if end.IsZero() {
		return
	}
	if h := l.next; h != nil && h.why != whySignIn {
		h.end = earlier(h.end, end)
		return
	}
	at := end.Add(-l.lead)
	if soonest := l.info.SignedInAt.Add(leastStand); at.Before(soonest) {
		at = soonest
	}
	l.handOver(plan{why: whySignIn, at: at, end: end})
}

// signInNow begins the next sign-in, because a person wants it before its time. A
// successor that is on its way begins with one, and one that is planned comes now.
func (l *line) signInNow() {
	at := time.Now()
	if soonest := l.info.SignedInAt.Add(leastStand); at.Before(soonest) {
		at = soonest
	}
	switch h := l.next; {
	case !l.up || l.gone || l.quitting():
	case h == nil:
		l.handOver(plan{why: whySignIn, at: at, end: l.info.SignInAgainBy})
	case !h.at.IsZero():
		h.at = at
	}
}

// asksAgain says whether a person is being asked, or was in vain, for a new
// sign-in whose time is over.
func (l *line) asksAgain(now time.Time) bool {
	const soon = 5 * time.Second // the gateway's clock and ours
	by := l.info.SignInAgainBy
	if by.IsZero() || now.Add(soon).Before(by) {
		return false
	}
	if h := l.next; h != nil && h.at.IsZero() && h.strand == nil && l.byPassword() {
		return true
	}
	return l.unrenewed != nil &&
		(l.unrenewed.Cause == diagnose.CauseCredentialsMissing || l.unrenewed.Cause == diagnose.CauseUnanswered ||
			l.unrenewed.Cause == diagnose.CauseWrongPassword)
}

// ending is what Run returns where the session in use has failed.
func (l *line) ending(f *ike.Failure) error {
	if own := l.expired(f, time.Now()); own != nil {
		return own
	}
	if l.unrenewed != nil && l.unrenewed.Cause == diagnose.CauseAccountLocked {
		return l.unrenewed // whoever brings lost lines back would try the account again
	}
	if (f.Cause == ike.CauseClosedByGateway || f.Cause == ike.CausePeerDead) && l.asksAgain(time.Now()) {
		return &diagnose.Failure{Cause: diagnose.CauseSignInExpired, Err: f}
	}
	return f
}
