package ike_test

import (
	"errors"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/ike"
	"github.com/homeward-vpn/homeward/ike/iketest"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// What a long life has in it.
const (
	lifeRekeys = 10_000
	lifeMoves  = 1_000
	// lifeGrowth is what the heap may differ by between a tenth of the life and
	// its end: what chance leaves under way. An SA left behind at each rekey would
	// be ten times as much.
	lifeGrowth = 2 << 20
	traceLines = 200 // of the transcript, for when it goes wrong
)

// longLife counts what has happened to a line; the Pair's own records are
// thrown away as they come, so that only the two ends' memory is measured.
type longLife struct {
	*iketest.Pair
	t     *testing.T
	rand  *rand.Rand
	child int // Child SAs that took over from another
	ike   int // IKE SAs that did
	moves int // that the gateway has confirmed
	lost  int // packets that could not be carried
}

// TestTwoPeerLongLife is RFC 7296 2.8 and RFC 4555 3.5 for the length of a
// career: 10,000 rekeys of either SA from either side and 1,000 moves between
// two IPv4 networks, one of them behind a NAT, and one of IPv6, while a fifth of
// all packets is lost, others come twice and few in order. At every step each end
// can send to the other, and at the end neither holds more than after a tenth of it.
//
// It runs alone, since it measures the heap.
func TestTwoPeerLongLife(t *testing.T) {
	begin := time.Now()
	l := newLongLife(t)
	l.live(lifeRekeys/10, lifeMoves/10)
	young := heapInUse()
	l.live(lifeRekeys, lifeMoves)
	old := heapInUse()

	l.Network.Conditions = iketest.Conditions{Delay: 20 * time.Millisecond}
	mustSettle(t, l.Pair, 10*time.Minute, 1)
	c := l.Client.Counters()
	t.Logf("%d Child SA rekeys, %d IKE SA rekeys, %d moves in %v of virtual time, %v of ours; %d datagrams out (%d again), %d in; heap %d KiB, then %d KiB",
		l.child, l.ike, l.moves, l.Now.Sub(iketest.Epoch).Round(time.Minute), time.Since(begin).Round(time.Second/10),
		c.Sent, c.Retransmitted, c.Received, young>>10, old>>10)
	if l.lost > 0 {
		t.Errorf("%d packets were lost", l.lost)
	}
	if old > young+lifeGrowth {
		t.Errorf("the heap grew from %d KiB to %d KiB", young>>10, old>>10)
	}
	runtime.KeepAlive(l)
}

// newLongLife connects the line and gives it a bad network.
func newLongLife(t *testing.T) *longLife {
	p := mobile(t, func(c *iketest.PairConfig, m *iketest.MOBIKE) {
		c.Seed = 20_000
		c.Client = func(c *ike.Config) {
			patient(c)
			c.IKELifetime, c.ChildLifetime = 24*time.Hour, 24*time.Hour // the rekeys are ours
		}
		c.Gateway = func(r *iketest.ResponderConfig) { r.MOBIKE, r.Tries = m, 25 } // nor does it give up
	})
	p.Network.NATs = map[netip.Addr]netip.Addr{iketest.ClientMobile: iketest.NATMobile}
	p.Network.Conditions = iketest.Conditions{
		Delay: 20 * time.Millisecond, Jitter: 120 * time.Millisecond, Loss: 0.2, Duplicate: 0.1,
	}
	l := &longLife{Pair: p, t: t, rand: rand.New(rand.NewPCG(1, 7296))}
	p.OnStep = l.look
	return l
}

// look counts what the step has brought and sends a packet each way.
func (l *longLife) look() {
	for _, e := range l.Events {
		switch e := e.(type) {
		case ike.ChildAdded:
			if e.Replaces != 0 {
				l.child++
			}
		case ike.IKERekeyed:
			l.ike++
		case ike.Moved:
			l.moves++
		}
	}
	l.Events, l.Sent = l.Events[:0], l.Sent[:0]
	l.Trace.Keep(traceLines)
	if l.Closed != nil {
		l.t.Fatalf("the line fell after %d rekeys and %d moves: %v", l.child+l.ike, l.moves, l.Closed.Failure)
	}
	for _, err := range []error{l.ClientToGateway(), l.GatewayToClient()} {
		if err != nil {
			l.lost++
			l.t.Errorf("after %d rekeys and %d moves: %v", l.child+l.ike, l.moves, err)
			if l.lost > 10 {
				l.t.FailNow()
			}
		}
	}
}

// live goes on until so many rekeys and moves have happened.
func (l *longLife) live(rekeys, moves int) {
	homes := []struct{ client, gateway netip.Addr }{
		{iketest.ClientPublic, iketest.GatewayPublic},
		{iketest.ClientMobile, iketest.GatewayPublic},
		{iketest.ClientPublic6, iketest.GatewayPublic6},
	}
	for turn := 0; l.child+l.ike < rekeys || l.moves < moves; turn++ {
		if turn%10 == 9 {
			home := homes[(turn/10)%len(homes)]
			if err := l.MoveTo(home.client, home.gateway); err != nil {
				l.t.Fatal(err)
			}
		}
		l.rekey()
		l.Drive(time.Duration(l.rand.IntN(2500)) * time.Millisecond)
	}
}

// rekey lets one end rekey one of the SAs. The gateway may be about to lose the
// SA that the client still sends on.
func (l *longLife) rekey() {
	switch l.rand.IntN(4) {
	case 0:
		if err := l.Do(ike.RekeyChild{InboundSPI: l.Active().InboundSPI}); err != nil && !errors.Is(err, ike.ErrUnknownSA) {
			l.t.Fatal(err)
		}
	case 1:
		if err := l.Do(ike.RekeyIKE{}); err != nil {
			l.t.Fatal(err)
		}
	case 2:
		spi := l.Active().OutboundSPI
		if err := l.Tell(func(now time.Time) error { return l.Gateway.RekeyChild(now, spi) }); err != nil && !errors.Is(err, iketest.ErrNoSA) {
			l.t.Fatal(err)
		}
	case 3:
		if err := l.Tell(l.Gateway.RekeyIKE); err != nil && !errors.Is(err, iketest.ErrNoSA) {
			l.t.Fatal(err)
		}
	}
}

// heapInUse is what the heap holds after everything that nobody holds is gone.
func heapInUse() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// RFC 4555 3.5, RFC 7296 2.8: the gateway rekeys the IKE SA, our answers are lost,
// and we move. It still has only the old IKE SA and asks where we were, so that it
// is told on that one; then it hears the answer, and of the move on the new one.
//
//	<-- CREATE_CHILD_SA { SA, Ni, KEi }, again  --> (lost)
//	--> INFORMATIONAL { N(UPDATE_SA_ADDRESSES) } on the old IKE SA, then on the new
func TestTwoPeerMoveWhileTheGatewayLacksOurAnswer(t *testing.T) {
	t.Parallel()
	p := mobile(t, nil)
	answered := 0
	p.Network.Intercept = func(packet *iketest.Packet) (time.Duration, bool) {
		h, err := wire.ParseHeader(packet.Data)
		lost := err == nil && h.Exchange == wire.ExchangeCreateChildSA && h.Response() && answered < 2
		if lost {
			answered++
		}
		return 0, lost
	}
	if err := p.Tell(p.Gateway.RekeyIKE); err != nil {
		t.Fatal(err)
	}
	if !p.Until(10*time.Second, func() bool { return answered == 2 }) {
		t.Fatal("the client has not answered twice")
	}
	begin := p.Now
	mustMove(t, p, iketest.ClientMobile, netip.Addr{})
	if took := p.Now.Sub(begin); took > 10*time.Second {
		t.Errorf("the move took %v", took)
	}
	mustSettle(t, p, time.Minute, 1)
}
