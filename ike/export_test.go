package ike

// What the tests of package ike_test may see of a Session's inside.

// Weight is how many octets hang on a Session.
func Weight(s *Session) int { return weight(s) }

// Held says in what a Session holds more than it may; "": in nothing.
func Held(s *Session) string {
	queued := 0
	for _, sa := range s.sas {
		queued += len(sa.queue)
		if len(sa.unfinished) > maxUnfinished {
			return "unfinished key exchanges"
		}
	}
	switch {
	case len(s.sas) > maxIKESAs+2: // and two of our own
		return "ike sas"
	case len(s.children) > s.cfg.MaxChildren+maxReplaced+2:
		return "child sas"
	case len(s.timers.rows) > 8+5*len(s.sas)+2*len(s.children):
		return "timers"
	case queued > 64+len(s.children)+len(s.sas):
		return "queued requests"
	case len(s.postponed) > s.cfg.MaxChildren:
		return "postponed child sas"
	case len(s.mobility.theirs) > maxPeerAddresses || len(s.mobility.proven) > maxPeerAddresses || len(s.mobility.refused) > maxRefused:
		return "addresses"
	case s.init != nil && len(s.init.seen) > maxTried:
		return "candidates"
	case s.phase == phaseClosed && len(s.sas)+len(s.children)+len(s.timers.rows) > 0:
		return "anything after the end"
	}
	return ""
}
