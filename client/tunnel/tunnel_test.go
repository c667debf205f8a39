package tunnel

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"net/netip"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/esp"
	"github.com/homeward-vpn/homeward/esp/esptest"
	"github.com/homeward-vpn/homeward/ike/iketest"
	"github.com/homeward-vpn/homeward/ike/suite"
	"github.com/homeward-vpn/homeward/ike/wire"
)

func udpPair(src, dst netip.Addr, payload string) []byte {
	return esptest.UDP(netip.AddrPortFrom(src, 1000), netip.AddrPortFrom(dst, 53), []byte(payload))
}

// farEnd gives the gateway's ends of its newest Child SA, the same ones each
// time: their sequence numbers go on.
func farEnd(t *testing.T, o *office) (in *esp.Inbound, out *esp.Outbound) {
	t.Helper()
	var c iketest.Child
	o.tell(func(time.Time) error {
		children := o.gateway.Children()
		c = *children[len(children)-1]
		return nil
	})
	return endOf(t, o, c)
}

// endOf gives the gateway's ends of one of its Child SAs.
func endOf(t *testing.T, o *office, c iketest.Child) (in *esp.Inbound, out *esp.Outbound) {
	t.Helper()
	end := o.end(&c)
	return end.In, end.Out
}

// end gives the gateway's ends of a Child SA, the same ones each time.
func (o *office) end(c *iketest.Child) esptest.Pair {
	o.mu.Lock()
	defer o.mu.Unlock()
	if end, ok := o.ends[c.InboundSPI]; ok {
		return end
	}
	base, err := espSuite(c.Suite)
	if err != nil {
		panic(err)
	}
	base.ESN = len(c.Suite.ESN) == 1 && c.Suite.ESN[0] == suite.ESNYes
	toGateway, toClient := base, base
	toGateway.SPI, toClient.SPI = c.InboundSPI, c.OutboundSPI
	toGateway.Key, toGateway.IntegrityKey = c.Keys.InitiatorEncryption, c.Keys.InitiatorIntegrity
	toClient.Key, toClient.IntegrityKey = c.Keys.ResponderEncryption, c.Keys.ResponderIntegrity
	if c.Initiated {
		toGateway.Key, toClient.Key = toClient.Key, toGateway.Key
		toGateway.IntegrityKey, toClient.IntegrityKey = toClient.IntegrityKey, toGateway.IntegrityKey
	}
	toGateway.Source, toGateway.Destination = selectors(c.RemoteTS), selectors(c.LocalTS)
	toClient.Source, toClient.Destination = selectors(c.LocalTS), selectors(c.RemoteTS)
	end := esptest.Pair{In: esptest.MustInbound(toGateway), Out: esptest.MustOutbound(toClient)}
	o.ends[c.InboundSPI] = end
	return end
}

// seal makes one ESP packet of the gateway's.
func seal(t *testing.T, out *esp.Outbound, inner []byte) []byte {
	t.Helper()
	buf := make([]byte, esp.HeaderRoom+len(inner)+esp.TrailerRoom)
	copy(buf[esp.HeaderRoom:], inner)
	seq, _ := out.Reserve(1)
	packet, drop := out.Seal(buf, esp.HeaderRoom, len(inner), seq)
	if drop != esp.DropNone {
		t.Fatal(drop)
	}
	return packet
}

// exchange sends one packet each way through the line.
func exchange(t *testing.T, o *office) {
	t.Helper()
	in, out := farEnd(t, o)
	question, answer := udpPair(insideAddr, serverAddr, "question"), udpPair(serverAddr, insideAddr, "answer")
	o.tun.Inject(question)
	d := <-o.esp
	inner, drop := in.Open(d.Data)
	if drop != esp.DropNone {
		t.Fatalf("the gateway drops the packet: %v", drop)
	}
	if !bytes.Equal(inner, question) {
		t.Errorf("the gateway got %x, want %x", inner, question)
	}
	if want := netip.AddrPortFrom(gatewayAddr, 4500); d.Peer != want {
		t.Errorf("ESP went to %v, want %v", d.Peer, want)
	}
	o.client.Deliver(esptest.Datagram{Peer: netip.AddrPortFrom(gatewayAddr, 4500), Data: seal(t, out, answer)})
	if got := <-o.tun.Written(); !bytes.Equal(got, answer) {
		t.Errorf("the host got %x, want %x", got, answer)
	}
}

// The employees' certificates have an authority of their own.
var (
	employees = iketest.NewAuthority("Employees CA", iketest.P256)
	employee  = employees.Issue(iketest.Leaf{Emails: []string{"alice@example.com"}})
)

// TestLine brings a line up, carries a packet each way and ends it.
func TestLine(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		gateway func(*iketest.ResponderConfig)
		profile func(*profile.Profile)
	}{
		{name: "EAP-MSCHAPv2"},
		{name: "the user name is asked for too", profile: func(p *profile.Profile) { p.Client.Username = "" }},
		{
			name: "PSK",
			gateway: func(c *iketest.ResponderConfig) {
				c.Client, c.Certificate = iketest.ClientByPSK, nil
			},
			profile: func(p *profile.Profile) {
				p.Client = profile.Client{Auth: profile.ClientPSK, Identity: "alice@example.com"}
				p.Gateway.Auth = profile.GatewayPSK
			},
		},
		{
			name: "certificate, signed by the user's program",
			gateway: func(c *iketest.ResponderConfig) {
				c.Client, c.ClientAnchors = iketest.ClientByCertificate, [][]byte{employees.DER}
			},
			profile: func(p *profile.Profile) {
				p.Client = profile.Client{Auth: profile.ClientCertificate, Identity: "alice@example.com", Certificates: employee.Chain}
			},
		},
		{
			name: "AES-CBC with HMAC, as older gateways want it",
			profile: func(p *profile.Profile) {
				p.Child = profile.SA{Strict: true, Proposals: []profile.Proposal{{Encryption: "aes256", Integrity: "sha512"}}}
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				o := newOffice(t, tt.gateway)
				cfg := o.config()
				if tt.profile != nil {
					tt.profile(cfg.Profile)
				}
				r := run(t, cfg)
				up := r.up()
				if got, want := up.Network.Routes, prefixes("0.0.0.0/0"); len(got) != 1 || got[0] != want[0] {
					t.Errorf("routes = %v, want %v", got, want)
				}
				if up.Network.Interface != "test0" || up.Network.Gateway != gatewayAddr || !up.Network.Full {
					t.Errorf("network = %+v", up.Network)
				}
				exchange(t, o)
				if s := r.Stats(); s.TxPackets != 1 || s.RxPackets != 1 {
					t.Errorf("stats = %+v, want one packet each way", s)
				}
				r.stop()
				o.tell(func(time.Time) error {
					if o.gateway.Deleted != 1 || o.gateway.IKESAs() != 0 {
						t.Errorf("the gateway saw %d Deletes and keeps %d IKE SAs, want 1 and 0", o.gateway.Deleted, o.gateway.IKESAs())
					}
					for _, c := range o.gateway.Complaints {
						t.Error("the gateway complains: ", c)
					}
					return nil
				})
			})
		})
	}
}

// TestFailures names the cause of every way that a line may not come up.
func TestFailures(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		gateway func(*iketest.ResponderConfig)
		config  func(*office, *Config)
		want    diagnose.Cause
	}{
		{"wrong password", nil, func(_ *office, c *Config) {
			c.Ask = func(context.Context, Question) (Answer, error) { return Answer{Secret: []byte("wrong")}, nil }
		}, diagnose.CauseWrongPassword},
		{"no password", nil, func(_ *office, c *Config) {
			c.Ask = func(context.Context, Question) (Answer, error) {
				return Answer{}, &diagnose.Failure{Cause: diagnose.CauseCancelled}
			}
		}, diagnose.CauseCancelled},
		{"untrusted authority", nil, func(_ *office, c *Config) {
			c.Profile.Gateway.Anchors = [][]byte{iketest.NewAuthority("Another CA", iketest.P256).DER}
		}, diagnose.CauseGatewayUntrusted},
		{"no anchors at all means the system's", nil, func(_ *office, c *Config) {
			c.Profile.Gateway.Anchors = nil
			c.SystemRoots = func() ([][]byte, error) { return nil, errors.New("no store") }
		}, diagnose.CauseInternal},
		{"wrong name", nil, func(_ *office, c *Config) {
			c.Profile.Gateway.CertificateName = "other.example.com"
		}, diagnose.CauseGatewayWrongName},
		{"another identity", nil, func(_ *office, c *Config) {
			c.Profile.Gateway.Identity = "other.example.com"
		}, diagnose.CauseGatewayIdentity},
		{"expired", func(c *iketest.ResponderConfig) {
			c.Certificate = nil // replaced below, by the office's authority
		}, nil, diagnose.CauseGatewayExpired},
		{"not for gateways", nil, nil, diagnose.CauseGatewayUsage},
		{"no common proposal", func(c *iketest.ResponderConfig) {
			c.Refuse = map[wire.ExchangeType]wire.NotifyType{wire.ExchangeIKESAInit: wire.NotifyNoProposalChosen}
		}, nil, diagnose.CauseNoCommonProposal},
		{"no address to give", func(c *iketest.ResponderConfig) {
			c.RefuseChild = wire.NotifyInternalAddressFailure
		}, nil, diagnose.CauseNoAddress},
		{"silent gateway", nil, func(o *office, _ *Config) {
			o.tell(func(time.Time) error { o.gateway.Silence(true); return nil })
		}, diagnose.CauseGatewaySilent},
		{"unknown name", nil, func(_ *office, c *Config) {
			c.Resolve = func(context.Context, string) ([]netip.Addr, error) { return nil, errors.New("no such host") }
		}, diagnose.CauseNameNotFound},
		{"no socket", nil, func(_ *office, c *Config) {
			c.OpenTransport = func() (Transport, error) { return nil, errors.New("no socket") }
		}, diagnose.CauseTransportFailed},
		{"no device", nil, func(_ *office, c *Config) {
			c.OpenTUN = func(TUNConfig) (TUN, error) { return nil, errors.New("no device") }
		}, diagnose.CauseTUNFailed},
		{"a profile that cannot be used", nil, func(_ *office, c *Config) {
			c.Profile.IKE.Proposals = []profile.Proposal{{Encryption: "rot13"}}
		}, diagnose.CauseProfile},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				o := officeWithCertificate(t, tt.want, tt.gateway)
				cfg := o.config()
				if tt.config != nil {
					tt.config(o, &cfg)
				}
				r := run(t, cfg)
				err := <-r.result
				var f *diagnose.Failure
				if !errors.As(err, &f) || f.Cause != tt.want {
					t.Fatalf("Run returned %v, want the cause %s", err, tt.want)
				}
				if s := f.Sentence(); s == "" || s[len(s)-1] != '.' {
					t.Errorf("the sentence reads %q", s)
				}
				// The gateway is left without an IKE SA, whatever went wrong.
				o.tell(func(time.Time) error {
					if n := o.gateway.IKESAs(); n != 0 {
						t.Errorf("the gateway keeps %d IKE SAs", n)
					}
					return nil
				})
			})
		})
	}
}

// officeWithCertificate gives the gateway a certificate with the fault that
// leads to a cause, and a sound one otherwise.
func officeWithCertificate(t *testing.T, want diagnose.Cause, change func(*iketest.ResponderConfig)) *office {
	t.Helper()
	leaf := iketest.Leaf{DNSNames: []string{iketest.GatewayName}}
	switch want {
	case diagnose.CauseGatewayExpired:
		leaf.NotBefore, leaf.NotAfter = iketest.Epoch.AddDate(-1, 0, 0), iketest.Epoch.AddDate(0, 0, -1)
	case diagnose.CauseGatewayUsage:
		leaf.Usages = []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}
	default:
		return newOffice(t, change)
	}
	ca := iketest.NewAuthority("Office CA", iketest.P256)
	o := newOffice(t, func(c *iketest.ResponderConfig) { c.Certificate = ca.Issue(leaf) })
	o.ca = ca
	return o
}

// TestTheGatewayEndsTheLine: a Delete from the other side is no wish of ours.
func TestTheGatewayEndsTheLine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, nil)
		r := run(t, o.config())
		r.up()
		o.tell(o.gateway.DeleteIKE)
		var f *diagnose.Failure
		if err := <-r.result; !errors.As(err, &f) || f.Cause != diagnose.CauseClosedByGateway {
			t.Errorf("Run returned %v, want %s", err, diagnose.CauseClosedByGateway)
		}
	})
}

// TestRekeyKeepsTheLine rekeys from the gateway's side, Child SA and IKE SA,
// and carries packets after each (RFC 7296 2.8).
func TestRekeyKeepsTheLine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, nil)
		r := run(t, o.config())
		r.up()
		exchange(t, o)
		for _, rekey := range []func(time.Time) error{
			func(now time.Time) error { return o.gateway.RekeyChild(now, o.gateway.Children()[0].InboundSPI) },
			o.gateway.RekeyIKE,
		} {
			o.tell(rekey)
			for {
				if _, ok := (<-r.events).(Changed); ok {
					break
				}
			}
			synctest.Wait()
			exchange(t, o)
		}
		r.stop()
	})
}

// TestPathSearch: on a path that silently loses large packets the line finds
// what gets through, and says so inward to those who send more.
func TestPathSearch(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		path   int // what the network carries
		sent   int // inner packet
		passes bool
	}{
		{"Ethernet carries it", 1500, 1400, true},
		{"a small path carries small packets", 1400, 1300, true},
		{"a small path refuses large ones", 1400, 1400, false},
		{"the least path refuses what is above it", 1280, 1260, false},
		{"a path below that carries what fits", 800, 700, true},
		{"a path below that refuses what does not", 800, 760, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				o := newOffice(t, nil)
				o.narrow(tt.path)
				r := run(t, o.config())
				r.up()
				<-time.After(40 * time.Second) // every size has been tried
				o.tun.Inject(udpPair(insideAddr, serverAddr, string(make([]byte, tt.sent-28))))
				select {
				case d := <-o.esp:
					if !tt.passes {
						t.Errorf("a packet of %d octets was sent as %d, which the path loses", tt.sent, len(d.Data)+28)
					}
				case p := <-o.tun.Written():
					if tt.passes {
						t.Fatalf("a packet of %d octets was refused", tt.sent)
					}
					if p[9] != 1 || p[20] != 3 || p[21] != 4 {
						t.Errorf("the host got % x, want ICMP fragmentation needed", p[:28])
					}
				}
				r.stop()
			})
		})
	}
}

// unplugged is a socket that loses its network when it is told to.
type unplugged struct {
	socket
	out *atomic.Bool
}

func (u unplugged) Send(bufs [][]byte, to netip.AddrPort) error {
	if u.out.Load() {
		return syscall.ENETUNREACH
	}
	return u.socket.Send(bufs, to)
}

// TestALineThatStoodTakesNoOtherAddress: when the network goes, the tunnel ends
// and says so; whoever set its routes and DNS takes them back before the next.
func TestALineThatStoodTakesNoOtherAddress(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, nil)
		cfg := o.config()
		cfg.Resolve = func(context.Context, string) ([]netip.Addr, error) {
			return []netip.Addr{gatewayAddr, netip.MustParseAddr("203.0.113.99")}, nil
		}
		var opened int
		var out atomic.Bool
		cfg.OpenTransport = func() (Transport, error) {
			opened++
			return unplugged{socket{o.client}, &out}, nil
		}
		r := run(t, cfg)
		r.up()
		out.Store(true)
		if err := <-r.result; !isCause(err, diagnose.CauseNoNetwork) {
			t.Errorf("Run returned %v, want %s", err, diagnose.CauseNoNetwork)
		}
		if opened != 1 {
			t.Errorf("%d addresses were tried, want none after the line stood", opened)
		}
	})
}

// TestOwnTroubleDoesNotWaitForTheGateway: what goes wrong on this machine is
// told at once, though the gateway never answers the goodbye.
func TestOwnTroubleDoesNotWaitForTheGateway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, nil)
		cfg := o.config()
		var began time.Time
		cfg.OpenTUN = func(TUNConfig) (TUN, error) {
			o.narrow(1) // nothing reaches the gateway from here on
			began = time.Now()
			return nil, errors.New("no device")
		}
		r := run(t, cfg)
		if err := <-r.result; !isCause(err, diagnose.CauseTUNFailed) {
			t.Errorf("Run returned %v, want %s", err, diagnose.CauseTUNFailed)
		}
		if took := time.Since(began); took > goodbye {
			t.Errorf("it was told after %v, want at most %v", took, goodbye)
		}
	})
}

// TestNextAddress: an address without a way, or one where nobody answers, is
// passed over in seconds for the next one.
func TestNextAddress(t *testing.T) {
	t.Parallel()
	noWay, deaf := netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("203.0.113.99")
	tests := []struct {
		name  string
		addrs []netip.Addr
		want  diagnose.Cause // "": connected
		most  time.Duration
	}{
		{"the first answers", []netip.Addr{gatewayAddr, deaf}, "", time.Second},
		{"no way to the first", []netip.Addr{noWay, gatewayAddr}, "", time.Second},
		{"the first is silent", []netip.Addr{deaf, gatewayAddr}, "", 5 * time.Second},
		{"silence tells more than no way", []netip.Addr{deaf, noWay}, diagnose.CauseGatewaySilent, 5 * time.Second},
		{"no way at all", []netip.Addr{noWay}, diagnose.CauseNoNetwork, time.Second},
		{"the last address gets all the patience", []netip.Addr{noWay, deaf}, diagnose.CauseGatewaySilent, time.Minute},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				o := newOffice(t, nil)
				cfg := o.config()
				cfg.Resolve = func(context.Context, string) ([]netip.Addr, error) { return tt.addrs, nil }
				cfg.OpenTransport = func() (Transport, error) {
					return limited{socket{o.reopen()}, noWay}, nil
				}
				began := time.Now()
				r := run(t, cfg)
				if tt.want == "" {
					r.up()
				} else if err := <-r.result; !isCause(err, tt.want) {
					t.Errorf("Run returned %v, want %s", err, tt.want)
				}
				if took := time.Since(began); took > tt.most {
					t.Errorf("it took %v, want at most %v", took, tt.most)
				}
				if tt.want == "" {
					r.stop()
				}
			})
		})
	}
}

// TestSmallDeviceAsksForNoIPv6: no system gives a device of so small an MTU an
// IPv6 address, so none is asked for, and the line stands with IPv4.
func TestSmallDeviceAsksForNoIPv6(t *testing.T) {
	t.Parallel()
	for mtu, want := range map[int]bool{0: true, 1280: true, 1279: false, 576: false} {
		p := &profile.Profile{
			Gateway: profile.Gateway{Auth: profile.GatewayPSK}, Client: profile.Client{Auth: profile.ClientPSK},
			Traffic: profile.Traffic{Full: true, MTU: mtu},
		}
		cfg, err := New(Config{Profile: p}).sessionConfig(clientAddr, netip.AddrPortFrom(gatewayAddr, 500), &credentials{})
		if err != nil || cfg.RequestIPv6 != want || !cfg.RequestIPv4 {
			t.Errorf("MTU %d: IPv6 asked for: %v (%v), want %v", mtu, cfg.RequestIPv6, err, want)
		}
	}
}
