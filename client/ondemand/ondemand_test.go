package ondemand

import (
	"net/netip"
	"testing"

	"github.com/homeward-vpn/homeward/client/profile"
)

func addrs(list ...string) (out []netip.Addr) {
	for _, a := range list {
		out = append(out, netip.MustParseAddr(a))
	}
	return out
}

var (
	office = Environment{Interface: profile.RuleEthernet, Servers: addrs("10.1.0.53", "fd00:1::53"), Domains: []string{"corp.example"}}
	cafe   = Environment{Interface: profile.RuleWiFi, SSID: "Café", Servers: addrs("192.168.1.1")}
	train  = Environment{Interface: profile.RuleCellular, Servers: addrs("2001:db8::1"), Domains: []string{"mobile.example."}}
	tunnel = Environment{}
)

// TestRuleMatches: each thing that a rule names, in networks that have it and that
// have it not; a rule that names several wants all.
func TestRuleMatches(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		rule profile.Rule
		in   []Environment
		out  []Environment
	}{
		{"nothing", profile.Rule{}, []Environment{office, cafe, train, tunnel}, nil},
		{"interface", profile.Rule{Interface: profile.RuleWiFi}, []Environment{cafe}, []Environment{office, train, tunnel}},
		{"cable", profile.Rule{Interface: profile.RuleEthernet}, []Environment{office}, []Environment{cafe, train, tunnel}},
		{"SSID", profile.Rule{SSIDs: []string{"Home", "Café"}}, []Environment{cafe}, []Environment{office, train, tunnel}},
		{"SSID is exact", profile.Rule{SSIDs: []string{"café", "Caf", "Café "}}, nil, []Environment{cafe}},
		{"SSID of none", profile.Rule{SSIDs: []string{""}}, nil, []Environment{office, tunnel}},
		{"domain", profile.Rule{DNSDomains: []string{"CORP.example"}}, []Environment{office}, []Environment{cafe, train, tunnel}},
		{"another domain that ends alike", profile.Rule{DNSDomains: []string{"orp.example", "example"}}, nil, []Environment{office}},
		{"domain below", profile.Rule{DNSDomains: []string{"*.example"}}, []Environment{office, train}, []Environment{cafe, tunnel}},
		{"domain itself is not below", profile.Rule{DNSDomains: []string{"*.corp.example"}}, nil, []Environment{office}},
		{"part of a label is not below", profile.Rule{DNSDomains: []string{"*.orp.example"}}, nil, []Environment{office}},
		{"any domain", profile.Rule{DNSDomains: []string{"*"}}, []Environment{office, train}, []Environment{cafe, tunnel}},
		{"server", profile.Rule{DNSServers: []string{"10.1.0.53"}}, []Environment{office}, []Environment{cafe, train, tunnel}},
		{"server of two", profile.Rule{DNSServers: []string{"FD00:1:0::53"}}, []Environment{office}, []Environment{cafe}},
		{"server beginning", profile.Rule{DNSServers: []string{"10.1.*"}}, []Environment{office}, []Environment{cafe}},
		{"server beginning is text", profile.Rule{DNSServers: []string{"192.168.1*"}}, []Environment{cafe, {Servers: addrs("192.168.100.1")}}, []Environment{office}},
		{"server beginning, IPv6", profile.Rule{DNSServers: []string{"2001:DB8:*"}}, []Environment{train}, []Environment{office, cafe}},
		{"any server", profile.Rule{DNSServers: []string{"*"}}, []Environment{office, cafe, train}, []Environment{tunnel}},
		{"server with zone", profile.Rule{DNSServers: []string{"fe80::1"}}, []Environment{{Servers: addrs("fe80::1%eth0")}}, []Environment{cafe}},
		{"server mapped", profile.Rule{DNSServers: []string{"192.0.2.1"}}, []Environment{{Servers: addrs("::ffff:192.0.2.1")}}, []Environment{cafe}},
		{"all", profile.Rule{Interface: profile.RuleEthernet, DNSDomains: []string{"corp.example"}, DNSServers: []string{"10.1.*"}}, []Environment{office},
			[]Environment{{Interface: profile.RuleEthernet, Domains: office.Domains}, {Interface: profile.RuleEthernet, Servers: office.Servers}, {Interface: profile.RuleWiFi, Domains: office.Domains, Servers: office.Servers}}},
	} {
		c.rule.Action = profile.RuleDisconnect
		o := profile.OnDemand{When: profile.WhenLogin, Rules: []profile.Rule{c.rule}}
		for _, env := range c.in {
			if d, p := Evaluate(o, env); p != nil || d.Action != Disconnect || d.Rule != 0 || d.Reason == "" {
				t.Errorf("%s in %+v: %+v, probe %v", c.name, env, d, p)
			}
		}
		for _, env := range c.out {
			if d, p := Evaluate(o, env); p != nil || d.Action != Connect || d.Rule != -1 || d.Reason == "" {
				t.Errorf("%s in %+v, which is none of its: %+v, probe %v", c.name, env, d, p)
			}
		}
	}
}

// TestFirstMatchWins: the order decides, and without a match what the profile wants.
func TestFirstMatchWins(t *testing.T) {
	t.Parallel()
	rules := []profile.Rule{
		{Action: profile.RuleDisconnect, DNSDomains: []string{"corp.example"}},
		{Action: profile.RuleIgnore, Interface: profile.RuleCellular},
		{Action: profile.RuleConnect, Interface: profile.RuleEthernet},
	}
	for _, c := range []struct {
		when profile.When
		env  Environment
		want Action
		rule int
	}{
		{profile.WhenRules, office, Disconnect, 0},
		{profile.WhenRules, train, Ignore, 1},
		{profile.WhenRules, Environment{Interface: profile.RuleEthernet}, Connect, 2},
		{profile.WhenRules, cafe, Ignore, -1},
		{profile.WhenNever, cafe, Ignore, -1},
		{profile.WhenLogin, cafe, Connect, -1},
		{profile.WhenBoot, cafe, Connect, -1},
		{profile.WhenAlways, office, Disconnect, 0},
	} {
		d, p := Evaluate(profile.OnDemand{When: c.when, Rules: rules}, c.env)
		if p != nil || d.Action != c.want || d.Rule != c.rule {
			t.Errorf("%s in %+v: %+v, probe %v; want %s by %d", c.when, c.env, d, p, c.want, c.rule)
		}
	}
	if d, p := Evaluate(profile.OnDemand{When: profile.WhenAlways}, cafe); p != nil || d.Action != Connect {
		t.Errorf("without rules: %+v, %v", d, p)
	}
}

// TestProbe: a probe is asked for where all else of its rule matches, once, and a
// rule whose probe fails is passed over.
func TestProbe(t *testing.T) {
	t.Parallel()
	const url = "https://intranet.corp.example/"
	o := profile.OnDemand{When: profile.WhenLogin, Rules: []profile.Rule{
		{Action: profile.RuleDisconnect, Interface: profile.RuleEthernet, ProbeURL: url},
		{Action: profile.RuleDisconnect, Interface: profile.RuleWiFi, ProbeURL: "http://other/"},
		{Action: profile.RuleIgnore, ProbeURL: url},
	}}
	if _, p := Evaluate(o, office); p == nil || p.URL != url {
		t.Fatalf("asks for %v", p)
	}
	for answer, want := range map[bool]Decision{true: {Action: Disconnect, Rule: 0}, false: {Action: Connect, Rule: -1}} {
		env := office
		env.Answers = map[string]bool{url: answer}
		if d, p := Evaluate(o, env); p != nil || d.Action != want.Action || d.Rule != want.Rule {
			t.Errorf("answered %v: %+v, asks for %v", answer, d, p)
		}
	}
	env := cafe
	env.Answers = map[string]bool{"http://other/": false}
	if _, p := Evaluate(o, env); p == nil || p.URL != url {
		t.Errorf("after the first has failed it asks for %v", p)
	}
}

// TestEvaluate: which names need the line, by what their rule requires.
func TestEvaluate(t *testing.T) {
	t.Parallel()
	const url = "http://10.0.0.80/"
	need := func(servers []netip.Addr, url string) profile.DomainRule {
		return profile.DomainRule{Domains: []string{"corp.example"}, Action: profile.DomainIfNeeded, RequiredServers: servers, RequiredURL: url}
	}
	never := profile.DomainRule{Domains: []string{"*"}, Action: profile.DomainNever}
	for _, c := range []struct {
		name    string
		domains []profile.DomainRule
		answers map[string]bool
		want    Action
		probe   string
	}{
		{"requires nothing", []profile.DomainRule{need(nil, "")}, nil, Connect, ""},
		{"never", []profile.DomainRule{never}, nil, Ignore, ""},
		{"never, then needed", []profile.DomainRule{never, need(nil, "")}, nil, Connect, ""},
		{"server is there", []profile.DomainRule{need(addrs("10.9.9.9", "10.1.0.53"), "")}, nil, Ignore, ""},
		{"server is not there", []profile.DomainRule{need(addrs("10.9.9.9"), url)}, nil, Connect, ""},
		{"URL not asked yet", []profile.DomainRule{need(addrs("10.1.0.53"), url)}, nil, "", url},
		{"URL answers", []profile.DomainRule{need(addrs("10.1.0.53"), url)}, map[string]bool{url: true}, Ignore, ""},
		{"URL does not answer", []profile.DomainRule{need(nil, url)}, map[string]bool{url: false}, Connect, ""},
	} {
		env := office
		env.Answers = c.answers
		d, p := Evaluate(profile.OnDemand{When: profile.WhenBoot, Rules: []profile.Rule{{Action: profile.RuleEvaluate, Domains: c.domains}}}, env)
		if (p != nil) != (c.probe != "") || p != nil && p.URL != c.probe || d.Action != c.want || p == nil && (d.Rule != 0 || d.Reason == "") {
			t.Errorf("%s: %+v, probe %v", c.name, d, p)
		}
	}
}
