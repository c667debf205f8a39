package ipsecconf

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/importer"
	"github.com/homeward-vpn/homeward/client/profile/proposal"
	"github.com/homeward-vpn/homeward/client/profile/strongswan"
)

// traffic reads what goes through the tunnel.
func (c *connection) traffic() error {
	if _, ah := c.view.get("ah"); ah && c.view.value("esp") == "" {
		return importer.Unsupported("%s protects its packets without encryption (AH), which this version does not do", c.Name())
	}
	c.ignore("for packets without encryption", "ah")
	entries := c.view.list(c.peer+"subnet", c.peer+"subnetwithin")
	if len(entries) == 0 {
		entries = []string{"dynamic"} // Settle tells of it
	}
	c.Networks(c.view.path(c.peer+"subnet", c.peer+"subnetwithin"), entries)
	c.Settle(c.view.path(c.peer + "subnet"))
	c.tell(profile.Approximated, "single protocols and ports are not told apart: all that goes there is meant", c.peer+"protoport")
	c.tell(profile.Approximated, "single protocols and ports are not told apart: all that goes there is meant", c.me+"protoport")
	if n := strongswan.ParseNetworks(c.view.list(c.me + "subnet")); n.Dynamic && len(n.Prefixes) == 0 && !n.Full {
		c.honour(c.me + "subnet")
	}
	c.tell(profile.Approximated, "the address that the gateway assigns", c.me+"subnet", c.me+"subnetwithin")
	c.addresses()
	return nil
}

// addresses reads what is asked of the gateway for this computer.
func (c *connection) addresses() {
	for _, key := range []string{c.me + "sourceip", c.me + "dns"} {
		fixed := false
		for _, a := range c.view.list(key) {
			if ip, err := netip.ParseAddr(a); !strings.HasPrefix(a, "%") && (err != nil || !ip.IsUnspecified()) {
				fixed = true
			}
		}
		if fixed {
			c.tell(profile.Approximated, "what the gateway assigns is used", key)
		}
		c.honour(key)
	}
}

// algorithms reads the words for algorithms, and for how long keys are used. The
// program's own set follows, unless a "!" stands at the end.
func (c *connection) algorithms() {
	c.Proposals(c.view.path("ike"), c.view.value("ike"), proposal.IKE, false)
	c.Proposals(c.view.path("esp", "phase2alg"), c.view.value("esp", "phase2alg"), proposal.ESP, false)
	if t, ok := c.view.get("ikelifetime"); ok {
		c.Lifetime(t.path, t.value, &c.Profile.IKE)
	}
	if t, ok := c.view.get("lifetime", "keylife", "salifetime"); ok {
		c.Lifetime(t.path, t.value, &c.Profile.Child)
	}
	c.amount("lifebytes", profile.MinLifetimeBytes, profile.MaxLifetimeBytes, &c.Profile.Child.LifetimeBytes)
	c.amount("lifepackets", profile.MinLifetimePackets, profile.MaxLifetimePackets, &c.Profile.Child.LifetimePackets)
}

func (c *connection) amount(name string, low, high uint64, to *uint64) {
	n, err := strconv.ParseUint(c.view.value(name), 10, 64)
	switch held := min(max(n, low), high); {
	case err != nil:
		c.tell(profile.Refused, "not a number; as much as the algorithms allow", name)
	case n == 0:
		c.tell(profile.Approximated, "as much as the algorithms allow", name)
	default:
		*to = held
		if held != n {
			c.tell(profile.Approximated, "taken as "+strconv.FormatUint(held, 10), name)
		}
		c.honour(name)
	}
}
