package rasphone

import (
	"strconv"
	"strings"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/importer"
	"github.com/homeward-vpn/homeward/client/profile/winras"
)

// connection is an entry on its way to a profile.
type connection struct {
	entry   *entry
	report  *importer.Report
	profile profile.Profile
}

// build reads everything, what can be refused first.
func (c *connection) build() error {
	p := &c.profile
	p.Version, p.ID = profile.Version, profile.NewID()
	if p.Name = profile.CleanName(c.entry.name); p.Name == "" {
		p.Name = "VPN"
	}
	for _, step := range []func() error{c.kind, c.strategy, c.server, c.signIn} {
		if err := step(); err != nil {
			return err
		}
	}
	c.policy()
	c.traffic()
	c.session()
	winras.Gateway(&p.Gateway)
	c.report.Absent("Gateway of Windows", winras.GatewayNote)
	c.report.Rest(profile.Ignored, "a setting of Windows that has no counterpart here")
	return nil
}

// value gives a key's value, or "".
func (c *connection) value(name string) string {
	if k := c.entry.find(name); k != nil {
		return k.value
	}
	return ""
}

// number gives a key's value where it is a number, or def.
func (c *connection) number(name string, def int) int {
	if n, err := strconv.Atoi(c.value(name)); err == nil {
		return n
	}
	return def
}

// tell says what became of the first key of a name.
func (c *connection) tell(name string, verdict profile.Verdict, note string) {
	if k := c.entry.find(name); k != nil {
		c.report.Tell(k.path, verdict, note)
	}
}

func (c *connection) honour(name, note string) { c.tell(name, profile.Honoured, note) }
func (c *connection) approx(name, note string) { c.tell(name, profile.Approximated, note) }
func (c *connection) ignore(name, note string) { c.tell(name, profile.Ignored, note) }
func (c *connection) refuse(name, note string) { c.tell(name, profile.Refused, note) }

// kind wants a VPN connection.
func (c *connection) kind() error {
	kinds := map[int]string{1: "a dial-up connection", 3: "a direct connection by cable", 4: "an incoming connection", 5: "a broadband connection (PPPoE)"}
	if what := kinds[c.number("Type", 2)]; what != "" {
		return importer.Unsupported("%s is %s, and no VPN", importer.Quote(c.profile.Name), what)
	}
	c.honour("Type", "")
	return nil
}

// The values of VpnStrategy: one protocol alone, or tried first.
const (
	ikev2Only = 7
	sstpFirst = 6
)

// foreign are the strategies that begin with another protocol and never come to
// IKEv2, or come to it last.
var foreign = map[int]string{
	1: "pptp", 2: "pptp", 3: "l2tp", 4: "l2tp", 5: "sstp", 12: "pptp", 13: "l2tp",
}

// strategy wants IKEv2 to be among what Windows would try.
func (c *connection) strategy() error {
	const key = "VpnStrategy"
	switch n := c.number(key, 0); {
	case n == ikev2Only:
		c.honour(key, "")
	case foreign[n] != "":
		return importer.Unsupported("%s is %s; this version connects by IKEv2 only", importer.Quote(c.profile.Name), winras.Protocols[foreign[n]])
	case n == 0 || n == sstpFirst || n == 8 || n == 14 || n == 15:
		c.approx(key, "Windows tries several protocols in turn; here it is IKEv2, and nothing else")
		if c.entry.find(key) == nil {
			c.report.Absent(key, "Windows tries several protocols in turn; here it is IKEv2, and nothing else")
		}
	default:
		return importer.Unsupported("%s connects by a protocol that this version does not know (VpnStrategy %s)", importer.Quote(c.profile.Name), importer.Quote(c.value(key)))
	}
	c.ignore("PreferredDevice", "VpnStrategy says it")
	return nil
}

// server reads where the gateway is: the telephone number of the first device.
func (c *connection) server() error {
	const key = "PhoneNumber"
	text := c.value(key)
	address, err := importer.Gateway(c.profile.Name, text)
	if err != nil {
		return err
	}
	c.profile.Gateway.Address = address
	c.profile.Origin.Identifier = importer.Identifier(c.profile.Name, address)
	if address == text {
		c.honour(key, "")
	} else {
		c.approx(key, "written as "+address)
	}
	for _, k := range c.entry.keys {
		if strings.EqualFold(k.name, key) {
			c.report.Ignore(k.path, "the first is used, "+address)
		}
	}
	return nil
}

// session reads how the line behaves over time.
func (c *connection) session() {
	c.profile.Session.NoMOBIKE = c.number("DisableMobility", 0) == 1
	c.honour("DisableMobility", "")
	c.ignore("NetworkOutageTime", "the line is moved to the next network as long as the gateway keeps it")
	if c.number("Disable_IKEv2_Fragmentation", 0) == 1 {
		c.approx("Disable_IKEv2_Fragmentation", "large messages are sent in pieces all the same where the gateway can take them")
	}
	c.honour("Disable_IKEv2_Fragmentation", "")
	c.approx("DataEncryption", "everything is always encrypted")
	c.ignore("AlwaysOnCapable", "says that the line could always be there, not that it is: you connect yourself")
	c.ignore("IdleDisconnectSeconds", "the line stays until you disconnect")
	c.ignore("RedialOnLinkFailure", "a line that was lost is made again by itself")
	if c.number("DeviceTunnel", 0) == 1 {
		c.approx("DeviceTunnel", "a connection of this computer's: an administrator gives the service its certificate, «sudo homewardctl machine set»")
	}
	c.honour("DeviceTunnel", "")
}
