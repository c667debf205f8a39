package onc

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/profiletest"
)

// dict writes JSON short.
type dict = map[string]any

func fixture(t testing.TB) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "office.onc"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// configuration is a file with one VPN network of these IPsec settings.
func configuration(t testing.TB, ipsec dict, certificates ...any) []byte {
	t.Helper()
	ipsec["IKEVersion"] = 2
	data, err := json.Marshal(dict{
		"Type":                  "UnencryptedConfiguration",
		"NetworkConfigurations": []any{dict{"GUID": "{1}", "Name": "Harbour", "Type": "VPN", "VPN": dict{"Host": "vpn.harbour.example", "Type": "IPsec", "IPsec": ipsec}}},
		"Certificates":          certificates,
	})
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func parseOne(t testing.TB, data []byte, o profile.ImportOptions) profile.Imported {
	t.Helper()
	found, err := ParseWith(data, o)
	if err != nil || len(found) != 1 {
		t.Fatalf("%d connections, %v", len(found), err)
	}
	profiletest.Check(t, found)
	return found[0]
}

// certificate makes one, with its key.
func certificate(t testing.TB, name string) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c, key
}

// TestFile reads a file of several networks.
func TestFile(t *testing.T) {
	t.Parallel()
	found, err := Parse(fixture(t))
	if err != nil || len(found) != 2 {
		t.Fatalf("%d connections, %v", len(found), err)
	}
	profiletest.Check(t, found, "never-shown", "harbour and quay")
	p := found[0].Profile
	want := profile.Client{Auth: profile.ClientEAP, Username: "alice@harbour.example", EAP: profile.EAP{
		Methods: []profile.EAPMethod{profile.EAPTTLS}, Inner: []profile.InnerMethod{profile.InnerPAP}, OuterIdentity: "anon@harbour.example",
		ServerNames: []string{"radius.harbour.example", "*.radius.harbour.example", "nps.quay.example"}, MaxTLS: profile.TLS12,
	}}
	if !reflect.DeepEqual(p.Client, want) || string(found[0].Secrets.Password) != "never-shown-2" {
		t.Errorf("%+v", p.Client)
	}
	if p.Name != "Harbour Office" || p.Gateway.Address != "vpn.harbour.example" || p.Gateway.Identity != "gw.harbour.example" ||
		p.OnDemand.When != profile.WhenLogin || p.Origin.Identifier != "{harbour-1}" || p.Origin.Format != Format {
		t.Errorf("%+v", p)
	}
	const ipsec = "NetworkConfigurations[0].VPN.IPsec."
	for path, verdict := range map[string]profile.Verdict{
		ipsec + "LocalIdentity": profile.Approximated, ipsec + "PSK": profile.Ignored, ipsec + "EAP.SubjectMatch": profile.Refused, ipsec + "EAP.Password": profile.Honoured,
		ipsec + "EAP.SubjectAlternativeNameMatch[1].Value": profile.Refused, ipsec + "Novelty.Flat": profile.Ignored, ipsec + "Novelty.Deep[2].Token": profile.Ignored,
		ipsec + "Novelty.None": profile.Ignored, "NetworkConfigurations[1]": profile.Ignored, "NetworkConfigurations[2]": profile.Refused, "NetworkConfigurations[3]": profile.Ignored,
	} {
		if l := profiletest.Line(t, found[0], path); l.Verdict != verdict {
			t.Errorf("%+v, want %s", l, verdict)
		}
	}
	q := found[1]
	if q.Profile.Client.Auth != profile.ClientPSK || q.Profile.Client.Identity != "desk7" || string(q.Secrets.PSK) != "harbour and quay, 2026" || q.Profile.Origin.Identifier != "quay@192.0.2.9" {
		t.Errorf("%+v", q.Profile)
	}
}

// TestCertificates reads authorities and client certificates.
func TestCertificates(t *testing.T) {
	t.Parallel()
	ca, key := certificate(t, "Harbour CA")
	text := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Raw}))
	p12, err := pkcs12.Modern.Encode(key, ca, nil, "harbour")
	if err != nil {
		t.Fatal(err)
	}
	open, err := pkcs12.Passwordless.Encode(key, ca, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.StdEncoding.EncodeToString
	authority := dict{"GUID": "{ca}", "Type": "Authority", "X509": text, "TrustBits": []any{"Web"}}
	der := dict{"GUID": "{ca}", "Type": "Authority", "X509": encode(ca.Raw)}
	client := dict{"GUID": "{me}", "Type": "Client", "PKCS12": encode(open)}
	sealed := dict{"GUID": "{me}", "Type": "Client", "PKCS12": encode(p12)}
	ask := profile.ImportOptions{AskPassword: func(string, int) ([]byte, error) { return []byte("harbour"), nil }}
	ref := func(more dict) dict {
		d := dict{"AuthenticationType": "Cert", "ClientCertType": "Ref", "ClientCertRef": "{me}", "ServerCARefs": []any{"{ca}"}}
		for k, v := range more {
			d[k] = v
		}
		return d
	}
	for name, c := range map[string]struct {
		ipsec        dict
		certificates []any
		anchors      int
		key          bool
		issuers      []string
	}{
		"reference": {ref(nil), []any{authority, client}, 1, true, nil},
		"DER":       {ref(dict{"ServerCARef": "{ca}"}), []any{der, client}, 1, true, nil},
		"sealed":    {ref(dict{"ServerCAPEMs": []any{text}}), []any{authority, sealed}, 1, true, nil},
		"in place":  {dict{"AuthenticationType": "Cert", "ServerCAPEMs": []any{text}, "ClientCertType": "PKCS11Id", "ClientCertPKCS11Id": "x"}, nil, 1, false, nil},
		"pattern":   {dict{"AuthenticationType": "Cert", "ClientCertType": "Pattern", "ClientCertPattern": dict{"Issuer": dict{"CommonName": "Staff CA"}, "IssuerCARef": []any{"{ca}"}}}, []any{authority}, 0, false, []string{"Staff CA", "Harbour CA"}},
		"EAP-TLS":   {dict{"AuthenticationType": "EAP", "EAP": dict{"Outer": "EAP-TLS", "ClientCertType": "Ref", "ClientCertRef": "{me}", "ServerCARefs": []any{"{ca}"}}}, []any{authority, client}, 0, true, nil},
		"no type":   {dict{"AuthenticationType": "Cert"}, []any{client}, 0, false, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			im := parseOne(t, configuration(t, c.ipsec, c.certificates...), ask)
			p := im.Profile
			if len(p.Gateway.Anchors) != c.anchors || (im.Secrets.PrivateKey != nil) != c.key || !reflect.DeepEqual(p.Client.CertificateIssuers, c.issuers) {
				t.Errorf("%+v", p)
			}
			if c.key && !bytes.Equal(p.Client.Certificates[0], ca.Raw) {
				t.Error("the chain is another")
			}
			if name == "EAP-TLS" && len(p.Client.EAP.Anchors) != 1 {
				t.Error("the server that signs in is held to nothing")
			}
		})
	}
	for name, c := range map[string]struct {
		ipsec        dict
		certificates []any
		problem      profile.ImportProblem
		word         string
	}{
		"no authority": {ref(nil), []any{client}, profile.ImportIncomplete, "does not hold"},
		"no client":    {ref(nil), []any{authority}, profile.ImportIncomplete, "client certificate"},
		"no X509":      {ref(nil), []any{dict{"GUID": "{ca}"}, client}, profile.ImportDamaged, "neither PEM nor base64"},
		"no base64":    {ref(nil), []any{authority, dict{"GUID": "{me}", "PKCS12": "{{p12}}"}}, profile.ImportDamaged, "not base64"},
		"no PKCS#12":   {ref(nil), []any{authority, dict{"GUID": "{me}", "PKCS12": "AAAA"}}, profile.ImportForeign, "{me}"},
		"password":     {ref(nil), []any{authority, sealed}, profile.ImportPassword, "password"},
		"bad PEM":      {dict{"AuthenticationType": "Cert", "ServerCAPEMs": []any{"x"}}, nil, profile.ImportDamaged, "no certificate"},
		"many":         {dict{"AuthenticationType": "Cert", "ServerCARefs": make([]string, 0), "ServerCAPEMs": strings.Split(strings.Repeat("x ", 65), " ")}, nil, profile.ImportDamaged, "64 authorities"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found, err := Parse(configuration(t, c.ipsec, c.certificates...))
			profiletest.Refused(t, found, err, c.problem, c.word)
		})
	}
}

// TestEAP maps each method.
func TestEAP(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		eap    dict
		want   profile.Client
		lowers int
	}{
		"MSCHAPv2":      {dict{"Outer": "MSCHAPv2", "Identity": "alice", "AnonymousIdentity": "x", "Inner": "x"}, profile.Client{Auth: profile.ClientMSCHAPv2, Username: "alice"}, 0},
		"filled in":     {dict{"Outer": "MSCHAPv2", "Identity": "${LOGIN_ID}", "Password": "${PASSWORD}"}, profile.Client{Auth: profile.ClientMSCHAPv2}, 0},
		"PEAP":          {dict{"Outer": "PEAP", "Inner": "Automatic", "TLSVersionMax": "1.3"}, eap(profile.EAP{Methods: m("peap"), Inner: in("mschapv2"), MaxTLS: "1.3"}), 0},
		"PEAP, silent":  {dict{"Outer": "PEAP"}, eap(profile.EAP{Methods: m("peap"), Inner: in("mschapv2")}), 0},
		"TTLS, MD5":     {dict{"Outer": "EAP-TTLS", "Inner": "MD5"}, eap(profile.EAP{Methods: m("ttls"), Inner: in("eap-md5")}), 0},
		"TLS":           {dict{"Outer": "EAP-TLS"}, eap(profile.EAP{Methods: m("tls")}), 0},
		"GTC":           {dict{"Outer": "GTC", "Password": "x"}, eap(profile.EAP{Methods: m("gtc")}), 1},
		"MD5":           {dict{"Outer": "MD5"}, eap(profile.EAP{Methods: m("md5")}), 1},
		"suffix of two": {dict{"Outer": "PEAP", "DomainSuffixMatch": []any{".a.example", "!"}}, eap(profile.EAP{Methods: m("peap"), Inner: in("mschapv2"), ServerNames: []string{"a.example", "*.a.example"}}), 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			im := parseOne(t, configuration(t, dict{"AuthenticationType": "EAP", "EAP": c.eap}), profile.ImportOptions{})
			if !reflect.DeepEqual(im.Profile.Client, c.want) || len(profiletest.Lowers(im)) != c.lowers {
				t.Errorf("%+v, lowers %q", im.Profile.Client, profiletest.Lowers(im))
			}
			if im.Secrets.Password != nil {
				t.Error("a password that is none")
			}
		})
	}
}

func eap(e profile.EAP) profile.Client               { return profile.Client{Auth: profile.ClientEAP, EAP: e} }
func m(m profile.EAPMethod) []profile.EAPMethod      { return []profile.EAPMethod{m} }
func in(m profile.InnerMethod) []profile.InnerMethod { return []profile.InnerMethod{m} }
func network(vpn string) string {
	return `{"NetworkConfigurations":[{"Name":"Harbour","Type":"VPN","VPN":` + vpn + `}]}`
}

// TestSharedKey takes keys of every kind.
func TestSharedKey(t *testing.T) {
	t.Parallel()
	for key, c := range map[string]struct {
		taken  bool
		lowers int
	}{"a long key of many words": {true, 0}, "short": {true, 1}, "": {false, 0}, "${PSK}": {false, 0}} {
		im := parseOne(t, configuration(t, dict{"AuthenticationType": "PSK", "PSK": key, "EAP": dict{"Outer": "x"}, "ServerCARefs": []any{"{x}"}}), profile.ImportOptions{})
		if (im.Secrets.PSK != nil) != c.taken || len(profiletest.Lowers(im)) != c.lowers {
			t.Errorf("%q: %v, lowers %q", key, im.Secrets.PSK != nil, profiletest.Lowers(im))
		}
	}
}

// TestSniff knows a configuration by sight.
func TestSniff(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		string(fixture(t)): true, "\xEF\xBB\xBF {\"Type\":\"EncryptedConfiguration\"": true, `{"type":"ikev2-eap"}`: false, `"NetworkConfigurations"`: false, "": false,
	} {
		if Sniff([]byte(text)) != want {
			t.Errorf("%.40q: %v", text, !want)
		}
	}
}

// TestRefused says in words what is not taken over.
func TestRefused(t *testing.T) {
	t.Parallel()
	ipsec := func(text string) string { return network(`{"Host":"a.example","Type":"IPsec","IPsec":{` + text + `}}`) }
	for name, c := range map[string]struct {
		text    string
		problem profile.ImportProblem
		words   []string
	}{
		"encrypted":  {`{"Type":"EncryptedConfiguration","Cipher":"AES256","Ciphertext":"x"}`, profile.ImportEncrypted, []string{"encrypted", "not encrypted"}},
		"ciphertext": {`{"Ciphertext":"x","NetworkConfigurations":[]}`, profile.ImportEncrypted, nil},
		"other type": {`{"Type":"Recipe","NetworkConfigurations":[]}`, profile.ImportForeign, []string{"Recipe"}},
		"a list":     {`[]`, profile.ImportForeign, []string{"not a ChromeOS"}},
		"nothing":    {`{}`, profile.ImportIncomplete, []string{"no networks"}},
		"Wi-Fi":      {`{"NetworkConfigurations":[{"Type":"WiFi"},{"Type":"WiFi"},{"Type":"Ethernet"}]}`, profile.ImportIncomplete, []string{"only WiFi, Ethernet"}},
		"none":       {`{"NetworkConfigurations":[]}`, profile.ImportIncomplete, []string{"no VPN connection"}},
		"L2TP":       {network(`{"Type":"L2TP-IPsec"}`), profile.ImportUnsupported, []string{"L2TP", "IKEv2 only"}},
		"OpenVPN":    {network(`{"Type":"OpenVPN"}`), profile.ImportUnsupported, []string{"OpenVPN"}},
		"other VPN":  {network(`{"Type":"Pigeon"}`), profile.ImportUnsupported, []string{"Pigeon"}},
		"no IPsec":   {network(`{"Type":"IPsec"}`), profile.ImportIncomplete, []string{"no IPsec settings"}},
		"IKEv1":      {ipsec(`"IKEVersion":1`), profile.ImportUnsupported, []string{"Cisco IPsec (IKEv1)"}},
		"no version": {ipsec(``), profile.ImportIncomplete, []string{"IKEVersion"}},
		"no host":    {network(`{"Type":"IPsec","IPsec":{"IKEVersion":2}}`), profile.ImportIncomplete, []string{"no gateway"}},
		"template":   {network(`{"Host":"${HOST}","Type":"IPsec","IPsec":{"IKEVersion":2}}`), profile.ImportIncomplete, []string{"template"}},
		"no method":  {ipsec(`"IKEVersion":2`), profile.ImportIncomplete, []string{"AuthenticationType"}},
		"method":     {ipsec(`"IKEVersion":2,"AuthenticationType":"Nod"`), profile.ImportUnsupported, []string{"Nod"}},
		"no outer":   {ipsec(`"IKEVersion":2,"AuthenticationType":"EAP"`), profile.ImportIncomplete, []string{"Outer"}},
		"outer":      {ipsec(`"IKEVersion":2,"AuthenticationType":"EAP","EAP":{"Outer":"LEAP"}`), profile.ImportUnsupported, []string{"LEAP"}},
		"inner":      {ipsec(`"IKEVersion":2,"AuthenticationType":"EAP","EAP":{"Outer":"PEAP","Inner":"PAP"}`), profile.ImportUnsupported, []string{"PAP", "inside PEAP"}},
		"long key":   {ipsec(`"IKEVersion":2,"AuthenticationType":"PSK","PSK":"` + strings.Repeat("x", 2000) + `"`), profile.ImportDamaged, []string{"1024 bytes"}},
		"long word":  {ipsec(`"IKEVersion":2,"AuthenticationType":"EAP","EAP":{"Outer":"PEAP","Password":"` + strings.Repeat("x", 2000) + `"}`), profile.ImportDamaged, []string{"1024 bytes"}},
		"twice":      {"{\"a\":1,\n\"a\":2}", profile.ImportDamaged, []string{"line 2", "second time"}},
		"cut off":    {"{\"a\":1,\n", profile.ImportDamaged, []string{"cut off in line 2"}},
		"no JSON":    {"{\"a\":1,\n!}", profile.ImportDamaged, []string{"is not JSON"}},
		"behind":     {"{}\n{}", profile.ImportDamaged, []string{"behind"}},
		"deep":       {strings.Repeat(`{"a":`, 1000), profile.ImportDamaged, []string{"32 levels"}},
		"many":       {"[" + strings.Repeat("1,", 60_000) + "1]", profile.ImportDamaged, []string{"50000 values"}},
		"networks":   {`{"NetworkConfigurations":[` + strings.Repeat(`{"Type":"VPN"},`, 2000) + `{}]}`, profile.ImportDamaged, []string{"around 2000 connections"}},
		"Latin-1":    {"{\"\xFC\":1}", profile.ImportDamaged, []string{"UTF-8"}},
		"large":      {strings.Repeat("x", profile.MaxFile+1), profile.ImportTooLarge, []string{"2 MiB"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found, err := Parse([]byte(c.text))
			profiletest.Refused(t, found, err, c.problem, c.words...)
		})
	}
}

// FuzzParse feeds whole files.
func FuzzParse(f *testing.F) {
	f.Add(fixture(f))
	f.Add(configuration(f, dict{"AuthenticationType": "Cert", "ClientCertType": "Ref", "ClientCertRef": "{me}"}, dict{"GUID": "{me}", "PKCS12": "AAAA"}))
	f.Add([]byte(`{"Type":"EncryptedConfiguration"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		Sniff(data)
		profiletest.Fuzzed(t, data, Parse)
	})
}
