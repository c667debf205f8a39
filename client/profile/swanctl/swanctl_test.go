package swanctl

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

// one parses a file of one connection with these settings and children.
func one(t testing.TB, settings, child string) profile.Imported {
	t.Helper()
	return parseIn(t, nil, conf(settings, child))[0]
}

// conf is a file of one connection, which signs in by EAP unless settings say so.
func conf(settings, child string) string {
	if !strings.Contains(settings, "local") {
		settings += "\nlocal {\nauth = eap\neap_id = alice\n}"
	}
	return "connections {\nhome {\nremote_addrs = vpn.harbour.example\n" + settings + "\nchildren {\nnet {\n" + child + "\n}\n}\n}\n}\n"
}

func office(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "office.conf"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestOffice: a whole file, with what its connection builds on, and with files beside
// it.
func TestOffice(t *testing.T) {
	t.Parallel()
	ca, second := profiletest.Authority(t, "Harbour Root"), profiletest.Authority(t, "Second Root")
	found := parseIn(t, folder{"x509ca/harbour.pem": ca.PEM(), "second.pem": second.PEM()}, office(t))
	if len(found) != 1 {
		t.Fatalf("%d connections", len(found))
	}
	im := found[0]
	profiletest.Check(t, found, "sesame", "not for her", "1234")
	p := im.Profile
	if p.Name != "office" || p.Gateway.Address != "vpn.harbour.example" || p.Gateway.Identity != "gw.harbour.example" || p.Gateway.Auth != profile.GatewayCertificate ||
		p.Gateway.Revocation != profile.RevocationStrict || p.Client.Auth != profile.ClientMSCHAPv2 || p.Client.Username != "alice" || p.Client.Identity != "alice@harbour.example" ||
		p.IKE.Lifetime != profile.Duration(8*time.Hour) || p.Child.Lifetime != profile.Duration(time.Hour) || p.Child.LifetimeBytes != 68719476736 || !p.Child.PFS ||
		!p.Session.NoMOBIKE || p.Session.Liveness != profile.Duration(30*time.Second) || !p.IKE.Strict || p.Traffic.Full || p.Traffic.AcceptPushed || !p.DNS.AcceptPushed {
		t.Errorf("%+v", p)
	}
	if got := proposal.Format(p.IKE.Proposals) + " " + proposal.Format(p.Child.Proposals); got != "aes256gcm16-prfsha384-ecp384,aes256-sha256-modp2048 aes256gcm16-x25519,aes128gcm16-x25519" {
		t.Error(got)
	}
	want := []netip.Prefix{netip.MustParsePrefix("10.20.0.0/16"), netip.MustParsePrefix("fd20::/48"), netip.MustParsePrefix("10.99.0.0/24")}
	if !slices.Equal(p.Traffic.Include, want) || !slices.Equal(p.Traffic.Exclude, []netip.Prefix{netip.MustParsePrefix("10.20.7.0/24")}) {
		t.Errorf("%+v", p.Traffic)
	}
	if len(p.Gateway.Anchors) != 2 || !bytes.Equal(p.Gateway.Anchors[0], ca.Raw) || string(im.Secrets.Password) != "open\tsesame # 1" || im.Secrets.PSK != nil {
		t.Errorf("%d anchors, password %d octets", len(p.Gateway.Anchors), len(im.Secrets.Password))
	}
	for _, c := range []struct {
		path    string
		verdict profile.Verdict
		note    string
	}{
		{"defaults.version", profile.Honoured, ""},
		{"defaults.dpd_delay", profile.Honoured, ""},
		{"defaults.remote.revocation", profile.Honoured, "no line without"},
		{"defaults.children.net.esp_proposals", profile.Honoured, ""},
		{"connections.office.remote_addrs", profile.Approximated, "the first host"},
		{"connections.office.encap", profile.Approximated, "inside UDP"},
		{"connections.office.vips", profile.Honoured, ""},
		{"connections.office.remote.cacerts", profile.Honoured, `"x509ca/harbour.pem"`},
		{"connections.office.children.net.updown", profile.Refused, "no program"},
		{"connections.office.children.net.ipcomp", profile.Approximated, "not compressed"},
		{"connections.office.children.printers.esp_proposals", profile.Approximated, "as the first"},
		{"connections.office.children.lan.mode", profile.Honoured, ""},
		{"connections.office.children.lan.remote_ts", profile.Honoured, "never through"},
		{"connections.gateway", profile.Refused, "names no gateway"},
		{"secrets.eap-alice.secret", profile.Honoured, "sealed store"},
		{"secrets.eap-bob.secret", profile.Ignored, "not used"},
		{"secrets.ike-site.secret", profile.Ignored, "not used"},
		{"secrets.ppk-1.id", profile.Refused, "post-quantum"},
		{"secrets.token-1.pin", profile.Refused, "asked for"},
		{"authorities.second.cacert", profile.Honoured, "read from the file"},
		{"authorities.second.crl_uris", profile.Ignored, "certificate itself"},
		{"pools.people.addrs", profile.Ignored, "for a gateway"},
		{"include", profile.Refused, "not read"},
	} {
		profiletest.Told(t, im.Report, c.path, c.verdict, c.note)
	}
	for _, l := range im.Report {
		if strings.HasPrefix(l.Path, "connections.gateway.") || l.Note == "not known to this version" {
			t.Errorf("%+v", l)
		}
	}
}

// TestWithoutFiles: what is named by a path and not read is told, and where that
// lowers security, it is marked.
func TestWithoutFiles(t *testing.T) {
	t.Parallel()
	im := parseIn(t, nil, office(t))[0]
	l := profiletest.Told(t, im.Report, "connections.office.remote.cacerts", profile.Refused, "does not lie beside")
	if !l.Lowers || im.Profile.Gateway.Anchors != nil {
		t.Errorf("%+v", l)
	}
}

// TestCertificate: certificate and key from files beside the profile.
func TestCertificate(t *testing.T) {
	t.Parallel()
	ca := profiletest.Authority(t, "Harbour Root")
	alice := ca.Issue(t, "alice")
	text := conf("local {\ncerts = alice.crt\n}\nremote {\ncert1 {\nfile = gw.crt\n}\n}", "remote_ts = ::/0, 0.0.0.0/0\nstart_action = trap") +
		"secrets {\nprivate-alice {\nfile = alice.key\n}\npkcs12x {\nfile = alice.p12\nsecret = letmein\n}\n}"
	beside := folder{"alice.crt": alice.PEM(), "private/alice.key": alice.KeyPEM(t), "pkcs12/alice.p12": alice.PKCS12(t, "letmein"), "x509/gw.crt": ca.Issue(t, "vpn.harbour.example").PEM()}
	found := parseIn(t, beside, text)
	profiletest.Check(t, found, "letmein")
	im := found[0]
	if p := im.Profile; p.Client.Auth != profile.ClientCertificate || len(p.Client.Certificates) != 1 || im.Secrets.PrivateKey == nil || !p.Traffic.Full || p.DNS.AcceptPushed ||
		p.OnDemand.When != profile.WhenLogin || len(p.Gateway.Anchors) != 1 {
		t.Errorf("%+v", p)
	}
	profiletest.Told(t, im.Report, "connections.home.local.certs", profile.Honoured, "read from")
	profiletest.Told(t, im.Report, "secrets.pkcs12x.secret", profile.Honoured, "read from")
	profiletest.Told(t, im.Report, "connections.home.local.auth", profile.Approximated, "with a certificate")
	profiletest.Told(t, im.Report, "connections.home.children.net.start_action", profile.Approximated, "first packet")

	delete(beside, "private/alice.key")
	im = parseIn(t, beside, text)[0]
	if im.Secrets.PrivateKey != nil || im.Profile.Client.Certificates != nil {
		t.Error("half of an identity was taken")
	}
	profiletest.Told(t, im.Report, "connections.home.local.certs", profile.Refused, "homewardctl certificate import")
	im = one(t, "local {\nauth = pubkey-sha256\ncert2 {\nhandle = 42\nslot = 1\n}\n}", "")
	profiletest.Told(t, im.Report, "connections.home.local.cert2.handle", profile.Approximated, "on a card")
	profiletest.Told(t, im.Report, "connections.home.local.auth", profile.Approximated, "strong enough")
}

// TestSettings: one setting at a time.
func TestSettings(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		settings, child, path string
		verdict               profile.Verdict
		note                  string
		lowers                bool
		holds                 func(p *profile.Profile) bool
	}{
		{"version = 0", "", "connections.home.version", profile.Honoured, "", false, nil},
		{"version = 3", "", "connections.home.version", profile.Approximated, "IKEv2", false, nil},
		{"remote_port = 4500", "", "connections.home.remote_port", profile.Honoured, "", false, func(p *profile.Profile) bool { return p.Gateway.Port == 4500 }},
		{"remote_port = 0x1", "", "connections.home.remote_port", profile.Refused, "not a port", false, nil},
		{"proposals = default", "", "connections.home.proposals", profile.Approximated, "own set", false, func(p *profile.Profile) bool { return p.IKE.Proposals == nil }},
		{"proposals = aes128-sha1-modp1024", "", "connections.home.proposals", profile.Approximated, "no longer safe", true, func(p *profile.Profile) bool { return p.IKE.Legacy }},
		{"rekey_time = 0", "", "connections.home.rekey_time", profile.Approximated, "all the same", false, nil},
		{"rekey_time = 30d", "", "connections.home.rekey_time", profile.Approximated, "168h", true, nil},
		{"rekey_time = never", "", "connections.home.rekey_time", profile.Refused, "not a time", false, nil},
		{"reauth_time = 3h", "", "connections.home.reauth_time", profile.Approximated, "gateway asks", false, nil},
		{"dpd_delay = 5s", "", "connections.home.dpd_delay", profile.Honoured, "", true, func(p *profile.Profile) bool { return p.Session.Liveness == profile.Duration(5*time.Second) }},
		{"dpd_delay = 0s", "", "connections.home.dpd_delay", profile.Approximated, "all the same", false, nil},
		{"dpd_delay = x", "", "connections.home.dpd_delay", profile.Refused, "not a time", false, nil},
		{"childless = force", "", "connections.home.childless", profile.Honoured, "", false, func(p *profile.Profile) bool { return p.Session.Childless == profile.ChildlessRequired }},
		{"childless = prefer", "", "connections.home.childless", profile.Honoured, "", false, func(p *profile.Profile) bool { return p.Session.Childless == profile.ChildlessOffered }},
		{"send_certreq = no", "", "connections.home.send_certreq", profile.Approximated, "all the same", false, nil},
		{"send_cert = never", "", "connections.home.send_cert", profile.Approximated, "is sent", false, nil},
		{"fragmentation = no", "", "connections.home.fragmentation", profile.Approximated, "all the same", false, nil},
		{"vips = 10.1.1.1", "", "connections.home.vips", profile.Approximated, "chooses", false, nil},
		{"ppk_id = x", "", "connections.home.ppk_id", profile.Refused, "does not insist", false, nil},
		{"aggressive = yes", "", "connections.home.aggressive", profile.Ignored, "IKEv1", false, nil},
		{"remote {\nid = %any\n}", "", "connections.home.remote.id", profile.Approximated, "must be for vpn.harbour.example", false, func(p *profile.Profile) bool { return p.Gateway.Identity == "" }},
		{"remote {\nid = \"C=DE, CN=*\"\n}", "", "connections.home.remote.id", profile.Approximated, "nobody in particular", false, nil},
		{"remote {\nid = keyid:gw\n}", "", "connections.home.remote.id", profile.Approximated, "no certificate says", false, func(p *profile.Profile) bool { return p.Gateway.CertificateName == "vpn.harbour.example" }},
		{"remote {\nauth = any\n}", "", "connections.home.remote.auth", profile.Approximated, "nothing else", false, nil},
		{"remote {\nauth = eap-mschapv2\n}", "", "connections.home.remote.auth", profile.Honoured, "password alone", true, func(p *profile.Profile) bool { return p.Client.EAPOnly == profile.EAPOnlyAny }},
		{"remote {\nauth = eap\n}\nlocal {\nauth = eap-tls\n}", "", "connections.home.remote.auth", profile.Honoured, "sign-in alone", false, func(p *profile.Profile) bool { return p.Client.EAPOnly == profile.EAPOnlySafe }},
		{"remote {\nrevocation = ifuri\n}", "", "connections.home.remote.revocation", profile.Approximated, "nothing is blocked", true, nil},
		{"remote {\nca_id = \"C=DE, CN=Harbour Root\"\n}", "", "connections.home.remote.ca_id", profile.Approximated, "Harbour Root", false, func(p *profile.Profile) bool { return p.Gateway.IssuerName == "Harbour Root" }},
		{"remote {\nca_id = C=DE\n}", "", "connections.home.remote.ca_id", profile.Refused, "not looked at", true, nil},
		{"remote {\ncert_policy = 1.2.3\n}", "", "connections.home.remote.cert_policy", profile.Refused, "not looked at", true, nil},
		{"local {\nauth = eap-ttls\naaa_id = radius.harbour.example\n}", "", "connections.home.local.aaa_id", profile.Honoured, "", false, func(p *profile.Profile) bool { return p.Client.EAP.ServerNames[0] == "radius.harbour.example" }},
		{"local {\nauth = eap-peap\naaa_id = CN=x\n}", "", "connections.home.local.aaa_id", profile.Approximated, "the gateway's", false, nil},
		{"local {\nauth = eap-gtc\neap_id = a\n}", "", "connections.home.local.auth", profile.Honoured, "one-time code", true, nil},
		{"local {\nauth = eap\nid = carol\n}", "", "connections.home.local.id", profile.Honoured, "", false, func(p *profile.Profile) bool { return p.Client.Username == "carol" && p.Client.Identity == "carol" }},
		{"local {\nauth = eap\n}", "", "connections.home.local.eap_id", profile.Approximated, "asked", false, nil},
		{"local {\npubkeys = a.pub\n}", "", "connections.home.local.pubkeys", profile.Refused, "without a certificate", false, nil},
		{"local-2 {\nround = 2\nauth = eap\neap_id = alice\nid = al\n}\nlocal-1 {\nauth = pubkey\n}", "", "connections.home.local-2.eap_id", profile.Honoured, "", false,
			func(p *profile.Profile) bool {
				return p.Client.Auth == profile.ClientCertificate && p.Client.Further[0].Username == "alice" && p.Client.Further[0].Identity == "al"
			}},
		{"", "remote_ts = dynamic", "connections.home.children.net.remote_ts", profile.Honoured, "gateway names", false, func(p *profile.Profile) bool { return p.Traffic.AcceptPushed && !p.Traffic.Full }},
		{"", "", "connections.home.children.net.remote_ts", profile.Approximated, "gateway names", false, func(p *profile.Profile) bool { return p.Traffic.AcceptPushed }},
		{"", "remote_ts = 10.0.0.0/8[tcp/443], nonsense", "connections.home.children.net.remote_ts", profile.Approximated, "nonsense", false, nil},
		{"", "local_ts = 10.3.0.1/32", "connections.home.children.net.local_ts", profile.Approximated, "assigns", false, nil},
		{"", "local_ts = dynamic", "connections.home.children.net.local_ts", profile.Honoured, "", false, nil},
		{"", "start_action = start", "connections.home.children.net.start_action", profile.Honoured, "comes by itself", false, func(p *profile.Profile) bool { return p.OnDemand.When == profile.WhenLogin }},
		{"", "dpd_action = clear", "connections.home.children.net.dpd_action", profile.Approximated, "comes back", false, nil},
		{"", "close_action = trap", "connections.home.children.net.close_action", profile.Honoured, "", false, nil},
		{"", "life_time = 2h", "connections.home.children.net.life_time", profile.Honoured, "", false, func(p *profile.Profile) bool { return p.Child.Lifetime == profile.Duration(2*time.Hour) }},
		{"", "rekey_bytes = 5", "connections.home.children.net.rekey_bytes", profile.Approximated, "1048576", false, nil},
		{"", "life_packets = many", "connections.home.children.net.life_packets", profile.Refused, "not a number", false, nil},
		{"", "life_packets = 0", "connections.home.children.net.life_packets", profile.Approximated, "as much as", false, nil},
		{"", "inactivity = 5m", "connections.home.children.net.inactivity", profile.Refused, "stays connected", false, nil},
		{"", "sha256_96 = yes", "connections.home.children.net.sha256_96", profile.Refused, "standard's", false, nil},
		{"", "esp_proposals = null-sha256", "connections.home.children.net.esp_proposals", profile.Honoured, "nothing is encrypted", true, nil},
		{"", "hw_offload = auto", "connections.home.children.net.hw_offload", profile.Ignored, "computer of strongSwan", false, nil},
		{"", "turtles = yes", "connections.home.children.net.turtles", profile.Ignored, "not known", false, nil},
	} {
		im := one(t, c.settings, c.child)
		l := profiletest.Told(t, im.Report, c.path, c.verdict, c.note)
		if l.Lowers != c.lowers || c.holds != nil && !c.holds(&im.Profile) {
			t.Errorf("%s %s: %+v, %+v", c.settings, c.child, l, im.Profile)
		}
	}
}

// TestSharedKey: a key for both sides, found among others by whose it is.
func TestSharedKey(t *testing.T) {
	t.Parallel()
	text := conf("local {\nauth = psk\nid = @alice.example\n}\nremote {\nauth = psk\nid = gw.example\n}", "") +
		"secrets {\nike-0 {\nsecret = everybody\n}\nike-1 {\nid-1 = bob.example\nid-2 = gw.example\nsecret = wrong\n}\n" +
		"ike-2 {\nid-1 = fqdn:alice.example\nid-2 = gw.example\nsecret = 0sbG9uZyBlbm91Z2gga2V5IQ==\n}\neap-1 {\nid = alice.example\nsecret = no\n}\nike-3 {\nid = gw.example\nsecret = 0xzz\n}\n}"
	im := parseIn(t, nil, text)[0]
	if string(im.Secrets.PSK) != "long enough key!" || im.Profile.Client.Auth != profile.ClientPSK || im.Profile.Gateway.Auth != profile.GatewayPSK {
		t.Errorf("%d octets, %+v", len(im.Secrets.PSK), im.Profile.Client)
	}
	profiletest.Told(t, im.Report, "secrets.ike-1.secret", profile.Ignored, "not used")
	profiletest.Told(t, im.Report, "secrets.ike-3.secret", profile.Refused, "not hex digits")
	im = parseIn(t, nil, conf("local {\nauth = psk\n}\nremote {\nauth = psk\n}", "")+"secrets {\nike {\nsecret = short\n}\n}")[0]
	if l := profiletest.Told(t, im.Report, "secrets.ike.secret", profile.Honoured, "so short"); !l.Lowers {
		t.Errorf("%+v", l)
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
		{conf("version = 1", ""), profile.ImportUnsupported, "IKEv1"},
		{conf("ppk_id = a\nppk_required = yes", ""), profile.ImportUnsupported, "RFC 8784"},
		{conf("local {\nauth = xauth\n}", ""), profile.ImportUnsupported, "XAuth"},
		{conf("local {\nauth = eap-sim\n}", ""), profile.ImportUnsupported, "card of a telephone"},
		{conf("local {\nauth = eap-radius\n}", ""), profile.ImportUnsupported, "file of a gateway"},
		{conf("local {\nauth = eap-turtle\n}", ""), profile.ImportUnsupported, `EAP method "turtle"`},
		{conf("local {\nauth = stone\n}", ""), profile.ImportUnsupported, `"stone"`},
		{conf("local-1 {\nauth = eap\n}\nlocal-2 {\nauth = pubkey\n}", ""), profile.ImportUnsupported, "second sign-in"},
		{conf("local {\nauth = eap\nid = uri:x\n}", ""), profile.ImportUnsupported, "connections.home.local.id"},
		{conf("local {\nauth = eap\n}\nremote {\nauth = psk\n}", ""), profile.ImportUnsupported, "everybody shares"},
		{conf("remote {\nauth = pubkey\n}\nremote-2 {\nauth = eap\n}", ""), profile.ImportUnsupported, "twice"},
		{conf("local {\nauth = psk\n}\nremote {\nauth = eap\n}", ""), profile.ImportUnsupported, "do not sign in by it"},
		{conf("remote {\nauth = stone\n}", ""), profile.ImportUnsupported, `"stone"`},
		{conf("remote {\nid = {9}:#00\n}", ""), profile.ImportDamaged, "line 5"},
		{conf("", "mode = transport"), profile.ImportUnsupported, "not for a tunnel"},
		{conf("", "ah_proposals = sha256"), profile.ImportUnsupported, "AH"},
		{"connections {\nroad {\nremote_addrs = %any\n}\n}", profile.ImportIncomplete, "names no gateway"},
		{"connections {\nroad {\nremote_addrs = 10.0.0.0/8, 0.0.0.0\n}\n}", profile.ImportIncomplete, "names no gateway"},
		{"connections {\nroad {\nremote_addrs = {{host}}\n}\n}", profile.ImportDamaged, "line"},
		{"connections {\n}\ninclude conf.d/*.conf", profile.ImportIncomplete, `"conf.d/*.conf", which are not read`},
		{"secrets {\n}", profile.ImportIncomplete, "no connection"},
		{"connections {\nhome : base {\n}\n}", profile.ImportIncomplete, `builds on "base"`},
		{"connections {\nhome : connections.home {\n}\n}", profile.ImportDamaged, "refers to itself"},
		{"a : b {\n}\nb : a {\n}\nconnections {\n}", profile.ImportDamaged, "refers to itself"},
		{"connections {\nhome {\n", profile.ImportDamaged, "not closed"},
		{"connections {\n}\n}", profile.ImportDamaged, "not opened"},
		{"connections {\nname\n}", profile.ImportDamaged, "neither a value nor a section"},
		{"connections {\na = \"b\n}\n", profile.ImportDamaged, "line 2 begins a text"},
		{"connections {\n\"a\" = b\n}", profile.ImportDamaged, "a name is wanted"},
		{"connections {\n" + strings.Repeat("a {\n", 30) + strings.Repeat("}\n", 31), profile.ImportDamaged, "deeper"},
		{"connections {\n" + strings.Repeat("a = 1\n", maxSettings+1) + "}", profile.ImportDamaged, "one too many"},
		{"connections {\nb {\nc : connections {\n}\n}\n}", profile.ImportDamaged, "references"},
		{"conn x", profile.ImportForeign, "no swanctl.conf"},
		{"connections {\na = \xff\n}", profile.ImportDamaged, "UTF-8"},
	} {
		found, err := Parse([]byte(c.text))
		profiletest.Refused(t, found, err, c.problem, c.words)
	}
	found, err := Parse(make([]byte, profile.MaxFile+1))
	profiletest.Refused(t, found, err, profile.ImportTooLarge, "larger")
}

// TestGrammar: what the text says, in every way to write it.
func TestGrammar(t *testing.T) {
	t.Parallel()
	p, err := parse("a {\n b = one  two\t# three\n c = \"x # {y}\\n\\\"z\\\\\" end\n d=\"lines\\\n joined\"\n e =\n}\n" +
		"a { b = later }\nlone\n{ include x.conf\n include = yes }\r\nbase { k = base\n l = own\n deep { m = 1 } }\n user : base, other { l = mine\n deep { n = 2 } }\nother { k = other\n o = other }\ninclude \"a b.conf\"")
	if err != nil {
		t.Fatal(err)
	}
	at := func(path string) string {
		s := p.root
		names := strings.Split(path, ".")
		for _, name := range names[:len(names)-1] {
			s = s.sub(name)
		}
		return s.value(names[len(names)-1])
	}
	for path, want := range map[string]string{
		"a.b": "later", "a.c": "x # {y}\n\"z\\ end", "a.d": "lines joined", "a.e": "", "lone.include": "yes",
		"user.k": "base", "user.l": "mine", "user.o": "other", "user.deep.m": "1", "user.deep.n": "2", "nowhere.x": "",
	} {
		if got := at(path); got != want {
			t.Errorf("%s = %q, want %q", path, got, want)
		}
	}
	if !slices.Equal(p.includes, []string{"x.conf", "a b.conf"}) {
		t.Errorf("%q", p.includes)
	}
	if got := p.root.sub("user").get("o").path; got != "other.o" {
		t.Errorf("it stands at %s", got)
	}
}

// TestSeveral: every connection that leads to a gateway, each with the others in its
// report.
func TestSeveral(t *testing.T) {
	t.Parallel()
	text := "connections {\n a { remote_addrs = a.example\n local { auth = psk }\n remote { auth = psk } }\n" +
		" b { remote_addrs = b.example\n version = 1 }\n c { remote_addrs = c.example } }"
	found := parseIn(t, nil, text)
	if len(found) != 2 || found[0].Profile.Name != "a" || found[1].Profile.Name != "c" || found[0].Profile.Origin.Identifier != "a@a.example" {
		t.Fatalf("%d connections", len(found))
	}
	profiletest.Told(t, found[0].Report, "connections.b", profile.Refused, "IKEv1")
	profiletest.Told(t, found[0].Report, "connections.c", profile.Ignored, "reported on its own")
	for _, l := range found[0].Report {
		if strings.HasPrefix(l.Path, "connections.c.") {
			t.Errorf("%+v", l)
		}
	}
}

// TestSamples: the files of strongSwan's own tests give what their manifest says.
func TestSamples(t *testing.T) {
	t.Parallel()
	im := parseIn(t, nil, string(profiletest.Sample(t, "swanctl-eap-mschapv2.conf")))[0]
	p := im.Profile
	if p.Gateway.Address != "192.168.0.1" || p.Gateway.Identity != "moon.strongswan.org" || p.Client.Identity != "" || p.Client.Username != "carol" ||
		p.Client.Auth != profile.ClientMSCHAPv2 || string(im.Secrets.Password) != "Ar3etTnp" ||
		proposal.Format(p.IKE.Proposals) != "aes128-sha256-x25519" || proposal.Format(p.Child.Proposals) != "aes128gcm16-x25519" {
		t.Errorf("%+v", p)
	}
	im = parseIn(t, nil, string(profiletest.Sample(t, "swanctl-cert.conf")))[0]
	if p := im.Profile; p.Client.Auth != profile.ClientCertificate || p.Client.Identity != "carol@strongswan.org" || p.Gateway.Identity != "moon.strongswan.org" {
		t.Errorf("%+v", p)
	}
	profiletest.Told(t, im.Report, "connections.home.local.certs", profile.Refused, "certificate import")
	profiletest.Told(t, im.Report, "secrets.rsa-carol.file", profile.Refused, "certificate import")
	found, err := Parse(profiletest.Sample(t, "swanctl-ppk.conf"))
	profiletest.Refused(t, found, err, profile.ImportUnsupported, "RFC 8784")
}

// FuzzParse feeds whole files. Whatever comes in, the answer is an ImportError that
// can be shown, or valid profiles with a line for each key.
func FuzzParse(f *testing.F) {
	ca := profiletest.Authority(f, "Harbour Root")
	alice := ca.Issue(f, "alice")
	beside := folder{"x509ca/harbour.pem": ca.PEM(), "second.pem": []byte("none"), "alice.crt": alice.PEM(), "alice.key": alice.KeyPEM(f)}
	f.Add([]byte(office(f)))
	f.Add([]byte(conf("local {\ncerts = alice.crt\n}", "remote_ts = 0.0.0.0/0[tcp/80]") + "secrets {\nrsa {\nfile = alice.key\n}\n}"))
	f.Add([]byte(conf("local-2 {\nauth = eap\neap_id = a\nround = 2\n}\nlocal {\nauth = pubkey\n}\nproposals = default", "mode = pass\nremote_ts = 10.0.0.1-10.0.0.7")))
	f.Add([]byte("a : b, c { d = \"x\\\n\" }\nb { include y }\nc { }\nconnections { z : a { remote_addrs = ::1\nlocal { auth = psk }\nremote { auth = psk } } }"))
	f.Fuzz(func(t *testing.T, data []byte) {
		parse := func(data []byte) ([]profile.Imported, error) {
			return ParseWith(data, profile.ImportOptions{Now: profiletest.Now, ReadFile: beside.read,
				AskPassword: func(string, int) ([]byte, error) { return nil, errors.New("nobody is here") }})
		}
		profiletest.Fuzzed(t, data, parse)
		if found, err := parse(data); err == nil && (!Sniff(data) || len(found) == 0) {
			t.Fatal("read, but not known by sight")
		}
	})
}
