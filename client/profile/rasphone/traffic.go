package rasphone

import (
	"slices"
	"strings"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/importer"
)

// binaryForm says why lists in Windows' own form are left out.
const binaryForm = "in Windows' own binary form, which is not read"

// traffic decides what goes through the tunnel, and which names are asked there.
func (c *connection) traffic() {
	t := &c.profile.Traffic
	const v4, v6 = "IpPrioritizeRemote", "Ipv6PrioritizeRemote"
	four, six := c.number(v4, 1) == 1, c.number(v6, 1) == 1
	t.Full = four || (six && c.entry.find(v4) != nil && c.entry.find(v6) != nil)
	t.AcceptPushed = !t.Full
	switch {
	case t.Full && (!four || !six):
		const note = "one family of addresses is to go through the tunnel whole: both do"
		c.approx(v4, note)
		c.approx(v6, note)
	case t.Full:
		c.honour(v4, "everything goes through the tunnel")
		c.honour(v6, "everything goes through the tunnel")
	default:
		c.honour(v4, "only the networks that the gateway names go through the tunnel")
		c.honour(v6, "only the networks that the gateway names go through the tunnel")
	}
	if t.Full {
		c.ignore("DisableClassBasedDefaultRoute", "everything goes through the tunnel")
		c.ignore("PlumbIKEv2TSAsRoutes", "everything goes through the tunnel")
	}
	c.approx("DisableClassBasedDefaultRoute", "networks have no classes any more: those that the gateway names go through the tunnel")
	if c.number("PlumbIKEv2TSAsRoutes", 0) == 1 {
		c.honour("PlumbIKEv2TSAsRoutes", "")
	}
	c.approx("PlumbIKEv2TSAsRoutes", "the networks that the gateway names go through the tunnel all the same")
	for _, key := range []string{"Routes", "NrptRules", "AppTriggers"} {
		if k := c.entry.find(key); k != nil && k.value != "" {
			c.report.Show(k.path, importer.Plural(len(k.value)/2, "byte"))
			c.report.Refuse(k.path, binaryForm)
		}
	}
	c.names()
}

// names reads which names are asked at the tunnel's servers.
func (c *connection) names() {
	d := &c.profile.DNS
	d.AcceptPushed = !c.profile.Traffic.Full
	const suffix = "IpDnsSuffix"
	if text := c.value(suffix); text != "" {
		name, ok := importer.Domain(text)
		if ok {
			d.Search = []string{name}
			c.honour(suffix, "tried behind short names")
			if !c.profile.Traffic.Full && !profile.PublicSuffix(name) {
				d.Domains = []string{name}
			}
		} else {
			c.refuse(suffix, "not a domain name")
		}
	}
	c.honour(suffix, "")
	for _, family := range []struct{ assign, first, second string }{
		{"IpNameAssign", "IpDnsAddress", "IpDns2Address"}, {"Ipv6NameAssign", "Ipv6DnsAddress", "Ipv6Dns2Address"},
	} {
		c.honour(family.assign, "")
		for _, key := range []string{family.first, family.second} {
			a, ok := importer.Server(c.value(key))
			switch {
			case c.value(key) == "" || strings.Trim(c.value(key), "0.:") == "":
				c.honour(key, "the servers that the gateway names are asked")
			case !ok || c.number(family.assign, 2) != 2:
				c.ignore(key, "the servers that the gateway names are asked")
			default:
				if !slices.Contains(d.Servers, a) {
					d.Servers = append(d.Servers, a)
				}
				c.honour(key, "asked in place of those that the gateway names")
			}
		}
	}
}
