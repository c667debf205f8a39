package mobileconfig

import (
	"github.com/homeward-vpn/homeward/client/profile"
)

// The MTU that Apple's devices take.
const (
	minAppleMTU = 1280
	maxAppleMTU = 1400
)

// traffic writes what goes through the tunnel, and which names are asked there.
func (w *writer) traffic() {
	t := &w.profile.Traffic
	w.ike.setFlag("UseConfigurationAttributeInternalIPSubnet", !t.Full)
	if t.Full && t.KillSwitch == profile.KillSwitchOn {
		w.ike.set("IncludeAllNetworks", 1)
		exclude := 0 // Apple's devices do not agree on what stands for nothing
		if t.LocalNetwork == profile.LocalAllow {
			exclude = 1
		}
		w.ike.set("ExcludeLocalNetworks", exclude)
	}
	if t.MTU >= minAppleMTU && t.MTU <= maxAppleMTU {
		w.ike.set("MTU", t.MTU)
	}
	w.names()
}

// names writes the DNS dictionary. It must have servers, if only none.
func (w *writer) names() {
	d := &w.profile.DNS
	all := !w.profile.Traffic.Full && !d.AcceptPushed && len(d.Domains) == 0
	if len(d.Servers)+len(d.Search)+len(d.Domains) == 0 && !all {
		return
	}
	servers := []string{}
	for _, a := range d.Servers {
		servers = append(servers, a.String())
	}
	out := keyed{}
	out.set("ServerAddresses", servers)
	out.setList("SearchDomains", d.Search)
	switch {
	case all:
		out.set("SupplementalMatchDomains", []string{""})
	case len(d.Domains) > 0:
		out.set("SupplementalMatchDomains", d.Domains)
		out.set("SupplementalMatchDomainsNoSearch", 1)
	}
	w.vpn.set("DNS", out)
}

// Apple's words of rules.
var (
	actionWords = map[profile.RuleAction]string{
		profile.RuleConnect: "Connect", profile.RuleDisconnect: "Disconnect", profile.RuleIgnore: "Ignore", profile.RuleEvaluate: "EvaluateConnection",
	}
	interfaceWords = map[profile.RuleInterface]string{
		profile.RuleEthernet: "Ethernet", profile.RuleWiFi: "WiFi", profile.RuleCellular: "Cellular",
	}
)

// demand writes when the line comes by itself: by rules, of which the last one
// connects in every other network where the profile wants that.
func (w *writer) demand() {
	o := &w.profile.OnDemand
	if o.When == profile.WhenNever {
		return
	}
	var rules []any
	for _, r := range o.Rules {
		rules = append(rules, rule(r))
	}
	if o.When != profile.WhenRules {
		rules = append(rules, keyed{{"Action", "Connect"}})
	}
	w.ike.set("OnDemandEnabled", 1)
	w.ike.set("OnDemandRules", rules)
}

// rule writes one rule.
func rule(r profile.Rule) keyed {
	d := keyed{}
	d.set("Action", actionWords[r.Action])
	d.setText("InterfaceTypeMatch", interfaceWords[r.Interface])
	d.setList("SSIDMatch", r.SSIDs)
	d.setList("DNSDomainMatch", r.DNSDomains)
	d.setList("DNSServerAddressMatch", r.DNSServers)
	d.setText("URLStringProbe", r.ProbeURL)
	var parameters []any
	for _, p := range r.Domains {
		e := keyed{}
		e.set("Domains", p.Domains)
		e.set("DomainAction", map[profile.DomainAction]string{profile.DomainIfNeeded: "ConnectIfNeeded", profile.DomainNever: "NeverConnect"}[p.Action])
		servers := []string{}
		for _, a := range p.RequiredServers {
			servers = append(servers, a.String())
		}
		e.setList("RequiredDNSServers", servers)
		e.setText("RequiredURLStringProbe", p.RequiredURL)
		parameters = append(parameters, e)
	}
	if len(parameters) > 0 {
		d.set("ActionParameters", parameters)
	}
	return d
}
