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
	full   int // longest packet that the layout holds
	bufs   [][]byte
	sizes  []int

	routes []*outboundSA // per packet of the batch; nil: dropped
	out    [][]byte      // sealed packets

	inner   esp.Inner
	scratch []byte // one ICMP message or fragment, with room around it
	writes  [1][]byte
	single  [1][]byte
	failing bool // the last Send failed
	refused bool // a Send failed because of the packets' length
}

func newSender(p *Plane, d *device) *sender {
	n := max(d.BatchSize(), 1)
	full := max(d.mtu, ipv6MinMTU)
	s := &sender{
		p:       p,
		d:       d,
		bufs:    make([][]byte, n),
		sizes:   make([]int, n),
		routes:  make([]*outboundSA, n),
		out:     make([][]byte, 0, n),
		full:    full,
		scratch: make([]byte, esp.HeaderRoom+full+esp.TrailerRoom),
		arena:   make([]byte, n*(full+worstOverhead)+arenaSlack),
	}
	s.arrange(full + worstOverhead)
	return s
}

// arrange lays the slots out for sealed packets of the given length.
func (s *sender) arrange(stride int) {
	s.stride = stride
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
			s.p.fail(fmt.Errorf("%w: reading: %w", ErrTUN, err))
			return
		}
		s.p.counters.drop(dropTUNRead, 1)
		s.p.logger.Debug("TUN read failed", "error", err)
	}
}

// batch handles the first n buffers. It holds outMu from the look at the table
// until the last packet is sent: see settleOutbound.
func (s *sender) batch(n int) {
	s.p.outMu.Lock()
	t := s.p.table.Load()
	s.out = s.out[:0]
	stride := t.stride(s.full)
	if n > 1 && stride > s.stride {
		// An SA that needs more room came while Read was waiting.
		s.spread(n, stride)
	}

	packets, octets := 0, 0
	for i := range n {
		s.routes[i] = s.route(t, i, n == 1)
	}
	for i := 0; i < n; {
		o := s.routes[i]
		end := i + 1
		for end < n && s.routes[end] == o {
			end++
		}
		if o != nil {
			sealed, total := s.sealRun(o, i, end)
			packets += sealed
			octets += total
		}
		i = end
	}
	if len(s.out) > 0 && s.send(s.out, t.peer) {
		s.p.sent(packets, octets)
	}
	s.p.outMu.Unlock()

	if stride != s.stride && stride > 0 {
		s.arrange(stride)
	}
	if s.refused {
		s.refused = false
		s.p.learnPathMTU(t.peer)
	}
}

// stride is the distance at which full packets of any active SA can be sealed
// side by side; 0 without one.
func (t *table) stride(full int) int {
	n := 0
	for i := range t.outbound {
		n = max(n, t.outbound[i].out.SealedLen(full))
	}
	return n
}

// spread moves the packets of a batch to a wider layout, the last one first.
func (s *sender) spread(n, stride int) {
	for i := n - 1; i > 0; i-- {
		copy(s.arena[i*stride+esp.HeaderRoom:], s.bufs[i][esp.HeaderRoom:esp.HeaderRoom+s.sizes[i]])
	}
	s.arrange(stride)
}

// route decides about packet i: the SA that takes it, or nil when it has been
// dealt with. alone: it is the only one of its batch.
func (s *sender) route(t *table, i int, alone bool) *outboundSA {
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
	packet = packet[:s.inner.Length]
	if o == nil {
		c.drop(dropOutside, 1)
		s.prohibited(packet)
		return nil
	}
	s.sizes[i] = len(packet)
	if size > s.full && !alone {
		// The device's MTU was raised behind our back: neighbours overlap.
		c.drop(dropTooBig, 1)
		s.tooBig(packet, min(o.maxInner, s.full))
		return nil
	}
	if len(packet) > o.maxInner && s.oversize(t, o, packet) {
		return nil
	}
	clampMSS(packet, &s.inner, o.mss)
	return o
}

// match finds the active SA that covers the packet.
func (t *table) match(in *esp.Inner) *outboundSA {
	for i := range t.outbound {
		if o := &t.outbound[i]; o.out.Match(in) {
			return o
		}
	}
	return nil
}

// sealRun seals packets from to end-1, all of one SA, and appends them to out.
func (s *sender) sealRun(o *outboundSA, from, end int) (packets, octets int) {
	out := o.out
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
	o.age.sent(packets, octets)
	s.p.grown(o.age, out.Worn(), o.spi)
	return packets, octets
}

// send hands packets to the transport and reports whether they went.
func (s *sender) send(packets [][]byte, peer netip.AddrPort) bool {
	ok := true
	for len(packets) > 0 {
		n := min(len(packets), max(s.p.transport.BatchSize(), 1))
		if err := s.p.transport.Send(packets[:n], peer); err != nil {
			ok = false
			s.sendFailed(packets[:n], err)
		} else {
			s.failing = false
		}
		packets = packets[n:]
	}
	return ok
}

// sendFailed deals with a refused batch. A dead transport is reported. Anything
// else (no route, no buffers, a firewall) may pass: the packets count as dropped
// and the loop goes on.
func (s *sender) sendFailed(packets [][]byte, err error) {
	s.p.counters.drop(dropSend, len(packets))
	if errors.Is(err, net.ErrClosed) {
		s.p.fail(fmt.Errorf("%w: sending: %w", ErrTransport, err))
		return
	}
	if errors.Is(err, syscall.EMSGSIZE) {
		s.refused = true
	}
	if !s.failing {
		s.failing = true
		s.p.logger.Warn("sending to the gateway fails", "error", err)
	}
}
