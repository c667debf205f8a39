package mobileconfig

import (
	"fmt"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"strings"

	"golang.org/x/net/idna"

	"github.com/homeward-vpn/homeward/client/profile"
)

// connection is one IKEv2 connection on its way from a payload to a profile.
type connection struct {
	container *container
	payload   payload
	key       string // tells connections of one file apart
	alwaysOn  bool

	vpn *section // the payload's own keys
	ike *section // the dictionary with the IKEv2 keys

	profile  profile.Profile
	secrets  profile.Secrets
	identity *identity  // the client certificate in use
	sections []*section // what else is reported
}

// lines gives the connection's part of the report.
func (c *connection) lines() []profile.Line {
	lines := append([]profile.Line(nil), c.ike.lines...)
	for _, s := range c.sections {
		lines = append(lines, s.lines...)
	}
	return append(lines, c.vpn.lines...)
}

// otherVPN names the VPN types that are not IKEv2.
var otherVPN = map[string]string{
	"L2TP": "an L2TP connection", "IPSec": "a Cisco IPsec (IKEv1) connection", "PPTP": "a PPTP connection",
	"VPN": "a connection for another program", "TransparentProxy": "a transparent proxy",
}

// readVPN reads a VPN payload: one connection, or one per tunnel of an
// always-on configuration.
func (c *container) readVPN(p payload) ([]*connection, error) {
	vpn := newSection("", p.dict)
	name := quote(connectionName(c, vpn))
	if p.typ == typePerApp {
		return nil, unsupported("%s is a VPN for single programs, which this version does not set up", name)
	}
	kind := vpn.text("VPNType")
	if what, other := otherVPN[kind]; other && !(kind == "L2TP" && onlyIKEv2(vpn)) {
		return nil, unsupported("%s is %s; this version connects by IKEv2 only", name, what+programName(kind, vpn))
	}
	switch kind {
	case "AlwaysOn":
		return c.readAlwaysOn(p)
	case "IKEv2", "L2TP", "":
		if d := vpn.get("IKEv2"); d == nil || d.kind != kindDict {
			return nil, incomplete("%s has no IKEv2 settings", name)
		}
	default:
		return nil, unsupported("%s is a VPN of the type %s, which this version does not know", name, quote(kind))
	}
	conn, err := c.readIKEv2(p, vpn.get("IKEv2"), "IKEv2.", false)
	if err != nil {
		return nil, err
	}
	return []*connection{conn}, nil
}

// onlyIKEv2 says that a payload that calls itself L2TP holds nothing but IKEv2
// settings, as some generators write it.
func onlyIKEv2(vpn *section) bool {
	return vpn.get("IKEv2") != nil && vpn.get("IPSec") == nil && vpn.get("PPP") == nil
}

// programName adds which program a third-party connection is for.
func programName(kind string, vpn *section) string {
	if id := vpn.text("VPNSubType"); kind == "VPN" && id != "" {
		return " (" + profile.CleanText(id, 80) + ")"
	}
	return ""
}

// connectionName is what a person calls the connection.
func connectionName(c *container, vpn *section) string {
	ike := newSection("", vpn.get("IKEv2"))
	for _, candidate := range []string{
		vpn.text("UserDefinedName"), vpn.text("PayloadDisplayName"), c.head.text("PayloadDisplayName"), ike.text("RemoteAddress"),
	} {
		if n := profile.CleanName(candidate); n != "" {
			return n
		}
	}
	return "VPN"
}

// readAlwaysOn reads the tunnels of an always-on configuration; tunnels that
// differ only in the network interface are one connection.
func (c *container) readAlwaysOn(p payload) ([]*connection, error) {
	vpn := newSection("", p.dict)
	dict := vpn.get("AlwaysOn")
	tunnels := newSection("", dict).get("TunnelConfigurations")
	if tunnels == nil || tunnels.kind != kindArray || len(tunnels.list) == 0 {
		return nil, incomplete("%s has no tunnel settings", quote(connectionName(c, vpn)))
	}
	if len(tunnels.list) > maxTunnels {
		return nil, damaged("the file is damaged: %s has more than %d tunnels", quote(connectionName(c, vpn)), maxTunnels)
	}
	var found []*connection
	for i, t := range tunnels.list {
		if t.kind != kindDict {
			return nil, damaged("the file is damaged: a tunnel configuration is not a dictionary")
		}
		if slices.ContainsFunc(tunnels.list[:i], func(o *value) bool { return sameTunnel(o, t) }) {
			continue
		}
		conn, err := c.readIKEv2(p, t, tunnelPath(i), true)
		if err != nil {
			return nil, err
		}
		conn.key += fmt.Sprintf(" tunnel %d", i+1)
		conn.always(interfacesOfAll(tunnels.list, t))
		conn.tellAlwaysOn(dict, i)
		found = append(found, conn)
	}
	return found, nil
}

// maxTunnels bounds the tunnels of an always-on configuration: one for Wi-Fi
// and one for cellular are all there is.
const maxTunnels = 8

func tunnelPath(i int) string { return fmt.Sprintf("AlwaysOn.TunnelConfigurations[%d].", i) }

// sameTunnel says that two tunnels differ in their interfaces at most.
func sameTunnel(a, b *value) bool {
	without := func(v *value) map[string]*value {
		m := maps.Clone(v.dict)
		delete(m, "Interfaces")
		return m
	}
	return reflect.DeepEqual(without(a), without(b))
}

// tellAlwaysOn reports the keys around the connection's own tunnel, which is
// the one with that index.
func (c *connection) tellAlwaysOn(dict *value, own int) {
	s := newSection("AlwaysOn.", dict)
	s.told["TunnelConfigurations"] = true
	tellAlwaysOnKeys(s)
	tunnels := dict.dict["TunnelConfigurations"].list
	for i, t := range tunnels {
		if i == own || t.kind != kindDict {
			continue
		}
		note := "another connection of this file, reported on its own"
		if sameTunnel(t, tunnels[own]) {
			note = "the same connection for another network interface"
		}
		s.lines = append(s.lines, profile.Line{Path: strings.TrimSuffix(tunnelPath(i), "."), Value: t.show(), Verdict: profile.Ignored, Note: note})
	}
	c.sections = append(c.sections, s)
}

// readIKEv2 reads one connection whose IKEv2 keys stand in dict.
func (c *container) readIKEv2(p payload, dict *value, path string, alwaysOn bool) (*connection, error) {
	conn := &connection{
		container: c, payload: p, key: p.text("PayloadIdentifier"), alwaysOn: alwaysOn,
		vpn: newSection("", p.dict), ike: newSection(path, dict),
	}
	conn.profile = profile.Profile{Version: profile.Version, ID: profile.NewID(), Name: connectionName(c, conn.vpn)}
	conn.origin()
	for _, step := range []func() error{
		conn.gateway, conn.authentication, conn.algorithms, conn.postQuantum, conn.traffic,
	} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	conn.dns()
	conn.demand()
	conn.session()
	conn.tellPayload()
	return conn, nil
}

// origin notes where the profile came from.
func (c *connection) origin() {
	h, o := c.container.head, &c.profile.Origin
	o.Format = Format
	o.SHA256 = c.container.source.sha256
	o.Identifier = profile.CleanText(h.text("PayloadIdentifier"), maxIdentifier)
	o.Organization = profile.CleanText(h.text("PayloadOrganization"), 256)
	o.Description = profile.CleanText(h.text("PayloadDescription"), 512)
	if sig := c.container.source.signature; sig != nil && !sig.at.IsZero() {
		o.SignedBy, o.SignerTrusted = sig.signer, sig.trusted
	}
}

// tellPayload reports the keys of the payload around the IKEv2 dictionary.
func (c *connection) tellPayload() {
	v := c.vpn
	v.told["IKEv2"] = !c.alwaysOn
	v.told["AlwaysOn"] = c.alwaysOn
	if c.alwaysOn {
		v.approx("VPNType", alwaysOnNote)
		v.lowers("VPNType")
	} else if v.text("VPNType") == "IKEv2" {
		v.honour("VPNType", "")
	} else {
		v.approx("VPNType", "the settings are IKEv2's")
	}
	v.honour("UserDefinedName", "")
	v.honour("PayloadType", "")
	v.ignoreAll("only names the payload", "PayloadVersion", "PayloadUUID", "PayloadIdentifier",
		"PayloadDisplayName", "PayloadDescription", "PayloadOrganization", "PayloadEnabled")
	v.ignore("VPNSubType", "for other VPN types")
	v.ignore("Proxies", "web proxies are not set by this version")
	v.ignoreAll("for other VPN types", "VendorConfig", "IPSec", "PPP", "VPN", "TransparentProxy", "AlwaysOn", "IKEv2")
	v.rest(unknown)
	c.ike.rest(unknown)
}

// gateway reads where the gateway is.
func (c *connection) gateway() error {
	text := c.ike.text("RemoteAddress")
	name := quote(c.profile.Name)
	switch {
	case text == "":
		return incomplete("%s names no gateway: RemoteAddress is missing; ask for a complete profile", name)
	case strings.ContainsAny(text, "{}$<>@ ") || strings.HasPrefix(text, "%"):
		return incomplete("%s is a template that was not filled in: its gateway is %s", name, quote(text))
	}
	address := strings.TrimSuffix(text, ".")
	if inner, ok := strings.CutPrefix(text, "["); ok {
		address = strings.TrimSuffix(inner, "]")
	}
	if _, err := netip.ParseAddr(address); err != nil && !profile.ValidHostname(address) {
		ascii, err := idna.Lookup.ToASCII(address)
		if err != nil || !profile.ValidHostname(ascii) {
			return incomplete("%s cannot be used: its gateway %s is neither a host name nor an address", name, quote(text))
		}
		address = ascii
	}
	c.profile.Gateway.Address = address
	if address == text {
		c.ike.honour("RemoteAddress", "")
	} else {
		c.ike.approx("RemoteAddress", "written as "+address)
	}
	return nil
}
