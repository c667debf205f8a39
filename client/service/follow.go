package service

import (
	"context"

	"github.com/homeward-vpn/homeward/client/supervisor"
)

// follow passes on, until ctx ends, that the network of this computer is another:
// the local networks that are let through are those of now, and what waits for a
// network tries again. What a line does about it is the tunnel's.
func (s *Service) follow(ctx context.Context) {
	if s.cfg.Tunnel.NetworkChanged == nil {
		return
	}
	changes, err := s.cfg.Tunnel.NetworkChanged(ctx)
	if err != nil {
		s.logger.Warn("changes of the network are not noticed", "error", err)
	}
	if changes == nil {
		return
	}
	for ctx.Err() == nil {
		select {
		case _, ok := <-changes:
			if !ok {
				return
			}
		case <-ctx.Done():
			return
		}
		if err := s.guard.refresh(); err != nil {
			s.logger.Error("the kill switch does not know the local network of now", "error", err)
		}
		s.portals.elsewhere()
		s.ways.moved()
		s.inbox.put(message{event: supervisor.NetworkChanged{}})
	}
}
