package service

import (
	"maps"

	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/client/ondemand"
	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/supervisor"
)

// candidate is a profile that may connect by itself, and what its rules say.
type candidate struct {
	stored   profile.Stored
	decision ondemand.Decision
	able     bool // somebody can sign in without being called
}

// wish tells the candidates apart: what is laid down for everybody several have.
type wish struct {
	profile string
	owner   uint32
}

func (c *candidate) wish() wish { return wish{c.stored.Profile.ID, c.stored.Owner} }

// wishOf is the candidate whose line is asked for.
func wishOf(r supervisor.Request) wish { return wish{r.ProfileID, r.Owner} }

// said is what rules said, as far as it tells one decision from another.
type said struct {
	action ondemand.Action
	rule   int
}

func (c *candidate) said() said { return said{c.decision.Action, c.decision.Rule} }

// respect is what goes before the rules: what persons have asked for, until the rules
// say something else than they did then, and what has failed for good.
type respect struct {
	ended  map[wish]said // its owner has disconnected when the rules said this
	asked  map[wish]said // its owner has connected when the rules said this
	failed map[wish]*diagnose.Failure
}

func newRespect() respect {
	return respect{ended: map[wish]said{}, asked: map[wish]said{}, failed: map[wish]*diagnose.Failure{}}
}

// pending stands for what the rules say at the next look, where they have not been
// held against this network yet.
var pending said

// person takes note that the owner of profiles has connected by one of them, or, with
// "", has disconnected. list is of the last round.
func (r *respect) person(owner uint32, connected string, list []candidate) {
	delete(r.failed, wish{connected, owner})
	for i := range list {
		c := &list[i]
		id := c.wish()
		switch {
		case c.stored.Owner != owner:
		case connected == "":
			r.ended[id] = c.said()
		default:
			delete(r.ended, id)
		}
	}
}

// moved forgets what was true of the old network only. A password that was refused is
// refused in every network, and repeating it locks the account.
func (r *respect) moved(list []candidate) {
	maps.DeleteFunc(r.failed, func(_ wish, f *diagnose.Failure) bool { return !f.Cause.Refused() && !ofPerson(f.Cause) })
	for i := range list {
		if c := &list[i]; c.stored.Profile.OnDemand.When == profile.WhenAlways {
			delete(r.ended, c.wish())
		}
	}
}

// arrived forgets what failed for want of somebody who answers.
func (r *respect) arrived(uid uint32, list []candidate) {
	for i := range list {
		if id := list[i].wish(); id.owner == uid && r.failed[id] != nil && ofPerson(r.failed[id].Cause) {
			delete(r.failed, id)
		}
	}
}

// ofPerson says that an attempt has failed for what a user, or a program of theirs,
// did not give.
func ofPerson(c diagnose.Cause) bool {
	switch c {
	case diagnose.CauseCredentialsMissing, diagnose.CauseUnanswered, diagnose.CauseKeychain, diagnose.CauseCertificateMissing,
		diagnose.CauseKeyMissing, diagnose.CauseCardRemoved, diagnose.CausePINWrong, diagnose.CausePINLocked, diagnose.CauseSignInExpired:
		return true
	}
	return false
}

// saw takes note of an attempt that has ended for good.
func (r *respect) saw(before, now supervisor.State) {
	f := now.Failure
	over := now.Phase == supervisor.Disconnected || now.Phase == supervisor.Blocked
	if id := wishOf(before.Request); over && before.Phase != now.Phase && f != nil && id.profile != "" && !f.Cause.Passing() {
		switch f.Cause {
		case diagnose.CauseLockdown, diagnose.CauseServiceRestarted, diagnose.CauseCancelled:
		default:
			r.failed[id] = f
		}
	}
	if now.Phase == supervisor.Connected {
		delete(r.failed, wishOf(now.Request))
	}
	if id := wishOf(now.Request); id.profile != "" && !now.Request.Automatic && (id != wishOf(before.Request) || before.Request.Automatic) {
		r.asked[id] = pending
	}
}

// prune forgets what the rules have overtaken, and profiles that are no more.
func (r *respect) prune(list []candidate) {
	now := map[wish]*candidate{}
	for i := range list {
		now[list[i].wish()] = &list[i]
	}
	for _, wishes := range []map[wish]said{r.ended, r.asked} {
		for id, then := range wishes {
			switch c := now[id]; {
			case c == nil:
				delete(wishes, id)
			case c.decision.Action == "": // there is no network
			case then == pending:
				wishes[id] = c.said()
			case then != c.said():
				delete(wishes, id)
			}
		}
	}
	maps.DeleteFunc(r.failed, func(id wish, _ *diagnose.Failure) bool { return now[id] == nil })
}

// wants is what a profile's rules want in the end: in lockdown the tunnel is the only
// way out, so it is wanted everywhere.
func (c *candidate) wants(setting supervisor.Setting) ondemand.Action {
	if setting == supervisor.SetLockdown {
		return ondemand.Connect
	}
	return c.decision.Action
}

// may says whether a line by this profile may be asked for now.
func (c *candidate) may(s supervisor.State, r *respect) bool {
	id := c.wish()
	_, ended := r.ended[id]
	_, failed := r.failed[id]
	return c.wants(s.Setting) == ondemand.Connect && c.able && !failed && (!ended || s.Setting == supervisor.SetLockdown)
}

// choose gives the wish that follows, nil for none; where there is no network there is
// none: what stands waits for one by itself. The first profile in the list that wants
// a line and may have it does.
func choose(list []candidate, s supervisor.State, r *respect, online bool) supervisor.Event {
	if !online || s.Phase == supervisor.Disconnecting {
		return nil
	}
	first := -1
	for i := range list {
		if list[i].may(s, r) {
			first = i
			break
		}
	}
	if s.Phase != supervisor.Disconnected && s.Request != (supervisor.Request{}) {
		for i := range list {
			if list[i].wish() == wishOf(s.Request) {
				if e := leave(&list[i], first >= 0 && first != i, s, r); e != nil {
					return e
				}
			}
		}
		if s.Phase != supervisor.Blocked {
			return nil
		}
	}
	if first < 0 {
		return nil
	}
	return supervisor.Wanted{Connect: true, Request: list[first].request()}
}

// leave gives the event that ends a line by this profile, nil where it stays: one that
// a person has asked for ends when the rules have changed their mind since.
func leave(c *candidate, another bool, s supervisor.State, r *respect) supervisor.Event {
	_, asked := r.asked[c.wish()]
	switch wants := c.wants(s.Setting); {
	case wants == ondemand.Connect:
	case wants == ondemand.Disconnect && s.Request.Automatic, wants == ondemand.Ignore && s.Request.Automatic && another:
		return supervisor.Wanted{Request: s.Request}
	case wants == ondemand.Disconnect && !asked && !s.Request.Automatic:
		return supervisor.Disconnect{}
	}
	return nil
}

// request is the wish for a line by this profile.
func (c *candidate) request() supervisor.Request {
	p := &c.stored.Profile
	return wishes(supervisor.Request{
		ProfileID: p.ID, ProfileName: p.Name, Owner: c.stored.Owner, Automatic: true, AlwaysOn: true,
	}, p)
}
