package dns

import (
	"fmt"
	"time"
)

// Two programs that both write resolv.conf whenever the other has would do so
// for ever. After contestLimit times within contestTime we leave the file to the
// other one, for contestRest, and say so.
const (
	contestLimit = 6
	contestTime  = time.Minute
	contestRest  = 10 * time.Minute
)

// ContestedError says that somebody else writes the system's resolver
// configuration again and again, and that ours does not stand until Set is
// called after Until, or with another Config. Find it with errors.As.
type ContestedError struct {
	Path  string
	Until time.Time
}

// Error implements error.
func (e *ContestedError) Error() string {
	return fmt.Sprintf("another program keeps writing %s: it is left alone until %s", e.Path, e.Until.Format(time.TimeOnly))
}

// contest counts how often ours was overwritten.
type contest struct {
	lost  []time.Time
	until time.Time // we rest; zero: we do not
}

// lose notes that ours has been overwritten once more, and tells whether it may
// be written again.
func (c *contest) lose(now time.Time) bool {
	if now.Before(c.until) {
		return false
	}
	c.until = time.Time{}
	recent := c.lost[:0]
	for _, t := range c.lost {
		if now.Sub(t) < contestTime {
			recent = append(recent, t)
		}
	}
	c.lost = append(recent, now)
	if len(c.lost) <= contestLimit {
		return true
	}
	c.lost, c.until = nil, now.Add(contestRest)
	return false
}
