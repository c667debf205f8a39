package profilexml

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/profiletest"
	"github.com/homeward-vpn/homeward/client/profile/xmltree"
)

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// parse imports a profile that must be importable.
func parse(t testing.TB, data string) profile.Imported {
	t.Helper()
	found, err := Parse([]byte(data))
	if err != nil || len(found) != 1 {
		t.Fatalf("%d connections, %v", len(found), err)
	}
	profiletest.Check(t, found)
	return found[0]
}

// with writes a small profile: what stands in NativeProfile beside the server, and
// what stands beside it.
func with(native, beside string) string {
	return "<VPNProfile>" + beside + "<NativeProfile><Servers>vpn.harbour.example</Servers><NativeProtocolType>IKEv2</NativeProtocolType>" +
		native + "</NativeProfile></VPNProfile>"
}

const (
	password = "<Authentication><UserMethod>MSChapv2</UserMethod></Authentication>"
	force    = "<RoutingPolicyType>ForceTunnel</RoutingPolicyType>"
)

// TestUser reads a profile with a bit of everything that people sign in by.
func TestUser(t *testing.T) {
	t.Parallel()
	im := parse(t, string(fixture(t, "user.xml")))
	p := im.Profile
	if p.Name != "Harbour Office" || p.Gateway.Address != "vpn.harbour.example" || p.Gateway.Auth != profile.GatewayCertificate {
		t.Errorf("%q at %q by %q", p.Name, p.Gateway.Address, p.Gateway.Auth)
	}
	wantEAP := profile.EAP{
		Methods: []profile.EAPMethod{profile.EAPPEAP}, Inner: []profile.InnerMethod{profile.InnerMSCHAPv2},
		OuterIdentity: "visitor", ServerNames: []string{"nps1.harbour.example", "*.nps.harbour.example"},
	}
	if p.Client.Auth != profile.ClientEAP || !reflect.DeepEqual(p.Client.EAP, wantEAP) {
		t.Errorf("signs in by %q, %+v", p.Client.Auth, p.Client.EAP)
	}
	wantIKE := []profile.Proposal{{Encryption: "aes256", Integrity: "sha384", PRF: "sha384", Group: "ecp384"}}
	wantChild := []profile.Proposal{{Encryption: "aes256gcm16", Group: "ecp384"}}
	if !reflect.DeepEqual(p.IKE.Proposals, wantIKE) || !reflect.DeepEqual(p.Child.Proposals, wantChild) || !p.Child.PFS || p.IKE.Strict {
		t.Errorf("offers %+v and %+v", p.IKE, p.Child)
	}
	if tr := p.Traffic; tr.Full || tr.AcceptPushed || fmt.Sprint(tr.Include) != "[10.20.0.0/16 fd00:20::/48]" || fmt.Sprint(tr.Exclude) != "[10.20.9.0/24]" {
		t.Errorf("traffic %+v", tr)
	}
	if d := p.DNS; fmt.Sprint(d.Domains) != "[harbour.example quay.example intra.harbour.example]" || fmt.Sprint(d.Search) != "[harbour.example quay.example]" ||
		fmt.Sprint(d.Servers) != "[10.20.0.53 10.20.0.54]" {
		t.Errorf("names %+v", d)
	}
	wantRules := []profile.Rule{{Action: profile.RuleDisconnect, DNSDomains: []string{"harbour.example"}}}
	if p.OnDemand.When != profile.WhenLogin || !reflect.DeepEqual(p.OnDemand.Rules, wantRules) {
		t.Errorf("by itself %+v", p.OnDemand)
	}
	profiletest.Check(t, []profile.Imported{im}, "never-shown")
	const validation = "NativeProfile.Authentication.Eap.Configuration.EapHostConfig.Config.Eap.EapType.ServerValidation."
	if got := profiletest.Lowers(im); !reflect.DeepEqual(got, []string{validation + "TrustedRootCA", "TrafficFilter.App.Id"}) {
		t.Errorf("lowers security: %q", got)
	}
	if l := profiletest.Line(t, im, "NativeProfile.Servers"); l.Verdict != profile.Approximated || !strings.Contains(l.Note, "the first is used") {
		t.Errorf("%+v", l)
	}
	if p.Origin.Format != Format || p.Origin.Identifier != "harbour office@vpn.harbour.example" || p.Origin.SHA256 == "" {
		t.Errorf("origin %+v", p.Origin)
	}
}

// TestDevice reads a connection of the computer's.
func TestDevice(t *testing.T) {
	t.Parallel()
	im := parse(t, string(fixture(t, "device.xml")))
	p := im.Profile
	if p.Client.Auth != profile.ClientCertificate || p.OnDemand.When != profile.WhenAlways || !p.Traffic.Full || p.Traffic.KillSwitch != profile.KillSwitchOn {
		t.Errorf("%q, %q, full %v, kill switch %q", p.Client.Auth, p.OnDemand.When, p.Traffic.Full, p.Traffic.KillSwitch)
	}
	if len(p.OnDemand.Rules) != 0 {
		t.Errorf("lockdown has exceptions: %+v", p.OnDemand.Rules)
	}
	if got := profiletest.Lowers(im); !reflect.DeepEqual(got, []string{"LockDown", "Route.Address"}) {
		t.Errorf("lowers security: %q", got)
	}
	if !strings.HasSuffix(p.Origin.Identifier, " device") {
		t.Errorf("%q would replace the user's own", p.Origin.Identifier)
	}
}

// TestWrappings finds the same profile in all that carries one.
func TestWrappings(t *testing.T) {
	t.Parallel()
	bare := with(password+force, "<DnsSuffix>harbour.example</DnsSuffix>")
	escaped := strings.NewReplacer("<", "&lt;", ">", "&gt;").Replace(bare)
	twice := strings.ReplaceAll(escaped, "&", "&amp;")
	var utf16 []byte
	for _, c := range []byte(bare) {
		utf16 = append(utf16, c, 0)
	}
	want := parse(t, bare)
	for name, text := range map[string]string{
		"declared":      "\xEF\xBB\xBF<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n<!-- by hand -->\r\n" + bare,
		"UTF-16":        "\xFF\xFE" + string(utf16),
		"UTF-16, bare":  string(utf16),
		"Latin-1":       strings.Replace(bare, "<DnsSuffix>", "<!-- f\xFCr alle --><DnsSuffix>", 1),
		"escaped":       escaped,
		"SyncML":        "<SyncML xmlns=\"SYNCML:SYNCML1.2\"><SyncBody><Add><Item><Data>" + escaped + "</Data></Item></Add></SyncBody></SyncML>",
		"SyncML, CDATA": "<SyncML><SyncBody><Data><![CDATA[" + bare + "]]></Data></SyncBody></SyncML>",
		"SyncML, twice": "<SyncML><SyncBody><Data>" + twice + "</Data></SyncBody></SyncML>",
		"an element":    "<wap-provisioningdoc><ProfileXML>" + bare + "</ProfileXML></wap-provisioningdoc>",
		"PowerShell":    "$ProfileName = 'Harbour'\r\n$ProfileXML = '" + bare + "'\r\n$ProfileXML = $ProfileXML -replace '<', '&lt;'\r\n",
		"a namespace":   strings.Replace(bare, "<VPNProfile>", `<VPNProfile xmlns="http://example.com/x">`, 1),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if !Sniff([]byte(text)) {
				t.Error("not known by sight")
			}
			got := parse(t, text)
			got.Profile.ID, got.Profile.Origin.SHA256 = want.Profile.ID, want.Profile.Origin.SHA256
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%+v, want %+v", got, want)
			}
		})
	}
}

// TestOrder reads the elements in any order.
func TestOrder(t *testing.T) {
	t.Parallel()
	want := parse(t, string(fixture(t, "user.xml")))
	root, err := read(fixture(t, "user.xml"))
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(root.Children) // of one name there are several, but none whose order counts, except routes and names
	for _, c := range root.Children {
		if c.Name == "NativeProfile" {
			slices.Reverse(c.Children)
		}
	}
	got := parse(t, write(root))
	p, q := got.Profile, want.Profile
	if !reflect.DeepEqual(p.Client, q.Client) || !reflect.DeepEqual(p.IKE, q.IKE) || !reflect.DeepEqual(p.OnDemand, q.OnDemand) || p.Name != q.Name {
		t.Errorf("%+v, want %+v", p, q)
	}
}

// write gives the text of an element.
func write(e *xmltree.Element) string {
	text := "<" + e.Name + ">" + e.Text
	for _, c := range e.Children {
		text += write(c)
	}
	return text + "</" + e.Name + ">"
}

// TestRefused says in words what is not taken over.
func TestRefused(t *testing.T) {
	t.Parallel()
	native := func(text string) string {
		return "<VPNProfile><NativeProfile>" + text + "</NativeProfile></VPNProfile>"
	}
	for name, c := range map[string]struct {
		text    string
		problem profile.ImportProblem
		words   []string
	}{
		"L2TP":      {native("<Servers>a.example</Servers><NativeProtocolType>L2TP</NativeProtocolType>"), profile.ImportUnsupported, []string{"L2TP", "IKEv2 only"}},
		"PPTP":      {native("<Servers>a.example</Servers><NativeProtocolType>Pptp</NativeProtocolType>"), profile.ImportUnsupported, []string{"PPTP"}},
		"SSTP":      {native("<Servers>a.example</Servers><NativeProtocolType>SSTP</NativeProtocolType>"), profile.ImportUnsupported, []string{"SSTP"}},
		"other":     {native("<Servers>a.example</Servers><NativeProtocolType>Wire</NativeProtocolType>"), profile.ImportUnsupported, []string{`"Wire"`}},
		"list":      {native("<Servers>a.example</Servers><NativeProtocolType>ProtocolList</NativeProtocolType><ProtocolList><NativeProtocolList><Type>Sstp</Type></NativeProtocolList></ProtocolList>"), profile.ImportUnsupported, []string{"Sstp"}},
		"store":     {"<VPNProfile><PluginProfile><PluginPackageFamilyName>Maker.App_1</PluginPackageFamilyName></PluginProfile></VPNProfile>", profile.ImportUnsupported, []string{"Maker.App_1", "Microsoft Store"}},
		"store, no": {"<VPNProfile><PluginProfile/></VPNProfile>", profile.ImportUnsupported, []string{"another program"}},
		"empty":     {"<VPNProfile/>", profile.ImportIncomplete, []string{"NativeProfile"}},
		"no server": {native("<NativeProtocolType>IKEv2</NativeProtocolType>"), profile.ImportIncomplete, []string{"no gateway"}},
		"template":  {native("<Servers>$Server;$Server</Servers>"), profile.ImportIncomplete, []string{"template", "$Server"}},
		"no method": {with(force, ""), profile.ImportIncomplete, []string{"how you sign in"}},
		"method":    {with("<Authentication><UserMethod>Kerberos</UserMethod></Authentication>", ""), profile.ImportUnsupported, []string{"Kerberos"}},
		"policy":    {with(password+"<RoutingPolicyType>Half</RoutingPolicyType>", ""), profile.ImportUnsupported, []string{"Half"}},
		"no routes": {with(password+"<RoutingPolicyType>SplitTunnel</RoutingPolicyType>", ""), "", nil},
		"AKA":       {with(eap(`<EapMethod><Type>23</Type></EapMethod>`), ""), profile.ImportUnsupported, []string{"EAP-AKA", "type 23"}},
		"new EAP":   {with(eap(`<EapMethod><Type>200</Type></EapMethod>`), ""), profile.ImportUnsupported, []string{"type 200"}},
		"in PEAP":   {with(eap(`<EapMethod><Type>25</Type></EapMethod><Config><Eap><Type>25</Type><EapType><Eap><Type>18</Type></Eap></EapType></Eap></Config>`), ""), profile.ImportUnsupported, []string{"inside PEAP"}},
		"in TTLS":   {with(eap(`<EapMethod><Type>21</Type></EapMethod><Config><EapTtls><Phase2Authentication><Odd/></Phase2Authentication></EapTtls></Config>`), ""), profile.ImportUnsupported, []string{"inside TTLS"}},
		"pattern":   {with(eap(`<EapMethod><Type>13</Type></EapMethod><Config><Eap><EapType><ServerValidation><ServerNames>nps(1|2)\.a\.example</ServerNames></ServerValidation></EapType></Eap></Config>`), ""), profile.ImportUnsupported, []string{"cannot compare"}},
		"not it":    {"<SyncML/>", profile.ImportForeign, []string{"not a Windows VPN profile"}},
		"prose":     {"hello", profile.ImportForeign, []string{"not a Windows VPN profile"}},
		"two":       {"<x>" + with(password+force, "") + with(password+force, "") + "</x>", profile.ImportUnsupported, []string{"more than one"}},
		"cut off":   {with(password+force, "")[:90], profile.ImportDamaged, []string{"cut off in line 1"}},
		"script":    {"$x = '<VPNProfile><AlwaysOn>true", profile.ImportDamaged, []string{"cut off"}},
		"entities":  {`<!DOCTYPE a [<!ENTITY b "c">]><VPNProfile>&b;</VPNProfile>`, profile.ImportDamaged, []string{"declares XML entities"}},
		"nothing":   {" \r\n", profile.ImportDamaged, []string{"empty"}},
		"half":      {"\xFF\xFE<\x00V", profile.ImportDamaged, []string{"UTF-16"}},
		"large":     {strings.Repeat("x", profile.MaxFile+1), profile.ImportTooLarge, []string{"2 MiB"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found, err := Parse([]byte(c.text))
			if c.problem == "" {
				if err != nil || !found[0].Profile.Traffic.AcceptPushed {
					t.Errorf("%v", err)
				}
				return
			}
			profiletest.Refused(t, found, err, c.problem, c.words...)
		})
	}
}

// eap puts settings of EAP into a profile.
func eap(host string) string {
	return "<Authentication><UserMethod>Eap</UserMethod><Eap><Configuration><EapHostConfig>" + host +
		"</EapHostConfig></Configuration></Eap></Authentication><RoutingPolicyType>ForceTunnel</RoutingPolicyType>"
}

// TestEAP maps each method.
func TestEAP(t *testing.T) {
	t.Parallel()
	config := func(outer int, settings string) string {
		return eap(fmt.Sprintf("<EapMethod><Type>%d</Type></EapMethod><Config><Eap><Type>%d</Type><EapType>%s</EapType></Eap></Config>", outer, outer, settings))
	}
	ttls := func(settings string) string {
		return eap("<EapMethod><Type>21</Type><AuthorId>311</AuthorId></EapMethod><Config><EapTtls>" + settings + "</EapTtls></Config>")
	}
	for name, c := range map[string]struct {
		native string
		want   profile.Client
	}{
		"password":     {config(26, "<UseWinLogonCredentials>true</UseWinLogonCredentials>"), profile.Client{Auth: profile.ClientMSCHAPv2}},
		"MSChapv2":     {password + force, profile.Client{Auth: profile.ClientMSCHAPv2}},
		"empty":        {eap("") + force, profile.Client{Auth: profile.ClientMSCHAPv2}},
		"blob":         {eap("<EapMethod><Type>13</Type></EapMethod><ConfigBlob>00</ConfigBlob>"), client(profile.EAP{Methods: m("tls")})},
		"TLS":          {config(13, "<ServerValidation><ServerNames>^nps\\.a\\.example$</ServerNames></ServerValidation>"), client(profile.EAP{Methods: m("tls"), ServerNames: []string{"nps.a.example"}})},
		"PEAP":         {config(25, "<Eap><Type>26</Type></Eap>"), client(profile.EAP{Methods: m("peap"), Inner: in("mschapv2")})},
		"PEAP, TLS":    {config(25, "<Eap><Type>13</Type></Eap>"), client(profile.EAP{Methods: m("peap"), Inner: in("tls")})},
		"PEAP, GTC":    {config(25, "<Eap><Type>6</Type></Eap>"), client(profile.EAP{Methods: m("peap"), Inner: in("gtc")})},
		"PEAP, bare":   {eap("<EapMethod><Type>25</Type></EapMethod>"), client(profile.EAP{Methods: m("peap"), Inner: in("mschapv2")})},
		"TTLS, PAP":    {ttls("<Phase2Authentication><PAPAuthentication/></Phase2Authentication><Phase1Identity><IdentityPrivacy>true</IdentityPrivacy><AnonymousIdentity>anon@a.example</AnonymousIdentity></Phase1Identity>"), client(profile.EAP{Methods: m("ttls"), Inner: in("pap"), OuterIdentity: "anon@a.example"})},
		"TTLS, EAP":    {ttls("<Phase2Authentication><EapHostConfig><EapMethod><Type>26</Type></EapMethod></EapHostConfig></Phase2Authentication>"), client(profile.EAP{Methods: m("ttls"), Inner: in("eap-mschapv2")})},
		"TTLS, Eap":    {ttls("<Phase2Authentication><Eap><Type>13</Type></Eap></Phase2Authentication><Phase1Identity><IdentityPrivacy>false</IdentityPrivacy><AnonymousIdentity>x</AnonymousIdentity></Phase1Identity>"), client(profile.EAP{Methods: m("ttls"), Inner: in("eap-tls")})},
		"TTLS, bare":   {ttls(""), client(profile.EAP{Methods: m("ttls")})},
		"GTC":          {config(6, ""), client(profile.EAP{Methods: m("gtc")})},
		"MD5":          {config(4, ""), client(profile.EAP{Methods: m("md5")})},
		"certificate":  {"<Authentication><MachineMethod>Certificate</MachineMethod></Authentication>" + force, profile.Client{Auth: profile.ClientCertificate}},
		"machine, EAP": {strings.Replace(config(13, ""), "UserMethod", "MachineMethod", 2), client(profile.EAP{Methods: m("tls")})},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			im := parse(t, with(c.native, ""))
			if !reflect.DeepEqual(im.Profile.Client, c.want) {
				t.Errorf("%+v, want %+v", im.Profile.Client, c.want)
			}
			if weak := name == "GTC" || name == "MD5"; weak != (len(profiletest.Lowers(im)) == 1) {
				t.Errorf("lowers security: %q", profiletest.Lowers(im))
			}
		})
	}
}

func client(e profile.EAP) profile.Client { return profile.Client{Auth: profile.ClientEAP, EAP: e} }
func m(m profile.EAPMethod) []profile.EAPMethod {
	return []profile.EAPMethod{m}
}
func in(m profile.InnerMethod) []profile.InnerMethod { return []profile.InnerMethod{m} }

// TestTraffic decides between everything and some networks.
func TestTraffic(t *testing.T) {
	t.Parallel()
	route := func(address, size, exclude string) string {
		return "<Route><Address>" + address + "</Address><PrefixSize>" + size + "</PrefixSize><ExclusionRoute>" + exclude + "</ExclusionRoute></Route>"
	}
	for name, c := range map[string]struct {
		native, beside string
		full, pushed   bool
		include        string
		lowers         int
	}{
		"force":            {force, "", true, false, "[]", 0},
		"force, private":   {force, route("10.0.0.0", "8", "true"), true, false, "[]", 0},
		"force, public":    {force, route("203.0.113.0", "24", "true"), true, false, "[]", 1},
		"silent":           {"", "", true, false, "[]", 0},
		"silent, routes":   {"", route("10.0.0.0", "8", ""), false, true, "[10.0.0.0/8]", 0},
		"split, bits":      {"<RoutingPolicyType>SplitTunnel</RoutingPolicyType><DisableClassBasedDefaultRoute>true</DisableClassBasedDefaultRoute>", route("10.1.2.3", "8", ""), false, false, "[10.0.0.0/8]", 0},
		"split, all":       {"<RoutingPolicyType>SplitTunnel</RoutingPolicyType>", route("0.0.0.0", "0", ""), true, false, "[]", 0},
		"split, bad":       {"<RoutingPolicyType>SplitTunnel</RoutingPolicyType>", route("224.0.0.0", "4", "") + route("x", "", ""), false, true, "[]", 0},
		"split, selectors": {"<RoutingPolicyType>SplitTunnel</RoutingPolicyType><DisableClassBasedDefaultRoute>true</DisableClassBasedDefaultRoute><PlumbIKEv2TSAsRoutes>true</PlumbIKEv2TSAsRoutes>", route("10.0.0.0", "8", ""), false, true, "[10.0.0.0/8]", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			im := parse(t, with(password+c.native, c.beside))
			tr := im.Profile.Traffic
			if tr.Full != c.full || tr.AcceptPushed != c.pushed || fmt.Sprint(tr.Include) != c.include || len(profiletest.Lowers(im)) != c.lowers {
				t.Errorf("%+v, lowers %q", tr, profiletest.Lowers(im))
			}
		})
	}
}

// TestNames reads rules for names.
func TestNames(t *testing.T) {
	t.Parallel()
	rule := func(name, servers string) string {
		return "<DomainNameInformation><DomainName>" + name + "</DomainName><DnsServers>" + servers + "</DnsServers><AutoTrigger>true</AutoTrigger><Persistent>true</Persistent></DomainNameInformation>"
	}
	split := password + "<RoutingPolicyType>SplitTunnel</RoutingPolicyType>"
	for name, c := range map[string]struct {
		native, beside  string
		domains, server string
		pushed          bool
	}{
		"one":       {split, rule(".a.example", "10.0.0.53"), "[a.example]", "[10.0.0.53]", true},
		"all":       {split, rule(".", "10.0.0.53") + rule(".a.example", "10.0.0.54"), "[]", "[10.0.0.53 10.0.0.54]", false},
		"public":    {split, rule(".com", "10.0.0.53"), "[]", "[]", true},
		"elsewhere": {split, rule(".a.example", ""), "[]", "[]", true},
		"full":      {password + force, rule("host.a.example", "10.0.0.53, x,10.0.0.53"), "[]", "[10.0.0.53]", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := parse(t, with(c.native, c.beside)).Profile.DNS
			if fmt.Sprint(d.Domains) != c.domains || fmt.Sprint(d.Servers) != c.server || d.AcceptPushed != c.pushed {
				t.Errorf("%+v", d)
			}
		})
	}
}

// TestDemand reads when the line comes by itself.
func TestDemand(t *testing.T) {
	t.Parallel()
	trusted := "<TrustedNetworkDetection>a.example, b.example,!</TrustedNetworkDetection>"
	for name, c := range map[string]struct {
		beside string
		when   profile.When
		rules  int
	}{
		"never":         {trusted + "<AlwaysOn>false</AlwaysOn>", profile.WhenNever, 0},
		"login":         {"<AlwaysOn>true</AlwaysOn>", profile.WhenLogin, 0},
		"trusted":       {trusted + "<AlwaysOn>true</AlwaysOn>", profile.WhenLogin, 1},
		"trusted, none": {"<TrustedNetworkDetection>!</TrustedNetworkDetection><AlwaysOn>1</AlwaysOn>", profile.WhenLogin, 0},
		"lockdown":      {trusted + "<LockDown>true</LockDown>", profile.WhenAlways, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := parse(t, with(password+force, c.beside)).Profile.OnDemand
			if o.When != c.when || len(o.Rules) != c.rules {
				t.Errorf("%+v", o)
			}
		})
	}
}

// FuzzParse feeds whole files: the answer is an ImportError that can be shown, or a
// valid profile with a report that tells each key once.
func FuzzParse(f *testing.F) {
	f.Add(fixture(f, "user.xml"))
	f.Add(fixture(f, "device.xml"))
	f.Add([]byte(with(password+force, "")))
	f.Add([]byte("$x = '" + strings.NewReplacer("<", "&lt;").Replace(with(password+force, "")) + "'"))
	f.Fuzz(func(t *testing.T, data []byte) {
		Sniff(data)
		profiletest.Fuzzed(t, data, Parse)
	})
}
