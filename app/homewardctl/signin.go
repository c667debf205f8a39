package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/native"
)

// signInRows say how the user signs in, as what, and to whom.
func signInRows(p *profile.Profile) []row {
	c := &p.Client
	rows := []row{
		{"You sign in with", c.Words()},
		{"You are for the gateway", c.Identity},
		{"User name", c.Username},
		{"Your certificate", ownCertificate(c)},
	}
	first, byEAP := c.SignIn()
	if byEAP {
		rows = append(rows, eapRows("", p, first)...)
	}
	if c.EAPOnly != profile.EAPOnlyNever {
		rows = append(rows, row{"Without a certificate", "the gateway may prove itself by your sign-in alone"})
	}
	for i := range c.Further {
		f := &c.Further[i]
		settings, _ := f.SignIn()
		of := fmt.Sprintf(", sign-in %d", i+2)
		rows = append(rows, row{"User name" + of, f.Username})
		rows = append(rows, eapRows(of, p, settings)...)
	}
	return rows
}

// eapRows are those of one sign-in by EAP.
func eapRows(of string, p *profile.Profile, e profile.EAP) []row {
	rows := []row{{"By EAP" + of, e.Names()}, {"Said before TLS" + of, e.OuterIdentity}}
	if !e.OverTLS() {
		return rows
	}
	trust := "an authority that this computer trusts"
	if anchors := p.ServerAnchors(e); len(anchors) > 0 {
		trust = firstCertificate(anchors)
	}
	return append(rows, row{"Sign-in server" + of, strings.Join(p.ServerNames(e), " or ") + ", certified by " + trust}, row{"TLS" + of, e.TLSWords()})
}

// ownCertificate says which certificate the user shows, where one is wanted.
func ownCertificate(c *profile.Client) string {
	switch {
	case !c.UsesCertificate():
		return ""
	case len(c.Certificates) > 0:
		return firstCertificate(c.Certificates)
	}
	words := "chosen when you connect"
	if len(c.CertificateIssuers) > 0 {
		words += ", issued by " + strings.Join(c.CertificateIssuers, " or ")
	}
	if c.Token != "" {
		words += ", on the card " + c.Token
	}
	return words
}

// revocation says what is done about revoked certificates; empty where there are none.
func revocation(p *profile.Profile) string {
	if p.Gateway.Auth != profile.GatewayCertificate {
		return ""
	}
	return p.Gateway.Revocation.Words()
}

// printLowered lists what of a stored profile was taken over only after a yes, as the
// import of Homeward's own file would.
func (a *app) printLowered(p *profile.Profile) error {
	text, err := native.Encode(p)
	if err != nil {
		return err
	}
	read, err := native.Parse(text)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	n := 0
	for _, l := range read[0].Report {
		if !l.Lowers {
			continue
		}
		if n == 0 {
			fmt.Fprintln(w, "  Lowers security:")
		}
		n++
		fmt.Fprintln(w, reportLine(l))
	}
	return w.Flush()
}
