package service

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// A policy that was set is proven, off the performer's path: attempts to leave are
// made by every physical interface. What gets out is an alarm. The policy is then set
// once more and proven again, for somebody may have flushed it meanwhile; if that
// does not help the alarm stays.
//
//	a policy stands, or the network is another -> changed -> (settle) -> Proof.Prove
//	  held: found, with the time      leaks: found, an alarm -> again -> changed -> ...
//
// The newest policy wins: a proof of one that stands no more is called off, and says
// nothing. One that stands for long is proven again and again, for what was true of it
// once may not be any more.

// Proof tries whether what the kill switch holds back is held back.
type Proof interface {
	// Prove tries to leave by every interface but loopback and those in except,
	// which traffic may use. It takes seconds at most, and ends when ctx does.
	Prove(ctx context.Context, except []string) (Proven, error)
}

// Proven is what a Proof found.
type Proven struct {
	At   time.Time // what is proven is proven from here on
	Held bool      // attempts were refused, and none left
	// Leaks are the attempts that left, in words: "dns over ipv6 by eth0".
	Leaks []string
	// Tried is how many attempts could be made.
	Tried int
}

const (
	// settleTime is how long policies must be quiet before the last is proven: one
	// connection attempt sets several.
	settleTime = 250 * time.Millisecond
	// settleMost bounds the wait where they never are.
	settleMost = 2 * time.Second
	// staleTime is how long what a proof has found is good for, and alarmedTime the
	// same where it was a leak: whoever mends it wants to know.
	staleTime   = 15 * time.Minute
	alarmedTime = 5 * time.Minute
)

// subject is a policy that is to be proven.
type subject struct {
	changes   uint64 // which one it is
	restrains bool   // false: there is nothing to prove
	except    []string
	again     bool // it was set once more because of an alarm
}

// prover proves the newest policy. A nil proof proves nothing.
type prover struct {
	proof  Proof
	logger *slog.Logger
	// found takes what a proof has found of the policy with this number: at when it
	// was shown that nothing leaves, zero: it was not; alarm is a sentence where
	// something does.
	found func(changes uint64, at time.Time, alarm string)
	again func() // sets the policy that stands once more; changed follows

	mu     sync.Mutex
	next   *subject           // what waits to be proven
	stop   context.CancelFunc // of the proof that runs
	wanted chan struct{}      // holds one token while next may be set
}

func newProver(proof Proof, logger *slog.Logger, found func(uint64, time.Time, string), again func()) *prover {
	return &prover{proof: proof, logger: logger, found: found, again: again, wanted: make(chan struct{}, 1)}
}

// changed takes word that this policy stands now, or that it stands in another network.
// It never waits.
func (p *prover) changed(to subject) {
	if p.proof == nil {
		return
	}
	p.mu.Lock()
	p.next = &to
	if p.stop != nil {
		p.stop()
	}
	p.mu.Unlock()
	select {
	case p.wanted <- struct{}{}:
	default:
	}
}

// run proves what changed says until ctx ends.
func (p *prover) run(ctx context.Context) {
	var last subject // and whether it leaked
	stale := time.NewTimer(staleTime)
	defer stale.Stop()
	for {
		select {
		case <-p.wanted:
		case <-stale.C:
			p.stale(last)
		case <-ctx.Done():
			return
		}
		if !p.settle(ctx) {
			return
		}
		proving, stop := context.WithCancel(ctx)
		p.mu.Lock()
		s := p.next
		p.next, p.stop = nil, stop
		p.mu.Unlock()
		if s != nil {
			if last = *s; s.restrains {
				last.again = p.prove(proving, *s)
			}
		}
		stop()
		if stale.Reset(staleTime); last.again {
			stale.Reset(alarmedTime)
		}
	}
}

// stale has the last policy proven again, where there is none that waits.
func (p *prover) stale(last subject) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.next == nil && last.restrains {
		p.next = &last
	}
}

// settle waits until nothing has changed for a moment. False: ctx has ended.
func (p *prover) settle(ctx context.Context) bool {
	most := time.NewTimer(settleMost)
	defer most.Stop()
	quiet := time.NewTimer(settleTime)
	defer quiet.Stop()
	for {
		select {
		case <-p.wanted:
			quiet.Reset(settleTime)
		case <-quiet.C:
			return true
		case <-most.C:
			return true
		case <-ctx.Done():
			return false
		}
	}
}

// prove does one proof and judges it. What could not be proven changes nothing: an
// alarm that was raised stays. It says whether the policy leaks, as far as is known.
func (p *prover) prove(ctx context.Context, s subject) (leaks bool) {
	found, err := p.proof.Prove(ctx, s.except)
	switch {
	case ctx.Err() != nil: // it is of a policy that stands no more
	case errors.Is(err, errors.ErrUnsupported):
		p.logger.Info("the kill switch is not proven: this system has no way to", "error", err)
	case err != nil:
		p.logger.Warn("the kill switch could not be proven", "error", err)
	case len(found.Leaks) > 0:
		p.logger.Error("the kill switch leaks", "leaks", found.Leaks, "tried", found.Tried, "set_again", s.again)
		p.found(s.changes, time.Time{}, alarmWords(found.Leaks))
		if !s.again {
			p.again()
		}
		return true
	case found.Held:
		p.logger.Info("the kill switch holds", "tried", found.Tried, "set_again", s.again)
		p.found(s.changes, found.At.Round(0), "")
		return false
	default:
		p.logger.Info("the kill switch is not proven: there was nothing to try", "tried", found.Tried)
	}
	return s.again
}

// mostLeaks bounds how many are named in a sentence.
const mostLeaks = 3

func alarmWords(leaks []string) string {
	named := leaks[:min(len(leaks), mostLeaks)]
	more := ""
	if len(leaks) > len(named) {
		more = " and more"
	}
	return "Traffic gets past the kill switch (" + strings.Join(named, ", ") + more +
		"); disconnect this computer from the network, and tell your administrator."
}
