package service

import (
	"context"
	"errors"
	"slices"

	"github.com/homeward-vpn/homeward/client/supervisor"
)

// WatchedResolver is a Resolver that notices when somebody else has changed who
// answers names: Set should be called again then. The channel is closed with ctx;
// errors.ErrUnsupported where nothing can be noticed.
type WatchedResolver interface {
	Resolver
	Watch(ctx context.Context) (<-chan struct{}, error)
}

// keepNames sets the resolvers of the line that is up again whenever somebody
// else has changed them, until ctx ends.
func (s *Service) keepNames(ctx context.Context) {
	r, ok := s.cfg.Resolver.(WatchedResolver)
	if !ok {
		return
	}
	changes, err := r.Watch(ctx)
	if err != nil {
		if !errors.Is(err, errors.ErrUnsupported) {
			s.logger.Warn("changes of name resolution by others are not noticed", "error", err)
		}
		return
	}
	s.running.Go(func() {
		for range changes {
			s.logger.Info("name resolution was changed by somebody else")
			for _, id := range s.standing() {
				s.inbox.put(message{event: supervisor.TunnelChanged{Tunnel: id, Network: true}})
			}
		}
	})
}

// standing are the numbers of the lines that have been up.
func (s *Service) standing() []uint64 {
	s.linesMu.Lock()
	defer s.linesMu.Unlock()
	var ids []uint64
	for id, l := range s.lines {
		l.mu.Lock()
		if l.up {
			ids = append(ids, id)
		}
		l.mu.Unlock()
	}
	return ids
}

// warnOfNames puts what is to be said of name resolution now in place of what
// was said before; "": nothing.
func (l *line) warnOfNames(sentence string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.warnings = slices.DeleteFunc(l.warnings, func(w string) bool { return w != "" && w == l.ofNames })
	if l.ofNames = sentence; sentence != "" && !slices.Contains(l.warnings, sentence) {
		l.warnings = append(l.warnings, sentence)
	}
}
