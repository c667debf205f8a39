package ike

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/homeward-vpn/homeward/ike/wire"
)

// Redirect (RFC 5685): a gateway that is full, or about to rest, names another.
//
//	--> IKE_SA_INIT { ..., N(REDIRECT_SUPPORTED) }   <-- IKE_SA_INIT { N(REDIRECT, Ni) }
//	                                   a hint with our nonce in it: Failure, after rivalWait
//	--> IKE_AUTH { ... }               <-- IKE_AUTH { IDr, AUTH, N(REDIRECT) }
//	                                   Failure, once the gateway is proven
//	<-- INFORMATIONAL { N(REDIRECT) }  --> INFORMATIONAL { }
//	                                   the event Redirect; the Session goes on
//
// The Session never goes there itself: its owner makes another with
// Config.RedirectedFrom, holds the new gateway to the same names and anchors
// (RFC 5685 3), and bounds how often that happens (RFC 5685 7).

// The kinds of gateway identities (RFC 5685 9.2).
const (
	gatewayIPv4 = 1
	gatewayIPv6 = 2
	gatewayFQDN = 3
)

// GatewayID names a gateway in a redirect (RFC 5685 9.2): by its address or by
// its name, never both.
type GatewayID struct {
	Addr netip.Addr
	Name string
}

// String gives the address or the name.
func (g GatewayID) String() string {
	if g.Name != "" {
		return g.Name
	}
	return g.Addr.String()
}

// GatewayAt is the GatewayID of a host name or an address.
func GatewayAt(host string) GatewayID {
	if a, err := netip.ParseAddr(host); err == nil {
		return GatewayID{Addr: a.Unmap()}
	}
	return GatewayID{Name: strings.ToLower(host)}
}

// append encodes it: kind, length, value.
func (g GatewayID) append(b []byte) []byte {
	switch {
	case g.Name != "":
		b = append(b, gatewayFQDN, byte(len(g.Name)))
		return append(b, g.Name...)
	case g.Addr.Unmap().Is4():
		b = append(b, gatewayIPv4, 4)
	default:
		b = append(b, gatewayIPv6, 16)
	}
	return append(b, g.Addr.Unmap().AsSlice()...)
}

// valid says whether it can be sent and gone to.
func (g GatewayID) valid() bool {
	if g.Name != "" {
		return isDomain(strings.ToLower(g.Name)) && !g.Addr.IsValid()
	}
	return g.Addr.IsValid() && isHost(g.Addr.Unmap())
}

// parseRedirect reads the data of a REDIRECT notification and gives what follows
// the identity: the nonce, in IKE_SA_INIT.
func parseRedirect(b []byte) (g GatewayID, nonce []byte, err error) {
	if len(b) < 2 || len(b) < 2+int(b[1]) {
		return g, nil, errors.New("redirect cut short")
	}
	kind, value, nonce := b[0], b[2:2+int(b[1])], b[2+int(b[1]):]
	switch {
	case kind == gatewayIPv4 && len(value) == 4, kind == gatewayIPv6 && len(value) == 16:
		g.Addr, _ = netip.AddrFromSlice(value)
	case kind == gatewayFQDN:
		g.Name = strings.ToLower(strings.TrimSuffix(string(value), "."))
	}
	if !g.valid() {
		return GatewayID{}, nil, fmt.Errorf("redirect to an unusable gateway of kind %d", kind)
	}
	return g, nonce, nil
}

// redirectPayloads announces that redirects are followed, and who sent us here.
func (s *Session) redirectPayloads() []wire.Payload {
	if s.cfg.NoRedirect {
		return nil
	}
	ps := []wire.Payload{&wire.NotifyPayload{NotifyType: wire.NotifyRedirectSupported}}
	if from := s.cfg.RedirectedFrom; from != nil {
		ps = append(ps, &wire.NotifyPayload{NotifyType: wire.NotifyRedirectedFrom, Data: from.append(nil)})
	}
	return ps
}

// followRedirect keeps a redirect in IKE_SA_INIT as the best that is known,
// better than an error, which proves nothing. One without our nonce comes from
// somebody who has not seen the request (RFC 5685 3).
func (s *Session) followRedirect(now time.Time, data []byte) error {
	in := s.init
	if s.cfg.NoRedirect {
		return dropped(DropInitAnswer, errors.New("redirects are not followed"))
	}
	to, nonce, err := parseRedirect(data)
	switch {
	case err != nil:
		return dropped(DropInitAnswer, err)
	case !bytes.Equal(nonce, in.nonce):
		return dropped(DropInitAnswer, errors.New("redirect without our nonce"))
	case in.hint != nil && in.hint.Cause == CauseRedirected:
		return dropped(DropDuplicate, nil)
	}
	in.hint = redirected(to)
	s.timers.set(timerHint, 0, now.Add(rivalWait))
	return nil
}

// redirected is the Failure of a handshake that another gateway is to have.
func redirected(to GatewayID) *Failure {
	return &Failure{
		Cause: CauseRedirected, Notify: wire.NotifyRedirect, RedirectTo: to,
		Err: fmt.Errorf("gateway names another: %v", to),
	}
}

// redirectIn finds a redirect in an authentic message; nil: there is none, or it
// is not to be followed.
func (s *Session) redirectIn(ps []wire.Payload) *Failure {
	n, ok := wire.Notify(ps, wire.NotifyRedirect)
	if !ok || s.cfg.NoRedirect {
		return nil
	}
	to, _, err := parseRedirect(n.Data)
	if err != nil {
		return nil
	}
	return redirected(to)
}

// turnTo ends a handshake whose gateway, proven by now, names another. The IKE SA
// is deleted, without waiting for the answer (RFC 5685 6).
func (a *authentication) turnTo(s *Session, f *Failure) *Failure {
	s.sendOnce(a.sa, []wire.Payload{&wire.DeletePayload{Protocol: wire.ProtocolIKE}})
	return f
}
