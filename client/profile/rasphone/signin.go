package rasphone

import (
	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/importer"
	"github.com/homeward-vpn/homeward/client/profile/winras"
)

// byEAP is the bit of AuthRestrictions that stands for EAP.
const byEAP = 128

// signIn decides how the employee, or the computer, proves who it is. The gateway
// always shows a certificate.
func (c *connection) signIn() error {
	p := &c.profile
	p.Gateway.Auth = profile.GatewayCertificate
	c.report.Absent("Certificate authority", "the authorities that this system trusts are trusted; a phone book cannot hold a certificate")
	c.identities()
	c.ignore("PreSharedKey", "for L2TP, and not in the file")
	c.approx("AutoLogon", "you are asked for your user name and password, which can be kept in your keychain")
	c.ignore("UseRasCredentials", "the password of the line is not used for anything else")
	c.ignore("CacheCredentials", "whether a password is kept is your own choice when you type it")
	number := c.number("CustomAuthKey", 0)
	restrictions := c.number("AuthRestrictions", 0)
	if number == 0 && (restrictions&byEAP == 0 || c.number("DeviceTunnel", 0) == 1) {
		p.Client.Auth = profile.ClientCertificate
		const note = "without EAP it is a certificate, which the file does not hold: give your own with «homewardctl certificate import», and it is taken when you connect"
		c.approx("CustomAuthKey", note)
		c.approx("AuthRestrictions", note)
		return nil
	}
	c.honour("AuthRestrictions", "")
	if number == 0 {
		p.Client.Auth = profile.ClientMSCHAPv2
		c.approx("CustomAuthKey", "the file leaves open by which EAP method: a user name and a password (EAP-MSCHAPv2) it is")
		return nil
	}
	return c.method(number)
}

// method reads the EAP method. Its settings are in a binary form of the method's
// own, of which nothing is believed.
func (c *connection) method(number int) error {
	m, name, ok := winras.Method(number)
	if !ok {
		return importer.Unsupported("%s signs you in by %s (EAP type %d), which this version does not do; ask for a profile with EAP-TLS, PEAP, TTLS or a password",
			importer.Quote(c.profile.Name), name, number)
	}
	client := &c.profile.Client
	client.Auth = profile.ClientMSCHAPv2
	if m != profile.EAPMSCHAPv2 {
		client.Auth = profile.ClientEAP
		client.EAP.Methods = []profile.EAPMethod{m}
	}
	note, lowers := winras.Judge(m)
	if m == profile.EAPPEAP || m == profile.EAPTTLS {
		c.approx("CustomAuthKey", "with a user name and a password (MSCHAPv2) inside; the file says what is inside in Windows' own binary form, which is not read")
	}
	c.honour("CustomAuthKey", note)
	if k := c.entry.find("CustomAuthKey"); k != nil && lowers {
		c.report.Lowers(k.path)
	}
	if k := c.entry.find("CustomAuthData"); k != nil {
		c.report.Show(k.path, importer.Plural(len(k.value)/2, "byte"))
		if m.OverTLS() {
			c.report.Approx(k.path, "settings in Windows' own binary form, which is not read: the server that signs you in must have the gateway's name, and a certificate of an authority that this system trusts")
		}
		c.report.Ignore(k.path, "settings in Windows' own binary form, which is not read")
	}
	return nil
}

// identities reads who each side says it is.
func (c *connection) identities() {
	p := &c.profile
	p.Client.Identity = profile.CleanText(c.value("IDI"), 512)
	p.Gateway.Identity = profile.CleanText(c.value("IDR"), 512)
	if p.Client.Identity == "" {
		c.approx("IDI", "empty, so you are named by your user name or your certificate")
	}
	c.honour("IDI", "")
	if p.Gateway.Identity == "" {
		c.approx("IDR", "empty, so the gateway's certificate must be for "+p.Gateway.Address)
	}
	c.honour("IDR", "")
}
