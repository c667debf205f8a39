package portal

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"time"
)

// get asks for a page once, by a device: no redirect is followed, no proxy asked, nothing kept.
// It gives the beginning of the body, as far as bodyLimit.
func (d *Detector) get(ctx context.Context, device string, u *url.URL, accept string) (_ *http.Response, _ []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	transport := &http.Transport{
		// Within the time of this question: a transport's own context has no end, for it
		// could use the connection for another.
		DialContext: func(_ context.Context, _, hostport string) (net.Conn, error) {
			return d.dial(ctx, device, hostport)
		},
		TLSClientConfig:        &tls.Config{RootCAs: d.cfg.Roots, MinVersion: tls.VersionTLS12},
		DisableKeepAlives:      true,
		DisableCompression:     true,
		MaxResponseHeaderBytes: headerLimit,
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, nil, err
	}
	request.Header.Set("User-Agent", "Homeward")
	request.Header.Set("Cache-Control", "no-cache")
	if accept != "" {
		request.Header.Set("Accept", accept)
	}
	resp, err := transport.RoundTrip(request) // and not a client's Do, which would follow
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, bodyLimit))
	return resp, body, err
}

// dial connects to a host by its name: the addresses in turn, each a part of the
// patience that is left. IPv4 goes first, for many a portal answers there and only
// swallows IPv6.
func (d *Detector) dial(ctx context.Context, device, hostport string) (net.Conn, error) {
	host, service, err := net.SplitHostPort(hostport)
	if err != nil {
		return nil, err
	}
	port, err := strconv.ParseUint(service, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("portal: the port %.20q", service)
	}
	addrs, err := d.addresses(ctx, host)
	if err != nil {
		return nil, err
	}
	var errs []error
	for i, a := range addrs {
		conn, err := d.dialOne(ctx, device, netip.AddrPortFrom(a, uint16(port)), len(addrs)-i)
		if err == nil {
			return conn, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

// addresses are those of a host at which a portal can be. A name of which one address
// is inside this machine has been set there to lead us astray, and is not followed.
func (d *Detector) addresses(ctx context.Context, host string) ([]netip.Addr, error) {
	var addrs []netip.Addr
	if a, err := netip.ParseAddr(host); err == nil {
		addrs = []netip.Addr{a}
	} else if addrs, err = d.cfg.Lookup(ctx, host); err != nil {
		return nil, err
	}
	if len(addrs) == 0 {
		return nil, fmt.Errorf("portal: %s has no address", host)
	}
	own, err := d.cfg.Own()
	if err != nil {
		return nil, fmt.Errorf("portal: the addresses of this machine: %w", err)
	}
	var four, six []netip.Addr
	for _, a := range addrs {
		if err := habitable(a, own); err != nil {
			return nil, err
		}
		if a = a.Unmap(); a.Is4() {
			four = append(four, a)
		} else {
			six = append(six, a)
		}
	}
	return append(four[:min(len(four), mostAddresses)], six[:min(len(six), mostAddresses)]...), nil
}

// dialOne tries one address, where left are still to be tried.
func (d *Detector) dialOne(ctx context.Context, device string, to netip.AddrPort, left int) (net.Conn, error) {
	if deadline, ok := ctx.Deadline(); ok && left > 1 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(deadline)/time.Duration(left))
		defer cancel()
	}
	return d.cfg.Dial(ctx, device, to)
}
