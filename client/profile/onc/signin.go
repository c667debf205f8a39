package onc

import (
	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/importer"
)

// signIn decides how both sides prove who they are.
func (c *connection) signIn() error {
	p := &c.profile
	p.Gateway.Auth = profile.GatewayCertificate
	method := c.ipsec.member("AuthenticationType")
	var err error
	switch method.text() {
	case "PSK":
		return c.sharedKey(method)
	case "Cert":
		p.Client.Auth = profile.ClientCertificate
		err = c.clientCertificate(c.ipsec)
	case "EAP":
		err = c.byEAP(c.ipsec.member("EAP"))
	case "":
		return importer.Incomplete("%s does not say how you sign in: AuthenticationType is missing", importer.Quote(p.Name))
	default:
		return importer.Unsupported("%s wants you to sign in by %s, which this version does not know", importer.Quote(p.Name), importer.Quote(method.text()))
	}
	if err != nil {
		return err
	}
	c.report.Honour(method.path, "")
	anchors, err := c.anchors(c.ipsec)
	if err != nil {
		return err
	}
	p.Gateway.Anchors = anchors
	if len(anchors) == 0 {
		c.report.Absent("ServerCARefs", "the authorities that this system trusts are trusted")
	}
	const unused = "not used by this way to sign in"
	c.report.Ignore(c.ipsec.member("PSK").where(), unused)
	for _, name := range []string{"EAP", "ClientCertType", "ClientCertRef", "ClientCertPattern", "ClientCertPKCS11Id", "ClientCertProvisioningProfileId"} {
		if n := c.ipsec.member(name); n != nil {
			c.report.Under(n.path, profile.Ignored, unused)
		}
	}
	return nil
}

// sharedKey takes a shared key for both sides.
func (c *connection) sharedKey(method *node) error {
	p := &c.profile
	p.Client.Auth, p.Gateway.Auth = profile.ClientPSK, profile.GatewayPSK
	c.report.Honour(method.path, "")
	psk := c.ipsec.member("PSK")
	switch text := psk.text(); {
	case psk == nil:
		c.report.Absent("PSK", "you are asked for the shared key when you connect")
	case text == "" || variable(text):
		c.report.Approx(psk.path, "to be filled in, so you are asked when you connect")
	case len(text) > importer.MaxSecret:
		return importer.Damaged("the file is damaged: the shared key of %s is longer than %d bytes", importer.Quote(p.Name), importer.MaxSecret)
	default:
		c.secrets.PSK = []byte(text)
		note := "goes to your sealed store; the file itself still holds it, so delete the file"
		if len(text) < importer.MinPSK {
			note = "goes to your sealed store; it is so short that somebody who records the handshake can guess it"
			c.report.Lowers(psk.path)
		}
		c.report.Honour(psk.path, note)
	}
	for _, name := range []string{"ServerCARef", "ServerCARefs", "ServerCAPEMs"} {
		c.report.Ignore(c.ipsec.member(name).where(), "the gateway proves itself by the shared key")
	}
	for _, name := range []string{"EAP", "ClientCertType", "ClientCertRef", "ClientCertPattern"} {
		if n := c.ipsec.member(name); n != nil {
			c.report.Under(n.path, profile.Ignored, "not used by this way to sign in")
		}
	}
	return nil
}
