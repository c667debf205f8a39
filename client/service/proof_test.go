package service

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/homeward-vpn/homeward/client/control"
)

// proofs answers one proof after the other, the last one again and again.
type proofs struct {
	takes time.Duration
	mu    sync.Mutex
	found []Proven
	err   error
	asked [][]string
	ended int // called off
}

func (p *proofs) Prove(ctx context.Context, except []string) (Proven, error) {
	p.mu.Lock()
	p.asked = append(p.asked, except)
	now, err := p.found[0], p.err
	if len(p.found) > 1 {
		p.found = p.found[1:]
	}
	p.mu.Unlock()
	now.At = time.Now()
	select {
	case <-time.After(p.takes):
		return now, err
	case <-ctx.Done():
		p.mu.Lock()
		p.ended++
		p.mu.Unlock()
		return Proven{}, ctx.Err()
	}
}

var (
	holds = Proven{Held: true, Tried: 16}
	leaks = Proven{Leaks: []string{"dns over ipv6 by eth0"}, Tried: 16}
)

// verdict is what was found last.
type verdict struct {
	changes  uint64
	verified time.Time
	alarm    string
}

// proverRig runs a prover in the bubble of synctest. Setting the policy again is
// changed with the same subject.
type proverRig struct {
	*prover
	mu  sync.Mutex
	now outcome
}

// outcome is what has come of it so far.
type outcome struct {
	verdict
	found, again int
}

func (r *proverRig) last() outcome {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}

func startProver(t *testing.T, p Proof) *proverRig {
	t.Helper()
	r := &proverRig{}
	r.prover = newProver(p, slog.New(slog.DiscardHandler), func(changes uint64, at time.Time, alarm string) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.now.verdict = verdict{changes, at, alarm}
		r.now.found++
	}, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.now.again++
		r.changed(subject{changes: r.now.changes + 1, restrains: true, again: true})
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); r.run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	return r
}

// rest lets the prover do all that it has to.
func rest() { pass(time.Minute) }

// pass lets the bubble's time go by.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// TestProven: a policy that holds is verified, with the time when that began; where
// nothing is held back there is nothing to prove.
func TestProven(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &proofs{found: []Proven{holds}, takes: 100 * time.Millisecond}
		r := startProver(t, p)
		r.changed(subject{changes: 7, restrains: true, except: []string{"homeward0"}})
		begun := time.Now()
		rest()
		if v := r.last(); v.changes != 7 || v.alarm != "" || v.verified.Sub(begun) != settleTime {
			t.Errorf("%+v", v)
		}
		r.changed(subject{changes: 8})
		rest()
		if len(p.asked) != 1 || !slices.Equal(p.asked[0], []string{"homeward0"}) || r.last().found != 1 {
			t.Errorf("asked %v, %+v", p.asked, r.last())
		}
	})
}

// TestLeak: a leak is an alarm at once, and has the policy set once more; where that
// helps it is verified after all.
func TestLeak(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &proofs{found: []Proven{leaks, holds}, takes: 100 * time.Millisecond}
		r := startProver(t, p)
		r.changed(subject{changes: 1, restrains: true})
		pass(settleTime + 101*time.Millisecond)
		if v := r.last(); !strings.Contains(v.alarm, "dns over ipv6 by eth0") || !strings.HasSuffix(v.alarm, ".") || !v.verified.IsZero() || v.again != 1 {
			t.Errorf("%+v, set again %d times", v, v.again)
		}
		rest()
		if v := r.last(); v.changes != 2 || v.alarm != "" || v.verified.IsZero() || len(p.asked) != 2 {
			t.Errorf("%+v, asked %d times", v, len(p.asked))
		}
	})
}

// TestLeakStays: where setting it once more does not help, the alarm stays, and
// nothing goes round in circles; what cannot be proven later does not end it.
func TestLeakStays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &proofs{found: []Proven{leaks}}
		r := startProver(t, p)
		r.changed(subject{restrains: true})
		rest()
		if v := r.last(); v.alarm == "" || !v.verified.IsZero() || len(p.asked) != 2 || v.again != 1 {
			t.Errorf("%+v, asked %d times, set again %d times", v, len(p.asked), v.again)
		}
		p.err = errors.New("no sockets")
		r.changed(subject{restrains: true})
		rest()
		if v := r.last(); v.found != 2 || len(p.asked) != 3 {
			t.Errorf("%+v, asked %d times", v, len(p.asked))
		}
	})
}

// TestNewestWins: several policies in a row are one proof, of the last; and one that
// comes while a proof runs calls it off.
func TestNewestWins(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &proofs{found: []Proven{leaks, holds}, takes: time.Second}
		r := startProver(t, p)
		for _, name := range []string{"a", "b", "c"} {
			r.changed(subject{restrains: true, except: []string{name}})
			pass(settleTime / 2)
		}
		pass(settleTime)
		r.changed(subject{restrains: true, except: []string{"d"}})
		rest()
		if len(p.asked) != 2 || p.asked[0][0] != "c" || p.asked[1][0] != "d" || p.ended != 1 {
			t.Errorf("asked %v, called off %d", p.asked, p.ended)
		}
		if v := r.last(); v.verified.IsZero() || v.alarm != "" || v.again != 0 {
			t.Errorf("%+v, set again %d times", v, v.again)
		}
	})
}

// TestNeverQuiet: policies that change all the time are proven nevertheless.
func TestNeverQuiet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &proofs{found: []Proven{holds}}
		r := startProver(t, p)
		for range 40 {
			r.changed(subject{restrains: true})
			pass(settleTime / 2)
		}
		if len(p.asked) == 0 {
			t.Error("never proven")
		}
	})
}

// TestNotProven: a system that has no way to, and a machine with nothing to try, are
// neither verified nor alarmed about.
func TestNotProven(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]*proofs{
		"unsupported": {found: []Proven{{}}, err: errors.ErrUnsupported},
		"failed":      {found: []Proven{{}}, err: errors.New("no sockets")},
		"nothing":     {found: []Proven{{}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := startProver(t, p)
				r.changed(subject{restrains: true})
				rest()
				if v := r.last(); v != (outcome{}) || len(p.asked) != 1 {
					t.Errorf("%+v, asked %d times", v, len(p.asked))
				}
			})
		})
	}
}

// TestProofOfThePolicy: status says when it was verified, or raises the alarm; a new
// policy is to be proven anew.
func TestProofOfThePolicy(t *testing.T) {
	found := &proofs{found: []Proven{holds}}
	inRigWith(t, func(cfg *Config) { cfg.Proof = found }, func(t *testing.T, r *rig) {
		r.connect("vault")
		if st := r.state(control.StateConnecting); st.KillSwitch.Verified != nil {
			t.Error("verified before anybody has tried")
		}
		<-time.After(time.Minute)
		st := r.state(control.StateConnecting)
		if st.KillSwitch.Verified == nil || st.KillSwitch.Alarm != "" {
			t.Fatalf("%+v", st.KillSwitch)
		}
		found.mu.Lock()
		found.found = []Proven{leaks}
		found.mu.Unlock()
		r.done()
		f := r.tunnel()
		f.do(func() { f.emit(officeUp()) })
		if st := r.state(control.StateConnected); st.KillSwitch.Verified != nil {
			t.Error("another policy is verified by the proof of the last one")
		}
		<-time.After(time.Minute)
		if st := r.state(control.StateConnected); st.KillSwitch.Verified != nil || !strings.Contains(st.KillSwitch.Alarm, "dns over ipv6") {
			t.Errorf("%+v", st.KillSwitch)
		}
		r.expect("closed but for homeward0, routes of homeward0, dns of homeward0, closed but for homeward0")
	})
}
