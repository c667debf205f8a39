package mobileconfig

import (
	"strings"

	"github.com/homeward-vpn/homeward/client/profile"
)

// The authentication methods of AuthenticationMethod.
const (
	methodNone        = "None"
	methodSecret      = "SharedSecret"
	methodCertificate = "Certificate"
	methodPassword    = "Password" // not in Apple's schema, yet found
)

// minPSK is the length below which a shared key can be guessed by someone who
// recorded one handshake (RFC 7296 5: a shared key wants as much entropy as
// the strongest key that is derived).
const minPSK = 16

// authentication decides how both sides prove who they are, after the matrix
// of method, EAP and client certificate.
func (c *connection) authentication() error {
	method, note, err := c.method()
	if err != nil {
		return err
	}
	eap := c.ike.flag("ExtendedAuthEnabled", false) || method == methodPassword
	if c.alwaysOn && eap {
		return unsupported("%s signs in by EAP inside an always-on configuration, which this version does not do", quote(c.profile.Name))
	}
	switch {
	case method == methodSecret && eap:
		return unsupported("%s would give your password to a gateway that proves itself only by a key that everybody shares; ask for a profile in which the gateway has a certificate", quote(c.profile.Name))
	case eap:
		err = c.useEAP(method)
	case method == methodCertificate:
		err = c.useCertificate()
	default:
		err = c.usePSK()
	}
	if err != nil {
		return err
	}
	if eap {
		note = c.noteEAP(method)
	}
	if note == "" {
		c.ike.honour("AuthenticationMethod", "")
	} else {
		c.ike.approx("AuthenticationMethod", note)
	}
	c.ike.honour("ExtendedAuthEnabled", "")
	c.identities()
	c.gatewayProof()
	c.unusedSecrets()
	return nil
}

// method gives the method, and a note where it is not the file's own word.
func (c *connection) method() (method, note string, err error) {
	eap := c.ike.flag("ExtendedAuthEnabled", false)
	switch m := c.ike.text("AuthenticationMethod"); m {
	case methodSecret, methodCertificate:
		return m, "", nil
	case methodPassword:
		return m, "", nil
	case methodNone:
		if eap {
			return m, "", nil
		}
		return methodSecret, "without EAP this means a shared key", nil
	case "":
		switch {
		case c.certificateUUID() != "":
			return methodCertificate, "", nil
		case c.ike.text("SharedSecret") != "" && !eap:
			return methodSecret, "", nil
		case eap:
			return methodNone, "", nil
		}
		return "", "", incomplete("%s does not say how you sign in: AuthenticationMethod is missing", quote(c.profile.Name))
	default:
		return "", "", unsupported("%s wants you to sign in by the method %s, which IKEv2 does not have", quote(c.profile.Name), quote(m))
	}
}

// password takes the EAP password under the first of the keys that holds one, unless
// it was found before.
func (c *connection) password(s *section, keys ...string) error {
	for _, key := range keys {
		if c.secrets.Password != nil {
			break
		}
		v := s.get(key)
		if v == nil {
			continue
		}
		if c.secrets.Password = secretBytes(v); c.secrets.Password == nil {
			s.approx(key, "empty, so you are asked when you connect")
			continue
		}
		if len(c.secrets.Password) > maxSecret {
			return c.tooLong("password")
		}
		s.honour(key, "goes to your sealed store; the file itself still holds it, so delete the file")
	}
	return nil
}

// useCertificate takes the client certificate that the profile names.
func (c *connection) useCertificate() error {
	c.profile.Client.Auth = profile.ClientCertificate
	c.profile.Gateway.Auth = profile.GatewayCertificate
	return c.takeCertificate(c.certificateUUID())
}

// takeCertificate opens the client certificate of that UUID, for IKE or for EAP. One
// that a server would have to issue first, or of which the file says nothing, is left to the user,
// who may have it already.
func (c *connection) takeCertificate(uuid string) error {
	if uuid == "" {
		const note = "the file has no certificate for you: give your own with «homewardctl certificate import», and it is taken when you connect"
		c.ike.approx("PayloadCertificateUUID", note)
		c.ike.absent("PayloadCertificateUUID", note)
		c.ike.ignore("CertificateType", "the kind of your own certificate counts")
		return nil
	}
	if from := c.container.certs.fetched(uuid); from != "" {
		note := "it has to be fetched from a server (" + from + "), which this version does not do; give your own with «homewardctl certificate import», and it is taken when you connect"
		c.ike.approx("PayloadCertificateUUID", note)
		c.ike.approx("CertificateUUID", note)
		c.ike.ignore("CertificateType", "the kind of your own certificate counts")
		return nil
	}
	id, err := c.container.certs.identity(uuid, quote(c.profile.Name))
	if err != nil {
		return err
	}
	c.profile.Client.Certificates = id.Chain
	c.secrets.PrivateKey = append([]byte(nil), id.Key...)
	c.identity = id
	c.ike.honour("PayloadCertificateUUID", "")
	c.ike.approx("CertificateUUID", "taken as PayloadCertificateUUID")
	switch want := c.ike.text("CertificateType"); {
	case want == id.Kind || (want == "RSA-PSS" && id.Kind == "RSA"):
		c.ike.honour("CertificateType", "")
	default:
		c.ike.approx("CertificateType", "the key in the file is "+id.Kind+", which counts")
	}
	return nil
}

func (c *connection) certificateUUID() string {
	if u := c.ike.text("PayloadCertificateUUID"); u != "" {
		return u
	}
	return c.ike.text("CertificateUUID")
}

// usePSK takes a shared key for both sides.
func (c *connection) usePSK() error {
	p := &c.profile
	p.Client.Auth = profile.ClientPSK
	p.Gateway.Auth = profile.GatewayPSK
	v := c.ike.get("SharedSecret")
	if v == nil {
		c.ike.absent("SharedSecret", "you are asked for the shared key when you connect")
		return nil
	}
	c.secrets.PSK = secretBytes(v)
	switch n := len(c.secrets.PSK); {
	case n == 0:
		c.ike.approx("SharedSecret", "empty, so you are asked when you connect")
	case n > maxSecret:
		return c.tooLong("shared key")
	case n < minPSK:
		c.ike.honour("SharedSecret", "goes to your sealed store; it is so short that somebody who records the handshake can guess it")
		c.ike.lowers("SharedSecret")
	default:
		c.ike.honour("SharedSecret", "goes to your sealed store; the file itself still holds it, so delete the file")
	}
	return nil
}

// maxSecret bounds a password or a shared key, in bytes.
const maxSecret = 1024

// tooLong is the error of a secret that no keychain would take.
func (c *connection) tooLong(what string) error {
	return damaged("the file is damaged: the %s of %s is longer than %d bytes", what, quote(c.profile.Name), maxSecret)
}

// secretBytes gives the bytes of a secret, text or data; nil where it is empty.
func secretBytes(v *value) []byte {
	b := append([]byte(nil), v.data...)
	if t, ok := v.asText(); ok {
		b = []byte(t)
	}
	if len(b) == 0 {
		return nil
	}
	return b
}

// identities reads who each side says it is.
func (c *connection) identities() {
	p := &c.profile
	p.Client.Identity = profile.CleanText(c.ike.text("LocalIdentifier"), 512)
	switch {
	case p.Client.Identity == "":
		c.ike.approx("LocalIdentifier", "empty, so you are named by your user name, your certificate or your address")
	case strings.Contains(p.Client.Identity, "="):
		c.ike.approx("LocalIdentifier", "sent as a distinguished name; Apple sends it as a host name")
	default:
		c.ike.honour("LocalIdentifier", "")
	}
	p.Gateway.Identity = profile.CleanText(c.ike.text("RemoteIdentifier"), 512)
	if p.Gateway.Identity == "" {
		c.ike.approx("RemoteIdentifier", "empty, so the gateway must be "+p.Gateway.Address)
		c.ike.absent("RemoteIdentifier", "the gateway must be "+p.Gateway.Address)
	} else {
		c.ike.honour("RemoteIdentifier", "")
	}
}

// gatewayProof reads what the gateway's certificate must be like, and takes
// the certificates that it is checked against.
func (c *connection) gatewayProof() {
	p := &c.profile
	if p.Gateway.Auth != profile.GatewayCertificate {
		c.ike.ignoreAll("the gateway proves itself by the shared key", "ServerCertificateCommonName", "ServerCertificateIssuerCommonName", revocationKey)
		return
	}
	c.revocation()
	p.Gateway.CertificateName = profile.CleanText(c.ike.text("ServerCertificateCommonName"), 256)
	p.Gateway.IssuerName = profile.CleanText(c.ike.text("ServerCertificateIssuerCommonName"), 256)
	c.ike.honour("ServerCertificateCommonName", "must stand in the certificate's subject alternative names")
	c.ike.honour("ServerCertificateIssuerCommonName", "")
	p.Gateway.Anchors, p.Gateway.Intermediates = c.container.certs.trust()
	if len(p.Gateway.Anchors) > 0 {
		return
	}
	note := "the authorities that this system trusts are trusted"
	if c.identity != nil {
		if p.Gateway.Anchors = c.identity.anchorsNamed(p.Gateway.IssuerName); len(p.Gateway.Anchors) > 0 {
			note = "the authority in the client certificate's file is trusted, for it is the one that ServerCertificateIssuerCommonName names"
		}
	}
	trust := newSection("", nil)
	trust.absent("Certificate authority", note)
	c.sections = append(c.sections, trust)
}

const revocationKey = "EnableCertificateRevocationCheck"

// revocation reads whether it is asked if the gateway's certificate was revoked. It
// always is, for that costs nothing where nobody answers.
func (c *connection) revocation() {
	if c.ike.flag(revocationKey, false) {
		c.profile.Gateway.Revocation = profile.RevocationRelaxed
		c.ike.honour(revocationKey, "a revoked certificate ends the line; where nobody answers, nothing is blocked")
		return
	}
	c.ike.approx(revocationKey, "asked all the same: a revoked certificate ends the line, and where nobody answers, nothing is blocked")
}

// unusedSecrets reports the secrets and certificates that the method has no
// use for.
func (c *connection) unusedSecrets() {
	c.ike.ignoreAll("not used by this way to sign in", "SharedSecret", "AuthName", "AuthPassword", "Password",
		"PayloadCertificateUUID", "CertificateUUID", "CertificateType")
	c.ike.ignoreAll("for EAP-TLS", "TLSMinimumVersion", "TLSMaximumVersion")
	c.ike.ignore(eapDictionary, "for EAP")
}
