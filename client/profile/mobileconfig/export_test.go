package mobileconfig

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"howett.net/plist"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/profiletest"
)

// again exports a profile and imports what was written.
func again(t testing.TB, p profile.Profile, o profile.ExportOptions) (profile.Imported, []profile.Line, []byte) {
	t.Helper()
	text, report, err := Export(p, o)
	if err != nil {
		t.Fatal(err)
	}
	found, err := ParseWith(text, profile.ImportOptions{Now: now, AskPassword: func(string, int) ([]byte, error) { return bytes.Clone(o.Password), nil }})
	if err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	if len(found) != 1 || !Sniff(text) {
		t.Fatalf("%d connections in %s", len(found), text)
	}
	return found[0], report, text
}

// roundTrip holds a profile that was imported to coming back the same.
func roundTrip(t testing.TB, first profile.Imported) {
	t.Helper()
	second, report, text := again(t, first.Profile, profile.ExportOptions{Secrets: first.Secrets, Password: []byte("under lock")})
	if d := profile.Differences(&first.Profile, &second.Profile); d != nil {
		t.Errorf("%+v in %s", d, text)
	}
	if first.Profile.Origin.Format == Format && second.Profile.Origin.Identifier != first.Profile.Origin.Identifier {
		t.Errorf("%q would not replace %q", second.Profile.Origin.Identifier, first.Profile.Origin.Identifier)
	}
	a, b := first.Secrets, second.Secrets
	if !bytes.Equal(a.Password, b.Password) || !bytes.Equal(a.PSK, b.PSK) || (a.PrivateKey == nil) != (b.PrivateKey == nil) {
		t.Error("other secrets")
	}
	for _, l := range report {
		if l.Verdict != profile.Honoured {
			t.Errorf("lost: %+v", l)
		}
	}
	checkApple(t, text)
}

// checkApple holds a file to what Apple's devices want of each profile.
func checkApple(t testing.TB, text []byte) {
	t.Helper()
	var root dict
	if _, err := plist.Unmarshal(text, &root); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	uuids := map[any]bool{}
	for i, d := range append(list{root}, root["PayloadContent"].(list)...) {
		payload := d.(dict)
		for _, key := range []string{"PayloadType", "PayloadIdentifier", "PayloadUUID"} {
			if s, ok := payload[key].(string); !ok || s == "" {
				t.Errorf("payload %d has no %s", i, key)
			}
		}
		if payload["PayloadVersion"] != uint64(1) || uuids[payload["PayloadUUID"]] {
			t.Errorf("payload %d: version %v, UUID %v", i, payload["PayloadVersion"], payload["PayloadUUID"])
		}
		uuids[payload["PayloadUUID"]] = true
	}
	vpn := root["PayloadContent"].(list)[0].(dict)
	ike := vpn["IKEv2"].(dict)
	for _, key := range []string{"RemoteAddress", "RemoteIdentifier", "AuthenticationMethod"} {
		if s, ok := ike[key].(string); !ok || s == "" {
			t.Errorf("there is no %s", key)
		}
	}
	if _, ok := ike["LocalIdentifier"].(string); !ok || vpn["VPNType"] != "IKEv2" || vpn["UserDefinedName"] == "" {
		t.Errorf("%v", vpn)
	}
	if ref, ok := ike["PayloadCertificateUUID"]; ok && !uuids[ref] {
		t.Errorf("no payload has the UUID %v", ref)
	}
	if dns, ok := vpn["DNS"].(dict); ok && dns["ServerAddresses"] == nil {
		t.Error("DNS has no ServerAddresses")
	}
}

// TestRoundTripOfSamples imports, exports and imports again what others wrote.
func TestRoundTripOfSamples(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(profiletest.Samples(t), "*.mobileconfig"))
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		found, err := ParseWith(data, profile.ImportOptions{Now: now})
		if err != nil {
			continue // the manifest says why, and another test holds us to it
		}
		tried++
		for _, im := range found {
			roundTrip(t, im)
		}
	}
	if tried < 8 {
		t.Errorf("only %d of %d samples were imported", tried, len(files))
	}
}

// TestRoundTripOfFixtures does the same with profiles of our own.
func TestRoundTripOfFixtures(t *testing.T) {
	t.Parallel()
	client := issue(t, issueOptions{name: "alice"})
	ca := issue(t, issueOptions{name: "Harbour Root", ca: true})
	below := issue(t, issueOptions{name: "Harbour Between", ca: true, from: &ca})
	identity := certPayload(typePKCS12, p12(t, pkcs12.Modern, client, "pw"), dict{"PayloadUUID": identityUUID, "Password": "pw"})
	root := certPayload(typeRoot, ca.cert.Raw, nil)
	for name, v := range map[string]dict{
		"password":     configuration(vpnPayload(ikeEAP(dict{"AuthPassword": "p<&>w", "EnableCertificateRevocationCheck": 1}), dict{"DNS": dict{"SearchDomains": list{"a.example"}}})),
		"certificate":  configuration(root, identity, vpnPayload(ikeCertificate(dict{"CertificateType": "ECDSA256"}), nil)),
		"own":          configuration(vpnPayload(ikeEAP(dict{"AuthenticationMethod": "Certificate", "ExtendedAuthEnabled": 0}), nil)),
		"EAP-TLS":      configuration(root, identity, vpnPayload(ikeEAP(dict{"PayloadCertificateUUID": identityUUID, "AuthName": "", "TLSMaximumVersion": "1.2"}), nil)),
		"EAP-TLS, one": configuration(root, identity, vpnPayload(ikeEAP(dict{"AuthenticationMethod": "Certificate", "PayloadCertificateUUID": identityUUID}), nil)),
		"shared key":   configuration(root, vpnPayload(dict{"RemoteAddress": "192.0.2.1", "RemoteIdentifier": "gw", "AuthenticationMethod": "SharedSecret", "SharedSecret": "a very long shared key"}, nil)),
		"dictionary": configuration(root, vpnPayload(eapWith(dict{"AcceptEAPTypes": list{21, 25, 26}, "TTLSInnerAuthentication": "PAP", "OuterIdentity": "visitor",
			"TLSTrustedServerNames": list{"*.radius.example.com"}, "PayloadCertificateAnchorUUID": list{"0D6A4A14-41E2-4E63-9F0B-1F1B5D4F9E02"}, "TLSMinimumVersion": "1.3"}, nil), nil)),
		"between": configuration(root, certPayload(typePKCS1, below.cert.Raw, dict{"PayloadUUID": "b"}), vpnPayload(ikeEAP(dict{"ServerCertificateIssuerCommonName": "Harbour Between",
			"ServerCertificateCommonName": "gw.example.com"}), nil)),
		"algorithms": configuration(vpnPayload(ikeEAP(dict{"EnablePFS": 1, ikeParameters: sa("AES-256-GCM", "SHA2-384", 20), childParameters: dict{"EncryptionAlgorithm": "AES-256-GCM",
			"DiffieHellmanGroup": 20, "LifeTimeInMinutes": 60}}), nil)),
		"strict":  configuration(vpnPayload(ikeEAP(dict{"EnforceStrictAlgorithmSelection": 1, ikeParameters: sa("AES-256", "SHA2-256", 14), childParameters: sa("ChaCha20Poly1305", "SHA2-256", 31)}), nil)),
		"weak":    configuration(vpnPayload(ikeEAP(dict{ikeParameters: sa("3DES", "SHA1-96", 2)}), nil)),
		"one set": configuration(vpnPayload(ikeEAP(dict{ikeParameters: sa("AES-128-GCM", "SHA2-256", 19), "EnablePFS": true}), nil)),
		"traffic": configuration(vpnPayload(ikeEAP(dict{"IncludeAllNetworks": 1, "ExcludeLocalNetworks": 1, "MTU": 1300, "DeadPeerDetectionRate": "Low", "NATKeepAliveInterval": 60,
			"DisableMOBIKE": 1, "DisableRedirect": 1}), dict{"DNS": dict{"ServerAddresses": list{"10.0.0.53", "fd00::53"}, "DomainName": "a.example", "SupplementalMatchDomains": list{"b.example"}}})),
		"split": configuration(vpnPayload(ikeEAP(dict{"UseConfigurationAttributeInternalIPSubnet": 1, "DeadPeerDetectionRate": "None"}), dict{"DNS": dict{"ServerAddresses": list{"10.0.0.53"},
			"SupplementalMatchDomains": list{"b.example", "c.example"}}})),
		"all names": configuration(vpnPayload(ikeEAP(dict{"UseConfigurationAttributeInternalIPSubnet": 1}), dict{"DNS": dict{"SupplementalMatchDomains": list{""}}})),
		"rules": configuration(vpnPayload(ikeEAP(dict{"OnDemandEnabled": 1, "OnDemandRules": list{
			dict{"Action": "Disconnect", "SSIDMatch": list{"Office", "Quay & Co"}, "InterfaceTypeMatch": "WiFi"},
			dict{"Action": "EvaluateConnection", "ActionParameters": list{
				dict{"Domains": list{"*.a.example"}, "DomainAction": "ConnectIfNeeded", "RequiredDNSServers": list{"10.0.0.1"}, "RequiredURLStringProbe": "https://a.example/"},
				dict{"Domains": list{"b.example"}, "DomainAction": "NeverConnect"},
			}, "DNSDomainMatch": list{"a.example"}, "DNSServerAddressMatch": list{"10.*"}, "URLStringProbe": "http://a.example/"},
			dict{"Action": "Ignore", "InterfaceTypeMatch": "Cellular"}, dict{"Action": "Connect"},
		}}), nil)),
		"two": configuration(vpnPayload(ikeEAP(nil), nil), vpnPayload(ikeEAP(nil), dict{"PayloadIdentifier": "second"})),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, im := range parse(t, v) {
				roundTrip(t, im)
			}
		})
	}
}

// TestRoundTripOfMany: whatever a profile says, what was understood of its file once
// is understood so again.
func TestRoundTripOfMany(t *testing.T) {
	t.Parallel()
	for seed := range uint64(400) {
		g := &generator{rand.New(rand.NewPCG(seed, 6))}
		p := g.profile()
		if err := p.Validate(); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		text, report, err := Export(p, profile.ExportOptions{Secrets: profile.Secrets{Password: []byte("pw"), PSK: []byte("a very long shared key")}})
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		checkApple(t, text)
		found, err := ParseWith(text, profile.ImportOptions{Now: now})
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		for _, d := range profile.Differences(&p, &found[0].Profile) {
			if !slices.ContainsFunc(report, func(l profile.Line) bool { return l.Path == d.Path && l.Verdict != profile.Honoured && l.Note != "" }) {
				t.Errorf("seed %d: nothing is said of %+v", seed, d)
			}
		}
		roundTrip(t, found[0])
		if t.Failed() {
			t.Fatalf("seed %d: %+v", seed, p)
		}
	}
}

// generator draws profiles.
type generator struct{ *rand.Rand }

func (g *generator) coin() bool { return g.IntN(2) == 0 }

func pick[T any](g *generator, list ...T) T { return list[g.IntN(len(list))] }

func some[T any](g *generator, list ...T) (out []T) {
	for _, v := range list {
		if g.IntN(3) == 0 {
			out = append(out, v)
		}
	}
	return out
}

func (g *generator) profile() profile.Profile {
	p := profile.Profile{
		Version: profile.Version, ID: fmt.Sprintf("%016x%016x", g.Uint64(), g.Uint64()), Name: pick(g, "Harbour", "Büro & Söhne <1>", "日本"),
		Origin: profile.Origin{Identifier: pick(g, "", "com.example.vpn", "office@vpn.example"), Organization: pick(g, "", "Harbour Ltd"), Description: pick(g, "", "x < y")},
		Gateway: profile.Gateway{
			Address: pick(g, "vpn.example.com", "192.0.2.1", "2001:db8::1"), Port: pick[uint16](g, 0, 0, 4500, 8443), Identity: pick(g, "", "gw.example.com", "CN=gw,O=Harbour"),
			Auth: profile.GatewayCertificate,
		},
		IKE:     g.sa(true),
		Child:   g.sa(false),
		Session: profile.Session{Liveness: g.duration(-1, 60, 600, 1800, 77), NATKeepalive: g.duration(-1, 20, 60, 150, 151), NoMOBIKE: g.coin(), NoRedirect: g.coin()},
	}
	g.client(&p)
	g.traffic(&p)
	g.demand(&p)
	return p
}

func (g *generator) duration(seconds ...int) profile.Duration {
	return profile.Duration(time.Duration(pick(g, append(seconds, 0)...)) * time.Second)
}

func (g *generator) sa(ike bool) profile.SA {
	s := profile.SA{Lifetime: g.duration(30, 600, 3600, 90_001), PFS: !ike && g.coin()}
	for range g.IntN(3) {
		p := profile.Proposal{
			Encryption: pick(g, "aes128", "aes256", "aes256gcm16", "chacha20poly1305", "aes192", "aes128ccm16"), Integrity: pick(g, "sha256", "sha384", "aescmac"),
			Group: pick(g, "modp2048", "ecp384", "x25519", "ecp256-ke1_mlkem768", "x25519-ke1_mlkem768-ke1_none", "x25519-ke1_mlkem768-ke1_mlkem1024", "x25519-ke1_x448", "ecp384-ke2_mlkem1024-ke7_mlkem768"),
		}
		if strings.ContainsAny(p.Encryption, "gp") {
			p.Integrity = ""
		}
		if p.Encryption == "aes128ccm16" {
			p.Integrity = ""
		}
		if ike {
			p.PRF = pick(g, "sha256", "sha384", "aescmac")
		}
		s.Proposals = append(s.Proposals, p)
	}
	s.Strict = len(s.Proposals) > 0 && g.coin()
	return s
}

func (g *generator) client(p *profile.Profile) {
	c := &p.Client
	c.Identity, c.Username = pick(g, "", "alice", "alice@example.com"), pick(g, "", "alice")
	c.Auth = pick(g, profile.ClientMSCHAPv2, profile.ClientPSK, profile.ClientCertificate, profile.ClientEAP, profile.ClientEAP)
	if c.Auth == profile.ClientPSK {
		p.Gateway.Auth = profile.GatewayPSK
		return
	}
	p.Gateway.CertificateName, p.Gateway.IssuerName = pick(g, "", "gw.example.com"), pick(g, "", "Harbour CA")
	p.Gateway.Revocation = pick(g, "", profile.RevocationOff, profile.RevocationRelaxed, profile.RevocationStrict)
	if g.IntN(4) == 0 {
		p.Gateway.Quirks = []profile.Quirk{profile.QuirkNoIDr}
	}
	if c.Auth != profile.ClientEAP {
		return
	}
	for len(c.EAP.Methods) == 0 {
		c.EAP.Methods = some(g, profile.EAPMethods()...)
	}
	if slices.Contains(c.EAP.Methods, profile.EAPTTLS) && g.coin() {
		c.EAP.Inner = []profile.InnerMethod{profile.InnerPAP}
		if slices.Contains(c.EAP.Methods, profile.EAPPEAP) {
			c.EAP.Inner = append(c.EAP.Inner, profile.InnerMSCHAPv2)
		}
	}
	c.EAP.OuterIdentity = pick(g, "", "visitor")
	if c.EAP.OverTLS() {
		c.EAP.ServerNames = some(g, "nps.example.com", "*.nps.example.com")
		c.EAP.MinTLS, c.EAP.MaxTLS = pick(g, "", profile.TLS12), pick(g, "", profile.TLS13)
	}
	if p.Gateway.Revocation != profile.RevocationStrict && slices.Contains(c.EAP.Methods, profile.EAPTLS) {
		c.EAPOnly = pick(g, profile.EAPOnlyNever, profile.EAPOnlySafe)
	}
}

func (g *generator) traffic(p *profile.Profile) {
	t := &p.Traffic
	t.Full = g.coin()
	t.AcceptPushed = g.coin()
	t.Include = some(g, netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8"))
	if !t.Full && len(t.Include) == 0 {
		t.AcceptPushed = true
	}
	t.Exclude = some(g, netip.MustParsePrefix("10.9.0.0/16"))
	t.MTU = pick(g, 0, 1280, 1400, 1500)
	t.KillSwitch, t.LocalNetwork = pick(g, "", profile.KillSwitchOff, profile.KillSwitchOn), pick(g, "", profile.LocalAllow, profile.LocalRefuse)
	d := &p.DNS
	d.Servers = some(g, netip.MustParseAddr("10.0.0.53"), netip.MustParseAddr("fd00::53"))
	d.Domains, d.Search = some(g, "a.example", "b.example"), some(g, "b.example", "c.example")
	d.AcceptPushed = g.coin()
}

func (g *generator) demand(p *profile.Profile) {
	o := &p.OnDemand
	for range g.IntN(3) {
		r := profile.Rule{
			Action: pick(g, profile.RuleConnect, profile.RuleDisconnect, profile.RuleIgnore, profile.RuleEvaluate), Interface: pick(g, "", profile.RuleWiFi, profile.RuleEthernet),
			DNSDomains: some(g, "a.example", "*.a.example"), DNSServers: some(g, "10.*"), ProbeURL: pick(g, "", "https://a.example/x?y=1&z"),
		}
		if r.Interface != profile.RuleEthernet {
			r.SSIDs = some(g, "Office", `"Quay" <2>`)
		}
		if r.Action == profile.RuleEvaluate {
			r.Domains = []profile.DomainRule{{Domains: []string{"a.example"}, Action: profile.DomainIfNeeded, RequiredURL: pick(g, "", "https://a.example/")}}
		}
		o.Rules = append(o.Rules, r)
	}
	o.When = pick(g, profile.WhenNever, profile.WhenLogin, profile.WhenBoot, profile.WhenAlways)
	if len(o.Rules) > 0 && g.coin() {
		o.When = profile.WhenRules
	}
}

// TestSecretsStay: without being told so, the exporter writes no secret.
func TestSecretsStay(t *testing.T) {
	t.Parallel()
	client := issue(t, issueOptions{name: "alice"})
	first := parseOne(t, configuration(vpnPayload(ikeCertificate(nil), nil), identityPayload(p12(t, pkcs12.Modern, client, "pw"), dict{"Password": "pw"})))
	for _, o := range []profile.ExportOptions{{}, {Secrets: first.Secrets}, {Password: []byte("x")}} {
		second, report, _ := again(t, first.Profile, o)
		if !second.Secrets.Empty() || second.Profile.Client.Certificates != nil {
			t.Error("a key was written")
		}
		found := slices.ContainsFunc(report, func(l profile.Line) bool { return l.Path == "client.certificates" && l.Verdict == profile.Refused })
		if !found {
			t.Errorf("nothing is said of the certificate: %+v", report)
		}
	}
	open, report, text := again(t, parseIKE(t, ikeEAP(nil)).Profile, profile.ExportOptions{Secrets: profile.Secrets{Password: []byte("pw-1"), PSK: []byte("unused-1")}})
	if string(open.Secrets.Password) != "pw-1" || bytes.Contains(text, []byte("unused-1")) {
		t.Errorf("other secrets in %s", text)
	}
	if l := report[len(report)-1]; l.Path != "IKEv2.AuthPassword" || !l.Lowers || l.Value != hidden {
		t.Errorf("%+v", l)
	}
}

// TestExportLosses: what Apple's devices do not know is told, and what takes a
// protection away is marked.
func TestExportLosses(t *testing.T) {
	t.Parallel()
	ca := issue(t, issueOptions{name: "Harbour Root", ca: true})
	p := parseIKE(t, ikeEAP(nil)).Profile
	p.Client.Auth, p.Client.EAP = profile.ClientEAP, profile.EAP{Methods: []profile.EAPMethod{profile.EAPPEAP}, Anchors: [][]byte{ca.cert.Raw}, WithoutEMS: true}
	p.Gateway.Pins = []string{"sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}
	p.Gateway.Intermediates = [][]byte{ca.cert.Raw}
	p.Traffic = profile.Traffic{Include: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, KillSwitch: profile.KillSwitchOn}
	second, report, text := again(t, p, profile.ExportOptions{})
	if bytes.Contains(text, []byte(typeRoot)) || len(second.Profile.Gateway.Anchors) > 0 {
		t.Error("an authority of the sign-in's would be trusted for the gateway")
	}
	for path, lowers := range map[string]bool{
		"gateway.pins": true, "client.eap.anchors": true, "traffic.kill_switch": true, "traffic.include": false, "client.eap.without_ems": false, "gateway.intermediates": false,
	} {
		i := slices.IndexFunc(report, func(l profile.Line) bool { return l.Path == path })
		if i < 0 || report[i].Verdict != profile.Refused || report[i].Lowers != lowers || report[i].Note == "" {
			t.Errorf("%s: %+v", path, report)
		}
	}
	if p.Client.Further = []profile.SignIn{{Auth: profile.ClientMSCHAPv2}}; p.Validate() != nil {
		t.Fatal(p.Validate())
	}
	var e *profile.ExportError
	if _, _, err := Export(p, profile.ExportOptions{}); !errors.As(err, &e) || !strings.Contains(e.Sentence, "no second one") {
		t.Errorf("%v", err)
	}
	p.Name = ""
	if _, _, err := Export(p, profile.ExportOptions{}); !errors.As(err, &e) || !strings.Contains(e.Sentence, "not valid") {
		t.Errorf("%v", err)
	}
}

// TestExportIsStable: the same profile is the same file, however often it is
// written; another one has other UUIDs.
func TestExportIsStable(t *testing.T) {
	t.Parallel()
	ca := issue(t, issueOptions{name: "Harbour Root", ca: true})
	p := parseOne(t, configuration(certPayload(typeRoot, ca.cert.Raw, nil), vpnPayload(ikeEAP(nil), nil))).Profile
	one, _, err := Export(p, profile.ExportOptions{})
	two, _, _ := Export(p, profile.ExportOptions{})
	if err != nil || !bytes.Equal(one, two) {
		t.Errorf("%v; not the same twice", err)
	}
	if c, err := x509.ParseCertificate(ca.cert.Raw); err != nil || !bytes.Contains(one, []byte(c.Subject.CommonName)) {
		t.Errorf("the authority has no name: %s", one)
	}
	p.ID = profile.NewID()
	if other, _, _ := Export(p, profile.ExportOptions{}); bytes.Equal(one, other) {
		t.Error("another profile has the same UUIDs")
	}
}

// TestNoRemoteIdentifier: what a file left out that Apple's devices want is filled
// in, and said.
func TestNoRemoteIdentifier(t *testing.T) {
	t.Parallel()
	ike := ikeEAP(nil)
	delete(ike, "RemoteIdentifier")
	first := parseIKE(t, ike).Profile
	second, report, text := again(t, first, profile.ExportOptions{})
	checkApple(t, text)
	want := []profile.Difference{{Path: "gateway.identity", After: "vpn.example.com"}}
	if d := profile.Differences(&first, &second.Profile); !slices.Equal(d, want) {
		t.Errorf("%+v", d)
	}
	if l := report[len(report)-1]; l.Path != "gateway.identity" || l.Verdict != profile.Approximated {
		t.Errorf("%+v", l)
	}
}
