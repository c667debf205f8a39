package ike

import (
	"errors"
	"fmt"
	"time"

	"github.com/homeward-vpn/homeward/ike/suite"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// Defaults of Config.
const (
	defaultIKELifetime   = 4 * time.Hour
	defaultChildLifetime = time.Hour
	defaultLiveness      = time.Minute
	defaultKeepalive     = 20 * time.Second
	defaultFragmentSize  = 1280
	minFragmentSize      = 576 // the smallest datagram that every IPv4 host takes (RFC 791 3.1)
	natTPort             = 4500
	ikePort              = 500
)

// check refuses a configuration that cannot lead to a connection.
func (c *Config) check() error {
	switch {
	case c.Rand == nil:
		return errors.New("ike: config without a source of randomness")
	case !c.Remote.IsValid() || c.Remote.Port() == 0:
		return errors.New("ike: config without the gateway's address")
	case c.NoNATs && (!c.Local.IsValid() || c.Local.Addr().IsUnspecified()):
		return errors.New("ike: config that forbids nats, without our own address")
	case len(c.Identity.Data) == 0 && (c.Client != ClientCertificate || len(c.Certificates) > 0):
		return errors.New("ike: config without an identity")
	case len(c.IKEProposals) == 0 || len(offeredGroups(c.IKEProposals)) == 0:
		return errors.New("ike: config without a proposal for the ike sa")
	case len(c.ChildProposals) == 0:
		return errors.New("ike: config without a proposal for child sas")
	case c.Client == ClientEAP && len(c.EAP.Methods) == 0:
		return errors.New("ike: config without an eap method")
	case c.Client < ClientEAP || c.Client > ClientPSK:
		return fmt.Errorf("ike: unknown client authentication %d", c.Client)
	case c.checkRounds() != nil:
		return c.checkRounds()
	case c.Childless > ChildlessRequired:
		return fmt.Errorf("ike: unknown way of starting %d", c.Childless)
	case c.RedirectedFrom != nil && !c.RedirectedFrom.valid():
		return errors.New("ike: config with a former gateway that cannot be named")
	case c.Gateway < GatewayCertificate || c.Gateway > GatewayPSK:
		return fmt.Errorf("ike: unknown gateway authentication %d", c.Gateway)
	}
	return c.checkQuirks()
}

// setDefaults replaces the zero values that stand for Homeward's own choice.
func (c *Config) setDefaults() {
	orDuration := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	orDuration(&c.IKELifetime, defaultIKELifetime)
	orDuration(&c.ChildLifetime, defaultChildLifetime)
	orDuration(&c.Liveness, defaultLiveness)
	orDuration(&c.NATKeepalive, defaultKeepalive)
	orDuration(&c.Retransmit.First, 500*time.Millisecond)
	orDuration(&c.Retransmit.Max, 10*time.Second)
	if c.Retransmit.Factor < minFactor {
		c.Retransmit.Factor = 1.8
	}
	if c.Retransmit.Tries <= 0 {
		c.Retransmit.Tries = 7
	}
	if c.Retransmit.InitTries <= 0 {
		c.Retransmit.InitTries = c.Retransmit.Tries
	}
	if c.FragmentSize == 0 {
		c.FragmentSize = defaultFragmentSize
	}
	c.FragmentSize = max(c.FragmentSize, minFragmentSize)
	if c.MaxChildren <= 0 {
		c.MaxChildren = defaultMaxChildren
	}
	if c.NATTPort == 0 {
		c.NATTPort = natTPort
		if c.Remote.Port() != ikePort {
			c.NATTPort = c.Remote.Port()
		}
	}
	if len(c.LocalTS) == 0 {
		c.LocalTS = anySelectors(c.RequestIPv4, c.RequestIPv6)
	}
	if len(c.RemoteTS) == 0 {
		c.RemoteTS = anySelectors(c.RequestIPv4, c.RequestIPv6)
	}
}

// anySelectors selects everything of the wanted families; both where none is wanted.
func anySelectors(ipv4, ipv6 bool) []wire.TrafficSelector {
	var ts []wire.TrafficSelector
	if ipv4 || !ipv6 {
		ts = append(ts, wire.AnyIPv4())
	}
	if ipv6 || !ipv4 {
		ts = append(ts, wire.AnyIPv6())
	}
	return ts
}

// offeredGroups lists the groups of proposals in order of preference, without
// repetitions and without GroupNone.
func offeredGroups(ps []suite.Proposal) []uint16 {
	var groups []uint16
	seen := make(map[uint16]bool)
	for _, p := range ps {
		for _, g := range p.Group {
			if g != suite.GroupNone && !seen[g] {
				seen[g] = true
				groups = append(groups, g)
			}
		}
	}
	return groups
}
