package profile

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
)

// onDemand are settings that use every field.
func onDemand() OnDemand {
	return OnDemand{When: WhenAlways, Rules: []Rule{{
		Action: RuleEvaluate, Interface: RuleWiFi, SSIDs: []string{"Harbour Guests"}, DNSDomains: []string{"*.corp.example", "*"},
		DNSServers: []string{"10.1.*", "fd00::53"}, ProbeURL: "https://intranet.corp.example:8443/here?x=1",
		Domains: []DomainRule{{Domains: []string{"corp.example"}, Action: DomainIfNeeded,
			RequiredServers: []netip.Addr{netip.MustParseAddr("10.0.0.53")}, RequiredURL: "http://10.0.0.80/"}},
	}}}
}

// TestInvalidOnDemand spoils one field at a time, and wants to hear of that field.
func TestInvalidOnDemand(t *testing.T) {
	t.Parallel()
	rule := func(f func(*Rule)) func(*Profile) { return func(p *Profile) { f(&p.OnDemand.Rules[0]) } }
	domain := func(f func(*DomainRule)) func(*Profile) {
		return func(p *Profile) { f(&p.OnDemand.Rules[0].Domains[0]) }
	}
	for _, c := range []struct {
		field string
		spoil func(*Profile)
	}{
		{"traffic.kill_switch", func(p *Profile) { p.Traffic.KillSwitch = "lockdown" }},
		{"traffic.local_network", func(p *Profile) { p.Traffic.LocalNetwork = "yes" }},
		{"traffic.overlap", func(p *Profile) { p.Traffic.Overlap = "home" }},
		{"on_demand.when", func(p *Profile) { p.OnDemand.When = "sometimes" }},
		{"on_demand.when", func(p *Profile) { p.OnDemand = OnDemand{When: WhenRules} }},
		{"on_demand.rules", func(p *Profile) { p.OnDemand.Rules = make([]Rule, maxRules+1) }},
		{"on_demand.rules[0].action", rule(func(r *Rule) { r.Action = "" })},
		{"on_demand.rules[0].domains", rule(func(r *Rule) { r.Action = RuleConnect })},
		{"on_demand.rules[0].domains", rule(func(r *Rule) { r.Domains = nil })},
		{"on_demand.rules[0].domains", rule(func(r *Rule) { r.Domains = make([]DomainRule, maxDomainRules+1) })},
		{"on_demand.rules[0].interface", rule(func(r *Rule) { r.Interface = "WiFi" })},
		{"on_demand.rules[0].ssids", rule(func(r *Rule) { r.Interface = RuleEthernet })},
		{"on_demand.rules[0].ssids", rule(func(r *Rule) { r.SSIDs = make([]string, maxMatches+1) })},
		{"on_demand.rules[0].ssids[0]", rule(func(r *Rule) { r.SSIDs = []string{""} })},
		{"on_demand.rules[0].ssids[0]", rule(func(r *Rule) { r.SSIDs = []string{strings.Repeat("x", 33)} })},
		{"on_demand.rules[0].ssids[1]", rule(func(r *Rule) { r.SSIDs = []string{"a", "b\x1b[2J"} })},
		{"on_demand.rules[0].dns_domains[0]", rule(func(r *Rule) { r.DNSDomains = []string{"corp.*"} })},
		{"on_demand.rules[0].dns_domains[0]", rule(func(r *Rule) { r.DNSDomains = []string{"*."} })},
		{"on_demand.rules[0].dns_servers[0]", rule(func(r *Rule) { r.DNSServers = []string{"10.*.1"} })},
		{"on_demand.rules[0].dns_servers[0]", rule(func(r *Rule) { r.DNSServers = []string{"10.0.0"} })},
		{"on_demand.rules[0].dns_servers[0]", rule(func(r *Rule) { r.DNSServers = []string{"host*"} })},
		{"on_demand.rules[0].probe_url", rule(func(r *Rule) { r.ProbeURL = "ftp://corp.example/" })},
		{"on_demand.rules[0].probe_url", rule(func(r *Rule) { r.ProbeURL = "file:///etc/passwd" })},
		{"on_demand.rules[0].probe_url", rule(func(r *Rule) { r.ProbeURL = "http://alice:secret@corp.example/" })},
		{"on_demand.rules[0].probe_url", rule(func(r *Rule) { r.ProbeURL = "http:///x" })},
		{"on_demand.rules[0].probe_url", rule(func(r *Rule) { r.ProbeURL = "http://corp.example:0/" })},
		{"on_demand.rules[0].probe_url", rule(func(r *Rule) { r.ProbeURL = "http://corp.example:99999/" })},
		{"on_demand.rules[0].probe_url", rule(func(r *Rule) { r.ProbeURL = "http://corp.example/" + strings.Repeat("x", maxText) })},
		{"on_demand.rules[0].domains[0].domains", domain(func(d *DomainRule) { d.Domains = nil })},
		{"on_demand.rules[0].domains[0].domains[0]", domain(func(d *DomainRule) { d.Domains = []string{"a b"} })},
		{"on_demand.rules[0].domains[0].action", domain(func(d *DomainRule) { d.Action = "connect" })},
		{"on_demand.rules[0].domains[0].action", domain(func(d *DomainRule) { d.Action = DomainNever })},
		{"on_demand.rules[0].domains[0].required_servers", domain(func(d *DomainRule) { d.RequiredServers = make([]netip.Addr, maxServers+1) })},
		{"on_demand.rules[0].domains[0].required_servers[0]", domain(func(d *DomainRule) { d.RequiredServers = []netip.Addr{{}} })},
		{"on_demand.rules[0].domains[0].required_url", domain(func(d *DomainRule) { d.RequiredURL = "intranet" })},
	} {
		p := full(t)
		c.spoil(p)
		var e *InvalidError
		if err := p.Validate(); !errors.As(err, &e) || e.Field != c.field {
			t.Errorf("spoiled %s: %v", c.field, err)
		}
	}
}

// TestOnDemandWords: what is shown of each choice is a phrase of its own.
func TestOnDemandWords(t *testing.T) {
	t.Parallel()
	if got := (OnDemand{}).Words(); got != "" {
		t.Errorf("nothing by itself: %q", got)
	}
	seen := map[string]bool{}
	for _, w := range []When{WhenRules, WhenLogin, WhenBoot, WhenAlways} {
		words := OnDemand{When: w, Rules: onDemand().Rules}.Words()
		if words == "" || seen[words] || !strings.Contains(words, "1 rule") {
			t.Errorf("%s: %q", w, words)
		}
		seen[words] = true
	}
}

// TestRuleWords: a rule is one sentence, whatever it names.
func TestRuleWords(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		rule Rule
		want string
	}{
		{Rule{Action: RuleConnect}, "connect in every network"},
		{Rule{Action: RuleDisconnect, Interface: RuleWiFi, SSIDs: []string{"Office", "Office 5G"}},
			"stay disconnected over Wi-Fi, in the Wi-Fi “Office” or “Office 5G”"},
		{Rule{Action: RuleIgnore, DNSDomains: []string{"corp.example"}, DNSServers: []string{"10.1.*"}, ProbeURL: "http://intranet/"},
			"leave it as it is where the search domain is corp.example, where the name server is 10.1.*, where http://intranet/ answers"},
		{Rule{Action: RuleEvaluate, Interface: RuleCellular, Domains: []DomainRule{{Domains: []string{"a.example", "b.example"}, Action: DomainIfNeeded}, {Domains: []string{"c.example"}, Action: DomainNever}}},
			"connect if a.example or b.example cannot be reached from here over a mobile network"},
	} {
		if got := c.rule.Words(); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
