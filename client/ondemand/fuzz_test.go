package ondemand

import (
	"encoding/json"
	"maps"
	"net/netip"
	"slices"
	"testing"

	"github.com/homeward-vpn/homeward/client/profile"
)

// FuzzEvaluate: whatever the rules and the network, an answer to each probe leads to
// a decision; no URL is asked for twice, and none that does not stand in the rules;
// the rule that decides is the first that matches when it stands alone.
func FuzzEvaluate(f *testing.F) {
	f.Add([]byte(`{"when":"login","rules":[{"action":"disconnect","probe_url":"http://a/","ssids":["x"]},{"action":"evaluate","domains":[{"domains":["a"],"action":"if-needed","required_url":"http://b/"}]}]}`), "x", "corp.example", "10.1.0.53", uint8(1))
	f.Add([]byte(`{"when":"rules","rules":[{"action":"ignore","dns_servers":["10.*"]},{"action":"connect","dns_domains":["*.example"],"interface":"wifi"}]}`), "", "corp.example.", "fe80::1%eth0", uint8(2))
	f.Fuzz(func(t *testing.T, text []byte, ssid, domain, server string, bits uint8) {
		var o profile.OnDemand
		if json.Unmarshal(text, &o) != nil {
			t.Skip("no rules")
		}
		kinds := []profile.RuleInterface{"", profile.RuleEthernet, profile.RuleWiFi, profile.RuleCellular}
		env := Environment{Interface: kinds[bits%4], SSID: ssid, Domains: []string{domain}, Answers: map[string]bool{}}
		if a, err := netip.ParseAddr(server); err == nil {
			env.Servers = []netip.Addr{a}
		}
		d, p := Evaluate(o, env)
		for ; p != nil; d, p = Evaluate(o, env) {
			if _, twice := env.Answers[p.URL]; twice || !inRules(o, p.URL) {
				t.Fatalf("asks for %q, knowing %v", p.URL, env.Answers)
			}
			env.Answers[p.URL] = (int(bits)+len(env.Answers))%3 != 0
		}
		if d.Reason == "" || !slices.Contains([]Action{Connect, Disconnect, Ignore}, d.Action) || d.Rule < -1 || d.Rule >= len(o.Rules) {
			t.Fatalf("%+v", d)
		}
		for i, r := range o.Rules {
			alone := env
			alone.Answers = maps.Clone(env.Answers)
			for _, url := range urls(profile.OnDemand{Rules: []profile.Rule{r}}) {
				if _, known := alone.Answers[url]; !known {
					alone.Answers[url] = false
				}
			}
			got, _ := Evaluate(profile.OnDemand{When: profile.WhenRules, Rules: []profile.Rule{r}}, alone)
			if hit := got.Rule == 0; hit && (d.Rule < 0 || d.Rule > i) || !hit && d.Rule == i {
				t.Fatalf("rule %d alone: %+v; together: %+v", i, got, d)
			}
		}
	})
}

func inRules(o profile.OnDemand, url string) bool { return slices.Contains(urls(o), url) }

func urls(o profile.OnDemand) (list []string) {
	for _, r := range o.Rules {
		list = append(list, r.ProbeURL)
		for _, d := range r.Domains {
			list = append(list, d.RequiredURL)
		}
	}
	return slices.DeleteFunc(list, func(u string) bool { return u == "" })
}
