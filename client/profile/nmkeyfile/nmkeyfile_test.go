package nmkeyfile

import (
	"bytes"
	"errors"
	"io/fs"
	"net/netip"
	"slices"
	"strings"
	"testing"

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

// file is a connection of the plugin with these lines in its groups.
func file(vpn string, others ...string) string {
	return "[connection]\nid=Harbour Office\nuuid=0D6A4A14-41E2-4E63-9F0B-1F1B5D4F9E01\ntype=vpn\n\n[vpn]\naddress=vpn.harbour.example\n" + vpn +
		"\nservice-type=org.freedesktop.NetworkManager.strongswan\n\n" + strings.Join(others, "\n")
}

func parseIn(t testing.TB, beside folder, text string) profile.Imported {
	t.Helper()
	o := profile.ImportOptions{Now: profiletest.Now}
	if beside != nil {
		o.ReadFile = beside.read
	}
	found, err := ParseWith([]byte(text), o)
	if err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	if len(found) != 1 || !Sniff([]byte(text)) {
		t.Errorf("%d connections, or not known by sight", len(found))
	}
	profiletest.Check(t, found)
	return found[0]
}

func TestPassword(t *testing.T) {
	t.Parallel()
	ca := profiletest.Authority(t, "Harbour Root")
	text := file("method=eap\nuser=alice\nremote-identity=gw.harbour.example\ncertificate=/home/anna/.cert/root.pem\nvirtual=yes\nencap=yes\nipcomp=no\npassword-flags=0\nserver-port=4500\nproposal=yes\n"+
		"ike=aes256gcm16-prfsha384-ecp384;aes256-sha2_256-modp2048;\nesp=aes256gcm16-ecp384",
		"[vpn-secrets]\npassword=\\sopen\\tsesame\\\\", "[ipv4]\nmethod=auto\ndns=10.0.0.1;10.0.0.2;x;\ndns-search=harbour.example;~corp.example;", "[ipv6]\nmethod=auto\n[proxy]\nmethod=1")
	im := parseIn(t, folder{"root.pem": ca.PEM()}, text)
	profiletest.Check(t, []profile.Imported{im}, "sesame")
	p := im.Profile
	if p.Name != "Harbour Office" || p.Origin.Identifier != "0d6a4a14-41e2-4e63-9f0b-1f1b5d4f9e01" || p.Gateway.Address != "vpn.harbour.example" || p.Gateway.Port != 4500 || p.Gateway.Identity != "gw.harbour.example" ||
		p.Client.Auth != profile.ClientMSCHAPv2 || p.Client.Username != "alice" || !p.Traffic.Full || !p.IKE.Strict || !p.Child.PFS || string(im.Secrets.Password) != " open\tsesame\\" ||
		len(p.Gateway.Anchors) != 1 || len(p.DNS.Servers) != 2 || !slices.Equal(p.DNS.Search, []string{"harbour.example"}) || p.DNS.Domains != nil {
		t.Errorf("%+v", p)
	}
	if got := proposal.Format(p.IKE.Proposals); got != "aes256gcm16-prfsha384-ecp384,aes256-sha256-modp2048" {
		t.Error(got)
	}
	for _, l := range im.Report {
		if l.Note == "not known to this version" {
			t.Errorf("%+v", l)
		}
	}
	profiletest.Told(t, im.Report, "vpn.certificate", profile.Honoured, `"root.pem"`)
	profiletest.Told(t, im.Report, "vpn.encap", profile.Approximated, "inside UDP")
	profiletest.Told(t, im.Report, "vpn-secrets.password", profile.Honoured, "sealed store")
	profiletest.Told(t, im.Report, "ipv4.dns", profile.Approximated, "left out")
	profiletest.Told(t, im.Report, "proxy.method", profile.Ignored, "proxies")
	im = parseIn(t, nil, text)
	if l := profiletest.Told(t, im.Report, "vpn.certificate", profile.Refused, "does not lie beside"); !l.Lowers || im.Profile.Gateway.Anchors != nil {
		t.Errorf("%+v", l)
	}
}

// TestCertificate: the gateway's own, and the user's, from files beside the profile.
func TestCertificate(t *testing.T) {
	t.Parallel()
	ca := profiletest.Authority(t, "Harbour Root")
	alice, gw := ca.Issue(t, "alice"), ca.Issue(t, "inside.harbour.example")
	beside := folder{"gw.crt": gw.PEM(), "alice.crt": alice.PEM(), "private/alice.key": alice.KeyPEM(t)}
	text := file("method=cert\ncert-source=file\ncertificate=gw.crt\nusercert=/etc/ipsec.d/certs/alice.crt\nuserkey=/etc/ipsec.d/private/alice.key\nlocal-identity=alice@harbour.example", "[vpn-secrets]\npassword=letmein")
	im := parseIn(t, beside, text)
	if p := im.Profile; p.Client.Auth != profile.ClientCertificate || len(p.Client.Certificates) != 1 || im.Secrets.PrivateKey == nil || im.Secrets.Password != nil ||
		p.Client.Identity != "alice@harbour.example" || p.Gateway.CertificateName != "inside.harbour.example" {
		t.Errorf("%+v", p)
	}
	profiletest.Told(t, im.Report, "vpn-secrets.password", profile.Honoured, "opens the key")
	profiletest.Told(t, im.Report, "vpn.usercert", profile.Honoured, "read from")
	profiletest.Told(t, im.Report, "vpn.userkey", profile.Honoured, "read from")
	im = parseIn(t, beside, file("method=cert\nusercert=alice.crt\nuserkey=", ""))
	profiletest.Told(t, im.Report, "vpn.userkey", profile.Ignored, "empty")
	for _, method := range []string{"key", "agent", "smartcard", "eap-tls"} {
		im := parseIn(t, nil, file("method="+method+"\nusercert=a\nuserkey=b"))
		want := profile.ClientCertificate
		if method == "eap-tls" {
			want = profile.ClientEAP
		}
		if im.Profile.Client.Auth != want || im.Secrets.PrivateKey != nil {
			t.Errorf("%s: %+v", method, im.Profile.Client)
		}
		if method == "key" {
			profiletest.Told(t, im.Report, "vpn.usercert", profile.Refused, "certificate import")
			profiletest.Told(t, im.Report, "vpn.userkey", profile.Refused, "certificate import")
		}
	}
	im = parseIn(t, nil, file("method=cert"))
	profiletest.Told(t, im.Report, "vpn.usercert", profile.Approximated, "when you connect")
}

// TestSharedKey: the key belongs to the user's name.
func TestSharedKey(t *testing.T) {
	t.Parallel()
	im := parseIn(t, nil, file("method=psk\nuser=alice@harbour.example", "[vpn-secrets]\npassword=short"))
	if im.Profile.Client.Identity != "alice@harbour.example" || im.Profile.Gateway.Auth != profile.GatewayPSK || string(im.Secrets.PSK) != "short" {
		t.Errorf("%+v", im.Profile)
	}
	if l := profiletest.Told(t, im.Report, "vpn-secrets.password", profile.Honoured, "so short"); !l.Lowers {
		t.Errorf("%+v", l)
	}
	profiletest.Told(t, im.Report, "vpn.remote-identity", profile.Approximated, "shared key alone")
	im = parseIn(t, nil, file("method=psk\nlocal-identity=@a\nuser=b\npassword-flags=1"))
	if im.Profile.Client.Identity != "@a" {
		t.Errorf("%+v", im.Profile.Client)
	}
	profiletest.Told(t, im.Report, "vpn-secrets.password", profile.Approximated, "asked")
}

// TestSettings: one setting at a time.
func TestSettings(t *testing.T) {
	t.Parallel()
	prefixes := func(list ...string) (out []netip.Prefix) {
		for _, s := range list {
			out = append(out, netip.MustParsePrefix(s))
		}
		return out
	}
	for _, c := range []struct {
		vpn, group, path string
		verdict          profile.Verdict
		note             string
		holds            func(p *profile.Profile) bool
	}{
		{"remote-ts=10.0.0.0/8;fd00::/8;", "", "vpn.remote-ts", profile.Honoured, "only these", func(p *profile.Profile) bool {
			return slices.Equal(p.Traffic.Include, prefixes("10.0.0.0/8", "fd00::/8")) && !p.Traffic.Full
		}},
		{"remote-ts=0.0.0.0/0;::/0", "", "vpn.remote-ts", profile.Honoured, "everything", func(p *profile.Profile) bool { return p.Traffic.Full }},
		{"local-ts=10.0.0.1/32", "", "vpn.local-ts", profile.Approximated, "assigns", nil},
		{"", "[ipv4]\nnever-default=true", "ipv4.never-default", profile.Honoured, "", func(p *profile.Profile) bool { return !p.Traffic.Full && p.Traffic.AcceptPushed }},
		{"", "[ipv4]\nroute1=10.7.0.0/16,0.0.0.0,1\nroute2=::/0\nignore-auto-routes=true\ndns-search=~corp.example;", "ipv4.route1", profile.Honoured, "through the tunnel", func(p *profile.Profile) bool {
			return slices.Equal(p.Traffic.Include, prefixes("10.7.0.0/16")) && !p.Traffic.AcceptPushed && slices.Equal(p.DNS.Domains, []string{"corp.example"}) && p.DNS.Search == nil
		}},
		{"", "[ipv4]\nroute1=x", "ipv4.route1", profile.Refused, "no network", nil},
		{"", "[ipv4]\ndns-search=~.;com;", "ipv4.dns-search", profile.Approximated, "left out", nil},
		{"proposal=true\nike=des", "", "vpn.proposal", profile.Ignored, "only yes counts", func(p *profile.Profile) bool { return p.IKE.Proposals == nil }},
		{"proposal=no\nike=des", "", "vpn.ike", profile.Ignored, "proposal=yes", nil},
		{"proposal=yes\nike=", "", "vpn.ike", profile.Ignored, "own set", nil},
		{"virtual=no", "", "vpn.virtual", profile.Approximated, "all the same", nil},
		{"ipcomp=yes", "", "vpn.ipcomp", profile.Approximated, "not compressed", nil},
		{"password-flags=2", "", "vpn.password-flags", profile.Honoured, "whether it is kept", nil},
		{"user=", "", "vpn.user", profile.Approximated, "asked", nil},
		{"rightid=x", "", "vpn.rightid", profile.Ignored, "not known", nil},
		{"certificate=", "", "vpn.certificate", profile.Ignored, "empty", nil},
		{"local-identity=", "", "vpn.local-identity", profile.Approximated, "nobody in particular", nil},
	} {
		vpn := "method=eap\nuser=alice\n" + c.vpn
		im := parseIn(t, nil, file(vpn, c.group))
		if profiletest.Told(t, im.Report, c.path, c.verdict, c.note); c.holds != nil && !c.holds(&im.Profile) {
			t.Errorf("%s %s: %+v", c.vpn, c.group, im.Profile)
		}
	}
}

// TestGrammar: what the text says, in every way to write it.
func TestGrammar(t *testing.T) {
	t.Parallel()
	f, err := parse([]byte("# c\r\n [a] \r\nk =  v # no comment \r\n\nl=x\\;y;z\\sq;\\\\;;\n[b c]\nk[de]=w\n[a]\nk=later"))
	if err != nil {
		t.Fatal(err)
	}
	if f.text("a", "k") != "later" || f.text("b c", "k[de]") != "w" || f.text("a", "none") != "" || !slices.Equal(f.list("a", "l"), []string{"x;y", "z q", `\`}) {
		t.Errorf("%+v", f.entries)
	}
	if got := unescape(`\s\n\t\r\\s\;`); got != " \n\t\r\\s;" {
		t.Errorf("%q", got)
	}
}

// TestRefused: what is not taken over, and why.
func TestRefused(t *testing.T) {
	t.Parallel()
	other := func(service string) string { return "[connection]\nid=x\ntype=vpn\n[vpn]\nservice-type=" + service }
	for _, c := range []struct {
		text    string
		problem profile.ImportProblem
		words   string
	}{
		{other(servicePrefix + "openvpn"), profile.ImportUnsupported, "OpenVPN"},
		{other(servicePrefix + "l2tp"), profile.ImportUnsupported, "L2TP"},
		{other(servicePrefix + "vpnc"), profile.ImportUnsupported, "Cisco IPsec (IKEv1)"},
		{other(servicePrefix + "libreswan"), profile.ImportUnsupported, "Libreswan"},
		{other("com.example.turtle"), profile.ImportUnsupported, `"com.example.turtle"`},
		{other(""), profile.ImportIncomplete, "service-type"},
		{"[connection]\nid=x\ntype=wireguard\n", profile.ImportUnsupported, "WireGuard"},
		{"[connection]\nid=x\ntype=wifi\n", profile.ImportForeign, `"wifi"`},
		{file(""), profile.ImportIncomplete, "method is missing"},
		{file("method=stone"), profile.ImportUnsupported, `"stone"`},
		{strings.Replace(file("method=eap"), "vpn.harbour.example", "", 1), profile.ImportIncomplete, "names no gateway"},
		{file("method=eap\nremote-identity=uri:x"), profile.ImportUnsupported, "vpn.remote-identity"},
		{file("method=psk\nuser=@#x"), profile.ImportUnsupported, "vpn.user"},
		{"[vpn]\nno value\n", profile.ImportDamaged, "line 2"},
		{"key=1\n[vpn]\n", profile.ImportDamaged, "line 1"},
		{"[vpn]\n[vpn\n", profile.ImportDamaged, "line 2"},
		{"[vpn]\n" + strings.Repeat("x", 10) + "=\xff", profile.ImportDamaged, "UTF-8"},
		{"[other]\na=b", profile.ImportForeign, "no connection of NetworkManager"},
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
	im := parseIn(t, nil, string(profiletest.Sample(t, "campus-eap.nmconnection")))
	if p := im.Profile; p.Gateway.Address != "vpn.example.edu" || p.Gateway.Identity != "" || p.Client.Identity != "" || p.Client.Username != "student" || p.Client.Auth != profile.ClientMSCHAPv2 ||
		p.IKE.Proposals != nil || p.Child.Proposals != nil || !p.Traffic.Full {
		t.Errorf("%+v", p)
	}
	im = parseIn(t, nil, string(profiletest.Sample(t, "algo-nm-key.nmconnection")))
	p := im.Profile
	if p.Gateway.Address != "192.0.2.60" || p.Gateway.Identity != "" || p.Client.Identity != "" || p.Client.Auth != profile.ClientCertificate ||
		proposal.Format(p.IKE.Proposals) != "aes128gcm16-prfsha512-ecp256,aes128-sha512-ecp256,aes128-sha384-ecp256" || proposal.Format(p.Child.Proposals) != "aes128gcm16-ecp256,aes128-sha512-ecp256" {
		t.Errorf("%+v", p)
	}
}

// FuzzParse feeds whole files. Whatever comes in, the answer is an ImportError that
// can be shown, or a valid profile with a line for each key.
func FuzzParse(f *testing.F) {
	ca := profiletest.Authority(f, "Harbour Root")
	alice := ca.Issue(f, "alice")
	beside := folder{"a.crt": alice.PEM(), "a.key": alice.KeyPEM(f), "ca.pem": ca.PEM()}
	f.Add([]byte(file("method=eap\nuser=alice\ncertificate=ca.pem\nproposal=yes\nike=aes256-sha256-modp2048;x", "[vpn-secrets]\npassword=\\s\\;x", "[ipv4]\nroute1=10.0.0.0/8,\ndns=10.0.0.1;")))
	f.Add([]byte(file("method=key\ncertificate=a.crt\nusercert=a.crt\nuserkey=a.key\nremote-ts=::/0;10.0.0.0-10.0.0.9")))
	f.Add([]byte(file("method=psk\nuser=alice\npassword-flags=3", "[ipv6]\nnever-default=true\ndns-search=~.;~corp.example")))
	f.Fuzz(func(t *testing.T, data []byte) {
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
