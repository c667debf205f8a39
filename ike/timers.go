package ike

import "time"

// timerKind says what is to be done when a timer fires.
type timerKind uint8

// The timers. The owner is the id of an IKE SA, the inbound SPI of a Child SA,
// or 0 where there is one of a kind.
const (
	timerRetransmit   timerKind = iota + 1 // IKE SA: the request under way gets its next try
	timerHint                              // 0: an unprotected error has stood long enough to be believed
	timerCookie                            // 0: no full answer has come, so the cookie is followed
	timerClose                             // 0: the Delete of the IKE SA has waited long enough
	timerForgetIKE                         // IKE SA: the peer should have deleted it by now
	timerForgetChild                       // Child SA: the peer should have deleted it by now
	timerUnfinished                        // IKE SA: the peer should have gone on with its key exchanges by now
	timerHold                              // 0: requests on a new IKE SA have waited long enough
	timerRekeyIKE                          // IKE SA: soft lifetime
	timerRekeyChild                        // Child SA: soft lifetime
	timerCreateChild                       // 0: time to ask again for a Child SA
	timerLiveness                          // 0: nothing may have been heard for too long
	timerNATKeepalive                      // 0: the NAT's mapping wants a packet
	timerFragments                         // IKE SA: half a message has waited long enough
	timerUpdate                            // 0: time to ask again whether the path is agreed to
	timerEndIKE                            // 0: the current IKE SA is too old to be used
	timerEndChild                          // Child SA: it is too old to be used
)

// timerKey names one timer.
type timerKey struct {
	kind  timerKind
	owner uint64
}

// timer is one row of the table.
type timer struct {
	timerKey
	at time.Time
}

// timerTable holds every deadline of a Session. There are a few timers per SA,
// and few SAs, so a scanned slice is enough. The zero value is ready to use.
type timerTable struct{ rows []timer }

// set arms a timer, or moves it.
func (t *timerTable) set(k timerKind, owner uint64, at time.Time) {
	key := timerKey{k, owner}
	for i := range t.rows {
		if t.rows[i].timerKey == key {
			t.rows[i].at = at
			return
		}
	}
	t.rows = append(t.rows, timer{key, at})
}

// stop disarms a timer; one that is not armed is left so.
func (t *timerTable) stop(k timerKind, owner uint64) {
	key := timerKey{k, owner}
	for i := range t.rows {
		if t.rows[i].timerKey == key {
			t.rows = append(t.rows[:i], t.rows[i+1:]...)
			return
		}
	}
}

// at says whether a timer is armed, and for when.
func (t *timerTable) at(k timerKind, owner uint64) (time.Time, bool) {
	key := timerKey{k, owner}
	for i := range t.rows {
		if t.rows[i].timerKey == key {
			return t.rows[i].at, true
		}
	}
	return time.Time{}, false
}

// clear disarms everything.
func (t *timerTable) clear() { t.rows = nil }

// next is the earliest deadline; zero: none.
func (t *timerTable) next() time.Time {
	if i := t.earliest(); i >= 0 {
		return t.rows[i].at
	}
	return time.Time{}
}

// pop removes and returns the earliest timer that is due at now. Of timers with
// one deadline the order is that of kind and owner, so that runs repeat exactly.
func (t *timerTable) pop(now time.Time) (timerKey, bool) {
	i := t.earliest()
	if i < 0 || t.rows[i].at.After(now) {
		return timerKey{}, false
	}
	key := t.rows[i].timerKey
	t.rows = append(t.rows[:i], t.rows[i+1:]...)
	return key, true
}

// earliest is the row that fires first, or -1.
func (t *timerTable) earliest() int {
	best := -1
	for i := range t.rows {
		if best < 0 || t.rows[i].before(t.rows[best]) {
			best = i
		}
	}
	return best
}

// before orders timers by deadline, kind and owner.
func (a timer) before(b timer) bool {
	switch {
	case !a.at.Equal(b.at):
		return a.at.Before(b.at)
	case a.kind != b.kind:
		return a.kind < b.kind
	default:
		return a.owner < b.owner
	}
}
