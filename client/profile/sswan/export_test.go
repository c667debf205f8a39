package sswan

import (
	"encoding/base64"
	"errors"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/profiletest"
)

// again exports a profile and imports what was written.
func again(t testing.TB, p profile.Profile, o profile.ExportOptions) (profile.Imported, []profile.Line) {
	t.Helper()
	text, report, err := Export(p, o)
	if err != nil {
		t.Fatal(err)
	}
	found, err := ParseWith(text, profile.ImportOptions{Now: profiletest.Now, AskPassword: func(string, int) ([]byte, error) { return append([]byte(nil), o.Password...), nil }})
	if err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	if !Sniff(text) {
		t.Errorf("not known by sight: %s", text)
	}
	return found[0], report
}

// TestRoundTrip: import, export, import again: the same model, and nothing is lost.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	ca := profiletest.Authority(t, "Harbour Root")
	alice := ca.Issue(t, "alice")
	p12 := base64.StdEncoding.EncodeToString(alice.PKCS12(t, "", ca))
	cert := base64.StdEncoding.EncodeToString(ca.Raw)
	for name, text := range map[string][]byte{
		"smallest": file(t, nil, nil, nil),
		"password": file(t, dict{"mtu": 1400, "nat-keepalive": 45, "dns-servers": []any{"10.0.0.1"}},
			dict{"id": "gw.example", "port": 8443, "cert": cert, "revocation": dict{"strict": true}}, dict{"eap_id": "alice", "id": "keyid:a", "shared_secret": "pw"}),
		"split": file(t, dict{"split-tunneling": dict{"subnets": []any{"10.0.0.0/8", "fd00::/8"}, "excluded": "10.1.0.0/16"}},
			dict{"revocation": dict{"crl": false, "ocsp": false}}, dict{"eap_id": "alice"}),
		"certificate": file(t, dict{"type": typeCert, "ike-proposal": "aes256gcm16-prfsha384-ecp384-ke1_mlkem768", "esp-proposal": "aes256gcm16-ecp384"}, nil, dict{"p12": p12}),
		"two":         file(t, dict{"type": typeCertEAP, "esp-proposal": "3des-sha1-modp1024,aes128-sha256"}, nil, dict{"p12": p12, "eap_id": "alice"}),
		"tls":         file(t, dict{"type": typeTLS}, dict{"cert": cert}, dict{"p12": p12, "id": "alice"}),
	} {
		first := parse(t, text)
		second, report := again(t, first.Profile, profile.ExportOptions{Secrets: first.Secrets, Password: []byte("under lock")})
		if d := profile.Differences(&first.Profile, &second.Profile); d != nil {
			t.Errorf("%s: %+v", name, d)
		}
		if second.Profile.Origin.Identifier != first.Profile.Origin.Identifier {
			t.Errorf("%s: it would not replace what it came from: %+v", name, second.Profile.Origin)
		}
		if !reflect.DeepEqual(first.Secrets.Password, second.Secrets.Password) || (first.Secrets.PrivateKey == nil) != (second.Secrets.PrivateKey == nil) {
			t.Errorf("%s: other secrets", name)
		}
		for _, l := range report {
			if l.Verdict != profile.Honoured || strings.Contains(l.Value+l.Note, "pw") {
				t.Errorf("%s: %+v", name, l)
			}
		}
	}
}

// TestSecretsStay: without being told so, the exporter writes no secret.
func TestSecretsStay(t *testing.T) {
	t.Parallel()
	alice := profiletest.Authority(t, "Harbour Root").Issue(t, "alice")
	first := parse(t, file(t, dict{"type": typeCert}, nil, dict{"p12": base64.StdEncoding.EncodeToString(alice.PKCS12(t, ""))}))
	for _, o := range []profile.ExportOptions{{}, {Secrets: first.Secrets}, {Password: []byte("x")}} {
		second, report := again(t, first.Profile, o)
		if second.Secrets.PrivateKey != nil || second.Profile.Client.Certificates != nil {
			t.Error("a key was written")
		}
		profiletest.Told(t, report, "client.certificates", profile.Refused, "only under a password")
	}
}

// TestLosses: what the app does not know is told, and what takes a protection away
// is marked.
func TestLosses(t *testing.T) {
	t.Parallel()
	p := profile.Profile{
		Version: profile.Version, ID: "00112233445566778899aabbccddeeff", Name: "Office",
		Gateway: profile.Gateway{Address: "vpn.example.com", Auth: profile.GatewayCertificate, CertificateName: "gw.example.com", Quirks: []profile.Quirk{profile.QuirkNoIDr},
			Pins: []string{"sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}},
		Client:   profile.Client{Auth: profile.ClientEAP, EAP: profile.EAP{Methods: []profile.EAPMethod{profile.EAPMSCHAPv2, profile.EAPGTC}}},
		IKE:      profile.SA{Lifetime: profile.Duration(time.Hour), Proposals: []profile.Proposal{{Encryption: "aes256", Integrity: "sha256", PRF: "sha256", Group: "x25519"}}},
		Traffic:  profile.Traffic{Include: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, AcceptPushed: true, KillSwitch: profile.KillSwitchOn, MTU: 1000},
		DNS:      profile.DNS{Domains: []string{"corp.example"}},
		OnDemand: profile.OnDemand{When: profile.WhenLogin},
	}
	second, report := again(t, p, profile.ExportOptions{Secrets: profile.Secrets{Password: []byte("pw")}})
	if second.Profile.Origin.Identifier != "00112233-4455-6677-8899-aabbccddeeff" || second.Profile.Client.Auth != profile.ClientMSCHAPv2 {
		t.Errorf("%+v", second.Profile)
	}
	for path, note := range map[string]string{
		"gateway.certificate_name": "identity, else its address", "gateway.quirks": "no such", "gateway.pins": "compares no keys", "ike.lifetime": "of its own",
		"traffic.accept_pushed": "nothing else", "traffic.kill_switch": "Android has its own", "traffic.mtu": "1280", "dns.domains": "every name", "on_demand.when": "always-on",
		"client.eap.methods": "choose the method",
	} {
		l := profiletest.Told(t, report, path, profile.Refused, note)
		if want := strings.HasPrefix(path, "gateway.p") || strings.HasPrefix(path, "gateway.c") || path == "traffic.kill_switch"; l.Lowers != want {
			t.Errorf("%+v", l)
		}
	}
	profiletest.Told(t, report, "client.auth", profile.Approximated, "eap-mschapv2")
	profiletest.Told(t, report, "ike.strict", profile.Approximated, "no others")
	profiletest.Told(t, report, "traffic.include", profile.Honoured, "")
	if l := profiletest.Told(t, report, "local.shared_secret", profile.Honoured, "whoever has the file"); !l.Lowers {
		t.Errorf("%+v", l)
	}
}

// TestCannot: what the app cannot sign in to is not written.
func TestCannot(t *testing.T) {
	t.Parallel()
	for words, change := range map[string]func(*profile.Profile){
		"shared keys": func(p *profile.Profile) { p.Gateway.Auth, p.Client.Auth = profile.GatewayPSK, profile.ClientPSK },
		"inside TLS": func(p *profile.Profile) {
			p.Client.Auth, p.Client.EAP.Methods = profile.ClientEAP, []profile.EAPMethod{profile.EAPPEAP}
		},
		"two sign-ins": func(p *profile.Profile) {
			p.Client.Further = []profile.SignIn{{Auth: profile.ClientMSCHAPv2}}
		},
		"at most": func(p *profile.Profile) {
			p.Client.Further = make([]profile.SignIn, 2)
			p.Client.Further[0].Auth, p.Client.Further[1].Auth = profile.ClientMSCHAPv2, profile.ClientMSCHAPv2
		},
		"not valid": func(p *profile.Profile) { p.Traffic.MTU = 1 },
	} {
		p := parse(t, file(t, nil, nil, nil)).Profile
		change(&p)
		var e *profile.ExportError
		if _, _, err := Export(p, profile.ExportOptions{}); !errors.As(err, &e) || !strings.Contains(e.Sentence, words) {
			t.Errorf("%s: %v", words, err)
		}
	}
}

// FuzzParse feeds whole files. Whatever comes in, the answer is an ImportError that
// can be shown, or a valid profile with a line for each key; and what is written of
// it is read again as the same.
func FuzzParse(f *testing.F) {
	ca := profiletest.Authority(f, "Harbour Root")
	cert := base64.StdEncoding.EncodeToString(ca.Raw)
	p12 := base64.StdEncoding.EncodeToString(ca.Issue(f, "alice").PKCS12(f, ""))
	for _, text := range [][]byte{
		file(f, nil, nil, nil),
		file(f, dict{"mtu": "1400", "dns-servers": "10.0.0.1 x", "ike-proposal": "aes256-sha256-modp2048", "esp-proposal": "null-sha1"}, dict{"cert": cert, "port": 1.5e3}, dict{"eap_id": true}),
		file(f, dict{"type": typeCert}, nil, dict{"p12": p12, "rsa-pss": "true"}),
		file(f, dict{"type": typeCertEAP, "split-tunneling": dict{"subnets": "10.0.0.0-10.0.0.9 ::/0", "excluded": []any{"fd00::/8", 3}}}, dict{"revocation": dict{"strict": "TRUE"}}, nil),
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		found, err := ParseWith(data, profile.ImportOptions{Now: profiletest.Now})
		if err != nil {
			var e *profile.ImportError
			if !errors.As(err, &e) || e.Sentence == "" || profile.CleanText(e.Sentence, 1<<20) != e.Sentence {
				t.Fatalf("error %q of type %T", err, err)
			}
			return
		}
		profiletest.Check(t, found)
		if !Sniff(data) {
			t.Fatal("read, but not known by sight")
		}
		second, _ := again(t, found[0].Profile, profile.ExportOptions{Secrets: found[0].Secrets, Password: []byte("x")})
		if d := profile.Differences(&found[0].Profile, &second.Profile); d != nil {
			t.Fatalf("%+v", d)
		}
	})
}
