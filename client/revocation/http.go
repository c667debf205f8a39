package revocation

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/homeward-vpn/homeward/ike/auth"
)

const (
	// oneAnswer bounds the time for one request, names and redirects included.
	oneAnswer    = 8 * time.Second
	maxRedirects = 3
	maxHeaders   = 16 << 10 // octets of an answer's header
	maxAddresses = 4        // of a name that are tried
	// maxGET is the longest request that goes into an URL (RFC 6960 A.1).
	maxGET = 255
)

// errRefused is in the errors of servers that answer, but not with what was asked for.
var errRefused = errors.New("the server refuses")

// errPlace is in the errors of places that are not asked.
var errPlace = errors.New("a place that is not asked")

// httpClient speaks plain HTTP through a Network.
type httpClient struct{ http.Client }

// places are the first few addresses of a certificate that can be asked.
func places(in []string) (out []string) {
	for _, text := range in {
		if u, err := url.Parse(text); err == nil && mayAsk(u) == nil && !slices.Contains(out, text) && len(out) < maxPlaces {
			out = append(out, text)
		}
	}
	return out
}

// mayAsk says whether a URL is one of plain HTTP.
func mayAsk(u *url.URL) error {
	if u.Scheme != "http" || u.Hostname() == "" || u.User != nil {
		return fmt.Errorf("revocation: %q: %w", u.Redacted(), errPlace)
	}
	return nil
}

// client makes a client that lives as long as one run.
func client(n Network) *httpClient {
	d := dialer{n}
	return &httpClient{http.Client{
		Transport: &http.Transport{
			DialContext:            d.dial,
			DisableKeepAlives:      true,
			DisableCompression:     true,
			MaxResponseHeaderBytes: maxHeaders,
		},
		CheckRedirect: func(next *http.Request, before []*http.Request) error {
			if len(before) > maxRedirects {
				return fmt.Errorf("revocation: more than %d redirects: %w", maxRedirects, errRefused)
			}
			return mayAsk(next.URL)
		},
		Timeout: oneAnswer,
	}}
}

func (c *httpClient) post(ctx context.Context, at string, request []byte) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, at, bytes.NewReader(request))
	if err != nil {
		return nil, fmt.Errorf("revocation: %w", err)
	}
	r.Header.Set("Content-Type", "application/ocsp-request")
	return c.answer(r, auth.MaxOCSP)
}

// getOCSP is RFC 6960 A.1: the request in base64, in the path.
func (c *httpClient) getOCSP(ctx context.Context, at string, request []byte) ([]byte, error) {
	encoded := url.PathEscape(base64.StdEncoding.EncodeToString(request))
	if len(encoded) > maxGET {
		return nil, fmt.Errorf("revocation: a request of %d characters: %w", len(encoded), errRefused)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(at, "/")+"/"+encoded, nil)
	if err != nil {
		return nil, fmt.Errorf("revocation: %w", err)
	}
	return c.answer(r, auth.MaxOCSP)
}

func (c *httpClient) getList(ctx context.Context, at string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return nil, fmt.Errorf("revocation: %w", err)
	}
	return c.answer(r, auth.MaxCRL)
}

// answer reads a whole answer, up to a size. What kind of data it says it is does not
// matter: what proves something is signed.
func (c *httpClient) answer(r *http.Request, most int64) (body []byte, err error) {
	r.Header.Set("User-Agent", "Homeward")
	resp, err := c.Do(r)
	if err != nil {
		return nil, fmt.Errorf("revocation: %w", err)
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("revocation: %s answers %q: %w", r.URL.Redacted(), resp.Status, errRefused)
	}
	body, err = io.ReadAll(io.LimitReader(resp.Body, most+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("revocation: %s: %w", r.URL.Redacted(), err)
	case int64(len(body)) > most:
		return nil, fmt.Errorf("revocation: %s sends more than %d octets: %w", r.URL.Redacted(), most, errRefused)
	}
	return body, nil
}

// dialer finds addresses by the name servers of the tunnel.
type dialer struct{ Network }

func (d dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("revocation: %w", err)
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("revocation: port %q: %w", text, errPlace)
	}
	var addrs []netip.Addr
	if a, perr := netip.ParseAddr(host); perr == nil {
		addrs = []netip.Addr{a.Unmap()}
	} else if addrs, err = d.lookup(ctx, host); err != nil {
		return nil, err
	}
	var errs []error
	for _, a := range addrs {
		if !a.IsGlobalUnicast() { // this machine, its own links, everybody
			errs = append(errs, fmt.Errorf("revocation: %s is %s: %w", host, a, errPlace))
			continue
		}
		c, err := d.Dial(ctx, "tcp", netip.AddrPortFrom(a, uint16(port)))
		if err == nil {
			return c, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}
