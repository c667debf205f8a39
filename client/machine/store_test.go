package machine

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/tunnel"
)

func open(t *testing.T) (*Store, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "machine")
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s, dir
}

func office(auth profile.ClientAuth) *profile.Profile {
	return &profile.Profile{
		Version: profile.Version, ID: profile.NewID(), Name: "office",
		Gateway: profile.Gateway{Address: "vpn.example.com", Auth: profile.GatewayCertificate},
		Client:  profile.Client{Auth: auth}, Traffic: profile.Traffic{Full: true},
		OnDemand: profile.OnDemand{When: profile.WhenBoot},
	}
}

// identity makes a key with its certificate.
func identity(t *testing.T, key crypto.Signer, until time.Time) ([]byte, []byte) {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "laptop-7"}, NotBefore: time.Unix(0, 0), NotAfter: until}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pkcs8, der
}

func ec(t *testing.T) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// TestPassword: what goes in answers the question, of its user and for its gateway
// only, and is in a file that root alone reads.
func TestPassword(t *testing.T) {
	t.Parallel()
	s, dir := open(t)
	p := office(profile.ClientMSCHAPv2)
	if s.Has(p) {
		t.Error("an empty store has something")
	}
	given := []byte("hunter2-machine")
	if err := s.Set(p, control.MachineCredential{Username: "laptop-7", Password: given}); err != nil {
		t.Fatal(err)
	}
	if string(given) != "hunter2-machine" {
		t.Error("the caller's own bytes were changed")
	}
	for _, c := range []struct {
		q    tunnel.Question
		want string
	}{
		{tunnel.Question{Kind: tunnel.AskPassword}, "hunter2-machine"},
		{tunnel.Question{Kind: tunnel.AskPassword, Username: "laptop-7"}, "hunter2-machine"},
		{tunnel.Question{Kind: tunnel.AskPassword, Username: "alice"}, ""},
		{tunnel.Question{Kind: tunnel.AskPSK}, ""}, {tunnel.Question{Kind: tunnel.AskSignature}, ""}, {tunnel.Question{Kind: tunnel.AskCertificate}, ""},
		{tunnel.Question{Kind: tunnel.AskCode}, ""}, {tunnel.Question{Kind: tunnel.AskConsent}, ""}, {tunnel.Question{Kind: tunnel.AskNewPassword}, ""},
	} {
		a, ok, err := s.Answer(p, c.q)
		if err != nil || ok != (c.want != "") || string(a.Secret) != c.want || ok && a.Username != "laptop-7" {
			t.Errorf("%+v: %q of %q, %v, %v", c.q, a.Secret, a.Username, ok, err)
		}
	}
	path := filepath.Join(dir, p.ID+".json")
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if list := s.List(); len(list) != 1 || list[p.ID].Kind != "password of laptop-7" {
		t.Errorf("%+v", list)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := s.Answer(p, tunnel.Question{Kind: tunnel.AskPassword}); ok || err == nil || s.Has(p) {
		t.Errorf("a file that others read: %v, %v", ok, err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Remove(p.ID), s.Remove(p.ID), s.Remove("../../etc/passwd")); err != nil || s.Has(p) || len(s.List()) != 0 {
		t.Errorf("removed: %v, %v", err, s.List())
	}
}

// TestBoundToItsGateway: a profile that leads elsewhere by now, or signs in otherwise,
// gets nothing.
func TestBoundToItsGateway(t *testing.T) {
	t.Parallel()
	s, _ := open(t)
	p := office(profile.ClientMSCHAPv2)
	if err := s.Set(p, control.MachineCredential{Username: "laptop-7", Password: control.Secret("hunter2")}); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*profile.Profile){
		"address":    func(q *profile.Profile) { q.Gateway.Address = "evil.example.com" },
		"anchors":    func(q *profile.Profile) { q.Gateway.Anchors = [][]byte{{1}} },
		"identity":   func(q *profile.Profile) { q.Gateway.Identity = "evil.example.com" },
		"auth":       func(q *profile.Profile) { q.Client.Auth = profile.ClientEAP },
		"EAP":        func(q *profile.Profile) { q.Client.EAP.Methods = []profile.EAPMethod{profile.EAPGTC} },
		"EAP only":   func(q *profile.Profile) { q.Client.EAPOnly = profile.EAPOnlyAny },
		"revocation": func(q *profile.Profile) { q.Gateway.Revocation = profile.RevocationOff },
		"another":    func(q *profile.Profile) { q.ID = profile.NewID() },
	} {
		q := *p
		change(&q)
		if _, ok, err := s.Answer(&q, tunnel.Question{Kind: tunnel.AskPassword}); ok || err != nil || s.Has(&q) {
			t.Errorf("%s: %v, %v", name, ok, err)
		}
	}
	q := *p
	q.Name, q.Traffic.MTU, q.OnDemand.When = "renamed", 1400, profile.WhenAlways
	if !s.Has(&q) {
		t.Error("what has nothing to do with the sign-in takes it away")
	}
}

// TestCertificate: the key signs each scheme that it can, for its own certificate, and
// never leaves.
func TestCertificate(t *testing.T) {
	t.Parallel()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	message := []byte("who I am")
	digest := sha256.Sum256(message)
	for _, c := range []struct {
		key    crypto.Signer
		scheme string
		good   func(signature []byte) bool
	}{
		{ec(t), "ecdsa-sha256", nil},
		{rsaKey, "rsa-pkcs1-sha256", func(sig []byte) bool {
			return rsa.VerifyPKCS1v15(&rsaKey.PublicKey, crypto.SHA256, digest[:], sig) == nil
		}},
		{rsaKey, "rsa-pss-sha256", func(sig []byte) bool {
			return rsa.VerifyPSS(&rsaKey.PublicKey, crypto.SHA256, digest[:], sig, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}) == nil
		}},
		{edKey, "ed25519", func(sig []byte) bool { return ed25519.Verify(edKey.Public().(ed25519.PublicKey), message, sig) }},
	} {
		s, _ := open(t)
		p := office(profile.ClientCertificate)
		pkcs8, der := identity(t, c.key, time.Unix(1<<32, 0))
		if err := s.Set(p, control.MachineCredential{PrivateKey: pkcs8, Certificates: [][]byte{der}}); err != nil {
			t.Fatal(err)
		}
		a, ok, err := s.Answer(p, tunnel.Question{Kind: tunnel.AskCertificate})
		if err != nil || !ok || len(a.Certificates) != 1 || !bytes.Equal(a.Certificates[0], der) || a.Secret != nil {
			t.Errorf("%s: certificate %v, %v", c.scheme, ok, err)
		}
		good := c.good
		if good == nil {
			good = func(sig []byte) bool { return ecdsa.VerifyASN1(c.key.Public().(*ecdsa.PublicKey), digest[:], sig) }
		}
		for _, of := range [][]byte{nil, der} {
			a, ok, err = s.Answer(p, tunnel.Question{Kind: tunnel.AskSignature, Certificate: of, Scheme: c.scheme, Data: message})
			if err != nil || !ok || !good(a.Secret) {
				t.Errorf("%s: signature %v, %v", c.scheme, ok, err)
			}
		}
		if _, ok, err = s.Answer(p, tunnel.Question{Kind: tunnel.AskSignature, Certificate: []byte("another"), Scheme: c.scheme, Data: message}); ok || err != nil {
			t.Errorf("%s: signs for another certificate: %v", c.scheme, err)
		}
		for _, scheme := range []string{"", "md5", "rsa-pkcs1-md5", "ecdsa-sha1", "rsa-pss-sha1", "ecdsa-sha256", "rsa-pkcs1-sha256", "ed25519"} {
			if scheme == c.scheme || strings.HasPrefix(c.scheme, "rsa") && scheme == "rsa-pkcs1-sha256" {
				continue
			}
			if _, ok, err = s.Answer(p, tunnel.Question{Kind: tunnel.AskSignature, Scheme: scheme, Data: message}); ok || err == nil {
				t.Errorf("a key for %s signs %q", c.scheme, scheme)
			}
		}
		if list := s.List(); !strings.HasPrefix(list[p.ID].Kind, "certificate of laptop-7 until ") {
			t.Errorf("%+v", list)
		}
	}
}

// TestExpired: a certificate that has ended is told by its end.
func TestExpired(t *testing.T) {
	t.Parallel()
	s, _ := open(t)
	p := office(profile.ClientCertificate)
	pkcs8, der := identity(t, ec(t), time.Unix(1<<30, 0))
	if err := s.Set(p, control.MachineCredential{PrivateKey: pkcs8, Certificates: [][]byte{der}}); err != nil {
		t.Fatal(err)
	}
	_, ok, err := s.Answer(p, tunnel.Question{Kind: tunnel.AskCertificate})
	var f *diagnose.Failure
	if ok || !errors.As(err, &f) || f.Cause != diagnose.CauseCertificateExpired {
		t.Errorf("%v, %v", ok, err)
	}
}

// TestRefused: a credential that the profile has no use for is refused in words.
func TestRefused(t *testing.T) {
	t.Parallel()
	s, _ := open(t)
	pkcs8, der := identity(t, ec(t), time.Unix(1<<32, 0))
	other, _ := identity(t, ec(t), time.Unix(1<<32, 0))
	by := func(auth profile.ClientAuth, change func(*profile.Profile)) *profile.Profile {
		p := office(auth)
		change(p)
		return p
	}
	keep := func(*profile.Profile) {}
	password := control.MachineCredential{Username: "x", Password: control.Secret("x")}
	for name, c := range map[string]struct {
		p    *profile.Profile
		m    control.MachineCredential
		word string
	}{
		"login":        {by(profile.ClientMSCHAPv2, func(p *profile.Profile) { p.OnDemand.When = profile.WhenLogin }), password, "neither boot nor always"},
		"second":       {by(profile.ClientMSCHAPv2, func(p *profile.Profile) { p.Client.Further = []profile.SignIn{{Auth: profile.ClientMSCHAPv2}} }), password, "second sign-in"},
		"no password":  {by(profile.ClientCertificate, keep), password, "certificate"},
		"no user":      {by(profile.ClientMSCHAPv2, keep), control.MachineCredential{Password: control.Secret("x")}, "--user"},
		"another user": {by(profile.ClientMSCHAPv2, func(p *profile.Profile) { p.Client.Username = "alice" }), password, "alice"},
		"no key":       {by(profile.ClientMSCHAPv2, keep), control.MachineCredential{PSK: control.Secret("x")}, "shared key"},
		"no cert":      {by(profile.ClientMSCHAPv2, keep), control.MachineCredential{PrivateKey: pkcs8, Certificates: [][]byte{der}}, "certificate"},
		"another key":  {by(profile.ClientCertificate, keep), control.MachineCredential{PrivateKey: other, Certificates: [][]byte{der}}, "another certificate"},
		"no PKCS#8":    {by(profile.ClientCertificate, keep), control.MachineCredential{PrivateKey: control.Secret("x"), Certificates: [][]byte{der}}, "cannot be read"},
	} {
		var refusal *control.Refusal
		if err := s.Set(c.p, c.m); !errors.As(err, &refusal) || !strings.Contains(refusal.Message, c.word) {
			t.Errorf("%s: %v", name, err)
		}
		if s.Has(c.p) {
			t.Errorf("%s: kept all the same", name)
		}
	}
}

// TestDamaged: a file that is not one of ours answers nothing, and is named.
func TestDamaged(t *testing.T) {
	t.Parallel()
	s, dir := open(t)
	for _, text := range []string{"", "{", `{"version":2}`, strings.Repeat("x", maxFile+1)} {
		p := office(profile.ClientPSK)
		if err := os.WriteFile(filepath.Join(dir, p.ID+".json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, ok, err := s.Answer(p, tunnel.Question{Kind: tunnel.AskPSK}); ok || err == nil || s.Has(p) {
			t.Errorf("%.20q: %v, %v", text, ok, err)
		}
		if s.List()[p.ID].Kind != "a file that cannot be read" {
			t.Errorf("%+v", s.List()[p.ID])
		}
	}
}

// TestPrintsNothing: what is kept does not show itself.
func TestPrintsNothing(t *testing.T) {
	t.Parallel()
	k := kept{Password: control.Secret("hunter2"), PSK: control.Secret("hunter2"), PrivateKey: control.Secret("hunter2")}
	m := control.MachineCredential{Password: control.Secret("hunter2"), PSK: control.Secret("hunter2"), PrivateKey: control.Secret("hunter2")}
	info, err := json.Marshal(control.MachineInfo{Kind: k.words()})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{fmt.Sprintf("%v %+v %#v", k, k, k), fmt.Sprintf("%v %+v %#v", m, m, m), string(info)} {
		if strings.Contains(text, "hunter2") || strings.Contains(text, "0x68, 0x75") || strings.Contains(text, "104 117") {
			t.Errorf("prints %s", text)
		}
	}
}
