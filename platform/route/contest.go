package route

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"
)

// What somebody else has taken away is set again. Two programs that both insist
// would go on for ever: after contestLimit times within contestTime the other one
// has its way for contestRest, and that is said. A kill switch still refuses what
// would leave beside the tunnel then. What nobody else touches is no contest: a new
// local network, another Config.
const (
	contestLimit = 6
	contestTime  = time.Minute
	contestRest  = 10 * time.Minute
)

// ContestedError says that somebody else removes our routes, rules or addresses
// again and again, and that they do not stand until Set is called after Until, or
// with another Config. Find it with errors.As.
type ContestedError struct {
	What  string // of what was lost last: "the rule for IPv4"
	Until time.Time
}

// Error implements error.
func (e *ContestedError) Error() string {
	return fmt.Sprintf("another program keeps removing %s: it is not set again until %s", e.What, e.Until.Format(time.TimeOnly))
}

// contest counts what was lost.
type contest struct {
	lost  []time.Time
	until time.Time   // we rest; zero: we do not
	again *time.Timer // the end of the rest
}

// contested tells whether what was taken away is to be left alone.
func (r *Router) contested(c Config, p plan) error {
	if !r.set.equal(c) {
		r.peace()
		return nil
	}
	what := r.lost(p)
	if what == "" {
		return nil
	}
	now := time.Now()
	if now.Before(r.contest.until) {
		return &ContestedError{What: what, Until: r.contest.until}
	}
	r.contest.until = time.Time{}
	r.contest.lost = slices.DeleteFunc(r.contest.lost, func(t time.Time) bool { return now.Sub(t) >= contestTime })
	r.contest.lost = append(r.contest.lost, now)
	if len(r.contest.lost) <= contestLimit {
		r.logger.Warn("somebody else has removed what leads into the tunnel; it is set again", "what", what)
		return nil
	}
	r.peace()
	r.contest.until = now.Add(contestRest)
	r.contest.again = time.AfterFunc(contestRest, func() {
		select {
		case r.rested <- struct{}{}:
		default: // known already
		}
	})
	e := &ContestedError{What: what, Until: r.contest.until}
	r.logger.Error("somebody else keeps removing what leads into the tunnel, and it is left alone", "what", what, "until", e.Until)
	return e
}

// peace forgets a contest.
func (r *Router) peace() {
	if r.contest.again != nil {
		r.contest.again.Stop()
	}
	r.contest = contest{}
}

// equal says that two Configs mean the same.
func (c Config) equal(o Config) bool {
	return c.Interface == o.Interface && c.Mark == o.Mark && c.Full == o.Full &&
		slices.Equal(c.Addresses, o.Addresses) && slices.Equal(c.Routes, o.Routes) &&
		slices.Equal(c.Exclude, o.Exclude) && slices.Equal(c.Hosts, o.Hosts)
}

// lost names something of ours that a plan has to make anew; "": nothing.
func (r *Router) lost(p plan) string {
	switch {
	case p.raise:
		return "the tunnel device from use"
	case len(p.readdress) > 0:
		return "the address " + p.readdress[0].String()
	}
	for _, l := range p.addRules {
		if slices.Contains(r.rules, l) && l.ipv6 {
			return "the rule for IPv6"
		} else if slices.Contains(r.rules, l) {
			return "the rule for IPv4"
		}
	}
	for _, e := range p.add {
		if r.made[e.prefix] == e {
			return "the route " + e.prefix.String()
		}
	}
	for _, f := range p.loosen {
		if _, ours := r.loosened[f.Interface]; ours {
			return "the loose reverse path filter of " + f.Interface
		}
	}
	return ""
}

// remember keeps what stands after a plan was applied.
func (r *Router) remember(p plan, w world) {
	r.made = make(map[netip.Prefix]routeEntry, len(w.have)+len(p.add))
	maps.Copy(r.made, w.have)
	for _, e := range p.remove {
		delete(r.made, e.prefix)
	}
	for _, e := range p.add {
		r.made[e.prefix] = e
	}
	r.rules = slices.DeleteFunc(slices.Concat(w.rules, p.addRules), func(l rule) bool { return slices.Contains(p.dropRules, l) })
}
