package mobileconfig

import (
	"strings"
	"testing"
	"time"

	"howett.net/plist"

	"github.com/homeward-vpn/homeward/client/profile"
)

// TestOtherTypes refuses what is not IKEv2 by its name.
func TestOtherTypes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		extra   dict
		problem profile.ImportProblem
		word    string
	}{
		"Cisco":         {dict{"VPNType": "IPSec", "IPSec": dict{"RemoteAddress": "a"}}, profile.ImportUnsupported, "Cisco IPsec (IKEv1)"},
		"L2TP":          {dict{"VPNType": "L2TP", "IPSec": dict{}, "PPP": dict{}}, profile.ImportUnsupported, "L2TP"},
		"third party":   {dict{"VPNType": "VPN", "VPNSubType": "com.example.app"}, profile.ImportUnsupported, "another program (com.example.app)"},
		"proxy":         {dict{"VPNType": "TransparentProxy"}, profile.ImportUnsupported, "transparent proxy"},
		"unknown":       {dict{"VPNType": "Carrier Pigeon"}, profile.ImportUnsupported, `"Carrier Pigeon"`},
		"per app":       {dict{"PayloadType": typePerApp}, profile.ImportUnsupported, "single programs"},
		"no dictionary": {dict{"IKEv2": "none"}, profile.ImportIncomplete, "no IKEv2 settings"},
		"no tunnels":    {dict{"VPNType": "AlwaysOn", "AlwaysOn": dict{}}, profile.ImportIncomplete, "no tunnel settings"},
		"bad tunnel":    {dict{"VPNType": "AlwaysOn", "AlwaysOn": dict{"TunnelConfigurations": list{"x"}}}, profile.ImportDamaged, "tunnel"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refused(t, marshal(t, configuration(vpnPayload(ikeEAP(nil), c.extra)), plist.XMLFormat), c.problem, c.word)
		})
	}
	im := parseOne(t, configuration(vpnPayload(ikeEAP(nil), dict{"VPNType": "L2TP"})))
	wantVerdict(t, im, "VPNType", profile.Approximated)
}

func TestGatewayAddress(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"vpn.example.com": "vpn.example.com", "vpn.example.com.": "vpn.example.com", " vpn.example.com\n": "vpn.example.com",
		"192.0.2.1": "192.0.2.1", "2001:db8::1": "2001:db8::1", "[2001:db8::1]": "2001:db8::1", "büro.example": "xn--bro-hoa.example",
		"": "", "{vps_ip}": "", "$SERVER": "", "%SERVER%": "", "vpn example": "", "vpn..example": "", "1.2.3": "", "-x.example": "",
		"user@vpn.example": "", "fe80::1%eth0": "", "0.0.0.0": "", "ff02::1": "", "vpn.example:4500": "", "\u202evpn.example": "",
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			data := marshal(t, configuration(vpnPayload(ikeEAP(dict{"RemoteAddress": text}), nil)), plist.XMLFormat)
			found, err := ParseWith(data, profile.ImportOptions{Now: now})
			switch {
			case want != "" && err != nil:
				t.Errorf("refused: %v", err)
			case want == "" && err == nil:
				t.Errorf("taken as %q", found[0].Profile.Gateway.Address)
			case want != "" && found[0].Profile.Gateway.Address != want:
				t.Errorf("taken as %q", found[0].Profile.Gateway.Address)
			}
		})
	}
	without := ikeEAP(nil)
	delete(without, "RemoteAddress")
	refusedIKE(t, without, profile.ImportIncomplete, "names no gateway", "RemoteAddress")
	refusedIKE(t, ikeEAP(dict{"RemoteAddress": "{host}"}), profile.ImportIncomplete, "template")
}

// TestSeveral imports what can be imported, and tells of the rest.
func TestSeveral(t *testing.T) {
	t.Parallel()
	v := configuration(
		vpnPayload(ikeEAP(nil), dict{"PayloadIdentifier": "one"}),
		vpnPayload(ikeEAP(nil), dict{"VPNType": "IPSec", "UserDefinedName": "Old"}),
		vpnPayload(ikeEAP(dict{"RemoteAddress": "b.example.com"}), dict{"PayloadIdentifier": "two"}),
	)
	found := parse(t, v)
	if len(found) != 2 {
		t.Fatalf("%d connections, want 2", len(found))
	}
	a, b := found[0].Profile, found[1].Profile
	if a.Name != "Harbour Office" || b.Name != "Harbour Office 2" || a.ID == b.ID {
		t.Errorf("names %q and %q", a.Name, b.Name)
	}
	if a.Origin.Identifier != "com.example.vpn one" || b.Origin.Identifier != "com.example.vpn two" {
		t.Errorf("identifiers %q and %q", a.Origin.Identifier, b.Origin.Identifier)
	}
	for _, im := range found {
		if l := wantVerdict(t, im, "Payload[1]", profile.Refused); !strings.Contains(l.Note, "IKEv1") {
			t.Errorf("note %q", l.Note)
		}
	}
	wantVerdict(t, found[0], "Payload[2]", profile.Ignored)
}

func TestNames(t *testing.T) {
	t.Parallel()
	unnamed := func(extra dict) dict {
		p := vpnPayload(ikeEAP(nil), extra)
		if extra["UserDefinedName"] == nil {
			delete(p, "UserDefinedName")
		}
		return p
	}
	v := configuration(unnamed(dict{"PayloadDisplayName": "Display"}))
	if im := parseOne(t, v); im.Profile.Name != "Display" {
		t.Errorf("name %q", im.Profile.Name)
	}
	v = configuration(unnamed(dict{}))
	if im := parseOne(t, v); im.Profile.Name != "Harbour" {
		t.Errorf("name %q", im.Profile.Name)
	}
	delete(v, "PayloadDisplayName")
	if im := parseOne(t, v); im.Profile.Name != "vpn.example.com" {
		t.Errorf("name %q", im.Profile.Name)
	}
	v = configuration(unnamed(dict{"UserDefinedName": " --\tEvil\u202e\n Name " + strings.Repeat("x", 300)}))
	im := parseOne(t, v)
	if !strings.HasPrefix(im.Profile.Name, "Evil Namexxx") && !strings.HasPrefix(im.Profile.Name, "Evil Name xxx") || len(im.Profile.Name) > profile.MaxName {
		t.Errorf("name %q", im.Profile.Name)
	}
}

func TestAlwaysOn(t *testing.T) {
	t.Parallel()
	psk := dict{"ProtocolType": "IKEv2", "RemoteAddress": "vpn.example.com", "AuthenticationMethod": "SharedSecret", "SharedSecret": "a key of twenty bytes"}
	with := func(extra dict) dict {
		d := dict{}
		for k, v := range psk {
			d[k] = v
		}
		for k, v := range extra {
			d[k] = v
		}
		return d
	}
	v := configuration(vpnPayload(nil, dict{"VPNType": "AlwaysOn", "AlwaysOn": dict{"UIToggleEnabled": 0, "TunnelConfigurations": list{
		with(dict{"Interfaces": list{"WiFi"}}), with(dict{"Interfaces": list{"Cellular"}}), with(dict{"RemoteAddress": "b.example.com"}),
	}}}))
	delete(v["PayloadContent"].(list)[0].(dict), "IKEv2")
	found := parse(t, v)
	if len(found) != 2 {
		t.Fatalf("%d connections, want 2", len(found))
	}
	if l := wantVerdict(t, found[0], "VPNType", profile.Approximated); !l.Lowers {
		t.Error("always-on without lockdown lowers nothing")
	}
	wantVerdict(t, found[0], "AlwaysOn.TunnelConfigurations[0].RemoteAddress", profile.Honoured)
	if l := wantVerdict(t, found[0], "AlwaysOn.TunnelConfigurations[1]", profile.Ignored); !strings.Contains(l.Note, "another network interface") {
		t.Errorf("note %q", l.Note)
	}
	wantVerdict(t, found[1], "AlwaysOn.UIToggleEnabled", profile.Approximated)
}

func TestContainer(t *testing.T) {
	t.Parallel()
	ok := vpnPayload(ikeEAP(nil), nil)
	change := func(extra dict) dict {
		v := configuration(ok)
		for k, x := range extra {
			if v[k] = x; x == nil {
				delete(v, k)
			}
		}
		return v
	}
	for name, c := range map[string]struct {
		v       any
		problem profile.ImportProblem
		word    string
	}{
		"encrypted":       {change(dict{"PayloadContent": nil, "IsEncrypted": true, "EncryptedPayloadContent": []byte{1}}), profile.ImportEncrypted, "encrypted for one device"},
		"no content":      {change(dict{"PayloadContent": nil}), profile.ImportIncomplete, "empty"},
		"content is text": {change(dict{"PayloadContent": "x"}), profile.ImportDamaged, "not a list"},
		"payload is text": {change(dict{"PayloadContent": list{"x"}}), profile.ImportDamaged, "payload 1"},
		"other type":      {change(dict{"PayloadType": "Preferences"}), profile.ImportForeign, "not a configuration profile"},
		"expired":         {change(dict{"PayloadExpirationDate": now.Add(-time.Hour)}), profile.ImportExpired, "1 March 2026"},
		"removed":         {change(dict{"RemovalDate": now.Add(-time.Hour)}), profile.ImportExpired, "newer one"},
		"Wi-Fi only":      {configuration(dict{"PayloadType": "com.apple.wifi.managed"}), profile.ImportIncomplete, "only com.apple.wifi.managed"},
		"no payloads":     {configuration(), profile.ImportIncomplete, "no VPN connection"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refused(t, marshal(t, c.v, plist.XMLFormat), c.problem, c.word)
		})
	}
	var payloads, connections list
	for range maxPayloads + 1 {
		payloads = append(payloads, dict{"PayloadType": "x"})
	}
	for range maxConnections + 1 {
		connections = append(connections, ok)
	}
	refused(t, marshal(t, configuration(payloads...), plist.XMLFormat), profile.ImportDamaged, "more than 256 payloads")
	refused(t, marshal(t, configuration(connections...), plist.XMLFormat), profile.ImportDamaged, "more than 32 connections")

	im := parseOne(t, change(dict{"PayloadExpirationDate": now.Add(time.Hour), "ConsentText": dict{"de": "Ja?", "en": "Do you\nagree?"}, "PayloadDescription": "Line one\nline two"}))
	wantVerdict(t, im, "Profile.PayloadExpirationDate", profile.Ignored)
	if l := wantVerdict(t, im, "Profile.ConsentText", profile.Honoured); !strings.Contains(l.Note, "Do you agree?") || im.Consent != "Do you agree?" {
		t.Errorf("note %q, to agree to: %q", l.Note, im.Consent)
	}
	for languages, want := range map[string]string{"": "Do you agree?", "de-CH": "Ja?", "DE": "Ja?", "fr,de": "Ja?", "fr": "Do you agree?"} {
		data := marshal(t, change(dict{"ConsentText": dict{"de": "Ja?", "en": "Do you\nagree?"}}), plist.XMLFormat)
		found, err := ParseWith(data, profile.ImportOptions{Now: now, Languages: strings.Split(languages, ",")})
		if err != nil {
			t.Fatal(err)
		}
		if l := line(t, found[0], "Profile.ConsentText"); !strings.Contains(l.Note, want) || found[0].Consent != want {
			t.Errorf("%q: note %q, to agree to: %q", languages, l.Note, found[0].Consent)
		}
	}
	o := im.Profile.Origin
	if o.Format != Format || o.Identifier != "com.example.vpn" || o.Organization != "Harbour Ltd" || o.Description != "Line one line two" || len(o.SHA256) != 64 || o.SignedBy != "" {
		t.Errorf("origin %+v", o)
	}
}
