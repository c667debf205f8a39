package service

import (
	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/ondemand"
	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/supervisor"
)

// describe says what comes by itself, as far as the caller may know: of their own
// profiles, or, for an administrator without such, of anybody's. nil: nothing does.
func (a *automation) describe(c control.Caller) *control.Automatic {
	a.mu.Lock()
	defer a.mu.Unlock()
	at := -1
	for i := range a.found {
		of := &a.found[i]
		switch {
		case of.stored.Owner != c.UID && of.stored.Owner != profile.OwnerSystem && !c.Admin:
		case at < 0, of.wish() == wishOf(a.seen.Request),
			a.found[at].wish() != wishOf(a.seen.Request) && a.rank(of) > a.rank(&a.found[at]):
			at = i
		}
	}
	if at < 0 {
		return nil
	}
	of := &a.found[at]
	out := &control.Automatic{
		Profile: of.stored.Profile.Name, ProfileID: of.stored.Profile.ID, When: string(of.stored.Profile.OnDemand.When),
		Action: string(of.wants(a.seen.Setting)), Reason: of.decision.Reason,
	}
	if of.decision.Rule >= 0 && of.decision.Action != "" {
		out.Rule = of.decision.Rule + 1
	}
	if out.Reason == "" || a.offline {
		out.Action, out.Reason = string(ondemand.Ignore), "There is no network."
	}
	out.Waiting = a.waiting(of)
	return out
}

// rank is how much a profile's own wish tells about what is going on. The caller holds mu.
func (a *automation) rank(c *candidate) int {
	switch {
	case c.may(a.seen, &a.persons):
		return 2
	case c.wants(a.seen.Setting) == ondemand.Connect:
		return 1
	}
	return 0
}

// waiting says in a sentence why the wish of the rules is not followed, "" where it
// is. The caller holds mu.
func (a *automation) waiting(c *candidate) string {
	id := c.wish()
	locked := a.seen.Setting == supervisor.SetLockdown
	up := a.seen.Phase != supervisor.Disconnected && a.seen.Phase != supervisor.Blocked
	_, ended := a.persons.ended[id]
	failed := a.persons.failed[id]
	wants := c.wants(a.seen.Setting)
	switch {
	case a.offline:
		return ""
	case up && wishOf(a.seen.Request) == id:
		if wants == ondemand.Disconnect && !a.seen.Request.Automatic {
			return "You have connected yourself, so the line stays until you disconnect or the rules decide something else."
		}
		return ""
	case wants != ondemand.Connect:
		return ""
	case up:
		return "Another line is up."
	case ended && !locked:
		return "You have disconnected yourself, so the line stays down until you connect or the rules decide something else."
	case failed != nil:
		return "It is not tried again by itself: " + failed.Sentence()
	case !c.able:
		return "Nobody is there to sign in: it comes when you are signed in to the computer and «homewardctl attend» runs, or a window of Homeward is open."
	}
	return ""
}
