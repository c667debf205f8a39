package ike

import (
	"bytes"
	"crypto/sha1"
	"encoding/binary"
	"net/netip"

	"github.com/homeward-vpn/homeward/ike/wire"
)

// NAT detection (RFC 7296 2.23). ESP is carried in userspace, inside UDP, so a
// NAT is claimed always: our NAT_DETECTION_SOURCE_IP is a value that matches no
// address, and the gateway concludes that we are behind a NAT and encapsulates.
// What its own notifications say is still looked at, for the status.

// falseSource is a NAT_DETECTION_SOURCE_IP that no address hashes to, but by a
// chance of one in 2^160.
func (s *Session) falseSource() ([]byte, error) { return s.random(sha1.Size) }

// natHash is SHA-1 over SPIs, address and port (RFC 7296 2.23).
func natHash(initiator, responder wire.SPI, at netip.AddrPort) []byte {
	h := sha1.New()
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(initiator))
	h.Write(b[:])
	binary.BigEndian.PutUint64(b[:], uint64(responder))
	h.Write(b[:])
	h.Write(at.Addr().Unmap().AsSlice())
	binary.BigEndian.PutUint16(b[:2], at.Port())
	h.Write(b[:2])
	return h.Sum(nil)
}

// detectNAT compares what the gateway saw with what we know. Where our own
// address is not known, or the gateway says nothing, a NAT is assumed.
func (s *Session) detectNAT(d Datagram, m *wire.Message) NAT {
	local, remote := d.Local, d.Remote
	if !local.IsValid() || local.Addr().IsUnspecified() {
		local = s.cfg.Local
	}
	if !remote.IsValid() {
		remote = s.cfg.Remote
	}
	var source, destination, sawSource bool
	for _, p := range m.Payloads {
		n, ok := p.(*wire.NotifyPayload)
		if !ok {
			continue
		}
		switch n.NotifyType {
		case wire.NotifyNATDetectionSourceIP: // may come once per address of the gateway
			sawSource = true
			source = source || bytes.Equal(n.Data, natHash(m.InitiatorSPI, m.ResponderSPI, remote))
		case wire.NotifyNATDetectionDestinationIP:
			known := local.IsValid() && !local.Addr().IsUnspecified()
			destination = destination || known && bytes.Equal(n.Data, natHash(m.InitiatorSPI, m.ResponderSPI, local))
		}
	}
	return NAT{Us: !destination, Peer: sawSource && !source}
}

// replacePort gives the same host with another port.
func replacePort(a netip.AddrPort, port uint16) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr(), port)
}
