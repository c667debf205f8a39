package sswan

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/mobileconfig"
	"github.com/homeward-vpn/homeward/client/profile/profiletest"
	"github.com/homeward-vpn/homeward/client/profile/proposal"
)

// dict writes JSON short.
type dict = map[string]any

// file is the smallest profile that signs in by EAP, with extra on top.
func file(t testing.TB, extra, remote, local dict) []byte {
	t.Helper()
	r := dict{"addr": "vpn.harbour.example"}
	maps.Copy(r, remote)
	d := dict{"uuid": "0d6a4a14-41e2-4e63-9f0b-1f1b5d4f9e01", "name": "Harbour Office", "type": typeEAP, "remote": r}
	if local != nil {
		d["local"] = local
	}
	maps.Copy(d, extra)
	text, err := json.MarshalIndent(d, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func parse(t testing.TB, text []byte) profile.Imported {
	t.Helper()
	found, err := ParseWith(text, profile.ImportOptions{Now: profiletest.Now})
	if err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	if len(found) != 1 || !Sniff(text) {
		t.Fatalf("%d connections, known by sight %v", len(found), Sniff(text))
	}
	profiletest.Check(t, found)
	return found[0]
}

func TestPassword(t *testing.T) {
	t.Parallel()
	im := parse(t, file(t, nil, dict{"id": "gw.harbour.example", "port": 4501}, dict{"eap_id": "alice", "shared_secret": "open sesame", "id": "alice@harbour.example"}))
	p := im.Profile
	if p.Name != "Harbour Office" || p.Gateway.Address != "vpn.harbour.example" || p.Gateway.Identity != "gw.harbour.example" || p.Gateway.Port != 4501 ||
		p.Gateway.Auth != profile.GatewayCertificate || p.Client.Auth != profile.ClientMSCHAPv2 || p.Client.Username != "alice" ||
		p.Client.Identity != "alice@harbour.example" || !p.Traffic.Full || p.DNS.AcceptPushed {
		t.Errorf("%+v", p)
	}
	if o := p.Origin; o.Format != Format || o.Identifier != "0d6a4a14-41e2-4e63-9f0b-1f1b5d4f9e01" || len(o.SHA256) != 64 {
		t.Errorf("%+v", o)
	}
	if string(im.Secrets.Password) != "open sesame" {
		t.Error("the password was not taken")
	}
	profiletest.Check(t, []profile.Imported{im}, "open sesame")
	profiletest.Told(t, im.Report, "local.shared_secret", profile.Honoured, "sealed store")
	profiletest.Told(t, im.Report, "type", profile.Honoured, "MSCHAPv2")
}

// TestTypes: every way to sign in, and what is asked for where the file is silent.
func TestTypes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		typ     string
		auth    profile.ClientAuth
		further int
		absent  string
	}{
		{typeEAP, profile.ClientMSCHAPv2, 0, "local.eap_id"},
		{typeCert, profile.ClientCertificate, 0, "local.p12"},
		{typeCertEAP, profile.ClientCertificate, 1, "local.p12"},
		{typeTLS, profile.ClientEAP, 0, "local.p12"},
	} {
		local := dict{}
		if c.further > 0 {
			local["eap_id"] = "alice"
		}
		im := parse(t, file(t, dict{"type": c.typ}, nil, local))
		if im.Profile.Client.Auth != c.auth || len(im.Profile.Client.Further) != c.further {
			t.Errorf("%s: %+v", c.typ, im.Profile.Client)
		}
		profiletest.Told(t, im.Report, c.absent, profile.Approximated, "when you connect")
	}
	found, err := Parse(file(t, dict{"type": typeCertEAP}, nil, nil))
	profiletest.Refused(t, found, err, profile.ImportIncomplete, "local.eap_id is missing")
	im := parse(t, file(t, dict{"type": "ikev2-new"}, nil, nil))
	profiletest.Told(t, im.Report, "type", profile.Approximated, "not known")
	found, err = Parse(file(t, dict{"type": typeBYOD}, nil, nil))
	profiletest.Refused(t, found, err, profile.ImportUnsupported, "TNC", `"Harbour Office"`)
	im = parse(t, file(t, dict{"type": typeCertEAP}, nil, dict{"eap_id": "alice", "shared_secret": "x"}))
	if im.Profile.Client.Further[0].Username != "alice" || im.Secrets.Password != nil {
		t.Errorf("%+v", im.Profile.Client)
	}
	profiletest.Told(t, im.Report, "local.shared_secret", profile.Refused, "each time")
}

// TestLenient: values of another type than they should be, as Android's getters take
// them.
func TestLenient(t *testing.T) {
	t.Parallel()
	im := parse(t, file(t, dict{"mtu": "1300", "nat-keepalive": 30.0, "dns-servers": "10.0.0.1  fd00::1 none",
		"split-tunneling": dict{"subnets": "10.0.0.0/8 192.0.2.1-192.0.2.4", "excluded": []any{"10.9.0.0/16"}, "block-ipv6": "TRUE"}},
		dict{"port": "500", "id": nil, "revocation": dict{"strict": "true", "crl": "false"}}, dict{"rsa-pss": "true", "eap_id": 42}))
	p := im.Profile
	prefixes := func(list ...string) (out []netip.Prefix) {
		for _, s := range list {
			out = append(out, netip.MustParsePrefix(s))
		}
		return out
	}
	if p.Traffic.MTU != 1300 || p.Session.NATKeepalive != profile.Duration(30*time.Second) || p.Gateway.Port != 0 || p.Client.Username != "42" ||
		p.Gateway.Revocation != profile.RevocationStrict || p.Traffic.Full || !p.DNS.AcceptPushed ||
		!slices.Equal(p.Traffic.Include, prefixes("10.0.0.0/8", "192.0.2.1/32", "192.0.2.2/31", "192.0.2.4/32")) || !slices.Equal(p.Traffic.Exclude, prefixes("10.9.0.0/16")) ||
		!slices.Equal(p.DNS.Servers, []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("fd00::1")}) {
		t.Errorf("%+v", p)
	}
	profiletest.Told(t, im.Report, "dns-servers", profile.Approximated, "1 left out")
	profiletest.Told(t, im.Report, "remote.revocation.crl", profile.Approximated, "both ways")
	if l := profiletest.Told(t, im.Report, "split-tunneling.block-ipv6", profile.Refused, "leaves beside it"); !l.Lowers {
		t.Errorf("%+v", l)
	}
	for _, empty := range []string{"", "null", `"0.0.0.0/0"`, "[]"} {
		text := file(t, nil, nil, nil)
		if empty != "" {
			text = bytes.Replace(text, []byte(`"name"`), []byte(`"split-tunneling": {"subnets": `+empty+`}, "name"`), 1)
		}
		if im := parse(t, text); !im.Profile.Traffic.Full {
			t.Errorf("%s: %+v", empty, im.Profile.Traffic)
		}
	}
}

// TestReport: what becomes of each key that is not plainly taken over.
func TestReport(t *testing.T) {
	t.Parallel()
	im := parse(t, file(t, dict{
		"ike-proposal": "aes256-sha256-ecp256bp-ecp256, des-md5-modp768", "esp-proposal": "3des-sha1", "mtu": 9000, "nat-keepalive": "soon",
		"apps": []any{"com.example.a"}, "excluded-apps": []any{}, "proxy": dict{"host": "proxy.example", "port": 3128}, "ipv6-transport": true,
		"port": 4500, "auth": "x", "password": "live secret", "split-tunneling": dict{"excluded": "8.8.8.0/24", "block-ipv4": false},
	}, dict{"certreq": false, "port": 70000, "id": "%any", "revocation": dict{"crl": false, "ocsp": false}}, dict{"p12": "AAAA", "eap_id": "", "shared_secret": "", "id": "*"}))
	profiletest.Check(t, []profile.Imported{im}, "live secret", "AAAA")
	for _, c := range []struct {
		path    string
		verdict profile.Verdict
		note    string
		lowers  bool
	}{
		{"ike-proposal", profile.Approximated, "ecp256bp (not offered", false},
		{"esp-proposal", profile.Approximated, "no longer safe", true},
		{"mtu", profile.Refused, "1280", false},
		{"nat-keepalive", profile.Refused, "10 and 120", false},
		{"apps", profile.Refused, "not told apart", false},
		{"proxy.host", profile.Ignored, "proxies", false},
		{"ipv6-transport", profile.Ignored, "both", false},
		{"port", profile.Ignored, "not known to this version", false},
		{"password", profile.Ignored, "not known to this version", false},
		{"split-tunneling.excluded", profile.Honoured, "never through", true},
		{"split-tunneling.block-ipv4", profile.Approximated, "held back", false},
		{"remote.certreq", profile.Approximated, "all the same", false},
		{"remote.port", profile.Refused, "not a port", false},
		{"remote.id", profile.Approximated, "must be for vpn.harbour.example", false},
		{"remote.revocation.crl", profile.Honoured, "stolen", true},
		{"remote.revocation.ocsp", profile.Honoured, "stolen", true},
		{"local.p12", profile.Ignored, "not used", false},
		{"local.eap_id", profile.Approximated, "asked", false},
		{"local.shared_secret", profile.Approximated, "asked", false},
		{"local.id", profile.Approximated, "nobody in particular", false},
	} {
		if l := profiletest.Told(t, im.Report, c.path, c.verdict, c.note); l.Lowers != c.lowers {
			t.Errorf("%+v", l)
		}
	}
	if p := im.Profile; p.Gateway.Revocation != profile.RevocationOff || proposal.Format(p.IKE.Proposals) != "aes256-sha256-ecp256" || !p.IKE.Strict || !p.Child.Legacy {
		t.Errorf("%+v", p)
	}
}

// TestAuthorities: what the gateway's certificate may come from.
func TestAuthorities(t *testing.T) {
	t.Parallel()
	ca := profiletest.Authority(t, "Harbour Root")
	middle, leaf := ca.Between(t, "Harbour Gateways"), ca.Issue(t, "vpn.harbour.example")
	lines := func(data []byte) string {
		var b strings.Builder
		for c := range slices.Chunk([]byte(base64.StdEncoding.EncodeToString(data)), 52) {
			b.WriteString("  " + string(c) + "\r\n")
		}
		return b.String()
	}
	for name, data := range map[string][]byte{"root": ca.Raw, "between": middle.Raw, "server": leaf.Raw, "PEM": ca.PEM()} {
		im := parse(t, file(t, nil, dict{"cert": lines(data)}, nil))
		if g := im.Profile.Gateway; len(g.Anchors) != 1 || len(g.Intermediates) != 0 {
			t.Errorf("%s: %d anchors", name, len(g.Anchors))
		}
		if l := profiletest.Told(t, im.Report, "remote.cert", profile.Honoured, "trusted for this"); !strings.Contains(l.Value, "Harbour Root") {
			t.Errorf("%+v", l)
		}
	}
	for _, bad := range []string{"MIID...", "", "AAAA", "{ca_base64}"} {
		found, err := Parse(file(t, nil, dict{"cert": bad}, nil))
		profiletest.Refused(t, found, err, profile.ImportDamaged, "remote.cert")
	}
}

// TestCertificate: a PKCS#12 file, with and without a password.
func TestCertificate(t *testing.T) {
	t.Parallel()
	ca := profiletest.Authority(t, "Harbour Root")
	alice := ca.Issue(t, "alice")
	text := file(t, dict{"type": typeCert}, nil, dict{"p12": base64.StdEncoding.EncodeToString(alice.PKCS12(t, "letmein", ca)), "rsa-pss": true})
	ask := func(passwords ...string) func(string, int) ([]byte, error) {
		return func(name string, attempt int) ([]byte, error) {
			if name != "Harbour Office" || attempt >= len(passwords) {
				return nil, errors.New("no more")
			}
			return []byte(passwords[attempt]), nil
		}
	}
	found, err := ParseWith(text, profile.ImportOptions{Now: profiletest.Now, AskPassword: ask("wrong", "letmein")})
	if err != nil {
		t.Fatal(err)
	}
	profiletest.Check(t, found, "letmein")
	im := found[0]
	if c := im.Profile.Client.Certificates; len(c) != 1 || !bytes.Equal(c[0], alice.Raw) || len(im.Secrets.PrivateKey) == 0 {
		t.Errorf("%d certificates, %d octets of a key", len(c), len(im.Secrets.PrivateKey))
	}
	if a := im.Profile.Gateway.Anchors; len(a) != 1 || !bytes.Equal(a[0], ca.Raw) {
		t.Errorf("%d anchors", len(a))
	}
	profiletest.Told(t, im.Report, "local.p12", profile.Honoured, "sealed store")
	profiletest.Told(t, im.Report, "remote.cert", profile.Approximated, "came with your certificate")

	found, err = Parse(text)
	profiletest.Refused(t, found, err, profile.ImportPassword, "ask for that password")
	found, err = ParseWith(text, profile.ImportOptions{AskPassword: ask()})
	profiletest.Refused(t, found, err, profile.ImportPassword, "no password was given")
	found, err = ParseWith(text, profile.ImportOptions{AskPassword: ask("a", "b", "c", "letmein")})
	profiletest.Refused(t, found, err, profile.ImportPassword, "the password is wrong")
	found, err = Parse(file(t, dict{"type": typeCert}, nil, dict{"p12": "MIIN..."}))
	profiletest.Refused(t, found, err, profile.ImportDamaged, "local.p12", "not filled in")
	found, err = ParseWith(file(t, dict{"type": typeCert}, nil, dict{"p12": "MAMCAQE="}), profile.ImportOptions{AskPassword: ask("a")})
	profiletest.Refused(t, found, err, profile.ImportDamaged, "cannot be read")

	// Without a CA inside, and without a password.
	im = parse(t, file(t, dict{"type": typeTLS}, nil, dict{"p12": base64.StdEncoding.EncodeToString(alice.PKCS12(t, ""))}))
	profiletest.Told(t, im.Report, "remote.cert", profile.Approximated, "this system trusts")
}

// TestRefused: files that hold no connection of this kind.
func TestRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text    string
		problem profile.ImportProblem
		words   string
	}{
		{`{"remote": {"addr": ""}, "type": "ikev2-eap"}`, profile.ImportIncomplete, "names no gateway"},
		{`{"type": "ikev2-eap", "name": "x"}`, profile.ImportIncomplete, "names no gateway"},
		{`{"remote": {"addr": "{host}"}}`, profile.ImportIncomplete, "template"},
		{`{"remote": {"addr": "no_host!"}}`, profile.ImportIncomplete, "neither a host name"},
		{`{"remote": {"addr": "a.example", "id": "uri:x"}}`, profile.ImportUnsupported, "URI"},
		{`{"remote": {"addr": "a.example"}, "local": {"id": "@#zz"}}`, profile.ImportUnsupported, "hex digits"},
		{`{"remote": {"addr": "a.example"}, "remote": {"addr": "b.example"}}`, profile.ImportDamaged, "stands twice"},
		{`{"remote": {"addr": "a.example"}`, profile.ImportDamaged, "cut off"},
		{`{"remote": {"addr": "a.example"}} x`, profile.ImportDamaged, "damaged"},
		{"{\"remote\": {\"addr\": \"a\xff\"}}", profile.ImportDamaged, "UTF-8"},
		{`{"a":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`, profile.ImportDamaged, "more than any"},
		{`{"version": 1}`, profile.ImportForeign, "not a profile"},
		{`[]`, profile.ImportForeign, "not a profile"},
		{`{"remote": {"addr": "a.example"}, "local": {"shared_secret": "` + strings.Repeat("x", 2000) + `"}}`, profile.ImportDamaged, "longer than"},
	} {
		found, err := Parse([]byte(c.text))
		profiletest.Refused(t, found, err, c.problem, c.words)
	}
	found, err := Parse(make([]byte, profile.MaxFile+1))
	profiletest.Refused(t, found, err, profile.ImportTooLarge, "larger")
}

func TestSniff(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		`{"remote": {"addr": "a"`: true, "\xEF\xBB\xBF{\"x\": [{}], \"type\": \"ikev2-ce": false, `{"type": "ikev2-cert", `: true,
		`{"a": {"remote": {"addr": 1}}}`: false, `{"version": 1, "gateway": {}}`: false, `{"type": "Unencrypted"}`: false,
		`["addr"]`: false, ``: false, `{"remote": "addr"}`: false, `{"x": [{"type": "ikev2-eap"}], "remote": {"port": 1, "addr": 2}}`: true,
	} {
		if got := Sniff([]byte(text)); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}

// TestSamples: the files of others give what their manifest says.
func TestSamples(t *testing.T) {
	t.Parallel()
	algo, err := mobileconfig.Parse(profiletest.Sample(t, "algo-testuser1.mobileconfig"))
	if err != nil {
		t.Fatal(err)
	}
	password := plistPassword(t, profiletest.Sample(t, "algo-testuser1.mobileconfig"))
	found, err := ParseWith(profiletest.Sample(t, "hwdsl2-vpnclient.sswan"), profile.ImportOptions{
		Now: profiletest.Now, AskPassword: func(string, int) ([]byte, error) { return []byte(password), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	profiletest.Check(t, found, password)
	p := found[0].Profile
	if p.Gateway.Address != "192.0.2.40" || p.Gateway.Identity != "" || p.Client.Identity != "" || p.Client.Auth != profile.ClientCertificate ||
		proposal.Format(p.IKE.Proposals) != "aes256-sha256-modp2048" || proposal.Format(p.Child.Proposals) != "aes128gcm16" ||
		!bytes.Equal(p.Client.Certificates[0], algo[0].Profile.Client.Certificates[0]) || found[0].Secrets.PrivateKey == nil {
		t.Errorf("%+v", p)
	}
	profiletest.Told(t, found[0].Report, "local.rsa-pss", profile.Ignored, "agreed")
	found, err = Parse(profiletest.Sample(t, "strongswan-docs-cert.sswan"))
	profiletest.Refused(t, found, err, profile.ImportDamaged, "local.p12", "not filled in")
	found, err = Parse(profiletest.Sample(t, "strongswan-docs-eap.sswan"))
	profiletest.Refused(t, found, err, profile.ImportDamaged, "remote.cert", "not filled in")
	whole := bytes.Replace(profiletest.Sample(t, "strongswan-docs-eap.sswan"), []byte(`"MIID..."`), []byte("null"), 1)
	if p := parse(t, whole).Profile; p.Gateway.Address != "10.0.2.2" || p.Gateway.Identity != "vpn.strongswan.org" || p.Client.Username != "android" {
		t.Errorf("%+v", p)
	}
}

// plistPassword finds the password of the PKCS#12 file in an Apple profile.
func plistPassword(t *testing.T, data []byte) string {
	t.Helper()
	_, rest, _ := strings.Cut(string(data), "<key>Password</key>")
	_, rest, _ = strings.Cut(rest, "<string>")
	password, _, ok := strings.Cut(rest, "</string>")
	if !ok {
		t.Fatal("no password in the sample")
	}
	return password
}
