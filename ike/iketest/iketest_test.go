package iketest

import (
	"bytes"
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/ike/suite"
	"github.com/homeward-vpn/homeward/ike/wire"
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The numbers of RFC 2759 9.2 and RFC 3079 3.5.3.
func TestMSCHAPv2Numbers(t *testing.T) {
	t.Parallel()
	x := newMSCHAPv2("User", "clientPass",
		unhex(t, "5B5D7C7D7B3F2F3E3C2C602132262628"), unhex(t, "21402324255E262A28295F2B3A337C7E"))
	if want := unhex(t, "82309ECD8D708B5EA08FAA3981CD83544233114A3D85D6DF"); !bytes.Equal(x.ntResponse, want) {
		t.Errorf("NT response %x", x.ntResponse)
	}
	if want := unhex(t, "407A5589115FD0D6209F510FE9C04566932CDA56"); !bytes.Equal(x.authenticatorResponse, want) {
		t.Errorf("authenticator response %x", x.authenticatorResponse)
	}
	msk := x.msk()
	if send := unhex(t, "8B7CDC149B993A1BA118CB153F56DCCB"); len(msk) != 64 || !bytes.Equal(msk[16:32], send) {
		t.Errorf("server's send key %x", []byte(msk[16:32]))
	}
	if !bytes.Equal(msk[32:], make([]byte, 32)) {
		t.Error("the MSK is not padded with zeros")
	}
}

// The server sends no success to a wrong answer, whatever is wrong with it.
func TestEAPServerRefuses(t *testing.T) {
	t.Parallel()
	s := newEAPServer(&ResponderConfig{Rand: NewRand(1), Users: map[string]string{"alice": "secret"}, EAPMethods: []uint8{eapMSCHAPv2}})
	first := s.Start()
	identity := append([]byte{eapResponse, first[1], 0, 10, eapIdentity}, "alice"...)
	challenge, err := s.Handle(identity)
	if err != nil || challenge[4] != eapMSCHAPv2 {
		t.Fatalf("%x, %v", challenge, err)
	}
	for name, b := range map[string][]byte{
		"a response to another request": {eapResponse, challenge[1] + 1, 0, 6, eapMSCHAPv2, opSuccess},
		"success out of order":          {eapResponse, challenge[1], 0, 6, eapMSCHAPv2, opSuccess},
		"a request":                     {eapRequest, challenge[1], 0, 6, eapMSCHAPv2, opSuccess},
		"a length that lies":            {eapResponse, challenge[1], 0, 7, eapMSCHAPv2, opSuccess},
		"a response cut short":          {eapResponse, challenge[1], 0, 10, eapMSCHAPv2, opResponse, 1, 0, 5, 49},
		"nothing":                       nil,
	} {
		if out, err := s.Handle(b); err == nil {
			t.Errorf("%s was answered %x", name, out)
		}
	}
	if s.msk != nil {
		t.Error("a key came out of nothing")
	}
}

func packet(id byte) Packet {
	m := wire.Message{Header: wire.Header{InitiatorSPI: 1, Exchange: wire.ExchangeIKESAInit, MessageID: uint32(id)}}
	return Packet{
		From: netip.AddrPortFrom(ClientPrivate, 500), To: netip.AddrPortFrom(GatewayPublic, 500), Data: m.Marshal(),
	}
}

func arrivals(n *Network, from time.Time) (ids []byte, last time.Time) {
	for {
		at := n.Next()
		if at.IsZero() {
			return ids, last
		}
		if at.Before(from) {
			panic("a packet arrived before it was sent")
		}
		p, _ := n.Receive(at)
		ids, last = append(ids, p.Data[23]), at
	}
}

func TestNetworkConditions(t *testing.T) {
	t.Parallel()
	run := func(c Conditions, seed uint64) ([]byte, time.Time) {
		n := NewNetwork(seed, GatewayPublic)
		n.Conditions = c
		for i := range 200 {
			n.Send(Epoch, packet(byte(i)))
		}
		return arrivals(n, Epoch)
	}
	if ids, last := run(Conditions{}, 1); len(ids) != 200 || ids[7] != 7 || !last.Equal(Epoch) {
		t.Errorf("a perfect wire delivered %d packets, the last at %v", len(ids), last)
	}
	if _, last := run(Conditions{Delay: time.Second}, 1); !last.Equal(Epoch.Add(time.Second)) {
		t.Errorf("a second's delay ended at %v", last)
	}
	if ids, _ := run(Conditions{Loss: 0.3}, 1); len(ids) < 110 || len(ids) > 170 {
		t.Errorf("30%% loss left %d of 200", len(ids))
	}
	if ids, _ := run(Conditions{Duplicate: 0.5}, 1); len(ids) < 270 || len(ids) > 330 {
		t.Errorf("50%% duplication made %d of 200", len(ids))
	}
	ids, _ := run(Conditions{Jitter: time.Second}, 1)
	if len(ids) != 200 || bytes.Equal(ids, sorted(ids)) {
		t.Error("jitter did not reorder")
	}
	again, _ := run(Conditions{Jitter: time.Second}, 1)
	other, _ := run(Conditions{Jitter: time.Second}, 2)
	if !bytes.Equal(ids, again) || bytes.Equal(ids, other) {
		t.Error("the order does not depend on the seed, and on it alone")
	}
}

func sorted(b []byte) []byte {
	out := make([]byte, len(b))
	for i := range out {
		out[i] = byte(i)
	}
	return out
}

func TestNetworkTranslates(t *testing.T) {
	t.Parallel()
	n := NewNetwork(1, GatewayPrivate)
	n.ClientNAT, n.GatewayNAT = ClientPublic, GatewayPublic
	n.Send(Epoch, packet(1))
	p, ok := n.Receive(Epoch)
	if !ok || p.From.Addr() != ClientPublic || p.From.Port() == 500 || p.To != netip.AddrPortFrom(GatewayPrivate, 500) {
		t.Fatalf("outward: %+v", p)
	}
	n.Send(Epoch, Packet{From: p.To, To: p.From, Data: p.Data})
	back, ok := n.Receive(Epoch)
	if !ok || back.To != netip.AddrPortFrom(ClientPrivate, 500) || back.From != netip.AddrPortFrom(GatewayPublic, 500) {
		t.Fatalf("inward: %+v", back)
	}
	n.Rebind()
	n.Send(Epoch, Packet{From: p.To, To: p.From, Data: p.Data})
	if _, ok := n.Receive(Epoch); ok {
		t.Fatal("a forgotten mapping still works")
	}
	n.Send(Epoch, packet(2))
	if q, _ := n.Receive(Epoch); q.From == p.From {
		t.Fatal("the new mapping is the old one")
	}
}

func TestNetworkInterceptAndInject(t *testing.T) {
	t.Parallel()
	n := NewNetwork(1, GatewayPublic)
	n.Trace = &Transcript{}
	n.Intercept = func(p *Packet) (time.Duration, bool) { return time.Minute, p.Data[23] == 1 }
	n.Send(Epoch, packet(1))
	n.Send(Epoch, packet(2))
	n.Inject(Epoch, packet(3))
	ids, last := arrivals(n, Epoch)
	if !bytes.Equal(ids, []byte{3, 2}) || !last.Equal(Epoch.Add(time.Minute)) {
		t.Fatalf("%v, the last at %v", ids, last)
	}
	if n.Trace.Count("taken off the wire: IKE_SA_INIT request 1") != 1 {
		t.Fatalf("transcript:\n%v", n.Trace)
	}
}

func TestNarrow(t *testing.T) {
	t.Parallel()
	sel := func(s string) wire.TrafficSelector { return wire.SelectorFromPrefix(netip.MustParsePrefix(s)) }
	list := func(ss ...string) (out []wire.TrafficSelector) {
		for _, s := range ss {
			out = append(out, sel(s))
		}
		return out
	}
	for _, c := range []struct{ asked, allowed, want []wire.TrafficSelector }{
		{list("0.0.0.0/0"), list("10.0.0.0/8", "192.168.0.0/16"), list("10.0.0.0/8", "192.168.0.0/16")},
		{list("10.1.0.0/16"), list("0.0.0.0/0", "::/0"), list("10.1.0.0/16")},
		{list("0.0.0.0/0", "::/0"), list("10.0.0.5/32"), list("10.0.0.5/32")},
		{list("10.0.0.0/8"), list("192.168.0.0/16"), nil},
	} {
		got := narrow(c.asked, c.allowed)
		if len(got) != len(c.want) {
			t.Fatalf("%v within %v: %v", c.asked, c.allowed, got)
		}
		for i := range got {
			if got[i] != c.want[i] {
				t.Errorf("%v within %v: %v", c.asked, c.allowed, got)
			}
		}
	}
}

// The nonce rule of RFC 7296 2.8.1, for each of the four being the lowest.
func TestLowest(t *testing.T) {
	t.Parallel()
	low, high := []byte{1, 9}, []byte{2, 0}
	if !lowest(low, high, high, high) || !lowest(high, low, high, high) {
		t.Error("ours is lowest, and is not found")
	}
	if lowest(high, high, low, high) || lowest(high, high, high, low) {
		t.Error("the peer's is lowest, and ours is called so")
	}
	if !lowest([]byte{1}, high, []byte{1, 0}, high) {
		t.Error("a prefix is the lower")
	}
}

func TestAssembly(t *testing.T) {
	t.Parallel()
	var a assembly
	frag := func(n, total uint16) *wire.EncryptedFragment {
		return &wire.EncryptedFragment{Number: n, Total: total}
	}
	if _, _, ok := a.add(1, frag(2, 2), 0, []byte("b")); ok {
		t.Fatal("half a message is no message")
	}
	if _, _, ok := a.add(1, frag(2, 2), 0, []byte("b")); ok {
		t.Fatal("one half twice is no message")
	}
	first, whole, ok := a.add(1, frag(1, 2), wire.PayloadNotify, []byte("a"))
	if !ok || first != wire.PayloadNotify || string(whole) != "ab" {
		t.Fatalf("%v %q %v", first, whole, ok)
	}
}

// What a stranger sends does not move the gateway.
func TestResponderIgnoresNoise(t *testing.T) {
	t.Parallel()
	r := NewResponder(ResponderConfig{Rand: NewRand(3), Address: GatewayPublic, IKE: suite.DefaultIKE()})
	noise := [][]byte{nil, {0xff}, make([]byte, 28), packet(0).Data, packet(9).Data}
	for _, b := range noise {
		r.Handle(Epoch, Packet{Data: b})
	}
	if out, ok := r.Poll(); ok {
		t.Errorf("answered %x", out.Data)
	}
	if r.IKESAs() != 0 || len(r.Children()) != 0 || !r.NextTimeout().IsZero() {
		t.Error("something was made of nothing")
	}
	if err := r.DeleteIKE(Epoch); err != ErrNoSA {
		t.Errorf("deleting nothing: %v", err)
	}
}

func TestSPIsDifferAndSkipReserved(t *testing.T) {
	t.Parallel()
	r := NewResponder(ResponderConfig{Rand: NewRand(5)})
	seen := map[uint32]bool{}
	for range 1000 {
		spi := r.newChildSPI()
		if spi < 256 || seen[spi] {
			t.Fatalf("SPI %d", spi)
		}
		seen[spi] = true
		r.children[spi] = &Child{InboundSPI: spi}
	}
}
