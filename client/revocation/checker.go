package revocation

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"github.com/homeward-vpn/homeward/ike/auth"
)

// Config is what a Checker is made from.
type Config struct {
	Dir    string       // of the cache; made where it is missing
	Logger *slog.Logger // nil: silent
	Now    func() time.Time
}

// Checker finds out about revocation. It is safe for concurrent use.
type Checker struct {
	cache *cache
	log   *slog.Logger
	now   func() time.Time
}

// Network is the way to the authorities.
type Network struct {
	// Dial opens a connection, "udp" or "tcp", that goes nowhere but through the tunnel.
	Dial func(ctx context.Context, network string, to netip.AddrPort) (net.Conn, error)
	// Servers are the name servers inside; without one only places that are given by
	// address can be asked.
	Servers []netip.Addr
}

// Open makes a Checker on the cache in a directory.
func Open(c Config) (*Checker, error) {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	kept, err := openCache(c.Dir)
	if err != nil {
		return nil, err
	}
	return &Checker{cache: kept, log: c.Logger, now: c.Now}, nil
}

// Known judges a path of auth.VerifyPath by staples, DER of OCSP responses, and by
// what is kept. Staples that say something are kept, too.
func (c *Checker) Known(path []*x509.Certificate, staples [][]byte) auth.PathVerdict {
	now := c.now()
	return auth.JudgePath(path, func(cert, issuer *x509.Certificate) (auth.Finding, error) {
		return c.known(cert, issuer, staples, now)
	})
}

func (c *Checker) known(cert, issuer *x509.Certificate, staples [][]byte, now time.Time) (auth.Finding, error) {
	kept := c.cache.get(cert, issuer)
	kept.OCSP = append(kept.OCSP, staples...)
	f, err := auth.JudgeRevocation(cert, issuer, kept, now)
	for _, der := range staples {
		if s, serr := auth.JudgeOCSP(der, cert, issuer, nil, now); serr == nil && !f.Outweighs(s) {
			c.keep(cert, issuer, kindOCSP, der)
		}
	}
	return f, err
}

// Fetch asks the authorities about a path. Where one does not answer, what is known
// already counts, as long as it is fresh. ctx bounds it all.
func (c *Checker) Fetch(ctx context.Context, path []*x509.Certificate, staples [][]byte, n Network) auth.PathVerdict {
	run := &fetching{checker: c, client: client(n), lists: map[string][]byte{}}
	defer run.client.CloseIdleConnections()
	return auth.JudgePath(path, func(cert, issuer *x509.Certificate) (auth.Finding, error) {
		asked, err := run.ask(ctx, cert, issuer)
		if err == nil {
			return asked, nil
		}
		c.log.Info("revocation could not be asked for", "certificate", cert.Subject.CommonName, "issuer", cert.Issuer.CommonName, "err", err)
		if f, kerr := c.known(cert, issuer, staples, c.now()); kerr == nil {
			return f, nil
		}
		return auth.Finding{}, err
	})
}

// weigh keeps a new answer, unless one is known already that outweighs it: one that is
// older, though still fresh, may be a replay.
func (c *Checker) weigh(cert, issuer *x509.Certificate, k kind, der []byte, f auth.Finding) auth.Finding {
	if old, err := c.known(cert, issuer, nil, c.now()); err == nil && old.Outweighs(f) {
		return old
	}
	c.keep(cert, issuer, k, der)
	return f
}

// keep puts evidence that was verified into the cache. A disk that does not take it
// costs a question at the next connect, and no more.
func (c *Checker) keep(cert, issuer *x509.Certificate, k kind, der []byte) {
	if err := c.cache.put(cert, issuer, k, der); err != nil {
		c.log.Warn("the answer about a certificate could not be kept", "err", err)
	}
}

// fetching is one run of Fetch.
type fetching struct {
	checker *Checker
	client  *httpClient
	lists   map[string][]byte // CRLs of this run, by their place
}

const (
	// maxPlaces bounds how many responders, and how many lists, are asked about one
	// certificate.
	maxPlaces = 3
	nonceLen  = 32 // octets (RFC 8954 2.1)
)

// ask asks about one certificate: its responders, then its lists, until one answer
// proves something.
func (f *fetching) ask(ctx context.Context, cert, issuer *x509.Certificate) (auth.Finding, error) {
	responders, lists := places(cert.OCSPServer), places(cert.CRLDistributionPoints)
	if len(responders)+len(lists) == 0 {
		return auth.Finding{}, auth.ErrNoPlace
	}
	var errs []error
	for _, at := range responders {
		finding, err := f.askResponder(ctx, at, cert, issuer)
		if err == nil {
			return finding, nil
		}
		errs = append(errs, err)
	}
	for _, at := range lists {
		finding, err := f.readList(ctx, at, cert, issuer)
		if err == nil {
			return finding, nil
		}
		errs = append(errs, err)
	}
	return auth.Finding{}, errors.Join(errs...)
}

// askResponder asks by POST with a nonce, and where that is not taken by GET without
// one, which is all that some responders know (RFC 5019 5).
func (f *fetching) askResponder(ctx context.Context, at string, cert, issuer *x509.Certificate) (auth.Finding, error) {
	nonce := make([]byte, nonceLen)
	if _, err := rand.Read(nonce); err != nil {
		return auth.Finding{}, fmt.Errorf("revocation: %w", err)
	}
	request, err := auth.OCSPRequest(cert, issuer, nonce)
	if err != nil {
		return auth.Finding{}, err
	}
	finding, err := f.judgeOCSP(cert, issuer, nonce, func() ([]byte, error) { return f.client.post(ctx, at, request) })
	if err == nil || ctx.Err() != nil || !errors.Is(err, errRefused) && !errors.Is(err, auth.ErrEvidence) {
		return finding, err
	}
	plain, perr := auth.OCSPRequest(cert, issuer, nil)
	if perr != nil {
		return finding, perr
	}
	again, aerr := f.judgeOCSP(cert, issuer, nil, func() ([]byte, error) { return f.client.getOCSP(ctx, at, plain) })
	if aerr != nil {
		return finding, err // the first complaint says more
	}
	return again, nil
}

func (f *fetching) judgeOCSP(cert, issuer *x509.Certificate, nonce []byte, get func() ([]byte, error)) (auth.Finding, error) {
	der, err := get()
	if err != nil {
		return auth.Finding{}, err
	}
	finding, err := auth.JudgeOCSP(der, cert, issuer, nonce, f.checker.now())
	if err != nil {
		return finding, err
	}
	return f.checker.weigh(cert, issuer, kindOCSP, der, finding), nil
}

func (f *fetching) readList(ctx context.Context, at string, cert, issuer *x509.Certificate) (auth.Finding, error) {
	der, ok := f.lists[at]
	if !ok {
		var err error
		if der, err = f.client.getList(ctx, at); err != nil {
			return auth.Finding{}, err
		}
		f.lists[at] = der
	}
	finding, err := auth.JudgeCRL(der, cert, issuer, f.checker.now())
	if err != nil {
		return finding, err
	}
	return f.checker.weigh(cert, issuer, kindCRL, der, finding), nil
}
