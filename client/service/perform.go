package service

import (
	"errors"
	"fmt"
	"time"

	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/client/supervisor"
)

// perform does batch after batch until stop is closed.
func (s *Service) perform(stop <-chan struct{}) {
	var wait *time.Timer
	defer func() {
		if wait != nil {
			wait.Stop()
		}
	}()
	for {
		select {
		case <-s.batches.ready:
			for _, batch := range s.batches.take() {
				wait = s.performBatch(batch, wait)
			}
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
			err = failure(diagnose.CausePolicyFailed, s.cfg.KillSwitch.Apply(e.Policy))
		case supervisor.StartTunnel:
			err = failure(diagnose.CauseProfile, s.startTunnel(e))
		case supervisor.StopTunnel:
			s.stopTunnel(e.Tunnel)
		case supervisor.SetRoutes:
			err = s.setRoutes(e.Tunnel)
		case supervisor.SetDNS:
			err = s.setDNS(e.Tunnel)
		case supervisor.ClearRoutes:
			s.cleared("routes", s.cfg.Router.Clear())
		case supervisor.ClearDNS:
			s.cleared("dns", s.cfg.Resolver.Clear())
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

var errLineGone = &diagnose.Failure{Cause: diagnose.CauseLineLost, Detail: "the tunnel ended before its network was set"}

func (s *Service) setRoutes(tunnel uint64) error {
	l := s.line(tunnel)
	if l == nil {
		return errLineGone
	}
	return failure(diagnose.CauseRoutesFailed, s.cfg.Router.Set(l.network()))
}

func (s *Service) setDNS(tunnel uint64) error {
	l := s.line(tunnel)
	if l == nil {
		return errLineGone
	}
	warning, err := s.cfg.Resolver.Set(l.network())
	if err != nil {
		return failure(diagnose.CauseDNSFailed, err)
	}
	if warning != "" {
		s.logger.Warn("name resolution is limited", "warning", warning)
		l.warn(warning)
	}
	return nil
}

// cleared notes what could not be taken back. The ledger still holds it.
func (s *Service) cleared(what string, err error) {
	if err != nil {
		s.logger.Error("not taken back", "what", what, "error", err)
		s.shown.warn(leftoverWarning)
	}
}
