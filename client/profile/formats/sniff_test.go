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
		"HTML":             {"<!DOCTYPE html><html><body>plist <VPNProfile></body></html>", WebPage},
		"HTML, commented":  {"\n<!-- a -->\n<!-- b -->\n<HTML lang=en>", WebPage},
		"laughs":           {"<?xml version=\"1.0\"?><!DOCTYPE lolz [<!ENTITY lol \"lol\">]><lolz>&lol;</lolz>", Entities},
		"laughs, UTF-16":   {utf16le("<!DOCTYPE plist [<!ENTITY lol \"lol\">]><plist/>"), Entities},
		"ZIP, empty":       {"PK\x05\x06", ZIP},
		"Word":             {"PK\x03\x04....[Content_Types].xml", Office},
		"gzip":             {"\x1F\x8B\x08", Archive},
		"PDF":              {"%PDF-1.7\n", PDF},
		"picture":          {"\x89PNG\r\n", Image},
		"program":          {"MZ\x90\x00", Program},
		"PowerShell":       {"# by hand\n$Name = 'Office'\nAdd-VpnConnection -Name $Name\n", Script},
		"PowerShell, XML":  {"$ProfileXML = '<VPNProfile></VPNProfile>'\n", ProfileXML},
		"SyncML":           {"<SyncML><Data>&lt;VPNProfile&gt;", ProfileXML},
		"PCF":              {"[main]\nHost=vpn.example\nGroupName=staff\nenc_GroupPwd=00\n", CiscoPCF},
		"FortiClient":      {"<?xml version=\"1.0\"?>\n<forticlient_configuration>", FortiClient},
		"Remote Desktop":   {"screen mode id:i:2\nfull address:s:a.example\n", RemoteDesk},
		"other XML":        {"<recipe/>", Unknown},
		"sswan":            {`{"uuid":"x","type":"ikev2-eap","remote":{"addr":"a"}}`, Sswan},
		"ONC":              {`{"Type":"UnencryptedConfiguration","NetworkConfigurations":[]}`, ONC},
		"JSON":             {`{"a":1}`, Unknown},
		"Homeward":         {"\xEF\xBB\xBF{\n \"name\":\"x\", \"version\": 1, \"gateway\": {\"address\"", Homeward},
		"versioned JSON":   {`{"version":1,"routes":{"gateway":{}}}`, Unknown},
		"NM":               {"# by hand\n[connection]\r\nid=x\r\ntype=vpn\r\n\r\n[vpn]\r\naddress=a\r\nservice-type=org.freedesktop.NetworkManager.strongswan\r\n", NMKeyfile},
		"phone book, vpn":  {"[vpn]\nVpnStrategy=7\n", Phonebook},
		"phone book":       {"[Office]\r\nEncoding=1\r\nVpnStrategy=7\r\n", Phonebook},
		"WireGuard":        {"[Interface]\nPrivateKey = x\n", WireGuard},
		"ipsec.conf":       {"# x\nconfig setup\n\nconn office\n\tleft=%any\n", IPsecConf},
		"ipsec.secrets":    {"# x\nalice : EAP \"x\"\n", IPsecSecret},
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
		"": {profile.ImportDamaged, "empty"},
		"client\ndev tun\nremote a.example 1194\n": {profile.ImportUnsupported, "this is an OpenVPN profile; this version connects by IKEv2 only"},
		"[Interface]\nPrivateKey = x\n":            {profile.ImportUnsupported, "WireGuard"},
		"%PDF-1.4":                                 {profile.ImportForeign, "PDF"},
		"PK\x03\x04":                               {profile.ImportForeign, "unpack it"},
		"<!doctype html><title>Sign in</title>":    {profile.ImportForeign, "sign in"},
		"\x89PNG":                                  {profile.ImportForeign, "this is a picture, and no profile"},
		"-----BEGIN CERTIFICATE-----\n":            {profile.ImportForeign, "homewardctl certificate import"},
		"<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;":   {profile.ImportDamaged, "declares XML entities"},
		`{"version":1,"gateway":{`:                 {profile.ImportDamaged, "damaged or cut off: line 1"},
		"hello":                                    {profile.ImportForeign, "not a profile that this version reads"},
		"bplist00":                                 {profile.ImportDamaged, "cut off"},
		"<plist>":                                  {profile.ImportDamaged, "cut off"},
		strings.Repeat("x", profile.MaxFile+1):     {profile.ImportTooLarge, "2 MiB"},
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
