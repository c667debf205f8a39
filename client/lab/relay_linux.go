package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Relay is a NAT for IKE and ESP in a router, in userspace, for the kernel's
// own NAT can neither delay nor lose nor move a flow:
//
//	client -- redirect rule --> listener (one per port and family)
//	       --> ToGateway line --> mapping's own outer socket --> gateway
//	gateway --> outer socket --> ToClient line --> listener --> client
//
// Each address and port of the client has one mapping, whatever port of the
// gateway it speaks to, as most home routers do. IPv6 is translated too while
// the relay is in use. Safe for concurrent use.
type Relay struct {
	site     relaySite
	toward   [2]*line // by Direction
	mu       sync.Mutex
	mappings map[netip.AddrPort]*mapping
	outside  [2]netip.Addr // the outer address, IPv4 and IPv6
	closers  []func() error
	wg       sync.WaitGroup
	closed   bool
}

// relaySite is a router that a relay can work in, with a device named lan.
// Addresses are IPv4 and IPv6; a router of one family has no other.
type relaySite struct {
	machine                 *Namespace
	inside, outside, second [2]netip.Addr
}

// Direction of a path.
type Direction int

// The directions.
const (
	ToGateway Direction = iota
	ToClient
)

// mapping is one NAT binding.
type mapping struct {
	client netip.AddrPort
	out    *net.UDPConn
	// replies are the listeners by the gateway's port: an answer goes to the
	// client from where the client had sent to.
	replies map[uint16]*net.UDPConn
}

// relayed lists the gateway's ports with the listener's port for each.
var relayed = []struct{ port, local uint16 }{{500, 10500}, {4500, 14500}}

// relayRules take IKE and ESP out of the kernel's NAT, into the listeners.
const relayRules = `
table inet relay {
	chain prerouting {
		type nat hook prerouting priority dstnat;
		iifname "lan" ip daddr 203.0.113.1 udp dport 500 redirect to :10500
		iifname "lan" ip daddr 203.0.113.1 udp dport 4500 redirect to :14500
		iifname "lan" ip6 daddr 2001:db8:113::1 udp dport 500 redirect to :10500
		iifname "lan" ip6 daddr 2001:db8:113::1 udp dport 4500 redirect to :14500
	}
}
`

// UseRelay puts the relay into the path. A flow that exists gets a new
// mapping by that, as with any change of NAT. It does nothing when the relay
// is in use.
func (l *Lab) UseRelay() error {
	if l.Relay != nil {
		return nil
	}
	r, err := l.startRelay(relaySite{machine: l.Router, inside: [2]netip.Addr{RouterInside, RouterInside6},
		outside: [2]netip.Addr{RouterOutside, RouterOutside6}, second: [2]netip.Addr{RouterSecond, RouterSecond6}})
	l.Relay = r
	if l.Uplinks != nil {
		l.Uplinks.WiFi.Relay = r
	}
	return err
}

// startRelay puts a relay to work in a router.
func (l *Lab) startRelay(site relaySite) (*Relay, error) {
	r := &Relay{site: site, mappings: map[netip.AddrPort]*mapping{}, outside: site.outside}
	r.toward[ToGateway], r.toward[ToClient] = newLine(1), newLine(2)
	l.onClose(r.close)
	for _, inside := range site.inside {
		for _, p := range relayed {
			if !inside.IsValid() {
				continue
			}
			if err := r.listen(netip.AddrPortFrom(inside, p.local), p.port); err != nil {
				return nil, err
			}
		}
	}
	if err := nft(site.machine, relayRules); err != nil {
		return nil, fmt.Errorf("lab: switching the relay on: %w", err)
	}
	return r, forgetFlows(site.machine)
}

// UseKernelNAT takes the relay out of the path again; flows that exist get a
// new mapping. Its counters and impairments are gone with it.
func (l *Lab) UseKernelNAT() error {
	r := l.Relay
	if r == nil {
		return nil
	}
	if err := nft(l.Router, "delete table inet relay\n"); err != nil {
		return fmt.Errorf("lab: switching the relay off: %w", err)
	}
	l.Relay = nil
	if l.Uplinks != nil {
		l.Uplinks.WiFi.Relay = nil
	}
	if err := forgetFlows(l.Router); err != nil {
		return err
	}
	return r.close()
}

// forgetFlows empties a router's table of flows, so that rules which are new
// hold for old flows too.
func forgetFlows(router *Namespace) error {
	return router.Do(func() error {
		h, err := netlink.NewHandle(unix.NETLINK_NETFILTER)
		if err != nil {
			return fmt.Errorf("lab: opening netfilter: %w", err)
		}
		defer h.Close()
		return h.ConntrackTableFlush(netlink.ConntrackTable)
	})
}

// listenUDP opens a UDP socket on the router.
func (r *Relay) listenUDP(at netip.AddrPort) (*net.UDPConn, error) {
	var c *net.UDPConn
	err := r.site.machine.Do(func() (err error) {
		c, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("lab: opening the relay's socket at %s: %w", at, err)
	}
	if err := errors.Join(c.SetReadBuffer(relayBuffer), c.SetWriteBuffer(relayBuffer)); err != nil {
		return nil, errors.Join(fmt.Errorf("lab: setting the relay's buffers: %w", err), c.Close())
	}
	return c, nil
}

// relayBuffer is asked for each socket; the kernel may give less.
const relayBuffer = 4 << 20

// maxDatagram is more than any UDP payload.
const maxDatagram = 65536

// listen starts one listener for datagrams from the client to a gateway port.
func (r *Relay) listen(at netip.AddrPort, port uint16) error {
	c, err := r.listenUDP(at)
	if err != nil {
		return err
	}
	r.mu.Lock()
	r.closers = append(r.closers, c.Close)
	r.mu.Unlock()
	gateway := netip.AddrPortFrom(GatewayAddress, port)
	if at.Addr().Is6() {
		gateway = netip.AddrPortFrom(GatewayAddress6, port)
	}
	r.wg.Go(func() {
		buf := make([]byte, maxDatagram)
		for {
			n, client, err := c.ReadFromUDPAddrPort(buf)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil {
				continue // an ICMP error of an earlier send
			}
			r.toward[ToGateway].carry(buf[:n], packetSize(n, gateway.Addr()), func(b []byte) error {
				out, err := r.mapping(client, port, c)
				if err != nil {
					return err
				}
				_, err = out.WriteToUDPAddrPort(b, gateway)
				return err
			})
		}
	})
	return nil
}

// packetSize is the size of the IP packet around n octets of UDP payload.
func packetSize(n int, a netip.Addr) int {
	if a.Is4() {
		return n + 28
	}
	return n + 48
}

// mapping finds or makes the binding of a client's address and port, and
// returns its outer socket.
func (r *Relay) mapping(client netip.AddrPort, port uint16, listener *net.UDPConn) (*net.UDPConn, error) {
	client = netip.AddrPortFrom(client.Addr().Unmap(), client.Port())
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, net.ErrClosed
	}
	m := r.mappings[client]
	if m == nil {
		m = &mapping{client: client, replies: map[uint16]*net.UDPConn{}}
		if err := r.bind(m); err != nil {
			return nil, err
		}
		r.mappings[client] = m
	}
	m.replies[port] = listener
	return m.out, nil
}

// bind opens a mapping's outer socket and its way back; mu is held.
func (r *Relay) bind(m *mapping) error {
	outside := r.outside[0]
	if m.client.Addr().Is6() {
		outside = r.outside[1]
	}
	out, err := r.listenUDP(netip.AddrPortFrom(outside, 0))
	if err != nil {
		return err
	}
	m.out = out
	r.wg.Go(func() {
		buf := make([]byte, maxDatagram)
		for {
			n, gateway, err := out.ReadFromUDPAddrPort(buf)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil {
				continue // an ICMP error of an earlier send
			}
			r.toward[ToClient].carry(buf[:n], packetSize(n, m.client.Addr()), func(b []byte) error {
				r.mu.Lock()
				listener := m.replies[gateway.Port()]
				r.mu.Unlock()
				if listener == nil {
					return net.ErrClosed // the client never spoke to that port
				}
				_, err := listener.WriteToUDPAddrPort(b, m.client)
				return err
			})
		}
	})
	return nil
}

// Set makes one direction of the path as bad as told, from the next datagram
// on.
func (r *Relay) Set(d Direction, is Impairment) { r.toward[d].set(is) }

// SetBoth makes both directions equally bad.
func (r *Relay) SetBoth(is Impairment) {
	r.Set(ToGateway, is)
	r.Set(ToClient, is)
}

// Count tells what a direction did so far.
func (r *Relay) Count(d Direction) Counters { return r.toward[d].count() }

// Rebind gives every mapping a new outer port, as a router does after a
// restart; with move also the router's second outer address. What the gateway
// sends to the old one is lost until the client speaks again.
func (r *Relay) Rebind(move bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if move {
		r.outside = r.site.second
	}
	for _, m := range r.mappings {
		old := m.out
		if err := r.bind(m); err != nil {
			return err
		}
		if err := old.Close(); err != nil {
			return fmt.Errorf("lab: closing a mapping: %w", err)
		}
	}
	return nil
}

// Mappings lists the outer addresses in use, by the client's own.
func (r *Relay) Mappings() map[netip.AddrPort]netip.AddrPort {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make(map[netip.AddrPort]netip.AddrPort, len(r.mappings))
	for client, m := range r.mappings {
		out[client] = m.out.LocalAddr().(*net.UDPAddr).AddrPort()
	}
	return out
}

// WaitQuiet waits until no datagram is on its way in either direction.
func (r *Relay) WaitQuiet(ctx context.Context) error {
	return Until(ctx, "the relay is quiet", func() (bool, error) {
		for _, l := range r.toward {
			l.mu.Lock()
			n := len(l.queue)
			l.mu.Unlock()
			if n > 0 {
				return false, nil
			}
		}
		return true, nil
	})
}

// close ends the relay and waits for its goroutines.
func (r *Relay) close() error {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return nil
	}
	r.closed = true
	var errs []error
	for _, f := range r.closers {
		errs = append(errs, f())
	}
	for _, m := range r.mappings {
		errs = append(errs, m.out.Close())
	}
	r.mu.Unlock()
	r.wg.Wait()
	for _, l := range r.toward {
		l.close()
	}
	return errors.Join(errs...)
}
