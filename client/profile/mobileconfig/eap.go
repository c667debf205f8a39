package mobileconfig

import "github.com/homeward-vpn/homeward/client/profile"

// useEAP takes EAP: by what the EAP dictionary says, else with the certificate that
// is named (EAP-TLS), else with a password.
func (c *connection) useEAP(method string) error {
	c.profile.Gateway.Auth = profile.GatewayCertificate
	if s := c.eapSection(); s != nil {
		return c.useDictionary(s)
	}
	uuid := c.certificateUUID()
	if uuid == "" {
		return c.usePassword()
	}
	if !c.container.certs.holds(uuid) && c.ike.text("AuthName") != "" {
		c.ike.ignoreAll("the file does not hold that certificate, and a user name is given: the password is used",
			"PayloadCertificateUUID", "CertificateUUID")
		return c.usePassword()
	}
	if err := c.takeCertificate(uuid); err != nil {
		return err
	}
	p := &c.profile.Client
	p.Auth = profile.ClientEAP
	p.EAP.Methods = []profile.EAPMethod{profile.EAPTLS}
	c.username()
	c.versions(c.ike)
	if method == methodNone {
		p.EAPOnly = profile.EAPOnlySafe
	}
	return nil
}

// usePassword takes EAP with a user name and a password.
func (c *connection) usePassword() error {
	c.profile.Client.Auth = profile.ClientMSCHAPv2
	c.username()
	return c.password(c.ike, "AuthPassword", methodPassword)
}

// username takes the name of the IKEv2 dictionary. Without a password it is what
// the certificate's owner is called in EAP.
func (c *connection) username() {
	p := &c.profile.Client
	p.Username = profile.CleanText(c.ike.text("AuthName"), 256)
	first, _ := p.SignIn()
	switch {
	case p.Username != "":
		c.ike.honour("AuthName", "")
	case first.Username():
		c.ike.approx("AuthName", "empty, so you are asked when you connect")
		c.ike.absent("AuthName", "you are asked for your user name when you connect")
	default:
		c.ike.approx("AuthName", "empty, so your certificate says who you are")
	}
}

// versions reads which versions of TLS a method over TLS may use. What is older
// than 1.2 is not safe, and never used; without an upper bound newer ones are.
func (c *connection) versions(s *section) {
	e := &c.profile.Client.EAP
	for _, v := range []struct {
		key string
		to  *string
	}{{"TLSMinimumVersion", &e.MinTLS}, {"TLSMaximumVersion", &e.MaxTLS}} {
		switch version := s.text(v.key); version {
		case "":
		case "1.0", "1.1", "1":
			*v.to = profile.TLS12
			s.approx(v.key, "raised to 1.2, for older versions are not safe and are never used")
		case profile.TLS12, profile.TLS13:
			*v.to = version
			s.honour(v.key, "")
		default:
			s.refuse(v.key, "not a version of TLS; this version's own bounds are used")
		}
	}
	if e.MinTLS == profile.TLS13 && e.MaxTLS == profile.TLS12 {
		e.MinTLS = ""
		for i := range s.lines {
			if s.lines[i].Path == s.path+"TLSMinimumVersion" {
				s.lines[i].Verdict, s.lines[i].Note = profile.Refused, "above TLSMaximumVersion, which counts"
			}
		}
	}
}

// noteEAP adds to AuthenticationMethod what EAP means for the gateway's own proof.
func (c *connection) noteEAP(method string) string {
	switch {
	case c.profile.Client.EAPOnly == profile.EAPOnlySafe:
		return "the gateway proves itself by a certificate, or inside EAP-TLS where it asks for that"
	case method == methodNone:
		return "the gateway must prove itself by a certificate"
	case method == methodPassword:
		return "taken as EAP with a user name and a password"
	}
	return ""
}
