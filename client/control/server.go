package control

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// The deadlines of a request.
const (
	headerTimeout = 5 * time.Second
	bodyTimeout   = 10 * time.Second
	idleTimeout   = time.Minute
	// sendTimeout is how long a reader may keep one line of a stream waiting
	// before it is cut.
	sendTimeout = 5 * time.Second
	callTimeout = 30 * time.Second
)

// Server answers on a local socket.
type Server struct {
	backend  Backend
	logger   *slog.Logger
	http     *http.Server
	identify func(net.Conn) (Caller, error)
	// streams ends watchers and log followers when the server does.
	streams context.Context
	end     context.CancelFunc
}

// NewServer makes a server for a backend. logger must not be nil.
func NewServer(b Backend, logger *slog.Logger) *Server {
	s := &Server{backend: b, logger: logger, identify: identify}
	s.streams, s.end = context.WithCancel(context.Background())
	s.http = &http.Server{
		Handler:           s.routes(),
		ConnContext:       withCaller,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       bodyTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    8 << 10,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
	return s
}

// Serve answers callers until Shutdown. l comes from localsock.Listen.
func (s *Server) Serve(l net.Listener) error {
	err := s.http.Serve(newDoorman(l, s.identify, s.logger))
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// Shutdown ends the streams, lets running calls finish until ctx ends, and
// closes the listener. Who still holds a connection then is cut off, which is
// no error: any local user may connect and say nothing.
func (s *Server) Shutdown(ctx context.Context) error {
	s.end()
	err := s.http.Shutdown(ctx)
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		s.logger.Debug("callers are cut off", "error", err)
		err = nil
	}
	return errors.Join(err, s.http.Close())
}

// call is a handler that answers with a value or an error.
type call func(ctx context.Context, c Caller, r *http.Request) (any, error)

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	for pattern, h := range map[string]call{
		"GET /v1/version":       s.version,
		"GET /v1/status":        s.status,
		"POST /v1/connect":      s.connect,
		"POST /v1/disconnect":   s.disconnect,
		"POST /v1/renew":        s.renew,
		"POST /v1/answer":       s.answer,
		"GET /v1/settings":      s.settings,
		"PUT /v1/settings":      s.changeSettings,
		"GET /v1/profiles":      s.profiles,
		"GET /v1/profile":       s.profile,
		"POST /v1/profile":      s.addProfile,
		"DELETE /v1/profile":    s.deleteProfile,
		"GET /v1/machine":       s.machines,
		"PUT /v1/machine":       s.setMachine,
		"DELETE /v1/machine":    s.removeMachine,
		"POST /v1/portal/look":  s.lookPortal,
		"POST /v1/portal/enter": s.enterPortal,
	} {
		mux.HandleFunc(pattern, s.guard(func(w http.ResponseWriter, r *http.Request, c Caller) {
			ctx, cancel := context.WithTimeout(r.Context(), callTimeout)
			defer cancel()
			v, err := h(ctx, c, r)
			// What the call did not read is read now: a caller who is still
			// writing when the connection closes would never see the answer.
			if _, derr := io.Copy(io.Discard, r.Body); derr != nil {
				s.logger.Debug("rest of a request", "error", derr)
			}
			s.reply(w, v, err)
		}))
	}
	mux.HandleFunc("GET /v1/watch", s.guard(s.watch))
	mux.HandleFunc("GET /v1/logs", s.guard(s.logs))
	mux.HandleFunc("POST /v1/portal/sign-in", s.guard(s.signInPortal))
	mux.HandleFunc("/", s.guard(func(w http.ResponseWriter, _ *http.Request, _ Caller) {
		s.reply(w, nil, Refuse(CodeNotFound, "the service knows no such call; use a program of the same release as the service"))
	}))
	return mux
}

// guard lets in who is known and speaks the same version.
func (s *Server) guard(next func(http.ResponseWriter, *http.Request, Caller)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		declare(w.Header())
		w.Header().Set("Content-Type", "application/json")
		c, ok := callerOf(r.Context())
		switch {
		case !ok:
			s.reply(w, nil, Refuse(CodeForbidden, "the operating system does not say who is calling"))
		case !understands(r.Header):
			refusal := Refuse(CodeVersion, "%v", &VersionError{Service: Version()})
			refusal.Version = Version()
			s.reply(w, nil, refusal)
		default:
			limit := int64(maxRequest)
			switch r.URL.Path {
			case "/v1/profile":
				limit = maxProfile
			case "/v1/machine":
				limit = maxMachine
			}
			r.Body = http.MaxBytesReader(w, r.Body, limit)
			next(w, r, c)
		}
	}
}

// reply writes a value, or the refusal inside err.
func (s *Server) reply(w http.ResponseWriter, v any, err error) {
	status := http.StatusOK
	if err != nil {
		var refusal *Refusal
		if !errors.As(err, &refusal) {
			s.logger.Error("call failed", "error", err)
			refusal = errInternal
		}
		v, status = refusal, httpStatus[refusal.Code]
	}
	if v == nil {
		v = struct{}{}
	}
	data, err := json.Marshal(v)
	if err != nil {
		s.logger.Error("answer cannot be written", "error", err)
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(sendTimeout)); err != nil {
		s.logger.Debug("no write deadline", "error", err)
	}
	w.WriteHeader(status)
	if _, err := w.Write(append(data, '\n')); err != nil {
		s.logger.Debug("caller left before the answer", "error", err)
	}
}

func (s *Server) version(context.Context, Caller, *http.Request) (any, error) {
	return Info{Version: Version(), API: API}, nil
}

func (s *Server) status(_ context.Context, c Caller, _ *http.Request) (any, error) {
	return s.backend.Status(c), nil
}

func (s *Server) connect(ctx context.Context, c Caller, r *http.Request) (any, error) {
	var req ConnectRequest
	if err := decode(r.Body, &req); err != nil {
		return nil, err
	}
	if err := req.validate(); err != nil {
		return nil, err
	}
	return s.backend.Connect(ctx, c, req)
}

func (s *Server) disconnect(ctx context.Context, c Caller, _ *http.Request) (any, error) {
	return s.backend.Disconnect(ctx, c)
}

func (s *Server) renew(ctx context.Context, c Caller, _ *http.Request) (any, error) {
	return s.backend.Renew(ctx, c)
}

func (s *Server) answer(ctx context.Context, c Caller, r *http.Request) (any, error) {
	var a Answer
	err := decode(r.Body, &a)
	if err == nil {
		err = a.validate()
	}
	if err != nil {
		a.Clear()
		return nil, err
	}
	return nil, s.backend.Answer(ctx, c, a)
}

func (s *Server) profiles(_ context.Context, c Caller, _ *http.Request) (any, error) {
	list := s.backend.Profiles(c)
	if list == nil {
		list = []ProfileInfo{}
	}
	return list, nil
}

func (s *Server) profile(_ context.Context, c Caller, r *http.Request) (any, error) {
	return s.backend.Profile(c, r.URL.Query().Get("name"))
}

func (s *Server) addProfile(_ context.Context, c Caller, r *http.Request) (any, error) {
	p, err := decodeProfile(r.Body)
	if err != nil {
		return nil, err
	}
	return nil, s.backend.AddProfile(c, p)
}

func (s *Server) deleteProfile(_ context.Context, c Caller, r *http.Request) (any, error) {
	return nil, s.backend.DeleteProfile(c, r.URL.Query().Get("name"))
}
