package ike

import (
	"net/netip"
	"testing"

	"github.com/homeward-vpn/homeward/ike/wire"
)

// RFC 7296 2.23: what NAT detection sees, with UDP encapsulation in every case.
func TestDetectNAT(t *testing.T) {
	t.Parallel()
	const spiI, spiR = 0x0102030405060708, 0x1112131415161718
	elsewhere := netip.MustParseAddrPort("192.0.2.99:1024")
	source := func(at netip.AddrPort) wire.Payload {
		return &wire.NotifyPayload{NotifyType: wire.NotifyNATDetectionSourceIP, Data: natHash(spiI, spiR, at)}
	}
	destination := func(at netip.AddrPort) wire.Payload {
		return &wire.NotifyPayload{NotifyType: wire.NotifyNATDetectionDestinationIP, Data: natHash(spiI, spiR, at)}
	}
	direct := Datagram{Local: clientAddr, Remote: serverAddr}
	mapped := netip.AddrPortFrom(netip.AddrFrom16(serverAddr.Addr().As16()), serverAddr.Port())
	for _, c := range []struct {
		name string
		d    Datagram
		ps   []wire.Payload
		want NAT
	}{
		{"none", direct, []wire.Payload{source(serverAddr), destination(clientAddr)}, NAT{}},
		{"we are", direct, []wire.Payload{source(serverAddr), destination(elsewhere)}, NAT{Us: true}},
		{"the peer is", direct, []wire.Payload{source(elsewhere), destination(clientAddr)}, NAT{Peer: true}},
		{"both are", direct, []wire.Payload{source(elsewhere), destination(elsewhere)}, NAT{Us: true, Peer: true}},
		{"a gateway with several addresses", direct,
			[]wire.Payload{source(elsewhere), source(serverAddr), destination(clientAddr)}, NAT{}},
		{"a gateway that says nothing", direct, nil, NAT{Us: true}},
		{"our address is not known", Datagram{Local: netip.MustParseAddrPort("0.0.0.0:500"), Remote: serverAddr},
			[]wire.Payload{source(serverAddr), destination(elsewhere)}, NAT{Us: true}},
		{"an IPv4 address written as IPv6", Datagram{Local: clientAddr, Remote: mapped},
			[]wire.Payload{source(serverAddr), destination(clientAddr)}, NAT{}},
		{"a hash cut short", direct, []wire.Payload{
			&wire.NotifyPayload{NotifyType: wire.NotifyNATDetectionSourceIP, Data: []byte{1}}, destination(clientAddr),
		}, NAT{Peer: true}},
	} {
		s := &Session{cfg: Config{Local: clientAddr, Remote: serverAddr}}
		m := &wire.Message{Header: wire.Header{InitiatorSPI: spiI, ResponderSPI: spiR}, Payloads: c.ps}
		if got := s.detectNAT(c.d, m); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

// RFC 7296 2.23: the hash is over both SPIs, the address in network order and
// the port; a change of any gives another.
func TestNATHash(t *testing.T) {
	t.Parallel()
	base := natHash(1, 2, clientAddr)
	if len(base) != 20 {
		t.Fatalf("%d octets", len(base))
	}
	for name, other := range map[string][]byte{
		"initiator": natHash(3, 2, clientAddr),
		"responder": natHash(1, 3, clientAddr),
		"address":   natHash(1, 2, netip.AddrPortFrom(serverAddr.Addr(), clientAddr.Port())),
		"port":      natHash(1, 2, netip.AddrPortFrom(clientAddr.Addr(), 501)),
	} {
		if string(other) == string(base) {
			t.Errorf("another %s gives the same hash", name)
		}
	}
}

// A NAT is claimed always, and everything after IKE_SA_INIT goes to the port
// for UDP encapsulation; a gateway on a port of its own keeps it.
func TestAlwaysEncapsulated(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		remote    uint16
		natT      uint16
		initPort  uint16
		initEncap bool
		authPort  uint16
	}{
		{"usual ports", 500, 0, 500, false, 4500},
		{"another port for UDP encapsulation", 500, 4600, 500, false, 4600},
		{"a port of its own", 7500, 0, 7500, true, 7500},
		{"4500 from the start", 4500, 0, 4500, true, 4500},
	} {
		cfg := scriptConfig(1)
		cfg.Remote, cfg.NATTPort = replacePort(serverAddr, c.remote), c.natT
		p := newScript(t, cfg)
		p.toAuth()
		first, last := p.sent[0], p.last()
		if first.Remote.Port() != c.initPort || first.Encap != c.initEncap {
			t.Errorf("%s: IKE_SA_INIT to %v, marker %v", c.name, first.Remote, first.Encap)
		}
		if last.Remote.Port() != c.authPort || !last.Encap {
			t.Errorf("%s: IKE_AUTH to %v, marker %v", c.name, last.Remote, last.Encap)
		}
		m, err := wire.ParseMessage(first.Data)
		if err != nil {
			t.Fatal(err)
		}
		n, ok := wire.Notify(m.Payloads, wire.NotifyNATDetectionSourceIP)
		if !ok || string(n.Data) == string(natHash(m.InitiatorSPI, 0, clientAddr)) {
			t.Errorf("%s: the true source address is told", c.name)
		}
	}
}
