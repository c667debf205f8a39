package dataplane

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"

	"github.com/homeward-vpn/homeward/esp"
)

// A packet out:
//
//  1. read    TUN batch into the arena, with headroom for the ESP header
//  2. route   inner header -> active SA by selector -> MTU rules, MSS clamp
//  3. seal    sequence numbers for each run of one SA at once, in place
//  4. send    one batched Send

const (
	// maxReadErrors in a row, without a packet between, mean the TUN is dead.
	maxReadErrors = 16
	// arenaSlack lies behind the last slot, so that it, too, can take the
	// largest IP packet.
	arenaSlack = 1<<16 + esp.HeaderRoom + esp.TrailerRoom
)

// sender is the send loop's state; everything belongs to its goroutine.
//
// The buffers overlap: slot i begins at i*stride of one arena and goes on to
// the arena's end. The stride is the sealed length of a full packet, so when
// the TUN cuts a large segment into full packets, their sealed forms lie one
// behind the other: the batch fits the cache, and a transport that joins
// packets for segmentation offload has nothing to move.
type sender struct {
	p *Plane
	d *device

	arena  []byte
	stride int
	bufs   [][]byte
	sizes  []int

	routes []*outboundSA // per packet of the batch; nil: dropped
	out    [][]byte      // sealed packets

	inner   esp.Inner
	scratch []byte // one ICMP message or fragment, with room around it
	writes  [1][]byte
	single  [1][]byte
	failing bool // the last Send failed
}

func newSender(p *Plane, d *device) *sender {
	n := max(d.BatchSize(), 1)
	s := &sender{
		p:       p,
		d:       d,
		bufs:    make([][]byte, n),
		sizes:   make([]int, n),
		routes:  make([]*outboundSA, n),
		out:     make([][]byte, 0, n),
		scratch: make([]byte, esp.HeaderRoom+max(d.mtu, ipv6MinMTU)+esp.TrailerRoom),
	}
	s.arrange(d.mtu + worstOverhead)
	return s
}

// arrange lays the slots out for sealed packets of the given length. It must
// hold a full packet with its headroom, or neighbours would overlap.
func (s *sender) arrange(stride int) {
	s.stride = stride
	if need := len(s.bufs)*stride + arenaSlack; len(s.arena) < need {
		s.arena = make([]byte, need)
	}
	for i := range s.bufs {
		s.bufs[i] = s.arena[i*stride:]
	}
}

func (s *sender) run() {
	failures := 0
	for {
		n, err := s.d.Read(s.bufs, s.sizes, esp.HeaderRoom)
		if n > 0 {
			s.batch(n)
		}
		if err == nil {
			failures = 0
			continue
		}
		failures++
		if errors.Is(err, os.ErrClosed) || failures >= maxReadErrors {
			s.p.fail(fmt.Errorf("dataplane: reading the TUN: %w", err))
			return
		}
		s.p.counters.drop(dropTUNRead, 1)
		s.p.logger.Debug("TUN read failed", "error", err)
	}
}

// batch handles the first n buffers.
func (s *sender) batch(n int) {
	t := s.p.table.Load()
	s.out = s.out[:0]

	s.p.outMu.Lock()
	packets, octets := 0, 0
	for i := range n {
		s.routes[i] = s.route(t, i)
	}
	for i := 0; i < n; {
		o := s.routes[i]
		end := i + 1
		for end < n && s.routes[end] == o {
			end++
		}
		if o != nil {
			sealed, total := s.sealRun(o.out, i, end)
			packets += sealed
			octets += total
		}
		i = end
	}
	s.p.outMu.Unlock()

	if len(s.out) > 0 {
		if s.send(s.out, t.peer) {
			s.p.counters.sent(packets, octets)
		}
	}
	if len(t.outbound) > 0 {
		// The next batch gets the layout of the SA in use.
		if want := t.outbound[0].out.SealedLen(s.d.mtu); want != s.stride {
			s.arrange(want)
		}
	}
}

// route decides about packet i: the SA that takes it, or nil when it has been
// dealt with.
func (s *sender) route(t *table, i int) *outboundSA {
	size := s.sizes[i]
	if size == 0 {
		return nil
	}
	c := &s.p.counters
	packet := s.bufs[i][esp.HeaderRoom : esp.HeaderRoom+size]
	switch {
	case !s.inner.Parse(packet):
		c.drop(dropNotIP, 1)
		return nil
	case len(t.outbound) == 0:
		c.drop(dropNoSA, 1)
		return nil
	case !t.peer.IsValid():
		c.drop(dropNoPeer, 1)
		return nil
	}
	o := t.match(&s.inner)
	if o == nil {
		c.drop(dropOutside, 1)
		return nil
	}
	s.sizes[i] = s.inner.Length
	packet = packet[:s.inner.Length]
	if len(packet) > o.maxInner && s.oversize(t, o, packet) {
		return nil
	}
	clampMSS(packet, &s.inner, mssLimitFor(o.maxInner))
	return o
}

// match finds the active SA that covers the packet, the latest first.
func (t *table) match(in *esp.Inner) *outboundSA {
	for i := range t.outbound {
		if o := &t.outbound[i]; o.out.Match(in) {
			return o
		}
	}
	return nil
}

// sealRun seals packets from to end-1, all of one SA, and appends them to out.
func (s *sender) sealRun(out *esp.Outbound, from, end int) (packets, octets int) {
	seq, granted := out.Reserve(end - from)
	for i := from; i < from+granted; i++ {
		b, d := out.Seal(s.bufs[i], esp.HeaderRoom, s.sizes[i], seq)
		seq++
		if d != esp.DropNone {
			s.p.counters.dropESP(d)
			continue
		}
		s.out = append(s.out, b)
		packets++
		octets += s.sizes[i]
	}
	for range end - from - granted {
		s.p.counters.dropESP(esp.DropSequence)
	}
	return packets, octets
}

// send hands packets to the transport and reports whether they went.
func (s *sender) send(packets [][]byte, peer netip.AddrPort) bool {
	ok := true
	for len(packets) > 0 {
		n := min(len(packets), max(s.p.transport.BatchSize(), 1))
		if err := s.p.transport.Send(packets[:n], peer); err != nil {
			ok = s.sendFailed(packets[:n], peer, err) && ok
		} else {
			s.failing = false
		}
		packets = packets[n:]
	}
	return ok
}

// sendFailed deals with a refused batch. A dead transport is reported. A batch
// refused for its shape (Linux: GSO segments longer than the path MTU that the
// kernel has learnt) goes again packet by packet, which lets the kernel
// fragment. Anything else (no route, no buffers, a firewall) may pass: the
// packets count as dropped and the loop goes on.
func (s *sender) sendFailed(packets [][]byte, peer netip.AddrPort, err error) bool {
	if errors.Is(err, net.ErrClosed) {
		s.p.fail(fmt.Errorf("dataplane: sending: %w", err))
		s.p.counters.drop(dropSend, len(packets))
		return false
	}
	lost := len(packets)
	if len(packets) > 1 && (errors.Is(err, syscall.EMSGSIZE) || errors.Is(err, syscall.EINVAL)) {
		for _, b := range packets {
			s.single[0] = b
			if s.p.transport.Send(s.single[:], peer) == nil {
				lost--
			}
		}
	}
	if lost > 0 {
		s.p.counters.drop(dropSend, lost)
		if !s.failing {
			s.p.logger.Warn("sending to the gateway fails", "error", err)
		}
	}
	s.failing = lost > 0
	return lost == 0
}
