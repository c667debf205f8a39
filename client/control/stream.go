package control

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"
)

// line writes one JSON value and a line break, within sendTimeout.
func (s *Server) line(w http.ResponseWriter, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	control := http.NewResponseController(w)
	if err := control.SetWriteDeadline(time.Now().Add(sendTimeout)); err != nil {
		return err
	}
	if _, err := w.Write(append(data, '\n')); err != nil {
		return err
	}
	return control.Flush()
}

// stream gives the context of a stream: it ends with the request or the
// server, and no longer with the deadline for reading a request.
func (s *Server) stream(w http.ResponseWriter, r *http.Request) (context.Context, context.CancelFunc) {
	if err := http.NewResponseController(w).SetReadDeadline(time.Time{}); err != nil {
		s.logger.Debug("no read deadline", "error", err)
	}
	ctx, cancel := context.WithCancel(r.Context())
	stop := context.AfterFunc(s.streams, cancel)
	return ctx, func() { stop(); cancel() }
}

// watch sends full snapshots. A reader that is slower than the changes gets
// the newest one next, never a queue of old ones; one that does not read at
// all is cut.
func (s *Server) watch(w http.ResponseWriter, r *http.Request, c Caller) {
	ctx, cancel := s.stream(w, r)
	defer cancel()
	if r.URL.Query().Get("answers") == "1" {
		defer s.backend.Attend(c)()
	}
	status := s.backend.Status(c)
	for {
		if err := s.line(w, status); err != nil {
			s.logger.Debug("watcher left", "uid", c.UID, "error", err)
			return
		}
		next, err := s.backend.Wait(ctx, c, status.Revision)
		if err != nil {
			if !errors.Is(err, context.Canceled) {
				s.logger.Warn("watching failed", "error", err)
			}
			return
		}
		status = next
	}
}

func (s *Server) logs(w http.ResponseWriter, r *http.Request, c Caller) {
	ctx, cancel := s.stream(w, r)
	defer cancel()
	follow := r.URL.Query().Get("follow") == "1"
	err := s.backend.Logs(ctx, c, follow, func(entries []LogEntry) error {
		for _, e := range entries {
			if err := s.line(w, e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil && !errors.Is(err, context.Canceled) {
		s.logger.Debug("log reader left", "uid", c.UID, "error", err)
	}
}
