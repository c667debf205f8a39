package native

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/client/profile"
)

// office is a small file that tests bend.
const office = `{
  "version": 1,
  "name": "Office",
  "gateway": {"address": "vpn.example.com", "auth": "certificate"},
  "client": {"auth": "eap-mschapv2", "username": "alice"},
  "traffic": {"full": true}
}`

// certificate makes one, DER.
func certificate(t testing.TB, name string) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<32, 0), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func pemText(der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// eap are settings that use every field.
func eap(anchor []byte) profile.EAP {
	return profile.EAP{
		Methods: []profile.EAPMethod{profile.EAPTTLS, profile.EAPPEAP}, Inner: []profile.InnerMethod{profile.InnerPAP, profile.InnerMSCHAPv2},
		OuterIdentity: "visitor@example.com", ServerNames: []string{"radius.example.com", "*.radius.example.com"}, Anchors: [][]byte{anchor},
		MinTLS: profile.TLS12, MaxTLS: profile.TLS13, WithoutEMS: true, WithoutBinding: true, ConfirmNotice: true,
	}
}

// complete are valid profiles that together use every field.
func complete(t testing.TB) []profile.Profile {
	a, b := certificate(t, "Harbour CA"), certificate(t, "Harbour Sub CA")
	prefixes := func(list ...string) (out []netip.Prefix) {
		for _, p := range list {
			out = append(out, netip.MustParsePrefix(p))
		}
		return out
	}
	origin := profile.Origin{Format: "mobileconfig", Identifier: "com.example", Organization: "Harbour <Ltd> & Söhne",
		Description: "The office", SHA256: strings.Repeat("ab", 32), SignedBy: "Harbour IT", SignerTrusted: true}
	certified := profile.Profile{
		Version: profile.Version, ID: profile.NewID(), Name: "Harbour Office", Origin: origin,
		Gateway: profile.Gateway{Address: "2001:db8::1", Port: 4500, Identity: "vpn.example.com", Auth: profile.GatewayCertificate,
			CertificateName: "vpn.example.com", IssuerName: "Harbour CA", Anchors: [][]byte{a, b}, Intermediates: [][]byte{b},
			Pins: []string{"sha256/" + strings.Repeat("A", 43) + "="}, Revocation: profile.RevocationOff,
			Quirks: []profile.Quirk{profile.QuirkESPToOldPort, profile.QuirkNoIDr}},
		Client: profile.Client{Auth: profile.ClientCertificate, Identity: "alice@example.com", Certificates: [][]byte{b, a},
			CertificateIssuers: []string{"Harbour CA"}, Token: "pkcs11:token=Harbour",
			Further: []profile.SignIn{{Auth: profile.ClientEAP, Identity: "a", Username: "alice", EAP: eap(a), Bare: true}}},
		IKE: profile.SA{Proposals: []profile.Proposal{{Encryption: "3des", Integrity: "sha1", PRF: "sha1", Group: "modp1024"},
			{Encryption: "aes256gcm16", PRF: "sha384", Group: "ecp384-ke1_mlkem768-ke1_none"}}, Strict: true, Legacy: true,
			Lifetime: profile.Duration(90*time.Minute + 1500*time.Millisecond)},
		Child: profile.SA{Proposals: []profile.Proposal{{Encryption: "aes256", Integrity: "sha1", Group: "x25519"}}, Strict: true, Legacy: true, PFS: true,
			Lifetime: profile.Duration(time.Hour), LifetimeBytes: profile.MaxLifetimeBytes, LifetimePackets: profile.MaxLifetimePackets},
		Traffic: profile.Traffic{Include: prefixes("10.0.0.0/8", "2001:db8::/32"), Exclude: prefixes("10.9.0.0/16"),
			AcceptPushed: true, AllowPushed: prefixes("10.0.0.0/8"), MTU: 1400,
			KillSwitch: profile.KillSwitchOn, LocalNetwork: profile.LocalAllow, Overlap: profile.OverlapLocal},
		DNS: profile.DNS{Servers: []netip.Addr{netip.MustParseAddr("10.0.0.53"), netip.MustParseAddr("fd00::53")}, Domains: []string{"corp.example"},
			Search: []string{"corp.example"}, AcceptPushed: true, AllowPushed: []string{"example"}},
		Session: profile.Session{Liveness: profile.Duration(-time.Second), NATKeepalive: profile.Duration(15 * time.Second),
			NoMOBIKE: true, NoRedirect: true, Childless: profile.ChildlessRequired},
		OnDemand: profile.OnDemand{When: profile.WhenBoot, Rules: []profile.Rule{
			{Action: profile.RuleEvaluate, Interface: profile.RuleWiFi, SSIDs: []string{"Harbour Café"}, DNSDomains: []string{"*.corp.example"},
				DNSServers: []string{"10.1.*"}, ProbeURL: "https://intranet.corp.example/",
				Domains: []profile.DomainRule{{Domains: []string{"corp.example"}, Action: profile.DomainIfNeeded,
					RequiredServers: []netip.Addr{netip.MustParseAddr("10.0.0.53")}, RequiredURL: "http://10.0.0.80/"}}},
			{Action: profile.RuleConnect}}},
	}
	named := certified
	named.Client = profile.Client{Auth: profile.ClientMSCHAPv2, Username: "alice", EAPOnly: profile.EAPOnlyAny}
	named.Gateway.Pins, named.Traffic = nil, profile.Traffic{Full: true}
	byEAP := certified
	byEAP.Client = profile.Client{Auth: profile.ClientEAP, Username: "alice@example.com", EAP: eap(b)}
	small := profile.Profile{
		Version: profile.Version, ID: profile.NewID(), Name: "x", Origin: profile.Origin{Identifier: "x@192.0.2.1"},
		Gateway: profile.Gateway{Address: "192.0.2.1", Auth: profile.GatewayPSK}, Client: profile.Client{Auth: profile.ClientPSK},
		Traffic: profile.Traffic{Full: true},
	}
	return []profile.Profile{certified, named, byEAP, small}
}

// parse imports a file that must be good.
func parse(t testing.TB, text string) profile.Imported {
	t.Helper()
	found, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != 1 {
		t.Fatalf("%d connections", len(found))
	}
	return found[0]
}

// refused wants an ImportError whose one sentence has the words.
func refused(t testing.TB, text string, problem profile.ImportProblem, words ...string) {
	t.Helper()
	found, err := Parse([]byte(text))
	var e *profile.ImportError
	if !errors.As(err, &e) || len(found) != 0 {
		t.Errorf("%.60q: %d connections, error %v", text, len(found), err)
		return
	}
	if e.Problem != problem {
		t.Errorf("%q is called %s, want %s", e.Sentence, e.Problem, problem)
	}
	for _, w := range words {
		if !strings.Contains(e.Sentence, w) {
			t.Errorf("%q does not say %q", e.Sentence, w)
		}
	}
	if strings.HasSuffix(e.Sentence, ".") || profile.CleanText(e.Sentence, 1<<20) != e.Sentence {
		t.Errorf("not a sentence: %q", e.Sentence)
	}
}
