// Package captive asks the network behind one device whether it is a captive
// portal, by the ways that a network has to say so (RFC 8910): DHCPv4 (option
// 114), DHCPv6 (option 103) and router advertisements (option 37).
//
//	Ask -> DHCPINFORM, Information-request, router solicitation, all at once
//	    -> the URI of the portal's API (RFC 8908), or that there is no portal
//
// It asks beside the machine's own DHCP client and takes nothing from it: no
// lease, no port for longer than the question. What it sends may leave in every
// state of the kill switch (DHCP, and the router solicitation of NDP).
//
// It owns the questions and the reading of the answers, which anybody on the link
// can forge: an answer is a hint, and who follows it checks who answers there
// (client/portal). It changes nothing. app/homewardd gives it to client/portal.
package captive

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
)

// Source is who said it.
type Source string

// The sources, best first: where two say different things the first is taken, for
// DHCP is what the same network hands out to everybody on it.
const (
	DHCPv4              Source = "dhcpv4"
	DHCPv6              Source = "dhcpv6"
	RouterAdvertisement Source = "router advertisement"
)

// Word is what a network says of itself.
type Word struct {
	Device string
	Source Source
	// API is the address of the portal's API, an https URL; "" with Unrestricted.
	API string
	// Unrestricted: the network says that it has no portal (RFC 8910 2).
	Unrestricted bool
}

// ErrSilent says that the network says nothing of a portal, as most do.
var ErrSilent = errors.New("captive: the network says nothing of a captive portal")

const (
	// unrestricted is the name that stands for "no portal" (RFC 8910 2).
	unrestricted = "urn:ietf:params:capport:unrestricted"
	// longest bounds a URI: what does not fit into one DHCPv4 option is no address
	// that a network means.
	longest = 1024
)

// asker is one way of asking: it gives the URI as it came, "" where the answer had
// none, or an error.
type asker struct {
	source Source
	ask    func(ctx context.Context, device string) (string, error)
}

// Ask asks the network of a device by every way at once, until each has answered or
// ctx ends. ErrSilent where none says anything; other errors where none could even
// ask. The logger hears what else went wrong; nil: nobody does.
func Ask(ctx context.Context, device string, logger *slog.Logger) (Word, error) {
	return ask(ctx, device, logger, askers())
}

func ask(ctx context.Context, device string, logger *slog.Logger, ways []asker) (Word, error) {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	if len(ways) == 0 {
		return Word{}, fmt.Errorf("captive: asking the network: %w", errors.ErrUnsupported)
	}
	words, errs := make([]Word, len(ways)), make([]error, len(ways))
	var all sync.WaitGroup
	for i, w := range ways {
		all.Go(func() {
			uri, err := w.ask(ctx, device)
			if err == nil && uri != "" {
				words[i], err = read(uri)
			}
			words[i].Device, words[i].Source, errs[i] = device, w.source, err
		})
	}
	all.Wait()
	asked := false
	for i, w := range words {
		switch {
		case errs[i] == nil && (w.API != "" || w.Unrestricted):
			return w, nil
		case errs[i] == nil, errors.Is(errs[i], context.DeadlineExceeded):
			asked = true
		default:
			logger.Debug("the network was not asked for its portal", "device", device, "by", string(w.Source), "error", errs[i])
		}
	}
	if !asked {
		return Word{}, fmt.Errorf("captive: asking the network of %s: %w", device, errors.Join(errs...))
	}
	return Word{}, ErrSilent
}

// read takes a URI as a network gave it. Zeros pad it in a router advertisement
// (RFC 8910 2.3), and some DHCP servers end it with one.
func read(raw string) (Word, error) {
	raw = strings.TrimRight(raw, "\x00")
	switch {
	case len(raw) > longest:
		return Word{}, fmt.Errorf("captive: a URI of %d octets", len(raw))
	case strings.EqualFold(raw, unrestricted):
		return Word{Unrestricted: true}, nil
	}
	if strings.ContainsFunc(raw, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return Word{}, errors.New("captive: the portal's URI has characters that no URI has (RFC 3986 2)")
	}
	u, err := url.Parse(raw)
	if err != nil {
		return Word{}, fmt.Errorf("captive: the portal's URI: %w", err)
	}
	if u.Scheme != "https" || u.Host == "" || u.User != nil {
		return Word{}, fmt.Errorf("captive: the portal's URI has the scheme %q, but an API is asked by https alone (RFC 8908 4)", u.Scheme)
	}
	return Word{API: u.String()}, nil
}
