package ike_test

import (
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/ike"
	"github.com/homeward-vpn/homeward/ike/iketest"
)

// RFC 7296 2.8: an SA that is found to be too old, because the machine slept or
// had no network, is not used any more: a Child SA makes room for a new one, and
// with the IKE SA the Session ends.
//
//	... asleep beyond the Child SA's lifetime ...
//	--> CREATE_CHILD_SA { N(REKEY_SA), SA, Ni, KEi, TSi, TSr }  <-- CREATE_CHILD_SA { SA, Nr, KEr, TSi, TSr }
//	--> INFORMATIONAL { D(ESP) }                                <-- INFORMATIONAL { D(ESP) }
func TestExpiredSAsAreNotUsed(t *testing.T) {
	t.Parallel()
	asleep := func(t *testing.T, d time.Duration) *iketest.Pair {
		p := connected(t, iketest.PairConfig{Client: func(c *ike.Config) {
			c.ChildLifetime, c.IKELifetime = time.Hour, 4*time.Hour
		}})
		p.Now = p.Now.Add(d) // nobody has looked at a clock meanwhile
		return p
	}
	t.Run("Child SA", func(t *testing.T) {
		t.Parallel()
		p := asleep(t, 2*time.Hour)
		old := p.Active().InboundSPI
		p.Drive(0)
		mustSettle(t, p, time.Minute, 1)
		removed, last := -1, 0
		for i, e := range p.Events {
			switch e := e.(type) {
			case ike.ChildRemoved:
				if e.InboundSPI == old {
					removed = i
				}
			case ike.ChildAdded:
				last = i
			}
		}
		if removed < 0 || removed > last || iketest.Count[ike.ChildAdded](p) != 2 {
			t.Errorf("the old one is removed as event %d, the last of %d is added as %d", removed, iketest.Count[ike.ChildAdded](p), last)
		}
	})
	t.Run("Child SA, without a network", func(t *testing.T) {
		t.Parallel()
		p := asleep(t, 0)
		old := p.Active().InboundSPI
		if err := p.Do(ike.NoPath{}); err != nil {
			t.Fatal(err)
		}
		p.Drive(time.Hour)
		if _, there := p.SAs[old]; there {
			t.Error("the old one is there still")
		}
		if err := p.Do(ike.CheckLiveness{Urgent: true}); err != nil {
			t.Fatal(err)
		}
		mustSettle(t, p, time.Minute, 1)
		if p.Active().InboundSPI == old {
			t.Error("no other")
		}
	})
	t.Run("IKE SA", func(t *testing.T) {
		t.Parallel()
		p := asleep(t, 4*time.Hour)
		sent := len(p.Sent)
		p.Drive(0)
		mustFail(t, p, ike.CausePeerDead)
		if len(p.Sent) > sent+1 {
			t.Errorf("%d messages under the old IKE SA", len(p.Sent)-sent)
		}
	})
}
