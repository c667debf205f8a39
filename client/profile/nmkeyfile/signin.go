package nmkeyfile

import (
	"crypto/x509"
	"slices"
	"strconv"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/importer"
	"github.com/homeward-vpn/homeward/client/profile/strongswan"
)

// signIn reads how both sides prove who they are.
func (c *connection) signIn() error {
	method, source := c.vpn("method"), c.vpn("cert-source")
	words := method
	switch method {
	case "eap":
	case "cert", "key", "agent", "smartcard":
		words = "pubkey"
	case "eap-tls", "psk":
	case "":
		return importer.Incomplete("%s does not say how you sign in: method is missing; ask for the whole file", c.Name())
	default:
		return importer.Unsupported("%s wants you to sign in by %s, which this version does not know", c.Name(), importer.Quote(method))
	}
	if method == "key" || method == "agent" || method == "smartcard" {
		if source == "" {
			source = method
		}
		c.Report.Approx("vpn.method", "the old word for a certificate")
	}
	if err := c.SignIn("vpn.method", words, false); err != nil {
		return err
	}
	gateway := "pubkey"
	if method == "psk" {
		gateway = "psk"
	}
	if err := c.GatewayAuth("", gateway); err != nil {
		return err
	}
	if err := c.GatewayIdentity("vpn.remote-identity", c.vpn("remote-identity")); err != nil {
		return err
	}
	if err := c.names(); err != nil {
		return err
	}
	c.trust()
	if err := c.certificate(source); err != nil {
		return err
	}
	return c.secret()
}

// names reads who the user is: a shared key belongs to the user's name too.
func (c *connection) names() error {
	user, local := c.vpn("user"), c.vpn("local-identity")
	if c.Profile.Client.Auth == profile.ClientPSK && local == "" {
		if err := c.ClientIdentity("vpn.user", user); err != nil {
			return err
		}
	} else {
		if err := c.ClientIdentity("vpn.local-identity", local); err != nil {
			return err
		}
		c.Username("vpn.user", user)
	}
	c.Report.Ignore("vpn.local-identity", "empty")
	return nil
}

// trust reads what the gateway's certificate is held against.
func (c *connection) trust() {
	const key = "vpn.certificate"
	file := c.vpn("certificate")
	if file == "" {
		c.Report.Ignore(key, "empty, so the authorities that this system trusts are trusted")
		return
	}
	c.Authorities(key, file, "cacerts", "certs")
	g := &c.Profile.Gateway
	if len(g.Anchors) != 1 || g.Identity != "" {
		return
	}
	// The gateway's own certificate, not an authority's, says who it must be.
	leaf, err := x509.ParseCertificate(g.Anchors[0])
	if err != nil || leaf.IsCA || leaf.VerifyHostname(g.Address) == nil {
		return
	}
	switch {
	case len(leaf.DNSNames) > 0:
		g.CertificateName = leaf.DNSNames[0]
	case len(leaf.IPAddresses) > 0:
		g.CertificateName = leaf.IPAddresses[0].String()
	}
}

// certificate reads the user's certificate and key.
func (c *connection) certificate(source string) error {
	if !c.Profile.Client.UsesCertificate() {
		c.Report.IgnoreAll("not used by this way to sign in", "vpn.usercert", "vpn.userkey", "vpn.cert-source")
		return nil
	}
	switch source {
	case "agent", "smartcard":
		c.Report.Approx("vpn.cert-source", "your certificate is looked for when you connect, on a card too")
		c.Report.IgnoreAll("your certificate is looked for when you connect", "vpn.usercert", "vpn.userkey")
		return nil
	}
	c.Report.Honour("vpn.cert-source", "")
	cert, key := c.vpn("usercert"), c.vpn("userkey")
	if cert == "" {
		c.Report.Absent("vpn.usercert", "you sign in with a certificate of your own, which is looked for when you connect")
		c.Report.IgnoreAll("your certificate is looked for when you connect", "vpn.usercert", "vpn.userkey")
		return nil
	}
	password := c.file.text("vpn-secrets", "password")
	files := []strongswan.Named{{Path: cert, Folders: []string{"certs"}, Password: password}}
	paths := []string{"vpn.usercert"}
	if key != "" {
		files = append(files, strongswan.Named{Path: key, Folders: []string{"private"}, Password: password})
		paths = append(paths, "vpn.userkey")
	} else {
		c.Report.Ignore("vpn.userkey", "empty")
	}
	if err := c.Certificate(paths, files...); err != nil {
		return err
	}
	c.Report.Honour("vpn-secrets.password", "opens the key; not kept")
	return nil
}

// secret takes the password or the shared key. What is to be asked for each time has
// no place here: the user says whether it is kept.
func (c *connection) secret() error {
	const key = "vpn-secrets.password"
	value := []byte(c.file.text("vpn-secrets", "password"))
	first, byEAP := c.Profile.Client.SignIn()
	c.flags()
	switch {
	case c.Profile.Client.Auth == profile.ClientPSK:
		return c.PSK(key, value)
	case byEAP && first.Password():
		return c.Password(key, value)
	}
	return nil
}

// notSaved are the bits of password-flags that say that the password is not in the file.
const notSaved = 1 | 2

func (c *connection) flags() {
	for _, key := range []string{"vpn.password-flags", "vpn-secrets.password-flags"} {
		c.Report.Show(key, c.file.text(key[:len(key)-len(".password-flags")], "password-flags"))
	}
	n, err := strconv.Atoi(c.vpn("password-flags"))
	if err == nil && n&notSaved != 0 {
		c.Report.Honour("vpn.password-flags", "you are asked when you connect, and say whether it is kept")
	}
	c.Report.Honour("vpn.password-flags", "")
	c.Report.Ignore("vpn-secrets.password-flags", "only counts in the group vpn")
	if !slices.ContainsFunc(c.file.entries, func(e entry) bool { return e.path() == "vpn-secrets.password" }) && c.Profile.Client.Auth == profile.ClientPSK {
		c.Report.Absent("vpn-secrets.password", "you are asked for the shared key when you connect")
	}
}
