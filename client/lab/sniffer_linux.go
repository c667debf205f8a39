package lab

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// Sniffer watches what the client's machine sends into each of its cables, at
// the other end of each: out of reach of whatever the client's machine does or
// hides. It counts by phase what may leave and what may not. Safe for
// concurrent use.
type Sniffer struct {
	captures []*Capture

	mu      sync.Mutex
	allowed Allowed
	phase   string
	begun   time.Time
	tally   Tally
	first   time.Time // when this phase leaked first
	armed   string    // the phase that a frame begins; empty: none
	by      []Protocol
	ended   *Tally // what that phase has ended
}

// keepLeaks is how many leaks of a phase are kept one by one.
const keepLeaks = 20

// Sniff starts to watch, in a phase of this name.
func (l *Lab) Sniff(phase string, allowed Allowed) (*Sniffer, error) {
	s := &Sniffer{allowed: allowed, phase: phase, begun: time.Now(), tally: emptyTally()}
	for _, end := range l.cableEnds() {
		watch := func(f Frame, octets []byte) {
			if !f.Outgoing { // of the machine at the other end
				s.judge(end.of, f, octets)
			}
		}
		c, err := l.Capture(end.at, end.device, watch)
		if err != nil {
			return nil, errors.Join(err, s.Close())
		}
		s.captures = append(s.captures, c)
	}
	return s, nil
}

// cableEnd is the other end of one of the client's cables.
type cableEnd struct {
	of     string // the client's device
	at     *Namespace
	device string
}

func (l *Lab) cableEnds() []cableEnd {
	ends := []cableEnd{{"eth0", l.network.router, "lan"}}
	if l.Uplinks != nil {
		ends = append(ends, cableEnd{"lte0", l.network.carrier, "lan"},
			cableEnd{"cable0", l.network.internet, "cable"}, cableEnd{"six0", l.network.internet, "six"})
		if l.Uplinks.NAT64 != nil {
			ends = append(ends, cableEnd{"nat0", l.network.translator, "lan"})
		}
	}
	return ends
}

func emptyTally() Tally { return Tally{Allowed: map[Protocol]int{}, Leaked: map[Sort]int{}} }

func (s *Sniffer) judge(device string, f Frame, octets []byte) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.allowed.may(f, octets) {
		if s.armed != "" && slices.Contains(s.by, f.Protocol) {
			t := s.turn(now, s.armed)
			s.ended, s.armed = &t, ""
		}
		s.tally.Allowed[f.Protocol]++
		return
	}
	sort := f.sort()
	if len(s.tally.Leaked) == 0 {
		s.first = now
	}
	s.tally.Leaked[sort]++
	s.tally.Open = now.Sub(s.first)
	if len(s.tally.First) < keepLeaks {
		s.tally.First = append(s.tally.First, Leak{At: now, Device: device, Phase: s.phase, Sort: sort, Frame: f})
	}
}

// Phase begins another phase and returns what was seen in the one before. The
// error tells of frames that were lost, too.
func (s *Sniffer) Phase(ctx context.Context, name string) (Tally, error) {
	for _, c := range s.captures {
		if err := c.Flush(ctx); err != nil {
			return Tally{}, err
		}
		if lost, err := c.Lost(); err != nil || lost != 0 {
			return Tally{}, errors.Join(err, fmt.Errorf("lab: the sniffer has lost %d frames", lost))
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.armed = ""
	return s.turn(time.Now(), name), nil
}

// turn ends the phase and begins another; mu is held.
func (s *Sniffer) turn(now time.Time, name string) Tally {
	t := s.tally
	t.Phase, t.Took = s.phase, now.Sub(s.begun)
	s.phase, s.begun, s.tally = name, now, emptyTally()
	return t
}

// Arm has another phase begin with the next allowed frame of one of these
// protocols.
func (s *Sniffer) Arm(name string, by ...Protocol) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.armed, s.by, s.ended = name, by, nil
}

// Armed returns what was seen in the phase that was ended by the frame which
// Arm named; false: no such frame has come.
func (s *Sniffer) Armed() (Tally, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended == nil {
		return Tally{}, false
	}
	return *s.ended, true
}

// Allow changes what may leave, from the next frame on that is looked at.
func (s *Sniffer) Allow(allowed Allowed) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.allowed = allowed
}

// Leaked counts the leaks of this phase so far. The caller owns the map.
func (s *Sniffer) Leaked() map[Sort]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.tally.Leaked)
}

// Close ends the watch; what it saw can still be read.
func (s *Sniffer) Close() error {
	var errs []error
	for _, c := range s.captures {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}
