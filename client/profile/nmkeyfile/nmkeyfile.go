// Package nmkeyfile reads connections of NetworkManager's strongSwan plugin
// (.nmconnection).
//
// The flow: text -> groups and keys (grammar.go) -> which kind of connection it is ->
// how both sides prove who they are (signin.go), networks, algorithms and name servers
// (traffic.go) -> a profile, and a report in which each key of the file stands once.
//
// The package owns the meaning of the keys. Files that are named by a path are read
// only by the function that the caller gives. It keeps no secret. client/profile/formats
// calls it. All functions are safe for concurrent use; results do not share memory with
// the input.
package nmkeyfile

import (
	"regexp"
	"strings"
	"time"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/importer"
	"github.com/homeward-vpn/homeward/client/profile/strongswan"
)

// Format is the Origin.Format of profiles made here.
const Format = "nmconnection"

// signs are what the file is known by: one of its groups.
var signs = regexp.MustCompile(`(?m)^[ \t]*\[(connection|vpn)\][ \t]*\r?$`)

// Sniff says whether data looks like a connection of NetworkManager.
func Sniff(data []byte) bool {
	text, ok := importer.Text(data)
	return ok && signs.Match(text)
}

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
	text, ok := importer.Text(data)
	if !ok {
		return nil, importer.Damaged("the file is damaged: its text is not valid UTF-8")
	}
	if !signs.Match(text) {
		return nil, profile.NewImportError(profile.ImportForeign, "the file is no connection of NetworkManager")
	}
	f, err := parse(text)
	if err != nil {
		return nil, err
	}
	r := importer.NewReport()
	for _, e := range f.entries {
		r.Add(e.path(), unescape(e.value))
	}
	c := &connection{file: f}
	c.Connection = strongswan.New(Format, f.name(), importer.Sum(data), o, r)
	c.Profile.Origin.Identifier = strings.ToLower(profile.CleanText(f.text("connection", "uuid"), 128))
	for _, step := range []func() error{c.kind, c.gateway, c.signIn, c.traffic} {
		if err := step(); err != nil {
			c.Secrets.Clear()
			return nil, err
		}
	}
	c.rest()
	return importer.Join([]importer.Entry{{Name: c.Profile.Name, Imported: c.Imported()}})
}

func (f *keyfile) name() string {
	if id := f.text("connection", "id"); profile.CleanName(id) != "" {
		return id
	}
	return f.text("vpn", "address")
}

// connection is the connection on its way to a profile.
type connection struct {
	*strongswan.Connection
	file *keyfile
}

// vpn gives a key of the plugin.
func (c *connection) vpn(key string) string { return strings.TrimSpace(c.file.text("vpn", key)) }

// yes: the plugin takes that word alone for a yes.
func (c *connection) yes(key string) bool { return c.file.text("vpn", key) == "yes" }

// servicePrefix stands before the name of a plugin.
const servicePrefix = "org.freedesktop.NetworkManager."

// services are other plugins.
var services = map[string]string{
	"openvpn": "an OpenVPN connection", "l2tp": "an L2TP connection", "pptp": "a PPTP connection", "vpnc": "a Cisco IPsec (IKEv1) connection",
	"openconnect": "a connection of OpenConnect (AnyConnect and others, over TLS)", "fortisslvpn": "a Fortinet connection over TLS", "sstp": "an SSTP connection",
	"libreswan": "a connection of the Libreswan plugin", "openswan": "a connection of the Openswan plugin", "iodine": "a tunnel in DNS", "ssh": "a tunnel in SSH",
}

// kind wants a connection of the plugin of strongSwan.
func (c *connection) kind() error {
	typ, service := c.file.text("connection", "type"), c.vpn("service-type")
	name := strings.TrimPrefix(service, servicePrefix)
	switch other := services[name]; {
	case typ == "wireguard":
		return importer.Unsupported("%s is a WireGuard connection; this version connects by IKEv2 only", c.Name())
	case typ != "" && typ != "vpn":
		return profile.NewImportError(profile.ImportForeign, "%s is a connection of the type %s, and no VPN", c.Name(), importer.Quote(typ))
	case name == "strongswan":
	case other != "":
		return importer.Unsupported("%s is %s; this version reads those of the strongSwan plugin", c.Name(), other)
	case service == "":
		return importer.Incomplete("%s does not say for which plugin it is: service-type is missing; ask for the whole file", c.Name())
	default:
		return importer.Unsupported("%s is for the plugin %s; this version reads those of strongSwan's", c.Name(), importer.Quote(name))
	}
	c.Report.Honour("connection.id", "")
	c.Report.Absent("connection.id", "called "+c.Profile.Name)
	c.Report.Honour("connection.uuid", "a later file with the same one replaces this connection")
	c.Report.Honour("connection.type", "")
	c.Report.Honour("vpn.service-type", "")
	return nil
}

// gateway reads where the gateway is.
func (c *connection) gateway() error {
	if err := c.Gateway("vpn.address", c.vpn("address")); err != nil {
		return err
	}
	if port := c.vpn("server-port"); port != "" {
		c.Port("vpn.server-port", port)
	}
	return nil
}

// rest tells of what is not needed.
func (c *connection) rest() {
	c.Report.IgnoreAll("a connection belongs to the user who imports it", "connection.permissions")
	c.Report.IgnoreAll("NetworkManager does not start such a connection by itself either", "connection.autoconnect", "connection.autoconnect-priority", "connection.autoconnect-retries")
	c.Report.IgnoreAll("this version tries again by itself", "vpn.persistent")
	c.Report.IgnoreAll("only for NetworkManager", "connection.timestamp", "connection.interface-name", "connection.zone", "connection.metered", "connection.stable-id", "connection.secondaries")
	c.Report.IgnoreAll("you are known by who imports it", "vpn.user-name")
	c.Report.Under("proxy", profile.Ignored, "web proxies are not set by this version")
	c.Report.Under("vpn-secrets", profile.Ignored, "not used by this way to sign in")
}
