package tunnel

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/esp/dataplane"
	"github.com/homeward-vpn/homeward/ike"
	"github.com/homeward-vpn/homeward/ike/eap/tlsstep"
)

// The flow of a tunnel's life, and the functions in that order:
//
//	Run: resolve the gateway's name (or that of the one it names), then for each address
//	  attempt: open the transport, start the plane, start the session
//	    line.loop: datagrams, answers and timers into the session,
//	               drain what it wants sent, perform what it says
//	      ChildAdded, ChildActive, ChildRemoved -> SAs in the plane
//	      Established + first Child SA          -> TUN device, Up
//	    end: Delete to the gateway, plane, device and transport closed

// maxAddresses bounds how many addresses of a gateway's name are tried.
const maxAddresses = 4

// Tunnel is one line to one gateway, from its first datagram to its last. It
// is used once.
type Tunnel struct {
	cfg   Config
	log   *slog.Logger
	plane atomic.Pointer[dataplane.Plane]
	renew chan struct{} // of one: a person wants to sign in again
	stood bool          // the line was up; Run's goroutine's own, as is what follows
	// redirects are the moments of those that were followed lately.
	redirects []time.Time
	// asked is the gateway that is being asked, or was last; resolved is where its
	// name led to.
	asked    gateway
	resolved []netip.Addr
	// sessions of TLS inside EAP, for the next sign-in of this line.
	sessions tlsstep.Sessions
}

// New makes a Tunnel. Nothing happens before Run.
func New(cfg Config) *Tunnel {
	log := cfg.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if cfg.NewAlarm == nil {
		cfg.NewAlarm = newRuntimeAlarm
	}
	return &Tunnel{cfg: cfg, log: log, renew: make(chan struct{}, 1)}
}

// Renew has the line that stands signed in again now, by a successor, and does not wait
// for it. While there is no line, or one is being renewed already, it changes nothing.
// Safe for concurrent use.
func (t *Tunnel) Renew() {
	select {
	case t.renew <- struct{}{}:
	default:
	}
}

// Stats gives the data plane's counters; zero before there is one. Safe for
// concurrent use.
func (t *Tunnel) Stats() Stats {
	if p := t.plane.Load(); p != nil {
		return p.Stats()
	}
	return Stats{}
}

// Run brings the line up and keeps it until the gateway or ctx ends it. emit
// is called on Run's goroutine, in order, and must not block for long.
//
// When ctx is cancelled the gateway is told, for at most two seconds, and Run
// returns nil. Every other end is a *diagnose.Failure.
func (t *Tunnel) Run(ctx context.Context, emit func(Event)) error {
	if t.cfg.Online != nil && !t.cfg.Online() {
		return t.ended(ctx, &diagnose.Failure{Cause: diagnose.CauseNoNetwork, Expected: t.cfg.Profile.Gateway.Address})
	}
	creds, err := t.credentials(ctx)
	if err != nil {
		return t.ended(ctx, err)
	}
	defer func() { creds.clear() }()
	t.asked = gateway{id: ike.GatewayAt(t.cfg.Profile.Gateway.Address)}
	for {
		emit(Progress{Step: "resolving"})
		addrs, err := t.resolve(ctx, t.asked.id)
		if err != nil {
			return t.ended(ctx, err)
		}
		t.resolved = addrs
		err = t.attempts(ctx, addrs, creds, emit)
		if errors.Is(err, errLate) && ctx.Err() == nil {
			t.log.Info("the answer came late, and the sign-in begins anew with it")
			creds = creds.again()
			continue
		}
		to, redirected := redirection(err)
		if !redirected || t.stood || ctx.Err() != nil {
			return t.ended(ctx, err)
		}
		if t.asked, err = t.onward(t.asked, to); err != nil {
			return t.ended(ctx, err)
		}
		creds = creds.again()
	}
}

// attempts tries one address after the other, as long as nobody answers. Of
// several silences the first one that was really asked for is told. A line that
// stood is over with its address: what the system was told to set for it must
// be taken back before another begins.
func (t *Tunnel) attempts(ctx context.Context, addrs []netip.Addr, creds *credentials, emit func(Event)) (err error) {
	for i, addr := range addrs {
		e := t.attempt(ctx, t.asked, addr, i == len(addrs)-1, creds, emit)
		if err == nil || !isCause(e, diagnose.CauseNoNetwork) {
			err = e
		}
		if t.stood || !worthAnotherAddress(e) {
			return e
		}
		t.log.Info("no answer from this address of the gateway", "address", addr)
	}
	return err
}

// ended turns how an attempt ended into what Run promises to return.
func (t *Tunnel) ended(ctx context.Context, err error) error {
	if ctx.Err() != nil && err != nil {
		t.log.Warn("the line did not end well", "err", err)
	}
	if ctx.Err() != nil || err == nil {
		return nil
	}
	f := t.explain(err)
	t.log.Warn("the line is down", "cause", f.Cause, "err", err)
	return f
}

// worthAnotherAddress reports whether another address of the same gateway may
// do better: only silence says so, or no way to this address at all; an answer
// of any kind is the gateway's word.
func worthAnotherAddress(err error) bool {
	var f *ike.Failure
	return errors.As(err, &f) && f.Cause == ike.CauseNoAnswer || isCause(err, diagnose.CauseNoNetwork)
}

func isCause(err error, cause diagnose.Cause) bool {
	var f *diagnose.Failure
	return errors.As(err, &f) && f.Cause == cause
}

// resolve gives the first few addresses of a gateway.
func (t *Tunnel) resolve(ctx context.Context, g ike.GatewayID) ([]netip.Addr, error) {
	if g.Addr.IsValid() {
		return t.withTranslated(ctx, []netip.Addr{g.Addr.Unmap()}), nil
	}
	host := g.Name
	addrs, err := t.cfg.Resolve(ctx, host)
	if err != nil {
		return nil, &diagnose.Failure{Cause: diagnose.CauseNameNotFound, Expected: host, Err: err}
	}
	if len(addrs) == 0 {
		return nil, &diagnose.Failure{Cause: diagnose.CauseNameNotFound, Expected: host, Err: fmt.Errorf("no address for %q", host)}
	}
	if len(addrs) > maxAddresses {
		addrs = addrs[:maxAddresses]
	}
	out := make([]netip.Addr, len(addrs))
	for i, a := range addrs {
		out[i] = a.Unmap()
	}
	return t.withTranslated(ctx, out), nil
}
