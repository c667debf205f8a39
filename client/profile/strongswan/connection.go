package strongswan

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/importer"
	"github.com/homeward-vpn/homeward/client/profile/proposal"
)

// Connection is one connection on its way from a file to a profile. Its methods take
// a setting, with the path of its key in the report, and tell what became of it. A
// setting that the file does not have is told of where a person should know.
type Connection struct {
	Profile profile.Profile
	Secrets profile.Secrets
	Report  *importer.Report
	Files   Files
}

// New begins a connection of that format and name, out of a file with that SHA-256.
func New(format, name, sum string, o profile.ImportOptions, r *importer.Report) *Connection {
	c := &Connection{Report: r, Files: Files{Read: o.ReadFile, Ask: o.AskPassword, Now: o.Now}}
	c.Profile = profile.Profile{
		Version: profile.Version, ID: profile.NewID(), Name: profile.CleanName(name),
		Origin: profile.Origin{Format: format, SHA256: sum},
	}
	if c.Profile.Name == "" {
		c.Profile.Name = "VPN"
	}
	return c
}

// Name is the connection in a sentence, quoted.
func (c *Connection) Name() string { return importer.Quote(c.Profile.Name) }

// Imported is the connection as it is handed over.
func (c *Connection) Imported() *profile.Imported {
	return &profile.Imported{Profile: c.Profile, Secrets: c.Secrets, Report: c.Report.Lines()}
}

// Gateway takes where the gateway is. The name and this tell the connection from
// others, where the file has no identifier.
func (c *Connection) Gateway(path, text string) error {
	address, err := importer.Gateway(c.Profile.Name, text)
	if err != nil {
		return err
	}
	c.Profile.Gateway.Address = address
	if c.Profile.Origin.Identifier == "" {
		c.Profile.Origin.Identifier = importer.Identifier(c.Profile.Name, address)
	}
	if address == text {
		c.Report.Honour(path, "")
	}
	c.Report.Approx(path, "written as "+address)
	return nil
}

// Port takes a port that the handshake begins with.
func (c *Connection) Port(path, text string) {
	var port uint16
	if _, err := fmt.Sscanf(text+" ", "%d ", &port); err != nil || port == 0 {
		c.Report.Refuse(path, "not a port; the usual ones are used")
		return
	}
	if port != 500 {
		c.Profile.Gateway.Port = port
	}
	c.Report.Honour(path, "")
}

// GatewayIdentity takes who the gateway must be. Gateway and GatewayAuth come first.
func (c *Connection) GatewayIdentity(path, text string) error {
	g := &c.Profile.Gateway
	id, reason := Identity(text)
	switch {
	case reason != "":
		return importer.Unsupported("%s cannot be used: who its gateway must be, %s, is no identity of this version: %s", c.Name(), path, reason)
	case id == "" || Pattern(id):
		note := "the gateway's certificate must be for " + g.Address
		if g.Auth == profile.GatewayPSK {
			note = "the shared key alone says who the gateway is"
		}
		c.Report.Approx(path, "it names nobody in particular, so "+note)
		c.Report.Absent(path, note)
		return nil
	}
	g.Identity = id
	if g.Auth == profile.GatewayCertificate && (strings.HasPrefix(id, "keyid:") || strings.HasPrefix(id, "@#")) {
		g.CertificateName = g.Address
		c.Report.Approx(path, "the gateway must say so; no certificate says it, so the gateway's must be for "+g.Address)
	}
	c.Report.Honour(path, "")
	return nil
}

// ClientIdentity takes who the user is to the gateway.
func (c *Connection) ClientIdentity(path, text string) error {
	id, reason := Identity(text)
	if reason != "" {
		return importer.Unsupported("%s cannot be used: who you are in it, %s, is no identity of this version: %s", c.Name(), path, reason)
	}
	c.Profile.Client.Identity = id
	if id == "" {
		c.Report.Approx(path, "it names nobody in particular, so you are named by your user name, your certificate or your address")
	}
	c.Report.Honour(path, "")
	return nil
}

// Username takes the user name of the first sign-in by EAP, or of the further one.
func (c *Connection) Username(path, text string) {
	client := &c.Profile.Client
	first, byEAP := client.SignIn()
	if anybody(strings.TrimSpace(text)) {
		text = ""
	}
	name := profile.CleanText(text, 256)
	switch {
	case len(client.Further) > 0 && !byEAP:
		client.Further[len(client.Further)-1].Username = name
		if client.Username == "" {
			client.Username = name
		}
	case byEAP:
		client.Username = name
		if name == "" && first.Username() {
			c.Report.Approx(path, "empty, so you are asked when you connect")
			c.Report.Absent(path, "you are asked for your user name when you connect")
		}
	default:
		c.Report.Ignore(path, "not used by this way to sign in")
		return
	}
	c.Report.Honour(path, "")
}

// Proposals takes words for algorithms. strict: the file means these and no others.
func (c *Connection) Proposals(path, text string, p proposal.Protocol, strict bool) {
	if strings.TrimSpace(text) == "" {
		return
	}
	sa := &c.Profile.IKE
	if p == proposal.ESP {
		sa = &c.Profile.Child
	}
	list := proposal.Parse(text, p)
	list.Use(sa, strict || list.Strict)
	verdict, note, lowers := list.Told(sa)
	c.Report.Tell(path, verdict, note)
	if lowers {
		c.Report.Lowers(path)
	}
}

// longLifetime is beyond what one key should serve for.
const longLifetime = 24 * time.Hour

// Lifetime takes how long keys are used.
func (c *Connection) Lifetime(path, text string, sa *profile.SA) {
	d, ok := Time(text)
	switch {
	case !ok:
		c.Report.Refuse(path, "not a time; this version's own is used")
		return
	case d == 0:
		c.Report.Approx(path, "keys are renewed all the same, after this version's own time")
		return
	}
	held, moved := Hold(d, profile.MinLifetime, profile.MaxLifetime)
	sa.Lifetime = profile.Duration(held)
	if moved {
		c.Report.Approx(path, "taken as "+held.String())
	}
	c.Report.Honour(path, "")
	if held > longLifetime {
		c.Report.Lowers(path)
	}
}

// hastyLiveness is where asking for a sign of life begins to end lines by itself.
const hastyLiveness = 10 * time.Second

// Liveness takes after which silence the gateway is asked for a sign of life.
func (c *Connection) Liveness(path, text string) {
	d, ok := Time(text)
	switch {
	case !ok:
		c.Report.Refuse(path, "not a time; this version's own is used")
		return
	case d == 0:
		c.Report.Approx(path, "the gateway is asked for a sign of life all the same, after this version's own time")
		return
	}
	held, moved := Hold(d, time.Second, longLifetime)
	c.Profile.Session.Liveness = profile.Duration(held)
	if moved {
		c.Report.Approx(path, "taken as "+held.String())
	}
	c.Report.Honour(path, "")
	if held < hastyLiveness {
		c.Report.Lowers(path)
	}
}

// Networks takes what goes through the tunnel, which may stand under several keys.
func (c *Connection) Networks(path string, entries []string) {
	t := &c.Profile.Traffic
	n := ParseNetworks(entries)
	for _, p := range n.Prefixes {
		if !slices.Contains(t.Include, p) {
			t.Include = append(t.Include, p)
		}
	}
	t.Full = t.Full || n.Full
	t.AcceptPushed = t.AcceptPushed || n.Dynamic
	verdict, note := n.Told(networksNote(n))
	c.Report.Tell(path, verdict, note)
}

func networksNote(n Networks) string {
	switch {
	case n.Full:
		return "everything goes through the tunnel"
	case n.Dynamic:
		return "what the gateway names goes through the tunnel"
	}
	return "only these go through the tunnel"
}

// Excluded takes what never goes through the tunnel. Settle comes first.
func (c *Connection) Excluded(path string, entries []string) {
	n := ParseNetworks(entries)
	verdict, note := n.Told("never through the tunnel")
	if n.Full || n.Dynamic {
		verdict, note = profile.Refused, "it leaves out everything"
		n.Prefixes = nil
	}
	c.Profile.Traffic.Exclude = append(c.Profile.Traffic.Exclude, n.Prefixes...)
	c.Report.Tell(path, verdict, note)
	if c.Profile.Traffic.Full && Public(n.Prefixes) {
		c.Report.Lowers(path)
	}
}

// Settle decides what only the whole file says: where no networks were named, the
// gateway names them; a full tunnel needs none.
func (c *Connection) Settle(path string) {
	t := &c.Profile.Traffic
	switch {
	case t.Full:
		t.Include, t.AcceptPushed = nil, false
	case len(t.Include) == 0:
		t.AcceptPushed = true
		c.Report.Absent(path, "the gateway names what goes through the tunnel")
	}
	c.Profile.DNS.AcceptPushed = !t.Full
	if c.Profile.Gateway.Auth == profile.GatewayCertificate && len(c.Profile.Gateway.Anchors) == 0 {
		c.Report.Absent("Certificate authority", "the authorities that this system trusts are trusted")
	}
}

// Authorities takes certificates of authorities by their file.
func (c *Connection) Authorities(path, file string, folders ...string) {
	if c.Profile.Gateway.Auth != profile.GatewayCertificate {
		c.Report.Ignore(path, "the gateway proves itself by the shared key")
		return
	}
	certs, shown, note := c.Files.Authorities(file, folders...)
	if certs == nil {
		c.Report.Refuse(path, note+"; the authorities that this system trusts are trusted instead, unless others are read")
		c.Report.Lowers(path)
		return
	}
	Trust(&c.Profile.Gateway, certs)
	c.Report.Show(path, shown)
	c.Report.Honour(path, note+"; trusted for this connection's gateway, and for nothing else")
}

// Certificate takes the user's certificate and key by their files. paths are those
// of their keys in the report.
func (c *Connection) Certificate(paths []string, files ...Named) error {
	id, note, err := c.Files.Identity(files...)
	if err != nil {
		return err
	}
	for i, path := range paths {
		switch {
		case id == nil:
			c.Report.Refuse(path, note)
		case i == 0:
			c.Report.Show(path, c.Files.Describe(id.Leaf))
			c.Report.Honour(path, note)
		default:
			c.Report.Honour(path, "read from beside the profile")
		}
	}
	if id != nil {
		c.Profile.Client.Certificates = id.Chain
		c.Secrets.PrivateKey = bytes.Clone(id.Key)
		clear(id.Key)
	}
	return nil
}

// Start takes that the line comes by itself.
func (c *Connection) Start(path string, verdict profile.Verdict, note string) {
	c.Profile.OnDemand.When = profile.WhenLogin
	c.Report.Tell(path, verdict, note)
}
