// Package profilexml reads the VPN profiles of Windows (ProfileXML of the VPNv2
// configuration service provider) that connect by IKEv2.
//
// The flow: bytes -> the profile's own text, out of SyncML or a script
// (unwrap.go) -> a tree of elements, in whatever order they stand -> server and
// protocol (connection.go), how both sides prove themselves (signin.go, eap.go),
// algorithms, what goes through the tunnel (traffic.go), names (dns.go), and when
// it comes by itself (demand.go). Each element of the file stands in the report.
//
// The package owns the meaning of the elements. It never fetches an address that
// a profile names, and trusts no fingerprint that stands in one: a fingerprint is
// no certificate. client/profile/formats calls it. All functions are safe for
// concurrent use; results do not share memory with the input.
package profilexml

import (
	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/importer"
	"github.com/homeward-vpn/homeward/client/profile/winras"
	"github.com/homeward-vpn/homeward/client/profile/xmltree"
)

// Format is the Origin.Format of profiles made here.
const Format = "profilexml"

// Parse is ParseWith without options.
func Parse(data []byte) ([]profile.Imported, error) {
	return ParseWith(data, profile.ImportOptions{})
}

// ParseWith reads the one connection of a profile. The error is a
// *profile.ImportError. The options hold nothing that this format needs.
func ParseWith(data []byte, _ profile.ImportOptions) ([]profile.Imported, error) {
	if err := importer.CheckSize(data); err != nil {
		return nil, err
	}
	root, err := read(data)
	if err != nil {
		return nil, err
	}
	c := &connection{root: root, native: root.Child("NativeProfile"), report: importer.NewReport(), domains: map[string]bool{}}
	root.Keys(c.report)
	c.profile.Origin.SHA256 = importer.Sum(data)
	entry := importer.Entry{Name: c.profile.Name}
	if entry.Err = c.build(); entry.Err == nil {
		entry.Imported = &profile.Imported{Profile: c.profile, Report: c.report.Lines()}
	}
	return importer.Join([]importer.Entry{entry})
}

// connection is the profile on its way from the file.
type connection struct {
	root, native *xmltree.Element
	report       *importer.Report
	profile      profile.Profile
	domains      map[string]bool // those of profile.DNS.Domains
	allNames     bool            // are asked at the tunnel's servers
}

// build reads everything, what can be refused first.
func (c *connection) build() error {
	for _, step := range []func() error{c.server, c.protocol, c.signIn, c.traffic} {
		if err := step(); err != nil {
			return err
		}
	}
	c.algorithms()
	c.names()
	c.demand()
	c.rest()
	winras.Gateway(&c.profile.Gateway)
	c.report.Absent("Gateway of Windows", winras.GatewayNote)
	return nil
}

// algorithms reads CryptographySuite.
func (c *connection) algorithms() {
	suite := c.native.Child("CryptographySuite")
	if suite == nil || len(suite.Children) == 0 {
		c.report.Absent("CryptographySuite", "this version's own algorithms are offered; Windows would offer weak ones first")
		return
	}
	names := winras.Suite{}
	for _, part := range winras.Parts() {
		names[part] = suite.Child(part).Value()
	}
	names.Use(&c.profile, func(part string, verdict profile.Verdict, note string, lowers bool) {
		path := suite.Path + "." + part
		if !c.report.Has(path) {
			if verdict == profile.Refused {
				c.report.Absent(path, note)
			}
			return
		}
		c.report.Tell(path, verdict, note)
		if lowers {
			c.report.Lowers(path)
		}
	})
}
