// Package sswan reads and writes profiles of strongSwan's app for Android (.sswan).
//
// The flow: bytes -> JSON, whose values may be of another type than they should
// (json.go) -> how both sides prove who they are (signin.go), algorithms, traffic
// and names (settings.go) -> a profile, and a report in which each key of the file
// stands once. Export (export.go) goes back and says what is lost.
//
// The package owns the meaning of the keys. It never fetches or opens anything, and
// keeps no secret. client/profile/formats and the user's programs call it. All
// functions are safe for concurrent use; results do not share memory with the input.
package sswan

import (
	"strings"
	"time"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/importer"
	"github.com/homeward-vpn/homeward/client/profile/strongswan"
)

// Format is the Origin.Format of profiles made here.
const Format = "sswan"

// Parse is ParseWith without options.
func Parse(data []byte) ([]profile.Imported, error) {
	return ParseWith(data, profile.ImportOptions{})
}

// ParseWith reads a file, which holds one connection. The error is a
// *profile.ImportError.
func ParseWith(data []byte, o profile.ImportOptions) ([]profile.Imported, error) {
	if err := importer.CheckSize(data); err != nil {
		return nil, err
	}
	if o.Now.IsZero() {
		o.Now = time.Now()
	}
	root, err := parseJSON(data)
	if err != nil {
		return nil, err
	}
	if !looksLike(root) {
		return nil, profile.NewImportError(profile.ImportForeign, "the file is JSON, but not a profile of strongSwan's app")
	}
	c := &connection{root: root, options: o, told: importer.NewReport()}
	c.profile = profile.Profile{
		Version: profile.Version, ID: profile.NewID(),
		Origin: profile.Origin{Format: Format, SHA256: importer.Sum(data)},
	}
	root.enter(c.told, "")
	c.told.Secret("local.p12")
	for _, step := range []func() error{c.head, c.gateway, c.signIn, c.settings} {
		if err := step(); err != nil {
			c.secrets.Clear()
			return nil, err
		}
	}
	return c.join()
}

// connection is the connection on its way from the file to a profile.
type connection struct {
	root    *value
	options profile.ImportOptions
	told    *importer.Report
	profile profile.Profile
	secrets profile.Secrets
}

// text gives the text at a path, without white space around it, or "".
func (c *connection) text(path string) string { return strings.TrimSpace(c.root.at(path).asText()) }

// name is the connection in a sentence.
func (c *connection) name() string { return importer.Quote(c.profile.Name) }

// head reads which connection it is.
func (c *connection) head() error {
	p := &c.profile
	for _, candidate := range []string{c.text("name"), c.text("remote.addr"), "VPN"} {
		if p.Name = profile.CleanName(candidate); p.Name != "" {
			break
		}
	}
	c.told.Honour("name", "")
	c.told.Absent("name", "called "+p.Name)
	p.Origin.Identifier = strings.ToLower(profile.CleanText(c.text("uuid"), 128))
	c.told.Honour("uuid", "a later file with the same one replaces this connection")
	if p.Origin.Identifier == "" {
		p.Origin.Identifier = importer.Identifier(p.Name, c.text("remote.addr"))
		c.told.Absent("uuid", "a later file with the same name and gateway replaces this connection")
	}
	return nil
}

// gateway reads where the gateway is, and who it must be.
func (c *connection) gateway() error {
	g := &c.profile.Gateway
	var err error
	if g.Address, err = importer.Gateway(c.profile.Name, c.text("remote.addr")); err != nil {
		return err
	}
	if g.Address == c.text("remote.addr") {
		c.told.Honour("remote.addr", "")
	}
	c.told.Approx("remote.addr", "written as "+g.Address)
	g.Auth = profile.GatewayCertificate
	if n, ok := c.root.at("remote.port").asInteger(); ok && n >= 1 && n <= 65535 {
		if n != 500 {
			g.Port = uint16(n)
		}
		c.told.Honour("remote.port", "")
	}
	c.told.Refuse("remote.port", "not a port, 1 to 65535; the usual ones are used")
	id, reason := strongswan.Identity(c.text("remote.id"))
	switch {
	case reason != "":
		return importer.Unsupported("%s cannot be used: who its gateway must be, remote.id, is no identity of this version: %s", c.name(), reason)
	case id == "" || strongswan.Pattern(id):
		c.told.Approx("remote.id", "it names nobody in particular, so the gateway's certificate must be for "+g.Address)
		c.told.Absent("remote.id", "the gateway's certificate must be for "+g.Address)
	default:
		g.Identity = id
		c.told.Honour("remote.id", "")
	}
	return nil
}

// join holds the whole against the model.
func (c *connection) join() ([]profile.Imported, error) {
	return importer.Join([]importer.Entry{{Name: c.profile.Name, Imported: &profile.Imported{
		Profile: c.profile, Secrets: c.secrets, Report: c.told.Lines(),
	}}})
}
