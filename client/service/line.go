package service

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"

	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/supervisor"
	"github.com/homeward-vpn/homeward/client/tunnel"
)

// line is one tunnel that runs.
type line struct {
	id      uint64
	request supervisor.Request
	cancel  context.CancelFunc
	tunnel  Tunnel

	mu       sync.Mutex
	up       bool
	net      tunnel.Network
	info     tunnel.Info
	warnings []string
	ofNames  string   // the one of warnings that is about name resolution
	ofRoutes string   // and the one about routes
	notices  []string // sentences with what the sign-in server said, the last ones
}

// maxNotices bounds what a server can have shown.
const maxNotices = 3

// notice keeps what the sign-in server wants the user to know. It is shown with the
// next step of the sign-in, which follows at once.
func (l *line) notice(words string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	sentence := fmt.Sprintf("The sign-in server says: “%s”", diagnose.Quotable(words))
	if !slices.Contains(l.notices, sentence) {
		l.notices = append(l.notices, sentence)
	}
	l.notices = l.notices[max(0, len(l.notices)-maxNotices):]
}

func (l *line) network() tunnel.Network {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.net
}

// line gives the running tunnel of that number, nil when there is none.
func (s *Service) line(id uint64) *line {
	s.linesMu.Lock()
	defer s.linesMu.Unlock()
	return s.lines[id]
}

// startTunnel starts a tunnel on a goroutine of its own.
func (s *Service) startTunnel(e supervisor.StartTunnel) error {
	stored, err := s.cfg.Profiles.Get(e.Request.ProfileID, e.Request.Owner)
	if err == nil && stored.Owner != e.Request.Owner {
		err = profile.ErrNotOwner
	}
	if errors.Is(err, profile.ErrNotFound) {
		return &diagnose.Failure{Cause: diagnose.CauseProfile, Seen: "it was taken away", Err: err}
	}
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	l := &line{id: e.Tunnel, request: e.Request, cancel: cancel}
	cfg := s.cfg.Tunnel
	cfg.Profile = &stored.Profile
	cfg.Username = e.Request.Username
	cfg.Logger = s.logger.With("tunnel", e.Tunnel, uidKey, e.Request.Owner)
	cfg.Reach = func(_ context.Context, gateways []netip.AddrPort) error { return s.guard.reach(l.id, gateways) }
	cfg.Readdress = func(_ context.Context, to []netip.Prefix) error { return s.guard.readdress(l.id, to) }
	cfg.Ask = s.byMachineFirst(l, s.prompts.asker(l))
	l.tunnel = s.cfg.NewTunnel(cfg)
	s.linesMu.Lock()
	s.lines[l.id] = l
	s.linesMu.Unlock()
	s.running.Go(func() {
		defer cancel()
		err := l.tunnel.Run(ctx, func(ev tunnel.Event) { s.tell(l, ev) })
		s.linesMu.Lock()
		delete(s.lines, l.id)
		s.linesMu.Unlock()
		s.guard.gone(l.id)
		failure := diagnose.From(err)
		s.prompts.trials.ended(l.request.ProfileID, failure)
		s.inbox.put(message{event: supervisor.TunnelDown{Tunnel: l.id, Failure: failure}})
	})
	return nil
}

// stopTunnel tells a tunnel to end; TunnelDown follows in any case.
func (s *Service) stopTunnel(id uint64) {
	if l := s.line(id); l != nil {
		l.cancel()
		return
	}
	s.inbox.put(message{event: supervisor.TunnelDown{Tunnel: id}})
}

// stopLines ends whatever still runs.
func (s *Service) stopLines() {
	s.linesMu.Lock()
	defer s.linesMu.Unlock()
	for _, l := range s.lines {
		l.cancel()
	}
}

// tell notes what the tunnel says and passes it to the loop.
func (s *Service) tell(l *line, ev tunnel.Event) {
	switch ev := ev.(type) {
	case tunnel.Progress:
		s.inbox.put(message{event: supervisor.TunnelStep{Tunnel: l.id, Step: ev.Step}})
	case tunnel.Up:
		s.ways.lead(ev.Info.GatewayAddress.Addr())
		l.mu.Lock()
		again := l.up
		renewed := again && !ev.Info.SignedInAt.Equal(l.info.SignedInAt)
		l.up, l.net, l.info = true, ev.Network, ev.Info
		l.warnings = slices.Concat(ev.Network.Refused, ev.Network.Overlaps)
		l.mu.Unlock()
		if renewed {
			s.prompts.renewed()
			s.prompts.trials.stood(l.request.ProfileID)
		}
		if again { // the gateway changed what it gave
			s.inbox.put(message{event: supervisor.TunnelChanged{Tunnel: l.id, Network: true}})
			return
		}
		s.prompts.trials.stood(l.request.ProfileID)
		s.inbox.put(message{event: supervisor.TunnelUp{Tunnel: l.id}})
	case tunnel.Notice:
		l.notice(ev.Message)
	case tunnel.Changed:
		s.ways.lead(ev.Info.GatewayAddress.Addr())
		l.mu.Lock()
		renewed := !ev.Info.SignedInAt.Equal(l.info.SignedInAt)
		l.info = ev.Info
		l.mu.Unlock()
		if renewed {
			s.prompts.renewed()
			s.prompts.trials.stood(l.request.ProfileID)
		}
		s.inbox.put(message{event: supervisor.TunnelChanged{Tunnel: l.id}})
	}
}
