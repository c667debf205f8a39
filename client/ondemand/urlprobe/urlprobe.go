// Package urlprobe asks whether a URL answers: the one thing that a rule wants to know
// and that only the network can tell.
//
//	Ask -> Find (the host's addresses) -> Open (a way through the kill switch)
//	  -> Dial, marked, beside any tunnel -> GET -> 200, or not
//
// It believes nothing of an answer but its status: no redirect is followed, no proxy
// asked, nothing of the user goes out and no cookie is kept; with https the server must
// prove its name. Everything is bounded, and what cannot be asked does not answer. The
// sockets and the way come in as functions; app/homewardd joins them, and client/service
// calls Ask.
package urlprobe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"time"

	"github.com/homeward-vpn/homeward/client/profile"
)

// Config is what a Prober is made from. All but Roots, Open and Logger is needed.
type Config struct {
	// Find gives a host's addresses, as the physical network knows them.
	Find func(ctx context.Context, host string) ([]netip.Addr, error)
	// Dial opens a TCP connection that goes around the tunnel and that the kill switch
	// knows as the service's own.
	Dial func(ctx context.Context, to netip.AddrPort) (net.Conn, error)
	// Open lets TCP to these addresses through the kill switch until the function that
	// it gives is called. nil: nothing is in the way.
	Open   func(to []netip.AddrPort) (func(), error)
	Roots  *x509.CertPool // nil: the system's
	Logger *slog.Logger   // nil: silent
}

// The bounds of one probe.
const (
	patience      = 5 * time.Second
	mostAddresses = 4
	headerLimit   = 16 << 10
)

// Prober asks. It is safe for concurrent use.
type Prober struct{ cfg Config }

// New makes a Prober.
func New(c Config) *Prober {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Open == nil {
		c.Open = func([]netip.AddrPort) (func(), error) { return func() {}, nil }
	}
	return &Prober{cfg: c}
}

// Ask says whether a URL answers a GET with 200.
func (p *Prober) Ask(ctx context.Context, raw string) bool {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	status, err := p.get(ctx, raw)
	if err != nil {
		p.cfg.Logger.Debug("a probe has no answer", "url", raw, "error", err)
		return false
	}
	return status == http.StatusOK
}

// get gives the status of the answer.
func (p *Prober) get(ctx context.Context, raw string) (status int, err error) {
	if !profile.ValidProbe(raw) {
		return 0, fmt.Errorf("urlprobe: %.100q is not an http or https URL", raw)
	}
	u, err := url.Parse(raw)
	if err != nil {
		return 0, fmt.Errorf("urlprobe: %w", err)
	}
	to, err := p.addresses(ctx, u)
	if err != nil {
		return 0, err
	}
	shut, err := p.cfg.Open(to)
	if err != nil {
		return 0, fmt.Errorf("urlprobe: %w", err)
	}
	defer shut()
	transport := &http.Transport{
		DialContext:            func(ctx context.Context, _, _ string) (net.Conn, error) { return p.dial(ctx, to) },
		TLSClientConfig:        &tls.Config{RootCAs: p.cfg.Roots, MinVersion: tls.VersionTLS12},
		DisableKeepAlives:      true,
		DisableCompression:     true,
		MaxResponseHeaderBytes: headerLimit,
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		return 0, fmt.Errorf("urlprobe: %w", err)
	}
	request.Header.Set("User-Agent", "Homeward")
	request.Header.Set("Cache-Control", "no-cache")
	answer, err := transport.RoundTrip(request) // and not a client's Do, which would follow
	if err != nil {
		return 0, fmt.Errorf("urlprobe: %w", err)
	}
	_, err = io.CopyN(io.Discard, answer.Body, 1) // an answer without a body will do
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return answer.StatusCode, errors.Join(err, answer.Body.Close())
}

// addresses finds where the host of a URL is.
func (p *Prober) addresses(ctx context.Context, u *url.URL) ([]netip.AddrPort, error) {
	port := uint16(80)
	if u.Scheme == "https" {
		port = 443
	}
	if text := u.Port(); text != "" {
		n, err := strconv.ParseUint(text, 10, 16)
		if err != nil {
			return nil, fmt.Errorf("urlprobe: %w", err)
		}
		port = uint16(n)
	}
	found := []netip.Addr{}
	if a, err := netip.ParseAddr(u.Hostname()); err == nil {
		found = append(found, a)
	} else if found, err = p.cfg.Find(ctx, u.Hostname()); err != nil {
		return nil, fmt.Errorf("urlprobe: %w", err)
	}
	var to []netip.AddrPort
	for _, a := range found[:min(len(found), mostAddresses)] {
		to = append(to, netip.AddrPortFrom(a.Unmap(), port))
	}
	if len(to) == 0 {
		return nil, errors.New("urlprobe: the host has no address")
	}
	return to, nil
}

// dial tries the addresses in turn, each for its part of the time that is left.
func (p *Prober) dial(ctx context.Context, to []netip.AddrPort) (net.Conn, error) {
	var errs []error
	for i, one := range to {
		part := patience
		if until, ok := ctx.Deadline(); ok {
			part = time.Until(until) / time.Duration(len(to)-i)
		}
		trying, cancel := context.WithTimeout(ctx, part)
		c, err := p.cfg.Dial(trying, one)
		cancel()
		if err == nil {
			return c, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}
