package tunnel

import (
	"context"
	"net/netip"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/esp"
	"github.com/homeward-vpn/homeward/esp/esptest"
	"github.com/homeward-vpn/homeward/ike/iketest"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// The networks that a traveller is in.
var (
	cafe    = map[bool]netip.AddrPort{true: netip.MustParseAddrPort("192.0.2.77:40000")}
	train   = map[bool]netip.AddrPort{true: netip.MustParseAddrPort("192.0.2.88:40000")}
	lte     = map[bool]netip.AddrPort{false: netip.MustParseAddrPort("[2001:db8:1::7]:40000")}
	nowhere = map[bool]netip.AddrPort{}
)

// traveller is an office whose client goes from network to network.
type traveller struct {
	*office
	changes chan NetworkChange
	tuns    atomic.Int32
	asked   atomic.Int32 // questions to the user
}

// mobileSocket is a socket that knows by which address it sends.
type mobileSocket struct {
	*esptest.Transport
	o *office
}

func (s mobileSocket) LocalAddr(to netip.AddrPort) netip.AddrPort {
	s.o.mu.Lock()
	defer s.o.mu.Unlock()
	return s.o.clients[to.Addr().Unmap().Is4()]
}

func newTraveller(t *testing.T, mobike *iketest.MOBIKE, change func(*iketest.ResponderConfig)) (*traveller, Config) {
	t.Helper()
	o := newOffice(t, func(c *iketest.ResponderConfig) {
		c.MOBIKE = mobike
		if change != nil {
			change(c)
		}
	})
	o.also = append(o.also, iketest.GatewayPublic6)
	tr := &traveller{office: o, changes: make(chan NetworkChange)}
	cfg := o.config()
	cfg.OpenTransport = func() (Transport, error) { return mobileSocket{o.client, o}, nil }
	open, ask := cfg.OpenTUN, cfg.Ask
	cfg.OpenTUN = func(c TUNConfig) (TUN, error) { tr.tuns.Add(1); return open(c) }
	cfg.Ask = func(ctx context.Context, q Question) (Answer, error) { tr.asked.Add(1); return ask(ctx, q) }
	cfg.NetworkChanged = func(context.Context) (<-chan NetworkChange, error) { return tr.changes, nil }
	return tr, cfg
}

// goTo takes the client to another network and has the system say so.
func (tr *traveller) goTo(network map[bool]netip.AddrPort) {
	tr.mu.Lock()
	tr.clients = network
	tr.mu.Unlock()
	tr.changes <- NetworkChange{}
}

// carries sends one packet each way, and tells where the outbound one went.
func carries(t *testing.T, o *office) netip.AddrPort {
	t.Helper()
	in, out := farEnd(t, o)
	question, answer := udpPair(insideAddr, serverAddr, "question"), udpPair(serverAddr, insideAddr, "answer")
	o.tun.Inject(question)
	var d esptest.Datagram
	select {
	case d = <-o.esp:
	case <-time.After(10 * time.Second):
		t.Fatal("no packet leaves")
	}
	if inner, drop := in.Open(d.Data); drop != esp.DropNone || !slices.Equal(inner, question) {
		t.Fatalf("the gateway got %x (%v)", inner, drop)
	}
	o.client.Deliver(esptest.Datagram{Peer: d.Peer, Data: seal(t, out, answer)})
	select {
	case got := <-o.tun.Written():
		if !slices.Equal(got, answer) {
			t.Errorf("the host got %x", got)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("no packet arrives")
	}
	return d.Peer
}

// info waits until the line's Info fits.
func (r *running) info(what string, fits func(Info) bool) Info {
	r.t.Helper()
	limit := time.After(time.Minute)
	for {
		var i Info
		select {
		case e := <-r.events:
			switch e := e.(type) {
			case Up:
				i = e.Info
			case Changed:
				i = e.Info
			default:
				continue
			}
		case err := <-r.result:
			r.t.Fatalf("the line ended: %v", err)
		case <-limit:
			r.t.Fatalf("never: %s", what)
		}
		if fits(i) {
			return i
		}
	}
}

// behaved wants that the gateway has nothing to complain about.
func (tr *traveller) behaved() {
	tr.t.Helper()
	tr.tell(func(time.Time) error {
		for _, c := range tr.gateway.Complaints {
			tr.t.Errorf("gateway complains: %s", c)
		}
		return nil
	})
}

// TestRoam: the line goes with the machine, on the device and the SAs that it has
// (RFC 4555 3.5): from network to network, from IPv4 to IPv6 and back.
func TestRoam(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tr, cfg := newTraveller(t, &iketest.MOBIKE{Addresses: []netip.Addr{iketest.GatewayPublic6}}, nil)
		r := run(t, cfg)
		r.up()
		carries(t, tr.office)
		for n, step := range []struct {
			network map[bool]netip.AddrPort
			gateway netip.Addr
		}{{cafe, gatewayAddr}, {lte, iketest.GatewayPublic6}, {train, gatewayAddr}, {cafe, gatewayAddr}} {
			began := time.Now()
			tr.goTo(step.network)
			i := r.info("moved", func(i Info) bool { return len(i.Moves) == n+1 })
			if took := time.Since(began); took > 100*time.Millisecond {
				t.Errorf("moving took %v on a wire without delay", took)
			}
			move := i.Moves[n]
			if move.To != step.network[step.gateway.Is4()] || i.GatewayAddress.Addr() != step.gateway || move.Gateway != i.GatewayAddress {
				t.Errorf("moved %+v", move)
			}
			if to := carries(t, tr.office); to.Addr() != step.gateway {
				t.Errorf("ESP goes to %v", to)
			}
			tr.tell(func(time.Time) error {
				if at := tr.gateway.ESP().To; at != move.To {
					t.Errorf("the gateway sends to %v", at)
				}
				return nil
			})
		}
		if n := tr.tuns.Load(); n != 1 {
			t.Errorf("%d devices", n)
		}
		tr.behaved()
		r.stop()
	})
}

// TestRoamTellsTheSystem: what routes are to avoid and where the gateway is follows
// the line to the new network.
func TestRoamTellsTheSystem(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tr, cfg := newTraveller(t, &iketest.MOBIKE{Addresses: []netip.Addr{iketest.GatewayPublic6}}, func(c *iketest.ResponderConfig) {
			c.Subnets = prefixes("10.99.0.0/16", "10.77.5.0/24")
		})
		cfg.Profile.Traffic = profile.Traffic{AcceptPushed: true}
		var local atomic.Value
		local.Store(prefixes("192.168.1.0/24"))
		cfg.LocalNetworks = func() []netip.Prefix { return local.Load().([]netip.Prefix) }
		r := run(t, cfg)
		up := r.up()
		if want := prefixes("10.99.0.0/16", "10.77.5.0/24"); !slices.Equal(up.Network.Routes, want) || up.Network.Gateway != gatewayAddr {
			t.Errorf("%+v", up.Network)
		}
		local.Store(prefixes("10.77.0.0/16"))
		tr.goTo(lte)
		up = r.up()
		if want := prefixes("10.99.0.0/16"); !slices.Equal(up.Network.Routes, want) || up.Network.Gateway != iketest.GatewayPublic6 {
			t.Errorf("in the new network: %+v", up.Network)
		}
		local.Store(prefixes("192.168.7.0/24"))
		tr.goTo(cafe)
		up = r.up()
		if want := prefixes("10.99.0.0/16", "10.77.5.0/24"); !slices.Equal(up.Network.Routes, want) || up.Network.Gateway != gatewayAddr {
			t.Errorf("in the third network: %+v", up.Network)
		}
		tr.behaved()
		r.stop()
	})
}

// TestRoamWithoutNetwork: a machine without a network keeps its line: nothing is
// sent, nothing fails, and the next network has it back at once.
func TestRoamWithoutNetwork(t *testing.T) {
	t.Parallel()
	for name, next := range map[string]map[bool]netip.AddrPort{"another network": cafe, "the same network": {true: clientAddr}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				tr, cfg := newTraveller(t, &iketest.MOBIKE{}, nil)
				day := profile.Duration(24 * time.Hour)
				cfg.Profile.IKE.Lifetime, cfg.Profile.Child.Lifetime = day, day
				r := run(t, cfg)
				r.up()
				<-time.After(10 * time.Second) // the search for the path's MTU
				tr.goTo(nowhere)
				r.info("waiting", func(i Info) bool { return i.Waiting })
				sends := tr.client.Sends()
				<-time.After(2 * time.Hour)
				if n := tr.client.Sends() - sends; n != 0 {
					t.Errorf("%d datagrams without a network", n)
				}
				began := time.Now()
				tr.goTo(next)
				r.info("back", func(i Info) bool { return !i.Waiting })
				carries(t, tr.office)
				if took := time.Since(began); took > 100*time.Millisecond {
					t.Errorf("back after %v", took)
				}
				tr.behaved()
				r.stop()
			})
		})
	}
}

// TestRoamWithoutMOBIKE: where the gateway does not follow, a fresh session from
// the new network asks for the same inner address and takes over (RFC 7296 2.19,
// 3.15.1), on the same device with the same routes, so that connections survive.
func TestRoamWithoutMOBIKE(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Config) *iketest.MOBIKE{
		"the gateway has none":     func(*Config) *iketest.MOBIKE { return nil },
		"the profile wants none":   func(c *Config) *iketest.MOBIKE { c.Profile.Session.NoMOBIKE = true; return &iketest.MOBIKE{} },
		"the gateway says no once": nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m := &iketest.MOBIKE{}
				if change == nil {
					m.Refuse = func(netip.AddrPort, netip.AddrPort) wire.NotifyType { return wire.NotifyUnacceptableAddresses }
				} else {
					m = change(&Config{Profile: &profile.Profile{}})
				}
				tr, cfg := newTraveller(t, m, nil)
				if change != nil {
					change(&cfg)
				}
				r := run(t, cfg)
				first := r.up()
				carries(t, tr.office)
				tr.goTo(cafe)
				i := r.info("taken over", func(i Info) bool { return len(i.Moves) == 1 })
				if i.Moves[0].To != cafe[true] {
					t.Errorf("moved %+v", i.Moves)
				}
				carries(t, tr.office)
				<-time.After(10 * time.Second)
				tr.tell(func(time.Time) error {
					if n := tr.gateway.IKESAs(); n != 1 {
						t.Errorf("%d IKE SAs", n)
					}
					if !slices.Contains(tr.gateway.Asked, insideAddr) {
						t.Errorf("asked for %v", tr.gateway.Asked)
					}
					if n := tr.gateway.InitialContacts; n != 1 {
						t.Errorf("INITIAL_CONTACT %d times, want with the second session, for the first cannot be reached any more (RFC 7296 2.4)", n)
					}
					return nil
				})
				for len(r.events) > 0 {
					if up, ok := (<-r.events).(Up); ok && !up.Network.equal(first.Network) {
						t.Errorf("the system's network changes: %+v", up.Network)
					}
				}
				if n := tr.tuns.Load(); n != 1 {
					t.Errorf("%d devices", n)
				}
				carries(t, tr.office)
				tr.behaved()
				r.stop()
			})
		})
	}
}

// TestRoamCheapChange: a change that leaves the way to the gateway as it is costs
// one exchange, and never the line.
func TestRoamCheapChange(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tr, cfg := newTraveller(t, &iketest.MOBIKE{}, nil)
		r := run(t, cfg)
		r.up()
		<-time.After(10 * time.Second)
		count := func() (n int) {
			tr.tell(func(time.Time) error { n = tr.gateway.Received[wire.ExchangeInformational]; return nil })
			return n
		}
		before := count()
		for range 5 {
			tr.changes <- NetworkChange{}
			<-time.After(time.Second)
		}
		if n := count() - before; n != 5 {
			t.Errorf("%d requests for five changes", n)
		}
		carries(t, tr.office)
		r.stop()
	})
}

// TestSilentAfterResume: a gateway that has forgotten the line while the machine
// slept is known in about two seconds, and a successor takes over on the device
// that stands.
func TestSilentAfterResume(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tr, cfg := newTraveller(t, &iketest.MOBIKE{}, func(c *iketest.ResponderConfig) {
			c.Client, c.Certificate = iketest.ClientByPSK, nil
		})
		cfg.Profile.Client = profile.Client{Auth: profile.ClientPSK, Identity: "alice@example.com"}
		cfg.Profile.Gateway.Auth = profile.GatewayPSK
		r := run(t, cfg)
		r.up()
		carries(t, tr.office)
		tr.tell(func(time.Time) error { tr.gateway.Forget(); return nil })
		began := time.Now()
		tr.changes <- NetworkChange{}
		r.info("taken over", func(i Info) bool { return i.IKEEstablished.After(began) })
		if took := time.Since(began); took > 2500*time.Millisecond {
			t.Errorf("taken over after %v", took)
		}
		carries(t, tr.office)
		if n := tr.tuns.Load(); n != 1 {
			t.Errorf("%d devices", n)
		}
		r.stop()
	})
}

// TestShortSilenceAsksNobody: who would have to type a password is not asked for a
// silence that ends by itself.
func TestShortSilenceAsksNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tr, cfg := newTraveller(t, &iketest.MOBIKE{}, nil)
		r := run(t, cfg)
		r.up()
		asked := tr.asked.Load()
		tr.tell(func(time.Time) error { tr.gateway.Silence(true); return nil })
		tr.goTo(cafe)
		<-time.After(4 * time.Second)
		tr.tell(func(time.Time) error { tr.gateway.Silence(false); return nil })
		r.info("moved", func(i Info) bool { return len(i.Moves) == 1 })
		<-time.After(time.Minute)
		if n := tr.asked.Load() - asked; n != 0 {
			t.Errorf("asked %d times", n)
		}
		carries(t, tr.office)
		r.stop()
	})
}
