package transport

import (
	"errors"
	"net/netip"
	"sync/atomic"

	"golang.zx2c4.com/wireguard/conn"
)

// openBind makes a transport of one of wireguard's binds: what every system
// without sockets of its own here uses.
func openBind(b conn.Bind, c Config) (*UDP, error) {
	fns, port, err := b.Open(c.Port)
	if err != nil {
		return nil, err
	}
	if c.Mark != 0 {
		if err := b.SetMark(c.Mark); err != nil {
			return nil, errors.Join(err, b.Close())
		}
	}
	u := &UDP{port: port, mark: c.Mark, batch: b.BatchSize(), shut: b.Close}
	for _, fn := range fns {
		u.receivers = append(u.receivers, bindReceiver(fn, u.batch))
	}
	var last atomic.Pointer[conn.StdNetEndpoint] // the peer hardly ever changes
	u.send = func(bufs [][]byte, to netip.AddrPort) error {
		to = netip.AddrPortFrom(to.Addr().Unmap(), to.Port())
		ep := last.Load()
		if ep == nil || ep.AddrPort != to {
			ep = &conn.StdNetEndpoint{AddrPort: to}
			last.Store(ep)
		}
		for len(bufs) > 0 {
			n := min(len(bufs), u.batch)
			if err := sendBind(b, bufs[:n], ep); err != nil {
				return err
			}
			bufs = bufs[n:]
		}
		return nil
	}
	return u, nil
}

// sendBind sends one batch. A bind that has just given segmentation up
// has sent the batch again without it: only that second result counts.
func sendBind(b conn.Bind, bufs [][]byte, ep conn.Endpoint) error {
	err := b.Send(bufs, ep)
	var disabled conn.ErrUDPGSODisabled
	if errors.As(err, &disabled) {
		return disabled.RetryErr
	}
	return err
}

// bindReceiver turns endpoints into addresses and passes over passing errors.
func bindReceiver(fn conn.ReceiveFunc, batch int) ReceiveFunc {
	eps := make([]conn.Endpoint, batch)
	return func(bufs [][]byte, sizes []int, from []netip.AddrPort) (int, error) {
		bufs = bufs[:min(len(bufs), batch)]
		for failures := 0; failures < maxPassing; {
			n, err := fn(bufs, sizes, eps)
			if passing(err) {
				if !fromNetwork(err) {
					failures++
				}
				continue
			}
			if err != nil {
				return 0, err
			}
			for i := range n {
				if sizes[i] == 0 {
					continue
				}
				from[i] = addrOf(eps[i])
				eps[i] = nil
			}
			return n, nil
		}
		return 0, errBroken
	}
}

// errBroken ends a receive loop whose socket does nothing but fail.
var errBroken = errors.New("UDP socket reports nothing but errors")

func addrOf(ep conn.Endpoint) netip.AddrPort {
	if s, ok := ep.(*conn.StdNetEndpoint); ok {
		return netip.AddrPortFrom(s.Addr().Unmap(), s.Port())
	}
	a, err := netip.ParseAddrPort(ep.DstToString())
	if err != nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}
