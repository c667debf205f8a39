package mobileconfig

import (
	"fmt"
	"time"

	"github.com/homeward-vpn/homeward/client/profile"
)

// livenessRates are the silences after which the gateway is asked for a sign
// of life. Negative: never.
var livenessRates = map[string]time.Duration{
	"None": -time.Second, "Low": 30 * time.Minute, "Medium": 10 * time.Minute, "High": time.Minute,
}

// The range of NATKeepAliveInterval: Apple's own lower end, and the half of
// what a careful NAT keeps a mapping for (RFC 4787 4.3).
const (
	minKeepalive = 20 * time.Second
	maxKeepalive = 150 * time.Second
)

// session reads how the line behaves over time.
func (c *connection) session() {
	c.liveness()
	c.keepalive()
	s, ike := &c.profile.Session, c.ike
	s.NoMOBIKE = ike.flag("DisableMOBIKE", false)
	s.NoRedirect = ike.flag("DisableRedirect", false)
	ike.honour("DisableMOBIKE", "")
	ike.honour("DisableRedirect", "")
	if ike.flag("DisconnectOnIdle", false) {
		ike.refuse("DisconnectOnIdle", "this version stays connected until you disconnect")
	}
	ike.honour("DisconnectOnIdle", "")
	ike.ignore("DisconnectOnIdleTimer", "only counts with DisconnectOnIdle")
	ike.ignoreAll("for Apple devices", "NATKeepAliveOffloadEnable", "ProviderType", "ProviderBundleIdentifier",
		"ProviderDesignatedRequirement")
	if c.alwaysOn {
		ike.honour("ProtocolType", "")
		ike.approx("Interfaces", "a connection that is for one kind only comes by itself there; you can make it anywhere, and a cable counts as Wi-Fi")
	}
}

func (c *connection) liveness() {
	const key = "DeadPeerDetectionRate"
	rate := c.ike.text(key)
	if rate == "" {
		return
	}
	d, known := livenessRates[rate]
	if !known {
		c.ike.refuse(key, "not a rate; this version's own is used")
		return
	}
	c.profile.Session.Liveness = profile.Duration(d)
	if d < 0 {
		c.ike.honour(key, "a gateway that is gone is noticed only when you disconnect")
		return
	}
	c.ike.honour(key, fmt.Sprintf("the gateway is asked for a sign of life after %d min of silence", int(d.Minutes())))
}

func (c *connection) keepalive() {
	const key = "NATKeepAliveInterval"
	v := c.ike.get(key)
	if v == nil {
		return
	}
	n, ok := v.asInteger()
	if !ok || n <= 0 {
		c.ike.refuse(key, "not a number of seconds; this version's own is used")
		return
	}
	d := time.Duration(min(n, int64(maxKeepalive/time.Second))) * time.Second
	d = max(d, minKeepalive)
	c.profile.Session.NATKeepalive = profile.Duration(d)
	if d == time.Duration(n)*time.Second {
		c.ike.honour(key, "")
	} else {
		c.ike.approx(key, fmt.Sprintf("taken as %v, so that routers on the way keep the line", d))
	}
}
