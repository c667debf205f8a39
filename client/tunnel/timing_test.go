package tunnel

import (
	"net"
	"net/netip"
	"os"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/esp/esptest"
)

// keepalives counts what the gateway has seen.
func (o *office) keepalives() (n int) {
	o.tell(func(time.Time) error { n = o.gateway.Keepalives; return nil })
	return n
}

// RFC 3948 4: keepalives only while nothing else is sent, at the profile's pace,
// or never.
func TestKeepalivesByProfile(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		interval profile.Duration
		quiet    int // in 61 s
	}{
		"Homeward's own": {0, 3},
		"10 s":           {profile.Duration(10 * time.Second), 6},
		"never":          {profile.Duration(-time.Second), 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				o := newOffice(t, nil)
				cfg := o.config()
				cfg.Profile.Session.NATKeepalive = tt.interval
				cfg.Profile.Session.Liveness = profile.Duration(-1)
				r := run(t, cfg)
				r.up()
				<-time.After(5 * time.Second) // the search for the path's MTU
				before := o.keepalives()
				<-time.After(61 * time.Second)
				if n := o.keepalives() - before; n < tt.quiet-1 || n > tt.quiet {
					t.Errorf("%d keepalives in silence, want about %d", n, tt.quiet)
				}
				before = o.keepalives()
				for range 30 {
					o.tun.Inject(udpPair(insideAddr, serverAddr, "busy"))
					<-o.esp
					<-time.After(2 * time.Second)
				}
				if n := o.keepalives() - before; n != 0 {
					t.Errorf("%d keepalives on a busy line", n)
				}
				r.stop()
			})
		})
	}
}

// RFC 3948 3.1, RFC 7296 2.23: ESP is known by its SPI and its proof. A gateway
// that sends it from its old port 500 after the move to 4500, or from an address
// that nobody knows, is heard, and what is sent goes where it went before: a
// client behind a NAT does not follow the source of a packet.
func TestESPFromElsewhereIsHeardAndNotFollowed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, nil)
		r := run(t, o.config())
		r.up()
		exchange(t, o)
		_, out := farEnd(t, o)
		for _, from := range []string{"203.0.113.5:500", "203.0.113.5:10500", "192.0.2.66:4500"} {
			inner := udpPair(serverAddr, insideAddr, "from "+from)
			o.client.Deliver(esptest.Datagram{Peer: netip.MustParseAddrPort(from), Data: seal(t, out, inner)})
			if got := <-o.tun.Written(); !slices.Equal(got, inner) {
				t.Errorf("from %s the host got %x", from, got)
			}
			o.tun.Inject(udpPair(insideAddr, serverAddr, "back"))
			if d := <-o.esp; d.Peer != netip.AddrPortFrom(gatewayAddr, 4500) {
				t.Errorf("after ESP from %s our own goes to %v", from, d.Peer)
			}
		}
		if n := r.Stats().Drops["unknown-spi"]; n != 0 {
			t.Errorf("%d packets of no known SPI", n)
		}
		r.stop()
	})
}

// RFC 7296 2.4: ICMP says "port unreachable" for as long as it likes, to messages
// of the handshake and to those of a line that stands; what ends is the wait.
func TestICMPEndsNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, nil)
		refused := &net.OpError{Op: "write", Err: os.NewSyscallError("sendmmsg", syscall.ECONNREFUSED)}
		o.client.FailSends(refused)
		cfg := o.config()
		cfg.Profile.Session.NATKeepalive = profile.Duration(5 * time.Second)
		r := run(t, cfg)
		<-time.After(4 * time.Second)
		o.client.FailSends(nil)
		r.up()
		exchange(t, o)
		<-time.After(time.Minute)
		o.client.FailSends(refused)
		<-time.After(12 * time.Second) // keepalives fail, and the question that this leads to
		o.client.FailSends(nil)
		<-time.After(10 * time.Minute)
		exchange(t, o)
		r.stop()
	})
}
