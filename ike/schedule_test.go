package ike

import (
	"bytes"
	"errors"
	"testing"
	"time"
)

// waitsOf gives the waits between the tries of a liveness check that nobody
// answers, with the randomness of a seed.
func waitsOf(t *testing.T, seed uint64) (waits []time.Duration) {
	t.Helper()
	p := established(t, scriptConfig(seed))
	p.do(CheckLiveness{})
	at := p.now
	for p.s.phase == phaseEstablished {
		p.now = p.s.NextTimeout()
		waits, at = append(waits, p.now.Sub(at)), p.now
		if err := p.s.HandleTimeout(p.now); err != nil && p.s.phase != phaseClosed {
			t.Fatal(err)
		}
		p.drain()
	}
	return waits
}

// RFC 7296 2.1: the waits grow, each is cut by at most a fifth, and no two clients
// keep the same pace.
func TestWaitsHaveJitter(t *testing.T) {
	t.Parallel()
	seen := map[time.Duration]bool{}
	var least, most time.Duration
	const runs = 40
	for seed := range uint64(runs) {
		waits := waitsOf(t, seed)
		if len(waits) != 7 {
			t.Fatalf("%d waits", len(waits))
		}
		base, total := 500*time.Millisecond, time.Duration(0)
		for i, w := range waits {
			if w > base || w < base*4/5 {
				t.Errorf("wait %d is %v, want %v cut by at most a fifth", i+1, w, base)
			}
			if i > 0 && i < 6 && w <= waits[i-1] {
				t.Errorf("wait %d, %v, is no longer than the one before", i+1, w)
			}
			total += w
			base = min(base*18/10, 10*time.Second)
		}
		if total < 24*time.Second || total > 31*time.Second {
			t.Errorf("the peer counts as dead after %v", total)
		}
		seen[waits[0]] = true
		if least == 0 || waits[0] < least {
			least = waits[0]
		}
		most = max(most, waits[0])
	}
	if len(seen) < runs-1 || most-least < 70*time.Millisecond {
		t.Errorf("%d different first waits of %d clients, from %v to %v", len(seen), runs, least, most)
	}
}

// RFC 7296 2.4: after a change of the path it is known within about two seconds
// that the peer is silent, and the usual patience follows; a request under way
// goes out again at once, with the same octets.
func TestUrgentLiveness(t *testing.T) {
	t.Parallel()
	p := established(t, scriptConfig(1))
	p.sent = nil
	p.do(CheckLiveness{Urgent: true})
	if err := p.pass(2100 * time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if _, silent := event[PeerSilent](p); !silent || len(p.sent) != 5 {
		t.Errorf("silence known: %v, %d tries", silent, len(p.sent))
	}
	if err := p.pass(10 * time.Second); err != nil {
		t.Errorf("given up without patience: %v", err)
	}
	wantFatal(t, p, p.pass(time.Minute), CausePeerDead)
	if n := count[PeerSilent](p); n != 1 {
		t.Errorf("said to be silent %d times", n)
	}

	p = established(t, scriptConfig(2))
	p.do(CheckLiveness{})
	if err := p.pass(7 * time.Second); err != nil {
		t.Fatal(err)
	}
	before := len(p.sent)
	first := p.last()
	p.do(CheckLiveness{Urgent: true})
	if len(p.sent) != before+1 || !bytes.Equal(p.last().Data, first.Data) {
		t.Error("the request under way does not go out again as it was")
	}
	if err := p.reply(); err != nil {
		t.Fatal(err)
	}
	if err := p.pass(time.Hour / 2); err != nil {
		t.Errorf("an answered question ends the session: %v", err)
	}
}

// RFC 7296 2.4: what ICMP says is a hint. It leads to a question to the peer, not
// more than one in ten seconds, shortens no wait and ends nothing.
func TestUnreachableIsAHint(t *testing.T) {
	t.Parallel()
	p := newScript(t, scriptConfig(1))
	p.do(Connect{})
	for range 1000 {
		if err := p.s.Do(p.now, Unreachable{}); !errors.Is(err, ErrNotEstablished) {
			t.Fatalf("before the session is established: %v", err)
		}
		p.drain()
	}
	if len(p.sent) != 1 || p.s.phase != phaseConnecting {
		t.Fatalf("%d messages, phase %d", len(p.sent), p.s.phase)
	}

	p = established(t, scriptConfig(1))
	p.sent = nil
	for range 30 { // a flood of ICMP for half a minute, and a peer that answers
		for range 1000 {
			p.do(Unreachable{})
		}
		if p.s.current.window.request != nil {
			if err := p.reply(); err != nil {
				t.Fatal(err)
			}
		}
		if err := p.pass(time.Second); err != nil {
			t.Fatal(err)
		}
	}
	if len(p.sent) != 3 {
		t.Errorf("%d questions in 30 s, want 3", len(p.sent))
	}
	if p.s.phase != phaseEstablished {
		t.Error("the session is over")
	}
}
