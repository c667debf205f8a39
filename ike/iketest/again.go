package iketest

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/homeward-vpn/homeward/ike/wire"
)

// What a gateway does with a client that it wants to see again: here, after a
// while (RFC 4478), or somewhere else (RFC 5685), and what it makes of a second
// IKE SA of the same client meanwhile.

// Again is that part of a ResponderConfig.
type Again struct {
	// AuthLifetime is sent with the last answer of IKE_AUTH; 0: none.
	AuthLifetime time.Duration
	// RedirectInit answers IKE_SA_INIT with another gateway, a name or an
	// address, where the client follows redirects. "": none.
	RedirectInit string
	// RedirectAuth does so in the answer of IKE_AUTH that has the gateway's first
	// AUTH payload, RedirectLast in the last one, where EAP runs between them.
	RedirectAuth, RedirectLast string
	// Uniqueness is what becomes of older IKE SAs, of whom there is one client,
	// when a new one stands.
	Uniqueness Uniqueness
}

// Uniqueness is a gateway's policy for several IKE SAs of one client.
type Uniqueness uint8

// The policies.
const (
	KeepBoth     Uniqueness = iota
	ReplaceOld              // the old ones are deleted
	RefuseSecond            // AUTHENTICATION_FAILED for the new one
)

// gatewayIdentity encodes a gateway as RFC 5685 9.2 wants it: kind, length, value.
func gatewayIdentity(host string) []byte {
	a, err := netip.ParseAddr(host)
	switch {
	case err != nil:
		return append([]byte{3, byte(len(host))}, host...)
	case a.Is4():
		return append([]byte{1, 4}, a.AsSlice()...)
	default:
		return append([]byte{2, 16}, a.AsSlice()...)
	}
}

// noteRedirects reads what the client says about redirects in IKE_SA_INIT.
func (r *Responder) noteRedirects(now time.Time, ps []wire.Payload) {
	n, supported := wire.Notify(ps, wire.NotifyRedirectSupported)
	from, sent := wire.Notify(ps, wire.NotifyRedirectedFrom)
	r.FollowsRedirects = supported || sent
	r.RedirectedFrom = ""
	if supported && (len(n.Data) != 0 || len(n.SPI) != 0) {
		r.complain(now, "REDIRECT_SUPPORTED with data or an SPI (RFC 5685 9.1)")
	}
	if !sent {
		return
	}
	b := from.Data
	if len(from.SPI) != 0 || len(b) < 2 || len(b) != 2+int(b[1]) {
		r.complain(now, "REDIRECTED_FROM of a wrong shape (RFC 5685 9.3)")
		return
	}
	if a, ok := netip.AddrFromSlice(b[2:]); ok && b[0] < 3 {
		r.RedirectedFrom = a.String()
	} else {
		r.RedirectedFrom = string(b[2:])
	}
	if !bytes.Equal(gatewayIdentity(r.RedirectedFrom), b) {
		r.complain(now, "REDIRECTED_FROM of the wrong kind (RFC 5685 9.3)")
	}
}

// redirectInit answers IKE_SA_INIT with another gateway. False: it is not to be.
func (r *Responder) redirectInit(now time.Time, p Packet, m *wire.Message, ni *wire.NoncePayload) bool {
	if r.cfg.RedirectInit == "" || !r.FollowsRedirects {
		return false
	}
	data := append(gatewayIdentity(r.cfg.RedirectInit), ni.Data...)
	r.replyInit(now, p, m, 0, []wire.Payload{notify(wire.NotifyRedirect, data...)})
	return true
}

// redirectAuth gives the notification for IKE_AUTH, or nothing.
func (r *Responder) redirectAuth(to string) []wire.Payload {
	if to == "" || !r.FollowsRedirects {
		return nil
	}
	return []wire.Payload{notify(wire.NotifyRedirect, gatewayIdentity(to)...)}
}

// authLifetime gives the notification for the last answer of IKE_AUTH.
func (r *Responder) authLifetime() []wire.Payload {
	if r.cfg.AuthLifetime == 0 {
		return nil
	}
	return []wire.Payload{lifetimeNotify(r.cfg.AuthLifetime)}
}

func lifetimeNotify(d time.Duration) *wire.NotifyPayload {
	return notify(wire.NotifyAuthLifetime, binary.BigEndian.AppendUint32(nil, uint32(d/time.Second))...)
}

// second applies the policy for several IKE SAs to a new one. False: it is refused.
func (sa *ikeSA) second(now time.Time) bool {
	for _, old := range sa.r.sorted() {
		if old == sa || !old.established || old.closing || old.replaced {
			continue
		}
		switch sa.r.cfg.Uniqueness {
		case RefuseSecond:
			return false
		case ReplaceOld:
			old.delete(now)
		}
	}
	return true
}

// Redirect sends the client elsewhere in an INFORMATIONAL (RFC 5685 5).
func (r *Responder) Redirect(now time.Time, to string) error {
	return r.inform(now, notify(wire.NotifyRedirect, gatewayIdentity(to)...), true)
}

// LimitAuthentication says in an INFORMATIONAL how long the sign-in counts
// (RFC 4478 2).
func (r *Responder) LimitAuthentication(now time.Time, d time.Duration) error {
	return r.inform(now, lifetimeNotify(d), true)
}

// Configure sends a Configuration payload and keeps the answer in Configured.
func (r *Responder) Configure(now time.Time, p *wire.CPPayload) error {
	return r.inform(now, p, false)
}

// inform asks with one payload; empty says that the answer must be.
func (r *Responder) inform(now time.Time, p wire.Payload, empty bool) error {
	sa := r.current()
	if sa == nil {
		return ErrNoSA
	}
	sa.ask(now, &ownRequest{
		exchange: wire.ExchangeInformational,
		build:    func(time.Time) []wire.Payload { return []wire.Payload{p} },
		reply: func(now time.Time, payloads []wire.Payload) {
			if empty && len(payloads) != 0 {
				r.complain(now, "an INFORMATIONAL that only tells was answered %s", wire.Describe(payloads))
			}
			if c, ok := wire.Find[*wire.CPPayload](payloads); ok {
				r.Configured = append(r.Configured, c)
			}
		},
	})
	return nil
}

// Give sets which inner addresses are handed out from now on.
func (r *Responder) Give(addresses ...netip.Prefix) { r.cfg.Addresses = addresses }

// Change changes what the gateway is like from now on.
func (r *Responder) Change(change func(*ResponderConfig)) { change(&r.cfg) }
