package onc

import (
	"strings"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/importer"
)

// connection is a VPN network on its way to a profile.
type connection struct {
	file         *file
	network, vpn *node
	ipsec        *node
	report       *importer.Report
	profile      profile.Profile
	secrets      profile.Secrets
}

// build reads everything, what can be refused first.
func (c *connection) build() error {
	p := &c.profile
	p.Version, p.ID = profile.Version, profile.NewID()
	p.Name = profile.CleanName(c.network.member("Name").text())
	if p.Name == "" {
		p.Name = profile.CleanName(c.vpn.member("Host").text())
	}
	if p.Name == "" {
		p.Name = "VPN"
	}
	c.ipsec = c.vpn.member("IPsec")
	for _, step := range []func() error{c.kind, c.server, c.signIn} {
		if err := step(); err != nil {
			return err
		}
	}
	p.Traffic.Full = true
	c.report.Absent("Split tunnel", "everything goes through the tunnel, for only the gateway knows what it serves: it may take less")
	c.report.Absent("Algorithms", "this version's own are offered")
	c.around()
	return nil
}

// otherTypes are the words for a VPN that is not IKEv2.
var otherTypes = map[string]string{
	"L2TP-IPsec": "an L2TP connection", "OpenVPN": "an OpenVPN connection", "WireGuard": "a WireGuard connection",
	"ThirdPartyVPN": "a connection for another program", "ARCVPN": "a connection for an Android program",
}

// kind wants IPsec with IKEv2.
func (c *connection) kind() error {
	kind, version := c.vpn.member("Type"), c.ipsec.member("IKEVersion")
	name := importer.Quote(c.profile.Name)
	switch what := otherTypes[kind.text()]; {
	case what != "":
		return importer.Unsupported("%s is %s; this version connects by IKEv2 only", name, what)
	case kind.text() != "IPsec":
		return importer.Unsupported("%s is a VPN of the type %s, which this version does not know", name, importer.Quote(kind.text()))
	case c.ipsec == nil || c.ipsec.kind != object:
		return importer.Incomplete("%s has no IPsec settings; ask for a complete configuration", name)
	case version.text() == "1":
		return importer.Unsupported("%s is a Cisco IPsec (IKEv1) connection; this version connects by IKEv2 only", name)
	case version.text() != "2":
		return importer.Incomplete("%s does not say that it connects by IKEv2: its IKEVersion is %s", name, importer.Quote(version.text()))
	}
	c.report.Honour(kind.path, "")
	c.report.Honour(version.path, "")
	return nil
}

// server reads where the gateway is and who it says it is.
func (c *connection) server() error {
	p := &c.profile
	host := c.vpn.member("Host")
	address, err := importer.Gateway(p.Name, host.text())
	if err != nil {
		return err
	}
	p.Gateway.Address = address
	if address != host.text() {
		c.report.Approx(host.path, "written as "+address)
	}
	c.report.Honour(host.path, "")
	guid := c.network.member("GUID")
	if p.Origin.Identifier = profile.CleanText(guid.text(), importer.MaxIdentifier); p.Origin.Identifier == "" {
		p.Origin.Identifier = importer.Identifier(p.Name, address)
	}
	c.report.Honour(guid.where(), "a later file with the same identifier replaces this connection")
	c.report.Honour(c.network.member("Name").where(), "")
	c.report.Honour(c.network.member("Type").where(), "")
	remote := c.ipsec.member("RemoteIdentity")
	if p.Gateway.Identity = profile.CleanText(remote.text(), 512); p.Gateway.Identity != "" {
		c.report.Honour(remote.path, "")
	}
	c.report.Approx(remote.where(), "empty, so the gateway must be "+address)
	local := c.ipsec.member("LocalIdentity")
	switch text := local.text(); {
	case variable(text):
		c.report.Approx(local.path, "to be filled in by ChromeOS; you are named by your user name or your certificate")
	case text != "":
		p.Client.Identity = profile.CleanText(text, 512)
		c.report.Honour(local.path, "")
	}
	c.report.Approx(local.where(), "empty, so you are named by your user name or your certificate")
	return nil
}

// variable says that ChromeOS puts something of the person's into a text.
func variable(text string) bool { return strings.Contains(text, "${") }

// around tells what stands beside the settings of IPsec.
func (c *connection) around() {
	r := c.report
	if auto := c.vpn.member("AutoConnect"); auto.truth() {
		c.profile.OnDemand.When = profile.WhenLogin
		r.Honour(auto.path, "the line comes by itself while a program of yours can sign in, such as «homewardctl attend»")
	} else {
		r.Honour(auto.where(), "you connect and disconnect yourself")
	}
	const own = "whether a password is kept is your own choice when you type it"
	for _, n := range []*node{c.ipsec, c.ipsec.member("EAP")} {
		r.Ignore(n.member("SaveCredentials").where(), own)
		r.Ignore(n.member("Recommended").where(), "everything can be changed here")
	}
	for _, n := range []*node{c.network, c.vpn} {
		r.Ignore(n.member("Recommended").where(), "everything can be changed here")
	}
	for _, name := range []string{"XAUTH", "Group"} {
		if n := c.ipsec.member(name); n != nil {
			r.Under(n.path, profile.Ignored, "for IKEv1")
		}
	}
	for _, name := range []string{"L2TP", "OpenVPN", "WireGuard", "ThirdPartyVPN"} {
		if n := c.vpn.member(name); n != nil {
			r.Under(n.path, profile.Ignored, "for other VPN types")
		}
	}
	for _, name := range []string{"ProxySettings", "StaticIPConfig", "NameServersConfigType", "IPAddressConfigType"} {
		if n := c.network.member(name); n != nil {
			r.Under(n.path, profile.Ignored, "not set by this version; the gateway says it")
		}
	}
	r.Ignore(c.network.member("Priority").where(), "for ChromeOS")
	if n := c.file.root.member("GlobalNetworkConfiguration"); n != nil {
		r.Under(n.path, profile.Ignored, "for ChromeOS")
	}
	r.Honour("Type", "")
	for _, n := range c.file.certificates {
		r.Under(n.path, profile.Ignored, "this connection does not use it")
	}
}
