package sswan

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/importer"
	"github.com/homeward-vpn/homeward/client/profile/keyfile"
	"github.com/homeward-vpn/homeward/client/profile/strongswan"
)

// The ways to sign in. The app takes what it does not know for the first.
const (
	typePrefix  = "ikev2-"
	typeEAP     = "ikev2-eap"
	typeCert    = "ikev2-cert"
	typeCertEAP = "ikev2-cert-eap"
	typeTLS     = "ikev2-eap-tls"
	typeBYOD    = "ikev2-byod-eap"
)

// signIn reads how both sides prove who they are.
func (c *connection) signIn() error {
	typ := c.text("type")
	client := &c.profile.Client
	certificate := false
	switch typ {
	case typeBYOD:
		return importer.Unsupported("%s wants the state of the device measured at the sign-in (TNC), which this version does not do; ask for a profile without that", c.name())
	case typeCert:
		client.Auth, certificate = profile.ClientCertificate, true
	case typeCertEAP:
		client.Auth, certificate = profile.ClientCertificate, true
		client.Further = []profile.SignIn{{Auth: profile.ClientMSCHAPv2}}
	case typeTLS:
		client.Auth, certificate = profile.ClientEAP, true
		client.EAP.Methods = []profile.EAPMethod{profile.EAPTLS}
	default:
		client.Auth = profile.ClientMSCHAPv2
	}
	switch {
	case typ == "":
		c.told.Absent("type", "you sign in with a user name and a password")
	case typ != typeEAP && !certificate:
		c.told.Approx("type", "not known, so you sign in with a user name and a password, as in strongSwan's app")
	case typ == typeEAP || typ == typeCertEAP:
		c.told.Honour("type", "your password is given by MSCHAPv2, and by no method that shows it")
	}
	c.told.Honour("type", "")
	if err := c.trust(); err != nil {
		return err
	}
	if certificate {
		if err := c.certificate(); err != nil {
			return err
		}
	}
	if err := c.names(); err != nil {
		return err
	}
	c.told.IgnoreAll("the scheme of the signature is agreed with the gateway", "local.rsa-pss")
	c.told.IgnoreAll("not used by this way to sign in", "local.p12", "local.eap_id", "local.shared_secret")
	return nil
}

// names reads who the user is.
func (c *connection) names() error {
	client := &c.profile.Client
	name := profile.CleanText(c.text("local.eap_id"), 256)
	switch {
	case len(client.Further) > 0 && name == "":
		return importer.Incomplete("%s does not say whose password is asked for after the certificate: local.eap_id is missing; ask for a complete profile", c.name())
	case len(client.Further) > 0:
		client.Further[0].Username = name
		client.Username = name
		c.told.Honour("local.eap_id", "")
		c.told.Refuse("local.shared_secret", "a password after a certificate is asked for each time; delete the file, which holds it")
	case client.Auth == profile.ClientMSCHAPv2:
		client.Username = name
		if name != "" {
			c.told.Honour("local.eap_id", "")
		}
		c.told.Approx("local.eap_id", "empty, so you are asked when you connect")
		c.told.Absent("local.eap_id", "you are asked for your user name when you connect")
		if err := c.password(); err != nil {
			return err
		}
	}
	id, reason := strongswan.Identity(c.text("local.id"))
	if reason != "" {
		return importer.Unsupported("%s cannot be used: who you are in it, local.id, is no identity of this version: %s", c.name(), reason)
	}
	client.Identity = id
	if id == "" {
		c.told.Approx("local.id", "it names nobody in particular, so you are named by your user name or your certificate")
	}
	c.told.Honour("local.id", "")
	return nil
}

func (c *connection) password() error {
	const key = "local.shared_secret"
	secret := c.root.at(key).asText()
	switch {
	case len(secret) > importer.MaxSecret:
		return damaged(fmt.Sprintf("the password of %s is longer than %d bytes", c.name(), importer.MaxSecret))
	case secret == "":
		c.told.Approx(key, "empty, so you are asked when you connect")
	default:
		c.secrets.Password = []byte(secret)
		c.told.Honour(key, "goes to your sealed store; the file itself still holds it, so delete the file")
	}
	return nil
}

// trust reads what the gateway's certificate is held against.
func (c *connection) trust() error {
	const key = "remote.cert"
	if c.root.at(key) != nil {
		data, err := c.base64(key)
		if err != nil {
			return err
		}
		certs, err := keyfile.Certificates(data)
		if err != nil {
			e := damaged("remote.cert does not hold a certificate that can be read")
			e.Err = err
			return e
		}
		files := strongswan.Files{Now: c.options.Now}
		strongswan.Trust(&c.profile.Gateway, certs)
		c.told.Show(key, files.Describe(certs[0]))
		c.told.Honour(key, "trusted for this connection's gateway, and for nothing else")
	}
	if on, ok := c.root.at("remote.certreq").asBool(); ok && !on {
		c.told.Approx("remote.certreq", "the gateway is told all the same which authorities are trusted")
	}
	c.told.Honour("remote.certreq", "")
	c.revocation()
	return nil
}

func (c *connection) revocation() {
	const at = "remote.revocation."
	off := func(key string) bool { on, ok := c.root.at(at + key).asBool(); return ok && !on }
	strict, _ := c.root.at(at + "strict").asBool()
	switch {
	case strict:
		c.profile.Gateway.Revocation = profile.RevocationStrict
		c.told.Honour(at+"strict", "no line without a good answer about the gateway's certificate")
		c.told.Approx(at+"crl", "both ways are asked, by which the certificate can be")
		c.told.Approx(at+"ocsp", "both ways are asked, by which the certificate can be")
	case off("crl") && off("ocsp"):
		c.profile.Gateway.Revocation = profile.RevocationOff
		for _, key := range []string{"crl", "ocsp"} {
			c.told.Honour(at+key, "a gateway whose certificate was stolen and revoked is taken for the real one")
			c.told.Lowers(at + key)
		}
	}
	for _, key := range []string{"crl", "ocsp"} {
		if off(key) {
			c.told.Approx(at+key, "asked all the same where the other way does not answer")
		}
		c.told.Honour(at+key, "")
	}
	c.told.Honour(at+"strict", "")
}

// certificate opens the PKCS#12 file.
func (c *connection) certificate() error {
	const key = "local.p12"
	if c.root.at(key) == nil {
		c.told.Absent(key, "you sign in with a certificate of your own, which is looked for when you connect")
		return nil
	}
	data, err := c.base64(key)
	if err != nil {
		return err
	}
	id, asked, err := keyfile.OpenPKCS12(data, c.profile.Name, nil, c.options.AskPassword)
	if err != nil {
		return c.notOpened(err, asked)
	}
	c.profile.Client.Certificates = id.Chain
	c.secrets.PrivateKey = bytes.Clone(id.Key)
	clear(id.Key)
	files := strongswan.Files{Now: c.options.Now}
	c.told.Show(key, files.Describe(id.Leaf))
	if id.Leaf.NotAfter.Before(c.options.Now) {
		c.told.Honour(key, "it has expired, so the gateway will not accept it; ask for a new profile")
	}
	c.told.Honour(key, "you sign in with it; its key goes to your sealed store")
	c.authorities(id, files)
	return nil
}

// authorities trusts those that came with the user's certificate, where the file
// names none of its own: Android puts them among its own when it installs the file.
func (c *connection) authorities(id *keyfile.Identity, files strongswan.Files) {
	if c.root.at("remote.cert") != nil {
		return
	}
	var names []string
	for _, cert := range id.Others {
		if cert.IsCA && strongswan.SelfIssued(cert) {
			c.profile.Gateway.Anchors = append(c.profile.Gateway.Anchors, bytes.Clone(cert.Raw))
			names = append(names, files.Describe(cert))
		}
	}
	if len(names) == 0 {
		c.told.Absent("remote.cert", "the authorities that this system trusts are trusted")
		return
	}
	c.told.Absent("remote.cert", "the authority that came with your certificate is trusted for this gateway, and no other: "+strings.Join(names, "; "))
}

func (c *connection) notOpened(err error, asked bool) error {
	var known *profile.ImportError
	sentence, problem := "the client certificate of %s is protected by a password that the file does not hold; ask for that password", profile.ImportPassword
	switch {
	case errors.As(err, &known):
		return known
	case errors.Is(err, keyfile.ErrPassword) && asked:
		sentence = "the client certificate of %s was not opened: the password is wrong"
	case errors.Is(err, keyfile.ErrPassword):
	case errors.Is(err, keyfile.ErrNotGiven):
		sentence = "the client certificate of %s was not opened: no password was given"
	default:
		problem, sentence = profile.ImportDamaged, "the client certificate of %s cannot be read: "+strings.ReplaceAll(profile.CleanText(err.Error(), 200), "%", "%%")
	}
	e := profile.NewImportError(problem, sentence, c.name())
	e.Err = err
	return e
}

// base64 reads data, in lines of any length, with padding or without.
func (c *connection) base64(key string) ([]byte, error) {
	compact := strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, c.root.at(key).asText())
	data, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(compact, "="))
	if err != nil || len(data) == 0 {
		e := profile.NewImportError(profile.ImportDamaged,
			"%s of %s is not base64: the file is damaged, or a template that was not filled in", key, c.name())
		e.Err = err
		return nil, e
	}
	return data, nil
}
