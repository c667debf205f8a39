package dataplane

import (
	"encoding/binary"
	"sync"
	"time"

	"github.com/homeward-vpn/homeward/esp"
)

// A gateway may send through a new Child SA right behind the message that makes
// it, and so before that message has been read here and the SA been installed.
// The few packets of that moment wait for their SA. Whoever sends packets with
// numbers of no SA fills a few places, and the next ones push them out.

const (
	earlyPlaces = 32
	earlySize   = 2048 // longest packet that waits
	earlyWait   = 250 * time.Millisecond
)

// early holds packets whose SA is not known yet. The zero value is ready.
type early struct {
	mu     sync.Mutex
	places [earlyPlaces]earlyPacket
	next   int
}

type earlyPacket struct {
	at  time.Time // zero: the place is free
	buf []byte    // lead octets of room, then the packet
}

// keep takes a copy of a packet without an SA, which counts as dropped until the
// SA comes. One that came in this moment takes it at once.
func (p *Plane) keep(b []byte) {
	p.counters.drop(dropUnknownSPI, 1)
	if len(b) > earlySize {
		return
	}
	e := &p.early
	e.mu.Lock()
	place := &e.places[e.next]
	e.next = (e.next + 1) % earlyPlaces
	place.buf = append(append(place.buf[:0], make([]byte, lead)...), b...)
	place.at = p.now()
	e.mu.Unlock()
	spi := binary.BigEndian.Uint32(b)
	if sa := p.table.Load().inbound[spi]; sa != nil {
		p.claim(spi, sa)
	}
}

// claim opens the packets that have waited for an SA, which is in the table.
func (p *Plane) claim(spi uint32, sa *inboundSA) {
	for _, buf := range p.early.take(spi, p.now()) {
		p.counters.undrop(dropUnknownSPI)
		p.openOne(sa, buf)
	}
}

// take gives the packets of an SPI that have not waited for too long, oldest first.
func (e *early) take(spi uint32, now time.Time) (bufs [][]byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := range e.places {
		place := &e.places[(e.next+i)%earlyPlaces]
		if place.at.IsZero() || binary.BigEndian.Uint32(place.buf[lead:]) != spi {
			continue
		}
		if now.Sub(place.at) <= earlyWait {
			bufs = append(bufs, place.buf)
		}
		*place = earlyPacket{}
	}
	return bufs
}

// openOne opens one packet and gives it to the TUN.
func (p *Plane) openOne(sa *inboundSA, buf []byte) {
	p.inMu.Lock()
	defer p.inMu.Unlock()
	if p.table.Load().inbound[sa.in.SPI()] == nil {
		return // gone again, and its keys with it
	}
	inner, d := sa.in.Open(buf[lead:])
	if d.Authentic() {
		p.counters.authentic.Add(1)
	}
	if d != esp.DropNone {
		p.counters.dropESP(d)
		return
	}
	clampMSS(inner, sa.in.Inner(), sa.mss)
	sa.age.got(1, len(inner))
	start := lead + sa.in.HeaderLen() - tunRoom
	p.writeTUN([][]byte{buf[start : start+tunRoom+len(inner)]}, len(inner))
}
