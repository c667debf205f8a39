package tunnel

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/esp"
	"github.com/homeward-vpn/homeward/esp/esptest"
	"github.com/homeward-vpn/homeward/ike/iketest"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// flow is traffic over a line while something happens to it: numbered packets go
// out every few milliseconds, and whichever gateway gets one sends it back by the
// newest of its Child SAs that carry it.
type flow struct {
	o    *office
	stop chan struct{}
	done sync.WaitGroup

	mu       sync.Mutex
	source   netip.Addr // of the packets
	sent     uint32
	arrived  map[uint32]bool
	returned map[uint32]bool
	last     netip.Addr // where the last one arrived
}

const flowPace = 20 * time.Millisecond

// startFlow begins the traffic of a line that stands.
func startFlow(o *office) *flow {
	f := &flow{o: o, stop: make(chan struct{}), source: insideAddr, arrived: map[uint32]bool{}, returned: map[uint32]bool{}}
	o.mu.Lock()
	o.carry = f.atGateway
	o.mu.Unlock()
	f.done.Go(f.send)
	f.done.Go(f.receive)
	return f
}

func (f *flow) send() {
	tick := time.NewTicker(flowPace)
	defer tick.Stop()
	for {
		select {
		case <-f.stop:
			return
		case <-tick.C:
			f.one()
		}
	}
}

// one sends a packet.
func (f *flow) one() {
	f.mu.Lock()
	f.sent++
	number, source := f.sent, f.source
	f.mu.Unlock()
	f.o.tun.Inject(udpPair(source, serverAddr, string(binary.BigEndian.AppendUint32(nil, number))))
}

func (f *flow) receive() {
	for {
		select {
		case p := <-f.o.tun.Written():
			f.mu.Lock()
			f.returned[number(p)] = true
			f.mu.Unlock()
		case <-f.stop:
			return
		}
	}
}

// number is what a packet of the flow carries.
func number(p []byte) uint32 { return binary.BigEndian.Uint32(p[28:]) }

// atGateway opens a packet and sends it back. It runs on the gateways' goroutine.
func (f *flow) atGateway(g *iketest.Responder, d esptest.Datagram) {
	spi := binary.BigEndian.Uint32(d.Data)
	children := g.Children()
	for _, c := range children {
		if c.InboundSPI != spi {
			continue
		}
		inner, drop := f.o.end(c).In.Open(d.Data)
		if drop != esp.DropNone {
			return
		}
		f.mu.Lock()
		f.arrived[number(inner)], f.last = true, d.Peer.Addr()
		f.mu.Unlock()
		source := netip.AddrFrom4([4]byte(inner[12:16]))
		way := c
		for _, newer := range children {
			if slices.ContainsFunc(newer.RemoteTS, func(ts wire.TrafficSelector) bool {
				return ts.Start.Is4() && !source.Less(ts.Start) && !ts.End.Less(source)
			}) {
				way = newer
			}
		}
		back := udpPair(serverAddr, source, string(inner[28:32]))
		f.o.client.Deliver(esptest.Datagram{Peer: d.Peer, Data: sealed(f.o.end(way).Out, back)})
		return
	}
}

// sealed makes one ESP packet.
func sealed(out *esp.Outbound, inner []byte) []byte {
	buf := make([]byte, esp.HeaderRoom+len(inner)+esp.TrailerRoom)
	copy(buf[esp.HeaderRoom:], inner)
	seq, _ := out.Reserve(1)
	packet, drop := out.Seal(buf, esp.HeaderRoom, len(inner), seq)
	if drop != esp.DropNone {
		panic(drop)
	}
	return packet
}

// end stops the traffic and tells how many packets there were, and how many of
// them did not arrive, or did not come back.
func (f *flow) end() (sent, lostOut, lostBack int) {
	<-time.After(flowPace / 2) // between two packets
	close(f.stop)
	f.done.Wait()
	f.o.mu.Lock()
	f.o.carry = nil
	f.o.mu.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	return int(f.sent), int(f.sent) - len(f.arrived), int(f.sent) - len(f.returned)
}

// mustLoseNothing ends the traffic and wants all of it to have got through.
func (f *flow) mustLoseNothing(t *testing.T) {
	t.Helper()
	sent, out, back := f.end()
	if sent == 0 || out != 0 || back != 0 {
		t.Errorf("of %d packets %d did not arrive and %d did not come back", sent, out, back)
	}
}
