package nmkeyfile

import (
	"slices"
	"strings"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/importer"
	"github.com/homeward-vpn/homeward/client/profile/proposal"
)

// traffic reads what goes through the tunnel, by which algorithms, and who answers
// names. Without word of networks that is everything.
func (c *connection) traffic() error {
	c.algorithms()
	families := []string{"ipv4", "ipv6"}
	split := c.file.text("ipv4", "never-default") == "true" || c.file.text("ipv6", "never-default") == "true"
	var routes []string
	for _, group := range families {
		routes = append(routes, c.routes(group)...)
	}
	switch remote := c.file.list("vpn", "remote-ts"); {
	case len(remote) > 0:
		c.Networks("vpn.remote-ts", remote)
	case split || len(routes) > 0:
		c.Profile.Traffic.AcceptPushed = c.file.text("ipv4", "ignore-auto-routes") != "true"
	default:
		c.Profile.Traffic.Full = true
	}
	if split && c.Profile.Traffic.Full { // NetworkManager sets no route for everything then
		c.Profile.Traffic.Full, c.Profile.Traffic.AcceptPushed = false, true
	}
	for _, r := range routes {
		c.Networks("", []string{r})
	}
	c.Settle("vpn.remote-ts")
	for _, group := range families {
		c.Report.Honour(group+".never-default", "")
		c.nameServers(group)
		c.Report.IgnoreAll("the gateway assigns the address", group+".method", group+".addresses", group+".address1", group+".gateway", group+".addr-gen-mode", group+".ip6-privacy", group+".may-fail")
		c.Report.IgnoreAll("this version orders its routes itself", group+".route-metric", group+".dns-priority")
		c.Report.Approx(group+".ignore-auto-routes", "as for IPv4, in both families")
	}
	if len(c.Profile.DNS.Domains) > 0 {
		c.Profile.DNS.AcceptPushed = false
	}
	c.switches()
	return nil
}

// routes are networks that a file adds by hand: "route1=10.0.0.0/8,0.0.0.0,1".
func (c *connection) routes(group string) (networks []string) {
	for _, e := range c.file.entries {
		number, isRoute := strings.CutPrefix(e.key, "route")
		if e.group != group || !isRoute || strings.Trim(number, "0123456789") != "" || number == "" {
			continue
		}
		network, _, _ := strings.Cut(e.value, ",")
		p, ok := importer.Prefix(network)
		if !ok || p.Bits() == 0 {
			c.Report.Refuse(e.path(), "no network, or all of them")
			continue
		}
		networks = append(networks, p.String())
		c.Report.Honour(e.path(), "goes through the tunnel")
	}
	return networks
}

// algorithms reads the words for algorithms, which only count with proposal=yes. Of a
// list nothing else is offered.
func (c *connection) algorithms() {
	if !c.yes("proposal") {
		c.Report.IgnoreAll("only counts with proposal=yes", "vpn.ike", "vpn.esp")
		if v := c.vpn("proposal"); v != "" && v != "no" {
			c.Report.Ignore("vpn.proposal", "only yes counts, as in NetworkManager: this version's own set is offered")
		}
		c.Report.Honour("vpn.proposal", "")
		return
	}
	c.Report.Honour("vpn.proposal", "")
	c.Proposals("vpn.ike", strings.Join(c.file.list("vpn", "ike"), ";"), proposal.IKE, true)
	c.Proposals("vpn.esp", strings.Join(c.file.list("vpn", "esp"), ";"), proposal.ESP, true)
	c.Report.IgnoreAll("empty, so this version's own set is offered", "vpn.ike", "vpn.esp")
}

// nameServers reads name servers and domains. A domain behind "~" goes to the tunnel's
// servers and is not searched in; "~." is every name.
func (c *connection) nameServers(group string) {
	d := &c.Profile.DNS
	bad := 0
	for _, text := range c.file.list(group, "dns") {
		a, ok := importer.Server(text)
		switch {
		case !ok || len(d.Servers) == maxServers:
			bad++
		case !slices.Contains(d.Servers, a):
			d.Servers = append(d.Servers, a)
		}
	}
	c.counted(group+".dns", bad, "asked in place of those that the gateway names")
	bad = 0
	for _, text := range c.file.list(group, "dns-search") {
		name, only := strings.CutPrefix(text, "~")
		domain, ok := importer.Domain(name)
		switch {
		case !ok || len(d.Search) == maxSearch:
			bad++
			continue
		case !only && !slices.Contains(d.Search, domain):
			d.Search = append(d.Search, domain)
		}
		if !c.Profile.Traffic.Full && !profile.PublicSuffix(domain) && !slices.Contains(d.Domains, domain) {
			d.Domains = append(d.Domains, domain)
		}
	}
	c.counted(group+".dns-search", bad, "")
	c.Report.Honour(group+".ignore-auto-dns", "")
}

// The bounds of lists of names and addresses that are taken over.
const (
	maxServers = 16
	maxSearch  = 32
)

func (c *connection) counted(path string, bad int, note string) {
	if bad > 0 {
		c.Report.Approx(path, strings.TrimPrefix(note+"; what is no such thing in it is left out", "; "))
	}
	c.Report.Honour(path, note)
}

// switches tells of what this version decides by itself.
func (c *connection) switches() {
	if c.yes("encap") {
		c.Report.Approx("vpn.encap", "packets go inside UDP where a router on the way wants it")
	}
	if c.yes("ipcomp") {
		c.Report.Approx("vpn.ipcomp", "packets are not compressed")
	}
	if !c.yes("virtual") {
		c.Report.Approx("vpn.virtual", "an address is asked for all the same")
	}
	for _, key := range []string{"encap", "ipcomp", "virtual"} {
		c.Report.Honour("vpn."+key, "")
	}
	c.Report.Approx("vpn.local-ts", "the address that the gateway assigns")
}
