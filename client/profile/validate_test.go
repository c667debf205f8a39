package profile

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"math/big"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"
)

// certificate makes one for a test, DER.
func certificate(t testing.TB) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Harbour CA"},
		NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<32, 0), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// eap are valid settings that use every field.
func eap(der []byte) EAP {
	return EAP{Methods: []EAPMethod{EAPTTLS, EAPPEAP, EAPTLS}, Inner: []InnerMethod{InnerPAP, InnerMSCHAPv2}, OuterIdentity: "visitor@example.com",
		ServerNames: []string{"radius.example.com", "*.radius.example.com", "192.0.2.7"}, Anchors: [][]byte{der}, MinTLS: TLS12, MaxTLS: TLS13,
		WithoutEMS: true, WithoutBinding: true, ConfirmNotice: true}
}

// full is a valid profile that uses every field.
func full(t testing.TB) *Profile {
	der := certificate(t)
	return &Profile{
		Version: Version, ID: NewID(), Name: "Harbour Office",
		Origin: Origin{Format: "manual", Identifier: "com.example", Organization: "Harbour", Description: "The office",
			SHA256: strings.Repeat("ab", 32), SignedBy: "Harbour IT", SignerTrusted: true},
		Gateway: Gateway{Address: "vpn.example.com", Port: 4500, Identity: "vpn.example.com", Auth: GatewayCertificate,
			CertificateName: "vpn.example.com", IssuerName: "Harbour CA", Anchors: [][]byte{der}, Intermediates: [][]byte{der},
			Pins: []string{pinPrefix + strings.Repeat("A", 43) + "="}, Revocation: RevocationStrict, Quirks: []Quirk{QuirkESPToOldPort, QuirkNoIDr}},
		Client: Client{Auth: ClientEAP, Identity: "alice@example.com", Username: "alice", EAP: eap(der), Certificates: [][]byte{der},
			CertificateIssuers: []string{"Harbour CA"}, Token: "pkcs11:token=Harbour%20Card;object=vpn?module-name=opensc"},
		IKE: SA{Proposals: []Proposal{{Encryption: "aes256gcm16", PRF: "sha384", Group: "ecp384"},
			{Encryption: "aes256", Integrity: "sha256", PRF: "sha256", Group: "modp2048"}}, Strict: true, Lifetime: Duration(4 * time.Hour)},
		Child: SA{Proposals: []Proposal{{Encryption: "chacha20poly1305", Group: "x25519"}}, PFS: true, Lifetime: Duration(time.Hour),
			LifetimeBytes: 4 << 30, LifetimePackets: 1 << 24},
		Traffic: Traffic{Include: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, Exclude: []netip.Prefix{netip.MustParsePrefix("10.9.0.0/16")},
			AcceptPushed: true, AllowPushed: []netip.Prefix{netip.MustParsePrefix("2001:db8::/32")}, MTU: 1400,
			KillSwitch: KillSwitchOn, LocalNetwork: LocalAllow, Overlap: OverlapCompany},
		DNS: DNS{Servers: []netip.Addr{netip.MustParseAddr("10.0.0.53")}, Domains: []string{"corp.example", "corp"},
			Search: []string{"corp.example"}, AcceptPushed: true, AllowPushed: []string{"example", "corp"}},
		Session:  Session{Liveness: Duration(time.Minute), NATKeepalive: Duration(20 * time.Second), NoMOBIKE: true, NoRedirect: true, Childless: ChildlessOffered},
		OnDemand: onDemand(),
	}
}

func TestValid(t *testing.T) {
	t.Parallel()
	if err := full(t).Validate(); err != nil {
		t.Errorf("the full one: %v", err)
	}
	small := &Profile{Version: Version, ID: NewID(), Name: "x", Gateway: Gateway{Address: "192.0.2.1", Auth: GatewayPSK},
		Client: Client{Auth: ClientPSK}, Traffic: Traffic{Full: true}, Session: Session{Liveness: Duration(-time.Second)}}
	if err := small.Validate(); err != nil {
		t.Errorf("the small one: %v", err)
	}
}

// TestInvalid spoils one field at a time, and wants to hear of that field.
func TestInvalid(t *testing.T) {
	t.Parallel()
	many := func(n int) [][]byte { return make([][]byte, n) }
	for _, c := range []struct {
		field string
		spoil func(*Profile)
	}{
		{"version", func(p *Profile) { p.Version = Version + 1 }},
		{"version", func(p *Profile) { p.Version = 0 }},
		{"id", func(p *Profile) { p.ID = "../../../../../../etc/passwd/aaaaa" }},
		{"id", func(p *Profile) { p.ID = strings.ToUpper(p.ID[:31]) + "A" }},
		{"id", func(p *Profile) { p.ID = "" }},
		{"name", func(p *Profile) { p.Name = "" }},
		{"name", func(p *Profile) { p.Name = strings.Repeat("x", MaxName+1) }},
		{"name", func(p *Profile) { p.Name = "--yes" }},
		{"name", func(p *Profile) { p.Name = " x" }},
		{"name", func(p *Profile) { p.Name = "a\x1b[31mb" }},
		{"name", func(p *Profile) { p.Name = "a\u202eb" }},
		{"name", func(p *Profile) { p.Name = "a\nb" }},
		{"name", func(p *Profile) { p.Name = "a\xffb" }},
		{"origin.description", func(p *Profile) { p.Origin.Description = strings.Repeat("x", maxText+1) }},
		{"origin.format", func(p *Profile) { p.Origin.Format = "\x00" }},
		{"origin.signed_by", func(p *Profile) { p.Origin.SignedBy = "\r" }},
		{"origin.sha256", func(p *Profile) { p.Origin.SHA256 = "abcd" }},
		{"gateway.address", func(p *Profile) { p.Gateway.Address = "" }},
		{"gateway.address", func(p *Profile) { p.Gateway.Address = "a b" }},
		{"gateway.address", func(p *Profile) { p.Gateway.Address = "-oProxyCommand.x" }},
		{"gateway.address", func(p *Profile) { p.Gateway.Address = "1.2.3.4.5" }},
		{"gateway.address", func(p *Profile) { p.Gateway.Address = "fe80::1%eth0" }},
		{"gateway.address", func(p *Profile) { p.Gateway.Address = "::" }},
		{"gateway.address", func(p *Profile) { p.Gateway.Address = "224.0.0.1" }},
		{"gateway.address", func(p *Profile) { p.Gateway.Address = "255.255.255.255" }},
		{"gateway.address", func(p *Profile) { p.Gateway.Address = strings.Repeat("a.", 127) + "aa" }},
		{"gateway.auth", func(p *Profile) { p.Gateway.Auth = "none" }},
		{"gateway.auth", func(p *Profile) {
			p.Client, p.Gateway = Client{Auth: ClientMSCHAPv2}, Gateway{Address: "192.0.2.1", Auth: GatewayPSK}
		}},
		{"gateway.identity", func(p *Profile) { p.Gateway.Identity = "\n" }},
		{"gateway.certificate_name", func(p *Profile) { p.Gateway.CertificateName = "\t" }},
		{"gateway.issuer_name", func(p *Profile) { p.Gateway.IssuerName = "\u200b" }},
		{"gateway.anchors[0]", func(p *Profile) { p.Gateway.Anchors = [][]byte{[]byte("x")} }},
		{"gateway.anchors[1]", func(p *Profile) { p.Gateway.Anchors = append(p.Gateway.Anchors, make([]byte, maxCertificateSize+1)) }},
		{"gateway.anchors", func(p *Profile) { p.Gateway.Anchors = many(maxCertificates + 1) }},
		{"gateway.intermediates[0]", func(p *Profile) { p.Gateway.Intermediates = [][]byte{nil} }},
		{"client.auth", func(p *Profile) { p.Client.Auth = "eap-gtc" }},
		{"client.identity", func(p *Profile) { p.Client.Identity = "a\x7f" }},
		{"client.username", func(p *Profile) { p.Client.Username = strings.Repeat("u", maxText+1) }},
		{"ike.pfs", func(p *Profile) { p.IKE.PFS = true }},
		{"ike.strict", func(p *Profile) { p.IKE.Proposals = nil }},
		{"ike.lifetime", func(p *Profile) { p.IKE.Lifetime = 1 }},
		{"ike.lifetime", func(p *Profile) { p.IKE.Lifetime = Duration(MaxLifetime + 1) }},
		{"ike.lifetime", func(p *Profile) { p.IKE.Lifetime = -1 }},
		{"ike.proposals", func(p *Profile) { p.IKE.Proposals = make([]Proposal, maxProposals+1) }},
		{"ike.proposals[0].encryption", func(p *Profile) { p.IKE.Proposals[0].Encryption = "3des" }},
		{"ike.proposals[0].integrity", func(p *Profile) { p.IKE.Proposals[0].Integrity = "sha256" }},
		{"ike.proposals[1].integrity", func(p *Profile) { p.IKE.Proposals[1].Integrity = "sha1" }},
		{"ike.proposals[0].prf", func(p *Profile) { p.IKE.Proposals[0].PRF = "" }},
		{"ike.proposals[0].group", func(p *Profile) { p.IKE.Proposals[0].Group = "modp1024" }},
		{"child.proposals[0].prf", func(p *Profile) { p.Child.Proposals[0].PRF = "sha256" }},
		{"child.proposals[0].group", func(p *Profile) { p.Child.Proposals[0].Group = "" }},
		{"child.proposals[0].group", func(p *Profile) { p.Child.Proposals[0].Group = "modp768" }},
		{"child.lifetime", func(p *Profile) { p.Child.Lifetime = Duration(time.Second) }},
		{"traffic", func(p *Profile) { p.Traffic = Traffic{} }},
		{"traffic.mtu", func(p *Profile) { p.Traffic.MTU = -1 }},
		{"traffic.mtu", func(p *Profile) { p.Traffic.MTU = 65536 }},
		{"traffic.include[0]", func(p *Profile) { p.Traffic.Include[0] = netip.MustParsePrefix("0.0.0.0/0") }},
		{"traffic.include[0]", func(p *Profile) { p.Traffic.Include[0] = netip.Prefix{} }},
		{"traffic.include[0]", func(p *Profile) { p.Traffic.Include[0] = netip.MustParsePrefix("10.1.2.3/8") }},
		{"traffic.exclude[0]", func(p *Profile) { p.Traffic.Exclude[0] = netip.MustParsePrefix("224.0.0.0/4") }},
		{"traffic.allow_pushed[0]", func(p *Profile) { p.Traffic.AllowPushed[0] = netip.MustParsePrefix("::ffff:10.0.0.0/104") }},
		{"traffic.exclude", func(p *Profile) { p.Traffic.Exclude = make([]netip.Prefix, maxPrefixes+1) }},
		{"dns.servers", func(p *Profile) { p.DNS.Servers = make([]netip.Addr, maxServers+1) }},
		{"dns.servers[0]", func(p *Profile) { p.DNS.Servers[0] = netip.Addr{} }},
		{"dns.servers[0]", func(p *Profile) { p.DNS.Servers[0] = netip.MustParseAddr("ff02::1") }},
		{"dns.domains[0]", func(p *Profile) { p.DNS.Domains[0] = "com" }},
		{"dns.domains[0]", func(p *Profile) { p.DNS.Domains[0] = "co.uk" }},
		{"dns.domains[0]", func(p *Profile) { p.DNS.Domains[0] = "" }},
		{"dns.domains[1]", func(p *Profile) { p.DNS.Domains[1] = "a b" }},
		{"dns.domains", func(p *Profile) { p.DNS.Domains = make([]string, maxDomains+1) }},
		{"dns.allow_pushed[1]", func(p *Profile) { p.DNS.AllowPushed[1] = "*.example" }},
		{"dns.allow_pushed", func(p *Profile) { p.DNS.AllowPushed = make([]string, maxDomains+1) }},
		{"dns.search[0]", func(p *Profile) { p.DNS.Search[0] = "x\ny" }},
		{"session.liveness", func(p *Profile) { p.Session.Liveness = 1 }},
		{"session.liveness", func(p *Profile) { p.Session.Liveness = Duration(25 * time.Hour) }},
		{"session.nat_keepalive", func(p *Profile) { p.Session.NATKeepalive = Duration(time.Millisecond) }},
		{"ike.lifetime_bytes", func(p *Profile) { p.IKE.LifetimeBytes = 1 << 30 }},
		{"gateway.quirks", func(p *Profile) { p.Gateway.Quirks = []Quirk{"sings"} }},
		{"gateway.quirks", func(p *Profile) { p.Gateway.Quirks = []Quirk{QuirkNoIDr, QuirkNoIDr} }},
		{"gateway.quirks", func(p *Profile) { p.Gateway.Quirks = []Quirk{QuirkRekeyWithoutPFS} }},
		{"ike.lifetime_bytes", func(p *Profile) { p.IKE.LifetimePackets = 1 << 30 }},
		{"child.lifetime_bytes", func(p *Profile) { p.Child.LifetimeBytes = MinLifetimeBytes - 1 }},
		{"child.lifetime_bytes", func(p *Profile) { p.Child.LifetimeBytes = MaxLifetimeBytes + 1 }},
		{"child.lifetime_packets", func(p *Profile) { p.Child.LifetimePackets = MinLifetimePackets - 1 }},
		{"child.lifetime_packets", func(p *Profile) { p.Child.LifetimePackets = MaxLifetimePackets + 1 }},
		{"client.eap_only", func(p *Profile) { p.Client.EAPOnly = "yes" }},
		{"client.eap_only", func(p *Profile) {
			p.Client, p.Gateway = Client{Auth: ClientPSK, EAPOnly: EAPOnlyAny}, Gateway{Address: "192.0.2.1", Auth: GatewayPSK}
		}},
		{"client.further", func(p *Profile) { p.Client.Further = make([]SignIn, maxSignIns+1) }},
		{"client.further[0].auth", func(p *Profile) { p.Client.Further = []SignIn{{Auth: ClientPSK, Username: "a"}} }},
		{"client.further[0].username", func(p *Profile) {
			p.Client.Further = []SignIn{{Auth: ClientMSCHAPv2, Username: "a\x00"}}
		}},
		{"client.further[0].identity", func(p *Profile) {
			p.Client.Further = []SignIn{{Auth: ClientMSCHAPv2, Username: "a", Identity: "\n"}}
		}},
		{"client.further[0].username", func(p *Profile) {
			p.Client = Client{Auth: ClientCertificate, Further: []SignIn{{Auth: ClientMSCHAPv2}}}
		}},
		{"gateway.auth", func(p *Profile) {
			p.Gateway = Gateway{Address: "192.0.2.1", Auth: GatewayPSK}
			p.Client = Client{Auth: ClientPSK, Further: []SignIn{{Auth: ClientMSCHAPv2, Username: "a"}}}
		}},
		{"session.childless", func(p *Profile) { p.Session.Childless = "perhaps" }},
		{"session.nat_keepalive", func(p *Profile) { p.Session.NATKeepalive = Duration(2 * time.Hour) }},
	} {
		p := full(t)
		c.spoil(p)
		var e *InvalidError
		if err := p.Validate(); !errors.As(err, &e) {
			t.Errorf("%s: error %v", c.field, err)
		} else if e.Field != c.field {
			t.Errorf("%s: %v", c.field, e)
		} else if !strings.HasPrefix(e.Error(), "profile: "+c.field+" ") {
			t.Errorf("message %q", e.Error())
		}
	}
}

func TestJSONRoundTrip(t *testing.T) {
	t.Parallel()
	p := full(t)
	data, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(p, got) {
		t.Errorf("%+v became %+v", p, got)
	}
	for n := range data {
		if _, err := Decode(data[:n]); err == nil {
			t.Fatalf("%d of %d bytes passed for the whole", n, len(data))
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	good, err := json.Marshal(full(t))
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string]string{
		"unknown field": strings.Replace(string(good), `"version":1`, `"version":1,"script":"rm"`, 1),
		"two values":    string(good) + "{}",
		"null":          "null",
		"list":          "[]",
		"other version": strings.Replace(string(good), `"version":1`, `"version":2`, 1),
		"bad duration":  strings.Replace(string(good), `"4h0m0s"`, `"four hours"`, 1),
		"number":        strings.Replace(string(good), `"4h0m0s"`, `4`, 1),
		"bad prefix":    strings.Replace(string(good), `"10.0.0.0/8"`, `"10.0.0.0/99"`, 1),
		"too large":     string(good) + strings.Repeat(" ", MaxSize),
		"deep":          strings.Repeat("[", 100_000),
	} {
		if data == string(good) {
			t.Fatalf("%s: nothing was changed", name)
		}
		if p, err := Decode([]byte(data)); err == nil {
			t.Errorf("%s: taken as %+v", name, p)
		}
	}
}

func FuzzDecode(f *testing.F) {
	good, err := json.Marshal(full(f))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"version":1,"traffic":{"include":[null]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Decode(data)
		if err != nil {
			return
		}
		again, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Decode(again); err != nil {
			t.Fatalf("what was read cannot be read again: %v", err)
		}
	})
}
