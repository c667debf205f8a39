package lab_test

import (
	"crypto/x509"
	"encoding/pem"
	"os"
	"testing"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/homeward-vpn/homeward/client/lab"
	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/mobileconfig"
)

// Every sample is what its name says, as Homeward's own importer reads it.
func TestSamplesImport(t *testing.T) {
	t.Parallel()
	pki, err := lab.NewPKI(lab.ECDSA256)
	if err != nil {
		t.Fatal(err)
	}
	paths, err := pki.WriteSamples(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]struct {
		client                        profile.ClientAuth
		gateway                       profile.GatewayAuth
		full, anchors, key, sharedKey bool
	}{
		lab.OfficeProfile:      {profile.ClientMSCHAPv2, profile.GatewayCertificate, true, true, false, false},
		lab.SplitProfile:       {profile.ClientMSCHAPv2, profile.GatewayCertificate, false, true, false, false},
		lab.CertificateProfile: {profile.ClientCertificate, profile.GatewayCertificate, true, true, true, false},
		lab.LegacyProfile:      {profile.ClientCertificate, profile.GatewayCertificate, true, true, true, false},
		lab.SharedKeyProfile:   {profile.ClientPSK, profile.GatewayPSK, true, false, false, true},
	} {
		file, err := os.ReadFile(paths[name])
		if err != nil {
			t.Fatal(err)
		}
		found, err := mobileconfig.Parse(file)
		if err != nil || len(found) != 1 {
			t.Errorf("%s: %d connections, %v; want one", name, len(found), err)
			continue
		}
		p, secrets := found[0].Profile, found[0].Secrets
		if p.Name != name || p.Gateway.Address != lab.GatewayName || p.Client.Auth != want.client || p.Gateway.Auth != want.gateway || p.Traffic.Full != want.full {
			t.Errorf("%s: imported as %+v", name, p)
		}
		if (len(p.Gateway.Anchors) > 0) != want.anchors || (secrets.PrivateKey != nil) != want.key || (secrets.PSK != nil) != want.sharedKey {
			t.Errorf("%s: anchors %d, key %v, shared key %v", name, len(p.Gateway.Anchors), secrets.PrivateKey != nil, secrets.PSK != nil)
		}
	}
	if len(paths) != 5 {
		t.Errorf("%d samples, want 5", len(paths))
	}
}

// A profile with EAP says by which methods, as Homeward's own importer reads it.
func TestMobileconfigWithEAP(t *testing.T) {
	t.Parallel()
	pki, err := lab.NewPKI(lab.ECDSA256)
	if err != nil {
		t.Fatal(err)
	}
	employee, err := pki.Employee(lab.EmployeeMail, lab.ECDSA256)
	if err != nil {
		t.Fatal(err)
	}
	packed, err := lab.PKCS12(employee, pki.CA, "secret", false)
	if err != nil {
		t.Fatal(err)
	}
	ca := [][]byte{pki.CA.DER()}
	for name, c := range map[string]struct {
		m      lab.Mobileconfig
		method profile.EAPMethod
		names  int
	}{
		"certificate": {lab.Mobileconfig{EAP: true, PKCS12: packed, PKCS12Key: "secret", TLSMinimum: "1.2", TLSMaximum: "1.2", Revocation: true}, profile.EAPTLS, 0},
		"tunnel":      {lab.Mobileconfig{EAP: true, EAPTypes: []int{21}, TTLSInner: "PAP", TrustedServers: []string{"radius.corp.example"}, Revocation: true}, profile.EAPTTLS, 1},
	} {
		c.m.Name, c.m.CA = name, ca
		text, err := c.m.XML()
		if err != nil {
			t.Fatal(err)
		}
		found, err := mobileconfig.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		p := found[0].Profile
		if p.Client.Auth != profile.ClientEAP || len(p.Client.EAP.Methods) != 1 || p.Client.EAP.Methods[0] != c.method || len(p.Client.EAP.ServerNames) != c.names {
			t.Errorf("%s: %+v", name, p.Client)
		}
		if p.Gateway.Revocation != profile.RevocationRelaxed || (p.Client.EAP.MaxTLS == profile.TLS12) != (c.method == profile.EAPTLS) {
			t.Errorf("%s: %+v %+v", name, p.Gateway, p.Client.EAP)
		}
	}
}

func TestPKCS12OpensBothWays(t *testing.T) {
	t.Parallel()
	pki, err := lab.NewPKI(lab.ECDSA256)
	if err != nil {
		t.Fatal(err)
	}
	employee, err := pki.Employee(lab.EmployeeMail, lab.ECDSA384)
	if err != nil {
		t.Fatal(err)
	}
	for name, legacy := range map[string]bool{"modern": false, "legacy": true} {
		packed, err := lab.PKCS12(employee, pki.CA, "secret", legacy)
		if err != nil {
			t.Fatal(err)
		}
		_, cert, chain, err := pkcs12.DecodeChain(packed, "secret")
		if err != nil || !cert.Equal(employee.Certificate) || len(chain) != 1 {
			t.Errorf("%s: certificate %v, %d authorities, %v", name, cert, len(chain), err)
		}
		if _, _, err := pkcs12.Decode(packed, "wrong"); err == nil {
			t.Errorf("%s: opens with a wrong password", name)
		}
	}
}

func TestCertificatesVerify(t *testing.T) {
	t.Parallel()
	pki, err := lab.NewPKI(lab.ECDSA256)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(pki.CA.Certificate)
	for _, key := range []lab.KeyType{lab.ECDSA256, lab.ECDSA384, lab.ECDSA521, lab.RSA2048} {
		c, err := pki.Employee(lab.EmployeeMail, key)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Certificate.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
			t.Errorf("%s: %v", key, err)
		}
		text, err := c.KeyPEM()
		if err != nil {
			t.Fatal(err)
		}
		block, _ := pem.Decode(text)
		if _, err := x509.ParsePKCS8PrivateKey(block.Bytes); err != nil {
			t.Errorf("%s: %v", key, err)
		}
	}
	if _, err := pki.Employee(lab.EmployeeMail, "dsa"); err == nil {
		t.Error("an unknown key type was taken")
	}
}
