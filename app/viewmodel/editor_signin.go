package viewmodel

import (
	"slices"

	"github.com/homeward-vpn/homeward/client/profile"
)

// The ways to sign in that the form offers. Any other of a profile is kept as it is.
const (
	signInPassword    = "password"
	signInPEAP        = "peap"
	signInTTLS        = "ttls"
	signInCertificate = "certificate"
	signInEAPTLS      = "eap-tls"
	signInCard        = "card"
	signInCode        = "code"
	signInPSK         = "psk"
	signInKept        = "kept"
)

// anyCard is the PKCS#11 URI of whatever card is inserted.
const anyCard = "pkcs11:"

// byEAP are the ways with one EAP method.
var byEAP = map[string]profile.EAPMethod{
	signInPEAP: profile.EAPPEAP, signInTTLS: profile.EAPTTLS, signInEAPTLS: profile.EAPTLS, signInCode: profile.EAPGTC,
}

// signInWord is the way in which a profile signs in.
func signInWord(p *profile.Profile) string {
	c := &p.Client
	if len(c.Further) > 0 {
		return signInKept
	}
	switch c.Auth {
	case profile.ClientMSCHAPv2:
		return signInPassword
	case profile.ClientPSK:
		return signInPSK
	case profile.ClientCertificate:
		if c.Token != "" {
			return signInCard
		}
		return signInCertificate
	}
	if len(c.EAP.Methods) == 1 && len(c.EAP.Inner) == 0 && c.Token == "" {
		for word, m := range byEAP {
			if c.EAP.Methods[0] == m {
				return word
			}
		}
	}
	return signInKept
}

// signInOptions offers what is kept only where there is something to keep.
func signInOptions(d Draft) []string {
	list := []string{signInPassword, signInPEAP, signInTTLS, signInCertificate, signInEAPTLS, signInCard, signInCode, signInPSK}
	if signInWord(&d.base) == signInKept {
		list = append(list, signInKept)
	}
	return list
}

// setSignIn makes a profile sign in another way. What belonged to the way before goes.
func setSignIn(p *profile.Profile, word string) problem {
	if word == signInKept || word == signInWord(p) {
		return none
	}
	c, before := &p.Client, p.Client
	*c = profile.Client{Identity: before.Identity, Username: before.Username}
	p.Gateway.Auth = profile.GatewayCertificate
	switch word {
	case signInPassword:
		c.Auth = profile.ClientMSCHAPv2
	case signInPSK:
		c.Auth, p.Gateway.Auth = profile.ClientPSK, profile.GatewayPSK
	case signInCertificate:
		c.Auth, c.Certificates, c.CertificateIssuers = profile.ClientCertificate, before.Certificates, before.CertificateIssuers
	case signInCard:
		c.Auth, c.Token, c.CertificateIssuers = profile.ClientCertificate, anyCard, before.CertificateIssuers
	default:
		m, ok := byEAP[word]
		if !ok {
			return problem{"problem.sign-in", nil}
		}
		c.Auth, c.EAP.Methods = profile.ClientEAP, []profile.EAPMethod{m}
		if m.OverTLS() && before.EAP.OverTLS() {
			c.EAP.ServerNames, c.EAP.Anchors = before.EAP.ServerNames, before.EAP.Anchors
		}
	}
	if p.Gateway.Auth == profile.GatewayPSK {
		p.Gateway.Pins, p.Gateway.Revocation = nil, ""
	}
	return none
}

// takesName says that a user name belongs to the way that is chosen.
func takesName(d Draft) bool {
	return !slices.Contains([]string{signInCertificate, signInCard, signInPSK}, d.values[FieldSignIn])
}

// byGatewayCertificate says that the gateway shows a certificate.
func byGatewayCertificate(d Draft) bool { return d.values[FieldSignIn] != signInPSK }
