package tunnel

import (
	"encoding/binary"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
)

// gate stands between the device and the plane. Open it is nothing but one load for
// each batch. Held it lets the packets of the check's own connections pass, and no
// others: neither does the host send anything into a tunnel whose end may be revoked,
// nor does that end reach anything on the host. A place is not enough to tell them by:
// the name servers of the check are those of all programs of the host, and what comes
// from there can be addressed to any of its ports.
type gate struct {
	TUN
	state atomic.Pointer[passes] // nil: open

	mu sync.Mutex // one writer at a time
}

// connection is one as the host sees it.
type connection struct {
	protocol      uint8
	local, remote netip.AddrPort
}

// passes is what may pass a held gate; values are never changed.
type passes struct {
	flows []connection // the oldest first
	// dialed are places to which a TCP connection is being made. Its local end is known
	// by its first packet.
	dialed []netip.AddrPort
}

// maxFlows bounds what one held line lets pass at a time.
const maxFlows = 64

const protocolTCP, protocolUDP = 6, 17

// hold closes the gate, also for what it has let pass when it was held before.
func (g *gate) hold() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.state.Store(&passes{})
}

func (g *gate) release() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.state.Store(nil)
}

// change replaces what may pass. Of an open gate that says nothing.
func (g *gate) change(f func(*passes)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	held := g.state.Load()
	if held == nil {
		return
	}
	next := &passes{slices.Clone(held.flows), slices.Clone(held.dialed)}
	f(next)
	next.flows = next.flows[max(0, len(next.flows)-maxFlows):]
	next.dialed = next.dialed[max(0, len(next.dialed)-maxFlows):]
	g.state.Store(next)
}

func (p *passes) add(f connection) {
	if !slices.Contains(p.flows, f) {
		p.flows = append(p.flows, f)
	}
}

// dial makes a connection that may pass. Of one over UDP nothing is under way before
// its ends are known.
func (g *gate) dial(network string, to netip.AddrPort, dial func() (net.Conn, error)) (net.Conn, error) {
	to = netip.AddrPortFrom(to.Addr().Unmap(), to.Port())
	stream := network == "tcp"
	if stream {
		g.change(func(p *passes) { p.dialed = append(p.dialed, to) })
	}
	c, err := dial()
	g.change(func(p *passes) {
		if i := slices.Index(p.dialed, to); stream && i >= 0 {
			p.dialed = slices.Delete(p.dialed, i, i+1)
			// What else was taken for its first packet.
			p.flows = slices.DeleteFunc(p.flows, func(f connection) bool { return f.protocol == protocolTCP && f.remote == to })
		}
		if err == nil {
			p.add(flowOf(c.LocalAddr(), to))
		}
	})
	return c, err
}

// flowOf is a connection by its local end; of one that is neither TCP nor UDP a flow
// that no packet has.
func flowOf(local net.Addr, to netip.AddrPort) connection {
	switch a := local.(type) {
	case *net.TCPAddr:
		return connection{protocolTCP, unmapped(a.AddrPort()), to}
	case *net.UDPAddr:
		return connection{protocolUDP, unmapped(a.AddrPort()), to}
	}
	return connection{}
}

func unmapped(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}

// leaves says whether a packet of the host's may pass.
func (g *gate) leaves(held *passes, packet []byte) bool {
	f, first, ok := readFlow(packet)
	if !ok {
		return false
	}
	if slices.Contains(held.flows, f) {
		return true
	}
	if !first || !slices.Contains(held.dialed, f.remote) {
		return false
	}
	g.change(func(p *passes) { p.add(f) })
	return true
}

// Read implements TUN: what may not pass is gone, and reads as a packet of no octets.
func (g *gate) Read(bufs [][]byte, sizes []int, offset int) (int, error) {
	n, err := g.TUN.Read(bufs, sizes, offset)
	if held := g.state.Load(); held != nil {
		for i := range n {
			if !g.leaves(held, bufs[i][offset:offset+sizes[i]]) {
				sizes[i] = 0
			}
		}
	}
	return n, err
}

// Write implements TUN.
func (g *gate) Write(bufs [][]byte, offset int) (int, error) {
	held := g.state.Load()
	if held == nil {
		return g.TUN.Write(bufs, offset)
	}
	pass := make([][]byte, 0, len(bufs))
	for _, b := range bufs {
		f, _, ok := readFlow(b[offset:])
		f.local, f.remote = f.remote, f.local
		if ok && slices.Contains(held.flows, f) {
			pass = append(pass, b)
		}
	}
	if len(pass) == 0 {
		return len(bufs), nil
	}
	n, err := g.TUN.Write(pass, offset)
	if n == len(pass) {
		n = len(bufs)
	}
	return n, err
}

// readFlow reads the flow of a TCP or UDP packet whose sender is this host, and whether
// it is the first of a TCP connection. Not ok: it is another packet, a fragment, or one
// with extension headers, none of which the check has a use for.
func readFlow(packet []byte) (f connection, first, ok bool) {
	if len(packet) == 0 {
		return connection{}, false, false
	}
	var src, dst netip.Addr
	var rest []byte
	switch packet[0] >> 4 {
	case 4:
		header := int(packet[0]&0x0F) * 4
		if header < 20 || len(packet) < header || binary.BigEndian.Uint16(packet[6:])&0x3FFF != 0 {
			return connection{}, false, false
		}
		src, dst = netip.AddrFrom4([4]byte(packet[12:])), netip.AddrFrom4([4]byte(packet[16:]))
		f.protocol, rest = packet[9], packet[header:]
	case 6:
		if len(packet) < 40 {
			return connection{}, false, false
		}
		src, dst = netip.AddrFrom16([16]byte(packet[8:])), netip.AddrFrom16([16]byte(packet[24:]))
		f.protocol, rest = packet[6], packet[40:]
	}
	const leastTCP, leastUDP, flags = 20, 8, 13
	switch {
	case f.protocol == protocolTCP && len(rest) >= leastTCP:
		const syn, ack = 0x02, 0x10
		first = rest[flags]&(syn|ack) == syn
	case f.protocol != protocolUDP || len(rest) < leastUDP:
		return connection{}, false, false
	}
	f.local = netip.AddrPortFrom(src, binary.BigEndian.Uint16(rest))
	f.remote = netip.AddrPortFrom(dst, binary.BigEndian.Uint16(rest[2:]))
	return f, first, true
}
