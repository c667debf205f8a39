package profilexml

import (
	"strings"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/importer"
	"github.com/homeward-vpn/homeward/client/profile/xmltree"
)

// signIn decides how the employee, or the computer, proves who it is. The gateway
// always shows a certificate.
func (c *connection) signIn() error {
	c.profile.Gateway.Auth = profile.GatewayCertificate
	c.report.Absent("Certificate authority", "the authorities that this system trusts are trusted; Windows' file cannot hold a certificate")
	auth := c.native.Child("Authentication")
	user, machine := auth.Child("UserMethod"), auth.Child("MachineMethod")
	device := c.root.Child("DeviceTunnel").True()
	defer func() {
		if a := auth.Child("Certificate"); a != nil {
			c.report.Under(a.Path, profile.Ignored, "Windows makes nothing of it either")
		}
		if e := auth.Child("Eap"); e != nil {
			c.report.Under(e.Path, profile.Ignored, "not used by this way to sign in")
		}
		c.report.Ignore(machine.Where(), "the computer does not sign in, you do")
		c.report.Ignore(user.Where(), "the computer signs in, and nobody else")
	}()
	method := strings.ToLower(user.Value())
	where := user
	if method == "" || device {
		method, where = strings.ToLower(machine.Value()), machine
	}
	switch method {
	case "certificate":
		c.profile.Client.Auth = profile.ClientCertificate
		c.report.Approx(where.Path, "the file does not hold the certificate: give your own with «homewardctl certificate import», and it is taken when you connect")
		return nil
	case "eap":
		return c.byEAP(auth.At("Eap", "Configuration"), where)
	case "mschapv2":
		c.profile.Client.Auth = profile.ClientMSCHAPv2
		c.report.Approx(where.Path, "taken as EAP with a user name and a password, for IKEv2 has no other")
		return nil
	case "":
		return importer.Incomplete("%s does not say how you sign in: its Authentication has no method; ask for a complete profile", importer.Quote(c.profile.Name))
	}
	return importer.Unsupported("%s wants you to sign in by %s, which this version does not know", importer.Quote(c.profile.Name), importer.Quote(where.Value()))
}

// byEAP reads EapHostConfig: the outer method and what is said about its server.
func (c *connection) byEAP(configuration, method *xmltree.Element) error {
	host := configuration.Child("EapHostConfig")
	number, at := outerType(host)
	if host == nil || at == nil {
		c.profile.Client.Auth = profile.ClientMSCHAPv2
		c.report.Approx(method.Path, "the file leaves open by which EAP method: a user name and a password (EAP-MSCHAPv2) it is")
		c.report.Ignore(configuration.Where(), "empty: Windows' own settings for EAP were not filled in")
		return nil
	}
	e := &eapReader{connection: c, eap: &c.profile.Client.EAP}
	if err := e.outer(number, at, host); err != nil {
		return err
	}
	c.profile.Client.Auth = profile.ClientEAP
	if first := c.profile.Client.EAP; len(first.Methods) == 1 && first.Methods[0] == profile.EAPMSCHAPv2 {
		c.profile.Client.Auth, c.profile.Client.EAP = profile.ClientMSCHAPv2, profile.EAP{}
	}
	c.report.Honour(method.Path, "")
	return nil
}
