package anyconnect

import (
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
	data, err := os.ReadFile(filepath.Join("testdata", "hosts.xml"))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// parse imports a profile that must be importable.
func parse(t testing.TB, data string) []profile.Imported {
	t.Helper()
	found, err := Parse([]byte(data))
	if err != nil {
		t.Fatal(err)
	}
	profiletest.Check(t, found)
	return found
}

// small is a profile with one host, what stands beside its name, and what holds for all.
func small(host, initialization string) string {
	return "<AnyConnectProfile><ClientInitialization>" + initialization + "</ClientInitialization><ServerList><HostEntry><HostName>Harbour</HostName>" +
		"<HostAddress>vpn.harbour.example</HostAddress>" + host + "</HostEntry></ServerList></AnyConnectProfile>"
}

func standard(method string) string {
	return "<PrimaryProtocol>IPsec<StandardAuthenticationOnly>true" + method + "</StandardAuthenticationOnly></PrimaryProtocol>"
}

const mschapv2 = "<PrimaryProtocol>IPsec<StandardAuthenticationOnly>true<AuthMethodDuringIKENegotiation>EAP-MSCHAPv2</AuthMethodDuringIKENegotiation></StandardAuthenticationOnly></PrimaryProtocol>"

// TestHosts reads a profile of several hosts.
func TestHosts(t *testing.T) {
	t.Parallel()
	found := parse(t, fixture(t))
	if len(found) != 2 {
		t.Fatalf("%d connections, want 2", len(found))
	}
	p := found[0].Profile
	if p.Name != "Head office" || p.Gateway.Address != "vpn.harbour.example" || p.Client.Auth != profile.ClientCertificate || p.Client.Identity != "staff" ||
		!reflect.DeepEqual(p.Client.CertificateIssuers, []string{"Harbour Staff CA"}) {
		t.Errorf("%+v", p)
	}
	want := profile.OnDemand{When: profile.WhenLogin, Rules: []profile.Rule{{
		Action: profile.RuleDisconnect, DNSDomains: []string{"harbour.example", "*.harbour.example"}, DNSServers: []string{"10.20.0.53", "10.20.1.*"},
	}}}
	if !reflect.DeepEqual(p.OnDemand, want) || p.Traffic.KillSwitch != profile.KillSwitchOn || p.Traffic.LocalNetwork != profile.LocalAllow || !p.Traffic.Full {
		t.Errorf("%+v, %+v", p.OnDemand, p.Traffic)
	}
	const policy, host = "ClientInitialization.AutomaticVPNPolicy", "ServerList.HostEntry[0]."
	lowers := []string{"ClientInitialization.LocalLanAccess", policy + ".TrustedNetworkPolicy", policy + ".AlwaysOn", host + "CertificatePinList.Pin"}
	if got := profiletest.Lowers(found[0]); !reflect.DeepEqual(got, lowers) {
		t.Errorf("lowers security: %q", got)
	}
	for path, verdict := range map[string]profile.Verdict{
		host + "HostAddress": profile.Approximated, host + "BackupServerList.HostAddress[1]": profile.Ignored, host + "CertificatePinList.Pin": profile.Refused,
		host + "CAURL@PromptForChallengePW": profile.Refused, "ServerList.HostEntry[1]": profile.Refused, "ServerList.HostEntry[2]": profile.Ignored,
		"ClientInitialization.AutoConnectOnStart": profile.Ignored, "ClientInitialization.Novelty": profile.Ignored,
		policy + ".AlwaysOn.ConnectFailurePolicy": profile.Honoured, policy + ".AlwaysOn.AllowedHosts": profile.Refused,
	} {
		if l := profiletest.Line(t, found[0], path); l.Verdict != verdict {
			t.Errorf("%+v, want %s", l, verdict)
		}
	}
	q := found[1]
	if q.Profile.Gateway.Address != "gw.quay.example" || q.Profile.Name != "gw.quay.example" || q.Profile.Client.Auth != profile.ClientMSCHAPv2 {
		t.Errorf("%+v", q.Profile)
	}
	if l := profiletest.Line(t, q, "ServerList.HostEntry[2].PrimaryProtocol"); l.Verdict != profile.Approximated || !strings.Contains(l.Note, "EAP-AnyConnect") {
		t.Errorf("%+v", l)
	}
}

// TestSignIn maps each method.
func TestSignIn(t *testing.T) {
	t.Parallel()
	for method, c := range map[string]struct {
		auth   profile.ClientAuth
		method profile.EAPMethod
		lowers int
	}{
		"EAP-MSCHAPv2": {profile.ClientMSCHAPv2, "", 0}, "EAP-MD5": {profile.ClientEAP, profile.EAPMD5, 1}, "EAP-GTC": {profile.ClientEAP, profile.EAPGTC, 1},
		"": {profile.ClientEAP, profile.EAPGTC, 1}, "-": {profile.ClientEAP, profile.EAPGTC, 1}, "EAP-AnyConnect": {profile.ClientMSCHAPv2, "", 0},
		"IKE-RSA": {profile.ClientCertificate, "", 0}, "IKE-ECDSA": {profile.ClientCertificate, "", 0},
	} {
		text := "<AuthMethodDuringIKENegotiation>" + method + "</AuthMethodDuringIKENegotiation>"
		if method == "-" {
			text = ""
		}
		im := parse(t, small(standard(text), ""))[0]
		got := im.Profile.Client
		if got.Auth != c.auth || len(profiletest.Lowers(im)) != c.lowers || c.method != "" && !reflect.DeepEqual(got.EAP.Methods, []profile.EAPMethod{c.method}) {
			t.Errorf("%s: %+v, lowers %q", method, got, profiletest.Lowers(im))
		}
	}
}

// TestDemand reads when the line comes by itself.
func TestDemand(t *testing.T) {
	t.Parallel()
	policy := func(text string) string { return "<AutomaticVPNPolicy>true" + text + "</AutomaticVPNPolicy>" }
	const domains = "<TrustedDNSDomains>a.example</TrustedDNSDomains>"
	for name, c := range map[string]struct {
		initialization string
		when           profile.When
		rule           profile.RuleAction
		guard          profile.KillSwitch
	}{
		"never":          {"", profile.WhenNever, "", ""},
		"start":          {"<AutoConnectOnStart>true</AutoConnectOnStart>", profile.WhenLogin, "", ""},
		"no policy":      {"<AutomaticVPNPolicy>false" + domains + "</AutomaticVPNPolicy><AlwaysOn>true</AlwaysOn>", profile.WhenNever, "", ""},
		"everywhere":     {policy(""), profile.WhenLogin, "", ""},
		"trusted":        {policy(domains), profile.WhenLogin, profile.RuleDisconnect, ""},
		"connect":        {policy(domains + "<TrustedNetworkPolicy>Connect</TrustedNetworkPolicy>"), profile.WhenLogin, profile.RuleConnect, ""},
		"leave":          {policy(domains + "<TrustedNetworkPolicy>DoNothing</TrustedNetworkPolicy><UntrustedNetworkPolicy>DoNothing</UntrustedNetworkPolicy>"), profile.WhenRules, profile.RuleIgnore, ""},
		"unknown":        {policy(domains + "<TrustedNetworkPolicy>Dance</TrustedNetworkPolicy>"), profile.WhenLogin, "", ""},
		"nothing":        {policy("<UntrustedNetworkPolicy>DoNothing</UntrustedNetworkPolicy>"), profile.WhenNever, "", ""},
		"bad domain":     {policy("<TrustedDNSDomains>a.example,!</TrustedDNSDomains>"), profile.WhenLogin, "", ""},
		"bad server":     {policy(domains + "<TrustedDNSServers>x</TrustedDNSServers>"), profile.WhenLogin, "", ""},
		"https":          {policy(domains + "<TrustedHttpsServerList><TrustedHttpsServer><Address>a</Address></TrustedHttpsServer></TrustedHttpsServerList>"), profile.WhenLogin, "", ""},
		"always":         {policy("<AlwaysOn>true</AlwaysOn><UntrustedNetworkPolicy>DoNothing</UntrustedNetworkPolicy>"), profile.WhenLogin, "", profile.KillSwitchOn},
		"always, open":   {policy("<AlwaysOn>true<ConnectFailurePolicy>Open</ConnectFailurePolicy><AllowVPNDisconnect>true</AllowVPNDisconnect></AlwaysOn>"), profile.WhenLogin, "", ""},
		"always, not":    {policy("<AlwaysOn>false<ConnectFailurePolicy>Closed</ConnectFailurePolicy></AlwaysOn>"), profile.WhenLogin, "", ""},
		"always, domain": {policy(domains + "<AlwaysOn>true</AlwaysOn>"), profile.WhenLogin, profile.RuleDisconnect, profile.KillSwitchOn},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			im := parse(t, small(mschapv2, c.initialization))[0]
			o := im.Profile.OnDemand
			if o.When != c.when || (c.rule == "") != (len(o.Rules) == 0) || c.rule != "" && o.Rules[0].Action != c.rule || im.Profile.Traffic.KillSwitch != c.guard {
				t.Errorf("%+v, kill switch %q", o, im.Profile.Traffic.KillSwitch)
			}
			wantLowers := 0
			if strings.HasPrefix(name, "always") && name != "always, not" {
				wantLowers++
			}
			if name == "always, domain" {
				wantLowers++
			}
			if got := profiletest.Lowers(im); len(got) != wantLowers {
				t.Errorf("lowers security: %q", got)
			}
		})
	}
}

// TestAddresses reads addresses with what people put around them.
func TestAddresses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"vpn.example": "vpn.example", "vpn.example:8443": "vpn.example", "https://vpn.example/group": "vpn.example", "2001:db8::1": "2001:db8::1", "[2001:db8::1]": "2001:db8::1",
	} {
		data := strings.Replace(small(mschapv2, ""), "vpn.harbour.example", text, 1)
		if got := parse(t, data)[0].Profile.Gateway.Address; got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}

// TestSniff knows a profile by sight.
func TestSniff(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		fixture(t): true, "\xEF\xBB\xBF\r\n<ac:AnyConnectProfile xmlns:ac='x'/>": true, "<VPNProfile/>": false, "AnyConnectProfile": false, "": false,
		"<html>About an AnyConnectProfile": false, "<\x00A\x00n\x00y\x00C\x00o\x00n\x00n\x00e\x00c\x00t\x00P\x00r\x00o\x00f\x00i\x00l\x00e\x00>\x00": true,
	} {
		if Sniff([]byte(text)) != want {
			t.Errorf("%.40q: %v", text, !want)
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
		"SSL":       {small("<PrimaryProtocol>SSL</PrimaryProtocol>", ""), profile.ImportUnsupported, []string{"SSL", "IKEv2 only"}},
		"silent":    {small("", ""), profile.ImportUnsupported, []string{"SSL"}},
		"other":     {small("<PrimaryProtocol>Pigeon</PrimaryProtocol>", ""), profile.ImportUnsupported, []string{"Pigeon"}},
		"method":    {small(standard("<AuthMethodDuringIKENegotiation>EAP-X</AuthMethodDuringIKENegotiation>"), ""), profile.ImportUnsupported, []string{"EAP-X"}},
		"template":  {strings.Replace(small(mschapv2, ""), "vpn.harbour.example", "@HOST@", 1), profile.ImportIncomplete, []string{"template"}},
		"no hosts":  {"<AnyConnectProfile/>", profile.ImportIncomplete, []string{"names no server"}},
		"nameless":  {"<AnyConnectProfile><ServerList><HostEntry>" + mschapv2 + "</HostEntry></ServerList></AnyConnectProfile>", profile.ImportIncomplete, []string{"no gateway"}},
		"hosts":     {"<AnyConnectProfile><ServerList>" + strings.Repeat("<HostEntry/>", 200) + "</ServerList></AnyConnectProfile>", profile.ImportDamaged, []string{"128 servers"}},
		"elements":  {"<AnyConnectProfile>" + strings.Repeat("<a/>", 50_000) + "<ServerList>" + strings.Repeat("<HostEntry/>", 20) + "</ServerList></AnyConnectProfile>", profile.ImportDamaged, []string{"elements around 20 servers"}},
		"not it":    {"<VPNProfile/>", profile.ImportForeign, []string{"not a Cisco AnyConnect profile"}},
		"cut off":   {small(mschapv2, "")[:80], profile.ImportDamaged, []string{"cut off"}},
		"entities":  {`<!DOCTYPE a [<!ENTITY b "c">]><AnyConnectProfile/>`, profile.ImportDamaged, []string{"declares XML entities"}},
		"half":      {"\xFF\xFE<\x00V", profile.ImportDamaged, []string{"UTF-16"}},
		"too large": {strings.Repeat("x", profile.MaxFile+1), profile.ImportTooLarge, []string{"2 MiB"}},
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
	f.Add([]byte(small(mschapv2, "<AutomaticVPNPolicy>true<AlwaysOn>true</AlwaysOn></AutomaticVPNPolicy>")))
	f.Fuzz(func(t *testing.T, data []byte) {
		Sniff(data)
		profiletest.Fuzzed(t, data, Parse)
	})
}
