package mobileconfig

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"howett.net/plist"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/homeward-vpn/homeward/client/profile"
)

// TestEAPTLS: a certificate inside EAP goes where one inside IKE does, and TLS is
// at least 1.2 (RFC 8996).
func TestEAPTLS(t *testing.T) {
	t.Parallel()
	client := issue(t, issueOptions{name: "alice"})
	identity := identityPayload(p12(t, pkcs12.Modern, client, "secret"), dict{"Password": "secret"})
	for name, c := range map[string]struct {
		extra       dict
		low, high   string
		only        profile.EAPOnly
		minV, maxV  profile.Verdict
		username    string
		authMessage string
	}{
		"certificate": {extra: dict{"AuthenticationMethod": "Certificate", "AuthName": ""}},
		"none":        {extra: dict{}, only: profile.EAPOnlySafe, username: "alice", authMessage: "inside EAP-TLS"},
		"old bounds": {extra: dict{"AuthenticationMethod": "Certificate", "TLSMinimumVersion": "1.0", "TLSMaximumVersion": "1.1"}, username: "alice",
			low: "1.2", high: "1.2", minV: profile.Approximated, maxV: profile.Approximated},
		"new bounds": {extra: dict{"AuthenticationMethod": "Certificate", "TLSMinimumVersion": "1.2", "TLSMaximumVersion": "1.3"}, username: "alice",
			low: "1.2", high: "1.3", minV: profile.Honoured, maxV: profile.Honoured},
		"as numbers": {extra: dict{"AuthenticationMethod": "Certificate", "TLSMinimumVersion": 1.0, "TLSMaximumVersion": 1.2}, username: "alice",
			low: "1.2", high: "1.2", minV: profile.Approximated, maxV: profile.Honoured},
		"turned round": {extra: dict{"AuthenticationMethod": "Certificate", "TLSMinimumVersion": "1.3", "TLSMaximumVersion": "1.2"}, username: "alice",
			high: "1.2", minV: profile.Refused, maxV: profile.Honoured},
		"no versions": {extra: dict{"AuthenticationMethod": "Certificate", "TLSMinimumVersion": "SSLv3", "TLSMaximumVersion": "2"}, username: "alice",
			minV: profile.Refused, maxV: profile.Refused},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ike := ikeEAP(dict{"PayloadCertificateUUID": identityUUID})
			for k, v := range c.extra {
				ike[k] = v
			}
			im := parseIKE(t, ike, identity)
			p := im.Profile.Client
			if p.Auth != profile.ClientEAP || !slices.Equal(p.EAP.Methods, []profile.EAPMethod{profile.EAPTLS}) || p.EAPOnly != c.only || p.Username != c.username {
				t.Errorf("%+v", p)
			}
			if len(p.Certificates) != 1 || !bytes.Equal(p.Certificates[0], client.cert.Raw) || im.Secrets.PrivateKey == nil || im.Secrets.Password != nil {
				t.Error("the certificate or its key is not where it belongs")
			}
			if p.EAP.MinTLS != c.low || p.EAP.MaxTLS != c.high {
				t.Errorf("TLS from %q to %q", p.EAP.MinTLS, p.EAP.MaxTLS)
			}
			for key, want := range map[string]profile.Verdict{"TLSMinimumVersion": c.minV, "TLSMaximumVersion": c.maxV} {
				if want != "" {
					wantVerdict(t, im, "IKEv2."+key, want)
				}
			}
			if l := line(t, im, "IKEv2.ExtendedAuthEnabled"); l.Lowers || l.Verdict != profile.Honoured {
				t.Errorf("%+v", l)
			}
			if c.authMessage != "" && !strings.Contains(line(t, im, "IKEv2.AuthenticationMethod").Note, c.authMessage) {
				t.Errorf("%+v", line(t, im, "IKEv2.AuthenticationMethod"))
			}
			if err := im.Profile.Validate(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestSeveralCertificates: each connection of a file signs in with the certificate
// that it names, and the report of each says which that is.
func TestSeveralCertificates(t *testing.T) {
	t.Parallel()
	const second = "0D6A4A14-41E2-4E63-9F0B-1F1B5D4F9EBB"
	alice, card := issue(t, issueOptions{name: "alice"}), issue(t, issueOptions{name: "machine"})
	mail := func(uuid string, extra dict) dict {
		return dict{"PayloadIdentifier": "vpn." + uuid, "UserDefinedName": "with " + uuid,
			"IKEv2": ikeEAP(dict{"AuthenticationMethod": "Certificate", "PayloadCertificateUUID": uuid, "ExtendedAuthEnabled": extra["eap"]})}
	}
	found := parse(t, configuration(
		vpnPayload(nil, mail(second, dict{"eap": 1})), vpnPayload(nil, mail(identityUUID, dict{"eap": 0})),
		identityPayload(p12(t, pkcs12.Modern, alice, "a"), dict{"Password": "a"}),
		identityPayload(p12(t, pkcs12.LegacyRC2, card, "b"), dict{"Password": "b", "PayloadUUID": second, "PayloadDisplayName": "Machine"}),
	))
	if len(found) != 2 {
		t.Fatalf("%d connections", len(found))
	}
	for i, want := range []struct {
		auth profile.ClientAuth
		cert issuedCert
		used string
	}{{profile.ClientEAP, card, "machine, issued by"}, {profile.ClientCertificate, alice, "alice, issued by"}} {
		p := found[i].Profile.Client
		if p.Auth != want.auth || len(p.Certificates) != 1 || !bytes.Equal(p.Certificates[0], want.cert.cert.Raw) {
			t.Errorf("%d: %+v", i, p)
		}
		used := 0
		for _, l := range found[i].Report {
			if strings.HasSuffix(l.Path, ".PayloadContent") && l.Verdict == profile.Honoured && strings.Contains(l.Value, want.used) {
				used++
			}
		}
		if used != 1 {
			t.Errorf("%d: %d certificates are reported as used: %+v", i, used, found[i].Report)
		}
	}
}

// TestFetchedCertificate: a certificate that a server would issue is left to the user,
// in words that say what to do; the profile names none.
func TestFetchedCertificate(t *testing.T) {
	t.Parallel()
	for typ, word := range map[string]string{typeSCEP: "(SCEP)", typeACME: "(ACME)"} {
		payload := certPayload(typ, dict{"URL": "https://ca.example.com"}, dict{"PayloadUUID": identityUUID})
		im := parseIKE(t, ikeCertificate(dict{"CertificateType": "ECDSA256"}), payload)
		p := im.Profile.Client
		if p.Auth != profile.ClientCertificate || p.Certificates != nil || !im.Secrets.Empty() || im.Profile.Validate() != nil {
			t.Errorf("%s: %+v", typ, p)
		}
		if l := wantVerdict(t, im, "IKEv2.PayloadCertificateUUID", profile.Approximated); !strings.Contains(l.Note, word) || !strings.Contains(l.Note, "homewardctl certificate import") {
			t.Errorf("%+v", l)
		}
	}
}

// TestCertificateOfYourOwn: a profile that wants a certificate and names none leaves
// it to the user.
func TestCertificateOfYourOwn(t *testing.T) {
	t.Parallel()
	for name, ike := range map[string]dict{
		"IKE": {"AuthenticationMethod": "Certificate", "ExtendedAuthEnabled": 0, "CertificateType": "ECDSA256"},
		"EAP": {eapDictionary: dict{"AcceptEAPTypes": list{13}}},
	} {
		im := parseIKE(t, ikeEAP(ike))
		if p := im.Profile.Client; !p.UsesCertificate() || p.Certificates != nil || !im.Secrets.Empty() {
			t.Errorf("%s: %+v", name, p)
		}
		if l := line(t, im, "IKEv2.PayloadCertificateUUID"); l.Value != missing || !strings.Contains(l.Note, "homewardctl certificate import") {
			t.Errorf("%s: %+v", name, l)
		}
	}
}

// eapWith is an IKEv2 dictionary with an EAP dictionary.
func eapWith(eap, extra dict) dict {
	d := ikeEAP(extra)
	d[eapDictionary] = eap
	return d
}

// TestEAPDictionary: what it says of methods, of the server and of the user.
func TestEAPDictionary(t *testing.T) {
	t.Parallel()
	const anchorUUID = "0D6A4A14-41E2-4E63-9F0B-1F1B5D4F9ECC"
	radius := issue(t, issueOptions{name: "RADIUS CA", ca: true})
	client := issue(t, issueOptions{name: "alice"})
	anchor := certPayload(typeRoot, radius.cert.Raw, dict{"PayloadUUID": anchorUUID})
	identity := identityPayload(p12(t, pkcs12.Modern, client, "secret"), dict{"Password": "secret"})

	im := parseIKE(t, eapWith(dict{
		"AcceptEAPTypes": list{21, 43}, "TTLSInnerAuthentication": "PAP", "OuterIdentity": "visitor@example.com", "UserName": "bob", "UserPassword": "s3cret",
		"TLSTrustedServerNames": list{"radius.example.com", "*.radius.example.com", "radius.example.com"}, "PayloadCertificateAnchorUUID": list{strings.ToLower(anchorUUID)},
		"TLSMinimumVersion": "1.1", "OneTimeUserPassword": true, "Mystery": 1,
	}, dict{"AuthName": ""}), anchor)
	p := im.Profile.Client
	if p.Auth != profile.ClientEAP || p.Username != "bob" || string(im.Secrets.Password) != "s3cret" || !p.EAP.Equal(profile.EAP{
		Methods: []profile.EAPMethod{profile.EAPTTLS}, Inner: []profile.InnerMethod{profile.InnerPAP}, OuterIdentity: "visitor@example.com",
		ServerNames: []string{"radius.example.com", "*.radius.example.com"}, Anchors: [][]byte{radius.cert.Raw}, MinTLS: "1.2",
	}) {
		t.Errorf("%+v", p)
	}
	const at = "IKEv2." + eapDictionary + "."
	for key, want := range map[string]profile.Verdict{
		"AcceptEAPTypes": profile.Approximated, "TTLSInnerAuthentication": profile.Honoured, "OuterIdentity": profile.Honoured, "UserName": profile.Honoured,
		"UserPassword": profile.Honoured, "TLSTrustedServerNames": profile.Honoured, "PayloadCertificateAnchorUUID": profile.Honoured,
		"TLSMinimumVersion": profile.Approximated, "OneTimeUserPassword": profile.Ignored, "Mystery": profile.Ignored,
	} {
		if l := wantVerdict(t, im, at+key, want); l.Lowers || key == "UserPassword" && l.Value != hidden {
			t.Errorf("%+v", l)
		}
	}

	im = parseOne(t, configuration(vpnPayload(ikeEAP(dict{"PayloadCertificateUUID": identityUUID}),
		dict{eapDictionary: dict{"AcceptEAPTypes": list{25, 13, 6}}}), identity))
	p = im.Profile.Client
	if !slices.Equal(p.EAP.Methods, []profile.EAPMethod{profile.EAPPEAP, profile.EAPTLS, profile.EAPGTC}) || len(p.Certificates) != 1 || p.Username != "alice" {
		t.Errorf("%+v", p)
	}
	if l := line(t, im, eapDictionary+".AcceptEAPTypes"); !l.Lowers {
		t.Errorf("a password outside TLS wants no yes: %+v", l)
	}
	if l := line(t, im, eapDictionary+".TLSTrustedServerNames"); l.Value != missing || !strings.Contains(l.Note, "gateway's name") {
		t.Errorf("%+v", l)
	}
	if err := im.Profile.Validate(); err != nil {
		t.Error(err)
	}

	im = parseIKE(t, eapWith(dict{"AcceptEAPTypes": list{21, 25}, "TTLSInnerAuthentication": "EAP"}, nil))
	if p = im.Profile.Client; !slices.Equal(p.EAP.Inner, []profile.InnerMethod{profile.InnerEAPMSCHAPv2, profile.InnerMSCHAPv2}) || im.Profile.Validate() != nil {
		t.Errorf("%+v", p)
	}
	im = parseIKE(t, eapWith(dict{"AcceptEAPTypes": list{21}, "TTLSInnerAuthentication": "Magic"}, nil))
	if p = im.Profile.Client; p.EAP.Inner != nil || im.Profile.Validate() != nil {
		t.Errorf("%+v", p)
	}
	wantVerdict(t, im, at+"TTLSInnerAuthentication", profile.Refused)
}

// TestEAPDictionaryRefused: what would sign in to anybody, or cannot be done, is
// not imported.
func TestEAPDictionaryRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		eap     dict
		problem profile.ImportProblem
		word    string
	}{
		{dict{"UserName": "alice"}, profile.ImportIncomplete, "AcceptEAPTypes is missing"},
		{dict{"AcceptEAPTypes": list{17, 18, "x"}}, profile.ImportUnsupported, "(17, 18, x)"},
		{dict{"AcceptEAPTypes": list{21}, "TLSTrustedServerNames": list{"wpa.*.example.com"}}, profile.ImportUnsupported, "cannot compare"},
		{dict{"AcceptEAPTypes": list{21}, "TLSTrustedServerNames": list{"*"}}, profile.ImportUnsupported, "cannot compare"},
		{dict{"AcceptEAPTypes": list{21}, "PayloadCertificateAnchorUUID": list{"nowhere"}}, profile.ImportIncomplete, "does not hold"},
		{dict{"AcceptEAPTypes": list{21}, "UserPassword": strings.Repeat("x", maxSecret+1)}, profile.ImportDamaged, "longer than"},
	} {
		refused(t, marshal(t, configuration(vpnPayload(eapWith(c.eap, nil), nil)), plist.XMLFormat), c.problem, c.word, "Harbour Office")
	}
}
