package tunnel

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/ike"
	"github.com/homeward-vpn/homeward/ike/auth"
	"github.com/homeward-vpn/homeward/ike/suite"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// credentials is what must be known before the first message: who signs in.
// A password is held only where the user name had to be asked for, since one
// prompt asks for both; it still leaves this machine only after the gateway
// has proven itself.
type credentials struct {
	username     string
	certificates [][]byte // the chain that was chosen where it alone says who the user is; else the profile's
	password     []byte
	spent        []byte // a copy of the password that was used, until the line stands
}

func (c *credentials) clear() {
	clear(c.password)
	c.forget()
}

// use gives the password away, once.
func (c *credentials) use() []byte {
	pw := c.password
	c.password = nil
	c.used(pw)
	return pw
}

// used keeps a copy of a password that the gateway is asked with, for the case
// that it names another gateway afterwards.
func (c *credentials) used(password []byte) {
	c.forget()
	c.spent = bytes.Clone(password)
}

// forget clears that copy.
func (c *credentials) forget() {
	clear(c.spent)
	c.spent = nil
}

// same are those of the same user, with a password that is to be used next.
func (c *credentials) same(password []byte) *credentials {
	return &credentials{username: c.username, certificates: c.certificates, password: password}
}

// again gives the same credentials for another gateway, and keeps none.
func (c *credentials) again() *credentials {
	next := c.same(c.spent)
	if c.password != nil {
		next.password = c.password
	}
	c.password, c.spent = nil, nil
	return next
}

// minIPv6 is the least MTU of a device that carries IPv6 (RFC 8200 5): with a
// profile that wants less the system would take no such address.
const minIPv6 = 1280

// sessionConfig says to the IKE core what the profile says to us.
func (t *Tunnel) sessionConfig(local, remote netip.AddrPort, creds *credentials) (ike.Config, error) {
	p := t.cfg.Profile
	cfg := ike.Config{
		Rand:          rand.Reader,
		Logger:        t.log,
		Local:         local,
		Remote:        remote,
		Certificates:  p.Client.Certificates,
		LocalTS:       []wire.TrafficSelector{wire.AnyIPv4(), wire.AnyIPv6()},
		RemoteTS:      []wire.TrafficSelector{wire.AnyIPv4(), wire.AnyIPv6()},
		RequestIPv4:   true,
		RequestIPv6:   p.Traffic.MTU == 0 || p.Traffic.MTU >= minIPv6,
		IKELifetime:   time.Duration(p.IKE.Lifetime),
		ChildLifetime: time.Duration(p.Child.Lifetime),
		Liveness:      time.Duration(p.Session.Liveness),
		NATKeepalive:  time.Duration(p.Session.NATKeepalive),
		NoRedirect:    p.Session.NoRedirect,
		NoMOBIKE:      p.Session.NoMOBIKE,
		// A name and its password, or a shared key, may be used on several machines at a
		// time, whose lines this would end; the key of a certificate is one machine's
		// (RFC 7296 2.4).
		InitialContact: p.Client.Auth == profile.ClientCertificate,
	}
	cfg.OCSP = p.Gateway.Auth == profile.GatewayCertificate && p.Gateway.Revocation.Mode() != profile.RevocationOff
	cfg.Childless = childless(p.Session.Childless)
	if err := t.signIn(&cfg, creds); err != nil {
		return cfg, err
	}
	for _, q := range p.Gateway.Quirks {
		cfg.Quirks = append(cfg.Quirks, ike.Quirk(q))
	}
	var err error
	if cfg.Client, cfg.Gateway, err = authentication(p); err != nil {
		return cfg, err
	}
	if cfg.Identity, err = localIdentity(p, creds, local.Addr()); err != nil {
		return cfg, err
	}
	if p.Gateway.Identity != "" {
		id, err := auth.ParseIdentity(p.Gateway.Identity)
		if err != nil {
			return cfg, fmt.Errorf("tunnel: the gateway's identity: %w", err)
		}
		cfg.GatewayIdentity = &id
	}
	if cfg.IKEProposals, err = proposals(p.IKE, true); err != nil {
		return cfg, err
	}
	if cfg.ChildProposals, err = proposals(p.Child, false); err != nil {
		return cfg, err
	}
	for _, der := range p.Gateway.Anchors {
		hash, err := auth.SPKIHash(der)
		if err != nil {
			return cfg, fmt.Errorf("tunnel: a trust anchor of the profile: %w", err)
		}
		cfg.CertRequests = append(cfg.CertRequests, hash)
	}
	return cfg, nil
}

func authentication(p *profile.Profile) (c ike.ClientAuth, g ike.GatewayAuth, err error) {
	switch p.Client.Auth {
	case profile.ClientEAP, profile.ClientMSCHAPv2:
		c = ike.ClientEAP
	case profile.ClientCertificate:
		c = ike.ClientCertificate
	case profile.ClientPSK:
		c = ike.ClientPSK
	default:
		return 0, 0, fmt.Errorf("tunnel: unknown client authentication %q", p.Client.Auth)
	}
	switch p.Gateway.Auth {
	case profile.GatewayCertificate:
		g = ike.GatewayCertificate
	case profile.GatewayPSK:
		g = ike.GatewayPSK
	default:
		return 0, 0, fmt.Errorf("tunnel: unknown gateway authentication %q", p.Gateway.Auth)
	}
	return c, g, nil
}

// insisting leaves only what has a key exchange of its own at rekey.
func insisting(ps []suite.Proposal) ([]suite.Proposal, error) {
	var out []suite.Proposal
	for _, p := range ps {
		p.Group = slices.DeleteFunc(slices.Clone(p.Group), func(g uint16) bool { return g == suite.GroupNone })
		if len(p.Group) > 0 {
			out = append(out, p)
		}
	}
	if out == nil {
		return nil, errors.New("tunnel: the profile insists on PFS and names no group")
	}
	return out, nil
}

// proposals turns the profile's keywords into proposals; Homeward's own set
// follows them unless the profile is strict. What is no longer safe comes last,
// so that it is taken by a gateway that has nothing better, and by no other.
func proposals(sa profile.SA, forIKE bool) ([]suite.Proposal, error) {
	var out, legacy []suite.Proposal
	for _, k := range sa.Proposals {
		var p suite.Proposal
		var err error
		if forIKE {
			p, err = suite.ParseIKE(k.Encryption, k.Integrity, k.PRF, k.Group)
		} else {
			p, err = suite.ParseESP(k.Encryption, k.Integrity, k.Group)
		}
		if err != nil {
			return nil, fmt.Errorf("tunnel: a proposal of the profile: %w", err)
		}
		if p.Weak() != nil {
			legacy = append(legacy, p)
		} else {
			out = append(out, p)
		}
	}
	switch strict := sa.Strict && len(sa.Proposals) > 0; {
	case strict:
	case forIKE:
		out = append(out, suite.DefaultIKE()...)
	default:
		out = append(out, suite.DefaultESP()...)
	}
	out = append(out, legacy...)
	if !forIKE && sa.PFS {
		return insisting(out)
	}
	return out, nil
}
