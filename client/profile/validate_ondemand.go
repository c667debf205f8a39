package profile

import (
	"fmt"
	"net/netip"
	"net/url"
	"strings"
)

// The limits of what is said about connecting by itself.
const (
	maxRules       = 64
	maxMatches     = 256 // names or addresses of one rule
	maxDomainRules = 32
	maxSSID        = 32 // octets (IEEE 802.11 9.4.2.2)
)

// validateGuard checks what is wanted of the kill switch and of overlapping networks.
func (t *Traffic) validateGuard() error {
	switch t.KillSwitch {
	case KillSwitchDefault, KillSwitchOff, KillSwitchOn:
	default:
		return invalid("traffic.kill_switch", "is not off or on; lockdown is the computer's own setting")
	}
	switch t.LocalNetwork {
	case LocalDefault, LocalAllow, LocalRefuse:
	default:
		return invalid("traffic.local_network", "is not allow or refuse")
	}
	switch t.Overlap {
	case OverlapDefault, OverlapCompany, OverlapLocal:
	default:
		return invalid("traffic.overlap", "is not company or local")
	}
	return nil
}

func (o *OnDemand) validate() error {
	switch o.When {
	case WhenNever, WhenLogin, WhenBoot, WhenAlways:
	case WhenRules:
		if len(o.Rules) == 0 {
			return invalid("on_demand.when", "is rules, and there are none: write rules, or login")
		}
	default:
		return invalid("on_demand.when", "is not rules, login, boot or always")
	}
	if len(o.Rules) > maxRules {
		return invalid("on_demand.rules", "has more than %d entries", maxRules)
	}
	for i := range o.Rules {
		if err := o.Rules[i].validate(fmt.Sprintf("on_demand.rules[%d]", i)); err != nil {
			return err
		}
	}
	return nil
}

func (r *Rule) validate(at string) error {
	switch r.Action {
	case RuleConnect, RuleDisconnect, RuleIgnore:
		if len(r.Domains) > 0 {
			return invalid(at+".domains", "is set, and the action is not evaluate: leave it out")
		}
	case RuleEvaluate:
		if len(r.Domains) == 0 {
			return invalid(at+".domains", "is missing, and evaluate asks what it says")
		}
	default:
		return invalid(at+".action", "is not connect, disconnect, ignore or evaluate")
	}
	switch r.Interface {
	case "", RuleEthernet, RuleWiFi, RuleCellular:
	default:
		return invalid(at+".interface", "is not ethernet, wifi or cellular")
	}
	if len(r.SSIDs) > 0 && r.Interface != "" && r.Interface != RuleWiFi {
		return invalid(at+".ssids", "is set, and the interface is not wifi: no network is both")
	}
	for _, l := range []struct {
		field  string
		list   []string
		valid  func(string) bool
		reason string
	}{
		{"ssids", r.SSIDs, validSSID, "is not the name of a Wi-Fi, 1 to 32 bytes"},
		{"dns_domains", r.DNSDomains, ValidDomainMatch, "is not a domain name, one behind *., or * alone"},
		{"dns_servers", r.DNSServers, ValidServerMatch, "is not an address, or the beginning of one before a *"},
	} {
		if err := validMatches(at+"."+l.field, l.list, l.valid, l.reason); err != nil {
			return err
		}
	}
	if r.ProbeURL != "" && !ValidProbe(r.ProbeURL) {
		return invalid(at+".probe_url", "is not an http or https URL")
	}
	return r.validateDomains(at + ".domains")
}

func (r *Rule) validateDomains(at string) error {
	if len(r.Domains) > maxDomainRules {
		return invalid(at, "has more than %d entries", maxDomainRules)
	}
	for i := range r.Domains {
		if err := r.Domains[i].validate(fmt.Sprintf("%s[%d]", at, i)); err != nil {
			return err
		}
	}
	return nil
}

func (d *DomainRule) validate(at string) error {
	if len(d.Domains) == 0 {
		return invalid(at+".domains", "is missing")
	}
	if err := validMatches(at+".domains", d.Domains, ValidDomainMatch, "is not a domain name, one behind *., or * alone"); err != nil {
		return err
	}
	switch d.Action {
	case DomainIfNeeded:
	case DomainNever:
		if len(d.RequiredServers) > 0 || d.RequiredURL != "" {
			return invalid(at+".action", "is never, and what is required says when: leave one of them out")
		}
	default:
		return invalid(at+".action", "is not if-needed or never")
	}
	if len(d.RequiredServers) > maxServers {
		return invalid(at+".required_servers", "has more than %d entries", maxServers)
	}
	for i, a := range d.RequiredServers {
		if !usableAddr(a) {
			return invalid(fmt.Sprintf("%s.required_servers[%d]", at, i), "is not the address of a host")
		}
	}
	if d.RequiredURL != "" && !ValidProbe(d.RequiredURL) {
		return invalid(at+".required_url", "is not an http or https URL")
	}
	return nil
}

func validMatches(field string, list []string, valid func(string) bool, reason string) error {
	if len(list) > maxMatches {
		return invalid(field, "has more than %d entries", maxMatches)
	}
	for i, v := range list {
		if !valid(v) {
			return invalid(fmt.Sprintf("%s[%d]", field, i), "%s", reason)
		}
	}
	return nil
}

func validSSID(s string) bool { return s != "" && len(s) <= maxSSID && printable(s) }

// ValidDomainMatch accepts a domain, one behind "*." for those below it, and "*".
func ValidDomainMatch(s string) bool {
	return s == "*" || ValidHostname(strings.TrimPrefix(s, "*."))
}

// ValidServerMatch accepts the address of a host, and the beginning of one before
// a "*".
func ValidServerMatch(s string) bool {
	begin, wild := strings.CutSuffix(s, "*")
	if !wild {
		a, err := netip.ParseAddr(s)
		return err == nil && usableAddr(a)
	}
	return len(begin) <= 45 && strings.Trim(begin, "0123456789abcdefABCDEF.:") == ""
}

// ValidProbe accepts a URL that can be asked for: http or https, of a host that has
// a name or an address, without a user or a password in it.
func ValidProbe(s string) bool {
	if len(s) > maxText || !printable(s) {
		return false
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.Fragment != "" || u.Opaque != "" {
		return false
	}
	return validGateway(u.Hostname()) && validPort(u.Port())
}

func validPort(s string) bool {
	p, err := netip.ParseAddrPort("192.0.2.1:" + s)
	return s == "" || err == nil && p.Port() != 0
}
