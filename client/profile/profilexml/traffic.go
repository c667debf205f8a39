package profilexml

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/importer"
	"github.com/homeward-vpn/homeward/client/profile/xmltree"
)

// traffic decides what goes through the tunnel.
func (c *connection) traffic() error {
	t := &c.profile.Traffic
	routes := c.root.All("Route")
	policy := c.native.Child("RoutingPolicyType")
	switch word := strings.ToLower(policy.Value()); word {
	case "forcetunnel":
		t.Full = true
		c.report.Honour(policy.Path, "everything goes through the tunnel")
	case "splittunnel":
		c.report.Honour(policy.Path, "")
	case "":
		t.Full = !slices.ContainsFunc(routes, func(e *xmltree.Element) bool { return !e.Child("ExclusionRoute").True() })
		note := "the file has routes: these go through the tunnel"
		if t.Full {
			note = "everything goes through the tunnel"
		}
		c.report.Absent("NativeProfile.RoutingPolicyType", note)
		c.report.Ignore(policy.Where(), "empty: "+note)
	default:
		return importer.Unsupported("%s has the routing policy %s, which this version does not know", importer.Quote(c.profile.Name), importer.Quote(policy.Value()))
	}
	if c.root.Child("LockDown").True() && !t.Full {
		t.Full = true
	}
	for _, r := range routes {
		c.route(r)
	}
	c.classBased()
	c.filters()
	return nil
}

// route reads one network, for the tunnel or beside it.
func (c *connection) route(r *xmltree.Element) {
	t := &c.profile.Traffic
	address, size := r.Child("Address"), r.Child("PrefixSize")
	defer func() {
		c.report.Ignore(r.Child("Metric").Where(), "the tunnel's routes go before others")
		c.report.Honour(r.Child("ExclusionRoute").Where(), "")
		c.report.Under(r.Path, profile.Ignored, importer.Unknown)
	}()
	text := address.Value()
	if size.Value() != "" && !strings.Contains(text, "/") {
		text += "/" + size.Value()
	}
	p, ok := importer.Prefix(text)
	if !ok {
		c.report.Under(r.Path, profile.Refused, "not a network that packets can be sent to")
		return
	}
	if a, err := netip.ParseAddr(address.Value()); err == nil && a != p.Addr() {
		c.report.Approx(address.Path, "taken as "+p.String())
	}
	c.report.Honour(address.Where(), "")
	c.report.Honour(size.Where(), "")
	switch {
	case r.Child("ExclusionRoute").True():
		t.Exclude = append(t.Exclude, p)
		if t.Full && importer.Public(p) {
			c.report.Lowers(address.Where())
		}
	case p.Bits() == 0:
		t.Full = true
	case !t.Full:
		t.Include = append(t.Include, p)
	}
}

// classBased reads whether the network of the tunnel's own address belongs to it,
// by the classes of old. The gateway can say which networks it serves.
func (c *connection) classBased() {
	t := &c.profile.Traffic
	off := c.native.Child("DisableClassBasedDefaultRoute")
	switch {
	case t.Full:
		t.Include = nil
		c.report.Ignore(off.Where(), "everything goes through the tunnel")
	case off.True() && len(t.Include) > 0:
		c.report.Honour(off.Path, "")
	default:
		t.AcceptPushed = true
		const note = "networks have no classes any more: those that the gateway names go through the tunnel"
		c.report.Approx(off.Where(), note)
		if off == nil {
			c.report.Absent("NativeProfile.DisableClassBasedDefaultRoute", note)
		}
	}
	if plumb := c.native.Child("PlumbIKEv2TSAsRoutes"); plumb.True() {
		t.AcceptPushed = !t.Full
		c.report.Honour(plumb.Path, "")
	}
}

// filters tells of the rules by which Windows limits programs and ports.
func (c *connection) filters() {
	for i, f := range c.root.All("TrafficFilter") {
		c.report.Under(f.Path, profile.Refused, "programs and ports are not limited by this version: more may go through the tunnel than the file allows")
		if i == 0 {
			c.lowersFirst(f)
		}
	}
}

// lowersFirst marks the first key of an element.
func (c *connection) lowersFirst(e *xmltree.Element) {
	done := false
	e.Walk(func(k *xmltree.Element) {
		if !done && c.report.Has(k.Path) {
			c.report.Lowers(k.Path)
			done = true
		}
	})
}
