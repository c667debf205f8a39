package profilexml

import (
	"strings"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/importer"
	"github.com/homeward-vpn/homeward/client/profile/winras"
)

// server reads where the gateway is, and what a person calls the connection.
func (c *connection) server() error {
	p := &c.profile
	p.Version, p.ID = profile.Version, profile.NewID()
	p.Name = profile.CleanName(c.root.Child("ProfileName").Value())
	if plugin := c.root.Child("PluginProfile"); plugin != nil && c.native == nil {
		what := profile.CleanText(plugin.Child("PluginPackageFamilyName").Value(), 80)
		if what == "" {
			what = "another program"
		}
		return importer.Unsupported("this is a profile for %s, a VPN program from the Microsoft Store; this version connects by IKEv2 only", what)
	}
	if c.native == nil {
		return importer.Incomplete("the profile has no NativeProfile, so it does not say where the gateway is; ask for a complete profile")
	}
	servers := c.native.Child("Servers")
	first, more, _ := strings.Cut(servers.Value(), ",")
	host, friendly, _ := strings.Cut(first, ";")
	host, friendly = strings.TrimSpace(host), strings.TrimSpace(friendly)
	for _, candidate := range []string{friendly, host} {
		if p.Name == "" {
			p.Name = profile.CleanName(candidate)
		}
	}
	if p.Name == "" {
		p.Name = "VPN"
	}
	var err error
	if p.Gateway.Address, err = importer.Gateway(p.Name, host); err != nil {
		return err
	}
	switch {
	case strings.TrimSpace(more) != "":
		c.report.Approx(servers.Path, "the first is used, "+p.Gateway.Address)
	case p.Gateway.Address != host:
		c.report.Approx(servers.Path, "written as "+p.Gateway.Address)
	default:
		c.report.Honour(servers.Path, "")
	}
	c.report.Honour("ProfileName", "")
	p.Origin.Format = Format
	p.Origin.Identifier = importer.Identifier(p.Name, p.Gateway.Address)
	if c.root.Child("DeviceTunnel").True() {
		p.Origin.Identifier += " device"
	}
	return nil
}

// protocol wants IKEv2 to be among what Windows would try.
func (c *connection) protocol() error {
	kind := c.native.Child("NativeProtocolType")
	const automatic = "Windows tries several protocols in turn; here it is IKEv2, and nothing else"
	switch word := strings.ToLower(kind.Value()); {
	case word == "ikev2":
		c.report.Honour(kind.Path, "")
	case word == "automatic":
		c.report.Approx(kind.Path, automatic)
	case word == "protocollist":
		if !strings.Contains(strings.ToLower(c.protocols()), "ikev2") {
			return importer.Unsupported("%s does not connect by IKEv2 (%s), and this version does nothing else", importer.Quote(c.profile.Name), importer.Quote(c.protocols()))
		}
		c.report.Approx(kind.Path, automatic)
	case word == "" && kind == nil:
		c.report.Absent("NativeProfile.NativeProtocolType", automatic)
	case winras.Protocols[word] != "":
		return importer.Unsupported("%s is %s; this version connects by IKEv2 only", importer.Quote(c.profile.Name), winras.Protocols[word])
	default:
		return importer.Unsupported("%s connects by %s, which this version does not know", importer.Quote(c.profile.Name), importer.Quote(kind.Value()))
	}
	if list := c.native.Child("ProtocolList"); list != nil {
		c.report.Under(list.Path, profile.Approximated, "IKEv2 is used, and nothing else")
	}
	return nil
}

// protocols gives the texts of ProtocolList.
func (c *connection) protocols() string {
	var list []string
	for _, e := range c.native.At("ProtocolList", "NativeProtocolList").All("Type") {
		list = append(list, e.Value())
	}
	return strings.Join(list, ", ")
}

// rest tells what has no counterpart here.
func (c *connection) rest() {
	r := c.report
	under := func(name, note string, verdict profile.Verdict) {
		for _, e := range c.root.All(name) {
			r.Under(e.Path, verdict, note)
		}
	}
	r.IgnoreAll("whether a password is kept is your own choice when you type it", "RememberCredentials")
	r.IgnoreAll("for Windows", "RegisterDNS", "EdpModeId", "DisableAdvancedOptionsEditButton",
		"IPv4InterfaceMetric", "IPv6InterfaceMetric", "PrivateNetwork")
	r.Ignore("UseRasCredentials", "the password of the line is not used for anything else")
	r.Ignore("NetworkOutageTime", "the line is moved to the next network as long as the gateway keeps it")
	r.Approx("DataEncryption", "everything is always encrypted")
	if c.root.Child("DisableIKEv2Fragmentation").True() {
		r.Approx("DisableIKEv2Fragmentation", "large messages are sent in pieces all the same where the gateway can take them")
	}
	r.Honour("DisableIKEv2Fragmentation", "")
	if c.root.Child("DisableMobility").True() {
		c.profile.Session.NoMOBIKE = true
	}
	r.Honour("DisableMobility", "")
	under("Proxy", "web proxies are not set by this version", profile.Ignored)
	under("ByPassForLocal", "web proxies are not set by this version", profile.Ignored)
	under("APNBinding", "for mobile devices", profile.Ignored)
	under("PluginProfile", "for another program; NativeProfile is used", profile.Ignored)
	c.compliance()
	if psk := c.native.Child("L2tpPsk"); psk != nil {
		r.Ignore(psk.Path, "for L2TP")
	}
}

// compliance reads whether a certificate of Entra ID is wanted.
func (c *connection) compliance() {
	d := c.root.Child("DeviceCompliance")
	if d == nil {
		return
	}
	if d.Child("Enabled").True() {
		c.report.Under(d.Path, profile.Refused, "no certificate is fetched from Microsoft Entra ID; a gateway that insists on one does not let you in")
	}
	c.report.Under(d.Path, profile.Ignored, "it is not enabled")
}
