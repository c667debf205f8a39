package ike

import (
	"bytes"
	"errors"
	"io"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/ike/auth"
	"github.com/homeward-vpn/homeward/ike/suite"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// A configuration that cannot lead to a connection is refused before anything is sent.
func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*Config){
		"no randomness":          func(c *Config) { c.Rand = nil },
		"no gateway":             func(c *Config) { c.Remote = netip.AddrPort{} },
		"no port":                func(c *Config) { c.Remote = netip.AddrPortFrom(c.Remote.Addr(), 0) },
		"no identity":            func(c *Config) { c.Identity = auth.Identity{} },
		"no ike proposal":        func(c *Config) { c.IKEProposals = nil },
		"no group":               func(c *Config) { c.IKEProposals = []suite.Proposal{c.IKEProposals[0].WithoutGroup()} },
		"no child proposal":      func(c *Config) { c.ChildProposals = nil },
		"eap without a method":   func(c *Config) { c.Client = ClientEAP },
		"unknown client method":  func(c *Config) { c.Client = 9 },
		"unknown gateway method": func(c *Config) { c.Gateway = 9 },
		"no client method":       func(c *Config) { c.Client = 0 },
	} {
		cfg := scriptConfig(1)
		spoil(&cfg)
		if s, err := New(cfg); err == nil || s != nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// The zero values stand for Homeward's own choice.
func TestDefaults(t *testing.T) {
	t.Parallel()
	cfg := scriptConfig(1)
	cfg.Liveness, cfg.NATKeepalive, cfg.LocalTS, cfg.RemoteTS = 0, 0, nil, nil
	cfg.RequestIPv6 = true
	cfg.FragmentSize = 1
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	c := s.cfg
	if c.IKELifetime != 4*time.Hour || c.ChildLifetime != time.Hour || c.Liveness != time.Minute || c.NATKeepalive != 20*time.Second {
		t.Errorf("lifetimes %v, %v, liveness %v, keepalive %v", c.IKELifetime, c.ChildLifetime, c.Liveness, c.NATKeepalive)
	}
	if c.Retransmit != (Retransmit{500 * time.Millisecond, 1.8, 10 * time.Second, 7, 7}) {
		t.Errorf("retransmissions %+v", c.Retransmit)
	}
	both := []wire.TrafficSelector{wire.AnyIPv4(), wire.AnyIPv6()}
	if !slices.Equal(c.LocalTS, both) || !slices.Equal(c.RemoteTS, both) {
		t.Errorf("selectors %v, %v", c.LocalTS, c.RemoteTS)
	}
	if c.FragmentSize != minFragmentSize {
		t.Errorf("fragments of %d octets", c.FragmentSize)
	}
}

// Commands that do not fit the state say so and change nothing.
func TestCommandsOutOfPlace(t *testing.T) {
	t.Parallel()
	expect := func(p *script, c Command, want error) {
		t.Helper()
		events, sent := len(p.events), len(p.sent)
		if err := p.s.Do(p.now, c); !errors.Is(err, want) {
			t.Errorf("%T in phase %d: %v, want %v", c, p.s.phase, err, want)
		}
		p.drain()
		if len(p.events) != events || len(p.sent) != sent {
			t.Errorf("%T in phase %d did something", c, p.s.phase)
		}
	}
	everywhere := func(p *script) {
		expect(p, Verdict{ID: 1}, ErrUnknownQuestion)
		expect(p, Verdict{}, ErrUnknownQuestion)
		expect(p, Signature{ID: 99}, ErrUnknownQuestion)
		expect(p, Credentials{ID: 99}, ErrUnknownQuestion)
		expect(p, PSK{ID: 99}, ErrUnknownQuestion)
	}
	early := []Command{RekeyIKE{}, RekeyChild{InboundSPI: 1}, CheckLiveness{}, InboundTraffic{}, CheckPath{Size: 1400}}

	p := newScript(t, scriptConfig(1))
	everywhere(p)
	for _, c := range early {
		expect(p, c, ErrNotEstablished)
	}
	wantDrop(t, p.deliver([]byte("early")), DropIdle)
	if !p.s.NextTimeout().IsZero() {
		t.Error("an idle session has a timer")
	}
	p.do(Connect{})
	expect(p, Connect{}, ErrStarted)
	if err := p.deliver(p.initReply()); err != nil {
		t.Fatal(err)
	}
	q, _ := event[NeedPSK](p)
	expect(p, Verdict{ID: q.ID}, ErrUnknownQuestion) // the wrong kind of answer
	for _, c := range early {
		expect(p, c, ErrNotEstablished)
	}
	p.toPSK()
	expect(p, PSK{ID: q.ID, Key: []byte("again")}, ErrUnknownQuestion)
	if err := p.reply(p.authReply()...); err != nil {
		t.Fatal(err)
	}
	everywhere(p)
	expect(p, Connect{}, ErrStarted)
	expect(p, RekeyChild{InboundSPI: 1}, ErrUnknownSA)
	p.do(Delete{})
	if err := p.reply(); err != nil {
		t.Fatal(err)
	}
	for _, c := range append(early, Connect{}, Delete{}, Verdict{ID: 1}) {
		expect(p, c, ErrClosed)
	}
	wantDrop(t, p.deliver(p.seal(wire.ExchangeInformational, 0, false)), DropIdle)
}

// The secrets in answers are wiped, whether they were taken or not.
func TestAnswersAreWiped(t *testing.T) {
	t.Parallel()
	p := newScript(t, scriptConfig(1))
	key, password := []byte("key"), []byte("password")
	if err := p.s.Do(p.now, PSK{ID: 9, Key: key}); !errors.Is(err, ErrUnknownQuestion) {
		t.Fatal(err)
	}
	if err := p.s.Do(p.now, Credentials{ID: 9, Password: password}); !errors.Is(err, ErrUnknownQuestion) {
		t.Fatal(err)
	}
	if !bytes.Equal(key, make([]byte, 3)) || !bytes.Equal(password, make([]byte, 8)) {
		t.Error("a secret was left behind")
	}
}

// A question that the user does not answer ends the attempt with their reason.
func TestNoSecretGiven(t *testing.T) {
	t.Parallel()
	why := errors.New("the user went home")
	for _, c := range []struct {
		answer PSK
		want   error
	}{{PSK{Err: why}, why}, {PSK{}, nil}} {
		p := newScript(t, scriptConfig(1))
		p.do(Connect{})
		if err := p.deliver(p.initReply()); err != nil {
			t.Fatal(err)
		}
		q, _ := event[NeedPSK](p)
		c.answer.ID = q.ID
		err := p.s.Do(p.now, c.answer)
		p.drain()
		if c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%v does not wrap the user's reason", err)
		}
		wantFatal(t, p, err, CauseCredentials)
	}
}

// The same inputs with the same randomness give the same outputs.
func TestDeterministic(t *testing.T) {
	t.Parallel()
	run := func() *script {
		p := established(t, scriptConfig(7))
		if err := p.pass(2 * time.Minute); err != nil {
			t.Fatal(err)
		}
		return p
	}
	a, b := run(), run()
	if !reflect.DeepEqual(a.sent, b.sent) {
		t.Error("different datagrams")
	}
	if !reflect.DeepEqual(a.events, b.events) {
		t.Error("different events")
	}
}

// RFC 7296 2.8: our soft lifetimes end before the configured ones, not all at
// one moment.
func TestSoftLifetimes(t *testing.T) {
	t.Parallel()
	seen := make(map[time.Time]bool)
	for seed := range uint64(20) {
		cfg := scriptConfig(seed)
		cfg.IKELifetime = time.Hour
		p := established(t, cfg)
		e, _ := event[Established](p)
		if d := e.RekeyAt.Sub(p.now); d < 48*time.Minute || d > 54*time.Minute {
			t.Errorf("rekey of the IKE SA after %v of an hour", d)
		}
		a, _ := event[ChildAdded](p)
		if d := a.SA.RekeyAt.Sub(p.now); d < 48*time.Minute || d > 54*time.Minute {
			t.Errorf("rekey of the Child SA after %v of an hour", d)
		}
		seen[e.RekeyAt] = true
	}
	if len(seen) < 15 {
		t.Errorf("%d different moments of 20", len(seen))
	}
}

// What is told at the end of IKE_AUTH, and in which order.
func TestEstablished(t *testing.T) {
	t.Parallel()
	p := established(t, scriptConfig(1))
	var names []string
	for _, e := range p.events {
		names = append(names, reflect.TypeOf(e).Name())
	}
	want := []string{"Step", "NeedPSK", "Step", "Step", "Step", "Established", "ChildAdded", "ChildActive"}
	if !slices.Equal(names, want) {
		t.Errorf("events %v", names)
	}
	e, _ := event[Established](p)
	if !e.GatewayIdentity.Equal(scriptIDr) || e.Remote != replacePort(serverAddr, 4500) || !e.PeerFragments || e.Behind != (NAT{}) {
		t.Errorf("%+v", e)
	}
	a, _ := event[ChildAdded](p)
	if a.SA.OutboundSPI != p.childSPI || !a.SA.ESN || !a.SA.Initiated || a.Replaces != 0 || len(a.SA.Keys.InitiatorEncryption) == 0 {
		t.Errorf("%+v", a)
	}
}

// A gateway that is not who it should be is told, and nothing more is said.
func TestGatewayNotTrusted(t *testing.T) {
	t.Parallel()
	other := auth.Identity{Type: auth.IDFQDN, Data: []byte("vpn.example.org")}
	for _, c := range []struct {
		name  string
		want  *auth.Identity
		spoil func(ps []wire.Payload) []wire.Payload
		cause Cause
		told  bool
	}{
		{"wrong key", nil, func(ps []wire.Payload) []wire.Payload {
			ps[1].(*wire.AuthPayload).Data[0] ^= 1
			return ps
		}, CauseGatewayAuth, true},
		{"another identity than the one that is proven", nil, func(ps []wire.Payload) []wire.Payload {
			ps[0] = other.Payload(true)
			return ps
		}, CauseGatewayAuth, true},
		{"not the one that was asked for", &other, nil, CauseGatewayIdentity, true},
		{"no IDr", nil, func(ps []wire.Payload) []wire.Payload { return ps[1:] }, CauseGatewayAuth, true},
		{"no AUTH", nil, func(ps []wire.Payload) []wire.Payload {
			return append(ps[:1:1], ps[2:]...)
		}, CauseGatewayAuth, true},
		{"refuses us", nil, func([]wire.Payload) []wire.Payload {
			return []wire.Payload{errorNotify(wire.NotifyAuthenticationFailed, nil)}
		}, CauseRejected, false},
		{"refuses the proposal alone", nil, func([]wire.Payload) []wire.Payload {
			return []wire.Payload{errorNotify(wire.NotifyNoProposalChosen, nil)}
		}, CauseNoProposal, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cfg := scriptConfig(1)
			cfg.GatewayIdentity = c.want
			p := newScript(t, cfg)
			p.toAuth()
			ps := p.authReply()
			if c.spoil != nil {
				ps = c.spoil(ps)
			}
			sent := len(p.sent)
			err := p.reply(ps...)
			told := false
			for _, d := range p.sent[sent:] {
				_, farewell := p.open(d)
				_, told = wire.Notify(farewell, wire.NotifyAuthenticationFailed)
			}
			if told != c.told || len(p.sent)-sent > 1 {
				t.Errorf("told: %v, in %d messages (RFC 7296 2.21.2)", told, len(p.sent)-sent)
			}
			wantFatal(t, p, err, c.cause)
			if _, ok := event[Established](p); ok {
				t.Error("established all the same")
			}
		})
	}
}

// A gateway that accepts the client and gives it nothing: the IKE SA is closed
// in good order, with the reason (RFC 7296 1.2, 2.21.2).
func TestChildRefused(t *testing.T) {
	t.Parallel()
	instead := func(n wire.NotifyType) func([]wire.Payload) []wire.Payload {
		return func(ps []wire.Payload) []wire.Payload { return append(ps[:2], errorNotify(n, nil)) }
	}
	for _, c := range []struct {
		name  string
		spoil func(ps []wire.Payload) []wire.Payload
		cause Cause
	}{
		{"NO_PROPOSAL_CHOSEN", instead(wire.NotifyNoProposalChosen), CauseNoProposal},
		{"TS_UNACCEPTABLE", instead(wire.NotifyTSUnacceptable), CauseSelectors},
		{"INTERNAL_ADDRESS_FAILURE", instead(wire.NotifyInternalAddressFailure), CauseNoAddress},
		{"FAILED_CP_REQUIRED", instead(wire.NotifyFailedCPRequired), CauseNoAddress},
		{"NO_ADDITIONAL_SAS", instead(wire.NotifyNoAdditionalSAs), CauseNoChild},
		{"silence", func(ps []wire.Payload) []wire.Payload { return ps[:2] }, CauseNoChild},
		{"no address", func(ps []wire.Payload) []wire.Payload {
			return slices.DeleteFunc(ps, func(x wire.Payload) bool { return x.Type() == wire.PayloadCP })
		}, CauseNoAddress},
		{"a suite that was not offered", func(ps []wire.Payload) []wire.Payload {
			ps[3].(*wire.SAPayload).Proposals[0].Transforms[0].KeyLen = 128
			return ps
		}, CauseNoProposal},
		{"a reserved SPI", func(ps []wire.Payload) []wire.Payload {
			ps[3].(*wire.SAPayload).Proposals[0].SPI = []byte{0, 0, 0, 255}
			return ps
		}, CauseNoProposal},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newScript(t, scriptConfig(1))
			p.toAuth()
			err := p.reply(c.spoil(p.authReply())...)
			h, farewell := p.open(p.last())
			d, ok := wire.Find[*wire.DeletePayload](farewell)
			if !ok || d.Protocol != wire.ProtocolIKE || h.MessageID != 2 {
				t.Errorf("no Delete of the IKE SA, but %s", wire.Describe(farewell))
			}
			if _, ok := event[Closed](p); ok {
				t.Error("closed before the Delete was answered")
			}
			wantFatal(t, p, err, c.cause)
		})
	}
}

// A source of randomness that runs dry ends the Session, at whatever moment.
func TestRandomnessRunsDry(t *testing.T) {
	t.Parallel()
	for budget := range 200 {
		cfg := scriptConfig(1)
		cfg.Rand = io.LimitReader(cfg.Rand, int64(budget))
		p := newScript(t, cfg)
		err := p.s.Do(p.now, Connect{})
		p.drain()
		if err == nil {
			if err = p.deliver(p.initReply()); err == nil {
				q, _ := event[NeedPSK](p)
				err = p.s.Do(p.now, PSK{ID: q.ID, Key: []byte(scriptPSK)})
				p.drain()
			}
		}
		if err == nil {
			err = p.reply(p.authReply()...)
		}
		if err == nil {
			return // enough for a whole handshake
		}
		var f *Failure
		if !errors.As(err, &f) || f.Cause != CauseInternal {
			t.Fatalf("with %d octets: %v", budget, err)
		}
	}
	t.Error("a handshake wants more than 200 octets")
}
