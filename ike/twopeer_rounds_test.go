package ike_test

import (
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/ike"
	"github.com/homeward-vpn/homeward/ike/auth"
	"github.com/homeward-vpn/homeward/ike/eap"
	"github.com/homeward-vpn/homeward/ike/iketest"
	"github.com/homeward-vpn/homeward/ike/wire"
)

const (
	secondUser     = "alice-token"
	secondPassword = "another password"
)

// twice makes both ends want a second authentication by EAP.
func twice(bare bool) iketest.PairConfig {
	return iketest.PairConfig{
		Conditions: iketest.Conditions{Delay: 10 * time.Millisecond},
		Client: func(c *ike.Config) {
			c.Further = []ike.Authentication{{
				Identity: auth.Identity{Type: auth.IDFQDN, Data: []byte(secondUser)}, EAP: eap.Config{Methods: c.EAP.Methods, Identity: secondUser}, Bare: bare,
			}}
		},
		Gateway: func(r *iketest.ResponderConfig) {
			r.Further = []iketest.Round{{Users: map[string]string{secondUser: secondPassword}, Identity: secondUser, Bare: bare}}
		},
	}
}

// answers gives the right password to each round's question.
func answers(p *iketest.Pair, second string) {
	p.Answer = func(e ike.Event) (ike.Command, bool) {
		q, ok := e.(ike.NeedCredentials)
		if !ok || q.Round == 0 {
			return nil, false
		}
		return ike.Credentials{ID: q.ID, Password: []byte(second)}, true
	}
}

// asked lists the questions for passwords.
func asked(p *iketest.Pair) (out []ike.NeedCredentials) {
	for _, e := range p.Events {
		if q, ok := e.(ike.NeedCredentials); ok {
			out = append(out, q)
		}
	}
	return out
}

// pairFor makes a pair whose client begins with a certificate, a shared key or EAP.
func pairFor(t *testing.T, first string, c iketest.PairConfig) *iketest.Pair {
	switch first {
	case "certificate":
		return byCertificate(t, c, iketest.P256)
	case "shared key":
		return newPair(t, both(iketest.PairConfig{ // the gateway's own proof stays its certificate
			Client:  func(c *ike.Config) { c.Client = ike.ClientPSK },
			Gateway: func(r *iketest.ResponderConfig) { r.Client = iketest.ClientByPSK },
		}, c))
	default:
		return newPair(t, c)
	}
}

// RFC 4739 2.1, 2.2: one authentication, then another by EAP, each with an IDi
// and an AUTH of its own. The Child SA comes with the last.
//
//	--> IDi, CERT, AUTH, SA, TSi, TSr, N(MULTIPLE_AUTH_SUPPORTED), N(ANOTHER_AUTH_FOLLOWS)  <-- IDr, CERT, AUTH
//	--> IDi  <-- EAP  --> EAP ... <-- EAP (Success)  --> AUTH  <-- AUTH, CP, SA, TSi, TSr
func TestTwoPeerSeveralAuthentications(t *testing.T) {
	t.Parallel()
	for _, first := range []string{"certificate", "shared key", "EAP"} {
		for _, more := range []struct {
			name string
			pair iketest.PairConfig
		}{{"", iketest.PairConfig{}}, {", childless", childless(ike.ChildlessRequired, iketest.ChildlessRequired)}} {
			t.Run(first+" then EAP"+more.name, func(t *testing.T) {
				t.Parallel()
				second := twice(false)
				if first == "shared key" {
					methods := second.Client
					second.Client = func(c *ike.Config) {
						methods(c)
						c.Further[0].EAP.Methods = []uint8{26}
					}
				}
				p := pairFor(t, first, both(second, more.pair))
				answers(p, secondPassword)
				connect(t, p)
				mustUp(t, p)
				questions := asked(p)
				last := questions[len(questions)-1]
				if last.Round != 1 || last.Username != secondUser || last.Unproven || (len(questions) == 2) != (first == "EAP") {
					t.Errorf("asked %+v", questions)
				}
				clientRekeysChild(t, p)
				mustSettle(t, p, 10*time.Second, 1)
				clientRekeysIKE(t, p)
				mustSettle(t, p, 10*time.Second, 1)
			})
		}
	}
}

// RFC 4739 2.2: three in a row.
func TestTwoPeerThreeAuthentications(t *testing.T) {
	t.Parallel()
	c := twice(false)
	client, gateway := c.Client, c.Gateway
	c.Client = func(cfg *ike.Config) {
		client(cfg)
		third := cfg.Further[0]
		third.Identity = fqdn("third")
		cfg.Further = append(cfg.Further, third)
	}
	c.Gateway = func(r *iketest.ResponderConfig) {
		gateway(r)
		r.Further = append(r.Further, iketest.Round{Users: r.Further[0].Users, Identity: "third"})
	}
	p := byCertificate(t, c, iketest.P256)
	answers(p, secondPassword)
	connect(t, p)
	mustUp(t, p)
	if q := asked(p); len(q) != 2 || q[0].Round != 1 || q[1].Round != 2 {
		t.Errorf("asked %+v", q)
	}
}

// RFC 7296 2.16: a second round whose AUTH does not use the method's key, or that
// has no method at all, for gateways that are content with less.
//
//	--> IDi  <-- EAP (Success, 5 octets)  --> AUTH (SK_pi)  <-- AUTH (SK_pr), CP, SA, TSi, TSr
func TestTwoPeerSecondAuthenticationWithoutKey(t *testing.T) {
	t.Parallel()
	for name, users := range map[string]map[string]string{"a method": {secondUser: secondPassword}, "no method": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := twice(true)
			gateway := c.Gateway
			c.Gateway = func(r *iketest.ResponderConfig) {
				gateway(r)
				r.Further[0].Users = users
			}
			p := newPair(t, c)
			answers(p, secondPassword)
			connect(t, p)
			mustUp(t, p)
		})
	}
	t.Run("only where it is configured", func(t *testing.T) {
		t.Parallel()
		c := twice(false)
		c.Gateway = func(r *iketest.ResponderConfig) { r.Further = []iketest.Round{{Bare: true}} }
		p := newPair(t, c)
		connect(t, p)
		mustFail(t, p, ike.CauseProtocol)
	})
}

// RFC 4739 2.1: a client says nothing of it that a gateway has not announced, and
// the two must want the same.
func TestTwoPeerSeveralAuthenticationsAtOdds(t *testing.T) {
	t.Parallel()
	t.Run("the gateway takes one only", func(t *testing.T) {
		t.Parallel()
		c := twice(false)
		c.Gateway = nil
		p, _ := failure(t, c, ike.CauseAnotherAuth)
		if n := p.Gateway.Received[wire.ExchangeIKEAuth]; n != 0 {
			t.Errorf("%d IKE_AUTH requests went out all the same", n)
		}
	})
	t.Run("the gateway can, and wants one", func(t *testing.T) {
		t.Parallel()
		c := twice(false)
		c.Gateway = func(r *iketest.ResponderConfig) { r.MultipleAuth = true }
		failure(t, c, ike.CauseRejected)
	})
	t.Run("the gateway wants two, and the client one", func(t *testing.T) {
		t.Parallel()
		c := twice(false)
		c.Client = nil
		failure(t, c, ike.CauseRejected)
	})
	t.Run("the gateway can and neither wants it", func(t *testing.T) {
		t.Parallel()
		connected(t, iketest.PairConfig{Gateway: func(r *iketest.ResponderConfig) { r.MultipleAuth = true }})
	})
	t.Run("another IDi is wanted", func(t *testing.T) {
		t.Parallel()
		c := twice(false)
		client := c.Client
		c.Client = func(cfg *ike.Config) {
			client(cfg)
			cfg.Further[0].Identity = fqdn("bob")
		}
		p := newPair(t, c)
		answers(p, secondPassword)
		connect(t, p)
		mustFail(t, p, ike.CauseRejected)
	})
	t.Run("a wrong second password", func(t *testing.T) {
		t.Parallel()
		p := newPair(t, twice(false))
		answers(p, "no idea")
		connect(t, p)
		mustFail(t, p, ike.CauseWrongPassword)
		mustBehave(t, p)
	})
	t.Run("a Child SA before the last", func(t *testing.T) {
		t.Parallel()
		c := twice(false)
		gateway := c.Gateway
		c.Gateway = func(r *iketest.ResponderConfig) {
			gateway(r)
			r.OnReply = func(x *iketest.Exchange) {
				if x.Header.Exchange == wire.ExchangeIKEAuth && x.Header.MessageID == 1 {
					x.Response = append(x.Response, &wire.SAPayload{})
				}
			}
		}
		p := byCertificate(t, c, iketest.P256)
		connect(t, p)
		mustFail(t, p, ike.CauseProtocol)
	})
	t.Run("the last AUTH does not verify", func(t *testing.T) {
		t.Parallel()
		c := twice(false)
		gateway := c.Gateway
		c.Gateway = func(r *iketest.ResponderConfig) {
			gateway(r)
			r.OnReply = func(x *iketest.Exchange) {
				a, ok := wire.Find[*wire.AuthPayload](x.Response)
				if _, last := wire.Find[*wire.SAPayload](x.Response); ok && last {
					a.Data[0] ^= 1
				}
			}
		}
		p := newPair(t, c)
		answers(p, secondPassword)
		connect(t, p)
		mustFail(t, p, ike.CauseGatewayAuth)
		if p.Established != nil {
			t.Error("a line stands on a proof that is none")
		}
	})
	t.Run("a key of the gateway's own choice", func(t *testing.T) {
		t.Parallel()
		c := twice(false)
		gateway := c.Gateway
		c.Gateway = func(r *iketest.ResponderConfig) {
			gateway(r)
			r.Further[0].Bare = true // SK_pi where the key of the method is due
		}
		p := newPair(t, c)
		answers(p, secondPassword)
		connect(t, p)
		mustFail(t, p, ike.CauseRejected)
	})
}

// alone makes both ends content with EAP alone.
func alone(gateway iketest.EAPOnly, methods ...uint8) iketest.PairConfig {
	return iketest.PairConfig{
		Client:  func(c *ike.Config) { c.EAPOnly = methods },
		Gateway: func(r *iketest.ResponderConfig) { r.EAPOnly = gateway },
	}
}

const mschapv2 = 26

// RFC 5998 3: the gateway proves itself by a method that makes a key, and by no
// certificate.
//
//	--> IDi, SA, TSi, TSr, N(EAP_ONLY_AUTHENTICATION)  <-- IDr, EAP
//	--> EAP ... <-- EAP (Success)  --> AUTH  <-- AUTH, CP, SA, TSi, TSr
func TestTwoPeerEAPOnly(t *testing.T) {
	t.Parallel()
	p := connected(t, alone(iketest.EAPOnlyTaken, mschapv2))
	if n := iketest.Count[ike.NeedVerdict](p); n != 0 {
		t.Errorf("%d certificates were shown", n)
	}
	if q := asked(p); len(q) != 1 || !q[0].Unproven {
		t.Errorf("asked %+v", q)
	}
	if got := p.Established.GatewayIdentity.String(); got != iketest.GatewayName {
		t.Errorf("the gateway is %q", got)
	}
	clientRekeysIKE(t, p)
	mustSettle(t, p, 10*time.Second, 1)
}

// RFC 5998 3: a gateway need not take the offer, and proves itself as ever.
func TestTwoPeerEAPOnlyNotTaken(t *testing.T) {
	t.Parallel()
	p := connected(t, alone(iketest.EAPOnlyIgnored, mschapv2))
	if n := iketest.Count[ike.NeedVerdict](p); n != 1 {
		t.Errorf("%d verdicts", n)
	}
	if q := asked(p); len(q) != 1 || q[0].Unproven {
		t.Errorf("asked %+v", q)
	}
}

// RFC 5998 3, 4, RFC 7296 2.16: what a client does not put up with.
func TestTwoPeerEAPOnlyRefused(t *testing.T) {
	t.Parallel()
	t.Run("not offered", func(t *testing.T) {
		t.Parallel()
		p, _ := failure(t, alone(iketest.EAPOnlyForced), ike.CauseGatewayAuth)
		p.Drive(time.Second)
		if len(asked(p)) != 0 || p.Gateway.Distrusted != 1 {
			t.Errorf("asked %+v, told %d times", asked(p), p.Gateway.Distrusted)
		}
	})
	t.Run("offered for another method", func(t *testing.T) {
		t.Parallel()
		c := alone(iketest.EAPOnlyTaken, 13)
		client := c.Client
		c.Client = func(cfg *ike.Config) {
			client(cfg)
			cfg.EAP.Methods = []uint8{13, mschapv2}
		}
		p := newPair(t, c)
		connect(t, p)
		if !p.Down(time.Minute) || p.Cause() != ike.CauseEAPMethod || len(asked(p)) != 0 {
			t.Errorf("cause %q, asked %+v", p.Cause(), asked(p))
		}
	})
	// What the user would type goes to nobody who has proven nothing.
	t.Run("a code for who has proven nothing", func(t *testing.T) {
		t.Parallel()
		c := alone(iketest.EAPOnlyTaken, mschapv2)
		client, gateway := c.Client, c.Gateway
		c.Client = func(cfg *ike.Config) {
			client(cfg)
			cfg.EAP.Methods = []uint8{mschapv2, eap.TypeGTC, eap.TypeMD5, eap.TypeOTP}
		}
		c.Gateway = func(r *iketest.ResponderConfig) {
			gateway(r)
			r.EAPMethods = []uint8{eap.TypeGTC, eap.TypeMD5, eap.TypeOTP}
		}
		p := newPair(t, c)
		connect(t, p)
		if !p.Down(time.Minute) || p.Cause() != ike.CauseEAPMethod || len(asked(p)) != 0 {
			t.Errorf("cause %q, asked %+v", p.Cause(), asked(p))
		}
	})
	t.Run("another name than was asked for", func(t *testing.T) {
		t.Parallel()
		c := alone(iketest.EAPOnlyTaken, mschapv2)
		client := c.Client
		c.Client = func(cfg *ike.Config) {
			client(cfg)
			id := fqdn("other.example.com")
			cfg.GatewayIdentity = &id
		}
		p, _ := failure(t, c, ike.CauseGatewayIdentity)
		if len(asked(p)) != 0 {
			t.Error("the password was asked for")
		}
	})
	t.Run("the last AUTH does not verify", func(t *testing.T) {
		t.Parallel()
		c := alone(iketest.EAPOnlyTaken, mschapv2)
		gateway := c.Gateway
		c.Gateway = func(r *iketest.ResponderConfig) {
			gateway(r)
			r.OnReply = func(x *iketest.Exchange) {
				if a, ok := wire.Find[*wire.AuthPayload](x.Response); ok {
					a.Data[0] ^= 1
				}
			}
		}
		failure(t, c, ike.CauseGatewayAuth)
	})
	t.Run("a gateway that does not know the password", func(t *testing.T) {
		t.Parallel()
		c := alone(iketest.EAPOnlyTaken, mschapv2)
		gateway := c.Gateway
		c.Gateway = func(r *iketest.ResponderConfig) {
			gateway(r)
			r.Users = map[string]string{iketest.UserName: "a guess"}
		}
		failure(t, c, ike.CauseWrongPassword)
	})
}

// RFC 5998 3, RFC 4739 2.2: EAP alone, then EAP again.
func TestTwoPeerEAPOnlyThenEAP(t *testing.T) {
	t.Parallel()
	p := newPair(t, both(alone(iketest.EAPOnlyTaken, mschapv2), twice(false)))
	answers(p, secondPassword)
	connect(t, p)
	mustUp(t, p)
	if q := asked(p); len(q) != 2 || !q[0].Unproven || q[1].Round != 1 || q[1].Unproven {
		t.Errorf("asked %+v", q)
	}
}

// RFC 5998 4, RFC 4739 2.2: a gateway that has proven itself by the first method is
// not held to the same again by a second one that makes no key.
func TestTwoPeerEAPOnlyThenBare(t *testing.T) {
	t.Parallel()
	p := newPair(t, both(both(alone(iketest.EAPOnlyTaken, mschapv2), twice(true)), iketest.PairConfig{
		Gateway: func(r *iketest.ResponderConfig) { r.Further[0].Users = nil },
	}))
	connect(t, p)
	mustUp(t, p)
}

// A configuration that cannot do what it says is refused.
func TestFurtherAuthenticationsOfAConfig(t *testing.T) {
	t.Parallel()
	good := ike.Authentication{Identity: fqdn("alice"), EAP: eap.Config{Methods: []uint8{mschapv2}}}
	for name, change := range map[string]func(*ike.Config){
		"too many":    func(c *ike.Config) { c.Further = []ike.Authentication{good, good, good, good} },
		"no identity": func(c *ike.Config) { c.Further = []ike.Authentication{{EAP: good.EAP}} },
		"alone by what makes no key": func(c *ike.Config) {
			c.EAP.Methods, c.EAPOnly = []uint8{6, mschapv2}, []uint8{6}
		},
		"no method":        func(c *ike.Config) { c.Further = []ike.Authentication{{Identity: good.Identity}} },
		"EAP-only for PSK": func(c *ike.Config) { c.Client, c.EAPOnly = ike.ClientPSK, []uint8{mschapv2} },
		"an unknown start": func(c *ike.Config) { c.Childless = 9 },
	} {
		if _, err := iketest.NewPair(iketest.PairConfig{Client: change, Authority: authority()}); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}
