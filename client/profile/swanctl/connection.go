package swanctl

import (
	"net/netip"
	"strings"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/importer"
	"github.com/homeward-vpn/homeward/client/profile/proposal"
	"github.com/homeward-vpn/homeward/client/profile/strongswan"
)

// version wants IKEv2, which is also what both versions begin with.
func (c *connection) version() error {
	switch c.s.value("version") {
	case "1":
		return importer.Unsupported("%s is an IKEv1 connection; this version connects by IKEv2 only", c.Name())
	case "", "0", "2":
		c.tell(c.s, "version", profile.Honoured, "")
	default:
		c.tell(c.s, "version", profile.Approximated, "connected by IKEv2")
	}
	return nil
}

// gateway reads where the gateway is: the first of the addresses that is a host's.
func (c *connection) gateway() error {
	at := path(c.s, "remote_addrs")
	addresses := list(c.s, "remote_addrs")
	host := ""
	for _, a := range addresses {
		if isHost(a) {
			host = a
			break
		}
	}
	if host == "" {
		return importer.Incomplete("%s names no gateway, so it is a gateway's own side, or something that others build on", c.Name())
	}
	if len(addresses) > 1 {
		c.tell(c.s, "remote_addrs", profile.Approximated, "the first host is the gateway: "+profile.CleanText(host, 100))
	}
	if err := c.Gateway(at, host); err != nil {
		return err
	}
	if port := c.s.value("remote_port"); port != "" {
		c.Port(path(c.s, "remote_port"), port)
	}
	return nil
}

// isHost says that an entry is one host, and no network, range or anybody.
func isHost(text string) bool {
	if strings.HasPrefix(text, "%") || strings.Contains(text, "/") {
		return false
	}
	if low, _, isRange := strings.Cut(text, "-"); isRange {
		if _, err := netip.ParseAddr(strings.TrimSpace(low)); err == nil {
			return false
		}
	}
	a, err := netip.ParseAddr(text)
	return err != nil || !a.IsUnspecified()
}

// algorithms reads the words for algorithms: of a list nothing else is offered.
func (c *connection) algorithms() {
	c.Proposals(path(c.s, "proposals"), c.s.value("proposals"), proposal.IKE, true)
	if t := c.s.get("rekey_time"); t != nil {
		c.Lifetime(t.path, t.value, &c.Profile.IKE)
	}
	c.ignore(c.s, "this version has margins of its own", "over_time", "rand_time")
	if t := c.s.get("reauth_time"); t != nil {
		if d, ok := strongswan.Time(t.value); ok && d == 0 {
			c.Report.Honour(t.path, "")
		}
		c.Report.Approx(t.path, "you sign in again when the gateway asks for it")
	}
}

// session reads how the line behaves over time.
func (c *connection) session() {
	s := &c.Profile.Session
	if on, ok := strongswan.Switch(c.s.value("mobike")); ok {
		s.NoMOBIKE = !on
		c.tell(c.s, "mobike", profile.Honoured, "")
	}
	if t := c.s.get("dpd_delay"); t != nil {
		c.Liveness(t.path, t.value)
	}
	switch c.s.value("childless") {
	case "prefer":
		s.Childless = profile.ChildlessOffered
	case "force":
		s.Childless = profile.ChildlessRequired
	}
	c.tell(c.s, "childless", profile.Honoured, "")
	c.switches()
	c.ignore(c.s, "this version tries again by itself", "keyingtries", "retry_initiate_interval")
	c.ignore(c.s, "asked for in the way that the certificate names", "ocsp")
	if c.s.get("vips") != nil {
		note := ""
		for _, a := range list(c.s, "vips") {
			if ip, err := netip.ParseAddr(a); err != nil || !ip.IsUnspecified() {
				note = "the gateway chooses the address"
			}
		}
		if note == "" {
			c.tell(c.s, "vips", profile.Honoured, "")
		}
		c.tell(c.s, "vips", profile.Approximated, note)
	}
}

// switches tells of what this version decides by itself.
func (c *connection) switches() {
	for _, w := range []struct {
		name  string
		usual bool
		note  string
	}{
		{"encap", false, "packets go inside UDP where a router on the way wants it"},
		{"send_certreq", true, "the gateway is told all the same which authorities are trusted"},
	} {
		on, ok := strongswan.Switch(c.s.value(w.name))
		if ok && on == w.usual {
			c.tell(c.s, w.name, profile.Honoured, "")
		}
		c.tell(c.s, w.name, profile.Approximated, w.note)
	}
	if v := c.s.value("fragmentation"); v == "no" {
		c.tell(c.s, "fragmentation", profile.Approximated, "large messages are cut all the same, where the gateway can put them together")
	}
	c.tell(c.s, "fragmentation", profile.Honoured, "")
	if v := c.s.value("send_cert"); v == "never" {
		c.tell(c.s, "send_cert", profile.Approximated, "your certificate is sent where you sign in with one")
	}
	c.tell(c.s, "send_cert", profile.Honoured, "")
}
