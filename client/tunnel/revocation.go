package tunnel

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/ike"
	"github.com/homeward-vpn/homeward/ike/auth"
)

// Whether the certificates of a line have been revoked, in the order in which it can
// be known:
//
//	verdict      staples of the gateway (RFC 4806) and of the EAP server, and the cache:
//	             revoked -> refused before anything of the user's has left
//	watch        the first Child SA stands, or a successor has taken over
//	  strict, and nothing good is known: hold (gate.go) -> no packet but the check's,
//	             no routes, no DNS, for strictPatience at most
//	inspect      the authorities are asked, through the tunnel and no other way
//	inspected    revoked -> nothing passes any more, and the line ends
//	             good    -> release, and inspect again before the answer ends
//	             unknown -> relaxed: a warning; strict: held, and then the line ends
//
// A password can be given away before the authorities have been asked: without a
// staple and with an empty cache nobody can be, for that takes the tunnel, and the
// tunnel takes the sign-in. It goes to a gateway that has proven to be the one in the
// certificate. Strict means that nothing else does until the answer is there.

const (
	// strictPatience is how long a strict line is held without an answer.
	strictPatience = 30 * time.Second
	// inspection bounds one round of questions to the authorities.
	inspection = 20 * time.Second
	// heldPause is between rounds of a line that is held.
	heldPause = 3 * time.Second
	// firstInspection and longestInspection bound the pause after a round without an
	// answer; it doubles.
	firstInspection, longestInspection = 30 * time.Second, time.Hour
	// young is the age of an answer that is not asked for again at once.
	young = time.Hour
	// maxLead and leastInspection bound how long before the end of an answer the
	// next one is asked for, and how soon.
	maxLead, leastInspection = 10 * time.Minute, 10 * time.Second
	// longestWatch is the longest time between two rounds.
	longestWatch = 24 * time.Hour
	// maxWatched bounds the chains of one session: the gateway's, and one for each
	// sign-in.
	maxWatched = 8
)

// Revocation knows what authorities say of certificates. Paths are those of
// auth.VerifyPath, staples DER of OCSP responses. Safe for concurrent use.
type Revocation interface {
	// Known judges by what is at hand, and never waits.
	Known(path []*x509.Certificate, staples [][]byte) auth.PathVerdict
	// Fetch asks the authorities.
	Fetch(ctx context.Context, path []*x509.Certificate, staples [][]byte, via Via) auth.PathVerdict
}

// Via is the way through the tunnel.
type Via struct {
	Servers []netip.Addr // name servers inside
	Dial    func(ctx context.Context, network string, to netip.AddrPort) (net.Conn, error)
}

// watched is a chain that a session was trusted by.
type watched struct {
	path    []*x509.Certificate
	staples [][]byte
	eap     bool
	verdict auth.PathVerdict
}

// vigil is the watch over the chains of the session in use.
type vigil struct {
	next    time.Time // when the authorities are asked; zero: not, or they are being asked
	running bool      // they are
	tries   int       // without an answer
	held    bool      // strict, and nothing good is known
	until   time.Time // held: when the line ends
	known   *watched  // the first chain without a good answer, and why
	cancel  func()    // of the round under way
	told    bool      // Up has been emitted
	gate    *gate     // between device and plane
}

// trusted judges a chain by a policy, and by what is known of its revocation.
func (l *line) trusted(s *strand, e ike.NeedVerdict, p auth.ChainPolicy) error {
	path, err := auth.VerifyPath(e.Chain, p)
	if err != nil || l.revocation() == profile.RevocationOff {
		return err
	}
	w := &watched{path: path, eap: e.EAP, verdict: auth.PathVerdict{Certificate: path[0], Err: auth.ErrNoPlace}}
	for _, der := range e.OCSP {
		w.staples = append(w.staples, slices.Clone(der))
	}
	if l.cfg.Revocation != nil {
		w.verdict = l.cfg.Revocation.Known(path, w.staples)
	}
	l.log.Info("revocation", "certificate", path[0].Subject.CommonName, "eap", e.EAP, "staples", len(e.OCSP), "known", w.verdict.Standing.String())
	if w.verdict.Standing == auth.StandingRevoked {
		l.distrustAlso(w.verdict)
		return w.verdict.Refusal()
	}
	s.watched = slices.DeleteFunc(s.watched, func(o *watched) bool { return o.eap == w.eap && o.path[0].Equal(w.path[0]) })
	if len(s.watched) == maxWatched {
		return fmt.Errorf("tunnel: more than %d certificates of one session", maxWatched)
	}
	s.watched = append(s.watched, w)
	return nil
}

// distrustAlso has the session in use end, too, where it hangs on a certificate that a
// successor was refused for.
func (l *line) distrustAlso(v auth.PathVerdict) {
	if !l.up || l.quitting() {
		return
	}
	for _, w := range l.watched {
		if slices.ContainsFunc(w.path, v.Certificate.Equal) {
			w.verdict = v
			l.weigh()
			return
		}
	}
}

func (l *line) revocation() profile.Revocation { return l.cfg.Profile.Gateway.Revocation.Mode() }

// watch begins with the session in use, of which the strand may be new.
func (l *line) watch() {
	v := &l.vigil
	if v.cancel != nil {
		v.cancel()
	}
	v.running, v.tries, v.next = false, 0, time.Time{}
	if len(l.watched) == 0 || l.revocation() == profile.RevocationOff {
		l.release()
		return
	}
	old := slices.ContainsFunc(l.watched, func(w *watched) bool {
		return w.verdict.Standing != auth.StandingGood || !w.verdict.Issued.IsZero() && time.Since(w.verdict.Issued) > young
	})
	l.weigh()
	if old {
		v.next = time.Now()
	}
}

// weigh holds what is known of all chains against the mode, and plans what is next.
func (l *line) weigh() {
	v := &l.vigil
	now := time.Now()
	v.known = nil
	var until time.Time
	for _, w := range l.watched {
		switch w.verdict.Standing {
		case auth.StandingRevoked:
			v.gate.hold() // the goodbye takes a moment, in which nothing more goes there
			l.fail(explainWatched(w, w.verdict.Refusal()))
			return
		case auth.StandingUnknown:
			if v.known == nil {
				v.known = w
			}
		case auth.StandingGood:
			until = earlier(until, w.verdict.Until)
		}
	}
	switch strict := l.revocation() == profile.RevocationStrict; {
	case v.known == nil:
		v.next, v.tries = watchAgain(now, until), 0
		l.release()
	case strict:
		v.next = now.Add(heldPause)
		l.hold()
	default:
		v.next = now.Add(min(firstInspection<<min(v.tries, 10), longestInspection))
		l.release()
	}
	l.warnUnknown()
}

// watchAgain is when the authorities are asked again: some time before the answer
// ends, not by everybody at the same moment. zero: the answer has no end.
func watchAgain(now, until time.Time) time.Time {
	if until.IsZero() {
		return time.Time{}
	}
	left := until.Sub(now)
	lead := min(left/4, maxLead)
	lead = lead/2 + time.Duration(rand.Int64N(int64(max(lead/2, 0))+1))
	return now.Add(min(max(left-lead, leastInspection), longestWatch))
}

// warnUnknown says in the status what is not known of a line, and that it is held for
// that. An authority that names no place to ask says so of all its certificates, and
// nobody can help it.
func (l *line) warnUnknown() {
	var warnings []string
	whose := "gateway"
	if w := l.vigil.known; w != nil && w.eap {
		whose = "server that checks accounts"
	}
	switch w := l.vigil.known; {
	case w == nil:
	case l.vigil.held:
		warnings = []string{"Nothing passes the line at the moment: whether the certificate of the " + whose + " has been revoked is not known any more, and the profile insists on it; it is being asked."}
	case l.vigil.tries > 0 && !errors.Is(w.verdict.Err, auth.ErrNoPlace):
		warnings = []string{"Whether the certificate of the " + whose + " has been revoked is not known, because its issuer's service did not answer through the tunnel; it is asked again by and by, and if this stays, tell your administrator."}
	}
	if !slices.Equal(l.info.Warnings, warnings) {
		l.info.Warnings = warnings
		l.changed()
	}
}

// hold keeps everything but the check's own packets off the line.
func (l *line) hold() {
	v := &l.vigil
	if v.held {
		return
	}
	v.held, v.until = true, time.Now().Add(strictPatience)
	v.gate.hold()
	l.log.Info("the line is held until its gateway is known not to be revoked", "until", v.until.Round(time.Second))
}

// holdFor holds a line before it moves to a successor that a strict profile does not
// know to be good.
func (l *line) holdFor(s *strand) {
	unknown := slices.ContainsFunc(s.watched, func(w *watched) bool { return w.verdict.Standing != auth.StandingGood })
	if unknown && l.revocation() == profile.RevocationStrict {
		l.hold()
	}
}

// release lets everything pass, and tells that the line is up.
func (l *line) release() {
	v := &l.vigil
	if v.held {
		v.held, v.until = false, time.Time{}
		v.gate.release()
		l.log.Info("the line is held no more")
	}
	if l.up && !v.told {
		v.told = true
		l.log.Info("the line is up", "device", l.net.Interface, "mtu", l.net.MTU, "addresses", l.net.Addresses,
			"routes", l.net.Routes, "dns", l.net.DNS, "domains", l.net.Domains)
		l.emit(Up{Network: l.net, Info: l.info})
	}
}

// tellUp tells what the line wants of the system, unless it is held.
func (l *line) tellUp() {
	if l.vigil.told {
		l.emit(Up{Network: l.net, Info: l.info})
	}
}

// vigilDeadline is when keepWatch has something to do; zero: never.
func (l *line) vigilDeadline() time.Time {
	if !l.up || l.quitting() {
		return time.Time{}
	}
	return earlier(l.vigil.next, l.vigil.until)
}

// keepWatch does what the vigil has to do at this time.
func (l *line) keepWatch(now time.Time) {
	v := &l.vigil
	switch {
	case !l.up || l.quitting():
	case v.held && !v.until.After(now):
		l.fail(explainWatched(v.known, v.known.verdict.Refusal()))
	case !v.running && !v.next.IsZero() && reached(v.next, now):
		l.inspect()
	}
}

// reached says whether a time has come, by the clock on the wall or without it: answers
// end by the calendar, also while this machine sleeps, and a clock that was set back
// puts no question off.
func reached(at, now time.Time) bool {
	return !at.After(now) || !at.Round(0).After(now.Round(0))
}

// inspect asks the authorities of every chain, on a goroutine of its own.
func (l *line) inspect() {
	v := &l.vigil
	v.running, v.next = true, time.Time{}
	ctx, cancel := context.WithTimeout(l.life, inspection)
	v.cancel = cancel
	asked, via := slices.Clone(l.watched), l.via()
	l.asking.Go(func() {
		defer cancel()
		verdicts := make([]auth.PathVerdict, len(asked))
		for i, w := range asked {
			verdicts[i] = auth.PathVerdict{Certificate: w.path[0], Err: auth.ErrNoPlace}
			if l.cfg.Revocation != nil {
				verdicts[i] = l.cfg.Revocation.Fetch(ctx, w.path, w.staples, via)
			}
		}
		l.call(l.life, func() { l.inspected(asked, verdicts) }, func() {})
	})
}

// inspected takes the answers, unless they are about a session that is not in use any
// more: of that the vigil has begun anew.
func (l *line) inspected(asked []*watched, verdicts []auth.PathVerdict) {
	if !slices.Equal(asked, l.watched) {
		return
	}
	v := &l.vigil
	v.running = false
	v.tries++
	for i, w := range asked {
		w.verdict = verdicts[i]
		l.log.Info("revocation, by the authorities", "certificate", w.path[0].Subject.CommonName, "eap", w.eap,
			"standing", w.verdict.Standing.String(), "until", w.verdict.Until, "err", w.verdict.Err)
	}
	l.weigh()
}

// via is the way through the line's own device.
func (l *line) via() Via {
	device, gate := l.net.Interface, l.vigil.gate
	return Via{Servers: slices.Clone(l.net.DNS), Dial: func(ctx context.Context, network string, to netip.AddrPort) (net.Conn, error) {
		if l.cfg.DialThrough == nil {
			return nil, errors.ErrUnsupported
		}
		return gate.dial(network, to, func() (net.Conn, error) { return l.cfg.DialThrough(ctx, device, network, to) })
	}}
}

func explainWatched(w *watched, e *auth.CertificateError) *diagnose.Failure {
	if w.eap && e.Kind == auth.Revoked {
		return explainServer(e)
	}
	return explainCertificate(e)
}
