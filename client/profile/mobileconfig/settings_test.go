package mobileconfig

import (
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/client/profile"
)

const subnetKey = "UseConfigurationAttributeInternalIPSubnet"

// TestTraffic decides between everything and the gateway's subnets.
func TestTraffic(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		ike      dict
		override any
		full     bool
	}{
		"nothing said":            {nil, nil, true},
		"override 0":              {nil, 0, true},
		"override 1":              {nil, 1, true},
		"subnets":                 {dict{subnetKey: 1}, nil, false},
		"subnets, override 1":     {dict{subnetKey: true}, 1, false},
		"subnets off":             {dict{subnetKey: 0}, 0, true},
		"all networks":            {dict{"IncludeAllNetworks": 1}, 0, true},
		"all networks and subnet": {dict{"IncludeAllNetworks": 1, subnetKey: 1}, nil, true},
		"no switch at all":        {dict{subnetKey: "perhaps"}, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			extra := dict{}
			if c.override != nil {
				extra["IPv4"] = dict{"OverridePrimary": c.override}
			}
			im := parseOne(t, configuration(vpnPayload(ikeEAP(c.ike), extra)))
			tr := im.Profile.Traffic
			if tr.Full != c.full || tr.AcceptPushed == c.full || im.Profile.DNS.AcceptPushed == c.full {
				t.Errorf("traffic %+v, DNS %+v; want full %v", tr, im.Profile.DNS, c.full)
			}
		})
	}
	for _, c := range []struct {
		extra dict
		guard profile.KillSwitch
		local profile.LocalNetwork
		all   profile.Verdict
		key   profile.Verdict
	}{
		{dict{"IncludeAllNetworks": 1, "ExcludeLocalNetworks": 0}, profile.KillSwitchOn, "", profile.Honoured, profile.Honoured},
		{dict{"IncludeAllNetworks": 1, "ExcludeLocalNetworks": 1}, profile.KillSwitchOn, profile.LocalAllow, profile.Honoured, profile.Honoured},
		{dict{"IncludeAllNetworks": 0, "ExcludeLocalNetworks": 1}, "", "", profile.Honoured, profile.Honoured},
		{dict{"IncludeAllNetworks": 0, "ExcludeLocalNetworks": 0}, "", "", profile.Honoured, profile.Approximated},
	} {
		im := parseIKE(t, ikeEAP(c.extra))
		if tr := im.Profile.Traffic; tr.KillSwitch != c.guard || tr.LocalNetwork != c.local {
			t.Errorf("%v: %+v", c.extra, tr)
		}
		wantVerdict(t, im, "IKEv2.IncludeAllNetworks", c.all)
		if l := wantVerdict(t, im, "IKEv2.ExcludeLocalNetworks", c.key); l.Lowers != (c.local == profile.LocalAllow) {
			t.Errorf("%v: %+v", c.extra, l)
		}
	}
}

func TestMTU(t *testing.T) {
	t.Parallel()
	for mtu, want := range map[any]int{1280: 1280, "1400": 1400, 1500: 1500, 0: 0, 100: 0, 9000: 0, -1: 0, "wide": 0, true: 0} {
		if got := parseIKE(t, ikeEAP(dict{"MTU": mtu})).Profile.Traffic.MTU; got != want {
			t.Errorf("MTU %v became %d, want %d", mtu, got, want)
		}
	}
}

func addrs(texts ...string) []netip.Addr {
	var out []netip.Addr
	for _, t := range texts {
		out = append(out, netip.MustParseAddr(t))
	}
	return out
}

func TestDNS(t *testing.T) {
	t.Parallel()
	split := profile.DNS{AcceptPushed: true}
	for name, c := range map[string]struct {
		full bool
		dns  dict
		want func(*profile.DNS)
	}{
		"servers":   {dns: dict{"ServerAddresses": list{"10.0.0.53", " 2001:db8::53 "}}, want: func(d *profile.DNS) { d.Servers = addrs("10.0.0.53", "2001:db8::53") }},
		"bad ones":  {dns: dict{"ServerAddresses": list{"dns.example", "0.0.0.0", "ff02::fb", "fe80::1%x", "10.0.0.53"}}, want: func(d *profile.DNS) { d.Servers = addrs("10.0.0.53") }},
		"encrypted": {dns: dict{"DNSProtocol": "TLS", "ServerAddresses": list{"10.0.0.53"}, "ServerName": "dns.example"}, want: func(*profile.DNS) {}},
		"cleartext": {dns: dict{"DNSProtocol": "Cleartext", "ServerAddresses": "10.0.0.53"}, want: func(d *profile.DNS) { d.Servers = addrs("10.0.0.53") }},
		"search":    {dns: dict{"DomainName": "Corp.Example.", "SearchDomains": list{"lab.example", "corp.example", "bad domain"}}, want: func(d *profile.DNS) { d.Search = []string{"corp.example", "lab.example"} }},
		"match": {dns: dict{"SupplementalMatchDomains": list{"corp.example", "*.lab.example", "büro.example"}}, want: func(d *profile.DNS) {
			d.Domains = []string{"corp.example", "lab.example", "xn--bro-hoa.example"}
			d.Search = d.Domains
		}},
		"match, no search": {dns: dict{"SupplementalMatchDomains": list{"corp.example"}, "SupplementalMatchDomainsNoSearch": 1}, want: func(d *profile.DNS) { d.Domains = []string{"corp.example"} }},
		"match everything": {dns: dict{"SupplementalMatchDomains": list{"corp.example", ""}, "SupplementalMatchDomainsNoSearch": 1}, want: func(d *profile.DNS) { d.AcceptPushed = false }},
		"public suffixes":  {dns: dict{"SupplementalMatchDomains": list{"com", "co.uk", "corp"}, "SupplementalMatchDomainsNoSearch": 1}, want: func(d *profile.DNS) { d.Domains = []string{"corp"} }},
		"match, full":      {full: true, dns: dict{"SupplementalMatchDomains": list{"corp.example"}}, want: func(d *profile.DNS) { d.AcceptPushed = false }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ike := ikeEAP(dict{subnetKey: !c.full})
			im := parseOne(t, configuration(vpnPayload(ike, dict{"DNS": c.dns})))
			want := split
			c.want(&want)
			if !reflect.DeepEqual(im.Profile.DNS, want) {
				t.Errorf("%+v, want %+v", im.Profile.DNS, want)
			}
		})
	}
}

func TestSession(t *testing.T) {
	t.Parallel()
	for rate, want := range map[string]time.Duration{
		"None": -time.Second, "Low": 30 * time.Minute, "Medium": 10 * time.Minute, "High": time.Minute, "Frantic": 0, "": 0,
	} {
		if got := parseIKE(t, ikeEAP(dict{"DeadPeerDetectionRate": rate})).Profile.Session.Liveness; time.Duration(got) != want {
			t.Errorf("rate %s became %v, want %v", rate, time.Duration(got), want)
		}
	}
	for seconds, want := range map[any]time.Duration{
		60: time.Minute, 20: 20 * time.Second, 5: 20 * time.Second, 3600: maxKeepalive, int64(1) << 60: maxKeepalive, 0: 0, -4: 0, "often": 0,
	} {
		if got := parseIKE(t, ikeEAP(dict{"NATKeepAliveInterval": seconds})).Profile.Session.NATKeepalive; time.Duration(got) != want {
			t.Errorf("keepalive %v became %v, want %v", seconds, time.Duration(got), want)
		}
	}
	im := parseIKE(t, ikeEAP(dict{
		"DisableMOBIKE": 1, "DisableRedirect": 0, "EnableCertificateRevocationCheck": 1, "DisconnectOnIdle": 1,
		"OnDemandEnabled": 1, "OnDemandRules": list{dict{"Action": "Connect", "SSIDMatch": list{"Guest"}}},
	}))
	if !im.Profile.Session.NoMOBIKE || im.Profile.Session.NoRedirect {
		t.Errorf("%+v", im.Profile.Session)
	}
	wantVerdict(t, im, "IKEv2.DisableMOBIKE", profile.Honoured)
	wantVerdict(t, im, "IKEv2.DisableRedirect", profile.Honoured)
	wantVerdict(t, im, "IKEv2.EnableCertificateRevocationCheck", profile.Honoured)
	if im.Profile.Gateway.Revocation != profile.RevocationRelaxed {
		t.Errorf("revocation %q", im.Profile.Gateway.Revocation)
	}
	off := parseIKE(t, ikeEAP(dict{"EnableCertificateRevocationCheck": 0}))
	if l := wantVerdict(t, off, "IKEv2.EnableCertificateRevocationCheck", profile.Approximated); off.Profile.Gateway.Revocation != "" || l.Lowers {
		t.Errorf("revocation %q, %+v", off.Profile.Gateway.Revocation, l)
	}
	wantVerdict(t, im, "IKEv2.DisconnectOnIdle", profile.Refused)
	wantVerdict(t, im, "IKEv2.OnDemandRules", profile.Honoured)
	if l := line(t, im, "IKEv2.OnDemandRules[0].SSIDMatch"); l.Value != "Guest" {
		t.Errorf("the report shows %q", l.Value)
	}
}
