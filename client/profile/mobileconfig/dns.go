package mobileconfig

import (
	"fmt"
	"net/netip"
	"strings"

	"golang.org/x/net/idna"

	"github.com/homeward-vpn/homeward/client/profile"
)

// The bounds of lists of names and addresses that are taken over.
const (
	maxServers = 16
	maxDomains = 256
	maxSearch  = 32
)

// dns reads the DNS dictionary of the payload: servers in place of those that
// the gateway sends, search domains, and the domains of a split tunnel.
func (c *connection) dns() {
	d := &c.profile.DNS
	d.AcceptPushed = !c.profile.Traffic.Full
	v := c.vpn.get("DNS")
	if v == nil || v.kind != kindDict {
		return
	}
	s := newSection("DNS.", v)
	c.vpn.told["DNS"] = true
	c.sections = append(c.sections, s)
	if protocol := s.text("DNSProtocol"); protocol != "" && !strings.EqualFold(protocol, "Cleartext") {
		c.encryptedDNS(s, protocol)
		return
	}
	s.honour("DNSProtocol", "")
	s.ignoreAll("for encrypted DNS", "ServerURL", "ServerName", "PayloadCertificateUUID")
	c.servers(s)
	c.searchDomains(s)
	c.matchDomains(s)
	s.rest(unknown)
}

// encryptedDNS leaves the gateway's servers in place: asking the file's own in
// clear text is not what it says.
func (c *connection) encryptedDNS(s *section, protocol string) {
	note := fmt.Sprintf("DNS over %s is not in this version; the gateway's servers are used", profile.CleanText(protocol, 20))
	s.refuse("DNSProtocol", note)
	for _, key := range []string{"ServerAddresses", "ServerURL", "ServerName", "PayloadCertificateUUID"} {
		s.refuse(key, "")
	}
	c.searchDomains(s)
	c.matchDomains(s)
	s.rest(unknown)
}

func (c *connection) servers(s *section) {
	const key = "ServerAddresses"
	good, bad := 0, 0
	for _, t := range texts(s.get(key)) {
		a, err := netip.ParseAddr(t)
		if err != nil || a.Zone() != "" || a.Is4In6() || a.IsUnspecified() || a.IsMulticast() || good == maxServers {
			bad++
			continue
		}
		good++
		c.profile.DNS.Servers = append(c.profile.DNS.Servers, a)
	}
	s.counted(key, good, bad, "addresses that a question can be sent to", "asked in place of those that the gateway names")
}

// counted reports a list of which some entries could not be taken over.
func (s *section) counted(key string, good, bad int, what, note string) {
	switch {
	case good == 0 && bad > 0:
		s.refuse(key, "there are no "+what+" in it")
	case bad > 0:
		s.approx(key, fmt.Sprintf("%s; %s left out, for not being %s", note, plural(bad, "entry"), what))
	default:
		s.honour(key, note)
	}
}

func (c *connection) searchDomains(s *section) {
	for _, key := range []string{"DomainName", "SearchDomains"} {
		good, bad := 0, 0
		for _, t := range texts(s.get(key)) {
			if c.addSearch(t) {
				good++
			} else {
				bad++
			}
		}
		s.counted(key, good, bad, "domain names", "")
	}
}

// matchDomains reads the names of a split tunnel. With everything in the
// tunnel all names are asked there, as on Apple's devices: leaving some to the
// local network would tell it where you go.
func (c *connection) matchDomains(s *section) {
	const key, noSearch = "SupplementalMatchDomains", "SupplementalMatchDomainsNoSearch"
	if c.profile.Traffic.Full {
		s.approx(key, "everything goes through the tunnel, so all names are asked there")
		s.ignore(noSearch, "")
		return
	}
	good, bad := 0, 0
	for _, t := range texts(s.get(key)) {
		if t == "" {
			c.profile.DNS.Domains = nil
			s.approx(key, "the empty entry asks for all names to go to the tunnel's servers")
			s.ignore(noSearch, "")
			c.profile.DNS.AcceptPushed = false
			return
		}
		if name, ok := domain(t); ok && !profile.PublicSuffix(name) && good < maxDomains {
			good++
			c.profile.DNS.Domains = append(c.profile.DNS.Domains, name)
			if !s.flag(noSearch, false) {
				c.addSearch(name)
			}
			continue
		}
		bad++
	}
	s.counted(key, good, bad, "domains of one company", "these names are asked at the tunnel's servers, all others elsewhere")
	s.honour(noSearch, "")
}

// addSearch adds a search domain once, and says whether it is a domain.
func (c *connection) addSearch(text string) bool {
	name, ok := domain(text)
	if !ok {
		return false
	}
	for _, have := range c.profile.DNS.Search {
		if have == name {
			return true
		}
	}
	if len(c.profile.DNS.Search) == maxSearch {
		return false
	}
	c.profile.DNS.Search = append(c.profile.DNS.Search, name)
	return true
}

// domain gives a domain in its ASCII form, without the dots and wildcards that
// are written around it.
func domain(text string) (string, bool) {
	name := strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(text, "*"), "."), ".")
	if profile.ValidHostname(name) {
		return strings.ToLower(name), true
	}
	ascii, err := idna.Lookup.ToASCII(name)
	return ascii, err == nil && profile.ValidHostname(ascii)
}

// texts gives the strings of a list; a single string counts as a list of one.
func texts(v *value) []string {
	if v == nil {
		return nil
	}
	list := v.list
	if v.kind == kindText {
		list = []*value{v}
	}
	out := make([]string, 0, len(list))
	for _, e := range list {
		t, _ := e.asText()
		out = append(out, strings.TrimSpace(t))
	}
	return out
}
