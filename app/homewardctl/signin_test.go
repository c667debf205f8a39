package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"math/big"
	"strings"
	"testing"
	"time"
)

// authority makes a certificate that can stand in a profile, DER.
func authority(t *testing.T, name string) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<32, 0),
		IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// eapFile is a profile file of Homeward's own with this client and gateway.
func eapFile(t *testing.T, gateway, client map[string]any) string {
	t.Helper()
	text, err := json.Marshal(map[string]any{
		"version": 1, "name": "office", "gateway": gateway, "client": client, "traffic": map[string]any{"full": true},
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestShowSignIn: what a profile says about the sign-in, and about whom it trusts, is
// shown in words, and so is what of it lowers security.
func TestShowSignIn(t *testing.T) {
	t.Parallel()
	const pin = "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	r := newRig(t)
	file := r.file("office.json", eapFile(t,
		map[string]any{"address": "vpn.example.com", "auth": "certificate", "revocation": "off", "pins": []string{pin}},
		map[string]any{"auth": "eap", "username": "ada@example.com", "identity": "ada.laptop", "eap": map[string]any{
			"methods": []string{"ttls", "tls"}, "inner": []string{"pap"}, "outer_identity": "visitor@example.com", "min_tls": "1.3",
			"server_names": []string{"radius.example.com"}, "anchors": [][]byte{authority(t, "RADIUS CA")},
		}, "token": "pkcs11:token=Harbour", "certificate_issuers": []string{"Harbour CA"},
			"further": []any{map[string]any{"auth": "eap", "eap": map[string]any{"methods": []string{"gtc"}}}}},
	))
	r.fails([]string{"lower security"}, "import", file)
	if !strings.Contains(r.out.String(), "office: user name and password or certificate, then one-time code at vpn.example.com") {
		t.Errorf("said\n%s", r.out.String())
	}
	r.ok("import", file, "--yes")
	shown := r.ok("show", "office")
	for _, want := range []string{
		"You sign in with          user name and password or certificate, then one-time code", "ada.laptop", "TTLS (PAP), TLS", "visitor@example.com",
		"radius.example.com, certified by RADIUS CA (until", pin, "not asked for", "chosen when you connect, issued by Harbour CA, on the card pkcs11:token=Harbour",
		"By EAP, sign-in 2", "GTC", "Lowers security:", "! gateway.revocation", "! client.further[0].eap.methods",
	} {
		if !strings.Contains(shown, want) {
			t.Errorf("%q is not shown:\n%s", want, shown)
		}
	}
	if strings.Count(shown, "  ! ") != 2 {
		t.Errorf("more than two settings lower security:\n%s", shown)
	}
	if list := r.ok("profiles"); !strings.Contains(list, "user name and password or certificate, then one-time code") {
		t.Errorf("listed as\n%s", list)
	}
}

// TestShowSafeProfile: a usual profile has no list of what lowers security.
func TestShowSafeProfile(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.ok("import", r.file("office.json", nativeFile("")))
	shown := r.ok("show", "office")
	if strings.Contains(shown, "Lowers") || !strings.Contains(shown, "where nobody answers, the line stands") {
		t.Errorf("shown as\n%s", shown)
	}
}

// TestOtherWayForgetsThePassword: a file that leads the same gateway's sign-in to a
// server behind it, or to a method that gives the password away, does not get the
// password that was kept for the way before.
func TestOtherWayForgetsThePassword(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		auth    string
		eap     map[string]any
		forgets bool
	}{
		"a server behind the gateway": {"eap", map[string]any{"methods": []string{"ttls"}, "server_names": []string{"radius.example.com"}}, true},
		"as it is typed":              {"eap", map[string]any{"methods": []string{"gtc"}}, true},
		"the same, in other words":    {"eap", map[string]any{"methods": []string{"mschapv2"}}, false},
		"no change":                   {"eap-mschapv2", nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.ok("import", r.file("office.mobileconfig", mobileconfig("office", eapUser+`<key>AuthPassword</key><string>hunter2</string>`, "")))
			var file map[string]any
			if err := json.Unmarshal([]byte(r.ok("show", "office", "--json")), &file); err != nil {
				t.Fatal(err)
			}
			client := file["client"].(map[string]any)
			if client["auth"] = c.auth; c.eap != nil {
				client["eap"] = c.eap
			}
			text, err := json.Marshal(file)
			if err != nil {
				t.Fatal(err)
			}
			r.ok("import", r.file("newer.json", string(text)), "--yes")
			if got := strings.Contains(r.err.String(), "The password that was kept is forgotten"); got != c.forgets {
				t.Errorf("said %q", r.err.String())
			}
		})
	}
}
