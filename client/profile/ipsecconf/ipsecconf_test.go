package ipsecconf

import (
	"bytes"
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/profiletest"
	"github.com/homeward-vpn/homeward/client/profile/proposal"
)

// folder is what lies beside a profile.
type folder map[string][]byte

func (f folder) read(path string) ([]byte, error) {
	if data, ok := f[path]; ok {
		return bytes.Clone(data), nil
	}
	return nil, fs.ErrNotExist
}

func parseIn(t testing.TB, beside folder, text string) []profile.Imported {
	t.Helper()
	o := profile.ImportOptions{Now: profiletest.Now}
	if beside != nil {
		o.ReadFile = beside.read
	}
	found, err := ParseWith([]byte(text), o)
	if err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	if !Sniff([]byte(text)) {
		t.Error("not known by sight")
	}
	profiletest.Check(t, found)
	return found
}

// conf is a file of one connection, which signs in by EAP unless settings say so.
func conf(settings ...string) string {
	text := "conn home\n right=vpn.harbour.example\n"
	if !strings.Contains(strings.Join(settings, "\n"), "auth") {
		text += " leftauth=eap\n rightauth=pubkey\n eap_identity=alice\n"
	}
	for _, s := range settings {
		text += " " + s + "\n"
	}
	return text
}

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestOffice: a whole file, with what its connections build on and the secrets beside
// it.
func TestOffice(t *testing.T) {
	t.Parallel()
	ca := profiletest.Authority(t, "Harbour Root")
	beside := folder{secretsFile: fixture(t, secretsFile), "ipsec.d/certs/gw.crt": ca.Issue(t, "gw.harbour.example").PEM(), "second.pem": ca.PEM()}
	found := parseIn(t, beside, string(fixture(t, "office.conf")))
	profiletest.Check(t, found, "sesame", "for others", "letmein", "1234", "6c6f6e67", "long enough")
	if len(found) != 2 || found[0].Profile.Name != "office" || found[1].Profile.Name != "everything" {
		t.Fatalf("%d connections", len(found))
	}
	im := found[0]
	p := im.Profile
	if p.Gateway.Address != "vpn.harbour.example" || p.Gateway.Identity != "@gw.harbour.example" || p.Gateway.Revocation != profile.RevocationStrict || len(p.Gateway.Anchors)+len(p.Gateway.Intermediates) != 2 ||
		p.Client.Auth != profile.ClientMSCHAPv2 || p.Client.Username != "alice" || p.Client.Identity != "alice@harbour.example" || string(im.Secrets.Password) != "open # sesame" ||
		p.IKE.Lifetime != profile.Duration(8*time.Hour) || p.Child.Lifetime != profile.Duration(time.Hour) || !p.IKE.Strict || !p.Child.Strict || !p.Child.PFS || !p.Session.NoMOBIKE ||
		p.Session.Liveness != profile.Duration(30*time.Second) || p.Traffic.Full || p.OnDemand.When != profile.WhenNever {
		t.Errorf("%+v", p)
	}
	if got := proposal.Format(p.IKE.Proposals) + " " + proposal.Format(p.Child.Proposals); got != "aes256gcm16-prfsha384-ecp384,aes256-sha256-modp2048 aes256gcm16-ecp384" {
		t.Error(got)
	}
	if !slices.Equal(p.Traffic.Include, []netip.Prefix{netip.MustParsePrefix("10.20.0.0/16"), netip.MustParsePrefix("fd20::/48")}) {
		t.Errorf("%+v", p.Traffic)
	}
	for _, c := range []struct {
		path    string
		verdict profile.Verdict
		note    string
	}{
		{"config setup.uniqueids", profile.Ignored, "daemon"},
		{"config setup.strictcrlpolicy", profile.Honoured, "no line without"},
		{"ca second.cacert", profile.Honoured, "read from the file"},
		{"ca second.crluri", profile.Ignored, "certificate itself"},
		{"conn %default.keylife", profile.Honoured, ""},
		{"conn %default.rekeymargin", profile.Ignored, "margins"},
		{"conn common.rightid", profile.Honoured, ""},
		{"conn common.rightcert", profile.Honoured, "ipsec.d/certs/gw.crt"},
		{"conn office.also[0]", profile.Honoured, ""},
		{"conn office.leftid", profile.Honoured, ""},
		{"conn office.leftfirewall", profile.Ignored, "own rules"},
		{"conn office.left", profile.Ignored, "found by itself"},
		{"conn everything", profile.Ignored, "reported on its own"},
		{"conn printers", profile.Refused, "IKEv1"},
		{"conn road", profile.Refused, "names no gateway"},
		{"include", profile.Refused, "not read"},
		{"ipsec.secrets[0].EAP", profile.Honoured, "sealed store"},
		{"ipsec.secrets[1].PSK", profile.Ignored, "not used"},
		{"ipsec.secrets[3].RSA", profile.Ignored, "not used"},
		{"ipsec.secrets[4].PIN", profile.Refused, "asked for"},
		{"ipsec.secrets[5].NTLM", profile.Refused, "not known"},
		{"ipsec.secrets[6].PSK", profile.Refused, "hex digits"},
		{"ipsec.secrets[7].EAP", profile.Refused, "empty"},
	} {
		profiletest.Told(t, im.Report, c.path, c.verdict, c.note)
	}
	for _, im := range found {
		for _, l := range im.Report {
			if l.Note == "not known to this version" && l.Path != "ipsec.secrets[5].NTLM" {
				t.Errorf("%+v", l)
			}
		}
	}
	im = found[1]
	p = im.Profile
	if p.Client.Auth != profile.ClientPSK || p.Gateway.Auth != profile.GatewayPSK || p.Client.Identity != "@#616c696365" || string(im.Secrets.PSK) != "long enough key!" ||
		!p.Traffic.Full || p.OnDemand.When != profile.WhenLogin || p.Child.Proposals != nil {
		t.Errorf("%+v", p)
	}
	profiletest.Told(t, im.Report, "conn everything.rekey", profile.Approximated, "all the same")
}

// TestWithoutFiles: what is named by a path and not read is told.
func TestWithoutFiles(t *testing.T) {
	t.Parallel()
	im := parseIn(t, nil, string(fixture(t, "office.conf")))[0]
	for _, path := range []string{"ca second.cacert", "conn common.rightcert"} {
		if l := profiletest.Told(t, im.Report, path, profile.Refused, "does not lie beside"); !l.Lowers {
			t.Errorf("%+v", l)
		}
	}
	profiletest.Told(t, im.Report, secretsFile, profile.Approximated, "asked")
	if !im.Secrets.Empty() || im.Profile.Gateway.Anchors != nil {
		t.Error("something was read")
	}
}

// TestCertificate: certificate and key from files beside the profile.
func TestCertificate(t *testing.T) {
	t.Parallel()
	alice := profiletest.Authority(t, "Harbour Root").Issue(t, "alice")
	beside := folder{secretsFile: []byte(": ECDSA alice.key\n"), "alice.crt": alice.PEM(), "ipsec.d/private/alice.key": alice.KeyPEM(t)}
	text := conf("leftauth=pubkey", "leftcert=alice.crt", "leftca=\"C=DE, CN=Harbour Root\"")
	im := parseIn(t, beside, text)[0]
	if p := im.Profile; p.Client.Auth != profile.ClientCertificate || len(p.Client.Certificates) != 1 || im.Secrets.PrivateKey == nil || p.Client.CertificateIssuers[0] != "Harbour Root" {
		t.Errorf("%+v", p)
	}
	profiletest.Told(t, im.Report, "conn home.leftcert", profile.Honoured, "read from")
	profiletest.Told(t, im.Report, "ipsec.secrets[0].ECDSA", profile.Honoured, "read from")
	im = parseIn(t, nil, text)[0]
	profiletest.Told(t, im.Report, "conn home.leftcert", profile.Refused, "certificate import")
	im = parseIn(t, nil, conf("authby=rsasig", "leftcert=%smartcard:50"))[0]
	profiletest.Told(t, im.Report, "conn home.leftcert", profile.Approximated, "on a card")
	beside = folder{secretsFile: []byte(": P12 alice.p12 \"letmein\"\n"), "alice.p12": alice.PKCS12(t, "letmein")}
	if im = parseIn(t, beside, conf("leftauth=eap-tls"))[0]; im.Secrets.PrivateKey == nil || im.Profile.Client.EAP.Methods[0] != profile.EAPTLS {
		t.Errorf("%+v", im.Profile.Client)
	}
}

// TestSettings: one setting at a time.
func TestSettings(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		settings, path string
		verdict        profile.Verdict
		note           string
		lowers         bool
		holds          func(p *profile.Profile) bool
	}{
		{"keyexchange=ike", "keyexchange", profile.Honoured, "", false, nil},
		{"type=tunnel", "type", profile.Honoured, "", false, nil},
		{"rightikeport=4500", "rightikeport", profile.Honoured, "", false, func(p *profile.Profile) bool { return p.Gateway.Port == 4500 }},
		{"ike=aes256-sha256-modp2048", "ike", profile.Honoured, "own set follows", false, func(p *profile.Profile) bool { return !p.IKE.Strict }},
		{"ike=aes128-sha1-modp1024!", "ike", profile.Approximated, "no longer safe", true, func(p *profile.Profile) bool { return p.IKE.Legacy && p.IKE.Strict }},
		{"esp=aes128-sha1-modp2048,turtle", "esp", profile.Approximated, "turtle", true, nil},
		{"phase2alg=aes128-sha256", "phase2alg", profile.Honoured, "", false, nil},
		{"ikelifetime=30d", "ikelifetime", profile.Approximated, "168h", true, nil},
		{"salifetime=20m", "salifetime", profile.Honoured, "", false, func(p *profile.Profile) bool { return p.Child.Lifetime == profile.Duration(20*time.Minute) }},
		{"lifebytes=1", "lifebytes", profile.Approximated, "1048576", false, nil},
		{"lifepackets=x", "lifepackets", profile.Refused, "not a number", false, nil},
		{"dpdaction=none\n dpddelay=5s", "dpddelay", profile.Ignored, "only counts", false, func(p *profile.Profile) bool { return p.Session.Liveness == 0 }},
		{"dpdaction=clear", "dpdaction", profile.Approximated, "comes back", false, nil},
		{"dpddelay=5", "dpddelay", profile.Honoured, "", true, nil},
		{"auto=route", "auto", profile.Approximated, "first packet", false, func(p *profile.Profile) bool { return p.OnDemand.When == profile.WhenLogin }},
		{"auto=ignore", "auto", profile.Honoured, "", false, nil},
		{"forceencaps=yes", "forceencaps", profile.Approximated, "inside UDP", false, nil},
		{"fragmentation=yes", "fragmentation", profile.Honoured, "", false, nil},
		{"compress=yes", "compress", profile.Approximated, "not compressed", false, nil},
		{"reauth=no", "reauth", profile.Honoured, "", false, nil},
		{"sha256_96=yes", "sha256_96", profile.Refused, "standard's", false, nil},
		{"inactivity=0", "inactivity", profile.Honoured, "", false, nil},
		{"inactivity=10m", "inactivity", profile.Refused, "stays connected", false, nil},
		{"leftupdown=/bin/x", "leftupdown", profile.Refused, "no program", false, nil},
		{"rightid=%gw.harbour.example", "rightid", profile.Approximated, "not asked for", false,
			func(p *profile.Profile) bool {
				return p.Gateway.CertificateName == "gw.harbour.example" && p.Gateway.Identity == ""
			}},
		{"rightid=%any", "rightid", profile.Approximated, "nobody in particular", false, nil},
		{"rightid=\"C=DE, O=Harbour, CN=gw\"", "rightid", profile.Honoured, "", false, func(p *profile.Profile) bool { return p.Gateway.Identity == "C=DE, O=Harbour, CN=gw" }},
		{"rightid=keyid:gw", "rightid", profile.Approximated, "no certificate says", false, nil},
		{"rightca=\"/C=DE/CN=Root\"", "rightca", profile.Approximated, "Root", false, func(p *profile.Profile) bool { return p.Gateway.IssuerName == "Root" }},
		{"rightca=%same", "rightca", profile.Refused, "not looked at", true, nil},
		{"leftid=%any", "leftid", profile.Approximated, "nobody in particular", false, nil},
		{"leftsourceip=10.3.0.7", "leftsourceip", profile.Approximated, "assigns", false, nil},
		{"leftsourceip=%modeconfig", "leftsourceip", profile.Honoured, "", false, nil},
		{"leftdns=%config4", "leftdns", profile.Honoured, "", false, nil},
		{"rightsubnet=%dynamic", "rightsubnet", profile.Honoured, "gateway names", false, func(p *profile.Profile) bool { return p.Traffic.AcceptPushed }},
		{"rightsubnetwithin=10.0.0.0/8", "rightsubnetwithin", profile.Honoured, "only these", false, nil},
		{"rightsubnet=nonsense", "rightsubnet", profile.Refused, "no networks", false, func(p *profile.Profile) bool { return p.Traffic.AcceptPushed }},
		{"rightprotoport=tcp/443", "rightprotoport", profile.Approximated, "told apart", false, nil},
		{"leftsubnet=10.9.0.0/24", "leftsubnet", profile.Approximated, "assigns", false, nil},
		{"leftauth=eap-md5\n eap_identity=a", "leftauth", profile.Honoured, "md5", true, nil},
		{"leftauth=eap-peap\n eap_identity=a\n aaa_identity=@radius.example", "aaa_identity", profile.Honoured, "", false, func(p *profile.Profile) bool { return p.Client.EAP.ServerNames[0] == "radius.example" }},
		{"leftauth=eap\n leftid=carol@x.example", "leftid", profile.Honoured, "", false, func(p *profile.Profile) bool { return p.Client.Username == "carol@x.example" }},
		{"leftauth=eap\n eap_identity=%identity", "eap_identity", profile.Approximated, "asked", false, func(p *profile.Profile) bool { return p.Client.Username == "" }},
		{"leftauth=pubkey\n leftauth2=eap\n eap_identity=a\n leftid2=b", "leftauth2", profile.Honoured, "MSCHAPv2", false,
			func(p *profile.Profile) bool {
				return p.Client.Further[0].Username == "a" && p.Client.Further[0].Identity == "b"
			}},
		{"authby=secret", "authby", profile.Honoured, "", false, func(p *profile.Profile) bool {
			return p.Client.Auth == profile.ClientPSK && p.Gateway.Auth == profile.GatewayPSK
		}},
		{"rightauth=eap\n leftauth=eap-ttls", "rightauth", profile.Honoured, "sign-in alone", false, func(p *profile.Profile) bool { return p.Client.EAPOnly == profile.EAPOnlySafe }},
		{"xauth=client", "xauth", profile.Ignored, "IKEv1", false, nil},
		{"turtle=yes", "turtle", profile.Ignored, "not known", false, nil},
	} {
		im := parseIn(t, nil, conf(c.settings))[0]
		l := profiletest.Told(t, im.Report, "conn home."+c.path, c.verdict, c.note)
		if l.Lowers != c.lowers || c.holds != nil && !c.holds(&im.Profile) {
			t.Errorf("%s: %+v, %+v", c.settings, l, im.Profile)
		}
	}
}

// TestSides: which side is this one.
func TestSides(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"conn a\n left=%defaultroute\n right=gw.example\n":                          "gw.example",
		"conn a\n right=%defaultroute\n left=gw.example\n leftid=@gw\n":             "gw.example @gw",
		"conn a\n right=%any\n rightsourceip=%config\n left=gw.example\n":           "gw.example",
		"conn a\n left=192.0.2.9\n right=gw.example,192.0.2.1\n":                    "gw.example",
		"conn a\n right=%gw.example\n":                                              "gw.example",
		"conn b\n right=gw.example\nconn a\n also=b\n leftsubnet=10.0.0.0/8\n":      "gw.example",
		"conn a\n also=b\nconn b\n rightid=@gw\nconn %default\n right=gw.example\n": "gw.example @gw",
	} {
		found := parseIn(t, nil, text)
		g := found[len(found)-1].Profile.Gateway
		if got := strings.TrimSpace(g.Address + " " + g.Identity); got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
}

// TestGrammar: what the text says, in every way to write it.
func TestGrammar(t *testing.T) {
	t.Parallel()
	p, err := parse("# c\r\nconfig setup # c\r\n\ta=1\nconn \"two words\"\n  b = one  two # c\n  c=\"x # \\\"y\\\" \\\n z\\n\" end\n d=@#0102 # c\n\n e=a=b\n b=later\n f=\nca x\n g=1\nconn \"two words\"\n h=2\n\tinclude y # c\n")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"a": "1", "b": "later", "c": "x # \"y\"  z\n end", "d": "@#0102", "e": "a=b", "f": "", "g": "1", "h": "2"}
	for _, s := range p.sections {
		for _, st := range s.settings {
			if st.value != want[st.name] {
				t.Errorf("%s = %q", st.path, st.value)
			}
			delete(want, st.name)
		}
	}
	if len(want) != 0 || len(p.sections) != 3 || !slices.Equal(p.includes, []string{"y"}) {
		t.Errorf("%v, %d sections, %q", want, len(p.sections), p.includes)
	}
}

// TestRefused: files and connections that are not taken over, and why.
func TestRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text    string
		problem profile.ImportProblem
		words   string
	}{
		{conf("keyexchange=ikev1"), profile.ImportUnsupported, "IKEv1"},
		{conf("rightprotoport=17/1701", "type=transport"), profile.ImportUnsupported, "L2TP"},
		{conf("type=transport"), profile.ImportUnsupported, "not for a tunnel"},
		{conf("type=passthrough"), profile.ImportUnsupported, "without a tunnel"},
		{conf("authby=xauthpsk"), profile.ImportUnsupported, "XAuth"},
		{conf("authby=never"), profile.ImportUnsupported, `"never"`},
		{conf("leftauth=eap", "rightauth=psk"), profile.ImportUnsupported, "everybody shares"},
		{conf("leftauth=psk", "rightauth=eap"), profile.ImportUnsupported, "do not sign in by it"},
		{conf("leftauth=eap", "rightauth2=eap"), profile.ImportUnsupported, "twice"},
		{conf("leftauth=eap", "leftauth2=pubkey"), profile.ImportUnsupported, "second sign-in"},
		{conf("ah=sha256"), profile.ImportUnsupported, "AH"},
		{conf("rightid=uri:x"), profile.ImportUnsupported, "conn home.rightid"},
		{conf("leftid=@#zz"), profile.ImportUnsupported, "hex digits"},
		{conf("leftauth=pubkey", "leftauth2=eap", "eap_identity=a", "leftid2=uri:x"), profile.ImportUnsupported, "leftid2"},
		{"conn a\n right=%any\n", profile.ImportIncomplete, "names no gateway"},
		{"conn a\n right=${HOST}\n", profile.ImportIncomplete, "template"},
		{"conn a\n also=b\n", profile.ImportIncomplete, `builds on "b"`},
		{"conn a\n also=a\n", profile.ImportIncomplete, "names no gateway"},
		{"conn a\n also=b\nconn b\n also=a\n right=x\n", profile.ImportIncomplete, "no connection"},
		{"config setup\n", profile.ImportIncomplete, "no connection"},
		{"config setup\ninclude conns/*\n", profile.ImportIncomplete, `"conns/*"`},
		{"conn a\nright=x\n", profile.ImportDamaged, `line 2 begins with "right"`},
		{"conn a\n right\n", profile.ImportDamaged, "no = behind it"},
		{"conn a\n =x\n", profile.ImportDamaged, "no key"},
		{" right=x\nconn a\n", profile.ImportDamaged, "outside of any section"},
		{"conn a\n right=\"x\n", profile.ImportDamaged, "does not end"},
		{"conn a\n" + strings.Repeat(" a=1\n", maxSettings+1), profile.ImportDamaged, "one too many"},
		{"key=1", profile.ImportForeign, "no ipsec.conf"},
		{"conn a\n right=\xff\n", profile.ImportDamaged, "UTF-8"},
	} {
		found, err := Parse([]byte(c.text))
		profiletest.Refused(t, found, err, c.problem, c.words)
	}
	found, err := Parse(make([]byte, profile.MaxFile+1))
	profiletest.Refused(t, found, err, profile.ImportTooLarge, "larger")
}

// TestSamples: the files of others give what their manifest says.
func TestSamples(t *testing.T) {
	t.Parallel()
	im := parseIn(t, folder{secretsFile: profiletest.Sample(t, "ipsec-eap.secrets")}, string(profiletest.Sample(t, "ipsec-eap.conf")))[0]
	p := im.Profile
	if p.Gateway.Address != "PH_IP_MOON" || p.Gateway.Identity != "@moon.strongswan.org" || p.Client.Identity != "" || p.Client.Username != "carol" || p.Client.Auth != profile.ClientMSCHAPv2 ||
		p.IKE.Proposals != nil || p.IKE.Lifetime != profile.Duration(time.Hour) || p.Child.Lifetime != profile.Duration(20*time.Minute) || string(im.Secrets.Password) != "Ar3etTnp01qlpOgb" {
		t.Errorf("%+v", p)
	}
	p = parseIn(t, nil, string(profiletest.Sample(t, "algo-ipsec-client.conf")))[0].Profile
	if p.Gateway.Address != "10.99.0.10" || p.Gateway.Identity != "10.99.0.10" || p.Client.Identity != "" || p.Client.Auth != profile.ClientCertificate || !p.Traffic.Full ||
		!p.IKE.Strict || !p.Child.Strict || proposal.Format(p.IKE.Proposals) != "aes256gcm16-prfsha512-ecp384" || proposal.Format(p.Child.Proposals) != "aes256gcm16-ecp384" {
		t.Errorf("%+v", p)
	}
}

// FuzzParse feeds both files. Whatever comes in, the answer is an ImportError that can
// be shown, or valid profiles with a line for each key.
func FuzzParse(f *testing.F) {
	ca := profiletest.Authority(f, "Harbour Root")
	alice := ca.Issue(f, "alice")
	f.Add(fixture(f, "office.conf"), fixture(f, secretsFile))
	f.Add([]byte(conf("leftauth=pubkey", "leftcert=alice.crt", "leftca=CN=x", "rightid=%gw")), []byte(": RSA alice.key x\n"))
	f.Add([]byte("conn %default\n also=b\nconn b\n right=\"::1\"\n authby=secret|x\nconn c\n also=b\n ike=aes-sha-modp1024!\n"), []byte("::1 : PSK 0sAAAA\n : P12 a 'b c'\n"))
	f.Fuzz(func(t *testing.T, data, secrets []byte) {
		beside := folder{secretsFile: secrets, "alice.crt": alice.PEM(), "alice.key": alice.KeyPEM(t), "second.pem": ca.PEM()}
		parse := func(data []byte) ([]profile.Imported, error) {
			return ParseWith(data, profile.ImportOptions{Now: profiletest.Now, ReadFile: beside.read,
				AskPassword: func(string, int) ([]byte, error) { return nil, errors.New("nobody is here") }})
		}
		profiletest.Fuzzed(t, data, parse)
		if _, err := parse(data); err == nil && !Sniff(data) {
			t.Fatal("read, but not known by sight")
		}
	})
}
