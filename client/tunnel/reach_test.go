package tunnel

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/ike/iketest"
)

// firewall is a kill switch before the socket of a test's line: nothing may be sent
// but to where the way was opened. Every line of this package's tests is behind one.
type firewall struct {
	t *testing.T

	mu    sync.Mutex
	ways  []netip.AddrPort
	asked int
	err   error // what the next question is answered with
}

// guard puts a firewall before a line, unless the test brings its own.
func guard(t *testing.T, cfg Config) (*firewall, Config) {
	f := &firewall{t: t}
	if cfg.Reach != nil {
		return f, cfg
	}
	cfg.Reach = func(ctx context.Context, ways []netip.AddrPort) error {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.asked++
		if f.err == nil {
			f.ways = ways
		}
		return f.err
	}
	if open := cfg.OpenTransport; open != nil {
		cfg.OpenTransport = func() (Transport, error) {
			s, err := open()
			if err != nil {
				return nil, err
			}
			return &guarded{s, f}, nil
		}
	}
	return f, cfg
}

func (f *firewall) now() []netip.AddrPort {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.ways)
}

// guarded is a socket behind a firewall.
type guarded struct {
	Transport
	f *firewall
}

func (g *guarded) Send(bufs [][]byte, to netip.AddrPort) error {
	if ways := g.f.now(); !slices.Contains(ways, to) {
		g.f.t.Errorf("a packet to %v leaves, and the way is open to %v", to, ways)
	}
	return g.Transport.Send(bufs, to)
}

func ports(hosts ...netip.Addr) (out []netip.AddrPort) {
	for _, h := range hosts {
		out = append(out, netip.AddrPortFrom(h, defaultIKEPort), netip.AddrPortFrom(h, natPort))
	}
	slices.SortFunc(out, netip.AddrPort.Compare)
	return out
}

// TestWaysOfARedirect: RFC 5685 5. The way to the other gateway is open before the
// first packet to it, and that to the first is closed when its session has ended.
func TestWaysOfARedirect(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o, _, cfg := twoGateways(t, nil, nil)
		f, cfg := guard(t, cfg)
		r := run(t, cfg)
		r.up()
		if got := f.now(); !slices.Equal(got, ports(gatewayAddr)) {
			t.Errorf("open to %v", got)
		}
		o.tell(func(now time.Time) error { return o.gateway.Redirect(now, otherAddr.String()) })
		r.info("at the other gateway", func(i Info) bool { return i.GatewayAddress.Addr() == otherAddr })
		<-time.After(10 * time.Second)
		if got := f.now(); !slices.Equal(got, ports(otherAddr)) {
			t.Errorf("after the redirect open to %v", got)
		}
		r.stop()
	})
}

// TestWaysOfAMove: RFC 4555 3.4. The way to what the gateway says of itself is open
// before the line goes there, and no way is asked for twice.
func TestWaysOfAMove(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tr, cfg := newTraveller(t, &iketest.MOBIKE{Addresses: []netip.Addr{iketest.GatewayPublic6}}, nil)
		f, cfg := guard(t, cfg)
		r := run(t, cfg)
		r.up()
		synctest.Wait()
		if got := f.now(); !slices.Equal(got, ports(gatewayAddr, iketest.GatewayPublic6)) {
			t.Errorf("open to %v", got)
		}
		asked := f.asked
		tr.goTo(lte)
		r.info("moved", func(i Info) bool { return len(i.Moves) == 1 })
		carries(t, tr.office)
		if f.asked != asked {
			t.Errorf("asked for the way %d times", f.asked-asked)
		}
		r.stop()
	})
}

// TestNoWay: a line whose way cannot be opened sends nothing, and says why.
func TestNoWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, nil)
		f, cfg := guard(t, o.config())
		f.err = errors.New("no nft")
		err := New(cfg).Run(context.Background(), func(Event) {})
		if !isCause(err, diagnose.CausePolicyFailed) {
			t.Errorf("%v", err)
		}
		if n := o.client.Sends(); n != 0 {
			t.Errorf("%d packets were sent", n)
		}
	})
}

// TestWaysOfStrangers: somebody who repeats a gateway's request from many addresses
// does not have the kill switch opened to all of them.
func TestWaysOfStrangers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var ways []netip.AddrPort
		l := &line{Tunnel: New(Config{Reach: func(_ context.Context, to []netip.AddrPort) error { ways = to; return nil }})}
		l.strand, l.life = &strand{}, context.Background()
		l.transport = socket{}
		session := netip.AddrPortFrom(gatewayAddr, defaultIKEPort)
		l.strand.remote = session
		for n := range 3 * mostGuests {
			stranger := netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(n)}), 4500)
			if err := l.open(stranger); (err == nil) != (n < mostGuests) {
				t.Errorf("stranger %d: %v", n, err)
			}
		}
		if len(ways) != 2+mostGuests {
			t.Errorf("open to %v", ways)
		}
		<-time.After(guestStay)
		if err := l.openWays(); err != nil || !slices.Equal(ways, ports(gatewayAddr)) {
			t.Errorf("later open to %v (%v)", ways, err)
		}
	})
}
