package sswan

import (
	"fmt"
	"time"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/proposal"
	"github.com/homeward-vpn/homeward/client/profile/strongswan"
)

// The ranges that the app takes.
const (
	minMTU, maxMTU             = 1280, 1500
	minKeepalive, maxKeepalive = 10, 120 // seconds
)

// settings reads everything but who is who.
func (c *connection) settings() error {
	c.algorithms("ike-proposal", proposal.IKE, &c.profile.IKE)
	c.algorithms("esp-proposal", proposal.ESP, &c.profile.Child)
	c.traffic()
	c.dns()
	if n, ok := c.root.at("mtu").asInteger(); ok && n >= minMTU && n <= maxMTU {
		c.profile.Traffic.MTU = int(n)
		c.told.Honour("mtu", "")
	}
	c.told.Refuse("mtu", fmt.Sprintf("not between %d and %d; this version chooses", minMTU, maxMTU))
	if n, ok := c.root.at("nat-keepalive").asInteger(); ok && n >= minKeepalive && n <= maxKeepalive {
		c.profile.Session.NATKeepalive = profile.Duration(time.Duration(n) * time.Second)
		c.told.Honour("nat-keepalive", "")
	}
	c.told.Refuse("nat-keepalive", fmt.Sprintf("not between %d and %d seconds; this version's own is used", minKeepalive, maxKeepalive))
	const apps = "single programs are not told apart: what any of them sends goes through the tunnel"
	c.told.Refuse("apps", apps)
	c.told.Refuse("excluded-apps", apps)
	c.told.IgnoreAll("web proxies are not set by this version", "proxy.host", "proxy.port", "proxy.exclusions")
	c.told.IgnoreAll("the gateway is reached by both, whichever is faster", "ipv6-transport")
	return nil
}

// algorithms reads a list of proposals. The app offers these and no others.
func (c *connection) algorithms(key string, p proposal.Protocol, sa *profile.SA) {
	if c.text(key) == "" {
		c.told.Approx(key, "empty, so this version's own set is offered")
		return
	}
	list := proposal.Parse(c.text(key), p)
	list.Use(sa, true)
	verdict, note, lowers := list.Told(sa)
	c.told.Tell(key, verdict, note)
	if lowers {
		c.told.Lowers(key)
	}
}

// traffic reads what goes through the tunnel: everything, unless networks are named.
func (c *connection) traffic() {
	const at = "split-tunneling."
	t := &c.profile.Traffic
	subnets := strongswan.ParseNetworks(c.root.at(at + "subnets").asList())
	t.Full = subnets.Full || len(subnets.Prefixes) == 0
	note := "only these go through the tunnel"
	if t.Full {
		note = "everything goes through the tunnel"
	} else {
		t.Include = subnets.Prefixes
	}
	verdict, note := subnets.Told(note)
	c.told.Tell(at+"subnets", verdict, note)
	c.excluded(at + "excluded")
	for _, key := range []string{at + "block-ipv4", at + "block-ipv6"} {
		block, _ := c.root.at(key).asBool()
		switch {
		case block && !t.Full:
			c.told.Refuse(key, "what does not go through the tunnel leaves beside it")
			c.told.Lowers(key)
		case !block && t.Full:
			c.told.Approx(key, "the family for which the gateway gives no address is held back all the same")
		}
		c.told.Honour(key, "")
	}
}

func (c *connection) excluded(key string) {
	excluded := strongswan.ParseNetworks(c.root.at(key).asList())
	t := &c.profile.Traffic
	t.Exclude = excluded.Prefixes
	verdict, note := excluded.Told("never through the tunnel")
	if excluded.Full {
		verdict, note = profile.Refused, "it leaves out everything"
	}
	c.told.Tell(key, verdict, note)
	if t.Full && strongswan.Public(t.Exclude) {
		c.told.Lowers(key)
	}
}

func (c *connection) dns() {
	const key = "dns-servers"
	c.profile.DNS.AcceptPushed = !c.profile.Traffic.Full
	servers, bad := strongswan.Servers(c.root.at(key).asList())
	c.profile.DNS.Servers = servers
	switch {
	case len(servers) == 0 && bad > 0:
		c.told.Refuse(key, "there are no addresses that a question can be sent to in it")
	case bad > 0:
		c.told.Approx(key, fmt.Sprintf("asked in place of those that the gateway names; %d left out, for not being such addresses", bad))
	default:
		c.told.Honour(key, "asked in place of those that the gateway names")
	}
}
