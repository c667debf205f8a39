package profilexml

import (
	"fmt"
	"slices"
	"strings"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/importer"
	"github.com/homeward-vpn/homeward/client/profile/xmltree"
)

// The most that is taken over.
const (
	maxSearch  = 256
	maxDomains = 16384
	maxServers = 16
)

// names reads which names are asked at the tunnel's servers.
func (c *connection) names() {
	d := &c.profile.DNS
	d.AcceptPushed = !c.profile.Traffic.Full
	c.suffixes()
	for _, e := range c.root.All("DomainNameInformation") {
		c.domain(e)
	}
	if c.allNames {
		d.Domains, d.AcceptPushed = nil, false
	}
}

// suffixes reads DnsSuffix: tried behind short names, and asked in the tunnel, as
// Windows asks them at the connection that bears them.
func (c *connection) suffixes() {
	suffix := c.root.Child("DnsSuffix")
	bad := 0
	for _, text := range commas(suffix.Value()) {
		name, ok := importer.Domain(text)
		switch {
		case !ok || len(c.profile.DNS.Search) == maxSearch:
			bad++
		case !slices.Contains(c.profile.DNS.Search, name):
			c.profile.DNS.Search = append(c.profile.DNS.Search, name)
			c.addDomain(name)
		}
	}
	switch {
	case suffix == nil:
	case bad > 0:
		c.report.Approx(suffix.Path, fmt.Sprintf("%s left out, for not being domain names", importer.Plural(bad, "entry")))
	case c.profile.Traffic.Full || len(c.profile.DNS.Search) == 0:
		c.report.Honour(suffix.Path, "")
	default:
		c.report.Honour(suffix.Path, "tried behind short names, and asked at the tunnel's servers")
	}
}

// addDomain sends a name, and those below it, to the tunnel's servers.
func (c *connection) addDomain(name string) bool {
	d := &c.profile.DNS
	if profile.PublicSuffix(name) || len(d.Domains) == maxDomains {
		return false
	}
	if !c.profile.Traffic.Full && !c.domains[name] {
		d.Domains = append(d.Domains, name)
		c.domains[name] = true
	}
	return true
}

// domain reads one rule of the name resolution policy table.
func (c *connection) domain(e *xmltree.Element) {
	name, servers := e.Child("DomainName"), e.Child("DnsServers")
	defer func() {
		c.report.Ignore(e.Child("WebProxyServers").Where(), "web proxies are not set by this version")
		if auto := e.Child("AutoTrigger"); auto.True() {
			c.report.Refuse(auto.Path, "names are not watched while they are looked up: you connect yourself, or always")
		} else {
			c.report.Honour(auto.Where(), "")
		}
		if persistent := e.Child("Persistent"); persistent.True() {
			c.report.Refuse(persistent.Path, "names are asked at these servers only while the line stands")
		} else {
			c.report.Honour(persistent.Where(), "")
		}
		c.report.Under(e.Path, profile.Ignored, importer.Unknown)
	}()
	if len(commas(servers.Value())) == 0 {
		c.report.Under(e.Path, profile.Refused, "an exception for names that are asked elsewhere; the tunnel's servers are asked for them too")
		return
	}
	text := name.Value()
	switch domain, ok := importer.Domain(text); {
	case text == ".":
		c.allNames = !c.profile.Traffic.Full
		c.report.Honour(name.Path, "all names are asked at the tunnel's servers")
	case !ok || !c.addDomain(domain):
		c.report.Refuse(name.Where(), "not the domain of one company")
		c.report.Refuse(servers.Where(), "for that domain")
		return
	case c.profile.Traffic.Full:
		c.report.Approx(name.Path, "everything goes through the tunnel, so all names are asked there")
	case strings.HasPrefix(text, "."):
		c.report.Honour(name.Path, "")
	default:
		c.report.Approx(name.Path, "the names below it are asked at the tunnel's servers too")
	}
	c.servers(servers)
}

// servers reads whom to ask. They are asked for all names of the tunnel, and not
// for those of one rule alone.
func (c *connection) servers(e *xmltree.Element) {
	d := &c.profile.DNS
	bad := 0
	for _, text := range commas(e.Value()) {
		a, ok := importer.Server(text)
		switch {
		case slices.Contains(d.Servers, a):
		case !ok || len(d.Servers) == maxServers:
			bad++
		default:
			d.Servers = append(d.Servers, a)
		}
	}
	note := "asked for every name that is asked in the tunnel"
	if bad > 0 {
		note += fmt.Sprintf("; %s left out, for not being addresses of hosts", importer.Plural(bad, "entry"))
	}
	c.report.Approx(e.Path, note)
}

// commas gives the entries of a list, without the empty.
func commas(text string) (list []string) {
	for part := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ',' || r == ';' }) {
		if part = strings.TrimSpace(part); part != "" {
			list = append(list, part)
		}
	}
	return list
}
