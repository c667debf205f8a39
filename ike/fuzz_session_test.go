package ike_test

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/ike"
	"github.com/homeward-vpn/homeward/ike/auth"
	"github.com/homeward-vpn/homeward/ike/eap"
	"github.com/homeward-vpn/homeward/ike/iketest"
	"github.com/homeward-vpn/homeward/ike/iketest/vectors"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// Fuzzing of the whole state machine. The input is a program: what the client is told,
// what the gateway does of its own accord, how messages of it are changed before they
// are protected, what the network does, and how time passes.

// fuzzFeatures are the configurations, in which different handlers can be reached.
func fuzzFeatures(t *testing.T) []iketest.PairConfig {
	second := iketest.PairConfig{
		Client: func(c *ike.Config) {
			c.Further = []ike.Authentication{{Identity: auth.Identity{Type: auth.IDFQDN, Data: []byte("second")}, EAP: c.EAP}}
		},
		Gateway: func(r *iketest.ResponderConfig) {
			r.Further = []iketest.Round{{Users: r.Users, Identity: "second"}}
		},
	}
	moving := iketest.PairConfig{Gateway: func(r *iketest.ResponderConfig) {
		r.MOBIKE = &iketest.MOBIKE{Addresses: []netip.Addr{iketest.GatewaySecond}, Routability: true}
	}}
	pieces := iketest.PairConfig{
		Client:  func(c *ike.Config) { c.FragmentSize = 576 },
		Gateway: func(r *iketest.ResponderConfig) { r.FragmentSize, r.FindSize = 300, true },
	}
	syncing := iketest.PairConfig{Gateway: func(r *iketest.ResponderConfig) { r.MessageIDSync, r.AuthLifetime = true, time.Hour }}
	turning := iketest.PairConfig{Gateway: func(r *iketest.ResponderConfig) { r.RedirectLast, r.Cookie = "vpn2.example.com", true }}
	alone := iketest.PairConfig{
		Client:  func(c *ike.Config) { c.EAPOnly = c.EAP.Methods },
		Gateway: func(r *iketest.ResponderConfig) { r.EAPOnly = iketest.EAPOnlyTaken },
	}
	rich := iketest.PairConfig{
		Client: func(c *ike.Config) { c.RequestIPv6, c.LocalTS, c.RemoteTS, c.MaxChildren = true, nil, nil, 3 },
		Gateway: func(r *iketest.ResponderConfig) {
			r.Addresses = append(r.Addresses, netip.MustParsePrefix("2001:db8:99::5/128"))
			r.Subnets = []netip.Prefix{netip.MustParsePrefix("10.7.0.0/16"), netip.MustParsePrefix("2001:db8:7::/48")}
			r.Domains, r.Version, r.Narrowing = []string{"corp.example.com;lab.example.com"}, "1.0", iketest.NarrowByPairs
		},
	}
	code := iketest.PairConfig{
		Client: func(c *ike.Config) {
			c.EAP.Methods, c.EAP.ConfirmNotice = []uint8{eap.TypeGTC, eap.TypeOTP, eap.TypeMD5}, true
		},
		Gateway: func(r *iketest.ResponderConfig) {
			r.EAPMethods = []uint8{eap.TypeTLS, eap.TypeGTC}
			r.SignIn = iketest.SignIn{Notices: []string{"Hello"}, LongTypes: true, Prompts: []iketest.Prompt{{Text: "Code?", Answer: iketest.Password}, {Text: "PIN?", Answer: iketest.Password}}}
		},
	}
	expired := by(iketest.SignIn{Expired: true, TooShort: 100, Retries: 3}, mschapv2)
	ranges := both(protects(iketest.NarrowTelling), asking("10.1.0.0/16", "10.2.0.0/16", "192.168.7.0/24"))
	return []iketest.PairConfig{
		both(byPSK(), rich), both(byPSK(), moving), both(byPSK(), childless(ike.ChildlessOffered, iketest.ChildlessOffered)),
		both(byPSK(), both(hybrid(t, "x25519-ke1_ecp256"), additionalChild(t, "x25519-ke1_ecp256"))),
		both(byPSK(), syncing), both(byPSK(), pieces), both(byPSK(), ranges), both(moving, pieces), second, alone, turning, code, expired, {},
	}
}

// fuzzer plays a program.
type fuzzer struct {
	p       *iketest.Pair
	program []byte
	change  [2][]byte // the next request's and the next answer's change
	lose    int       // packets to lose
}

// next takes an octet; 0 when the program is over.
func (f *fuzzer) next() byte {
	if len(f.program) == 0 {
		return 0
	}
	b := f.program[0]
	f.program = f.program[1:]
	return b
}

// octets takes a count and as many octets, or what is left.
func (f *fuzzer) octets() []byte {
	n := min(int(f.next()), len(f.program))
	b := f.program[:n]
	f.program = f.program[n:]
	return b
}

// changed is a chain of payloads with a change: it is taken apart anew where that is
// possible, and else goes out as the nonsense that it is.
func changed(ps []wire.Payload, change []byte) []wire.Payload {
	if len(change) == 0 {
		return ps
	}
	kind, at, rest := change[0]%7, 0, change[1:]
	if len(rest) > 0 {
		at, rest = int(rest[0]), rest[1:]
	}
	first, plain := wire.AppendChain(nil, ps)
	switch kind {
	case 0: // a payload less
		if len(ps) > 0 {
			at %= len(ps)
			return append(append([]wire.Payload{}, ps[:at]...), ps[at+1:]...)
		}
	case 1: // one twice
		if len(ps) > 0 && len(ps) < 60 {
			return append(append([]wire.Payload{}, ps...), ps[at%len(ps)])
		}
	case 2: // one more
		return append(append([]wire.Payload{}, ps...), raw(wire.PayloadType(33+at%22), rest))
	case 3: // other octets
		for i, b := range rest {
			if n := len(plain); n > 0 {
				plain[(at*3+i)%n] ^= b
			}
		}
	case 4: // cut short
		plain = plain[:min(len(plain), at)]
	case 5: // something else altogether
		return []wire.Payload{raw(wire.PayloadType(33+at%22), rest)}
	case 6: // a notification more
		if len(rest) >= 2 {
			n := &wire.NotifyPayload{NotifyType: wire.NotifyType(binary.BigEndian.Uint16(rest)), Data: rest[2:]}
			return append([]wire.Payload{n}, ps...)
		}
	}
	again, err := wire.ParseChain(first, plain)
	if err != nil || len(again) == 0 {
		return []wire.Payload{raw(first, plain[min(4, len(plain)):])}
	}
	return again
}

// rawPayload is a payload of any type and content.
type rawPayload struct {
	kind wire.PayloadType
	body []byte
}

func raw(kind wire.PayloadType, body []byte) wire.Payload { return &rawPayload{kind, body} }

func (r *rawPayload) Type() wire.PayloadType     { return r.kind }
func (r *rawPayload) AppendBody(b []byte) []byte { return append(b, r.body...) }

// command is what the client's owner may want.
func (f *fuzzer) command() ike.Command {
	spi := uint32(0)
	if a := f.p.Active(); a != nil {
		spi = a.InboundSPI
	}
	at := netip.AddrPortFrom(iketest.GatewaySecond, 0)
	switch f.next() % 14 {
	case 0:
		return ike.RekeyIKE{}
	case 1:
		return ike.RekeyChild{InboundSPI: spi}
	case 2:
		return ike.DeleteChild{InboundSPI: spi}
	case 3:
		return ike.CheckLiveness{Urgent: f.next()%2 == 0}
	case 4:
		return ike.Unreachable{}
	case 5:
		return ike.Move{Local: f.p.Local()}
	case 6:
		return ike.Move{Remote: at}
	case 7:
		return ike.Addresses{Local: []netip.Addr{f.p.Local().Addr(), iketest.ClientMobile}, Remote: []netip.Addr{iketest.GatewaySecond}}
	case 8:
		return ike.NoPath{}
	case 9:
		return ike.CheckPath{Size: 600 + 10*int(f.next())}
	case 10:
		return ike.InboundTraffic{}
	case 11:
		return ike.CreateChild{RemoteTS: nets("10.2.0.0/16")}
	case 12:
		return ike.Connect{}
	default:
		return ike.Delete{}
	}
}

// gateway lets the gateway do something of its own.
func (f *fuzzer) gateway(now time.Time) error {
	g := f.p.Gateway
	spi := uint32(0)
	if all := g.Children(); len(all) > 0 {
		spi = all[int(f.next())%len(all)].InboundSPI
	}
	up := g.IKESAs() > 0
	switch op := f.next() % 14; {
	case op == 0:
		return g.RekeyIKE(now)
	case op == 1 && spi != 0:
		return g.RekeyChild(now, spi)
	case op == 2 && spi != 0:
		return g.DeleteChild(now, spi)
	case op == 3:
		return g.CheckLiveness(now, nil)
	case op == 4:
		return g.Redirect(now, "vpn3.example.com")
	case op == 5:
		return g.LimitAuthentication(now, time.Duration(f.next())*time.Minute)
	case op == 6:
		return g.Configure(now, &wire.CPPayload{CFGType: 1 + f.next()%4, Attributes: []wire.ConfigAttribute{{Type: wire.ApplicationVersion}}})
	case op == 7:
		return g.CreateChild(now, nets("10.3.0.0/16"), []wire.TrafficSelector{wire.AnyIPv4()})
	case op == 8 && g.Address().From.IsValid(): // there is one that is not on its way out
		g.SyncMessageIDs(now, iketest.MessageIDs{Send: uint32(f.next()), Receive: uint32(f.next())})
	case op == 9:
		return g.Relocate(now, iketest.GatewaySecond, nil, nil, nil)
	case op == 10:
		return g.Inform(now, iketest.GatewayPublic, changed(nil, f.octets()), nil)
	case op == 11 && up:
		g.Interject(now, wire.ExchangeType(34+f.next()%12), changed(nil, f.octets()))
	case op == 12:
		g.Silence(f.next()%2 == 0)
	case op == 13:
		return g.DeleteIKE(now)
	}
	return nil
}

// step performs one instruction.
func (f *fuzzer) step() {
	p := f.p
	switch f.next() % 8 {
	case 0:
		_ = p.Do(f.command()) // what does not fit is refused, and changes nothing
	case 1:
		_ = p.Tell(f.gateway) // where the gateway has nothing to do it with
	case 2:
		p.Drive([]time.Duration{0, 1, 10, 50, 200, 1000, 3000, 10000, 60000, 600000, 3600000}[f.next()%11] * time.Millisecond)
	case 3:
		f.change[0] = f.octets()
	case 4:
		f.change[1] = f.octets()
	case 5:
		f.lose = int(f.next() % 4)
	case 6:
		to := iketest.Packet{From: netip.AddrPortFrom(iketest.GatewayPublic, 4500), To: p.Local(), Encap: true, Data: f.octets()}
		if spis := p.Client.AppendSPIs(nil); len(to.Data) > wire.HeaderLen && len(spis) > 0 && f.next()%2 == 0 {
			to.Data = binary.BigEndian.AppendUint64(nil, uint64(spis[0]))
			to.Data = append(to.Data, f.octets()...)
		}
		p.Network.Inject(p.Now, to)
	case 7:
		p.Drive(30 * time.Millisecond) // the usual: messages go to and fro
	}
}

// checkBounds wants that all is in order and bounded.
func (f *fuzzer) checkBounds(t *testing.T) {
	t.Helper()
	for _, c := range f.p.Complaints {
		t.Fatalf("the client's owner complains: %s\n%s", c, f.p.Trace)
	}
	if what := ike.Held(f.p.Client); what != "" {
		t.Fatalf("too many %s\n%s", what, f.p.Trace)
	}
	if n, most := len(f.p.Sent), 3000+int(f.p.Now.Sub(iketest.Epoch).Hours())*500; n > most {
		t.Fatalf("%d datagrams were sent, want at most %d by now", n, most)
	}
	if w := ike.Weight(f.p.Client); w > 1<<20 {
		t.Fatalf("the Session weighs %d octets", w)
	}
	if f.p.Closed != nil && (!f.p.Client.NextTimeout().IsZero() || len(f.p.Client.AppendSPIs(nil)) > 0) {
		t.Fatal("a closed Session wants to be woken, or to hear more")
	}
}

// fuzzSeeds are programs that reach far: every command, every act of the gateway's, and
// every kind of change to every kind of message.
func fuzzSeeds() (seeds [][]byte) {
	const up = "\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x02\x05"
	for i := range byte(14) {
		seeds = append(seeds,
			append([]byte(up), 0, i, 1, 2, 5, 0, 0, 1, 0, 0, 2, 6),
			append([]byte(up), 1, 0, i, 1, 2, 5, 0, 1, 2, 9),
			append([]byte(up), 0, i, 1, 1, 0, i, 2, 4, 2, 8))
	}
	for kind := range byte(7) {
		for at := range byte(6) {
			seeds = append(seeds, []byte{4, 4, kind, at, 0x40, 9, 7, 7, 7, 7, 7, 7, 2, 6})
			for _, act := range [][]byte{{0, 0}, {0, 1}, {0, 3, 0}, {0, 6}, {0, 11}} {
				program := append([]byte(up), 4, 4, kind, at, 0x40, 10)
				seeds = append(seeds, append(append(program, act...), 2, 5, 2, 6))
			}
			for _, trips := range []int{1, 2, 3, 5} { // into the handshake
				seeds = append(seeds, append(bytes.Repeat([]byte{7}, trips), 4, 4, kind, at, 0x40, 9, 2, 6))
			}
			for _, act := range [][]byte{{1, 0, 0}, {1, 0, 1}, {1, 0, 2}, {1, 0, 6, 0}, {1, 0, 7}, {1, 0, 9}} {
				program := append([]byte(up), 3, 4, kind, at, 0x40, 11)
				seeds = append(seeds, append(append(program, act...), 2, 5, 2, 6))
			}
		}
	}
	for _, n := range []wire.NotifyType{
		wire.NotifyNoProposalChosen, wire.NotifyInvalidKEPayload, wire.NotifyTemporaryFailure, wire.NotifyTSUnacceptable, wire.NotifySinglePairRequired,
		wire.NotifyChildSANotFound, wire.NotifyNoAdditionalSAs, wire.NotifyAuthenticationFailed, wire.NotifyInternalAddressFailure,
		wire.NotifyUnacceptableAddresses, wire.NotifyUnexpectedNATDetected, wire.NotifyInvalidSyntax, wire.NotifyStateNotFound, wire.NotifyCookie,
	} {
		// The whole answer is this notification, with the number of a group in it.
		refusal := []byte{4, 8, 5, byte(wire.PayloadNotify - 33), 0, 0, byte(n >> 8), byte(n), 0, 19}
		for _, trips := range []int{0, 1, 2, 3, 5} {
			seeds = append(seeds, append(append(bytes.Repeat([]byte{7}, trips), refusal...), 2, 6))
		}
		for _, act := range [][]byte{{0, 0}, {0, 1}, {0, 5}, {0, 6}, {0, 11}} {
			seeds = append(seeds, append(append(append([]byte(up), refusal...), act...), 2, 5, 2, 6, 2, 8))
		}
	}
	// Both ends at once, with losses, and time enough for the rest.
	for _, both := range [][]byte{{0, 0, 1, 0, 0}, {0, 1, 1, 0, 1}, {0, 1, 1, 0, 0}, {0, 0, 1, 0, 1}, {0, 2, 1, 0, 1}, {1, 0, 1, 0, 2}} {
		for lost := range byte(4) {
			seeds = append(seeds, append(append(append([]byte(up), both...), 7, 5, lost), 7, 7, 2, 7, 2, 8))
		}
	}
	return seeds
}

// FuzzSession: whatever the two ends do, no panic, no state without bound, events in
// order, nothing after Closed, and the end comes when it is asked for.
func FuzzSession(f *testing.F) {
	const acts, features = 42, 12
	for i, s := range fuzzSeeds() {
		f.Add(uint8(i), s)
		for feature := range uint8(features) {
			if i < acts && feature != uint8(i%features) {
				f.Add(feature, s)
			}
		}
	}
	for i, b := range vectors.Seeds(f, "fuzz/ikev2-seeds") {
		n := min(len(b), 250)
		f.Add(uint8(i), append([]byte{7, 7, 7, 7, 7, 7, 7, 7, 6, byte(n)}, b[:n]...))
	}
	f.Fuzz(func(t *testing.T, feature uint8, program []byte) {
		if len(program) > 600 {
			return
		}
		play(t, feature, program)
	})
}

// play runs one program.
func play(t *testing.T, feature uint8, program []byte) {
	features := fuzzFeatures(t)
	c := features[int(feature)%len(features)]
	c.Conditions.Delay = 10 * time.Millisecond
	z := &fuzzer{program: program}
	c = both(c, iketest.PairConfig{Gateway: func(r *iketest.ResponderConfig) {
		r.OnReply = func(x *iketest.Exchange) { x.Response, z.change[1] = changed(x.Response, z.change[1]), nil }
		r.OnAsk = func(_ wire.ExchangeType, ps []wire.Payload) []wire.Payload {
			ps, z.change[0] = changed(ps, z.change[0]), nil
			return ps
		}
	}})
	c.Authority = authority()
	p, err := iketest.NewPair(c)
	if err != nil {
		t.Fatal(err)
	}
	z.p = p
	p.Network.Gateways = []netip.Addr{iketest.GatewaySecond}
	p.Network.Intercept = func(*iketest.Packet) (time.Duration, bool) {
		if z.lose == 0 {
			return 0, false
		}
		z.lose--
		return 0, true
	}
	if err := p.Connect(); err != nil {
		t.Fatal(err)
	}
	for range 200 {
		if len(z.program) == 0 {
			break
		}
		z.step()
		z.checkBounds(t)
	}
	p.Drive(5 * time.Minute)
	z.checkBounds(t)
	if p.Closed == nil {
		if err := p.Do(ike.Delete{}); err != nil {
			t.Fatal(err)
		}
		p.Drive(5 * time.Second)
	}
	z.checkBounds(t)
	if _, last := p.Events[len(p.Events)-1].(ike.Closed); !last || iketest.Count[ike.Closed](p) != 1 {
		t.Fatalf("it does not end\n%s", p.Trace)
	}
}
