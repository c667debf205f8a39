package native

import (
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/client/profile"
)

// TestLowersByItself: of what is said about coming by itself and about the kill
// switch, what lets protection go wants a yes.
func TestLowersByItself(t *testing.T) {
	t.Parallel()
	traffic := func(fields string) string { return strings.Replace(office, `"full": true`, `"full": true, `+fields, 1) }
	demand := func(fields string) string {
		return strings.TrimSuffix(traffic(`"kill_switch": "on"`), "}") + `, "on_demand": {` + fields + `}}`
	}
	free := func(text string) string {
		return strings.Replace(text, `"kill_switch": "on"`, `"kill_switch": "off"`, 1)
	}
	const (
		trusted  = `"when": "login", "rules": [{"action": "disconnect", "ssids": ["Office"]}, {"action": "connect", "probe_url": "http://corp.example/"}]`
		evaluate = `"when": "boot", "rules": [{"action": "evaluate", "domains": [{"domains": ["corp.example"], "action": "if-needed", "required_url": "http://10.0.0.1/"}]}]`
	)
	for _, c := range []struct {
		text, path string
		lowers     bool
		verdict    profile.Verdict
		note       string
	}{
		{traffic(`"kill_switch": "on"`), "traffic.kill_switch", false, profile.Honoured, ""},
		{traffic(`"local_network": "allow"`), "traffic.local_network", true, profile.Honoured, "still be reached"},
		{traffic(`"local_network": "refuse"`), "traffic.local_network", false, profile.Honoured, ""},
		{traffic(`"overlap": "local"`), "traffic.overlap", true, profile.Honoured, "goes to the network you are in"},
		{traffic(`"overlap": "company"`), "traffic.overlap", false, profile.Honoured, ""},
		{demand(trusted), "on_demand.rules[0].action", true, profile.Honoured, "lets everything out"},
		{free(demand(trusted)), "on_demand.rules[0].action", false, profile.Honoured, ""},
		{demand(trusted), "on_demand.rules[1].action", false, profile.Honoured, ""},
		{demand(trusted), "on_demand.rules[1].probe_url", false, profile.Honoured, "beside the tunnel"},
		{demand(trusted), "on_demand.when", false, profile.Honoured, "homewardctl attend"},
		{demand(evaluate), "on_demand.when", false, profile.Honoured, "machine set"},
		{demand(evaluate), "on_demand.rules[0].action", false, profile.Approximated, "when the network changes"},
		{demand(evaluate), "on_demand.rules[0].domains[0].required_url", false, profile.Honoured, "beside the tunnel"},
	} {
		l := line(t, parse(t, c.text), c.path)
		if l.Lowers != c.lowers || !strings.Contains(l.Note, c.note) || l.Verdict != c.verdict {
			t.Errorf("%s: %+v", c.text, l)
		}
	}
}

// TestRefusesByItself: a rule that cannot work is refused by its name.
func TestRefusesByItself(t *testing.T) {
	t.Parallel()
	demand := func(fields string) string {
		return strings.TrimSuffix(office, "}") + `, "on_demand": {` + fields + `}}`
	}
	refused(t, demand(`"when": "rules"`), profile.ImportDamaged, "on_demand.when", "there are none")
	refused(t, demand(`"when": "login", "rules": [{"action": "connect", "ssid": "x"}]`), profile.ImportDamaged, "on_demand.rules[0].ssid", "not a field")
	refused(t, demand(`"rules": [{"action": "connect", "probe_url": "file:///etc/shadow"}]`), profile.ImportDamaged, "on_demand.rules[0].probe_url")
}
