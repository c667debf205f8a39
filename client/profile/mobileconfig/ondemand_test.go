package mobileconfig

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/client/profile"
)

func demanded(t *testing.T, extra dict, rules ...any) profile.Imported {
	t.Helper()
	ike := ikeEAP(dict{"OnDemandEnabled": 1, "OnDemandRules": list(rules)})
	for k, v := range extra {
		ike[k] = v
	}
	return parseIKE(t, ike)
}

// TestOnDemandRules: each key of a rule becomes what it says, in the file's order.
func TestOnDemandRules(t *testing.T) {
	t.Parallel()
	im := demanded(t, dict{"IncludeAllNetworks": 1, "OnDemandUserOverrideDisabled": 1},
		dict{"Action": "Disconnect", "InterfaceTypeMatch": "WiFi", "SSIDMatch": list{"Office", "Office 5G"}},
		dict{"Action": "Disconnect", "DNSDomainMatch": list{"corp.example", "*.corp.example"}, "DNSServerAddressMatch": list{"10.1.*", "fd00::53"}, "URLStringProbe": "https://intranet.corp.example/"},
		dict{"Action": "Ignore", "InterfaceTypeMatch": "Cellular"},
		dict{"Action": "EvaluateConnection", "InterfaceTypeMatch": "Ethernet", "ActionParameters": list{
			dict{"Domains": list{"*.public.example"}, "DomainAction": "NeverConnect"},
			dict{"Domains": list{"corp.example"}, "DomainAction": "ConnectIfNeeded", "RequiredDNSServers": list{"10.0.0.53"}, "RequiredURLStringProbe": "http://10.0.0.80/"}}},
		dict{"Action": "Connect"},
	)
	want := profile.OnDemand{When: profile.WhenRules, Rules: []profile.Rule{
		{Action: profile.RuleDisconnect, Interface: profile.RuleWiFi, SSIDs: []string{"Office", "Office 5G"}},
		{Action: profile.RuleDisconnect, DNSDomains: []string{"corp.example", "*.corp.example"}, DNSServers: []string{"10.1.*", "fd00::53"}, ProbeURL: "https://intranet.corp.example/"},
		{Action: profile.RuleIgnore, Interface: profile.RuleCellular},
		{Action: profile.RuleEvaluate, Interface: profile.RuleEthernet, Domains: []profile.DomainRule{
			{Domains: []string{"*.public.example"}, Action: profile.DomainNever},
			{Domains: []string{"corp.example"}, Action: profile.DomainIfNeeded, RequiredServers: []netip.Addr{netip.MustParseAddr("10.0.0.53")}, RequiredURL: "http://10.0.0.80/"}}},
		{Action: profile.RuleConnect},
	}}
	if !reflect.DeepEqual(im.Profile.OnDemand, want) {
		t.Errorf("%+v\nwant %+v", im.Profile.OnDemand, want)
	}
	for path, verdict := range map[string]profile.Verdict{
		"IKEv2.OnDemandEnabled": profile.Approximated, "IKEv2.OnDemandUserOverrideDisabled": profile.Approximated, "IKEv2.OnDemandRules": profile.Honoured,
		"IKEv2.OnDemandRules[0].SSIDMatch": profile.Honoured, "IKEv2.OnDemandRules[1].URLStringProbe": profile.Honoured,
		"IKEv2.OnDemandRules[3].Action": profile.Approximated, "IKEv2.OnDemandRules[3].ActionParameters": profile.Approximated,
		"IKEv2.OnDemandRules[3].ActionParameters[0].DomainAction":       profile.Honoured,
		"IKEv2.OnDemandRules[3].ActionParameters[1].RequiredDNSServers": profile.Approximated,
		"IKEv2.OnDemandRules[4].Action":                                 profile.Honoured,
	} {
		wantVerdict(t, im, path, verdict)
	}
	if l := line(t, im, "IKEv2.OnDemandRules[0].Action"); !l.Lowers {
		t.Errorf("a trusted network beside a kill switch: %+v", l)
	}
	if l := line(t, im, "IKEv2.OnDemandRules[2].Action"); l.Lowers {
		t.Errorf("%+v", l)
	}
}

// TestOnDemandLeftOut: a rule of which something cannot be taken over is left out
// whole, and those around it stay.
func TestOnDemandLeftOut(t *testing.T) {
	t.Parallel()
	for name, rule := range map[string]any{
		"no action": dict{"SSIDMatch": list{"x"}}, "unknown action": dict{"Action": "Reboot"}, "unknown condition": dict{"Action": "Connect", "MoonPhaseMatch": "full"},
		"interface": dict{"Action": "Connect", "InterfaceTypeMatch": "Bluetooth"}, "no SSID": dict{"Action": "Connect", "SSIDMatch": list{}},
		"long SSID": dict{"Action": "Connect", "SSIDMatch": list{strings.Repeat("x", 33)}}, "SSID is data": dict{"Action": "Connect", "SSIDMatch": list{dict{}}},
		"domain": dict{"Action": "Connect", "DNSDomainMatch": list{"a b"}}, "server": dict{"Action": "Connect", "DNSServerAddressMatch": list{"10.*.1"}},
		"probe": dict{"Action": "Connect", "URLStringProbe": "ftp://x/"}, "both": dict{"Action": "Connect", "SSIDMatch": list{"x"}, "InterfaceTypeMatch": "Ethernet"},
		"no parameters": dict{"Action": "EvaluateConnection"}, "no domains": dict{"Action": "EvaluateConnection", "ActionParameters": list{dict{"DomainAction": "NeverConnect"}}},
		"domain action": dict{"Action": "EvaluateConnection", "ActionParameters": list{dict{"Domains": list{"a"}, "DomainAction": "Perhaps"}}},
		"not a rule":    "Connect",
	} {
		im := demanded(t, nil, dict{"Action": "Ignore", "InterfaceTypeMatch": "Cellular"}, rule, dict{"Action": "Connect"})
		if o := im.Profile.OnDemand; len(o.Rules) != 2 || o.Rules[0].Action != profile.RuleIgnore || o.Rules[1].Action != profile.RuleConnect || o.When != profile.WhenRules {
			t.Errorf("%s: %+v", name, o)
		}
		if l := wantVerdict(t, im, "IKEv2.OnDemandRules[1]", profile.Refused); !strings.Contains(l.Note, "left out") {
			t.Errorf("%s: %+v", name, l)
		}
	}
}

// TestOnDemandNotTaken: what the file turns off stays off, and what would have to be
// watched is said not to be.
func TestOnDemandNotTaken(t *testing.T) {
	t.Parallel()
	watched := dict{"Action": "EvaluateConnection", "ActionParameters": list{dict{"Domains": list{"*.corp.example"}, "DomainAction": "ConnectIfNeeded"}}}
	im := demanded(t, nil, watched)
	if o := im.Profile.OnDemand; len(o.Rules) != 1 || o.Rules[0].Action != profile.RuleIgnore {
		t.Errorf("%+v", o)
	}
	wantVerdict(t, im, "IKEv2.OnDemandRules[0].Action", profile.Approximated)
	wantVerdict(t, im, "IKEv2.OnDemandRules[0].ActionParameters[0].DomainAction", profile.Refused)
	for name, c := range map[string]struct {
		extra   dict
		key     string
		verdict profile.Verdict
	}{
		"off":        {dict{"OnDemandEnabled": 0}, "OnDemandRules", profile.Ignored},
		"no rules":   {dict{"OnDemandRules": list{}}, "OnDemandEnabled", profile.Refused},
		"not a list": {dict{"OnDemandRules": "Connect"}, "OnDemandRules", profile.Refused},
		"too many":   {dict{"OnDemandRules": make(list, maxRules+1)}, "OnDemandRules", profile.Refused},
		"legacy":     {dict{"OnDemandRules": list{}, "OnDemandMatchDomainsAlways": list{"corp.example"}}, "OnDemandMatchDomainsAlways", profile.Ignored},
	} {
		if rules, ok := c.extra["OnDemandRules"].(list); ok {
			for i := range rules {
				rules[i] = dict{"Action": "Connect"}
			}
		}
		im := demanded(t, c.extra, dict{"Action": "Connect"})
		if !reflect.DeepEqual(im.Profile.OnDemand, profile.OnDemand{}) {
			t.Errorf("%s: %+v", name, im.Profile.OnDemand)
		}
		wantVerdict(t, im, "IKEv2."+c.key, c.verdict)
	}
	beside := parseOne(t, configuration(vpnPayload(ikeEAP(nil), dict{"OnDemandEnabled": 1, "OnDemandRules": list{dict{"Action": "Connect"}}})))
	if beside.Profile.OnDemand.When != profile.WhenNever {
		t.Errorf("beside the IKEv2 keys: %+v", beside.Profile.OnDemand)
	}
	wantVerdict(t, beside, "OnDemandRules", profile.Ignored)
}

// TestAlwaysOnIsAlways: an always-on tunnel comes by itself and holds everything
// back; of two tunnels each keeps to its kind of network.
func TestAlwaysOnIsAlways(t *testing.T) {
	t.Parallel()
	tunnel := func(address string, interfaces ...any) dict {
		d := dict{"ProtocolType": "IKEv2", "RemoteAddress": address, "AuthenticationMethod": "SharedSecret", "SharedSecret": "a key of twenty bytes"}
		if len(interfaces) > 0 {
			d["Interfaces"] = list(interfaces)
		}
		return d
	}
	always := func(tunnels ...any) []profile.Imported {
		v := configuration(vpnPayload(nil, dict{"VPNType": "AlwaysOn", "AlwaysOn": dict{
			"UIToggleEnabled": 0, "AllowCaptiveWebSheet": true, "ApplicationExceptions": list{dict{"BundleIdentifier": "x"}}, "TunnelConfigurations": list(tunnels)}}))
		delete(v["PayloadContent"].(list)[0].(dict), "IKEv2")
		return parse(t, v)
	}
	one := always(tunnel("a.example.com", "WiFi"), tunnel("a.example.com", "Cellular"))
	if len(one) != 1 {
		t.Fatalf("%d connections", len(one))
	}
	if p := one[0].Profile; p.OnDemand.When != profile.WhenAlways || len(p.OnDemand.Rules) != 0 || p.Traffic.KillSwitch != profile.KillSwitchOn || !p.Traffic.Full {
		t.Errorf("%+v, %+v", p.OnDemand, p.Traffic)
	}
	wantVerdict(t, one[0], "AlwaysOn.AllowCaptiveWebSheet", profile.Approximated)
	wantVerdict(t, one[0], "AlwaysOn.ApplicationExceptions", profile.Refused)
	if l := wantVerdict(t, one[0], "VPNType", profile.Approximated); !l.Lowers || !strings.Contains(l.Note, "machine set") || !strings.Contains(l.Note, "killswitch lockdown") {
		t.Errorf("%+v", l)
	}
	two := always(tunnel("a.example.com", "WiFi"), tunnel("b.example.com", "Cellular"))
	if len(two) != 2 {
		t.Fatalf("%d connections", len(two))
	}
	if got := two[0].Profile.OnDemand.Rules; len(got) != 3 || got[0].Interface != profile.RuleWiFi || got[1].Interface != profile.RuleEthernet || got[2].Action != profile.RuleIgnore {
		t.Errorf("%+v", got)
	}
	if got := two[1].Profile.OnDemand.Rules; len(got) != 2 || got[0].Interface != profile.RuleCellular || got[1].Action != profile.RuleIgnore {
		t.Errorf("%+v", got)
	}
	for _, im := range append(one, two...) {
		if err := im.Profile.Validate(); err != nil {
			t.Error(err)
		}
	}
}
