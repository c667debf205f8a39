package profilexml

import (
	"slices"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/importer"
)

// attended says who signs in when a line comes by itself.
const attended = "the line comes by itself while a program of yours can sign in, such as «homewardctl attend»"

// machine says the same of a line that comes before anybody signs in.
const machine = "the line comes by itself; before you sign in to the computer only with a credential that an administrator gives to the service, «sudo homewardctl machine set»"

// demand reads when the connection comes by itself.
func (c *connection) demand() {
	o := &c.profile.OnDemand
	device, always := c.root.Child("DeviceTunnel"), c.root.Child("AlwaysOn")
	switch {
	case c.root.Child("LockDown").True():
		c.lockDown()
	case always.True() && device.True():
		o.When = profile.WhenBoot
		c.report.Honour(always.Path, machine)
	case always.True():
		o.When = profile.WhenLogin
		c.report.Honour(always.Path, attended)
	default:
		c.report.Honour(always.Where(), "you connect and disconnect yourself")
	}
	if device.True() {
		c.report.Approx(device.Path, "a connection of this computer's: an administrator gives the service its certificate, «sudo homewardctl machine set»")
	}
	c.report.Honour(device.Where(), "")
	c.report.Honour("LockDown", "")
	c.trusted()
	if button := c.root.Child("DisableDisconnectButton"); button.True() {
		c.report.Approx(button.Path, "you can disconnect all the same; only lockdown, which an administrator sets, holds against it")
	} else {
		c.report.Honour(button.Where(), "")
	}
	for _, app := range c.root.All("AppTrigger") {
		c.report.Under(app.Path, profile.Refused, "programs are not watched: you connect yourself, or always")
	}
}

// lockDown makes the tunnel the only way out as far as a profile can. What Windows
// forces on everybody only an administrator of this computer can.
func (c *connection) lockDown() {
	c.profile.OnDemand.When = profile.WhenAlways
	c.profile.Traffic.KillSwitch = profile.KillSwitchOn
	c.report.Approx("LockDown", "everything goes through the tunnel and the kill switch is on while the line is wanted; everything is blocked without it only in lockdown («sudo homewardctl killswitch lockdown»)")
	c.report.Lowers("LockDown")
	c.report.Honour("AlwaysOn", machine)
}

// trusted reads the networks in which the line is not wanted.
func (c *connection) trusted() {
	const key = "TrustedNetworkDetection"
	e := c.root.Child(key)
	var domains []string
	bad := false
	for _, text := range commas(e.Value()) {
		name, ok := importer.Domain(text)
		if !ok || len(domains) == 256 {
			bad = true
		} else if !slices.Contains(domains, name) {
			domains = append(domains, name)
		}
	}
	switch {
	case e == nil:
	case len(domains) == 0:
		c.report.Ignore(e.Path, "no domain names in it")
	case c.profile.OnDemand.When == profile.WhenNever:
		c.report.Ignore(e.Path, "only counts with AlwaysOn")
	case c.profile.OnDemand.When == profile.WhenAlways:
		c.report.Ignore(e.Path, "LockDown stands above it")
	default:
		c.profile.OnDemand.Rules = []profile.Rule{{Action: profile.RuleDisconnect, DNSDomains: domains}}
		note := "nothing protects you in a network that says it has one of these search domains"
		if bad {
			note += "; what is no domain name is left out"
		}
		c.report.Honour(e.Path, note)
	}
}
