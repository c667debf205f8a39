package lab

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/homeward-vpn/homeward/ike"
	"github.com/homeward-vpn/homeward/ike/auth"
	"github.com/homeward-vpn/homeward/ike/suite"
)

// occupy leaves an IKE SA half open at the gateway: strongSwan wants a cookie of
// everybody as long as there is one (cookie_threshold), but not of the first.
// from is any machine on the gateway's network.
func (g *Gateway) occupy(from *Namespace) error {
	request, err := firstMessage()
	if err != nil {
		return err
	}
	return from.Do(func() error {
		conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(gatewayIKE))
		if err != nil {
			return fmt.Errorf("lab: occupying the gateway: %w", err)
		}
		err = answered(conn, request)
		return errors.Join(err, conn.Close())
	})
}

var gatewayIKE = netip.AddrPortFrom(GatewayAddress, 500)

// firstMessage is an IKE_SA_INIT request that nobody goes on with.
func firstMessage() ([]byte, error) {
	s, err := ike.New(ike.Config{
		Rand: rand.Reader, Remote: gatewayIKE, Identity: auth.Identity{Type: auth.IDFQDN, Data: []byte("nobody")},
		Client: ike.ClientPSK, Gateway: ike.GatewayPSK,
		IKEProposals: suite.DefaultIKE(), ChildProposals: suite.DefaultESP(),
	})
	if err != nil {
		return nil, fmt.Errorf("lab: occupying the gateway: %w", err)
	}
	if err := s.Do(time.Now(), ike.Connect{}); err != nil {
		return nil, fmt.Errorf("lab: occupying the gateway: %w", err)
	}
	for { // the message comes behind the event that says so
		if d, ok := s.PollTransmit(); ok {
			return d.Data, nil
		}
		if _, ok := s.PollEvent(); !ok {
			return nil, errors.New("lab: occupying the gateway: there is no first message")
		}
	}
}

// answered sends a message until there is an answer of any kind.
func answered(conn *net.UDPConn, message []byte) error {
	var answer [2048]byte
	var err error
	for range 20 {
		if _, err = conn.Write(message); err != nil {
			continue
		}
		if err = conn.SetReadDeadline(time.Now().Add(250 * time.Millisecond)); err != nil {
			break
		}
		if _, err = conn.Read(answer[:]); err == nil {
			return nil
		}
	}
	return fmt.Errorf("lab: the gateway does not answer: %w", err)
}
