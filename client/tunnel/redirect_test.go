package tunnel

import (
	"context"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/ike/auth"
	"github.com/homeward-vpn/homeward/ike/iketest"
	"github.com/homeward-vpn/homeward/ike/wire"
)

var otherAddr = netip.MustParseAddr("203.0.113.77")

const otherName = "vpn2.example.com"

// names resolves the two gateways.
func names(_ context.Context, host string) ([]netip.Addr, error) {
	if host == otherName {
		return []netip.Addr{otherAddr}, nil
	}
	return []netip.Addr{gatewayAddr}, nil
}

// twoGateways is an office with another gateway that has the same certificate,
// as one that redirects are for.
func twoGateways(t *testing.T, first, second func(*iketest.ResponderConfig)) (*office, *iketest.Responder, Config) {
	t.Helper()
	o := newOffice(t, first)
	other := o.open(otherAddr, func(c *iketest.ResponderConfig) {
		c.Again = iketest.Again{}
		if second != nil {
			second(c)
		}
	})
	cfg := o.config()
	cfg.Resolve = names
	cfg.OpenTransport = func() (Transport, error) { return socket{o.reopen()}, nil }
	return o, other, cfg
}

// TestRedirectWhileConnecting: RFC 5685 3, 6. In whichever message the gateway
// names another, the line comes up there, the other hears who sent us, and the
// user is asked for the password once.
func TestRedirectWhileConnecting(t *testing.T) {
	t.Parallel()
	for name, first := range map[string]func(*iketest.ResponderConfig){
		"by address":             func(c *iketest.ResponderConfig) { c.RedirectInit = otherAddr.String() },
		"by name":                func(c *iketest.ResponderConfig) { c.RedirectInit = otherName },
		"in IKE_AUTH before EAP": func(c *iketest.ResponderConfig) { c.RedirectAuth = otherName },
		"in IKE_AUTH behind EAP": func(c *iketest.ResponderConfig) { c.RedirectLast = otherAddr.String() },
		"the user name is asked": func(c *iketest.ResponderConfig) { c.RedirectLast = otherName },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				o, other, cfg := twoGateways(t, first, nil)
				if name == "the user name is asked" {
					cfg.Profile.Client.Username = ""
				}
				answer, asked := cfg.Ask, make(chan Question, 8)
				cfg.Ask = func(ctx context.Context, q Question) (Answer, error) {
					asked <- q
					return answer(ctx, q)
				}
				r := run(t, cfg)
				up := r.up()
				if up.Network.Gateway != otherAddr {
					t.Errorf("the line is at %v, want at %v", up.Network.Gateway, otherAddr)
				}
				if len(asked) != 1 {
					t.Errorf("the user was asked %d times", len(asked))
				}
				f := startFlow(o)
				<-time.After(time.Second)
				f.mustLoseNothing(t)
				if f.last != otherAddr || other.RedirectedFrom != iketest.GatewayName {
					t.Errorf("packets arrive at %v, which heard of %q", f.last, other.RedirectedFrom)
				}
				if sas, complaints := counted(o); sas != 0 || complaints != nil || other.Complaints != nil {
					t.Errorf("%d IKE SAs at the first, complaints %v, %v", sas, complaints, other.Complaints)
				}
				r.stop()
			})
		})
	}
}

// TestRedirectLoop: RFC 5685 7. Two gateways that name each other are left after a
// few rounds, and the cause says so.
func TestRedirectLoop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o, other, cfg := twoGateways(t,
			func(c *iketest.ResponderConfig) { c.RedirectInit = otherName },
			func(c *iketest.ResponderConfig) { c.RedirectInit = iketest.GatewayName })
		r := run(t, cfg)
		if err := <-r.result; !isCause(err, diagnose.CauseRedirectLoop) {
			t.Errorf("Run returned %v, want %s", err, diagnose.CauseRedirectLoop)
		}
		n := o.gateway.Received[wire.ExchangeIKESAInit] + other.Received[wire.ExchangeIKESAInit]
		if n != mostRedirects+1 {
			t.Errorf("%d gateways were asked, want %d", n, mostRedirects+1)
		}
	})
}

// TestRedirectRefusedByProfile: RFC 5685 3. Such a line says nothing of redirects,
// and a gateway that sends one all the same is not followed.
func TestRedirectRefusedByProfile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o, other, cfg := twoGateways(t, func(c *iketest.ResponderConfig) { c.RedirectInit = otherName }, nil)
		cfg.Profile.Session.NoRedirect = true
		r := run(t, cfg)
		if up := r.up(); up.Network.Gateway != gatewayAddr {
			t.Errorf("the line is at %v", up.Network.Gateway)
		}
		o.tell(func(now time.Time) error { return o.gateway.Redirect(now, otherName) })
		<-time.After(30 * time.Second)
		r.standing()
		if o.gateway.FollowsRedirects || len(other.Received) != 0 {
			t.Error("the other gateway was asked, or redirects were announced")
		}
		r.stop()
	})
}

// otherIdentity makes a gateway another one.
func otherIdentity(c *iketest.ResponderConfig) {
	ca := iketest.NewAuthority("Office CA", iketest.P256)
	c.Certificate = ca.Issue(iketest.Leaf{DNSNames: []string{iketest.GatewayName}})
}

// TestRedirectToAStranger: RFC 5685 3. The new gateway is held to the profile's
// names and anchors, like any; the name that it was called by counts for nothing.
func TestRedirectToAStranger(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		second func(*office, *iketest.ResponderConfig)
		want   diagnose.Cause
	}{
		"another authority": {func(_ *office, c *iketest.ResponderConfig) { otherIdentity(c) }, diagnose.CauseGatewayUntrusted},
		"another name, certified": {func(o *office, c *iketest.ResponderConfig) {
			c.Certificate = o.ca.Issue(iketest.Leaf{DNSNames: []string{otherName}})
			c.Identity = auth.Identity{Type: auth.IDFQDN, Data: []byte(otherName)}
		}, diagnose.CauseGatewayIdentity},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				o := newOffice(t, func(c *iketest.ResponderConfig) { c.RedirectInit = otherName })
				o.open(otherAddr, func(rc *iketest.ResponderConfig) { rc.Again = iketest.Again{}; c.second(o, rc) })
				cfg := o.config()
				cfg.Resolve = names
				cfg.OpenTransport = func() (Transport, error) { return socket{o.reopen()}, nil }
				r := run(t, cfg)
				if err := <-r.result; !isCause(err, c.want) {
					t.Errorf("Run returned %v, want %s", err, c.want)
				}
			})
		})
	}
}

// TestRedirectOfALineThatStands: RFC 5685 5. The line moves to the other gateway
// without a packet lost, the route to it follows, and the old session is deleted.
func TestRedirectOfALineThatStands(t *testing.T) {
	t.Parallel()
	for _, to := range []string{otherAddr.String(), otherName} {
		synctest.Test(t, func(t *testing.T) {
			o, other, cfg := twoGateways(t, nil, limited100)
			r := run(t, cfg)
			first := r.up().Network
			f := startFlow(o)
			<-time.After(time.Second)
			o.tell(func(now time.Time) error { return o.gateway.Redirect(now, to) })
			<-time.After(10 * time.Second)
			r.standing()
			f.mustLoseNothing(t)
			if f.last != otherAddr || other.RedirectedFrom != iketest.GatewayName || other.InitialContacts != 0 {
				t.Errorf("packets arrive at %v, which heard of %q and %d times INITIAL_CONTACT", f.last, other.RedirectedFrom, other.InitialContacts)
			}
			if n := ups(r.told()); len(n) != 1 || n[0].Gateway != otherAddr || n[0].Interface != first.Interface || !slices.Equal(n[0].Routes, first.Routes) {
				t.Errorf("set again: %+v", n)
			}
			if sas, complaints := counted(o); sas != 0 || complaints != nil || other.Complaints != nil {
				t.Errorf("%d IKE SAs at the first, complaints %v, %v", sas, complaints, other.Complaints)
			}
			// And its sign-in is repeated where the line is now.
			<-time.After(signIns)
			if n := other.Received[wire.ExchangeIKESAInit]; n != 2 {
				t.Errorf("%d sign-ins there, want 2", n)
			}
			if o.gateway.Received[wire.ExchangeIKESAInit] != 1 || other.RedirectedFrom != "" {
				t.Error("the first gateway was asked again, or is still named")
			}
			r.stop()
		})
	}
}

// TestRedirectOfALineToNowhere: another gateway that is silent, a stranger, not to
// be found, or one that sends back, leaves the line where it is.
func TestRedirectOfALineToNowhere(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		to     string
		second func(*iketest.ResponderConfig)
	}{
		"silent":    {"203.0.113.99", nil},
		"no way":    {"2001:db8::1", nil},
		"stranger":  {otherName, otherIdentity},
		"the first": {otherName, func(c *iketest.ResponderConfig) { c.RedirectInit = otherName }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				o, other, cfg := twoGateways(t, limited100, c.second)
				r := run(t, cfg)
				r.up()
				f := startFlow(o)
				for range 10 {
					o.tell(func(now time.Time) error { return o.gateway.Redirect(now, c.to) })
					<-time.After(5 * time.Second)
				}
				<-time.After(signIns)
				r.standing()
				f.mustLoseNothing(t)
				if f.last != gatewayAddr {
					t.Errorf("packets arrive at %v", f.last)
				}
				if n := other.Received[wire.ExchangeIKESAInit]; n > 4*mostRedirects {
					t.Errorf("the other gateway was asked %d times", n)
				}
				if n := o.gateway.Received[wire.ExchangeIKESAInit]; n < 2 {
					t.Error("the sign-in that was planned before is forgotten")
				}
				r.stop()
			})
		})
	}
}
