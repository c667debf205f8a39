package ike_test

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/ike"
	"github.com/homeward-vpn/homeward/ike/auth"
	"github.com/homeward-vpn/homeward/ike/iketest"
	"github.com/homeward-vpn/homeward/ike/suite"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// failure brings a pair to its failure.
func failure(t *testing.T, c iketest.PairConfig, cause ike.Cause) (*iketest.Pair, *ike.Failure) {
	t.Helper()
	p := newPair(t, c)
	connect(t, p)
	f := mustFail(t, p, cause)
	mustBehave(t, p)
	if p.Established != nil {
		t.Error("Established was told")
	}
	return p, f
}

// RFC 7296 2.4: nobody answers.
func TestTwoPeerNoAnswer(t *testing.T) {
	t.Parallel()
	p := newPair(t, iketest.PairConfig{})
	p.Gateway.Silence(true)
	connect(t, p)
	mustFail(t, p, ike.CauseNoAnswer)
	if len(p.Sent) != 7 {
		t.Errorf("%d transmissions, want 7", len(p.Sent))
	}
	if took := p.Now.Sub(iketest.Epoch); took < 20*time.Second || took > 90*time.Second {
		t.Errorf("gave up after %v", took)
	}
}

// The gateway answers IKE_SA_INIT, and port 4500 is blocked.
func TestTwoPeerPort4500Blocked(t *testing.T) {
	t.Parallel()
	p := newPair(t, iketest.PairConfig{})
	p.Network.Intercept = func(q *iketest.Packet) (time.Duration, bool) { return 0, q.To.Port() == 4500 }
	connect(t, p)
	mustFail(t, p, ike.CauseNoAnswer)
}

// RFC 7296 2.7: nothing in common, told in the open. It is believed, but only
// after nothing better has come.
//
//	--> IKE_SA_INIT { SA, KE, Ni }  <-- IKE_SA_INIT { N(NO_PROPOSAL_CHOSEN) }
func TestTwoPeerNoProposal(t *testing.T) {
	t.Parallel()
	c := oneSuite(t, [4]string{"aes256gcm16", "", "sha256", "ecp256"}, [3]string{"aes256gcm16", "", ""})
	other := oneSuite(t, [4]string{"aes256", "sha256", "sha256", "modp2048"}, [3]string{"aes256", "sha256", ""})
	c.Gateway = other.Gateway
	p, f := failure(t, c, ike.CauseNoProposal)
	if f.Notify != wire.NotifyNoProposalChosen {
		t.Errorf("notify %v", f.Notify)
	}
	if took := p.Now.Sub(iketest.Epoch); took < time.Second || took > 5*time.Second {
		t.Errorf("believed after %v", took)
	}
}

// RFC 7296 2.7: an answer outside the offer is not taken.
func TestTwoPeerAnswerOutsideTheOffer(t *testing.T) {
	t.Parallel()
	weak := suite.Proposal{
		Encryption: []suite.Transform{{ID: suite.ENCR_AES_CBC, KeyLen: 192}}, PRF: []uint16{suite.PRF_HMAC_SHA2_256},
		Integrity: []uint16{suite.AUTH_HMAC_SHA2_256_128}, Group: []uint16{suite.GroupP256},
	}
	failure(t, iketest.PairConfig{Gateway: func(r *iketest.ResponderConfig) {
		r.OnReply = func(x *iketest.Exchange) {
			if x.Header.Exchange == wire.ExchangeIKESAInit {
				x.Response[0] = &wire.SAPayload{Proposals: suite.ToWire([]suite.Proposal{weak}, wire.ProtocolIKE, nil)}
			}
		}
	}}, ike.CauseNoProposal)
}

// No common proposal for the Child SA (RFC 7296 1.2): the IKE SA is deleted.
//
//	<-- IKE_AUTH { IDr, CERT, AUTH, N(NO_PROPOSAL_CHOSEN) }  --> INFORMATIONAL { D(IKE) }
func TestTwoPeerNoChildProposal(t *testing.T) {
	t.Parallel()
	c := oneSuite(t, [4]string{"aes256gcm16", "", "sha256", "ecp256"}, [3]string{"aes256gcm16", "", ""})
	inner := c.Gateway
	c.Gateway = func(r *iketest.ResponderConfig) {
		inner(r)
		r.ESP = suite.DefaultESP()[1:]
	}
	p, _ := failure(t, c, ike.CauseNoProposal)
	p.Drive(10 * time.Second)
	if p.Gateway.IKESAs() != 0 {
		t.Error("the IKE SA was left at the gateway")
	}
}

// The gateway refuses the client (RFC 7296 2.21.2).
func TestTwoPeerRejected(t *testing.T) {
	t.Parallel()
	t.Run("refused at once", func(t *testing.T) {
		t.Parallel()
		_, f := failure(t, iketest.PairConfig{Gateway: func(r *iketest.ResponderConfig) {
			r.Refuse = map[wire.ExchangeType]wire.NotifyType{wire.ExchangeIKEAuth: wire.NotifyAuthenticationFailed}
		}}, ike.CauseRejected)
		if f.Notify != wire.NotifyAuthenticationFailed {
			t.Errorf("notify %v", f.Notify)
		}
	})
	t.Run("another shared key", func(t *testing.T) {
		t.Parallel()
		p := newPair(t, byPSK())
		p.PSK = "not the one"
		connect(t, p)
		mustFail(t, p, ike.CauseRejected)
	})
	t.Run("a certificate of another authority", func(t *testing.T) {
		t.Parallel()
		other := iketest.NewAuthority("Other CA", iketest.P256)
		p := byCertificate(t, iketest.PairConfig{Gateway: func(r *iketest.ResponderConfig) {
			r.ClientAnchors = [][]byte{other.DER}
		}}, iketest.P256)
		connect(t, p)
		mustFail(t, p, ike.CauseRejected)
	})
	t.Run("EAP is not what the gateway wants", func(t *testing.T) {
		t.Parallel()
		failure(t, iketest.PairConfig{Gateway: func(r *iketest.ResponderConfig) { r.Client = iketest.ClientByPSK }}, ike.CauseRejected)
	})
}

// RFC 2759: a wrong password is told apart from everything else.
//
//	--> EAP(MSCHAPv2 response)  <-- EAP(MSCHAPv2 failure, E=691)
//	--> EAP(MSCHAPv2 failure)   <-- EAP Failure
func TestTwoPeerWrongPassword(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ password, user string }{{"wrong", iketest.UserName}, {iketest.Password, "nobody"}} {
		p := newPair(t, iketest.PairConfig{Client: func(cfg *ike.Config) { cfg.EAP.Identity = c.user }})
		p.Password = c.password
		connect(t, p)
		mustFail(t, p, ike.CauseWrongPassword)
	}
}

// A method that the profile does not allow is refused, and no password goes out.
func TestTwoPeerEAPMethod(t *testing.T) {
	t.Parallel()
	for _, method := range []uint8{4, 6, 13, 21, 25} {
		p, _ := failure(t, iketest.PairConfig{Gateway: func(r *iketest.ResponderConfig) { r.EAPMethods = []uint8{method} }}, ike.CauseEAPMethod)
		if iketest.Count[ike.NeedCredentials](p) != 0 {
			t.Errorf("a password was asked for method %d", method)
		}
	}
}

// RFC 7296 2.15: the gateway's AUTH is made with another key than its
// certificate's, or covers another message.
func TestTwoPeerGatewayAuth(t *testing.T) {
	t.Parallel()
	tamper := func(change func(x *iketest.Exchange)) iketest.PairConfig {
		return iketest.PairConfig{Gateway: func(r *iketest.ResponderConfig) {
			r.OnReply = func(x *iketest.Exchange) {
				if x.Header.Exchange == wire.ExchangeIKEAuth && x.Header.MessageID == 1 {
					change(x)
				}
			}
		}}
	}
	without := func(x *iketest.Exchange, t wire.PayloadType) {
		var kept []wire.Payload
		for _, q := range x.Response {
			if q.Type() != t {
				kept = append(kept, q)
			}
		}
		x.Response = kept
	}
	other := authority().Issue(iketest.Leaf{DNSNames: []string{iketest.GatewayName}})
	for name, change := range map[string]func(x *iketest.Exchange){
		"a bit of the signature": func(x *iketest.Exchange) {
			a, _ := wire.Find[*wire.AuthPayload](x.Response)
			a.Data[len(a.Data)-1] ^= 1
		},
		"another certificate of the same name": func(x *iketest.Exchange) {
			c, _ := wire.Find[*wire.CertPayload](x.Response)
			c.Data = other.Chain[0]
		},
		"another identity than was signed": func(x *iketest.Exchange) {
			id, _ := wire.FindType[*wire.IDPayload](x.Response, wire.PayloadIDr)
			*id = wire.IDPayload{Responder: true, IDType: id.IDType, Data: []byte("vpn.example.org")}
		},
		"no certificate": func(x *iketest.Exchange) { without(x, wire.PayloadCERT) },
		"no AUTH":        func(x *iketest.Exchange) { without(x, wire.PayloadAUTH) },
		"no IDr":         func(x *iketest.Exchange) { without(x, wire.PayloadIDr) },
		"an unknown method": func(x *iketest.Exchange) {
			a, _ := wire.Find[*wire.AuthPayload](x.Response)
			a.Method = 200
		},
		"a shared key's method": func(x *iketest.Exchange) {
			a, _ := wire.Find[*wire.AuthPayload](x.Response)
			a.Method = auth.MethodSharedKey
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, _ := failure(t, tamper(change), ike.CauseGatewayAuth)
			if iketest.Count[ike.NeedVerdict](p)+iketest.Count[ike.NeedCredentials](p) != 0 {
				t.Error("a question was asked about a gateway that proved nothing")
			}
			p.Drive(time.Second)
			if p.Gateway.Distrusted != 1 {
				t.Error("the gateway was not told (RFC 7296 2.21.2)")
			}
		})
	}
	t.Run("another shared key", func(t *testing.T) {
		t.Parallel()
		c := byPSK()
		c = both(c, iketest.PairConfig{Gateway: func(r *iketest.ResponderConfig) {
			r.OnReply = func(x *iketest.Exchange) {
				if a, ok := wire.Find[*wire.AuthPayload](x.Response); ok {
					a.Data[0] ^= 1
				}
			}
		}})
		failure(t, c, ike.CauseGatewayAuth)
	})
}

// The gateway proves to be someone else than the profile names.
func TestTwoPeerGatewayIdentity(t *testing.T) {
	t.Parallel()
	_, f := failure(t, iketest.PairConfig{Client: func(c *ike.Config) {
		want := fqdn("vpn.example.org")
		c.GatewayIdentity = &want
	}}, ike.CauseGatewayIdentity)
	var identity *ike.IdentityError
	if !errors.As(f, &identity) || identity.Seen != iketest.GatewayName || identity.Expected != "vpn.example.org" {
		t.Errorf("%v", f)
	}
}

// What a gateway may call itself where it was asked for by a name: any name of
// its certificate, which Windows, Cisco's ASA and others make use of, as long as
// the name that was asked for is another of them (RFC 4945 3.1).
func TestTwoPeerGatewayOtherName(t *testing.T) {
	t.Parallel()
	subject, err := auth.ParseIdentity("CN=" + iketest.GatewayName)
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := auth.ParseIdentity("CN=vpn.example.org")
	if err != nil {
		t.Fatal(err)
	}
	asked := func(want, seen auth.Identity) iketest.PairConfig {
		return iketest.PairConfig{
			Client:  func(c *ike.Config) { c.GatewayIdentity = &want },
			Gateway: func(r *iketest.ResponderConfig) { r.Identity = seen },
			Leaf:    func(l *iketest.Leaf) { l.DNSNames = []string{iketest.GatewayName, "gw1.example.com"} },
		}
	}
	name := fqdn(iketest.GatewayName)
	for text, seen := range map[string]auth.Identity{"its subject": subject, "another SAN": fqdn("gw1.example.com")} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			p := connected(t, asked(name, seen))
			if got := p.Established.GatewayIdentity; !got.Equal(seen) {
				t.Errorf("the gateway is told as %v", got)
			}
		})
	}
	for text, c := range map[string]iketest.PairConfig{
		"a subject that is not its own":  asked(name, stranger),
		"a name that is not its own":     asked(name, fqdn("gw2.example.com")),
		"the subject of somebody else":   asked(fqdn("vpn.example.org"), subject),
		"a key ID":                       asked(name, auth.Identity{Type: auth.IDKeyID, Data: []byte("gw")}),
		"another name, and a shared key": both(byPSK(), asked(name, fqdn("gw1.example.com"))),
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			failure(t, c, ike.CauseGatewayIdentity)
		})
	}
}

// The owner's verdict on the chain ends the attempt with the owner's error, and
// before any password is asked for.
func TestTwoPeerGatewayCertificate(t *testing.T) {
	t.Parallel()
	stranger := iketest.NewAuthority("Stranger", iketest.P256)
	for kind, c := range map[auth.CertificateErrorKind]iketest.PairConfig{
		auth.Untrusted: {Gateway: func(r *iketest.ResponderConfig) {
			r.Certificate = stranger.Issue(iketest.Leaf{DNSNames: []string{iketest.GatewayName}})
		}},
		auth.WrongName:   {Leaf: func(l *iketest.Leaf) { l.DNSNames = []string{"vpn.example.org"} }},
		auth.Expired:     {Leaf: func(l *iketest.Leaf) { l.NotAfter = iketest.Epoch.Add(-time.Hour) }},
		auth.NotYetValid: {Leaf: func(l *iketest.Leaf) { l.NotBefore = iketest.Epoch.Add(time.Hour) }},
	} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			p, f := failure(t, c, ike.CauseGatewayCert)
			var cert *auth.CertificateError
			if !errors.As(f, &cert) || cert.Kind != kind {
				t.Errorf("%v", f)
			}
			if iketest.Count[ike.NeedCredentials](p) != 0 {
				t.Error("a password was asked for")
			}
		})
	}
}

// The user says no, or has nothing to say.
func TestTwoPeerCredentialsMissing(t *testing.T) {
	t.Parallel()
	no := errors.New("the user pressed cancel")
	for name, c := range map[string]struct {
		pair   func(t *testing.T) *iketest.Pair
		answer func(e ike.Event) (ike.Command, bool)
	}{
		"password": {
			func(t *testing.T) *iketest.Pair { return newPair(t, iketest.PairConfig{}) },
			func(e ike.Event) (ike.Command, bool) {
				q, ok := e.(ike.NeedCredentials)
				return ike.Credentials{ID: q.ID, Err: no}, ok
			},
		},
		"shared key": {
			func(t *testing.T) *iketest.Pair { return newPair(t, byPSK()) },
			func(e ike.Event) (ike.Command, bool) {
				q, ok := e.(ike.NeedPSK)
				return ike.PSK{ID: q.ID, Err: no}, ok
			},
		},
		"signature": {
			func(t *testing.T) *iketest.Pair { return byCertificate(t, iketest.PairConfig{}, iketest.P256) },
			func(e ike.Event) (ike.Command, bool) {
				q, ok := e.(ike.NeedSignature)
				return ike.Signature{ID: q.ID, Err: no}, ok
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := c.pair(t)
			p.Answer = c.answer
			connect(t, p)
			if f := mustFail(t, p, ike.CauseCredentials); !errors.Is(f, no) {
				t.Errorf("%v", f)
			}
			mustBehave(t, p)
		})
	}
}

// RFC 7296 2.9, 2.19, 1.2: the gateway accepts the client and gives it nothing
// to work with. The IKE SA is not left behind.
func TestTwoPeerNothingToWorkWith(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		gateway func(r *iketest.ResponderConfig)
		cause   ike.Cause
	}{
		"no selectors in common": {func(r *iketest.ResponderConfig) {
			r.LocalTS = []wire.TrafficSelector{wire.AnyIPv6()}
		}, ike.CauseSelectors},
		"no address left": {func(r *iketest.ResponderConfig) { r.Addresses = nil }, ike.CauseNoAddress},
		"no address of our kind": {func(r *iketest.ResponderConfig) {
			r.Addresses = []netip.Prefix{netip.MustParsePrefix("2001:db8::5/64")}
		}, ike.CauseNoAddress},
		"FAILED_CP_REQUIRED": {func(r *iketest.ResponderConfig) { r.RefuseChild = wire.NotifyFailedCPRequired }, ike.CauseNoAddress},
		"NO_ADDITIONAL_SAS":  {func(r *iketest.ResponderConfig) { r.RefuseChild = wire.NotifyNoAdditionalSAs }, ike.CauseNoChild},
		"a reply without address": {func(r *iketest.ResponderConfig) {
			r.OnReply = func(x *iketest.Exchange) {
				if cp, ok := wire.Find[*wire.CPPayload](x.Response); ok {
					cp.Attributes = cp.Attributes[1:]
				}
			}
		}, ike.CauseNoAddress},
		"selectors beyond what was asked": {func(r *iketest.ResponderConfig) {
			r.OnReply = func(x *iketest.Exchange) {
				if ts, ok := wire.FindType[*wire.TSPayload](x.Response, wire.PayloadTSr); ok {
					ts.Selectors = []wire.TrafficSelector{wire.AnyIPv4(), wire.AnyIPv6()}
				}
			}
		}, ike.CauseSelectors},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, _ := failure(t, iketest.PairConfig{Gateway: c.gateway}, c.cause)
			p.Drive(10 * time.Second)
			if n := p.Gateway.IKESAs(); n != 0 {
				t.Errorf("%d IKE SAs were left at the gateway", n)
			}
		})
	}
}

// RFC 7296 2.5: an authentic answer with a critical payload that is not known
// here breaks the rules, as does one that does not hold together.
func TestTwoPeerBrokenGateway(t *testing.T) {
	t.Parallel()
	for name, payload := range map[string]wire.Payload{
		"unknown critical payload": &wire.Unknown{PayloadType: 99, Critical: true},
		"malformed payload":        &wire.Unknown{PayloadType: wire.PayloadKE, Body: []byte{1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPair(t, iketest.PairConfig{Gateway: func(r *iketest.ResponderConfig) {
				r.OnReply = func(x *iketest.Exchange) {
					if x.Header.Exchange == wire.ExchangeIKEAuth {
						x.Response = append(x.Response, payload)
					}
				}
			}})
			connect(t, p)
			mustFail(t, p, ike.CauseProtocol)
		})
	}
	t.Run("unknown payload that is not critical", func(t *testing.T) {
		t.Parallel()
		connected(t, iketest.PairConfig{Gateway: func(r *iketest.ResponderConfig) {
			r.OnReply = func(x *iketest.Exchange) {
				x.Response = append(x.Response, &wire.Unknown{PayloadType: 99, Body: []byte("hello")},
					&wire.VendorIDPayload{Data: []byte("vendor")}, &wire.NotifyPayload{NotifyType: 40999})
			}
		}})
	})
}

// The user gives up while the handshake is under way, at each step.
func TestTwoPeerDeleteDuringHandshake(t *testing.T) {
	t.Parallel()
	for _, after := range []time.Duration{0, 10, 30, 50, 70, 90, 110, 130, 150, 170, 190, 210} {
		p := newPair(t, iketest.PairConfig{Conditions: iketest.Conditions{Delay: 10 * time.Millisecond}})
		connect(t, p)
		p.Drive(after * time.Millisecond)
		if p.Closed != nil {
			t.Fatalf("closed before: %v", p.Closed.Failure)
		}
		if err := p.Do(ike.Delete{}); err != nil {
			t.Fatal(err)
		}
		if !p.Down(5*time.Second) || p.Closed.Failure != nil {
			t.Fatalf("after %v ms: %+v", int64(after), p.Closed)
		}
		mustBehave(t, p)
	}
}
