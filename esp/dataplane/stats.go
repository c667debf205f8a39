package dataplane

import (
	"sync/atomic"
	"time"

	"github.com/homeward-vpn/homeward/esp"
)

// Stats are counters since New. Bytes are those of inner packets.
type Stats struct {
	TxBytes, RxBytes     uint64
	TxPackets, RxPackets uint64
	// Drops counts packets by reason; reasons that never occurred are absent.
	Drops map[string]uint64
	SAs   map[uint32]Usage // by inbound SPI
}

// Usage is what one pair of SAs has carried. Bytes are those of inner packets.
type Usage struct {
	TxBytes, RxBytes     uint64
	TxPackets, RxPackets uint64
}

func (a *age) usage() Usage {
	return Usage{
		TxBytes: a.txBytes.Load(), RxBytes: a.rxBytes.Load(),
		TxPackets: a.txPackets.Load(), RxPackets: a.rxPackets.Load(),
	}
}

// drop is a reason of the plane's own, beside those of esp.Drop.
type drop uint8

const (
	dropNoSA       drop = iota // no SA is active
	dropOutside                // no active SA's selectors cover the packet; the sender was told
	dropNoPeer                 // the gateway's address is not known
	dropTooBig                 // longer than the path allows; the sender was told
	dropNotIP                  // the TUN gave something that is not an IP packet
	dropSend                   // the transport refused
	dropTUNRead                // the TUN failed to deliver, but lives
	dropTUNWrite               // the TUN refused
	dropNoTUN                  // arrived before AttachTUN
	dropUnknownSPI             // no SA with this SPI, or none yet
	dropShort                  // datagram shorter than anything valid
	dropReceive                // a socket error on receipt
	numDrops
)

var dropNames = [numDrops]string{
	dropNoSA:       "no-sa",
	dropOutside:    "outside-selectors",
	dropNoPeer:     "no-peer",
	dropTooBig:     "too-big",
	dropNotIP:      "not-ip",
	dropSend:       "send-error",
	dropTUNRead:    "tun-read",
	dropTUNWrite:   "tun-write",
	dropNoTUN:      "no-tun",
	dropUnknownSPI: "unknown-spi",
	dropShort:      "short",
	dropReceive:    "receive-error",
}

// counters are written once per batch, or once per dropped packet. The two
// directions stand on cache lines of their own.
type counters struct {
	txBytes, txPackets atomic.Uint64
	lastSent           atomic.Int64 // ns since the plane was made, plus one; 0: never
	_                  [104]byte
	rxBytes, rxPackets atomic.Uint64
	authentic          atomic.Uint64
	_                  [104]byte
	own                [numDrops]atomic.Uint64
	esp                [esp.NumDrops]atomic.Uint64
}

func (c *counters) drop(d drop, n int)  { c.own[d].Add(uint64(n)) }
func (c *counters) undrop(d drop)       { c.own[d].Add(^uint64(0)) }
func (c *counters) dropESP(d esp.Drop)  { c.esp[d].Add(1) }
func (c *counters) sent(packets, n int) { c.txPackets.Add(uint64(packets)); c.txBytes.Add(uint64(n)) }
func (c *counters) got(packets, n int)  { c.rxPackets.Add(uint64(packets)); c.rxBytes.Add(uint64(n)) }

// Stats reads the counters.
func (p *Plane) Stats() Stats {
	c := &p.counters
	s := Stats{
		TxBytes:   c.txBytes.Load(),
		RxBytes:   c.rxBytes.Load(),
		TxPackets: c.txPackets.Load(),
		RxPackets: c.rxPackets.Load(),
		Drops:     make(map[string]uint64),
	}
	sas := p.table.Load().inbound
	s.SAs = make(map[uint32]Usage, len(sas))
	for spi, sa := range sas {
		s.SAs[spi] = sa.age.usage()
	}
	for i := range c.own {
		if n := c.own[i].Load(); n != 0 {
			s.Drops[dropNames[i]] += n
		}
	}
	for i := range c.esp {
		if n := c.esp[i].Load(); n != 0 {
			s.Drops[esp.Drop(i).String()] += n
		}
	}
	return s
}

// LastInbound counts the authenticated packets received since New. A change
// means that the gateway is alive.
func (p *Plane) LastInbound() uint64 { return p.counters.authentic.Load() }

// sent counts packets that have gone to the gateway.
func (p *Plane) sent(packets, octets int) {
	p.counters.sent(packets, octets)
	now := int64(p.now().Sub(p.born)) + 1
	if before := p.counters.lastSent.Swap(now); before == 0 || now-before >= int64(rest) {
		p.busy()
	}
}

// rest is how long nothing has gone out before what follows is told to Busy.
const rest = time.Second

// LastOutbound is when packets last went to the gateway; zero: never since New.
func (p *Plane) LastOutbound() time.Time {
	at := p.counters.lastSent.Load()
	if at == 0 {
		return time.Time{}
	}
	return p.born.Add(time.Duration(at - 1))
}
