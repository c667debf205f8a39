package netmon

import (
	"net/netip"
	"slices"
)

// LinkKind is what an interface is made of, as far as rules about networks and a
// person who reads a status care.
type LinkKind string

// The kinds of links.
const (
	WiFi     LinkKind = "wifi"
	Ethernet LinkKind = "ethernet"
	Cellular LinkKind = "cellular"
	Tunnel   LinkKind = "tunnel" // a layer 3 device with a program or another host behind it, ours too
	Other    LinkKind = "other"
)

// Link is one interface other than the loopback.
type Link struct {
	Name  string
	Index int
	Kind  LinkKind
	// Up: it is switched on and carries: a cable is in, a radio is associated.
	Up bool
	// Physical: packets leave this machine by it, which neither tunnels do nor
	// bridges to containers and virtual machines, nor what stands behind those.
	Physical bool
	// Addresses in the order of the system, with the prefix that is on the link.
	// Those that may not be used yet, or not any more, are left out.
	Addresses []netip.Prefix
	// SSID of the Wi-Fi that the link is associated with; "": of none, or it is hidden
	// from us. Octets of a stranger's choice: not always text.
	SSID string
}

// Way is the system's default route of one family; the zero Way is none.
type Way struct {
	Link   int        // index of the interface; 0: there is no such route
	Router netip.Addr // the next hop; invalid: the route names only a link
}

// Snapshot is the network of this machine at one moment. The slices belong to
// whoever has the Snapshot and are not to be changed.
type Snapshot struct {
	Links []Link // by index
	// Default4 and Default6 are those of the main routing table; a tunnel's own
	// tables (platform/route) do not show.
	Default4, Default6 Way
	// Resolvers and SearchDomains are the physical network's, as Config.Names says.
	Resolvers     []netip.AddrPort
	SearchDomains []string
}

// Link finds an interface by its index.
func (s Snapshot) Link(index int) (Link, bool) {
	for _, l := range s.Links {
		if l.Index == index {
			return l, true
		}
	}
	return Link{}, false
}

// HasPath says whether a packet could leave this machine at all: there is a default
// route, by a telephone line's ppp0 too, or a physical link carries and has an
// address that is good for more than itself. Whether anything is behind it is
// another question.
func (s Snapshot) HasPath() bool {
	return s.Default4.Link != 0 || s.Default6.Link != 0 || slices.ContainsFunc(s.Links, func(l Link) bool {
		return l.Physical && l.Up && slices.ContainsFunc(l.Addresses, func(p netip.Prefix) bool {
			return !p.Addr().IsLinkLocalUnicast()
		})
	})
}

// outside are the links that belong to the network around, without tunnels.
func (s Snapshot) outside() []Link {
	return slices.DeleteFunc(slices.Clone(s.Links), func(l Link) bool { return l.Kind == Tunnel })
}

// compare fills the computed fields of a Change.
func compare(c Change) Change {
	before, after := c.Before.outside(), c.After.outside()
	same := func(equal func(a, b Link) bool) bool { return slices.EqualFunc(before, after, equal) }
	c.LinksChanged = !same(func(a, b Link) bool {
		return a.Index == b.Index && a.Name == b.Name && a.Kind == b.Kind && a.Up == b.Up && a.Physical == b.Physical
	})
	c.AddressesChanged = !same(func(a, b Link) bool {
		return a.Index == b.Index && slices.Equal(a.Addresses, b.Addresses)
	})
	c.WirelessChanged = !same(func(a, b Link) bool { return a.Index == b.Index && a.SSID == b.SSID })
	c.DefaultChanged = c.Before.Default4 != c.After.Default4 || c.Before.Default6 != c.After.Default6
	c.ResolversChanged = !slices.Equal(c.Before.Resolvers, c.After.Resolvers) ||
		!slices.Equal(c.Before.SearchDomains, c.After.SearchDomains)
	c.PathLost = c.Before.HasPath() && !c.After.HasPath()
	c.PathFound = !c.Before.HasPath() && c.After.HasPath()
	return c
}
