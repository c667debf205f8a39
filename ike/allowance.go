package ike

import "time"

// What the peer's own rekeys may cost. Each is a key exchange to compute and an
// SA to keep until the old one is deleted, and no rule of the protocol limits
// them: a gateway that has them follow each other without a pause would have
// this machine do nothing else.
const (
	peerRekeyBurst = 16          // at once
	peerRekeyEvery = time.Second // and then

	// What may stand at a time before the peer's rekeys have to wait. One that
	// deletes what it has replaced has two or three; one that repeats its requests
	// without end could have the old ones stay for ever (extendPatience).
	maxIKESAs   = 16
	maxReplaced = 48 // Child SAs beside those that carry traffic
)

// mayRekey says whether the peer may have one more SA now, and counts it.
func (s *Session) mayRekey(now time.Time) bool {
	return len(s.sas) < maxIKESAs && len(s.children) < s.cfg.MaxChildren+maxReplaced && s.peerRekeys.take(now)
}

// A gateway that cannot give an SA another address makes its Child SAs anew at every
// move of ours (strongSwan does, where it handles ESP itself). Those are not of its
// own accord, and one that had to wait would leave its packets on the path that is
// gone: a move grants them.

// allowance is a token bucket. The zero value is full.
type allowance struct {
	paid time.Time // when the bucket is full again
}

// take spends one token, if there is one.
func (a *allowance) take(now time.Time) bool {
	if a.paid.Before(now) {
		a.paid = now
	}
	if a.paid.Sub(now) > (peerRekeyBurst-1)*peerRekeyEvery {
		return false
	}
	a.paid = a.paid.Add(peerRekeyEvery)
	return true
}

// grant gives tokens back; there are never more than a full bucket holds.
func (a *allowance) grant(n int) { a.paid = a.paid.Add(-time.Duration(n) * peerRekeyEvery) }
