package netmon

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// wire is a system that says what a test says.
type wire struct {
	said   chan news
	closed sync.Once
	end    chan struct{}
	world  Snapshot
}

// watch runs a watch over the wire; the network is what world says.
func (w *wire) watch(ctx context.Context) <-chan Change {
	return watch(ctx, Config{}.filled(), system{
		sources: []namedSource{{w, "a test"}},
		look:    func() (Snapshot, error) { return w.world, nil },
	}, Snapshot{})
}

func newWire() *wire { return &wire{said: make(chan news), end: make(chan struct{})} }

var errEnd = errors.New("closed")

func (w *wire) next() (news, error) {
	select {
	case n, ok := <-w.said:
		if !ok {
			return news{}, errEnd
		}
		return n, nil
	case <-w.end:
		return news{}, errEnd
	}
}

func (w *wire) close() error {
	w.closed.Do(func() { close(w.end) })
	return nil
}

// TestChangesAreShaped: the first word of a burst goes out almost at once, what
// belongs to it comes with it, and a flood becomes a few changes a second.
func TestChangesAreShaped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		w := newWire()
		changes := w.watch(ctx)
		began := time.Now()
		w.said <- news{kinds: Links}
		w.said <- news{kinds: 0} // a message that says nothing new
		w.said <- news{kinds: Addresses}
		if c := <-changes; c.Kinds != Links|Addresses || time.Since(began) != defaultSettle {
			t.Errorf("%b after %v", c.Kinds, time.Since(began))
		}
		n, flood := 0, time.Now()
		for time.Since(flood) < time.Second {
			select {
			case w.said <- news{kinds: Routes}:
				<-time.After(time.Millisecond)
			case c := <-changes:
				if n++; c.Kinds != Routes {
					t.Errorf("%b", c.Kinds)
				}
			}
		}
		if n < 4 || n > 5 {
			t.Errorf("a flood of one second is told as %d changes", n)
		}
		if c := <-changes; c.Kinds != Routes {
			t.Errorf("the end of the flood is told as %b", c.Kinds)
		}
		<-time.After(time.Minute)
		select {
		case c := <-changes:
			t.Errorf("a change out of nothing: %b", c.Kinds)
		default:
		}
		cancel()
		if _, ok := <-changes; ok {
			t.Error("the channel stays open")
		}
	})
}

// TestSlowReaderLosesNothing: a Change that waits for its reader grows.
func TestSlowReaderLosesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		w := newWire()
		changes := w.watch(ctx)
		w.said <- news{kinds: Links}
		<-time.After(time.Minute)
		w.said <- news{kinds: Routes}
		<-time.After(time.Minute)
		if c := <-changes; c.Kinds != Links|Routes {
			t.Errorf("%b", c.Kinds)
		}
	})
}

// TestSourceEnds: where the system says no more, the channel says so.
func TestSourceEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWire()
		changes := w.watch(t.Context())
		close(w.said)
		if _, ok := <-changes; ok {
			t.Error("a change out of nothing")
		}
		synctest.Wait()
		select {
		case <-w.end:
		default:
			t.Error("the source is left open")
		}
	})
}

// TestSleepIsTold: the word of several sources about one sleep is one Change, with
// the longest that one of them knows.
func TestSleepIsTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		w := newWire()
		changes := w.watch(ctx)
		w.said <- news{kinds: Resumed, slept: time.Hour}
		w.said <- news{kinds: Resumed}
		if c := <-changes; !c.Resumed || c.Slept != time.Hour || c.Kinds != Resumed {
			t.Errorf("%+v", c)
		}
		w.said <- news{kinds: Links}
		if c := <-changes; c.Resumed || c.Slept != 0 {
			t.Errorf("a sleep is told twice: %+v", c)
		}
	})
}

// TestFieldsAreComputed: what of a network is different, and what is not.
func TestFieldsAreComputed(t *testing.T) {
	t.Parallel()
	prefixes := func(all ...string) (out []netip.Prefix) {
		for _, p := range all {
			out = append(out, netip.MustParsePrefix(p))
		}
		return out
	}
	home := func() Snapshot {
		return Snapshot{
			Links: []Link{
				{Name: "eth0", Index: 2, Kind: Ethernet, Physical: true},
				{Name: "wlan0", Index: 3, Kind: WiFi, Physical: true, Up: true, SSID: "home", Addresses: prefixes("192.168.1.2/24", "fe80::1/64")},
			},
			Default4:  Way{3, netip.MustParseAddr("192.168.1.1")},
			Resolvers: []netip.AddrPort{netip.MustParseAddrPort("192.168.1.1:53")},
		}
	}
	type differs struct{ links, addresses, way, wireless, names, lost, found bool }
	for _, c := range []struct {
		name string
		do   func(*Snapshot)
		want differs
	}{
		{"nothing", func(*Snapshot) {}, differs{}},
		{"our tunnel", func(s *Snapshot) {
			s.Links = append(s.Links, Link{Name: "homeward0", Index: 9, Kind: Tunnel, Up: true, Addresses: prefixes("10.1.2.3/32")})
		}, differs{}},
		{"a cable", func(s *Snapshot) { s.Links[0].Up = true }, differs{links: true}},
		{"another address", func(s *Snapshot) { s.Links[1].Addresses = prefixes("192.168.1.3/24") }, differs{addresses: true}},
		{"another router", func(s *Snapshot) { s.Default4.Router = netip.MustParseAddr("192.168.1.254") }, differs{way: true}},
		{"another Wi-Fi", func(s *Snapshot) { s.Links[1].SSID = "café" }, differs{wireless: true}},
		{"other name servers", func(s *Snapshot) { s.Resolvers = nil }, differs{names: true}},
		{"a search domain", func(s *Snapshot) { s.SearchDomains = []string{"lan"} }, differs{names: true}},
		{"no network", func(s *Snapshot) { s.Links[1].Up, s.Default4 = false, Way{} }, differs{links: true, way: true, lost: true}},
		{"an address of the link alone", func(s *Snapshot) {
			s.Links[1].Addresses, s.Default4 = prefixes("169.254.3.4/16", "fe80::1/64"), Way{}
		}, differs{addresses: true, way: true, lost: true}},
	} {
		after := home()
		c.do(&after)
		for _, back := range []bool{false, true} {
			d, want := Change{Before: home(), After: after}, c.want
			if back {
				d.Before, d.After = d.After, d.Before
				want.lost, want.found = want.found, want.lost
			}
			d = compare(d)
			got := differs{d.LinksChanged, d.AddressesChanged, d.DefaultChanged, d.WirelessChanged, d.ResolversChanged, d.PathLost, d.PathFound}
			if got != want {
				t.Errorf("%s (back: %t): %+v, want %+v", c.name, back, got, want)
			}
		}
	}
}
