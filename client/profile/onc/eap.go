package onc

import (
	"slices"
	"strings"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/importer"
)

// outers are the values of Outer that this version does.
var outers = map[string]profile.EAPMethod{
	"EAP-TLS": profile.EAPTLS, "EAP-TTLS": profile.EAPTTLS, "PEAP": profile.EAPPEAP, "MSCHAPv2": profile.EAPMSCHAPv2, "GTC": profile.EAPGTC, "MD5": profile.EAPMD5,
}

// inners are the values of Inner, by the method around them.
var inners = map[profile.EAPMethod]map[string]profile.InnerMethod{
	profile.EAPTTLS: {
		"": profile.InnerMSCHAPv2, "Automatic": profile.InnerMSCHAPv2, "PAP": profile.InnerPAP, "CHAP": profile.InnerCHAP,
		"MSCHAP": profile.InnerMSCHAP, "MSCHAPv2": profile.InnerMSCHAPv2, "MD5": profile.InnerEAPMD5, "GTC": profile.InnerEAPGTC,
	},
	profile.EAPPEAP: {"": profile.InnerMSCHAPv2, "Automatic": profile.InnerMSCHAPv2, "MSCHAPv2": profile.InnerMSCHAPv2, "GTC": profile.InnerGTC},
}

// byEAP reads the EAP settings.
func (c *connection) byEAP(e *node) error {
	p := &c.profile
	outer := e.member("Outer")
	m, known := outers[outer.text()]
	switch {
	case outer.text() == "":
		return importer.Incomplete("%s signs in by EAP and does not say by which method: Outer is missing", importer.Quote(p.Name))
	case !known:
		return importer.Unsupported("%s signs you in by %s, which this version does not do; ask for EAP-TLS, PEAP, EAP-TTLS or a password", importer.Quote(p.Name), importer.Quote(outer.text()))
	}
	p.Client.Auth = profile.ClientEAP
	p.Client.EAP.Methods = []profile.EAPMethod{m}
	switch m {
	case profile.EAPGTC:
		c.report.Honour(outer.path, "what you type reaches the gateway as it is: right for a one-time code, and wrong for a password")
		c.report.Lowers(outer.path)
	case profile.EAPMD5:
		c.report.Honour(outer.path, "it gives the gateway enough to guess your password by, and ties nothing to the line")
		c.report.Lowers(outer.path)
	}
	c.report.Honour(outer.path, "")
	if err := c.inner(e, m); err != nil {
		return err
	}
	if m.OverTLS() {
		if err := c.signInServer(e); err != nil {
			return err
		}
	}
	if m == profile.EAPTLS {
		if err := c.clientCertificate(e); err != nil {
			return err
		}
	}
	if m == profile.EAPMSCHAPv2 {
		p.Client.Auth, p.Client.EAP = profile.ClientMSCHAPv2, profile.EAP{}
	}
	if err := c.user(e, m); err != nil {
		return err
	}
	c.report.Ignore(e.member("UseProactiveKeyCaching").where(), "for Wi-Fi")
	return nil
}

// inner reads what goes inside TTLS and PEAP.
func (c *connection) inner(e *node, m profile.EAPMethod) error {
	inner := e.member("Inner")
	table := inners[m]
	if table == nil {
		c.report.Ignore(inner.where(), "for PEAP and EAP-TTLS")
		return nil
	}
	in, known := table[inner.text()]
	if !known {
		return importer.Unsupported("%s signs you in by %s inside %s, which this version does not do; ask for MSCHAPv2 there",
			importer.Quote(c.profile.Name), importer.Quote(inner.text()), e.member("Outer").text())
	}
	c.profile.Client.EAP.Inner = []profile.InnerMethod{in}
	switch {
	case in == profile.InnerPAP:
		c.report.Honour(inner.path, "the server that signs you in reads the password as you typed it")
	case inner.text() == "Automatic":
		c.report.Approx(inner.path, "MSCHAPv2 is used")
	}
	c.report.Honour(inner.where(), "")
	return nil
}

// user reads who signs in.
func (c *connection) user(e *node, m profile.EAPMethod) error {
	p := &c.profile.Client
	identity, password, anonymous := e.member("Identity"), e.member("Password"), e.member("AnonymousIdentity")
	const filled = "to be filled in by ChromeOS, so you are asked when you connect"
	switch text := identity.text(); {
	case variable(text):
		c.report.Approx(identity.path, filled)
	case text != "":
		p.Username = profile.CleanText(text, 256)
		c.report.Honour(identity.path, "")
	case m != profile.EAPTLS:
		c.report.Approx(identity.where(), "empty, so you are asked when you connect")
		if identity == nil {
			c.report.Absent("EAP.Identity", "you are asked for your user name when you connect")
		}
	}
	c.report.Ignore(identity.where(), "empty, so your certificate says who you are")
	switch text := password.text(); {
	case m == profile.EAPTLS || m == profile.EAPGTC:
		c.report.Ignore(password.where(), "not used by this way to sign in")
	case text == "" || variable(text):
		c.report.Approx(password.where(), filled)
	case len(text) > importer.MaxSecret:
		return importer.Damaged("the file is damaged: the password of %s is longer than %d bytes", importer.Quote(c.profile.Name), importer.MaxSecret)
	default:
		c.secrets.Password = []byte(text)
		c.report.Honour(password.path, "goes to your sealed store; the file itself still holds it, so delete the file")
	}
	switch text := anonymous.text(); {
	case p.Auth != profile.ClientEAP || !m.OverTLS():
		c.report.Ignore(anonymous.where(), "for methods over TLS")
	case text == "" || variable(text):
		c.report.Approx(anonymous.where(), "to be filled in, so only your realm is said")
	default:
		p.EAP.OuterIdentity = profile.CleanText(text, 256)
		c.report.Honour(anonymous.path, "")
	}
	return nil
}

// signInServer reads whom a method over TLS trusts.
func (c *connection) signInServer(e *node) error {
	settings := &c.profile.Client.EAP
	var err error
	if settings.Anchors, err = c.anchors(e); err != nil {
		return err
	}
	if system := e.member("UseSystemCAs"); len(settings.Anchors) > 0 && !system.truth() {
		c.report.Honour(system.where(), "")
	} else {
		c.report.Approx(system.where(), "the server that signs you in always has to prove who it is")
	}
	c.serverNames(e)
	switch version := e.member("TLSVersionMax"); version.text() {
	case "":
	case "1.2", "1.3":
		settings.MaxTLS = version.text()
		c.report.Honour(version.path, "")
	default:
		settings.MaxTLS = profile.TLS12
		c.report.Approx(version.path, "raised to 1.2, for older versions are not safe and are never used")
	}
	return nil
}

// serverNames reads the names that the server's certificate must have one of.
func (c *connection) serverNames(e *node) {
	settings := &c.profile.Client.EAP
	add := func(name string) bool {
		if !profile.ValidServerName(name) || name == profile.AnyName || len(settings.ServerNames) == 32 {
			return false
		}
		if !slices.Contains(settings.ServerNames, name) {
			settings.ServerNames = append(settings.ServerNames, name)
		}
		return true
	}
	if suffixes := e.member("DomainSuffixMatch"); len(suffixes.texts()) > 0 {
		for _, s := range suffixes.texts() {
			if s = strings.TrimPrefix(s, "."); add(s) {
				add("*." + s)
			}
		}
		c.report.Approx(suffixes.path, "the name itself, or one label in front of it")
	}
	for _, match := range e.member("SubjectAlternativeNameMatch").items() {
		value := match.member("Value")
		if match.member("Type").text() == "DNS" && add(value.text()) {
			c.report.Under(match.path, profile.Honoured, "")
		}
		c.report.Under(match.path, profile.Refused, "not the name of a host")
	}
	c.report.Refuse(e.member("SubjectMatch").where(), "the subject of a certificate proves nothing; names are compared with its subject alternative names")
	if len(settings.ServerNames) == 0 {
		c.report.Absent("DomainSuffixMatch", "the server that signs you in must have the gateway's name")
	}
}
