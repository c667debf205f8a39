package anyconnect

import (
	"slices"
	"strings"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/xmltree"
)

// initialization reads what the profile says for all of its hosts.
func (c *connection) initialization() {
	e := c.root.Child("ClientInitialization")
	if lan := e.Child("LocalLanAccess"); lan.True() && c.profile.Traffic.KillSwitch == profile.KillSwitchOn {
		c.profile.Traffic.LocalNetwork = profile.LocalAllow
		c.report.Honour(lan.Path, "everybody in the network you are in can be reached while the kill switch holds")
		c.report.Lowers(lan.Path)
	} else if lan.True() {
		c.report.Honour(lan.Path, "the network you are in stays reachable")
	} else {
		c.report.Approx(lan.Where(), "the network you are in can be reached, unless a kill switch holds")
	}
	if reconnect := e.Child("AutoReconnect"); reconnect.True() {
		c.report.Honour(reconnect.Path, "a line that was lost is made again by itself")
	} else {
		c.report.Approx(reconnect.Where(), "a line that was lost is made again by itself until you disconnect")
	}
	const own = "the one of yours that the gateway accepts, from «homewardctl certificate import» or a smart card; where several fit you are asked once"
	for _, name := range []string{"CertificateStore", "CertificateStoreMac", "CertificateStoreLinux", "CertificateStoreOverride", "AutomaticCertSelection"} {
		c.report.Approx(e.Child(name).Where(), own)
	}
	c.report.Ignore(e.Child("UseStartBeforeLogon").Where(), "the line comes when you have signed in to the computer")
	if match := e.Child("CertificateMatch"); match != nil {
		c.certificateMatch(match)
		c.report.Under(match.Path, profile.Approximated, own)
	}
}

// certificateMatch narrows the choice of the employee's certificate to those of an
// issuer. Nothing else that it may say about one can be compared.
func (c *connection) certificateMatch(e *xmltree.Element) {
	if c.profile.Client.Auth != profile.ClientCertificate {
		c.report.Under(e.Path, profile.Ignored, "you sign in without a certificate")
		return
	}
	for _, d := range e.Child("DistinguishedName").All("DistinguishedNameDefinition") {
		name, pattern := d.Child("Name"), d.Child("Pattern")
		cn := profile.CleanText(pattern.Value(), 256)
		if !strings.EqualFold(name.Value(), "ISSUER-CN") || cn == "" || !exact(d) || len(c.profile.Client.CertificateIssuers) == 32 {
			continue
		}
		if !slices.Contains(c.profile.Client.CertificateIssuers, cn) {
			c.profile.Client.CertificateIssuers = append(c.profile.Client.CertificateIssuers, cn)
		}
		c.report.Honour(name.Path, "")
		c.report.Honour(pattern.Path, "only certificates of this issuer are taken")
		for _, a := range d.Attributes {
			c.report.Honour(d.Path+"@"+a.Name, "")
		}
	}
}

// exact says that a definition wants the very name that it has.
func exact(d *xmltree.Element) bool {
	return !slices.ContainsFunc(d.Attributes, func(a xmltree.Attribute) bool {
		return strings.EqualFold(a.Name, "Operator") && !strings.EqualFold(a.Value, "Equal") ||
			strings.EqualFold(a.Name, "Wildcard") && !strings.EqualFold(a.Value, "Disabled")
	})
}
