package control

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"time"
)

// What a network is, as far as signing in to it goes.
const (
	PortalUnknown = "unknown" // it could not be found out
	PortalOpen    = "open"    // it lets this computer out
	PortalCaptive = "captive" // it wants a sign-in first
	PortalNamed   = "named"   // it says that it has a sign-in page; whether it wants us there was not asked
)

// Portal is what is known of the sign-in page of the network that this computer is
// on. Any local user may know it: it is the network's word.
type Portal struct {
	State    string    `json:"state"` // PortalUnknown and so on
	LookedAt time.Time `json:"looked_at"`
	Device   string    `json:"device,omitempty"`
	By       string    `json:"by,omitempty"` // who said so: "api", "network", "probe"
	// URL is the page to sign in at, from strangers: it is shown and opened where the
	// user wants it, and never by itself.
	URL string `json:"url,omitempty"`
	// SessionUntil is when the network wants the next sign-in; nil: it does not say.
	SessionUntil *time.Time `json:"session_until,omitempty"`
	// SigningInUntil: a user's program may leave until then to sign in; nil: none may.
	SigningInUntil *time.Time `json:"signing_in_until,omitempty"`
}

// Why a sign-in has ended.
const (
	SignInDone    = "done"    // the network lets this computer out
	SignInTime    = "time"    // it took longer than it may
	SignInClosed  = "closed"  // the browser was closed, or the user's program left
	SignInRemoved = "removed" // the kill switch, the network or the service has ended it
)

// PortalSignIn is one line of a sign-in: the first says what is open, the last
// (Ended) why it is not any more.
type PortalSignIn struct {
	Session   uint64       `json:"session"` // for EnterPortal
	URL       string       `json:"url"`
	Until     time.Time    `json:"until"`
	Resolvers []netip.Addr `json:"resolvers"` // who can be asked for names meanwhile
	Ended     string       `json:"ended,omitempty"`
}

// portalSession names a sign-in.
type portalSession struct {
	Session uint64 `json:"session"`
}

// LookPortal has the service look now whether the network wants a sign-in.
func (c *Client) LookPortal(ctx context.Context) (Portal, error) {
	var v Portal
	return v, c.call(ctx, http.MethodPost, "portal/look", nil, &v)
}

// SignInPortal begins a sign-in and calls each with its lines, until it has ended, each
// returns an error, or ctx ends, which ends the sign-in.
func (c *Client) SignInPortal(ctx context.Context, each func(PortalSignIn) error) error {
	ended := false
	err := stream(ctx, c, http.MethodPost, "portal/sign-in", func(v PortalSignIn) error {
		ended = ended || v.Ended != ""
		return each(v)
	})
	var lost *LostError
	if ended && errors.As(err, &lost) {
		return nil // all was said
	}
	return err
}

// EnterPortal lets the calling process, and what it starts from then on, out to sign
// in. It is ended with the sign-in, by force.
func (c *Client) EnterPortal(ctx context.Context, session uint64) error {
	return c.call(ctx, http.MethodPost, "portal/enter", portalSession{session}, nil)
}

func (s *Server) lookPortal(ctx context.Context, c Caller, _ *http.Request) (any, error) {
	return s.backend.LookPortal(ctx, c)
}

func (s *Server) enterPortal(ctx context.Context, c Caller, r *http.Request) (any, error) {
	var session portalSession
	if err := decode(r.Body, &session); err != nil {
		return nil, err
	}
	return struct{}{}, s.backend.EnterPortal(ctx, c, session.Session)
}

// signInPortal holds a sign-in open for as long as the caller reads.
func (s *Server) signInPortal(w http.ResponseWriter, r *http.Request, c Caller) {
	ctx, cancel := s.stream(w, r)
	defer cancel()
	told := false
	err := s.backend.SignInPortal(ctx, c, func(v PortalSignIn) error {
		told = true
		return s.line(w, v)
	})
	switch {
	case err != nil && !told:
		s.reply(w, nil, err)
	case err != nil && !errors.Is(err, context.Canceled):
		s.logger.Debug("a sign-in's program left", "uid", c.UID, "error", err)
	}
}
