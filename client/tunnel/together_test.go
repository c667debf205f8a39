package tunnel

import (
	"context"
	"encoding/binary"
	"net/netip"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/esp/esptest"
	"github.com/homeward-vpn/homeward/ike/iketest"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// What handovers, moves, redirects, the stall watch and the user's own wishes do to
// each other.

// chaser is a socket that sends a packet of the flow's right behind each IKE
// message, before the line can do anything else.
type chaser struct {
	socket
	o    *office
	flow *flow
	on   atomic.Bool
	left chan struct{} // an ESP packet has been sent
}

func (c *chaser) Send(bufs [][]byte, to netip.AddrPort) error {
	err := c.socket.Send(bufs, to)
	message := to.Port() == 500 || len(bufs[0]) > 4 && [4]byte(bufs[0]) == [4]byte{}
	switch {
	case len(bufs[0]) == 1:
	case message && c.on.Load():
		f := c.flow
		f.mu.Lock()
		f.sent++
		n := f.sent
		f.mu.Unlock()
		c.o.tun.Inject(udpPair(insideAddr, serverAddr, string(binary.BigEndian.AppendUint32(nil, n))))
		<-c.left
	case !message && c.on.Load():
		c.left <- struct{}{}
	}
	return err
}

// TestPacketsBehindEachMessage: RFC 7296 2.8. A gateway that takes every word at
// once, and has no patience with SAs that were deleted, gets all packets: traffic
// has moved before anything is sent that says so.
func TestPacketsBehindEachMessage(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		gateway func(*iketest.ResponderConfig)
		profile func(*profile.Profile)
		during  func(o *office) func(time.Time) error
	}{
		"rekeys of ours": {profile: func(p *profile.Profile) {
			p.Child.Lifetime, p.IKE.Lifetime = profile.Duration(20*time.Second), profile.Duration(30*time.Second)
		}},
		"rekeys of the gateway's": {during: func(o *office) func(time.Time) error {
			return func(now time.Time) error { return o.gateway.RekeyChild(now, o.gateway.Children()[0].InboundSPI) }
		}},
		"signing in again": {gateway: limited100},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				o := newOffice(t, c.gateway)
				cfg := o.config()
				if c.profile != nil {
					c.profile(cfg.Profile)
				}
				s := &chaser{socket: socket{o.client}, o: o, left: make(chan struct{}, 1)}
				cfg.OpenTransport = func() (Transport, error) { return s, nil }
				r := run(t, cfg)
				r.up()
				<-time.After(10 * time.Second)
				f := &flow{o: o, stop: make(chan struct{}), source: insideAddr, arrived: map[uint32]bool{}, returned: map[uint32]bool{}}
				o.mu.Lock()
				o.carry = f.atGateway
				o.mu.Unlock()
				f.done.Go(f.receive)
				s.flow = f
				s.on.Store(true)
				if c.during != nil {
					o.tell(c.during(o))
				}
				<-time.After(2 * signIns)
				s.on.Store(false)
				r.standing()
				f.mustLoseNothing(t)
				t.Logf("%d packets", f.sent)
				r.stop()
			})
		})
	}
}

// TestStopDuringSlowHandover: whenever the user's wish comes, on a network with
// delay, the gateway keeps nothing that the client does not know of.
func TestStopDuringSlowHandover(t *testing.T) {
	t.Parallel()
	const delay = 100 * time.Millisecond
	for after := 10 * time.Millisecond; after < 2*time.Second; after += delay / 2 {
		synctest.Test(t, func(t *testing.T) {
			o := newOffice(t, limited100)
			r := run(t, o.config())
			r.up()
			began := time.Now()
			<-time.After(signIns / 2)
			o.slow(delay)
			<-time.After(signIns*4/5 - time.Since(began) + after)
			stopped := time.Now()
			r.stop()
			if took := time.Since(stopped); took > goodbye {
				t.Errorf("the goodbye took %v", took)
			}
			<-time.After(time.Second)
			if sas, _ := counted(o); sas != 0 {
				t.Errorf("%v after the beginning: the gateway keeps %d IKE SAs", after, sas)
			}
		})
	}
}

// TestOneWayTraffic: an upload that nobody answers costs a question every ten
// seconds, no more, and never the line; whether or not somebody did before.
func TestOneWayTraffic(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		nat    bool
		stream time.Duration
		most   int
	}{"NAT": {true, 0, 7}, "no NAT": {false, 0, 7}, "NAT, a stream before": {true, 5 * time.Second, 12}, "no NAT, a stream before": {false, 5 * time.Second, 12}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				o := newOffice(t, func(c *iketest.ResponderConfig) { c.MOBIKE = &iketest.MOBIKE{} })
				if c.nat {
					o.clients = map[bool]netip.AddrPort{true: netip.MustParseAddrPort("192.0.2.200:61001")}
				}
				r := run(t, o.config())
				r.up()
				<-time.After(10 * time.Second)
				f := startFlow(o)
				<-time.After(c.stream)
				o.mu.Lock()
				o.carry = func(*iketest.Responder, esptest.Datagram) {}
				o.mu.Unlock()
				before := 0
				o.tell(func(time.Time) error { before = o.gateway.Received[wire.ExchangeInformational]; return nil })
				<-time.After(time.Minute)
				o.tell(func(time.Time) error {
					if n := o.gateway.Received[wire.ExchangeInformational] - before; n < 5 || n > c.most {
						t.Errorf("%d questions in a minute", n)
					}
					return nil
				})
				r.standing()
				f.end()
				r.stop()
			})
		})
	}
}

// counting is a socket that counts what goes where IKE_SA_INIT does.
type counting struct {
	Transport
	inits *atomic.Int32
}

func (c counting) Send(bufs [][]byte, to netip.AddrPort) error {
	if to.Port() == 500 {
		c.inits.Add(1)
	}
	return c.Transport.Send(bufs, to)
}

// TestRestlessNetwork: changes that come all the time, and change nothing about the
// way to the gateway, neither hide that it is silent nor make the line ask without
// end.
func TestRestlessNetwork(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tr, cfg := newTraveller(t, &iketest.MOBIKE{}, nil)
		open := cfg.OpenTransport
		var inits atomic.Int32
		cfg.OpenTransport = func() (Transport, error) {
			s, err := open()
			return counting{s, &inits}, err
		}
		r := run(t, cfg)
		r.up()
		<-time.After(10 * time.Second)
		tr.tell(func(time.Time) error { tr.gateway.Silence(true); return nil })
		before, sends := inits.Load(), tr.client.Sends()
		for range 100 {
			tr.changes <- NetworkChange{}
			<-time.After(200 * time.Millisecond)
		}
		if inits.Load() == before {
			t.Error("nobody has noticed that the gateway is silent")
		}
		if n := tr.client.Sends() - sends; n > 60 {
			t.Errorf("%d datagrams in 20 seconds", n)
		}
		tr.tell(func(time.Time) error { tr.gateway.Silence(false); return nil })
		<-time.After(10 * time.Second)
		carries(t, tr.office)
		r.stop()
	})
}

// orphaned brings a line to where its gateway, which allows one IKE SA at a time,
// has ended the one in use while the answer that makes the other is on its way.
func orphaned(t *testing.T) (*traveller, *running) {
	t.Helper()
	tr, cfg := newTraveller(t, nil, func(c *iketest.ResponderConfig) {
		limited100(c)
		c.Client, c.Certificate = iketest.ClientByPSK, nil
	})
	cfg.Profile.Client = profile.Client{Auth: profile.ClientPSK, Identity: "alice@example.com"}
	cfg.Profile.Gateway.Auth = profile.GatewayPSK
	began := time.Now()
	r := run(t, cfg)
	r.up()
	<-time.After(signIns*4/5 - time.Since(began) - time.Second)
	tr.slow(3 * time.Second)
	tr.tell(tr.gateway.DeleteIKE) // comes in two seconds after the successor has begun
	<-time.After(3500 * time.Millisecond)
	r.standing()
	return tr, r
}

// TestChangesOfAnOrphan: a line whose session the gateway has ended, and that waits
// for its successor, does not wait for ever, whatever happens meanwhile.
func TestChangesOfAnOrphan(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*traveller){
		"nothing":         func(*traveller) {},
		"another network": func(tr *traveller) { tr.goTo(cafe) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				tr, r := orphaned(t)
				tr.tell(func(time.Time) error { tr.gateway.Silence(true); return nil })
				change(tr)
				select {
				case err := <-r.result:
					if !isCause(err, diagnose.CauseClosedByGateway) {
						t.Errorf("Run returned %v", err)
					}
				case <-time.After(orphanPatience + time.Second):
					t.Error("the line waits on, and there is no session")
					r.stop()
				}
			})
		})
	}
}

// fits says whether an inner packet of a size goes out whole, and is not refused.
func fits(o *office, size int) bool {
	for {
		select {
		case <-o.esp:
			continue
		default:
		}
		break
	}
	o.tun.Inject(udpPair(insideAddr, serverAddr, string(make([]byte, size-28))))
	select {
	case <-o.esp:
		return true
	case <-o.tun.Written(): // ICMP: fragmentation needed
		return false
	case <-time.After(time.Second): // lost on the way
		return true
	}
}

// TestPathMTUAfterTakeOver: a session that takes over from another network searches
// for the path's MTU anew, and one that takes over during a search goes on with it.
func TestPathMTUAfterTakeOver(t *testing.T) {
	t.Parallel()
	for name, take := range map[string]func(tr *traveller, r *running){
		"another network": func(tr *traveller, r *running) {
			<-time.After(10 * time.Second)
			if !fits(tr.office, 1400) {
				t.Error("Ethernet does not carry 1400 octets")
			}
			tr.narrow(1400)
			tr.goTo(cafe)
			r.info("taken over", func(i Info) bool { return len(i.Moves) == 1 })
		},
		"during the search": func(tr *traveller, _ *running) {
			tr.narrow(1400)
			tr.tell(func(now time.Time) error { return tr.gateway.LimitAuthentication(now, 2*time.Second) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				tr, cfg := newTraveller(t, nil, nil)
				if name != "another network" {
					tr.narrow(1400)
				}
				r := run(t, cfg)
				r.up()
				take(tr, r)
				<-time.After(time.Minute)
				if fits(tr.office, 1400) || !fits(tr.office, 1300) {
					t.Error("the path's MTU is not known, and 1400 octets get through or 1300 do not")
				}
				tr.tell(func(time.Time) error {
					if n := tr.gateway.Received[wire.ExchangeIKESAInit]; n != 2 {
						t.Errorf("%d sessions", n)
					}
					return nil
				})
				r.stop()
			})
		})
	}
}

// TestMoveDuringSignIn: a successor that was begun in one network and takes over in
// another is where the machine is.
func TestMoveDuringSignIn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tr, cfg := newTraveller(t, &iketest.MOBIKE{Addresses: []netip.Addr{iketest.GatewayPublic6}}, limited100)
		began := time.Now()
		r := run(t, cfg)
		r.up()
		<-time.After(signIns*4/5 - time.Since(began) - time.Second)
		tr.slow(200 * time.Millisecond)
		<-time.After(1100 * time.Millisecond)
		both := map[bool]netip.AddrPort{true: clientAddr, false: lte[false]}
		tr.mu.Lock()
		tr.clients = both
		tr.mu.Unlock()
		tr.goTo(both)
		<-time.After(100 * time.Millisecond)
		tr.slow(0)
		tr.goTo(cafe)
		<-time.After(30 * time.Second)
		tr.tell(func(time.Time) error {
			if at := tr.gateway.ESP().To; at != cafe[true] {
				t.Errorf("the gateway sends to %v", at)
			}
			return nil
		})
		var last Info
		for _, e := range r.told() {
			switch e := e.(type) {
			case Changed:
				last = e.Info
			case Up:
				last = e.Info
			}
		}
		if n := len(last.Moves); n == 0 || last.Moves[n-1].To != cafe[true] {
			t.Errorf("the status says %+v", last.Moves)
		}
		carries(t, tr.office)
		r.stop()
	})
}

// TestSilenceAfterACheapChange: a gateway that was heard since the network changed
// is not replaced for being silent later, and nobody is asked for a password.
func TestSilenceAfterACheapChange(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tr, cfg := newTraveller(t, &iketest.MOBIKE{}, nil)
		nat := map[bool]netip.AddrPort{true: netip.MustParseAddrPort("192.0.2.200:61001")}
		tr.clients = nat
		cfg.OpenTransport = func() (Transport, error) { return socket{tr.client}, nil }
		r := run(t, cfg)
		r.up()
		tr.changes <- NetworkChange{} // the line's own routes, say
		f := startFlow(tr.office)
		<-time.After(10 * time.Second)
		asked := tr.asked.Load()
		tr.tell(func(time.Time) error { tr.gateway.Silence(true); return nil })
		tr.mu.Lock()
		tr.carry = func(*iketest.Responder, esptest.Datagram) {}
		tr.mu.Unlock()
		<-time.After(8 * time.Second)
		tr.tell(func(time.Time) error { tr.gateway.Silence(false); return nil })
		<-time.After(time.Minute)
		if n := tr.asked.Load() - asked; n != 0 {
			t.Errorf("the user was asked %d times", n)
		}
		f.end()
		r.standing()
		r.stop()
	})
}

// TestRefusedPasswordIsNotSentAgain: a password that was refused is not given to
// the gateway again because the network changes, and a question to the user stays
// open meanwhile.
func TestRefusedPasswordIsNotSentAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tr, cfg := newTraveller(t, nil, nil)
		kept := true
		var open, fresh atomic.Int32
		cfg.Ask = func(ctx context.Context, q Question) (Answer, error) {
			switch {
			case !q.Again:
				return Answer{Username: iketest.UserName, Secret: []byte(iketest.Password)}, nil
			case q.Fresh:
				fresh.Add(1)
				open.Add(1)
				defer open.Add(-1)
				<-ctx.Done()
				return Answer{}, ctx.Err()
			}
			if !kept {
				t.Error("the password that was refused is asked for again")
			}
			kept = false
			return Answer{Username: iketest.UserName, Secret: []byte("yesterday's")}, nil
		}
		r := run(t, cfg)
		r.up()
		tr.goTo(cafe)
		<-time.After(time.Second)
		for _, network := range []map[bool]netip.AddrPort{train, cafe, cafe, cafe} {
			tr.goTo(network)
			<-time.After(time.Second)
		}
		if n := open.Load(); n != 1 {
			t.Errorf("%d open questions", n)
		}
		if n := fresh.Load(); n != 1 {
			t.Errorf("the user was asked %d times", n)
		}
		tr.tell(func(time.Time) error {
			if n := tr.gateway.Received[wire.ExchangeIKESAInit]; n != 2 {
				t.Errorf("%d sign-ins", n)
			}
			return nil
		})
		r.stop()
	})
}

// TestHeardWhileSigningIn: a successor that the gateway may have let replace the
// session in use already is not given up because that one is heard again.
func TestHeardWhileSigningIn(t *testing.T) {
	t.Parallel()
	for delay := 50 * time.Millisecond; delay < time.Second; delay += 50 * time.Millisecond {
		synctest.Test(t, func(t *testing.T) {
			tr, cfg := newTraveller(t, &iketest.MOBIKE{}, func(c *iketest.ResponderConfig) {
				c.Client, c.Certificate = iketest.ClientByPSK, nil
			})
			cfg.Profile.Client = profile.Client{Auth: profile.ClientPSK, Identity: "alice@example.com"}
			cfg.Profile.Gateway.Auth = profile.GatewayPSK
			r := run(t, cfg)
			r.up()
			<-time.After(10 * time.Second)
			tr.slow(delay)
			tr.tell(func(time.Time) error { tr.gateway.Silence(true); return nil })
			tr.goTo(cafe)
			<-time.After(4 * time.Second)
			tr.tell(func(time.Time) error { tr.gateway.Silence(false); return nil })
			<-time.After(30 * time.Second)
			tr.slow(0)
			select {
			case err := <-r.result:
				t.Errorf("with %v of delay the line ended: %v", delay, err)
				return
			default:
			}
			sas := 0
			tr.tell(func(time.Time) error { sas = tr.gateway.IKESAs(); return nil })
			if sas != 1 {
				t.Errorf("with %v of delay there are %d IKE SAs", delay, sas)
			}
			carries(t, tr.office)
			r.stop()
		})
	}
}
