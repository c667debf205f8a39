package mobileconfig

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/homeward-vpn/homeward/client/profile"
)

// When a connection comes and goes by itself: the rules of OnDemandRules become those
// of the profile, one for one and in their order. A rule of which anything cannot be
// taken over is left out whole: without one of its conditions it would match where it
// should not.

// onDemandKeys start and stop a connection by itself, in the IKEv2 dictionary
// or, in some files, beside it.
var onDemandKeys = []string{
	"OnDemandEnabled", "OnDemandRules", "OnDemandUserOverrideDisabled",
	"OnDemandMatchDomainsAlways", "OnDemandMatchDomainsNever", "OnDemandMatchDomainsOnRetry",
}

// maxRules bounds the rules that are taken over; a real file has a handful.
const maxRules = 64

// demand reads when the connection comes and goes by itself.
func (c *connection) demand() {
	ike := c.ike
	c.vpn.ignoreAll("counts inside IKEv2 only", onDemandKeys...)
	enabled := ike.flag("OnDemandEnabled", false)
	ike.ignoreAll("names are not watched while they are looked up; OnDemandRules can say it by the network",
		"OnDemandMatchDomainsAlways", "OnDemandMatchDomainsOnRetry", "OnDemandMatchDomainsNever")
	switch {
	case c.alwaysOn:
		ike.ignoreAll("always-on stands above it", onDemandKeys...)
		return
	case !enabled:
		ike.honour("OnDemandEnabled", "you connect and disconnect yourself")
		ike.ignoreAll("only counts with OnDemandEnabled", onDemandKeys...)
		return
	}
	c.onDemandRules()
	if len(c.profile.OnDemand.Rules) == 0 {
		ike.refuse("OnDemandEnabled", "there is no rule that could be taken over: you connect and disconnect yourself")
		ike.ignore("OnDemandUserOverrideDisabled", "only counts with rules")
		return
	}
	c.profile.OnDemand.When = profile.WhenRules
	ike.approx("OnDemandEnabled", "the rules are looked at when the network changes, and not at each packet; a program of yours has to be there to sign in, such as «homewardctl attend»")
	if ike.flag("OnDemandUserOverrideDisabled", false) {
		ike.approx("OnDemandUserOverrideDisabled", "your own Disconnect is respected until the rules decide something else; only lockdown, which an administrator sets, holds against it")
	}
	ike.honour("OnDemandUserOverrideDisabled", "")
}

// onDemandRules reads the list.
func (c *connection) onDemandRules() {
	const key = "OnDemandRules"
	v := c.ike.get(key)
	if v == nil {
		return
	}
	if v.kind != kindArray || len(v.list) > maxRules {
		c.ike.refuse(key, fmt.Sprintf("not a list of up to %d rules", maxRules))
		return
	}
	c.ike.tellAs(key, v.show(), profile.Honoured, "the first rule that matches decides")
	for i, e := range v.list {
		s := newSection(fmt.Sprintf("%s%s[%d].", c.ike.path, key, i), e)
		r, reason := readRule(s)
		if reason != "" {
			s.told = map[string]bool{}
			s.lines = []profile.Line{{Path: strings.TrimSuffix(s.path, "."), Value: e.show(), Verdict: profile.Refused, Note: "the rule is left out: " + reason}}
			s.rest("of a rule that is left out")
		} else {
			c.profile.OnDemand.Rules = append(c.profile.OnDemand.Rules, r)
			if r.Action == profile.RuleDisconnect && c.profile.Traffic.KillSwitch == profile.KillSwitchOn {
				s.lowers("Action")
			}
		}
		c.sections = append(c.sections, s)
	}
}

// readRule reads one rule; a reason says why it cannot be taken over.
func readRule(s *section) (r profile.Rule, reason string) {
	if r.Interface, reason = readInterface(s); reason != "" {
		return r, reason
	}
	for _, l := range []struct {
		key   string
		into  *[]string
		valid func(string) bool
	}{
		{"SSIDMatch", &r.SSIDs, func(t string) bool {
			return t != "" && len(t) <= 32 && profile.CleanText(t, 32) == strings.TrimSpace(t)
		}},
		{"DNSDomainMatch", &r.DNSDomains, profile.ValidDomainMatch},
		{"DNSServerAddressMatch", &r.DNSServers, profile.ValidServerMatch},
	} {
		if s.get(l.key) == nil {
			continue
		}
		list, ok := matchList(s.get(l.key), l.valid)
		if !ok || len(list) == 0 {
			return r, l.key + " cannot be used"
		}
		*l.into = list
		s.honour(l.key, "")
	}
	if s.get("URLStringProbe") != nil {
		if r.ProbeURL = s.text("URLStringProbe"); !profile.ValidProbe(r.ProbeURL) {
			return r, "URLStringProbe is not an http or https URL"
		}
		s.honour("URLStringProbe", "asked for beside the tunnel, so whoever carries your traffic sees that you ask")
	}
	if len(r.SSIDs) > 0 && r.Interface != "" && r.Interface != profile.RuleWiFi {
		return r, "no network is both"
	}
	if reason = readAction(s, &r); reason != "" {
		return r, reason
	}
	for _, k := range s.dict.keys {
		if !s.told[k] {
			return r, "it has a condition that this version does not know, " + quote(k)
		}
	}
	return r, ""
}

func readInterface(s *section) (profile.RuleInterface, string) {
	const key = "InterfaceTypeMatch"
	if s.get(key) == nil {
		return "", ""
	}
	kinds := map[string]profile.RuleInterface{"Ethernet": profile.RuleEthernet, "WiFi": profile.RuleWiFi, "Cellular": profile.RuleCellular}
	kind, known := kinds[s.text(key)]
	if !known {
		return "", key + " is a kind that this version does not know"
	}
	s.honour(key, "")
	return kind, ""
}

func readAction(s *section, r *profile.Rule) string {
	switch s.text("Action") {
	case "Connect":
		r.Action = profile.RuleConnect
		s.honour("Action", "the line comes when the network is entered, not with the first packet")
	case "Disconnect":
		r.Action = profile.RuleDisconnect
		s.honour("Action", "nothing protects you in a network that looks like this one")
	case "Ignore":
		r.Action = profile.RuleIgnore
		s.honour("Action", "")
	case "Allow":
		r.Action = profile.RuleIgnore
		s.approx("Action", "taken as Ignore")
	case "EvaluateConnection":
		r.Action = profile.RuleEvaluate
		return readParameters(s, r)
	default:
		return "its action is not known"
	}
	s.ignore("ActionParameters", "only counts with EvaluateConnection")
	return ""
}

// readParameters reads what EvaluateConnection asks of names. What would have to be
// watched name by name cannot be done: such a rule leaves everything as it is.
func readParameters(s *section, r *profile.Rule) string {
	const key = "ActionParameters"
	v := s.get(key)
	if v == nil || v.kind != kindArray || len(v.list) == 0 || len(v.list) > maxParameters {
		return key + " cannot be used"
	}
	s.tellAs(key, v.show(), profile.Approximated, "decided when the network changes, not when a name is looked up")
	for i, e := range v.list {
		p := newSection(fmt.Sprintf("%s%s[%d].", s.path, key, i), e)
		d, reason := readParameter(p)
		if reason != "" {
			return fmt.Sprintf("%s[%d]: %s", key, i, reason)
		}
		if d.Action != "" {
			r.Domains = append(r.Domains, d)
		}
		p.rest(unknown)
		s.lines = append(s.lines, p.lines...)
	}
	if len(r.Domains) > 0 {
		s.approx("Action", "the names are not watched while they are looked up: what is required decides, when the network changes")
		return ""
	}
	r.Action = profile.RuleIgnore
	s.approx("Action", "taken as Ignore: it requires nothing that can be seen of the network, and names are not watched while they are looked up, so you connect yourself when you need the line")
	return ""
}

// maxParameters bounds the entries of ActionParameters.
const maxParameters = 32

// readParameter reads one entry; one that would have to be watched gives none.
func readParameter(p *section) (d profile.DomainRule, reason string) {
	names, ok := matchList(p.get("Domains"), profile.ValidDomainMatch)
	if !ok || len(names) == 0 {
		return d, "Domains cannot be used"
	}
	switch p.text("DomainAction") {
	case "NeverConnect":
		p.honour("Domains", "")
		p.honour("DomainAction", "")
		return profile.DomainRule{Domains: names, Action: profile.DomainNever}, ""
	case "ConnectIfNeeded":
	default:
		return d, "DomainAction is not known"
	}
	d = profile.DomainRule{Domains: names, Action: profile.DomainIfNeeded}
	if v := p.get("RequiredDNSServers"); v != nil {
		servers, ok := matchList(v, func(t string) bool { return profile.ValidServerMatch(t) && !strings.HasSuffix(t, "*") })
		if !ok || len(servers) > 16 {
			return d, "RequiredDNSServers cannot be used"
		}
		for _, t := range servers {
			d.RequiredServers = append(d.RequiredServers, netip.MustParseAddr(t))
		}
		p.approx("RequiredDNSServers", "the line is wanted where none of them is a name server of the network")
	}
	if p.get("RequiredURLStringProbe") != nil {
		if d.RequiredURL = p.text("RequiredURLStringProbe"); !profile.ValidProbe(d.RequiredURL) {
			return d, "RequiredURLStringProbe is not an http or https URL"
		}
		p.honour("RequiredURLStringProbe", "asked for beside the tunnel, so whoever carries your traffic sees that you ask")
	}
	if len(d.RequiredServers) == 0 && d.RequiredURL == "" {
		p.refuse("DomainAction", "it requires nothing that can be seen of the network, and names are not watched while they are looked up")
		p.ignore("Domains", "see DomainAction")
		return profile.DomainRule{}, ""
	}
	p.honour("Domains", "")
	p.approx("DomainAction", "the line is wanted where what is required is not there")
	return d, ""
}

// matchList reads a list of texts, or one alone; what is not valid spoils all.
func matchList(v *value, valid func(string) bool) (list []string, ok bool) {
	if v == nil {
		return nil, false
	}
	entries := []*value{v}
	if v.kind == kindArray {
		entries = v.list
	}
	for _, e := range entries {
		t, isText := e.asText()
		if t = strings.TrimSpace(t); !isText || !valid(t) {
			return nil, false
		}
		if !slices.Contains(list, t) {
			list = append(list, t)
		}
	}
	return list, len(list) <= 256
}
