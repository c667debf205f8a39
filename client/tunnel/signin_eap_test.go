package tunnel

import (
	"context"
	"crypto/tls"
	"errors"
	"net/netip"
	"reflect"
	"slices"
	"testing"

	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/ike/auth"
	"github.com/homeward-vpn/homeward/ike/eap"
)

// TestEAPWords: each word of a profile has its own number in EAP, and nothing is
// allowed that the profile does not name.
func TestEAPWords(t *testing.T) {
	t.Parallel()
	var seen []uint8
	for _, m := range profile.EAPMethods() {
		kind := eapTypes[m]
		if kind == 0 || slices.Contains(seen, kind) {
			t.Errorf("%s is %d", m, kind)
		}
		seen = append(seen, kind)
		if m.SafeAlone() != eap.SafeAlone(kind) {
			t.Errorf("%s: safe alone is %t in the profile and %t in EAP", m, m.SafeAlone(), eap.SafeAlone(kind))
		}
		var inside []eap.InnerMethod
		for _, in := range profile.InnerMethods(m) {
			number := innerMethods[m][in]
			if number == 0 || slices.Contains(inside, number) {
				t.Errorf("%s inside %s is %d", in, m, number)
			}
			inside = append(inside, number)
		}
		if len(inside) != len(innerMethods[m]) {
			t.Errorf("%s has %d words and %d numbers", m, len(inside), len(innerMethods[m]))
		}
	}
	if len(seen) != len(eapTypes) {
		t.Errorf("%d methods, %d numbers", len(seen), len(eapTypes))
	}
}

// TestEAPConfig: what a profile says is what the core is told.
func TestEAPConfig(t *testing.T) {
	t.Parallel()
	chain := [][]byte{{1}}
	for name, c := range map[string]struct {
		client profile.Client
		want   eap.Config
	}{
		"the short form": {
			profile.Client{Auth: profile.ClientMSCHAPv2},
			eap.Config{Identity: "alice@corp.example", Username: "alice@corp.example", Methods: []uint8{eap.TypeMSCHAPv2}, RequireBinding: true},
		},
		"TTLS": {
			profile.Client{Auth: profile.ClientEAP, EAP: profile.EAP{
				Methods: []profile.EAPMethod{profile.EAPTTLS}, Inner: []profile.InnerMethod{profile.InnerPAP, profile.InnerEAPGTC}, ConfirmNotice: true, MinTLS: profile.TLS13,
			}},
			eap.Config{Identity: "anonymous@corp.example", Username: "alice@corp.example", Methods: []uint8{eap.TypeTTLS}, ConfirmNotice: true,
				Inner: []eap.InnerMethod{eap.InnerPAP, eap.InnerEAP(eap.TypeGTC)}, RequireBinding: true, TLS: eap.TLSConfig{MinVersion: tls.VersionTLS13}},
		},
		"PEAP": {
			profile.Client{Auth: profile.ClientEAP, EAP: profile.EAP{
				Methods: []profile.EAPMethod{profile.EAPPEAP}, OuterIdentity: "visitor", MaxTLS: profile.TLS12, WithoutEMS: true, WithoutBinding: true,
			}},
			eap.Config{Identity: "visitor", Username: "alice@corp.example", Methods: []uint8{eap.TypePEAP}, InnerPEAP: []eap.InnerMethod{eap.InnerEAP(eap.TypeMSCHAPv2)},
				TLS: eap.TLSConfig{MaxVersion: tls.VersionTLS12, AllowWithoutEMS: true}},
		},
		"both, each with its own": {
			profile.Client{Auth: profile.ClientEAP, EAP: profile.EAP{
				Methods: []profile.EAPMethod{profile.EAPPEAP, profile.EAPTTLS}, Inner: []profile.InnerMethod{profile.InnerPAP, profile.InnerGTC}, OuterIdentity: "v",
			}},
			eap.Config{Identity: "v", Username: "alice@corp.example", Methods: []uint8{eap.TypePEAP, eap.TypeTTLS}, RequireBinding: true,
				Inner: []eap.InnerMethod{eap.InnerPAP}, InnerPEAP: []eap.InnerMethod{eap.InnerEAP(eap.TypeGTC)}},
		},
	} {
		settings, ok := c.client.SignIn()
		if !ok {
			t.Fatal(name)
		}
		c.want.TLS.Certificates = chain
		if got := eapConfig(settings, chain, "alice@corp.example"); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

// TestWhoSignsIn: who is asked for a name, and what is said where (RFC 7296 3.5,
// RFC 3748 5.1).
func TestWhoSignsIn(t *testing.T) {
	t.Parallel()
	byMethod := func(m profile.EAPMethod, inner ...profile.InnerMethod) profile.Client {
		return profile.Client{Auth: profile.ClientEAP, EAP: profile.EAP{Methods: []profile.EAPMethod{m}, Inner: inner}}
	}
	with := func(c profile.Client, change func(*profile.Client)) profile.Client { change(&c); return c }
	for name, c := range map[string]struct {
		client profile.Client
		asked  []QuestionKind
		idi    string
		outer  string
		inside string // empty: not looked at
		cause  diagnose.Cause
	}{
		"password, asked for":       {client: byMethod(profile.EAPMSCHAPv2), asked: []QuestionKind{AskPassword}, idi: "bob", outer: "bob"},
		"TTLS, asked for":           {client: byMethod(profile.EAPTTLS), asked: []QuestionKind{AskPassword}, idi: "anonymous", outer: "anonymous"},
		"a code without a name":     {client: byMethod(profile.EAPGTC), cause: diagnose.CauseCredentialsMissing},
		"a code":                    {client: with(byMethod(profile.EAPGTC), func(c *profile.Client) { c.Username = "eve" }), idi: "eve", outer: "eve"},
		"a certificate, chosen":     {client: byMethod(profile.EAPTLS), asked: []QuestionKind{AskCertificate}, idi: "alice@example.com", outer: "alice@example.com"},
		"the profile's certificate": {client: with(byMethod(profile.EAPTLS), func(c *profile.Client) { c.Certificates = employee.Chain }), idi: "alice@example.com", outer: "alice@example.com"},
		"a certificate and a name": {client: with(byMethod(profile.EAPTLS), func(c *profile.Client) { c.Username, c.Identity = "eve", "laptop.example" }),
			idi: "laptop.example", outer: "eve"},
		"a certificate inside TTLS": {client: with(byMethod(profile.EAPTTLS, profile.InnerEAPTLS), func(c *profile.Client) { c.Certificates = employee.Chain }),
			idi: "anonymous@example.com", outer: "anonymous@example.com", inside: "alice@example.com"},
		"the profile's certificate, hidden": {client: with(byMethod(profile.EAPTLS), func(c *profile.Client) { c.Certificates, c.EAP.OuterIdentity = employee.Chain, "@corp.example" }),
			idi: "@corp.example", outer: "@corp.example"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var asked []QuestionKind
			p := &profile.Profile{Client: c.client}
			tn := New(Config{Profile: p, Ask: func(_ context.Context, q Question) (Answer, error) {
				asked = append(asked, q.Kind)
				return Answer{Username: "bob", Secret: []byte("x"), Certificates: employee.Chain}, nil
			}})
			creds, err := tn.credentials(t.Context())
			var f *diagnose.Failure
			if c.cause != "" {
				if !errors.As(err, &f) || f.Cause != c.cause || len(asked) > 0 {
					t.Errorf("asked %v, %v", asked, err)
				}
				return
			}
			if err != nil || !slices.Equal(asked, c.asked) {
				t.Fatalf("asked %v, %v", asked, err)
			}
			id, err := localIdentity(p, creds, netip.MustParseAddr("192.0.2.1"))
			if want, perr := auth.ParseIdentity(c.idi); err != nil || perr != nil || !id.Equal(want) {
				t.Errorf("IDi is %v, %v; want %s", id, err, c.idi)
			}
			settings, _ := p.Client.SignIn()
			cfg := eapConfig(settings, creds.chain(p), creds.username)
			if cfg.Identity != c.outer || c.inside != "" && cfg.Username != c.inside {
				t.Errorf("EAP is told %q, and %q inside; want %q and %q", cfg.Identity, cfg.Username, c.outer, c.inside)
			}
		})
	}
}
