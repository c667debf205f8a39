package dataplane

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"github.com/homeward-vpn/homeward/esp"
)

// Errors of the SA table.
var (
	ErrDuplicateSPI = errors.New("dataplane: inbound SPI in use")
	ErrUnknownSPI   = errors.New("dataplane: no such SA")
	ErrClosed       = errors.New("dataplane: closed")
)

// table is everything the loops look up, immutable once stored. A loop loads
// it once per batch.
type table struct {
	peer    netip.AddrPort
	pathMTU int // largest outer IP packet
	inbound map[uint32]*inboundSA
	// outbound are the active ones: the narrower before what covers it, else the
	// latest first. The first that covers a packet takes it.
	outbound []outboundSA
}

// inboundSA is one pair as the receive side sees it.
type inboundSA struct {
	in  *esp.Inbound
	out *esp.Outbound // its partner, for Activate; nil once removed
	mss mssLimit      // for TCP SYNs that come in
	age *age
}

// age is what the two directions of a pair share. Its counters are written once
// for each run of packets.
type age struct {
	told               atomic.Bool
	txBytes, txPackets atomic.Uint64
	rxBytes, rxPackets atomic.Uint64
}

func (a *age) sent(packets, n int) { a.txPackets.Add(uint64(packets)); a.txBytes.Add(uint64(n)) }
func (a *age) got(packets, n int)  { a.rxPackets.Add(uint64(packets)); a.rxBytes.Add(uint64(n)) }

// grown tells the owner, once, of a pair that has carried what it should.
func (p *Plane) grown(a *age, why esp.Wear, inboundSPI uint32) {
	if why != esp.NotWorn && a.told.CompareAndSwap(false, true) {
		p.worn(inboundSPI, why)
	}
}

// outboundSA is one active SA as the send side sees it.
type outboundSA struct {
	out      *esp.Outbound
	spi      uint32 // of the inbound partner
	maxInner int    // longest inner packet that fits the path
	mss      mssLimit
	age      *age
}

// change replaces the table by an edited copy. The edit gets fresh containers.
func (p *Plane) change(edit func(t *table) error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.changeLocked(edit)
}

func (p *Plane) changeLocked(edit func(t *table) error) error {
	if p.closed {
		return ErrClosed
	}
	t := *p.table.Load()
	t.inbound = maps.Clone(t.inbound)
	if t.inbound == nil {
		t.inbound = make(map[uint32]*inboundSA)
	}
	t.outbound = slices.Clone(t.outbound)
	if err := edit(&t); err != nil {
		return err
	}
	t.derive()
	p.table.Store(&t)
	return nil
}

// derive computes what follows from path MTU, peer and SAs.
func (t *table) derive() {
	for i := range t.outbound {
		o := &t.outbound[i]
		o.maxInner = innerMTU(o.out, t.pathMTU, t.peer)
		o.mss = mssLimitFor(o.maxInner)
	}
	limit := mssLimitFor(t.innerFor(t.pathMTU))
	for spi, sa := range t.inbound {
		if sa.mss != limit {
			changed := *sa
			changed.mss = limit
			t.inbound[spi] = &changed
		}
	}
}

// AddSA installs a Child SA pair. The inbound side receives at once, the
// outbound side waits for Activate. The Plane owns both from now on and clears
// their keys when they are gone.
func (p *Plane) AddSA(in *esp.Inbound, out *esp.Outbound) error {
	err := p.change(func(t *table) error {
		if _, taken := t.inbound[in.SPI()]; taken {
			return fmt.Errorf("%w: %08x", ErrDuplicateSPI, in.SPI())
		}
		t.inbound[in.SPI()] = &inboundSA{in: in, out: out, age: &age{}}
		return nil
	})
	if err != nil {
		return err
	}
	if sa := p.table.Load().inbound[in.SPI()]; sa != nil {
		p.claim(in.SPI(), sa)
	}
	return nil
}

// Activate sends outbound traffic that its selectors cover through the pair with
// this inbound SPI. Where those of several pairs overlap, a pair takes precedence
// over one that covers all that it does, else over those activated earlier. When it
// returns no packet is under way in here that was routed before.
func (p *Plane) Activate(inboundSPI uint32) error {
	defer p.settleOutbound()
	return p.change(func(t *table) error {
		sa := t.inbound[inboundSPI]
		if sa == nil || sa.out == nil {
			return fmt.Errorf("%w: %08x", ErrUnknownSPI, inboundSPI)
		}
		t.dropOutbound(inboundSPI)
		o := outboundSA{out: sa.out, spi: inboundSPI, age: sa.age}
		t.outbound = slices.Insert(t.outbound, t.rank(sa.out), o)
		return nil
	})
}

// rank is the place of a pair that is activated: behind the last one that is
// strictly narrower. All that cover it stand behind that one already.
func (t *table) rank(out *esp.Outbound) int {
	for i := len(t.outbound) - 1; i >= 0; i-- {
		if other := t.outbound[i].out; out.Covers(other) && !other.Covers(out) {
			return i + 1
		}
	}
	return 0
}

// Switch sends all outbound traffic through the pair with this inbound SPI, and to
// another peer over a path of the given MTU, in one step: no packet goes to one
// peer through an SA of the other's. Pairs activated earlier still receive. It
// returns as Activate does.
func (p *Plane) Switch(inboundSPI uint32, peer netip.AddrPort, pathMTU int) error {
	defer p.settleOutbound()
	return p.change(func(t *table) error {
		sa := t.inbound[inboundSPI]
		if sa == nil || sa.out == nil {
			return fmt.Errorf("%w: %08x", ErrUnknownSPI, inboundSPI)
		}
		t.outbound = []outboundSA{{out: sa.out, spi: inboundSPI, age: sa.age}}
		t.peer = netip.AddrPortFrom(peer.Addr().Unmap(), peer.Port())
		t.pathMTU = max(pathMTU, MinPathMTU)
		return nil
	})
}

// settleOutbound waits until a batch that has seen the table before is sent: who
// has moved traffic to another SA deletes the one before, and no packet of that may
// come to the gateway behind the Delete (RFC 7296 2.8).
func (p *Plane) settleOutbound() {
	p.outMu.Lock()
	defer p.outMu.Unlock()
}

func (t *table) dropOutbound(spi uint32) {
	t.outbound = slices.DeleteFunc(t.outbound, func(o outboundSA) bool { return o.spi == spi })
}

// RemoveSA stops sending through the pair at once and receiving after linger.
// Keys are cleared as each side ends. An unknown SPI is no error: deletes cross.
func (p *Plane) RemoveSA(inboundSPI uint32, linger time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	sa := p.table.Load().inbound[inboundSPI]
	if sa == nil || p.closed {
		return
	}
	if linger <= 0 {
		p.expireLocked(inboundSPI, sa.in)
		return
	}
	p.stopSending(inboundSPI)
	if timer := p.lingers[inboundSPI]; timer != nil {
		timer.Stop()
	}
	p.lingers[inboundSPI] = time.AfterFunc(linger, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.expireLocked(inboundSPI, sa.in)
	})
}

// stopSending takes the outbound side of a pair out of the table and clears it.
func (p *Plane) stopSending(spi uint32) {
	var out *esp.Outbound
	if err := p.changeLocked(func(t *table) error {
		t.dropOutbound(spi)
		changed := *t.inbound[spi]
		out, changed.out = changed.out, nil
		t.inbound[spi] = &changed
		return nil
	}); err != nil || out == nil {
		return
	}
	p.outMu.Lock()
	defer p.outMu.Unlock()
	out.Clear()
}

// expireLocked ends both sides of a pair, if it is still the given one.
func (p *Plane) expireLocked(spi uint32, in *esp.Inbound) {
	sa := p.table.Load().inbound[spi]
	if p.closed || sa == nil || sa.in != in {
		return
	}
	if timer := p.lingers[spi]; timer != nil {
		timer.Stop()
		delete(p.lingers, spi)
	}
	p.stopSending(spi)
	if err := p.changeLocked(func(t *table) error {
		delete(t.inbound, spi)
		return nil
	}); err != nil {
		return
	}
	p.inMu.Lock()
	defer p.inMu.Unlock()
	in.Clear()
}

// clearAll wipes every SA; the loops have ended.
func (p *Plane) clearAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, sa := range p.table.Load().inbound {
		sa.in.Clear()
		if sa.out != nil {
			sa.out.Clear()
		}
	}
	p.table.Store(&table{pathMTU: DefaultPathMTU})
}

// SetPeer says where the gateway receives ESP in UDP. The zero value stops
// sending. IPv4-mapped addresses are unmapped.
func (p *Plane) SetPeer(peer netip.AddrPort) {
	if peer.IsValid() {
		peer = netip.AddrPortFrom(peer.Addr().Unmap(), peer.Port())
	}
	p.set(func(t *table) { t.peer = peer })
}

// SetPathMTU says how large an IP packet to the gateway may be, in octets.
// Values below 576 count as 576.
func (p *Plane) SetPathMTU(outer int) {
	p.set(func(t *table) { t.pathMTU = max(outer, MinPathMTU) })
}

// set changes the table in a way that can fail only after Close, where it does
// not matter any more.
func (p *Plane) set(edit func(t *table)) {
	err := p.change(func(t *table) error {
		edit(t)
		return nil
	})
	if err != nil {
		p.logger.Debug("data plane change ignored", "error", err)
	}
}
