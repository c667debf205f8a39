package service

import (
	"errors"
	"fmt"
	"time"

	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/client/supervisor"
	"github.com/homeward-vpn/homeward/client/tunnel"
)

// work is for the performer: effects, and who is told when they are done.
type work struct {
	effects []supervisor.Effect
	done    chan<- struct{} // closed; nil: nobody
}

// perform does batch after batch until stop is closed.
func (s *Service) perform(stop <-chan struct{}) {
	var wait *time.Timer
	defer func() {
		if wait != nil {
			wait.Stop()
		}
	}()
	for {
		var again <-chan time.Time
		if len(s.left) > 0 || s.guard.trouble() {
			again = time.After(clearPause)
		}
		select {
		case <-s.batches.ready:
			for _, w := range s.batches.take() {
				s.clearLeft()
				wait = s.performBatch(w.effects, wait)
				if w.done != nil {
					close(w.done)
				}
			}
		case <-again:
			s.clearLeft()
			s.guard.retry()
		case <-stop:
			return
		}
	}
}

// performBatch does the effects in order. The first that fails ends the batch.
// It gives the timer that is armed.
func (s *Service) performBatch(batch []supervisor.Effect, wait *time.Timer) *time.Timer {
	for _, effect := range batch {
		var err error
		switch e := effect.(type) {
		case supervisor.ApplyPolicy:
			err = failure(diagnose.CausePolicyFailed, s.applyPolicy(e.Policy))
		case supervisor.StartTunnel:
			err = failure(diagnose.CauseProfile, s.startTunnel(e))
		case supervisor.StopTunnel:
			s.stopTunnel(e.Tunnel)
		case supervisor.SetRoutes:
			err = s.setRoutes(e.Tunnel)
		case supervisor.SetDNS:
			err = s.setDNS(e.Tunnel)
		case supervisor.ClearRoutes:
			s.clear(routesPart, s.cfg.Router.Clear)
		case supervisor.ClearDNS:
			s.clear(dnsPart, s.cfg.Resolver.Clear)
		case supervisor.ArmTimer:
			if wait != nil {
				wait.Stop()
			}
			fired := message{event: supervisor.TimerFired{Timer: e.Timer}}
			wait = time.AfterFunc(s.cfg.Jitter(e.Least, e.Most), func() { s.inbox.put(fired) })
		case supervisor.Report:
			s.inbox.put(message{event: supervisor.Done(e)})
		default:
			err = failure(diagnose.CauseInternal, fmt.Errorf("nobody performs a %T", e))
		}
		if err != nil {
			f := diagnose.From(err)
			s.logger.Error("effect failed", "effect", fmt.Sprintf("%T", effect), "failure", f)
			if report, ok := batch[len(batch)-1].(supervisor.Report); ok {
				s.inbox.put(message{event: supervisor.Failed{Batch: report.Batch, Failure: f}})
			}
			return wait
		}
	}
	return wait
}

// failure gives an error its cause, unless it has one; of a policy that fails
// the supervisor must learn as such.
func failure(cause diagnose.Cause, err error) error {
	var known *diagnose.Failure
	if err == nil || cause != diagnose.CausePolicyFailed && errors.As(err, &known) {
		return err
	}
	return &diagnose.Failure{Cause: cause, Seen: err.Error(), Err: err}
}

// applyPolicy has the kill switch hold back what is ordered.
func (s *Service) applyPolicy(p supervisor.Policy) error {
	var network tunnel.Network
	if l := s.line(p.Tunnel); l != nil {
		network = l.network()
	}
	return s.guard.order(p, network)
}

var errLineGone = &diagnose.Failure{Cause: diagnose.CauseLineLost, Detail: "the tunnel ended before its network was set"}

func (s *Service) setRoutes(tunnel uint64) error {
	l := s.line(tunnel)
	if l == nil {
		return errLineGone
	}
	s.overwritten(routesPart)
	err := s.cfg.Router.Set(l.network())
	if err == nil {
		s.warnOfRoutes(l)
	}
	return failure(diagnose.CauseRoutesFailed, err)
}

func (s *Service) setDNS(tunnel uint64) error {
	l := s.line(tunnel)
	if l == nil {
		return errLineGone
	}
	s.overwritten(dnsPart)
	warning, err := s.cfg.Resolver.Set(l.network())
	if err != nil {
		return failure(diagnose.CauseDNSFailed, err)
	}
	if warning != "" {
		s.logger.Warn("name resolution is limited", "warning", warning)
	}
	l.warnOfNames(warning)
	return nil
}

// The parts that may be left behind.
const (
	routesPart = "routes"
	dnsPart    = "dns"
)

// clearPause is how long what could not be taken back waits for the next try,
// where nothing else happens.
const clearPause = 10 * time.Second

// clear takes a part back. What cannot be now is tried again until it is or
// something new is set in its place: name servers of a line that is gone would
// keep the gateway's own name from being found, and the line from coming back.
func (s *Service) clear(part string, take func() error) {
	err := take()
	if err == nil {
		s.overwritten(part)
		return
	}
	s.logger.Error("not taken back", "what", part, "error", err)
	s.left[part] = take
	s.shown.warn(leftWarning)
}

// clearLeft tries again what could not be taken back. Only the performer calls it.
func (s *Service) clearLeft() {
	for part, take := range s.left {
		s.clear(part, take)
	}
}

// overwritten forgets that a part was left.
func (s *Service) overwritten(part string) {
	delete(s.left, part)
	if len(s.left) == 0 {
		s.shown.unwarn(leftWarning)
	}
}

const leftWarning = "Some network settings of the last connection could not be taken back yet; Homeward keeps trying, and restarting its service tries once more."
