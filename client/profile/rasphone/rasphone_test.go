package rasphone

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/profiletest"
)

func fixture(t testing.TB) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "rasphone.pbk"))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// parse imports a phone book that must be importable.
func parse(t testing.TB, data string) []profile.Imported {
	t.Helper()
	found, err := Parse([]byte(data))
	if err != nil {
		t.Fatal(err)
	}
	profiletest.Check(t, found)
	return found
}

// small is an entry with these keys.
func small(keys ...string) string {
	return "[Harbour]\nMEDIA=rastapi\nPhoneNumber=vpn.harbour.example\n" + strings.Join(keys, "\n") + "\n"
}

// TestBook reads a phone book of several entries.
func TestBook(t *testing.T) {
	t.Parallel()
	found := parse(t, fixture(t))
	if len(found) != 3 {
		t.Fatalf("%d connections, want 3", len(found))
	}
	p := found[0].Profile
	if p.Name != "Harbour Office" || p.Gateway.Address != "vpn.harbour.example" || p.Gateway.Identity != "" || !p.Session.NoMOBIKE {
		t.Errorf("%+v", p)
	}
	if want := (profile.EAP{Methods: []profile.EAPMethod{profile.EAPPEAP}}); p.Client.Auth != profile.ClientEAP || !reflect.DeepEqual(p.Client.EAP, want) {
		t.Errorf("signs in by %+v", p.Client)
	}
	if want := []profile.Proposal{{Encryption: "aes256gcm16", PRF: "sha384", Group: "ecp384"}}; !reflect.DeepEqual(p.IKE.Proposals, want) {
		t.Errorf("offers %+v", p.IKE)
	}
	if want := []profile.Proposal{{Encryption: "aes256gcm16", Group: "ecp384"}}; !reflect.DeepEqual(p.Child.Proposals, want) || !p.Child.PFS {
		t.Errorf("offers %+v", p.Child)
	}
	if p.Traffic.Full || !p.Traffic.AcceptPushed || fmt.Sprint(p.DNS.Domains, p.DNS.Search, p.DNS.Servers) != "[harbour.example] [harbour.example] [10.20.0.53]" {
		t.Errorf("%+v, %+v", p.Traffic, p.DNS)
	}
	for path, want := range map[string]profile.Line{
		"CustomAuthData":      {Value: "16 bytes", Verdict: profile.Approximated},
		"NrptRules":           {Value: "4 bytes", Verdict: profile.Refused},
		"PhoneNumber":         {Value: "vpn.harbour.example", Verdict: profile.Honoured},
		"PhoneNumber[2]":      {Value: "vpn2.harbour.example", Verdict: profile.Ignored},
		"CustomIPSecPolicies": {Value: "SHA384, AES_GCM_256, ECP384, GCMAES256, GCMAES256, ECP384", Verdict: profile.Honoured},
		"ms_server":           {Value: "1", Verdict: profile.Ignored},
		"[Old Line]":          {Value: "Old Line", Verdict: profile.Refused},
		"[Modem]":             {Value: "Modem", Verdict: profile.Refused},
		"[Büro]":              {Value: "Büro", Verdict: profile.Ignored},
	} {
		if l := profiletest.Line(t, found[0], path); l.Value != want.Value || l.Verdict != want.Verdict {
			t.Errorf("%+v, want %+v", l, want)
		}
	}
	if q := found[1].Profile; q.Name != "Büro" || q.Client.Auth != profile.ClientMSCHAPv2 || !q.Traffic.Full || q.Gateway.Address != "gw.quay.example" || q.IKE.Proposals != nil {
		t.Errorf("%+v", q)
	}
	q := found[2].Profile
	if q.Name != "harbour office 2" || q.Client.Auth != profile.ClientCertificate || q.Client.Identity != "desk7.harbour.example" || q.Gateway.Identity != "gw.harbour.example" {
		t.Errorf("%+v", q)
	}
	if q.Origin.Identifier == p.Origin.Identifier {
		t.Error("one would replace the other")
	}
}

// TestEncodings reads what Windows and editors write.
func TestEncodings(t *testing.T) {
	t.Parallel()
	text := strings.Replace(small("VpnStrategy=7", "CustomAuthKey=26"), "Harbour", "Büro", 1)
	var wide, narrow []byte
	for _, r := range text {
		wide = append(wide, byte(r), 0)
		narrow = append(narrow, byte(r))
	}
	for name, data := range map[string]string{
		"UTF-8": text, "mark": "\xEF\xBB\xBF" + text, "CRLF": strings.ReplaceAll(text, "\n", "\r\n"), "UTF-16": "\xFF\xFE" + string(wide), "ANSI": string(narrow),
		"blocks": strings.ReplaceAll(text, "\n", "\n\n"), "cases": strings.NewReplacer("VpnStrategy", "vpnstrategy", "PhoneNumber", "phonenumber").Replace(text),
	} {
		if !Sniff([]byte(data)) {
			t.Errorf("%s: not known by sight", name)
		}
		p := parse(t, data)[0].Profile
		if p.Name != "Büro" || p.Client.Auth != profile.ClientMSCHAPv2 {
			t.Errorf("%s: %+v", name, p)
		}
	}
	for _, other := range []string{"[connection]\ntype=vpn\n", "VpnStrategy=7\n", "", "[Interface]\nPrivateKey = x\n"} {
		if Sniff([]byte(other)) {
			t.Errorf("%q is taken for a phone book", other)
		}
	}
}

// TestPolicies reads the six numbers.
func TestPolicies(t *testing.T) {
	t.Parallel()
	word := func(n ...byte) (digits string) {
		for _, b := range n {
			digits += fmt.Sprintf("%02x000000", b)
		}
		return digits
	}
	for name, c := range map[string]struct {
		digits     string
		ike, child string
		pfs        bool
		verdict    profile.Verdict
		lowers     int
	}{
		"one":      {word(2, 4, 3, 5, 2, 0), "[{aes256 sha256 sha256 modp2048}]", "[{aes256 sha256  }]", false, profile.Honoured, 0},
		"two":      {word(2, 2, 3, 3, 2, 3), "[{aes128 sha256 sha256 modp2048}]", "[{aes128 sha256  modp2048}]", true, profile.Honoured, 0},
		"mixed":    {word(3, 6, 5, 8, 5, 6), "[{aes256gcm16  sha384 ecp384}]", "[{aes256gcm16   ecp384}]", true, profile.Honoured, 0},
		"old":      {word(1, 1, 2, 2, 1, 0), "[{3des sha1 sha1 modp1024}]", "[{3des sha1  }]", false, profile.Approximated, 1},
		"broken":   {word(0, 0, 1, 1, 0, 1), "[]", "[]", false, profile.Refused, 0},
		"no group": {word(2, 4, 0, 5, 2, 0), "[]", "[{aes256 sha256  }]", false, profile.Refused, 0},
		"unknown":  {word(9, 4, 3, 5, 2, 0), "[]", "[]", false, profile.Refused, 0},
		"short":    {"0200", "[]", "[]", false, profile.Refused, 0},
		"no hex":   {"zz", "[]", "[]", false, profile.Refused, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			im := parse(t, small("VpnStrategy=7", "CustomAuthKey=26", "NumCustomPolicy=1", "CustomIPSecPolicies="+c.digits[:len(c.digits)/2], "CustomIPSecPolicies="+c.digits[len(c.digits)/2:]))[0]
			p := im.Profile
			if fmt.Sprint(p.IKE.Proposals) != c.ike || fmt.Sprint(p.Child.Proposals) != c.child || p.Child.PFS != c.pfs {
				t.Errorf("%+v and %+v", p.IKE, p.Child)
			}
			if l := profiletest.Line(t, im, "CustomIPSecPolicies"); l.Verdict != c.verdict || len(profiletest.Lowers(im)) != c.lowers {
				t.Errorf("%+v", l)
			}
		})
	}
}

// TestSignIn maps the numbers of EAP methods.
func TestSignIn(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		keys   []string
		auth   profile.ClientAuth
		method profile.EAPMethod
		lowers int
	}{
		"certificate": {[]string{"CustomAuthKey=0"}, profile.ClientCertificate, "", 0},
		"nothing":     {nil, profile.ClientCertificate, "", 0},
		"EAP, open":   {[]string{"CustomAuthKey=0", "AuthRestrictions=128"}, profile.ClientMSCHAPv2, "", 0},
		"device":      {[]string{"AuthRestrictions=128", "DeviceTunnel=1"}, profile.ClientCertificate, "", 0},
		"TLS":         {[]string{"CustomAuthKey=13", "CustomAuthData=00"}, profile.ClientEAP, profile.EAPTLS, 0},
		"TTLS":        {[]string{"CustomAuthKey=21"}, profile.ClientEAP, profile.EAPTTLS, 0},
		"MD5":         {[]string{"CustomAuthKey=4", "CustomAuthData=00"}, profile.ClientEAP, profile.EAPMD5, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			im := parse(t, small(append(c.keys, "VpnStrategy=7")...))[0]
			client := im.Profile.Client
			if client.Auth != c.auth || (c.method != "") != (len(client.EAP.Methods) == 1) || len(profiletest.Lowers(im)) != c.lowers {
				t.Errorf("%+v, lowers %q", client, profiletest.Lowers(im))
			}
			if c.method != "" && client.EAP.Methods[0] != c.method {
				t.Errorf("%+v", client.EAP)
			}
		})
	}
}

// TestTraffic decides between everything and what the gateway names.
func TestTraffic(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		keys []string
		full bool
		dns  string
	}{
		"silent":   {nil, true, "[] [] []"},
		"split":    {[]string{"IpPrioritizeRemote=0", "Ipv6PrioritizeRemote=0", "PlumbIKEv2TSAsRoutes=1", "IpDnsSuffix=co.uk"}, false, "[] [co.uk] []"},
		"split v4": {[]string{"IpPrioritizeRemote=0"}, false, "[] [] []"},
		"v6 alone": {[]string{"IpPrioritizeRemote=0", "Ipv6PrioritizeRemote=1"}, true, "[] [] []"},
		"servers":  {[]string{"IpDnsAddress=10.0.0.1", "IpDns2Address=10.0.0.1", "Ipv6NameAssign=2", "Ipv6DnsAddress=fd00::1", "IpDnsSuffix=!"}, true, "[] [] [10.0.0.1 fd00::1]"},
		"assigned": {[]string{"IpNameAssign=1", "IpDnsAddress=10.0.0.1", "Ipv6DnsAddress=::"}, true, "[] [] []"},
	} {
		p := parse(t, small(append(c.keys, "VpnStrategy=7")...))[0].Profile
		if p.Traffic.Full != c.full || p.Traffic.AcceptPushed == c.full || fmt.Sprint(p.DNS.Domains, p.DNS.Search, p.DNS.Servers) != c.dns {
			t.Errorf("%s: %+v, %+v", name, p.Traffic, p.DNS)
		}
	}
}

// TestRefused says in words what is not taken over.
func TestRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text    string
		problem profile.ImportProblem
		words   []string
	}{
		"L2TP":      {small("VpnStrategy=3"), profile.ImportUnsupported, []string{"an L2TP connection", "IKEv2 only"}},
		"PPTP":      {small("VpnStrategy=2"), profile.ImportUnsupported, []string{"PPTP"}},
		"SSTP":      {small("VpnStrategy=5"), profile.ImportUnsupported, []string{"SSTP"}},
		"other":     {small("VpnStrategy=99"), profile.ImportUnsupported, []string{"99"}},
		"modem":     {small("Type=1"), profile.ImportUnsupported, []string{"dial-up"}},
		"PPPoE":     {small("Type=5"), profile.ImportUnsupported, []string{"PPPoE"}},
		"SIM":       {small("CustomAuthKey=18"), profile.ImportUnsupported, []string{"EAP-SIM"}},
		"no server": {"[Harbour]\nVpnStrategy=7\n", profile.ImportIncomplete, []string{"no gateway"}},
		"template":  {"[Harbour]\nVpnStrategy=7\nPhoneNumber=<server>\n", profile.ImportIncomplete, []string{"template"}},
		"no key":    {"[Harbour]\nhello\n", profile.ImportDamaged, []string{"line 2"}},
		"no entry":  {"VpnStrategy=7\n", profile.ImportDamaged, []string{"line 1"}},
		"nothing":   {"\n; a note\n", profile.ImportForeign, []string{"not a Windows phone book"}},
		"half":      {"\xFF\xFE[\x00V", profile.ImportDamaged, []string{"UTF-16"}},
		"entries":   {strings.Repeat("[x]\n", 300), profile.ImportDamaged, []string{"256 entries"}},
		"keys":      {"[x]\n" + strings.Repeat("a=\n", 20_001), profile.ImportDamaged, []string{"20000 keys"}},
		"large":     {strings.Repeat("x", profile.MaxFile+1), profile.ImportTooLarge, []string{"2 MiB"}},
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
	f.Add([]byte(fixture(f)))
	f.Add([]byte(small("VpnStrategy=7", "CustomAuthKey=13")))
	f.Add([]byte("\xFF\xFE[\x00x\x00]\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		Sniff(data)
		profiletest.Fuzzed(t, data, Parse)
	})
}
