package anyconnect

import (
	"strings"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/xmltree"
)

// attended says who signs in when a line comes by itself.
const attended = "the line comes by itself while a program of yours can sign in, such as «homewardctl attend»"

// demand reads when the connection comes by itself: AutomaticVPNPolicy by the
// network that the computer is in, else AutoConnectOnStart.
func (c *connection) demand() {
	start := c.root.At("ClientInitialization", "AutoConnectOnStart")
	policy := c.root.At("ClientInitialization", "AutomaticVPNPolicy")
	outside := c.root.At("ClientInitialization", "AlwaysOn")
	if outside != nil {
		c.report.Under(outside.Path, profile.Ignored, "only counts inside AutomaticVPNPolicy")
	}
	switch {
	case policy.True():
		c.report.Honour(policy.Path, attended)
		c.policy(policy)
		c.report.Ignore(start.Where(), "AutomaticVPNPolicy says it")
	case start.True():
		c.profile.OnDemand.When = profile.WhenLogin
		c.report.Approx(start.Path, attended)
	}
	c.report.Honour(start.Where(), "you connect and disconnect yourself")
	if policy != nil {
		c.report.Honour(policy.Path, "you connect and disconnect yourself")
		c.report.Under(policy.Path, profile.Ignored, "only counts where AutomaticVPNPolicy is true")
	}
}

// policy reads what a trusted network is, and what is done there and elsewhere.
func (c *connection) policy(e *xmltree.Element) {
	o := &c.profile.OnDemand
	c.alwaysOn(e.Child("AlwaysOn"))
	rule, ok := c.trusted(e)
	if ok {
		o.Rules = []profile.Rule{rule}
	}
	untrusted := e.Child("UntrustedNetworkPolicy")
	nothing := strings.EqualFold(untrusted.Value(), "DoNothing")
	switch {
	case o.When != profile.WhenNever:
		c.report.Ignore(untrusted.Where(), "AlwaysOn stands above it")
	case !nothing:
		o.When = profile.WhenLogin
		c.report.Honour(untrusted.Where(), "")
	case ok:
		o.When = profile.WhenRules
		c.report.Honour(untrusted.Path, "")
	default:
		c.report.Honour(untrusted.Path, "you connect and disconnect yourself")
	}
}

// actions are what TrustedNetworkPolicy may want.
var actions = map[string]profile.RuleAction{
	"": profile.RuleDisconnect, "disconnect": profile.RuleDisconnect, "pause": profile.RuleDisconnect,
	"connect": profile.RuleConnect, "donothing": profile.RuleIgnore,
}

// trusted makes the rule for trusted networks. All that the file names must be
// found, so one condition that cannot be taken over spoils the rule: without it,
// networks would be trusted that the file does not trust.
func (c *connection) trusted(e *xmltree.Element) (r profile.Rule, ok bool) {
	policy := e.Child("TrustedNetworkPolicy")
	domains, servers := e.Child("TrustedDNSDomains"), e.Child("TrustedDNSServers")
	https := e.Child("TrustedHttpsServerList")
	leave := func(reason string) (profile.Rule, bool) {
		for _, k := range []*xmltree.Element{policy, domains, servers} {
			c.report.Refuse(k.Where(), "no network is trusted: "+reason)
		}
		if https != nil {
			c.report.Under(https.Path, profile.Refused, "no network is trusted: "+reason)
		}
		return profile.Rule{}, false
	}
	action, known := actions[strings.ToLower(policy.Value())]
	r.Action = action
	var good bool
	switch {
	case !known:
		return leave("this version does not know what to do there")
	case https != nil && len(https.Children) > 0:
		return leave("a server of it would have to show a certificate by its fingerprint, which is not compared")
	}
	if r.DNSDomains, good = matches(domains.Value(), profile.ValidDomainMatch); !good {
		return leave("TrustedDNSDomains has something that is no domain")
	}
	if r.DNSServers, good = matches(servers.Value(), profile.ValidServerMatch); !good {
		return leave("TrustedDNSServers has something that is no address")
	}
	if len(r.DNSDomains) == 0 && len(r.DNSServers) == 0 {
		return leave("the file does not say which")
	}
	c.report.Honour(domains.Where(), "")
	c.report.Honour(servers.Where(), "")
	c.tellAction(policy, r)
	if r.Action == profile.RuleDisconnect && c.profile.Traffic.KillSwitch == profile.KillSwitchOn {
		for _, k := range []*xmltree.Element{policy, domains, servers} {
			if k != nil {
				c.report.Lowers(k.Path)
				break
			}
		}
	}
	return r, true
}

// tellAction says what is done in a trusted network.
func (c *connection) tellAction(policy *xmltree.Element, r profile.Rule) {
	note := ""
	if r.Action == profile.RuleDisconnect {
		note = "nothing protects you in a network that looks like this one"
	}
	if strings.EqualFold(policy.Value(), "Pause") {
		c.report.Approx(policy.Path, "taken as Disconnect; "+note)
	}
	c.report.Honour(policy.Where(), note)
	if policy == nil {
		c.report.Absent("TrustedNetworkPolicy", "Disconnect, which stands for nothing; "+note)
	}
}

// matches reads a list of patterns; what is not valid spoils all.
func matches(text string, valid func(string) bool) (list []string, ok bool) {
	for part := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ',' || r == ';' }) {
		if part = strings.ToLower(strings.TrimSpace(part)); part == "" {
			continue
		}
		if !valid(part) || len(list) == 256 {
			return nil, false
		}
		list = append(list, part)
	}
	return list, true
}

// alwaysOn reads whether the tunnel is the only way out.
func (c *connection) alwaysOn(e *xmltree.Element) {
	if e == nil {
		return
	}
	if !e.True() {
		c.report.Honour(e.Path, "")
		c.report.Under(e.Path, profile.Ignored, "only counts where AlwaysOn is true")
		return
	}
	c.profile.OnDemand.When = profile.WhenLogin
	c.report.Approx(e.Path, "the line comes by itself; it holds against your own Disconnect only in lockdown, which an administrator sets («sudo homewardctl killswitch lockdown»)")
	c.report.Lowers(e.Path)
	failure := e.Child("ConnectFailurePolicy")
	if strings.EqualFold(failure.Value(), "Open") {
		c.report.Honour(failure.Path, "without the line everything goes beside it")
	} else {
		c.profile.Traffic.KillSwitch = profile.KillSwitchOn
		c.report.Honour(failure.Where(), "nothing leaves outside the tunnel from Connect until Disconnect, where this computer has no setting of its own")
	}
	if disconnect := e.Child("AllowVPNDisconnect"); disconnect.True() {
		c.report.Honour(disconnect.Path, "")
	} else {
		c.report.Approx(disconnect.Where(), "you can disconnect all the same")
	}
	if hosts := e.Child("AllowedHosts"); hosts.Value() != "" {
		c.report.Refuse(hosts.Path, "nothing goes beside the tunnel while the kill switch holds")
	}
	for _, portal := range failure.All("AllowCaptivePortalRemediation") {
		c.report.Under(portal.Path, profile.Approximated, "signing in to a hotspot is your own choice each time")
	}
}
