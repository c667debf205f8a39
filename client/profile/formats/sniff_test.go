package formats

import (
	"errors"
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/client/profile"
)

// TestSniff knows each format by its content.
func TestSniff(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		data string
		want Format
	}{
		"nothing":          {"", Empty},
		"white space":      {" \r\n\t", Empty},
		"plist":            {`<plist version="1.0"><dict/></plist>`, Mobileconfig},
		"plist, declared":  {"\xEF\xBB\xBF\n<?xml version='1.0'?><!-- > --><!DOCTYPE plist><plist/>", Mobileconfig},
		"binary":           {"bplist00", Mobileconfig},
		"CMS":              {"\x30\x80\x06\x09", Mobileconfig},
		"PEM of CMS":       {"-----BEGIN PKCS7-----\n", Mobileconfig},
		"certificate":      {"-----BEGIN CERTIFICATE-----\n", PEM},
		"ZIP":              {"PK\x03\x04rest", ZIP},
		"ProfileXML":       {"<!-- x -->\n<VPNProfile><AlwaysOn/>", ProfileXML},
		"EAP":              {`<EapHostConfig xmlns="http://www.microsoft.com/provisioning/EapHostConfig">`, EAPHost},
		"AnyConnect":       {"\xEF\xBB\xBF<?xml version=\"1.0\"?><AnyConnectProfile>", AnyConnect},
		"AnyConnect UTF16": {utf16le("<AnyConnectProfile>"), AnyConnect},
		"HTML":             {"<!DOCTYPE html><html><body>plist</body></html>", Unknown},
		"sswan":            {`{"uuid":"x","type":"ikev2-eap","remote":{"addr":"a"}}`, Sswan},
		"ONC":              {`{"Type":"UnencryptedConfiguration","NetworkConfigurations":[]}`, ONC},
		"JSON":             {`{"a":1}`, Unknown},
		"Homeward":         {"\xEF\xBB\xBF{\n \"name\":\"x\", \"version\": 1, \"gateway\": {\"address\"", Homeward},
		"versioned JSON":   {`{"version":1,"routes":{"gateway":{}}}`, Unknown},
		"NM":               {"# by hand\n[connection]\r\nid=x\r\ntype=vpn\r\n", NMConnection},
		"phone book":       {"[Office]\r\nEncoding=1\r\nVpnStrategy=7\r\n", Phonebook},
		"WireGuard":        {"[Interface]\nPrivateKey = x\n", WireGuard},
		"ipsec.conf":       {"# x\nconfig setup\n\nconn office\n\tleft=%any\n", IPsecConf},
		"ipsec.secrets":    {"# x\nalice : EAP \"x\"\n", IPsecSecrets},
		"swanctl":          {"connections {\n  home {\n", SwanctlConf},
		"OpenVPN":          {"client\ndev tun\nremote vpn.example.com 1194\n", OpenVPN},
		"prose":            {"Dear colleague,\nplease find attached: the profile.\n", Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := Sniff([]byte(c.data)); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

func utf16le(s string) string {
	out := "\xFF\xFE"
	for _, c := range []byte(s) {
		out += string([]byte{c, 0})
	}
	return out
}

// TestSentences: what is refused is refused by name, in one sentence.
func TestSentences(t *testing.T) {
	t.Parallel()
	for data, c := range map[string]struct {
		problem profile.ImportProblem
		word    string
	}{
		"":                                     {profile.ImportDamaged, "empty"},
		`{"type":"ikev2-eap"}`:                 {profile.ImportForeign, "this is a strongSwan Android profile, which this version does not read"},
		`{"version":1,"gateway":{`:             {profile.ImportDamaged, "damaged or cut off: line 1"},
		"hello":                                {profile.ImportForeign, "not a profile"},
		"bplist00":                             {profile.ImportDamaged, "cut off"},
		"<plist>":                              {profile.ImportDamaged, "cut off"},
		strings.Repeat("x", profile.MaxFile+1): {profile.ImportTooLarge, "2 MiB"},
	} {
		found, err := Import([]byte(data))
		var e *profile.ImportError
		if !errors.As(err, &e) || e.Problem != c.problem || !strings.Contains(e.Sentence, c.word) || len(found) != 0 {
			t.Errorf("%.20q: %v", data, err)
			continue
		}
		if strings.HasSuffix(e.Sentence, ".") || strings.Contains(e.Sentence, "\n") {
			t.Errorf("not one sentence: %q", e.Sentence)
		}
	}
}

func FuzzImport(f *testing.F) {
	f.Add([]byte(`<plist><dict><key>PayloadType</key><string>Configuration</string></dict></plist>`))
	f.Add([]byte("conn x\n"))
	f.Add([]byte(`{"remote": {`))
	f.Add([]byte(`{"version":1,"name":"x","gateway":{"address":"a.example","auth":"psk"},"client":{"auth":"psk"},"traffic":{"full":true}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		found, err := Import(data)
		var e *profile.ImportError
		if err != nil && !errors.As(err, &e) {
			t.Fatalf("error %v of type %T", err, err)
		}
		if err == nil && len(found) == 0 {
			t.Fatal("neither a connection nor an error")
		}
	})
}
