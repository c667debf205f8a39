package profile

import (
	"fmt"
	"net/netip"
)

// The range of the tunnel's MTU: what IPv4 demands of every link (RFC 791
// 3.2) up to what fits an Ethernet frame.
const (
	MinMTU = 576
	MaxMTU = 1500
)

func (t *Traffic) validate() error {
	if !t.Full && len(t.Include) == 0 && !t.AcceptPushed {
		return invalid("traffic", "sends nothing through the tunnel")
	}
	if t.MTU != 0 && (t.MTU < MinMTU || t.MTU > MaxMTU) {
		return invalid("traffic.mtu", "is %d, not between %d and %d", t.MTU, MinMTU, MaxMTU)
	}
	if err := t.validateGuard(); err != nil {
		return err
	}
	for i, p := range t.Include {
		if p.IsValid() && p.Bits() == 0 {
			return invalid(fmt.Sprintf("traffic.include[%d]", i), "is everything: that is said by full")
		}
	}
	if err := validPrefixes("traffic.include", t.Include); err != nil {
		return err
	}
	if err := validPrefixes("traffic.exclude", t.Exclude); err != nil {
		return err
	}
	return validPrefixes("traffic.allow_pushed", t.AllowPushed)
}

func validPrefixes(field string, list []netip.Prefix) error {
	if len(list) > maxPrefixes {
		return invalid(field, "has more than %d entries", maxPrefixes)
	}
	for i, p := range list {
		at := fmt.Sprintf("%s[%d]", field, i)
		switch {
		case !p.IsValid() || p.Addr().Is4In6() || p.Addr().Zone() != "":
			return invalid(at, "is not an address prefix")
		case p != p.Masked():
			return invalid(at, "has bits set behind its length: %v", p.Masked())
		case p.Addr().IsMulticast():
			return invalid(at, "is multicast")
		}
	}
	return nil
}

func (d *DNS) validate() error {
	if len(d.Servers) > maxServers {
		return invalid("dns.servers", "has more than %d entries", maxServers)
	}
	for i, a := range d.Servers {
		if !usableAddr(a) {
			return invalid(fmt.Sprintf("dns.servers[%d]", i), "is not the address of a host")
		}
	}
	if err := validDomains("dns.domains", d.Domains); err != nil {
		return err
	}
	for i, name := range d.Domains {
		if PublicSuffix(name) {
			return invalid(fmt.Sprintf("dns.domains[%d]", i), "is %q, which is not one company's", name)
		}
	}
	if err := validDomains("dns.allow_pushed", d.AllowPushed); err != nil {
		return err
	}
	if len(d.Search) > maxSearched {
		return invalid("dns.search", "has more than %d entries", maxSearched)
	}
	return validDomains("dns.search", d.Search)
}

func validDomains(field string, list []string) error {
	if len(list) > maxDomains {
		return invalid(field, "has more than %d entries", maxDomains)
	}
	for i, name := range list {
		if !ValidHostname(name) {
			return invalid(fmt.Sprintf("%s[%d]", field, i), "is not a domain name")
		}
	}
	return nil
}
