package dataplane

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/homeward-vpn/homeward/esp"
)

// A packet in:
//
//  1. receive  a batch of datagrams
//  2. demux    0xFF alone: keepalive; 4 zero octets: IKE; else ESP by SPI
//  3. open     in place; MSS clamp
//  4. write    one TUN write for the batch, so that it can join segments (GRO)
//  5. control  IKE datagrams, and those with an unknown SPI, to the handler; what
//     it does not know waits a moment for its SA (early.go)

const (
	// tunRoom is the offset at which packets are given to the TUN, which uses
	// the room for its own header. Most ciphers have this much in front of the
	// inner packet.
	tunRoom = 16
	// lead stands before each datagram, for those that have less. It is a
	// cache line, so that datagrams begin with one.
	lead = 64
	// maxDatagram is the largest UDP payload.
	maxDatagram = 1<<16 - 1
	// slotSpread keeps buffers from starting at equal offsets modulo 64 KiB,
	// where they would all compete for the same cache sets: 24 lines, about
	// one packet.
	slotSpread = 24 * 64
	slot       = maxDatagram + 1 + slotSpread
	markerLen  = 4 // non-ESP marker (RFC 3948 2.2)
	keepalive  = 0xff
	// maxReceiveErrors in a row mean that the socket is dead.
	maxReceiveErrors = 16
	// errorPause is the rest after a socket error that may pass.
	errorPause = 100 * time.Millisecond
)

// receiver is one receive loop's state; everything belongs to its goroutine.
type receiver struct {
	p       *Plane
	receive ReceiveFunc

	arena arena // all of bufs
	bufs  [][]byte
	sizes []int
	from  []netip.AddrPort

	writes  [][]byte // inner packets, each with tunRoom in front
	control []int    // indices of datagrams for the handler
}

func newReceiver(p *Plane, receive ReceiveFunc) *receiver {
	n := max(p.transport.BatchSize(), 1)
	r := &receiver{
		p:       p,
		receive: receive,
		bufs:    make([][]byte, n),
		sizes:   make([]int, n),
		from:    make([]netip.AddrPort, n),
		writes:  make([][]byte, 0, n),
		control: make([]int, 0, n),
	}
	// The capacity of each ends at 64 KiB: a TUN joins segments for as long as there
	// is capacity, and must not make a packet longer than an IP length can say.
	r.arena = arenas.get(n * slot)
	for i := range r.bufs {
		start := i*slot + lead
		r.bufs[i] = r.arena.octets[start : start+maxDatagram : start+maxDatagram]
	}
	return r
}

func (r *receiver) run() {
	defer func() { arenas.put(r.arena) }()
	failures := 0
	for {
		n, err := r.receive(r.bufs, r.sizes, r.from)
		if err == nil {
			failures = 0
			r.batch(n)
			continue
		}
		failures++
		if errors.Is(err, net.ErrClosed) || failures >= maxReceiveErrors {
			r.p.fail(fmt.Errorf("%w: receiving: %w", ErrTransport, err))
			return
		}
		r.p.counters.drop(dropReceive, 1)
		r.p.logger.Debug("receiving failed", "error", err)
		r.p.pause(errorPause)
	}
}

// batch handles the first n datagrams.
func (r *receiver) batch(n int) {
	r.writes, r.control = r.writes[:0], r.control[:0]
	t := r.p.table.Load()
	c := &r.p.counters

	r.p.inMu.Lock()
	authentic, octets := 0, 0
	var sa *inboundSA
	packets, before := 0, 0 // of this SA: its packets, and octets before them
	for i := range n {
		b := r.bufs[i][:r.sizes[i]]
		if len(b) < 8 {
			r.short(b)
			continue
		}
		spi := binary.BigEndian.Uint32(b)
		if spi == 0 {
			r.control = append(r.control, i)
			continue
		}
		if sa == nil || sa.in.SPI() != spi {
			r.charge(sa, packets, octets-before)
			packets, before = 0, octets
			if sa = t.inbound[spi]; sa == nil {
				r.control = append(r.control, i)
				continue
			}
		}
		inner, d := sa.in.Open(b)
		if d.Authentic() {
			authentic++
		}
		if d != esp.DropNone {
			c.dropESP(d)
			continue
		}
		clampMSS(inner, sa.in.Inner(), sa.mss)
		packets++
		octets += len(inner)
		start := i*slot + lead + sa.in.HeaderLen() - tunRoom
		r.writes = append(r.writes, r.arena.octets[start:start+tunRoom+len(inner):start+maxDatagram])
	}
	r.charge(sa, packets, octets-before)
	if authentic > 0 {
		c.authentic.Add(uint64(authentic))
	}
	if len(r.writes) > 0 {
		r.p.writeTUN(r.writes, octets)
	}
	r.p.inMu.Unlock()

	for _, i := range r.control {
		r.deliver(i)
	}
}

// charge counts what one SA has received of a batch.
func (r *receiver) charge(sa *inboundSA, packets, octets int) {
	if sa == nil {
		return
	}
	r.p.grown(sa.age, sa.in.Worn(), sa.in.SPI())
	if packets > 0 {
		sa.age.got(packets, octets)
	}
}

// short counts what is too short for ESP and IKE alike; keepalives
// (RFC 3948 2.3) and empty places are expected.
func (r *receiver) short(b []byte) {
	if len(b) == 0 || len(b) == 1 && b[0] == keepalive {
		return
	}
	r.p.counters.drop(dropShort, 1)
}

// deliver gives datagram i to the control handler.
func (r *receiver) deliver(i int) {
	d := ControlDatagram{From: r.from[i], Data: r.bufs[i][:r.sizes[i]]}
	if binary.BigEndian.Uint32(d.Data) == 0 {
		d.Encap = true
		d.Data = d.Data[markerLen:]
	}
	if !r.p.control(d) && !d.Encap {
		r.p.keep(d.Data)
	}
}

// writeTUN writes packets that have tunRoom in front; octets is their length
// in all. The caller holds inMu.
func (p *Plane) writeTUN(packets [][]byte, octets int) {
	d := p.tun.Load()
	if d == nil {
		p.counters.drop(dropNoTUN, len(packets))
		return
	}
	_, err := d.Write(packets, tunRoom)
	if err == nil {
		p.counters.got(len(packets), octets)
		return
	}
	if errors.Is(err, os.ErrClosed) {
		p.counters.drop(dropTUNWrite, len(packets))
		p.fail(fmt.Errorf("%w: writing: %w", ErrTUN, err))
		return
	}
	// A TUN joins the errors of single packets; the others went through.
	lost := 1
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		lost = min(len(joined.Unwrap()), len(packets))
	}
	p.counters.drop(dropTUNWrite, lost)
	p.counters.got(len(packets)-lost, octets)
	p.logger.Debug("TUN write failed", "error", err)
}
