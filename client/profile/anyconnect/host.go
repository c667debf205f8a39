package anyconnect

import (
	"net/netip"
	"strings"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/importer"
	"github.com/homeward-vpn/homeward/client/profile/xmltree"
)

// name is what a person calls the host.
func (c *connection) name() string {
	for _, candidate := range []string{c.host.Child("HostName").Value(), c.host.Child("HostAddress").Value()} {
		if n := profile.CleanName(candidate); n != "" {
			return n
		}
	}
	return "VPN"
}

// standard wants the host to be reached by IPsec, which is IKEv2. SSL is what
// stands for nothing.
func (c *connection) standard() error {
	name := importer.Quote(c.name())
	switch protocol := c.host.Child("PrimaryProtocol").Value(); {
	case strings.EqualFold(protocol, "IPsec"):
		return nil
	case protocol == "", strings.EqualFold(protocol, "SSL"):
		return importer.Unsupported("%s is reached by SSL, Cisco's own protocol; this version connects by IKEv2 only, so ask for a profile with IPsec", name)
	default:
		return importer.Unsupported("%s is reached by %s, which this version does not know", name, importer.Quote(protocol))
	}
}

// server reads where the gateway is.
func (c *connection) server() error {
	p := &c.profile
	p.Version, p.ID, p.Name = profile.Version, profile.NewID(), c.name()
	at := c.host.Child("HostAddress")
	if at.Value() == "" {
		at = c.host.Child("HostName")
	}
	text := at.Value()
	plain, group, _ := strings.Cut(strings.TrimPrefix(text, "https://"), "/")
	if host, port, ok := strings.Cut(plain, ":"); ok && strings.Trim(port, "0123456789") == "" {
		if _, err := netip.ParseAddr(plain); err != nil {
			plain = host
		}
	}
	address, err := importer.Gateway(p.Name, plain)
	if err != nil {
		return err
	}
	p.Gateway.Address = address
	p.Origin.Identifier = importer.Identifier(p.Name, address)
	switch {
	case group != "":
		c.report.Approx(at.Path, "written as "+address+"; the group behind it is for SSL")
	case address != text:
		c.report.Approx(at.Path, "written as "+address)
	}
	c.report.Honour(at.Path, "")
	c.report.Honour(c.host.Child("HostName").Where(), "")
	c.report.Ignore(c.host.Child("HostAddress").Where(), "empty: HostName is the address too")
	return nil
}

// anyConnect says what a gateway may want that no other program does.
const anyConnect = "such a gateway usually wants EAP-AnyConnect, Cisco's own sign-in, which no other program does: it lets you in only where its administrator allows standard EAP; a user name and a password (EAP-MSCHAPv2) are tried"

// signIn decides how the employee proves who it is. The gateway always shows a
// certificate.
func (c *connection) signIn() error {
	p := &c.profile
	p.Gateway.Auth = profile.GatewayCertificate
	c.report.Absent("Certificate authority", "the authorities that this system trusts are trusted; Cisco's file cannot hold a certificate")
	protocol := c.host.Child("PrimaryProtocol")
	only := protocol.Child("StandardAuthenticationOnly")
	method, identity := only.Child("AuthMethodDuringIKENegotiation"), only.Child("IKEIdentity")
	if !only.True() {
		p.Client.Auth = profile.ClientMSCHAPv2
		c.report.Approx(protocol.Path, anyConnect)
		c.report.Honour(only.Where(), "")
		c.report.IgnoreAll("only counts with StandardAuthenticationOnly", method.Where(), identity.Where())
		return nil
	}
	c.report.Honour(protocol.Path, "")
	c.report.Honour(only.Path, "")
	if p.Client.Identity = profile.CleanText(identity.Value(), 512); p.Client.Identity != "" {
		c.report.Honour(identity.Path, "")
	}
	c.report.Approx(identity.Where(), "empty, so you are named by your user name or your certificate")
	return c.method(method)
}

// method reads AuthMethodDuringIKENegotiation.
func (c *connection) method(e *xmltree.Element) error {
	client := &c.profile.Client
	const path = "AuthMethodDuringIKENegotiation"
	switch strings.ToUpper(e.Value()) {
	case "EAP-MSCHAPV2":
		client.Auth = profile.ClientMSCHAPv2
		c.report.Honour(e.Path, "")
	case "EAP-MD5":
		client.Auth, client.EAP.Methods = profile.ClientEAP, []profile.EAPMethod{profile.EAPMD5}
		c.report.Honour(e.Path, "it gives the gateway enough to guess your password by, and ties nothing to the line")
		c.report.Lowers(e.Path)
	case "EAP-GTC", "":
		client.Auth, client.EAP.Methods = profile.ClientEAP, []profile.EAPMethod{profile.EAPGTC}
		const note = "what you type reaches the gateway as it is: right for a one-time code, and wrong for a password"
		only := c.host.At("PrimaryProtocol", "StandardAuthenticationOnly")
		if e.Value() != "" {
			c.report.Honour(e.Path, note)
			c.report.Lowers(e.Path)
			return nil
		}
		c.report.Approx(e.Where(), "empty, which stands for EAP-GTC: "+note)
		if e == nil {
			c.report.Absent(only.Path+"."+path, "EAP-GTC, which stands for nothing: "+note)
		}
		c.report.Lowers(only.Path)
	case "EAP-ANYCONNECT":
		client.Auth = profile.ClientMSCHAPv2
		c.report.Refuse(e.Path, anyConnect)
	case "IKE-RSA", "IKE-ECDSA":
		client.Auth = profile.ClientCertificate
		c.report.Approx(e.Path, "the file does not hold the certificate: give your own with «homewardctl certificate import», and it is taken when you connect")
	default:
		return importer.Unsupported("%s wants you to sign in by %s, which this version does not know", importer.Quote(c.profile.Name), importer.Quote(e.Value()))
	}
	return nil
}

// around tells what stands beside the host's address.
func (c *connection) around() {
	r := c.report
	under := func(name string, verdict profile.Verdict, note string) {
		if e := c.host.Child(name); e != nil {
			r.Under(e.Path, verdict, note)
		}
	}
	under("BackupServerList", profile.Ignored, "one address is used; make a connection of its own for another one")
	under("LoadBalancingServerList", profile.Ignored, "a gateway that sends you to another is followed")
	under("MobileHostEntryInfo", profile.Ignored, "for mobile devices")
	under("UserGroup", profile.Ignored, "for SSL")
	under("AutomaticSCEPHost", profile.Refused, "no certificate is fetched from a server; give your own with «homewardctl certificate import»")
	under("CAURL", profile.Refused, "no certificate is fetched from a server; give your own with «homewardctl certificate import»")
	lists := append(c.host.All("CertificatePinList"), c.root.At("ClientInitialization").All("CertificatePinList")...)
	for _, pins := range lists {
		if len(pins.Children) == 0 {
			continue
		}
		r.Under(pins.Path, profile.Refused, "fingerprints of a kind (SHA-512) that this version does not compare: a certificate of any authority that this system trusts will do")
		r.Lowers(pins.Children[0].Path)
	}
}
