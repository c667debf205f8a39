package tunnel

import (
	"context"
	"net/netip"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/ike/iketest"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// signIns is how long a sign-in counts in these tests; the successor begins a
// fifth before that.
const signIns = 100 * time.Second

func limited100(c *iketest.ResponderConfig) { c.AuthLifetime = signIns }

// told empties the events so far.
func (r *running) told() (events []Event) {
	for {
		select {
		case e := <-r.events:
			events = append(events, e)
		default:
			return events
		}
	}
}

// ups are the networks among events.
func ups(events []Event) (out []Network) {
	for _, e := range events {
		if up, ok := e.(Up); ok {
			out = append(out, up.Network)
		}
	}
	return out
}

// standing wants a line that has not ended.
func (r *running) standing() {
	r.t.Helper()
	select {
	case err := <-r.result:
		r.t.Fatalf("the line ended: %v", err)
	default:
	}
}

// counted tells how many IKE SAs stand at the gateway, and what it complains of.
func counted(o *office) (sas int, complaints []string) {
	o.tell(func(time.Time) error {
		sas, complaints = o.gateway.IKESAs(), slices.Clone(o.gateway.Complaints)
		return nil
	})
	return sas, complaints
}

// TestReauthentication: RFC 4478 2, RFC 7296 2.8.3. The sign-in is repeated before
// it is over, again and again, beside the session in use: no packet is lost, the
// device, the routes and the DNS stay, and the gateway keeps one IKE SA.
func TestReauthentication(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		gateway func(*iketest.ResponderConfig)
		profile func(*profile.Profile)
		shift   time.Duration // of the packets against the sign-ins
	}{
		{name: "EAP-MSCHAPv2"},
		{
			name:    "PSK",
			gateway: func(c *iketest.ResponderConfig) { c.Client, c.Certificate = iketest.ClientByPSK, nil },
			profile: func(p *profile.Profile) {
				p.Client = profile.Client{Auth: profile.ClientPSK, Identity: "alice@example.com"}
				p.Gateway.Auth = profile.GatewayPSK
			},
		},
		{
			name: "certificate",
			gateway: func(c *iketest.ResponderConfig) {
				c.Client, c.ClientAnchors = iketest.ClientByCertificate, [][]byte{employees.DER}
			},
			profile: func(p *profile.Profile) {
				p.Client = profile.Client{Auth: profile.ClientCertificate, Identity: "alice@example.com", Certificates: employee.Chain}
			},
		},
		{
			name:    "a gateway that allows one IKE SA at a time",
			gateway: func(c *iketest.ResponderConfig) { c.Uniqueness = iketest.ReplaceOld },
			// It deletes the SA in use before its client can know of the new one, and
			// loses what is sent in that moment, which has no length here.
			shift: flowPace / 2,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				o := newOffice(t, func(c *iketest.ResponderConfig) {
					limited100(c)
					if tt.gateway != nil {
						tt.gateway(c)
					}
				})
				cfg := o.config()
				if tt.profile != nil {
					tt.profile(cfg.Profile)
				}
				r := run(t, cfg)
				r.up()
				<-time.After(tt.shift)
				f := startFlow(o)
				<-time.After(5 * signIns / 2)
				r.standing()
				f.mustLoseNothing(t)
				if n := ups(r.told()); n != nil {
					t.Errorf("the network was set again: %+v", n)
				}
				sas, complaints := counted(o)
				if sas != 1 || complaints != nil {
					t.Errorf("%d IKE SAs, complaints %v", sas, complaints)
				}
				want := 0 // a password or a shared key may be in use elsewhere
				if cfg.Profile.Client.Auth == profile.ClientCertificate {
					want = 1
				}
				if n := o.gateway.InitialContacts; n != want {
					t.Errorf("INITIAL_CONTACT %d times, want %d, and with the first session only (RFC 7296 2.4)", n, want)
				}
				if !slices.Contains(o.gateway.Asked, insideAddr) {
					t.Errorf("asked for %v, want the address in use (RFC 7296 2.19)", o.gateway.Asked)
				}
				if n := o.gateway.Received[wire.ExchangeIKESAInit]; n != 4 {
					t.Errorf("%d sign-ins in two and a half lives, want 4", n)
				}
				r.stop()
			})
		})
	}
}

// TestReauthenticationAfterRekey: a rekey of the IKE SA does not prolong the
// sign-in (RFC 4478 2), nor does the gateway's later word get lost.
func TestReauthenticationAfterRekey(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, nil)
		r := run(t, o.config())
		r.up()
		f := startFlow(o)
		o.tell(func(now time.Time) error { return o.gateway.LimitAuthentication(now, signIns) })
		<-time.After(signIns / 2)
		o.tell(o.gateway.RekeyIKE)
		<-time.After(signIns/2 - time.Second)
		f.mustLoseNothing(t)
		if n := o.gateway.Received[wire.ExchangeIKESAInit]; n != 2 {
			t.Errorf("%d sign-ins, want the second before the first is over", n)
		}
		var by time.Time
		for _, e := range r.told() {
			if c, ok := e.(Changed); ok {
				by = c.Info.SignInAgainBy
			}
		}
		if !by.IsZero() {
			t.Errorf("the new session says until %v, and the gateway did not", by)
		}
		r.stop()
	})
}

// TestGatewayRefusesSecondSession: the line goes on until the gateway ends it, and
// the cause is one that another attempt may heal: nobody was asked in vain.
func TestGatewayRefusesSecondSession(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, func(c *iketest.ResponderConfig) {
			limited100(c)
			c.Uniqueness = iketest.RefuseSecond
		})
		r := run(t, o.config())
		r.up()
		f := startFlow(o)
		<-time.After(signIns - time.Second)
		r.standing()
		f.mustLoseNothing(t)
		tries := o.gateway.Received[wire.ExchangeIKESAInit]
		if tries < 3 || tries > 1+lastingTries {
			t.Errorf("%d sign-ins, want some tries but no more than %d", tries, 1+lastingTries)
		}
		o.tell(o.gateway.DeleteIKE)
		if err := <-r.result; !isCause(err, diagnose.CauseClosedByGateway) {
			t.Errorf("Run returned %v, want %s", err, diagnose.CauseClosedByGateway)
		}
	})
}

// TestSuccessorIsTriedAgain: what passes by itself is waited for, and the line
// carries meanwhile.
func TestSuccessorIsTriedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, limited100)
		r := run(t, o.config())
		r.up()
		f := startFlow(o)
		<-time.After(signIns * 7 / 10)
		o.tell(func(time.Time) error {
			o.gateway.Change(func(c *iketest.ResponderConfig) {
				c.Refuse = map[wire.ExchangeType]wire.NotifyType{wire.ExchangeIKEAuth: wire.NotifyInternalAddressFailure}
				c.RefuseTimes = 2
			})
			return nil
		})
		<-time.After(signIns)
		r.standing()
		f.mustLoseNothing(t)
		if n := o.gateway.Received[wire.ExchangeIKESAInit]; n != 4 {
			t.Errorf("%d sign-ins, want the first, two that fail and one that does not", n)
		}
		r.stop()
	})
}

// readdress is a device that takes other addresses.
type readdress struct {
	device
	given chan []netip.Prefix
	flow  chan *flow // one packet of it goes out just before
}

func (d readdress) SetAddresses(a []netip.Prefix) error {
	select {
	case f := <-d.flow:
		f.one()
	default:
	}
	d.given <- a
	return nil
}

// TestAnotherAddressAtHandover: the device gets what the new session was given,
// and routes and DNS are set again, in this order (RFC 7296 2.19). A packet that left
// with the old address in between is carried by the old session, and so is its answer.
func TestAnotherAddressAtHandover(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		other := netip.MustParseAddr("10.98.0.99")
		o := newOffice(t, limited100)
		cfg := o.config()
		given, flows := make(chan []netip.Prefix, 4), make(chan *flow, 1)
		cfg.OpenTUN = func(TUNConfig) (TUN, error) { return readdress{device{o.tun}, given, flows}, nil }
		r := run(t, cfg)
		first := r.up()
		f := startFlow(o)
		flows <- f
		o.tell(func(time.Time) error { o.gateway.Give(netip.PrefixFrom(other, 32)); return nil })
		want := []netip.Prefix{netip.PrefixFrom(other, 32)}
		if got := <-given; !slices.Equal(got, want) {
			t.Errorf("the device got %v, want %v", got, want)
		}
		f.mu.Lock()
		f.source = other
		f.mu.Unlock()
		<-time.After(5 * time.Second)
		f.mustLoseNothing(t)
		n := ups(r.told())
		if len(n) != 1 || !slices.Equal(n[0].Addresses, want) || n[0].Interface != first.Network.Interface || !slices.Equal(n[0].Routes, first.Network.Routes) {
			t.Errorf("set again: %+v", n)
		}
		r.stop()
	})
}

// asks is the user of a line: it answers by what it is told to.
type asks struct {
	questions chan Question
	answers   chan string // "": none
}

func (a *asks) ask(ctx context.Context, q Question) (Answer, error) {
	if !q.Again {
		return Answer{Username: iketest.UserName, Secret: []byte(iketest.Password)}, nil
	}
	a.questions <- q
	select {
	case pw := <-a.answers:
		if pw == "" {
			return Answer{}, &diagnose.Failure{Cause: diagnose.CauseCredentialsMissing}
		}
		return Answer{Username: iketest.UserName, Secret: []byte(pw)}, nil
	case <-ctx.Done():
		return Answer{}, ctx.Err()
	}
}

// TestUserIsAskedInTime: with a fifth of the sign-in's life left, before the
// gateway is asked anything, and with the time that is left. A wrong answer is
// asked for again, from the user.
func TestUserIsAskedInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, limited100)
		cfg := o.config()
		user := asks{make(chan Question, 4), make(chan string)}
		cfg.Ask = user.ask
		r := run(t, cfg)
		began := time.Now()
		r.up()
		f := startFlow(o)
		q := <-user.questions
		if at := time.Since(began); at != signIns*4/5 {
			t.Errorf("asked after %v", at)
		}
		if q.Kind != AskPassword || q.Username != iketest.UserName || q.Fresh || !q.Until.Equal(began.Add(signIns)) {
			t.Errorf("asked %+v", q)
		}
		<-time.After(5 * time.Second) // a person looks for the token
		if n := o.gateway.Received[wire.ExchangeIKESAInit]; n != 1 {
			t.Errorf("the gateway waits meanwhile: %d sign-ins", n)
		}
		user.answers <- "the last one-time code"
		if q = <-user.questions; !q.Fresh {
			t.Errorf("asked %+v, want for another answer", q)
		}
		user.answers <- iketest.Password
		<-time.After(5 * time.Second)
		f.mustLoseNothing(t)
		if sas, _ := counted(o); sas != 1 || o.gateway.Received[wire.ExchangeIKESAInit] != 3 {
			t.Errorf("%d IKE SAs after %d sign-ins", sas, o.gateway.Received[wire.ExchangeIKESAInit])
		}
		r.stop()
	})
}

// TestUserDoesNotSignIn: the line stays until the gateway ends it, and then the
// cause is that nobody signed in. Before that time it is the gateway's own.
func TestUserDoesNotSignIn(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		decline bool
		at      time.Duration
		want    diagnose.Cause
	}{
		"no answer":           {false, signIns, diagnose.CauseSignInExpired},
		"a no":                {true, signIns, diagnose.CauseSignInExpired},
		"the gateway's wish":  {true, signIns - 12*time.Second, diagnose.CauseClosedByGateway},
		"an answer under way": {false, signIns - 12*time.Second, diagnose.CauseClosedByGateway},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				o := newOffice(t, limited100)
				cfg := o.config()
				user := asks{make(chan Question, 4), make(chan string)}
				cfg.Ask = user.ask
				r := run(t, cfg)
				r.up()
				f := startFlow(o)
				began := time.Now()
				<-user.questions
				if c.decline {
					user.answers <- ""
				}
				<-time.After(c.at - time.Since(began))
				r.standing()
				f.mustLoseNothing(t)
				o.tell(o.gateway.DeleteIKE)
				if err := <-r.result; !isCause(err, c.want) {
					t.Errorf("Run returned %v, want %s", err, c.want)
				}
				if len(user.questions) != 0 {
					t.Error("the user was asked again after a no")
				}
			})
		})
	}
}

// TestSilentGatewayDuringHandover: no successor comes about and the session in use
// is dead too: the line is lost, and ends as such.
func TestSilentGatewayDuringHandover(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, limited100)
		r := run(t, o.config())
		r.up()
		<-time.After(signIns / 2)
		o.tell(func(time.Time) error { o.gateway.Silence(true); return nil })
		if err := <-r.result; !isCause(err, diagnose.CauseLineLost) {
			t.Errorf("Run returned %v, want %s", err, diagnose.CauseLineLost)
		}
	})
}

// TestStopDuringHandover: the user's wish ends both sessions, and the gateway
// keeps neither.
func TestStopDuringHandover(t *testing.T) {
	t.Parallel()
	for _, after := range []time.Duration{0, time.Millisecond, overlap / 2, overlap + time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			var asked atomic.Bool
			o := newOffice(t, limited100)
			cfg := o.config()
			answer := cfg.Ask
			begun := make(chan struct{}, 1)
			cfg.Ask = func(ctx context.Context, q Question) (Answer, error) {
				if q.Again && asked.CompareAndSwap(false, true) {
					begun <- struct{}{}
				}
				return answer(ctx, q)
			}
			r := run(t, cfg)
			r.up()
			<-begun
			<-time.After(after)
			r.stop()
			<-time.After(time.Second)
			if sas, _ := counted(o); sas != 0 {
				t.Errorf("%v after the beginning: the gateway keeps %d IKE SAs", after, sas)
			}
		})
	}
}

// TestEndlessSignIns: a gateway that wants a new sign-in at once, always, gets one a
// second at most.
func TestEndlessSignIns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, func(c *iketest.ResponderConfig) { c.AuthLifetime = time.Second })
		r := run(t, o.config())
		r.up()
		f := startFlow(o)
		<-time.After(20 * time.Second)
		f.mustLoseNothing(t)
		if n := o.gateway.Received[wire.ExchangeIKESAInit]; n < 15 || n > 22 {
			t.Errorf("%d sign-ins in 20 seconds", n)
		}
		r.stop()
	})
}

// TestRenewByHand: who wants to sign in again has that at once, without a packet lost:
// where the gateway does not ask for it, before its time where it does, and
// however often that is asked for, not more often than once a second.
func TestRenewByHand(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*iketest.ResponderConfig){
		"a gateway that asks for none": nil,
		"one that does":                limited100,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				o := newOffice(t, change)
				r := run(t, o.config())
				r.Renew() // there is no line yet, and it is signed in to anyway
				r.up()
				f := startFlow(o)
				<-time.After(10 * time.Second)
				for range 5 { // the first is through at once, and the others wait together
					r.Renew()
					synctest.Wait()
				}
				<-time.After(10 * time.Second)
				r.standing()
				f.mustLoseNothing(t)
				if n := o.gateway.Received[wire.ExchangeIKESAInit]; n != 3 {
					t.Errorf("%d sign-ins, want the first one and two more", n)
				}
				if sas, complaints := counted(o); sas != 1 || complaints != nil {
					t.Errorf("%d IKE SAs, complaints %v", sas, complaints)
				}
				r.Renew()
				<-time.After(10 * time.Second)
				if n := o.gateway.Received[wire.ExchangeIKESAInit]; n != 4 {
					t.Errorf("%d sign-ins after another wish, want 4", n)
				}
				r.stop()
			})
		})
	}
}
