package lab

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
)

// responder answers every datagram and every stream at echoPort with what came.
type responder struct {
	mu     sync.Mutex
	closed bool
	open   map[io.Closer]bool
	served sync.WaitGroup
}

// startResponders puts one on each machine that a Stranger talks to, once.
func (l *Lab) startResponders() error {
	l.mu.Lock()
	started := l.responders
	l.responders = true
	l.mu.Unlock()
	if started {
		return nil
	}
	r := &responder{open: map[io.Closer]bool{}}
	l.onClose(r.close)
	machines := map[*Namespace][]netip.Addr{
		l.Router:   {RouterInside, RouterInside6},
		l.Internet: {PublicAddress, PublicAddress6},
		l.Intranet: {IntranetAddress, IntranetAddress6},
	}
	if l.Uplinks != nil {
		machines[l.network.carrier] = l.Uplinks.LTE.Routers
		machines[l.Internet] = append(machines[l.Internet], append(l.Uplinks.Cable.Routers, l.Uplinks.Six.Routers...)...)
		if l.Uplinks.NAT64 != nil {
			machines[l.network.translator] = l.Uplinks.NAT64.Routers
		}
	}
	for n, addrs := range machines {
		for _, a := range addrs {
			if err := r.listen(n, netip.AddrPortFrom(a, echoPort)); err != nil {
				return fmt.Errorf("lab: starting a responder on %s: %w", n.Name, err)
			}
		}
	}
	return nil
}

func (r *responder) listen(n *Namespace, at netip.AddrPort) error {
	return n.Do(func() error {
		datagrams, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
		if err != nil {
			return err
		}
		r.serve(datagrams, func() {
			buf := make([]byte, 2048)
			for {
				size, from, err := datagrams.ReadFromUDPAddrPort(buf)
				if errors.Is(err, net.ErrClosed) {
					return
				}
				if err != nil {
					continue // an earlier answer was refused
				}
				if _, err := datagrams.WriteToUDPAddrPort(buf[:size], from); err != nil {
					continue // whoever asked has gone away
				}
			}
		})
		streams, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(at))
		if err != nil {
			return err
		}
		r.serve(streams, func() {
			for {
				conn, err := streams.Accept()
				if err != nil {
					return
				}
				r.serve(conn, func() {
					// Whoever asked may go away at any time.
					if _, err := io.Copy(conn, conn); err != nil {
						return
					}
				})
			}
		})
		return nil
	})
}

// serve runs f until it returns or the responder closes, then closes c.
func (r *responder) serve(c io.Closer, f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open[c] = true
	if r.closed {
		r.end(c)
		return
	}
	r.served.Go(func() {
		f()
		r.mu.Lock()
		defer r.mu.Unlock()
		r.end(c)
	})
}

// end closes c, once; mu is held.
func (r *responder) end(c io.Closer) {
	if !r.open[c] {
		return
	}
	delete(r.open, c)
	// A stream whose other end is gone for good may say so; there is nobody to tell.
	if err := c.Close(); err != nil {
		return
	}
}

func (r *responder) close() error {
	r.mu.Lock()
	r.closed = true
	for c := range r.open {
		r.end(c)
	}
	r.mu.Unlock()
	r.served.Wait()
	return nil
}
