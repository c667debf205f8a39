package tunnel

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/esp/esptest"
	"github.com/homeward-vpn/homeward/ike/iketest"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// transfer has the gateway send a packet every 20 ms for a while and the host
// acknowledge each. It returns the longest time without one.
func transfer(t *testing.T, o *office, d time.Duration, each func(at time.Duration)) (gap time.Duration) {
	t.Helper()
	_, out := farEnd(t, o)
	began, last := time.Now(), time.Now()
	for time.Since(began) < d {
		each(time.Since(began))
		packet := seal(t, out, udpPair(serverAddr, insideAddr, "data"))
		here := false
		o.tell(func(time.Time) error {
			o.mu.Lock()
			defer o.mu.Unlock()
			here = o.gateway.ESP().To == o.clients[true]
			return nil
		})
		if here {
			o.client.Deliver(esptest.Datagram{Peer: netip.AddrPortFrom(gatewayAddr, 4500), Data: packet})
			<-o.tun.Written()
			gap, last = max(gap, time.Since(last)), time.Now()
			o.tun.Inject(udpPair(insideAddr, serverAddr, "got it"))
			<-o.esp
		}
		<-time.After(20 * time.Millisecond)
	}
	return max(gap, time.Since(last))
}

// TestStallOfAStream: a stream that breaks off while packets still go out is asked
// about soon after the last question; a conversation is not.
func TestStallOfAStream(t *testing.T) {
	t.Parallel()
	now := time.Now()
	var s stall
	s.begin(now, 0)
	inbound, questions := uint64(0), 0
	look := func(in bool) {
		now = now.Add(lookEvery)
		if in {
			inbound++
		}
		if s.look(now, inbound, now.Add(-lookEvery/2)) {
			questions++
		}
	}
	for range 4 { // a stream that stalls every two seconds
		for range 20 {
			look(true)
		}
		for range 7 {
			look(false)
		}
	}
	if questions != 4 {
		t.Errorf("%d questions about a stream that has stalled four times", questions)
	}
	questions = 0
	for range 40 { // words, each a moment after the other, for half a minute
		look(true)
		for range 9 {
			look(false)
		}
	}
	if questions < 2 || questions > 4 {
		t.Errorf("%d questions in half a minute of conversation", questions)
	}
}

// TestNATMappingUnderTransfer: a NAT that gives us another place under a running
// download is noticed because nothing comes in any more, and the gateway sends to
// the new place after less than 300 ms (RFC 4555 3.8). Silence that is merely the
// end of a conversation costs one question in ten seconds.
func TestNATMappingUnderTransfer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, func(c *iketest.ResponderConfig) { c.MOBIKE = &iketest.MOBIKE{} })
		o.clients = map[bool]netip.AddrPort{true: netip.MustParseAddrPort("192.0.2.200:61001")} // the NAT's
		r := run(t, o.config())
		if up := r.up(); !up.Info.BehindNAT || !up.Info.MOBIKE {
			t.Fatalf("%+v", up.Info)
		}
		<-time.After(10 * time.Second)
		updates := func() (n int) {
			o.tell(func(time.Time) error { n = o.gateway.Updates; return nil })
			return n
		}
		changed := false
		gap := transfer(t, o, 5*time.Second, func(at time.Duration) {
			if at >= 2*time.Second && !changed {
				changed = true
				o.mu.Lock()
				o.clients = map[bool]netip.AddrPort{true: netip.MustParseAddrPort("192.0.2.200:61002")}
				o.mu.Unlock()
			}
		})
		t.Logf("nothing came in for %v", gap)
		if gap > 300*time.Millisecond || updates() != 1 {
			t.Errorf("a gap of %v and %d updates", gap, updates())
		}
		for range 3 { // conversations that end with a word of ours
			<-time.After(4 * time.Second)
			o.tun.Inject(udpPair(insideAddr, serverAddr, "goodbye"))
			<-o.esp
		}
		<-time.After(time.Minute)
		if n := updates(); n != 2 {
			t.Errorf("%d updates in all", n)
		}
		r.stop()
	})
}

// TestStallWithoutNAT: without a NAT a stalled line is asked, not told.
func TestStallWithoutNAT(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, func(c *iketest.ResponderConfig) { c.MOBIKE = &iketest.MOBIKE{} })
		r := run(t, o.config())
		r.up()
		<-time.After(10 * time.Second)
		count := func() (updates, requests int) {
			o.tell(func(time.Time) error {
				updates, requests = o.gateway.Updates, o.gateway.Received[wire.ExchangeInformational]
				return nil
			})
			return updates, requests
		}
		_, before := count()
		for range 60 { // half a minute of packets that nobody answers
			o.tun.Inject(udpPair(insideAddr, serverAddr, "hello?"))
			<-o.esp
			<-time.After(500 * time.Millisecond)
		}
		if updates, requests := count(); updates != 0 || requests-before != 3 {
			t.Errorf("%d updates, %d questions in half a minute", updates, requests-before)
		}
		r.stop()
	})
}

// TestDeadGatewayUnderTraffic: packets that go out and are never answered do not
// keep a dead gateway alive (RFC 7296 2.4).
func TestDeadGatewayUnderTraffic(t *testing.T) {
	t.Parallel()
	for name, client := range map[string]string{"behind a NAT": "192.0.2.200:61001", "without one": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				o := newOffice(t, func(c *iketest.ResponderConfig) { c.MOBIKE = &iketest.MOBIKE{} })
				if client != "" {
					o.clients = map[bool]netip.AddrPort{true: netip.MustParseAddrPort(client)}
				}
				r := run(t, o.config())
				r.up()
				<-time.After(10 * time.Second)
				o.narrow(1) // nothing gets through any more
				began := time.Now()
				for {
					select {
					case err := <-r.result:
						if took := time.Since(began); !isCause(err, diagnose.CauseLineLost) || took > time.Minute {
							t.Errorf("after %v the line ends with %v", took, err)
						}
						return
					case <-time.After(100 * time.Millisecond):
						o.tun.Inject(udpPair(insideAddr, serverAddr, "hello?"))
					}
					if time.Since(began) > 10*time.Minute {
						t.Error("the gateway is dead for ten minutes and the line still stands")
						r.stop()
						return
					}
				}
			})
		})
	}
}
