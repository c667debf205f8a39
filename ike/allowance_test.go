package ike

import (
	"testing"
	"time"
)

// TestAllowance: a burst, then one at a time; a move of ours grants what it makes the
// peer do, and never more than a full bucket.
func TestAllowance(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	var a allowance
	spend := func() (n int) {
		for n < 1000 && a.take(now) {
			n++
		}
		return n
	}
	if n := spend(); n != peerRekeyBurst {
		t.Errorf("%d at once", n)
	}
	now = now.Add(3 * peerRekeyEvery)
	if n := spend(); n != 3 {
		t.Errorf("%d after three pauses", n)
	}
	a.grant(2)
	if n := spend(); n != 2 {
		t.Errorf("%d after a move", n)
	}
	a.grant(1000)
	if n := spend(); n != peerRekeyBurst {
		t.Errorf("%d after a thousand moves", n)
	}
}
