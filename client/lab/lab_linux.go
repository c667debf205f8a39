package lab

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// Options shape a lab. The zero value has a gateway that takes an EAP-MSCHAPv2
// user, certificates and a PSK, and a path through the kernel's own NAT.
type Options struct {
	Gateway GatewayOptions
	// NoGateway leaves the gateway's charon away: nobody answers.
	NoGateway bool
	// Second is another gateway of the same company, to which clients may be
	// sent; nil: there is none.
	Second *GatewayOptions
	// Relay sends IKE and ESP through a Relay from the start, on each uplink
	// that has a NAT.
	Relay bool
	// Uplinks gives the client more than its Wi-Fi.
	Uplinks bool
	// NAT64 gives it one more uplink, of IPv6 alone, whose network leads to IPv4 by a
	// translator with this prefix (RFC 6052). Only with Uplinks; zero: there is none.
	// The programs of Tayga have to be named to Main.
	NAT64 netip.Prefix
	// AuthorityKey is the kind of key that the company's authorities have;
	// empty: ECDSA256.
	AuthorityKey KeyType
	// Names is who keeps the client's resolv.conf. Start returns a
	// *NoNameServiceError where it cannot be had.
	Names NameService
	// RADIUS gives the company sign-in servers behind the gateway, which asks
	// them with the EAP method "radius"; nil: there are none.
	RADIUS *RADIUSOptions
	// Revocation has the company say inside, and in the gateway's certificate, what it
	// has revoked; nil: it says nothing of that.
	Revocation *RevocationOptions
}

// Lab is one company network that is up. Its methods are safe for concurrent
// use; Close ends everything it started.
type Lab struct {
	Dir string // the lab's files; gone after Close
	PKI *PKI

	Client   *Namespace // the employee's machine
	Router   *Namespace // the home router
	Internet *Namespace // the public server
	Intranet *Namespace // the company's server

	Gateway *Gateway // nil with NoGateway
	Second  *Gateway // nil without Options.Second
	Relay   *Relay   // the home router's; nil until Options.Relay or UseRelay
	Uplinks *Uplinks // nil without Options.Uplinks
	RADIUS  *RADIUS  // nil without Options.RADIUS

	Revocation *Revocation // nil without Options.Revocation

	DNS64      *Resolver // that of the network of IPv6 alone; nil without Options.NAT64
	PublicDNS  *Resolver // what the client uses without a tunnel
	CompanyDNS *Resolver // answers inside only

	network    network
	mu         sync.Mutex
	closers    []func() error
	closeErr   error
	closed     bool
	responders bool     // are there for a Stranger
	resolved   *Process // nil without Options.Names saying so
}

// Start builds a lab. It needs Enter first, and gives its error where there
// was one. On an error nothing is left.
func Start(ctx context.Context, o Options) (*Lab, error) {
	if err := requireInside(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(runDir, 0o755); err != nil {
		return nil, fmt.Errorf("lab: making the lab's folder: %w", err)
	}
	dir, err := os.MkdirTemp(runDir, "lab-")
	if err != nil {
		return nil, fmt.Errorf("lab: making the lab's folder: %w", err)
	}
	l := &Lab{Dir: dir}
	l.onClose(func() error { return os.RemoveAll(dir) })
	if err := l.build(ctx, o); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

func (l *Lab) build(ctx context.Context, o Options) error {
	// Files other users of the client's machine may read, secrets excepted.
	if err := os.Chmod(l.Dir, 0o755); err != nil {
		return fmt.Errorf("lab: opening the lab's folder: %w", err)
	}
	var err error
	if l.PKI, err = NewPKI(o.AuthorityKey); err != nil {
		return err
	}
	etc, err := o.Names.etc()
	if err != nil {
		return err
	}
	if o.Uplinks && o.Names == ResolvConf {
		etc = map[string]string{"resolv.conf": uplinksResolv}
		if o.NAT64.IsValid() {
			etc = map[string]string{"resolv.conf": nat64Resolv}
		}
	}
	err = l.buildNetwork(o, etc)
	for _, n := range l.network.machines() {
		l.onClose(n.close)
	}
	if err != nil {
		return err
	}
	l.Client, l.Router, l.Internet, l.Intranet = l.network.client, l.network.router, l.network.internet, l.network.intranet
	if err := l.awaitCable(ctx); err != nil {
		return err
	}
	if err := l.startServers(); err != nil {
		return err
	}
	if err := l.startNames(ctx, o.Names); err != nil {
		return err
	}
	if o.NAT64.IsValid() {
		if err := l.startNAT64(ctx, o.NAT64); err != nil {
			return err
		}
	}
	if o.Relay {
		if err := l.useRelays(); err != nil {
			return err
		}
	}
	if o.RADIUS != nil {
		if err := l.startRADIUS(ctx, *o.RADIUS); err != nil {
			return err
		}
	}
	if o.Revocation != nil {
		if err := l.startRevocation(ctx, *o.Revocation); err != nil {
			return err
		}
	}
	if o.NoGateway {
		return nil
	}
	if l.Gateway, err = l.startGateway(ctx, "gateway", l.network.gateway, firstSite, o.Gateway); err != nil {
		return err
	}
	if o.Gateway.AlwaysCookie {
		if err := l.Gateway.occupy(l.Internet); err != nil {
			return err
		}
	}
	if o.Second != nil {
		l.Second, err = l.startGateway(ctx, "second", l.network.second, secondSite, *o.Second)
	}
	return err
}

// awaitCable waits until the kernel has noticed that the client's cable is in: until
// then the device has no link-local address, and looks otherwise than a moment later.
func (l *Lab) awaitCable(ctx context.Context) error {
	return Until(ctx, "the client's cable is in", func() (bool, error) {
		out, err := l.Client.Run(ctx, "ip", "-oneline", "address", "show", "dev", "eth0", "up", "scope", "link")
		if err != nil || !strings.Contains(out, "fe80:") {
			return false, err
		}
		out, err = l.Client.Run(ctx, "ip", "-oneline", "link", "show", "dev", "eth0")
		return strings.Contains(out, "state UP"), err
	})
}

// buildNetwork builds what the options want of the network.
func (l *Lab) buildNetwork(o Options, etc map[string]string) error {
	if err := l.network.build(etc); err != nil {
		return err
	}
	if o.Uplinks {
		l.Uplinks = newUplinks(l.network.client)
		if o.NAT64.IsValid() {
			l.Uplinks.NAT64 = nat64Uplink(l.network.client, o.NAT64)
			if err := l.network.addNAT64(l.Uplinks.NAT64); err != nil {
				return err
			}
		}
		if err := l.network.addUplinks(l.Uplinks); err != nil {
			return err
		}
	}
	if o.Second != nil {
		return l.network.addSecond()
	}
	return nil
}

// useRelays puts a relay into every NAT.
func (l *Lab) useRelays() error {
	if err := l.UseRelay(); err != nil || l.Uplinks == nil {
		return err
	}
	var err error
	l.Uplinks.LTE.Relay, err = l.startRelay(relaySite{machine: l.network.carrier, inside: [2]netip.Addr{carrierInside},
		outside: [2]netip.Addr{CarrierOutside}, second: [2]netip.Addr{CarrierSecond}})
	return err
}

// startGateway starts a gateway on its machine.
func (l *Lab) startGateway(ctx context.Context, name string, n *Namespace, at site, o GatewayOptions) (*Gateway, error) {
	var radius *RADIUSServer
	if l.RADIUS != nil && n == l.network.gateway {
		radius = l.RADIUS.FreeRADIUS
	}
	g, err := newGateway(filepath.Join(l.Dir, name), n, at, l.PKI, radius, o)
	if err != nil {
		return nil, err
	}
	l.onClose(g.close)
	return g, g.Start(ctx)
}

func (l *Lab) startServers() error {
	l.PublicDNS, l.CompanyDNS = newResolver(publicZone()), newResolver(companyZone())
	l.onClose(l.PublicDNS.close)
	l.onClose(l.CompanyDNS.close)
	if err := l.PublicDNS.listen(l.Router, RouterInside, RouterInside6); err != nil {
		return err
	}
	if err := l.PublicDNS.listen(l.Internet, PublicAddress, PublicAddress6); err != nil {
		return err
	}
	if err := l.CompanyDNS.listen(l.Intranet, IntranetAddress, IntranetAddress6); err != nil {
		return err
	}
	public, intranet := newWebServer(PublicGreeting), newWebServer(IntranetGreeting)
	l.onClose(public.close)
	l.onClose(intranet.close)
	if err := public.listen(l.Internet, PublicAddress, PublicAddress6); err != nil {
		return err
	}
	return intranet.listen(l.Intranet, IntranetAddress, IntranetAddress6, IntranetSecond)
}

// onClose keeps f for Close, which runs the last one first.
func (l *Lab) onClose(f func() error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closers = append(l.closers, f)
}

// Close ends everything, newest first, and returns all that went wrong. A
// second Close returns the same and does nothing.
func (l *Lab) Close() error {
	l.mu.Lock()
	if l.closed {
		defer l.mu.Unlock()
		return l.closeErr
	}
	l.closed = true
	closers := l.closers
	l.closers = nil
	l.mu.Unlock()
	var errs []error
	for i := len(closers) - 1; i >= 0; i-- {
		errs = append(errs, closers[i]())
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closeErr = errors.Join(errs...)
	return l.closeErr
}
