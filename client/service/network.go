package service

import (
	"context"
	"errors"
	"slices"

	"github.com/homeward-vpn/homeward/client/supervisor"
)

// WatchedRouter is a Router that notices when somebody else has changed what leads
// into the tunnel, or this computer's own networks are others: Set should be called
// again then. The channel is closed with ctx; errors.ErrUnsupported where nothing
// can be noticed.
type WatchedRouter interface {
	Router
	Watch(ctx context.Context) (<-chan struct{}, error)
	// Trouble is a sentence for the user about what the last Set could not make
	// stand although it did not fail; "": nothing.
	Trouble() string
}

// keepRoutes sets the routes of the line that is up again whenever that is needed,
// until ctx ends.
func (s *Service) keepRoutes(ctx context.Context) {
	r, ok := s.cfg.Router.(WatchedRouter)
	if !ok {
		return
	}
	changes, err := r.Watch(ctx)
	if err != nil {
		if !errors.Is(err, errors.ErrUnsupported) {
			s.logger.Warn("changes of routes by others are not noticed", "error", err)
		}
		return
	}
	s.running.Go(func() {
		for range changes {
			for _, id := range s.standing() {
				s.inbox.put(message{event: supervisor.TunnelChanged{Tunnel: id, Network: true}})
			}
		}
	})
}

// warnOfRoutes puts what is to be said of the routes now in place of what was said
// before.
func (s *Service) warnOfRoutes(l *line) {
	r, ok := s.cfg.Router.(WatchedRouter)
	if !ok {
		return
	}
	sentence := r.Trouble()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.warnings = slices.DeleteFunc(l.warnings, func(w string) bool { return w != "" && w == l.ofRoutes })
	if l.ofRoutes = sentence; sentence != "" && !slices.Contains(l.warnings, sentence) {
		l.warnings = append(l.warnings, sentence)
	}
}
