package mobileconfig

import (
	"strings"
	"testing"

	"howett.net/plist"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/homeward-vpn/homeward/client/profile"
)

const identityUUID = "0D6A4A14-41E2-4E63-9F0B-1F1B5D4F9EAA"

// TestMatrix walks the ways to sign in: method, EAP and client certificate.
func TestMatrix(t *testing.T) {
	t.Parallel()
	client := issue(t, issueOptions{name: "alice"})
	identity := certPayload(typePKCS12, p12(t, pkcs12.Modern, client, "secret"), dict{"PayloadUUID": identityUUID, "Password": "secret"})
	scep := certPayload(typeSCEP, dict{"URL": "https://scep.example.com"}, dict{"PayloadUUID": identityUUID})
	type outcome struct {
		client  profile.ClientAuth
		gateway profile.GatewayAuth
		problem profile.ImportProblem
		word    string
	}
	mschap := outcome{client: profile.ClientMSCHAPv2, gateway: profile.GatewayCertificate}
	certificate := outcome{client: profile.ClientCertificate, gateway: profile.GatewayCertificate}
	psk := outcome{client: profile.ClientPSK, gateway: profile.GatewayPSK}
	tls := outcome{client: profile.ClientEAP, gateway: profile.GatewayCertificate}
	dangling := outcome{problem: profile.ImportIncomplete, word: "the file does not hold"}
	for name, c := range map[string]struct {
		method any
		eap    any
		more   dict
		with   any
		want   outcome
	}{
		"certificate":                   {"Certificate", 0, dict{"PayloadCertificateUUID": identityUUID}, identity, certificate},
		"certificate, old name":         {"Certificate", nil, dict{"CertificateUUID": strings.ToLower(identityUUID)}, identity, certificate},
		"certificate, none named":       {"Certificate", 0, nil, identity, certificate},
		"certificate, dangling":         {"Certificate", 0, dict{"PayloadCertificateUUID": "nowhere"}, identity, outcome{problem: profile.ImportIncomplete, word: "the file does not hold"}},
		"certificate by SCEP":           {"Certificate", 0, dict{"PayloadCertificateUUID": identityUUID}, scep, certificate},
		"certificate and EAP-TLS":       {"Certificate", 1, dict{"PayloadCertificateUUID": identityUUID}, identity, tls},
		"certificate and EAP":           {"Certificate", true, nil, nil, mschap},
		"none and EAP":                  {"None", "1", nil, nil, mschap},
		"none and EAP-TLS":              {"None", 1, dict{"PayloadCertificateUUID": identityUUID}, identity, tls},
		"EAP-TLS, dangling":             {"None", 1, dict{"PayloadCertificateUUID": "nowhere", "AuthName": ""}, nil, dangling},
		"EAP-TLS by SCEP":               {"None", 1, dict{"PayloadCertificateUUID": identityUUID}, scep, tls},
		"EAP, dangling, with a name":    {"None", 1, dict{"PayloadCertificateUUID": "nowhere"}, nil, mschap},
		"none":                          {"None", nil, nil, nil, psk},
		"none, EAP off":                 {"None", false, nil, nil, psk},
		"shared secret":                 {"SharedSecret", 0, dict{"SharedSecret": "a very long shared key"}, nil, psk},
		"shared secret and EAP":         {"SharedSecret", 1, dict{"SharedSecret": "a very long shared key"}, nil, outcome{problem: profile.ImportUnsupported, word: "everybody shares"}},
		"password":                      {"Password", 0, nil, nil, mschap},
		"user name":                     {"Username", 0, nil, nil, outcome{problem: profile.ImportUnsupported, word: `"Username"`}},
		"nothing":                       {nil, nil, nil, nil, outcome{problem: profile.ImportIncomplete, word: "AuthenticationMethod is missing"}},
		"nothing, with a shared secret": {nil, nil, dict{"SharedSecret": "a very long shared key"}, nil, psk},
		"nothing, with a certificate":   {nil, nil, dict{"PayloadCertificateUUID": identityUUID}, identity, certificate},
		"nothing but EAP":               {nil, 1, nil, nil, mschap},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ike := ikeEAP(c.more)
			for key, v := range map[string]any{"AuthenticationMethod": c.method, "ExtendedAuthEnabled": c.eap} {
				if ike[key] = v; v == nil {
					delete(ike, key)
				}
			}
			payloads := list{vpnPayload(ike, nil)}
			if c.with != nil {
				payloads = list{c.with, payloads[0]}
			}
			data := marshal(t, configuration(payloads...), plist.XMLFormat)
			if c.want.problem != "" {
				refused(t, data, c.want.problem, c.want.word, "Harbour Office")
				return
			}
			found, err := ParseWith(data, profile.ImportOptions{Now: now})
			if err != nil {
				t.Fatal(err)
			}
			p := found[0].Profile
			if p.Client.Auth != c.want.client || p.Gateway.Auth != c.want.gateway {
				t.Errorf("client %s, gateway %s; want %s, %s", p.Client.Auth, p.Gateway.Auth, c.want.client, c.want.gateway)
			}
		})
	}
}

func TestAlwaysOnWithEAP(t *testing.T) {
	t.Parallel()
	p := vpnPayload(nil, dict{"VPNType": "AlwaysOn", "AlwaysOn": dict{
		"TunnelConfigurations": list{ikeEAP(dict{"ProtocolType": "IKEv2"})},
	}})
	delete(p, "IKEv2")
	refused(t, marshal(t, configuration(p), plist.XMLFormat), profile.ImportUnsupported, "EAP inside an always-on")
}

// TestSecrets go to Secrets and nowhere else.
func TestSecrets(t *testing.T) {
	t.Parallel()
	im := parseIKE(t, ikeEAP(dict{"AuthPassword": " keeps its spaces "}))
	if string(im.Secrets.Password) != " keeps its spaces " || im.Secrets.PSK != nil || im.Profile.Client.Username != "alice" {
		t.Errorf("password %q, user %q", im.Secrets.Password, im.Profile.Client.Username)
	}
	if l := wantVerdict(t, im, "IKEv2.AuthPassword", profile.Honoured); l.Value != hidden {
		t.Errorf("the report shows %q", l.Value)
	}

	im = parseIKE(t, ikeEAP(dict{"AuthName": "", "AuthPassword": ""}))
	if im.Secrets.Password != nil || im.Profile.Client.Username != "" {
		t.Errorf("empty credentials were kept")
	}
	wantVerdict(t, im, "IKEv2.AuthName", profile.Approximated)

	im = parseIKE(t, ikeEAP(dict{"AuthenticationMethod": "Password", "Password": "old place"}))
	if string(im.Secrets.Password) != "old place" {
		t.Errorf("password %q", im.Secrets.Password)
	}

	for _, secret := range []any{"a key of twenty bytes", []byte("a key of twenty bytes")} {
		im = parseIKE(t, ikeEAP(dict{"AuthenticationMethod": "SharedSecret", "ExtendedAuthEnabled": 0, "SharedSecret": secret}))
		if string(im.Secrets.PSK) != "a key of twenty bytes" || im.Secrets.Password != nil {
			t.Errorf("shared key %q", im.Secrets.PSK)
		}
		if l := wantVerdict(t, im, "IKEv2.SharedSecret", profile.Honoured); l.Value != hidden || l.Lowers {
			t.Errorf("the report says %+v", l)
		}
	}
	im = parseIKE(t, ikeEAP(dict{"AuthenticationMethod": "SharedSecret", "ExtendedAuthEnabled": 0, "SharedSecret": "short"}))
	if l := line(t, im, "IKEv2.SharedSecret"); !l.Lowers {
		t.Error("a key of five letters lowers nothing")
	}

	long := strings.Repeat("x", maxSecret+1)
	refusedIKE(t, ikeEAP(dict{"AuthPassword": long}), profile.ImportDamaged, "longer than")
	refusedIKE(t, ikeEAP(dict{"AuthenticationMethod": "None", "ExtendedAuthEnabled": 0, "SharedSecret": long}), profile.ImportDamaged, "longer than")
}

func TestIdentities(t *testing.T) {
	t.Parallel()
	im := parseIKE(t, ikeEAP(dict{
		"LocalIdentifier": "alice@example.com", "RemoteIdentifier": "gw.example.com",
		"ServerCertificateCommonName": "cert.example.com", "ServerCertificateIssuerCommonName": "Harbour CA",
	}))
	p := im.Profile
	if p.Client.Identity != "alice@example.com" || p.Gateway.Identity != "gw.example.com" ||
		p.Gateway.CertificateName != "cert.example.com" || p.Gateway.IssuerName != "Harbour CA" {
		t.Errorf("%+v %+v", p.Client, p.Gateway)
	}
	im = parseIKE(t, ikeEAP(dict{"LocalIdentifier": "CN=alice, O=Harbour"}))
	wantVerdict(t, im, "IKEv2.LocalIdentifier", profile.Approximated)

	without := ikeEAP(nil)
	delete(without, "RemoteIdentifier")
	im = parseIKE(t, without)
	if im.Profile.Gateway.Identity != "" {
		t.Errorf("gateway identity %q", im.Profile.Gateway.Identity)
	}
	wantVerdict(t, im, "IKEv2.RemoteIdentifier", profile.Approximated)
}
