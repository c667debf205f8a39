package mobileconfig

import (
	"fmt"

	"github.com/homeward-vpn/homeward/client/profile"
)

// traffic decides what goes through the tunnel. An IKEv2 connection carries
// everything, unless the profile lets the gateway say which subnets it serves.
// IPv4.OverridePrimary is defined for other VPN types only; that a generator
// wrote 0 or 1 there decides nothing. Whatever stands here, the gateway's
// traffic selectors have the last word (RFC 7296 2.9).
func (c *connection) traffic() error {
	t := &c.profile.Traffic
	all := c.ike.flag("IncludeAllNetworks", false)
	subnets := c.ike.flag("UseConfigurationAttributeInternalIPSubnet", false)
	t.Full = all || !subnets
	t.AcceptPushed = !t.Full
	c.tellSubnets(all, subnets)
	if all {
		t.KillSwitch = profile.KillSwitchOn
		c.ike.honour("IncludeAllNetworks", "nothing leaves outside the tunnel from Connect until Disconnect, where this computer has no setting of its own")
	}
	c.ike.honour("IncludeAllNetworks", "")
	c.localNetworks(all)
	c.ike.approx("EnforceRoutes", "the tunnel's routes go before others, except for the network you are in")
	c.ike.ignoreAll("for Apple devices", "ExcludeCellularServices", "ExcludeAPNs", "ExcludeDeviceCommunication", "EnableFallback")
	c.mtu()
	c.overridePrimary()
	return nil
}

// localNetworks reads whether the network that the computer is in stays reachable. A
// kill switch refuses it, unless the profile wants it otherwise.
func (c *connection) localNetworks(all bool) {
	const key = "ExcludeLocalNetworks"
	excluded := c.ike.flag(key, !all)
	switch {
	case all && excluded:
		c.profile.Traffic.LocalNetwork = profile.LocalAllow
		c.ike.honour(key, "everybody in the network you are in can be reached while the kill switch holds")
		c.ike.lowers(key)
	case all:
		c.ike.honour(key, "the network you are in cannot be reached while the kill switch holds")
	case excluded:
		c.ike.honour(key, "the network you are in stays reachable")
	default:
		c.ike.approx(key, "the network you are in stays reachable all the same, for without IncludeAllNetworks there is no kill switch")
	}
}

func (c *connection) tellSubnets(all, subnets bool) {
	const key = "UseConfigurationAttributeInternalIPSubnet"
	switch {
	case subnets && all:
		c.ike.approx(key, "IncludeAllNetworks stands against it: everything goes through the tunnel")
	case subnets:
		c.ike.honour(key, "only the subnets that the gateway names go through the tunnel")
	default:
		c.ike.honour(key, "everything goes through the tunnel")
	}
}

func (c *connection) mtu() {
	v := c.ike.get("MTU")
	if v == nil {
		return
	}
	n, ok := v.asInteger()
	switch {
	case ok && n == 0:
		c.ike.ignore("MTU", "0 leaves the choice to this version")
	case !ok || n < profile.MinMTU || n > profile.MaxMTU:
		c.ike.refuse("MTU", fmt.Sprintf("not between %d and %d; this version chooses", profile.MinMTU, profile.MaxMTU))
	default:
		c.profile.Traffic.MTU = int(n)
		c.ike.honour("MTU", "")
	}
}

// overridePrimary reports the IPv4 dictionary of the payload.
func (c *connection) overridePrimary() {
	v := c.vpn.get("IPv4")
	if v == nil || v.kind != kindDict {
		return
	}
	s := newSection("IPv4.", v)
	c.vpn.told["IPv4"] = true
	c.sections = append(c.sections, s)
	switch override := s.flag("OverridePrimary", false); {
	case override == c.profile.Traffic.Full:
		s.honour("OverridePrimary", "")
	case override:
		s.approx("OverridePrimary", "only the subnets that the gateway names go through the tunnel, as UseConfigurationAttributeInternalIPSubnet says")
	default:
		s.approx("OverridePrimary", "it says nothing for IKEv2: everything goes through the tunnel")
	}
	s.rest(unknown)
}
