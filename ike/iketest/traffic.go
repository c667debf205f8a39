package iketest

import (
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/homeward-vpn/homeward/ike/suite"
)

// ESP packets between the ends of a Pair, as far as Child SAs go: one is sealed
// with the SA that an end sends on, and the other end must hold that SA, with the
// same keys, to open it. What stands in a packet, and its order, is not looked at.

// lingering is a Child SA of the client that only receives, for a while.
type lingering struct {
	sa    *ClientSA
	until time.Time
}

func (p *Pair) linger(sa *ClientSA, d time.Duration) {
	maps.DeleteFunc(p.gone, func(_ uint32, old lingering) bool { return p.Now.After(old.until) })
	if p.gone == nil {
		p.gone = map[uint32]lingering{}
	}
	p.gone[sa.InboundSPI] = lingering{sa, p.Now.Add(d)}
}

// Outbound is the Child SA that the gateway sends on; nil where there is none.
// After a rekey of its own that is the new one, at once: the client holds it
// since it answered. After one of the client's it is the old one until the client
// deletes that, which is the sign that the client is ready (RFC 7296 2.8).
func (r *Responder) Outbound() *Child {
	c := r.sending
	for c == nil || !r.alive(c) || c.heir != nil && r.alive(c.heir) {
		switch {
		case c != nil && c.heir != nil && r.alive(c.heir):
			c = c.heir
		case c != nil && c.peer != nil && r.alive(c.peer.child):
			c = c.peer.child
		default:
			if c = r.newestChild(); c == nil {
				return nil
			}
		}
	}
	r.sending = c
	return c
}

// newestChild is the newest Child SA that is not on its way out.
func (r *Responder) newestChild() *Child {
	var newest *Child
	for _, c := range r.Children() {
		if !c.deleting && !c.replaced {
			newest = c
		}
	}
	return newest
}

// Errors of a packet that nobody sends.
var (
	ErrClientSendsNowhere  = errors.New("the client has no Child SA to send on")
	ErrGatewaySendsNowhere = errors.New("the gateway has no Child SA to send on")
)

// ClientToGateway sends one ESP packet, and says why the gateway cannot take it.
func (p *Pair) ClientToGateway() error {
	a := p.active()
	if a == nil {
		return ErrClientSendsNowhere
	}
	for _, c := range p.Gateway.Children() {
		if c.InboundSPI == a.OutboundSPI {
			return carry(sendKey(a.Keys, a.Initiated), receiveKey(c.Keys, c.Initiated))
		}
	}
	return fmt.Errorf("the client sends on %08x, which the gateway does not hold", a.OutboundSPI)
}

// GatewayToClient sends one ESP packet, and says why the client cannot take it.
func (p *Pair) GatewayToClient() error {
	c := p.Gateway.Outbound()
	if c == nil {
		return ErrGatewaySendsNowhere
	}
	sa, ok := p.SAs[c.OutboundSPI]
	if old, lingers := p.gone[c.OutboundSPI]; !ok && lingers && !p.Now.After(old.until) {
		sa, ok = old.sa, true
	}
	if !ok {
		return fmt.Errorf("the gateway sends on %08x, which the client does not hold", c.OutboundSPI)
	}
	return carry(sendKey(c.Keys, c.Initiated), receiveKey(sa.Keys, sa.Initiated))
}

// sendKey is the key for packets of the end that made the SA, or of the other
// (RFC 7296 2.17).
func sendKey(k suite.ChildKeys, initiated bool) suite.Secret {
	if initiated {
		return k.InitiatorEncryption
	}
	return k.ResponderEncryption
}

func receiveKey(k suite.ChildKeys, initiated bool) suite.Secret { return sendKey(k, !initiated) }

// carry seals with one end's key and opens with the other's (RFC 4106: the key
// ends with the salt of the nonce).
func carry(seal, open suite.Secret) error {
	const saltLen = 4
	aead := func(key suite.Secret) (cipher.AEAD, []byte, error) {
		if len(key) <= saltLen {
			return nil, nil, errors.New("no key")
		}
		block, err := aes.NewCipher(key[:len(key)-saltLen])
		if err != nil {
			return nil, nil, err
		}
		gcm, err := cipher.NewGCM(block)
		return gcm, append([]byte(key[len(key)-saltLen:]), make([]byte, 8)...), err
	}
	out, sealNonce, err := aead(seal)
	if err != nil {
		return err
	}
	in, openNonce, err := aead(open)
	if err != nil {
		return err
	}
	_, err = in.Open(nil, openNonce, out.Seal(nil, sealNonce, []byte("an inner packet"), nil), nil)
	return err
}
