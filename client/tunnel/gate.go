package tunnel

import (
	"encoding/binary"
	"net/netip"
	"sync"
	"sync/atomic"
)

// gate stands between the device and the plane. Open it is nothing but one load for
// each batch. Held it lets those packets pass alone that go to, or come from, the
// places that were allowed, over TCP or UDP: neither does the host send anything into
// a tunnel whose end may be revoked, nor does that end reach anything on the host.
type gate struct {
	TUN
	state atomic.Pointer[places] // nil: open

	mu sync.Mutex // one writer at a time
}

// places are remote ends; values are never changed.
type places map[netip.AddrPort]bool

// maxPlaces bounds what one held line may allow.
const maxPlaces = 64

func (g *gate) hold() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.state.Store(&places{})
}

func (g *gate) release() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.state.Store(nil)
}

// allow lets packets to and from a place pass. Of an open gate that says nothing.
func (g *gate) allow(to netip.AddrPort) {
	g.mu.Lock()
	defer g.mu.Unlock()
	held := g.state.Load()
	if held == nil || len(*held) == maxPlaces {
		return
	}
	next := places{netip.AddrPortFrom(to.Addr().Unmap(), to.Port()): true}
	for p := range *held {
		next[p] = true
	}
	g.state.Store(&next)
}

// Read implements TUN: what may not pass is gone, and reads as a packet of no octets.
func (g *gate) Read(bufs [][]byte, sizes []int, offset int) (int, error) {
	n, err := g.TUN.Read(bufs, sizes, offset)
	if held := g.state.Load(); held != nil {
		for i := range n {
			if _, to, ok := ends(bufs[i][offset : offset+sizes[i]]); !ok || !(*held)[to] {
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
		if from, _, ok := ends(b[offset:]); ok && (*held)[from] {
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

// ends reads source and destination of a TCP or UDP packet. False: it is another, a
// fragment, or one with extension headers, none of which the check has a use for.
func ends(packet []byte) (from, to netip.AddrPort, ok bool) {
	const tcp, udp = 6, 17
	if len(packet) == 0 {
		return from, to, false
	}
	var src, dst netip.Addr
	var protocol byte
	var rest []byte
	switch packet[0] >> 4 {
	case 4:
		header := int(packet[0]&0x0F) * 4
		if header < 20 || len(packet) < header || binary.BigEndian.Uint16(packet[6:])&0x3FFF != 0 {
			return from, to, false
		}
		src, dst = netip.AddrFrom4([4]byte(packet[12:])), netip.AddrFrom4([4]byte(packet[16:]))
		protocol, rest = packet[9], packet[header:]
	case 6:
		if len(packet) < 40 {
			return from, to, false
		}
		src, dst = netip.AddrFrom16([16]byte(packet[8:])), netip.AddrFrom16([16]byte(packet[24:]))
		protocol, rest = packet[6], packet[40:]
	}
	if protocol != tcp && protocol != udp || len(rest) < 4 {
		return from, to, false
	}
	return netip.AddrPortFrom(src, binary.BigEndian.Uint16(rest)), netip.AddrPortFrom(dst, binary.BigEndian.Uint16(rest[2:])), true
}
