package ipsecconf

import (
	"net/netip"
	"strings"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/importer"
	"github.com/homeward-vpn/homeward/client/profile/strongswan"
)

// connection is one section on its way to a profile. me and peer are "left" and
// "right", or the other way round.
type connection struct {
	*strongswan.Connection
	file     *file
	view     *view
	me, peer string
}

// read goes through the section.
func (c *connection) read() error {
	for _, step := range []func() error{c.kind, c.gateway, c.signIn, c.traffic} {
		if err := step(); err != nil {
			return err
		}
	}
	c.algorithms()
	c.session()
	c.rest()
	return nil
}

func (c *connection) tell(verdict profile.Verdict, note string, names ...string) {
	if t, ok := c.view.get(names...); ok {
		c.Report.Tell(t.path, verdict, note)
	}
}

func (c *connection) honour(names ...string) { c.tell(profile.Honoured, "", names...) }

func (c *connection) ignore(note string, names ...string) {
	for _, n := range names {
		c.tell(profile.Ignored, note, n)
	}
}

// noHost says that an end of a connection is no host: it is anybody, or a network.
func noHost(text string) bool {
	if rest, loose := strings.CutPrefix(text, "%"); loose {
		return rest == "any" || rest == "any6" || rest == "any4" || rest == "defaultroute" || rest == "group" || rest == "opportunistic" || rest == "config" || rest == ""
	}
	a, err := netip.ParseAddr(text)
	return text == "" || strings.Contains(text, "/") || err == nil && a.IsUnspecified()
}

// kind wants a tunnel by IKEv2, and finds out which side is this one: it is the left,
// unless only the right is nobody in particular, or asks for an address.
func (c *connection) kind() error {
	switch c.view.value("keyexchange") {
	case "", "ike", "ikev2":
		c.honour("keyexchange")
	default:
		return importer.Unsupported("%s is an IKEv1 connection; this version connects by IKEv2 only", c.Name())
	}
	l2tp := strings.HasSuffix(c.view.value("rightprotoport"), "/1701") || strings.HasSuffix(c.view.value("leftprotoport"), "/1701") ||
		strings.HasSuffix(c.view.value("rightprotoport"), "/l2tp") || strings.HasSuffix(c.view.value("leftprotoport"), "/l2tp")
	switch typ := c.view.value("type"); {
	case l2tp:
		return importer.Unsupported("%s is an L2TP connection; this version connects by IKEv2 only", c.Name())
	case typ == "" || typ == "tunnel":
		c.honour("type")
	case typ == "transport" || typ == "transport_proxy" || typ == "beet":
		return importer.Unsupported("%s is not for a tunnel, and this version makes nothing else", c.Name())
	default:
		return importer.Unsupported("%s is a rule without a tunnel, and this version makes nothing else", c.Name())
	}
	c.me, c.peer = "left", "right"
	asks := strings.HasPrefix(c.view.value("rightsourceip"), "%config") || strings.HasPrefix(c.view.value("rightsourceip"), "%modeconfig")
	if noHost(first(c.view.value("right"))) && !noHost(first(c.view.value("left"))) &&
		(asks || c.view.value("right") == "%defaultroute") && !strings.HasPrefix(c.view.value("leftsourceip"), "%config") {
		c.me, c.peer = "right", "left"
	}
	return nil
}

func first(text string) string {
	text, _, _ = strings.Cut(text, ",")
	return strings.TrimSpace(text)
}

// gateway reads where the gateway is.
func (c *connection) gateway() error {
	text := c.view.value(c.peer)
	host := first(text)
	if noHost(host) {
		return importer.Incomplete("%s names no gateway, so it is a gateway's own side, or something that others build on", c.Name())
	}
	if strings.Contains(text, ",") {
		c.tell(profile.Approximated, "the first host is the gateway: "+profile.CleanText(host, 100), c.peer)
	}
	if rest, loose := strings.CutPrefix(host, "%"); loose {
		c.tell(profile.Approximated, "another address of the gateway's is not taken for it, unless it says so itself", c.peer)
		host = rest
	}
	if err := c.Gateway(c.view.path(c.peer), host); err != nil {
		return err
	}
	if port := c.view.value(c.peer + "ikeport"); port != "" {
		c.Port(c.view.path(c.peer+"ikeport"), port)
	}
	c.ignore("the address of this computer is found by itself", c.me, c.me+"ikeport", c.me+"allowany", c.me+"nexthop", c.peer+"nexthop")
	return nil
}

// session reads how the line behaves over time.
func (c *connection) session() {
	if on, ok := strongswan.Switch(c.view.value("mobike")); ok {
		c.Profile.Session.NoMOBIKE = !on
		c.honour("mobike")
	}
	switch action := c.view.value("dpdaction"); {
	case action == "none":
		c.tell(profile.Approximated, "the gateway is asked for a sign of life all the same, after this version's own time", "dpdaction")
		c.ignore("only counts with dpdaction", "dpddelay")
	case action == "clear":
		c.tell(profile.Approximated, "a line that was lost comes back by itself", "dpdaction")
	}
	c.honour("dpdaction")
	if t, ok := c.view.get("dpddelay"); ok && c.view.value("dpdaction") != "none" {
		c.Liveness(t.path, t.value)
	}
	c.tell(profile.Approximated, "a line that was lost comes back by itself", "closeaction")
	switch c.view.value("auto") {
	case "start":
		c.Start(c.view.path("auto"), profile.Honoured, "the line comes by itself while a program of yours can sign in")
	case "route":
		c.Start(c.view.path("auto"), profile.Approximated, "the line comes by itself while a program of yours can sign in, and not with the first packet")
	}
	c.honour("auto")
	c.switches()
	if d, ok := strongswan.Time(c.view.value("inactivity")); !ok || d > 0 {
		c.tell(profile.Refused, "this version stays connected until you disconnect", "inactivity")
	}
	c.honour("inactivity")
}

// switches tells of what this version decides by itself.
func (c *connection) switches() {
	for _, w := range []struct {
		name  string
		usual bool
		note  string
	}{
		{"forceencaps", false, "packets go inside UDP where a router on the way wants it"},
		{"fragmentation", true, "large messages are cut all the same, where the gateway can put them together"},
		{"compress", false, "packets are not compressed"},
		{"rekey", true, "keys are renewed all the same"},
		{"reauth", false, "you sign in again when the gateway asks for it"},
	} {
		if on, ok := strongswan.Switch(c.view.value(w.name)); ok && on == w.usual {
			c.honour(w.name)
		}
		c.tell(profile.Approximated, w.note, w.name)
	}
	if on, _ := strongswan.Switch(c.view.value("sha256_96")); on {
		c.tell(profile.Refused, "shorter checks than the standard's are not in this version; the gateway has to use the standard's", "sha256_96")
	}
	c.honour("sha256_96")
}

// rest tells of what is for a gateway, for the system, or not needed.
func (c *connection) rest() {
	c.tell(profile.Refused, "no program is run", c.me+"updown", c.peer+"updown")
	c.ignore("the system's own rules are not changed beyond the tunnel's", c.me+"firewall", c.peer+"firewall", c.me+"hostaccess", c.peer+"hostaccess", "lefthostaccess", "installpolicy")
	c.ignore("for a gateway", c.peer+"sourceip", c.peer+"dns", c.peer+"groups", c.peer+"groups2", c.me+"groups", "mediation", "mediated_by", "me_peerid")
	c.ignore("for IKEv1", "aggressive", "dpdtimeout", "modeconfig", "xauth", "xauth_identity", "ikev1", "pfs", "pfsgroup")
	c.ignore("this version tries again by itself", "keyingtries")
	c.ignore("this version has margins of its own", "margintime", "rekeymargin", "rekeyfuzz", "marginbytes", "marginpackets")
	c.ignore("sent where it is needed", c.me+"sendcert", c.peer+"sendcert")
	c.ignore("only for the computer of strongSwan", "reqid", "mark", "mark_in", "mark_out", "replay_window", "tfc", "ikedscp", "auth", "instance", "eap")
	for _, s := range c.view.from {
		for i := range s.also {
			t := s.settings[index(s, i)]
			c.Report.Honour(t.path, "")
		}
	}
	c.Report.Under("config setup", profile.Ignored, "for the daemon of strongSwan")
	c.overridden()
}

// overridden tells of what does not count, because another setting does.
func (c *connection) overridden() {
	for _, s := range c.view.from {
		for _, t := range s.settings {
			switch effective, _ := c.view.get(t.name); {
			case t.value == "":
				c.Report.Ignore(t.path, "empty, so this version's own way counts")
			case effective.path != t.path:
				c.Report.Ignore(t.path, "the connection says otherwise itself")
			}
		}
	}
}

// index is where the also of that number stands.
func index(s *section, number int) int {
	for i, t := range s.settings {
		if strings.HasPrefix(t.name, "also[") {
			if number == 0 {
				return i
			}
			number--
		}
	}
	return 0
}
