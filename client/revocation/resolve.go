package revocation

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/homeward-vpn/homeward/client/nameserver"
)

// Names are asked of the servers inside the tunnel by a resolver of our own: Go's looks
// into resolv.conf and hosts of this machine, and remembers for some seconds what it
// found there, also for those who look up the gateway when the line has ended.

const oneQuestion = 2 * time.Second // to one server

var errName = errors.New("the name cannot be found")

// lookup gives the first few addresses of a host, IPv4 first.
func (d dialer) lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	if len(d.Servers) == 0 {
		return nil, fmt.Errorf("revocation: no name server inside the tunnel for %q: %w", host, errPlace)
	}
	name, err := dnsmessage.NewName(strings.ToLower(strings.TrimSuffix(host, ".")) + ".")
	if err != nil {
		return nil, fmt.Errorf("revocation: name %q: %w", host, errPlace)
	}
	var addrs []netip.Addr
	var errs []error
	for _, kind := range []dnsmessage.Type{dnsmessage.TypeA, dnsmessage.TypeAAAA} {
		found, err := d.query(ctx, dnsmessage.Question{Name: name, Type: kind, Class: dnsmessage.ClassINET})
		addrs, errs = append(addrs, found...), append(errs, err)
	}
	if len(addrs) == 0 {
		return nil, fmt.Errorf("revocation: %s: %w", host, errors.Join(append(errs, errName)...))
	}
	return addrs[:min(len(addrs), maxAddresses)], nil
}

// query asks one server after the other, twice.
func (d dialer) query(ctx context.Context, q dnsmessage.Question) (addrs []netip.Addr, err error) {
	for range 2 {
		for _, server := range d.Servers[:min(len(d.Servers), maxAddresses)] {
			if addrs, err = d.ask(ctx, netip.AddrPortFrom(server, 53), q); err == nil || ctx.Err() != nil {
				return addrs, err
			}
		}
	}
	return nil, err
}

// ask puts a question to one server.
func (d dialer) ask(ctx context.Context, server netip.AddrPort, q dnsmessage.Question) ([]netip.Addr, error) {
	ctx, cancel := context.WithTimeout(ctx, oneQuestion)
	defer cancel()
	a, err := nameserver.Ask(ctx, d.Dial, server, q)
	if errors.Is(err, nameserver.ErrRefused) {
		return nil, fmt.Errorf("revocation: %w: %w", errRefused, err)
	}
	if err != nil {
		return nil, fmt.Errorf("revocation: %w", err)
	}
	return readAddresses(a)
}

// readAddresses takes the addresses out of an answer. Which name in a row of aliases an
// address belongs to is the server's to say.
func readAddresses(a nameserver.Answer) (addrs []netip.Addr, err error) {
	if a.NoName {
		return nil, nil
	}
	answers, err := a.Records.AllAnswers()
	if err != nil {
		return nil, fmt.Errorf("revocation: the name server's answer: %w", err)
	}
	for _, a := range answers {
		var found netip.Addr
		switch body := a.Body.(type) {
		case *dnsmessage.AResource:
			found = netip.AddrFrom4(body.A)
		case *dnsmessage.AAAAResource:
			found = netip.AddrFrom16(body.AAAA).Unmap()
		default:
			continue
		}
		if len(addrs) < maxAddresses && !slices.Contains(addrs, found) {
			addrs = append(addrs, found)
		}
	}
	return addrs, nil
}
