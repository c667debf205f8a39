package tunnel

import (
	"time"

	"github.com/homeward-vpn/homeward/ike"
)

// A NAT that gives us another place swallows what comes in, and nothing tells. As
// long as packets go out, the line looks several times a second whether any come
// in: where none does, the gateway is asked where it sees us (RFC 7296 2.4,
// RFC 4555 3.8). Behind a NAT it is told at once that it may have changed, which
// saves the way there and back that asking first would cost (RFC 4555 3.8 allows
// it), and does no harm where it has not.
//
// Most of such silences are the end of a conversation, which the last word of ours
// has ended: so the question is put seldom, but for a stream that breaks off while
// packets still go out, and a quiet line is not looked at.

const (
	// lookEvery is the time between two looks at a busy line.
	lookEvery = 75 * time.Millisecond
	// stallAfter is how long nothing has come in when the question is put.
	stallAfter = 150 * time.Millisecond
	// stallPause is the least time between two questions, and streamPause that
	// between two about a stream; it doubles while none is followed by packets.
	stallPause  = 10 * time.Second
	streamPause = 500 * time.Millisecond
	// streamLooks is how many looks in a row find packets where there is a stream.
	streamLooks = 4
	// restAfter is how long nothing has gone out when the looking ends.
	restAfter = time.Second
)

// stall is what a line has seen of its traffic.
type stall struct {
	next    time.Time // when it looks again; zero: not until packets go out
	inbound uint64    // packets that had come in by the last look
	looked  time.Time
	since   time.Time // packets came in after this, and by heard
	heard   time.Time
	asked   time.Time
	open    bool // the gateway has not answered a move that was asked for
	flow    int  // looks in a row that found packets, up to heard
	vain    int  // questions since heard
}

// busy takes word from the plane's goroutine that packets go out again after a rest.
func (l *line) busy() {
	select {
	case l.awake <- struct{}{}:
	default: // known already
	}
}

// begin starts the looking: the packet that woke the line counts.
func (s *stall) begin(now time.Time, inbound uint64) {
	if s.next.IsZero() {
		*s = stall{next: now.Add(lookEvery), inbound: inbound, looked: now, since: now.Add(-restAfter), heard: now, asked: s.asked, open: s.open}
	}
}

// look takes one look, and says whether the line seems to have stalled. sent is
// when packets last went out.
func (s *stall) look(now time.Time, inbound uint64, sent time.Time) bool {
	if inbound != s.inbound {
		if s.heard != s.looked {
			s.flow = 0
		}
		s.inbound, s.since, s.heard, s.vain = inbound, s.looked, now, 0
		s.flow++
	}
	s.looked, s.next = now, now.Add(lookEvery)
	if now.Sub(sent) > restAfter {
		s.next = time.Time{}
		return false
	}
	pause := stallPause
	if s.flow >= streamLooks && now.Sub(sent) < stallAfter {
		pause = min(streamPause<<min(s.vain, 8), stallPause)
	}
	if !sent.After(s.since) || now.Sub(s.heard) < stallAfter || !s.asked.IsZero() && now.Sub(s.asked) < pause {
		return false
	}
	s.asked = now
	s.vain++
	return true
}

// attend does what is due about stalls.
func (l *line) attend(now time.Time) {
	if l.stall.next.IsZero() || l.stall.next.After(now) || !l.up {
		return
	}
	if !l.stall.look(now, l.plane.LastInbound(), l.plane.LastOutbound()) {
		return
	}
	l.log.Debug("packets go out and none come in", "behind_nat", l.info.BehindNAT)
	if l.mobile && l.info.BehindNAT {
		// A move begins the retransmissions anew: one that is asked for again and
		// again would keep a dead gateway alive.
		if !l.stall.open {
			l.stall.open = true
			l.later(ike.Move{})
		}
		return
	}
	l.later(ike.CheckLiveness{})
}
