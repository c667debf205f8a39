package viewmodel

import (
	"encoding/pem"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/profile"
)

// rich is a profile that says much of which the form knows nothing.
func rich(t testing.TB) profile.Profile {
	t.Helper()
	ca := aCertificate(t, "Harbour CA", noon).Raw
	return profile.Profile{
		Version: profile.Version, ID: harbour.ID, Name: "Harbour Office", Origin: profile.Origin{Format: "mobileconfig", Organization: "Harbour Ltd"},
		Gateway: profile.Gateway{Address: "gate.harbour.example", Auth: profile.GatewayCertificate, Identity: "gate", Anchors: [][]byte{ca}, Revocation: profile.RevocationStrict},
		Client: profile.Client{Auth: profile.ClientEAP, Username: "anna", EAP: profile.EAP{Methods: []profile.EAPMethod{profile.EAPTTLS, profile.EAPMSCHAPv2}, ServerNames: []string{"radius.harbour.example"}},
			Further: []profile.SignIn{{Auth: profile.ClientEAP, EAP: profile.EAP{Methods: []profile.EAPMethod{profile.EAPGTC}}}}},
		IKE:     profile.SA{Lifetime: profile.Duration(8 * 3600e9)},
		Traffic: profile.Traffic{Include: prefixes("10.0.0.0/8"), AcceptPushed: true, AllowPushed: prefixes("10.0.0.0/8"), MTU: 1400},
		DNS:     profile.DNS{Domains: []string{"harbour.example"}, Servers: []netip.Addr{netip.MustParseAddr("10.0.0.53")}, Search: []string{"harbour.example"}},
		Session: profile.Session{NoMOBIKE: true}, OnDemand: profile.OnDemand{When: profile.WhenRules, Rules: []profile.Rule{{Action: profile.RuleConnect}}},
	}
}

func TestEditingNothingChangesNothing(t *testing.T) {
	t.Parallel()
	p := rich(t)
	if err := p.Validate(); err != nil {
		t.Fatal(err)
	}
	got, ok := Edit(&p, nil, "", nil).Profile()
	if !ok || !reflect.DeepEqual(*got, p) {
		t.Errorf("%v: %+v", ok, got)
	}
}

// TestEditingOneThingChangesOneThing: all else stays, what the form knows nothing of too.
func TestEditingOneThingChangesOneThing(t *testing.T) {
	t.Parallel()
	base := rich(t)
	ca := aCertificate(t, "New CA", noon)
	for id, c := range map[FieldID]struct {
		value string
		want  func(p *profile.Profile)
	}{
		FieldName:        {" Office ", func(p *profile.Profile) { p.Name = "Office" }},
		FieldAddress:     {"10.0.0.1", func(p *profile.Profile) { p.Gateway.Address = "10.0.0.1" }},
		FieldUsername:    {"bert", func(p *profile.Profile) { p.Client.Username = "bert" }},
		FieldAnchors:     {string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Raw})), func(p *profile.Profile) { p.Gateway.Anchors = [][]byte{ca.Raw} }},
		FieldGatewayName: {"vpn.harbour.example", func(p *profile.Profile) { p.Gateway.CertificateName = "vpn.harbour.example" }},
		FieldThrough:     {throughAll, func(p *profile.Profile) { p.Traffic.Full = true }},
		FieldInclude:     {"10.1.2.3/16\nfd00::/8", func(p *profile.Profile) { p.Traffic.Include = prefixes("10.1.0.0/16", "fd00::/8") }},
		FieldExclude:     {"10.9.0.0/16", func(p *profile.Profile) { p.Traffic.Exclude = prefixes("10.9.0.0/16") }},
		FieldDomains:     {"*.Branch.example., harbour.example", func(p *profile.Profile) { p.DNS.Domains = []string{"branch.example", "harbour.example"} }},
		FieldDNSServers:  {"", func(p *profile.Profile) { p.DNS.Servers = nil }},
		FieldWhen:        {string(profile.WhenLogin), func(p *profile.Profile) { p.OnDemand.When = profile.WhenLogin }},
		FieldKillSwitch:  {string(profile.KillSwitchOn), func(p *profile.Profile) { p.Traffic.KillSwitch = profile.KillSwitchOn }},
		FieldLocal:       {string(profile.LocalAllow), func(p *profile.Profile) { p.Traffic.LocalNetwork = profile.LocalAllow }},
		FieldRemoteID:    {"gate2", func(p *profile.Profile) { p.Gateway.Identity = "gate2" }},
		FieldLocalID:     {"anna@harbour.example", func(p *profile.Profile) { p.Client.Identity = "anna@harbour.example" }},
	} {
		want := rich(t)
		want.Gateway.Anchors = base.Gateway.Anchors
		c.want(&want)
		d := Edit(&base, nil, "", nil).With(id, c.value)
		got, ok := d.Profile()
		if !ok || !reflect.DeepEqual(*got, want) {
			t.Errorf("%s: %v\n got %+v\nwant %+v", id, ok, got, want)
		}
		locked := Edit(&base, ruleOf(id).paths, "", nil).With(id, c.value)
		if got, ok := locked.Profile(); !ok || !reflect.DeepEqual(*got, base) {
			t.Errorf("%s is locked, and was changed: %+v", id, got)
		}
	}
	if got, _ := Edit(&base, []string{"client"}, "", nil).With(FieldUsername, "x").With(FieldSignIn, signInPSK).Profile(); !reflect.DeepEqual(*got, base) {
		t.Errorf("what is below a locked part was changed: %+v", got)
	}
	if got, _ := Edit(&base, []string{"gateway.revocation"}, "", nil).With(FieldSignIn, signInPSK).Profile(); !reflect.DeepEqual(*got, base) {
		t.Errorf("what is locked was changed on the way: %+v", got)
	}
}

// TestEveryWayToSignIn can be chosen, makes a profile that is valid, and is recognised.
func TestEveryWayToSignIn(t *testing.T) {
	t.Parallel()
	base := rich(t)
	base.Gateway.Revocation = ""
	for _, from := range []Draft{NewDraft(harbour.ID, nil).With(FieldName, "x").With(FieldAddress, "a.example"), Edit(&base, nil, "", nil)} {
		for _, way := range signInOptions(from) {
			p, ok := from.With(FieldSignIn, way).Profile()
			if !ok {
				t.Errorf("%s: %+v", way, Editor(from.With(FieldSignIn, way), speak(t, "en")))
				continue
			}
			if got := signInWord(p); got != way {
				t.Errorf("%s is recognised as %s", way, got)
			}
			if again, ok := Edit(p, nil, "", nil).Profile(); !ok || !reflect.DeepEqual(again, p) {
				t.Errorf("%s: %+v", way, again)
			}
		}
	}
	if _, ok := NewDraft(harbour.ID, nil).With(FieldName, "x").With(FieldAddress, "a.example").With(FieldSignIn, "nonsense").Profile(); ok {
		t.Error("nonsense is a way to sign in")
	}
}

func TestFormProblems(t *testing.T) {
	t.Parallel()
	good := NewDraft(harbour.ID, []control.ProfileInfo{branch}).With(FieldName, "Office").With(FieldAddress, "vpn.example.com")
	for _, c := range []struct {
		id      FieldID
		value   string
		problem string
	}{
		{FieldName, "", "Give the profile a name."},
		{FieldName, "-rf", "Choose a shorter name of letters, digits and usual signs."},
		{FieldName, strings.Repeat("x", 200), "Choose a shorter name of letters, digits and usual signs."},
		{FieldName, "branch, HAMBURG", "Another profile has this name. Choose another."},
		{FieldAddress, "", "Enter the name or address of the gateway."},
		{FieldAddress, "https://vpn.example.com/", "This is not a name or address. Enter it without https:// and slashes."},
		{FieldAddress, "0.0.0.0", "This does not fit: gateway.address is not a host name or an address."},
		{FieldExclude, "10.0.0.0/99", "10.0.0.0/99 is not a network. Write it like 10.0.0.0/8."},
		{FieldDomains, "com", "com is not a company's domain."},
		{FieldDNSServers, "dns.example", "dns.example is not an address."},
		{FieldAnchors, "not a certificate", "This file holds no certificate of an authority. Choose one that ends in .pem, .crt or .cer."},
		{FieldAnchors, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "This file holds no certificate of an authority. Choose one that ends in .pem, .crt or .cer."},
	} {
		d := good.With(c.id, c.value)
		if _, ok := d.Profile(); ok {
			t.Errorf("%s %q is accepted", c.id, c.value)
		}
		v := Editor(d, speak(t, "en"))
		if got := problemOf(v, c.id); got != c.problem || !v.Save.Disabled {
			t.Errorf("%s %q: %q", c.id, c.value, got)
		}
	}
	if _, ok := good.With(FieldThrough, throughOnly).Profile(); ok {
		t.Error("only these networks, and none is named")
	}
	if v := Editor(good, speak(t, "en")); v.Save.Disabled {
		t.Errorf("%+v", v)
	}
	if d := good.With("nonsense", "x"); len(d.touched) != 2 {
		t.Errorf("%+v", d.touched)
	}
	if d := good.With(FieldName, strings.Repeat("x", profile.MaxFile+1)); d.values[FieldName] != "Office" {
		t.Error("more than any file holds was taken")
	}
}

func problemOf(v EditorView, id FieldID) string {
	for _, g := range v.Groups {
		for _, f := range g.Fields {
			if f.ID == id {
				return f.Problem
			}
		}
	}
	return ""
}

// TestFormShowsWhatBelongs: what a choice has no use for is not asked for.
func TestFormShowsWhatBelongs(t *testing.T) {
	t.Parallel()
	shown := func(d Draft) map[FieldID]bool {
		m := map[FieldID]bool{}
		for _, g := range Editor(d, speak(t, "en")).Groups {
			for _, f := range g.Fields {
				m[f.ID] = true
			}
		}
		return m
	}
	d := NewDraft(harbour.ID, nil)
	if m := shown(d); !m[FieldUsername] || !m[FieldAnchors] || m[FieldInclude] {
		t.Errorf("%v", m)
	}
	if m := shown(d.With(FieldSignIn, signInPSK).With(FieldThrough, throughOnly)); m[FieldUsername] || m[FieldAnchors] || !m[FieldInclude] {
		t.Errorf("%v", m)
	}
}
