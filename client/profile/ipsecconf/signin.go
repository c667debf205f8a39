package ipsecconf

import (
	"strings"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/importer"
	"github.com/homeward-vpn/homeward/client/profile/strongswan"
)

// signIn reads how both sides prove who they are.
func (c *connection) signIn() error {
	if c.view.value(c.peer+"auth2") != "" {
		return importer.Unsupported("the gateway of %s is to prove itself twice, which this version does not check", c.Name())
	}
	if err := c.SignIn(c.view.path(c.me+"auth", "authby"), c.auth(c.me), false); err != nil {
		return err
	}
	if second := c.view.value(c.me + "auth2"); second != "" {
		if err := c.SignIn(c.view.path(c.me+"auth2"), second, true); err != nil {
			return err
		}
	}
	if err := c.GatewayAuth(c.view.path(c.peer+"auth", "authby"), c.auth(c.peer)); err != nil {
		return err
	}
	if err := c.CheckSignIn(); err != nil {
		return err
	}
	if c.view.value(c.me+"auth", "authby") == "" {
		c.Report.Absent(c.view.path(c.me+"auth"), "you sign in with a certificate")
	}
	if err := c.identities(); err != nil {
		return err
	}
	c.users()
	c.trust()
	return c.credentials()
}

// auth is how a side proves itself: its own word, else the old one for both.
func (c *connection) auth(side string) string {
	if own := c.view.value(side + "auth"); own != "" {
		return own
	}
	old, _, _ := strings.Cut(c.view.value("authby"), "|")
	return old
}

// identities reads who each side says it is.
func (c *connection) identities() error {
	if err := c.ClientIdentity(c.view.path(c.me+"id"), c.view.value(c.me+"id")); err != nil {
		return err
	}
	if n := len(c.Profile.Client.Further); n > 0 {
		name, reason := strongswan.Identity(c.view.value(c.me + "id2"))
		if reason != "" {
			return importer.Unsupported("%s cannot be used: who you are in it, %s, is no identity of this version: %s", c.Name(), c.view.path(c.me+"id2"), reason)
		}
		c.Profile.Client.Further[n-1].Identity = name
		c.honour(c.me + "id2")
	}
	text := c.view.value(c.peer + "id")
	loose, isLoose := strings.CutPrefix(text, "%")
	if id, reason := strongswan.Identity(text); isLoose && id == text && reason == "" {
		// It is not sent, and any other of the certificate's names will do.
		c.Profile.Gateway.CertificateName = loose
		c.tell(profile.Approximated, "it is not asked for, and must be in the gateway's certificate", c.peer+"id")
		return nil
	}
	return c.GatewayIdentity(c.view.path(c.peer+"id"), text)
}

// users reads the user name, which is the identity where none is given.
func (c *connection) users() {
	_, byEAP := c.Profile.Client.SignIn()
	if !byEAP && len(c.Profile.Client.Further) == 0 {
		c.ignore("for a sign-in by EAP", "eap_identity", "aaa_identity")
		return
	}
	name, at := c.view.value("eap_identity"), c.view.path("eap_identity")
	if _, given := c.view.get("eap_identity"); !given && c.Profile.Client.Identity != "" {
		name, at = strings.TrimLeft(c.Profile.Client.Identity, "@"), c.view.path(c.me+"id")
	}
	c.Username(at, name)
	if t, ok := c.view.get("aaa_identity"); ok {
		c.ServerName(t.path, t.value)
	}
}

// trust reads what the gateway's certificate is held against.
func (c *connection) trust() {
	if t, ok := c.view.get(c.peer + "cert"); ok {
		c.Authorities(t.path, t.value, "ipsec.d/certs", "certs")
	}
	for _, s := range c.file.sections {
		if s.kind != kindCA || s.name == defaults {
			continue
		}
		if t, ok := s.own("cacert"); ok && t.value != "" {
			c.Authorities(t.path, t.value, "ipsec.d/cacerts", "cacerts")
		}
		c.Report.Under(profile.CleanText(s.path(), maxPath), profile.Ignored, "the certificate itself says whom to ask")
	}
	if t, ok := c.view.get(c.peer + "ca"); ok && (t.value == "%same" || !c.Issuer(t.path, t.value)) {
		c.Report.Refuse(t.path, "not looked at in the gateway's certificate by this version")
		c.Report.Lowers(t.path)
	}
	c.tell(profile.Refused, "not looked at in the gateway's certificate by this version", c.peer+"certpolicy")
	c.revocation()
}

// revocation is the daemon's own setting, for all connections.
func (c *connection) revocation() {
	for _, s := range c.file.sections {
		if t, ok := s.own("strictcrlpolicy"); ok && s.kind == kindConfig {
			c.Revocation(t.path, t.value)
		}
	}
}

// credentials takes the user's certificate and key, the password or the shared key.
func (c *connection) credentials() error {
	if err := c.Take(c.file.secrets.values); err != nil {
		return err
	}
	if !c.file.secrets.found {
		c.Report.Absent(secretsFile, "it does not lie beside the profile, so you are asked when you connect")
	}
	defer c.file.secrets.rest(c.Report)
	uses := c.Profile.Client.UsesCertificate()
	t, named := c.view.get(c.me+"cert", c.me+"cert2")
	switch {
	case !uses:
		c.ignore("not used by this way to sign in", c.me+"cert", c.me+"cert2", c.me+"ca")
		return nil
	case strings.HasPrefix(t.value, "%smartcard"):
		c.Report.Approx(t.path, "on a card: it is looked for there when you connect")
		return nil
	}
	c.issuers()
	paths, files := c.file.secrets.keyFiles()
	if named {
		files = append([]strongswan.Named{{Path: first(t.value), Folders: []string{"ipsec.d/certs", "certs"}}}, files...)
		paths = append([]string{t.path}, paths...)
	}
	if len(files) == 0 {
		c.Report.Absent(c.view.path(c.me+"cert"), "you sign in with a certificate of your own, which is looked for when you connect")
		return nil
	}
	return c.Certificate(paths, files...)
}

// issuers narrows which certificate of the user's is taken.
func (c *connection) issuers() {
	t, ok := c.view.get(c.me + "ca")
	if !ok {
		return
	}
	for part := range strings.FieldsFuncSeq(t.value, func(r rune) bool { return r == ',' || r == '/' }) {
		key, value, _ := strings.Cut(part, "=")
		if value = profile.CleanText(value, 256); strings.EqualFold(strings.TrimSpace(key), "CN") && value != "" {
			c.Profile.Client.CertificateIssuers = []string{value}
			c.Report.Approx(t.path, "your certificate must come from the authority with the common name "+importer.Quote(value))
		}
	}
	c.Report.Ignore(t.path, "you choose your certificate")
}
