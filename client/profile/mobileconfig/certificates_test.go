package mobileconfig

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"howett.net/plist"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/keyfile"
)

// TestAnchors takes authorities in every form and each only once.
func TestAnchors(t *testing.T) {
	t.Parallel()
	ca := issue(t, issueOptions{name: "Harbour CA", ca: true})
	sub := issue(t, issueOptions{name: "Harbour Sub CA", ca: true, from: &ca})
	other := issue(t, issueOptions{name: "Other CA", ca: true})
	for name, c := range map[string]struct {
		payload       dict
		anchors       []issuedCert
		intermediates []issuedCert
		verdict       profile.Verdict
	}{
		"DER":                 {certPayload(typeRoot, ca.cert.Raw, nil), []issuedCert{ca}, nil, profile.Honoured},
		"PEM inside data":     {certPayload(typeRoot, ca.pem(), nil), []issuedCert{ca}, nil, profile.Honoured},
		"several in one":      {certPayload(typeRoot, append(ca.pem(), other.pem()...), nil), []issuedCert{ca, other}, nil, profile.Honoured},
		"twice":               {certPayload(typeRoot, append(ca.pem(), ca.pem()...), nil), []issuedCert{ca}, nil, profile.Honoured},
		"sub CA as a root":    {certPayload(typeRoot, sub.cert.Raw, nil), []issuedCert{sub}, nil, profile.Honoured},
		"PEM type":            {certPayload(typePEM, ca.pem(), nil), []issuedCert{ca}, nil, profile.Approximated},
		"PEM as text":         {certPayload(typePEM, string(ca.pem()), nil), []issuedCert{ca}, nil, profile.Approximated},
		"intermediate":        {certPayload(typePKCS1, sub.cert.Raw, nil), nil, []issuedCert{sub}, profile.Approximated},
		"line break behind":   {certPayload(typeRoot, append(bytes.Clone(ca.cert.Raw), '\n'), nil), []issuedCert{ca}, nil, profile.Honoured},
		"chain, PEM, one pay": {certPayload(typePEM, append(sub.pem(), ca.pem()...), nil), []issuedCert{ca}, []issuedCert{sub}, profile.Approximated},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			im := parseIKE(t, ikeEAP(nil), c.payload)
			checkCertificates(t, "anchors", im.Profile.Gateway.Anchors, c.anchors)
			checkCertificates(t, "intermediates", im.Profile.Gateway.Intermediates, c.intermediates)
			l := wantVerdict(t, im, "Payload[1].PayloadContent", c.verdict)
			if !strings.Contains(l.Value, "CA, issued by") || !strings.Contains(l.Value, "valid until 2027-03-01") {
				t.Errorf("the report shows %q", l.Value)
			}
		})
	}
}

func checkCertificates(t *testing.T, what string, got [][]byte, want []issuedCert) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%d %s, want %d", len(got), what, len(want))
		return
	}
	for i := range got {
		if !bytes.Equal(got[i], want[i].cert.Raw) {
			t.Errorf("%s: %d is another certificate", what, i)
		}
	}
}

// TestNoAnchors says whose authorities are trusted when the file brings none.
func TestNoAnchors(t *testing.T) {
	t.Parallel()
	im := parseIKE(t, ikeEAP(nil))
	if l := wantVerdict(t, im, "Certificate authority", profile.Approximated); !strings.Contains(l.Note, "this system trusts") {
		t.Errorf("note %q", l.Note)
	}
}

// TestBadCertificates names the payload that is at fault.
func TestBadCertificates(t *testing.T) {
	t.Parallel()
	ca := issue(t, issueOptions{name: "Harbour CA", ca: true})
	withText := func(typ, text string) string {
		data := marshal(t, configuration(vpnPayload(ikeEAP(nil), nil), certPayload(typ, []byte("marker"), nil)), plist.XMLFormat)
		return strings.Replace(string(data), base64.StdEncoding.EncodeToString([]byte("marker")), text, 1)
	}
	for name, data := range map[string]string{
		"placeholder":       withText(typeRoot, "{ca_base64}"),
		"dots":              withText(typeRoot, "MIIDajCCA..."),
		"PKCS12 template":   withText(typePKCS12, "{ca_pfx_base64}"),
		"not a certificate": withText(typeRoot, base64.StdEncoding.EncodeToString([]byte("hello"))),
		"empty":             withText(typeRoot, ""),
		"PEM of a key":      withText(typePEM, base64.StdEncoding.EncodeToString([]byte("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"))),
		"cut off":           withText(typeRoot, base64.StdEncoding.EncodeToString(ca.cert.Raw[:len(ca.cert.Raw)-1])),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refused(t, []byte(data), profile.ImportDamaged, `payload 2, "Harbour Certificate"`)
		})
	}
	missing := certPayload(typeRoot, nil, nil)
	delete(missing, "PayloadContent")
	refused(t, marshal(t, configuration(vpnPayload(ikeEAP(nil), nil), missing), plist.XMLFormat), profile.ImportIncomplete, "payload 2")
	large := certPayload(typeRoot, bytes.Repeat([]byte{0x30}, maxPayloadContent+1), nil)
	refused(t, marshal(t, configuration(vpnPayload(ikeEAP(nil), nil), large), plist.XMLFormat), profile.ImportDamaged, "512 KiB")
	many := certPayload(typeRoot, bytes.Repeat(ca.pem(), maxTrusted+1), nil)
	refused(t, marshal(t, configuration(vpnPayload(ikeEAP(nil), nil), many), plist.XMLFormat), profile.ImportDamaged, "payload 2")
}

// ikeCertificate signs in with the identity payload.
func ikeCertificate(extra dict) dict {
	d := ikeEAP(dict{"AuthenticationMethod": "Certificate", "ExtendedAuthEnabled": 0, "PayloadCertificateUUID": identityUUID})
	for k, v := range extra {
		d[k] = v
	}
	return d
}

func identityPayload(content []byte, extra dict) dict {
	d := certPayload(typePKCS12, content, dict{"PayloadUUID": identityUUID})
	for k, v := range extra {
		d[k] = v
	}
	return d
}

func generate[K crypto.Signer](t *testing.T) func(K, error) crypto.Signer {
	return func(k K, err error) crypto.Signer {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
}

// TestPKCS12 opens files of every encryption and kind of key.
func TestPKCS12(t *testing.T) {
	t.Parallel()
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]crypto.Signer{
		"RSA":      generate[*rsa.PrivateKey](t)(rsa.GenerateKey(rand.Reader, 2048)),
		"ECDSA256": generate[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)),
		"ECDSA384": generate[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P384(), rand.Reader)),
		"ECDSA521": generate[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P521(), rand.Reader)),
		"Ed25519":  ed,
	}
	ca := issue(t, issueOptions{name: "Harbour CA", ca: true})
	for encoder, enc := range map[string]*pkcs12.Encoder{
		"RC2-40": pkcs12.LegacyRC2, "3DES": pkcs12.LegacyDES, "PBES2 2023": pkcs12.Modern2023, "PBES2 2026": pkcs12.Modern2026,
	} {
		for kind, key := range keys {
			t.Run(encoder+" "+kind, func(t *testing.T) {
				t.Parallel()
				client := issue(t, issueOptions{name: "alice", from: &ca, key: key})
				file := p12(t, enc, client, "pässword", ca.cert)
				for _, content := range [][]byte{file, indefinite(t, file)} {
					im := parseIKE(t, ikeCertificate(dict{"CertificateType": kind}), identityPayload(content, dict{"Password": "pässword"}))
					checkCertificates(t, "client certificates", im.Profile.Client.Certificates, []issuedCert{client})
					got, err := x509.ParsePKCS8PrivateKey(im.Secrets.PrivateKey)
					if err != nil {
						t.Fatal(err)
					}
					if !got.(interface{ Equal(crypto.PrivateKey) bool }).Equal(key) {
						t.Error("another key")
					}
					wantVerdict(t, im, "IKEv2.CertificateType", profile.Honoured)
					if l := line(t, im, "Payload[1].Password"); l.Value != hidden {
						t.Errorf("the report shows %q", l.Value)
					}
				}
			})
		}
	}
}

// TestPKCS12Chain puts the chain in order, leaf first, without the root, and
// finds the leaf wherever it stands.
func TestPKCS12Chain(t *testing.T) {
	t.Parallel()
	root := issue(t, issueOptions{name: "Root", ca: true})
	upper := issue(t, issueOptions{name: "Upper", ca: true, from: &root})
	lower := issue(t, issueOptions{name: "Lower", ca: true, from: &upper})
	client := issue(t, issueOptions{name: "alice", from: &lower})
	shuffled, err := pkcs12.Modern.Encode(client.key, upper.cert, []*x509.Certificate{root.cert, client.cert, lower.cert}, "pw")
	if err != nil {
		t.Fatal(err)
	}
	im := parseIKE(t, ikeCertificate(nil), identityPayload(shuffled, dict{"Password": "pw"}))
	checkCertificates(t, "client certificates", im.Profile.Client.Certificates, []issuedCert{client, lower, upper})
	if len(im.Profile.Gateway.Anchors) != 0 {
		t.Error("the client's root became an anchor for the gateway")
	}
	im = parseIKE(t, ikeCertificate(dict{"ServerCertificateIssuerCommonName": "Root"}), identityPayload(shuffled, dict{"Password": "pw"}))
	checkCertificates(t, "anchors", im.Profile.Gateway.Anchors, []issuedCert{root})

	stranger := issue(t, issueOptions{name: "mallory"})
	foreign, err := pkcs12.Modern.Encode(stranger.key, client.cert, nil, "pw")
	if err != nil {
		t.Fatal(err)
	}
	data := marshal(t, configuration(vpnPayload(ikeCertificate(nil), nil), identityPayload(foreign, dict{"Password": "pw"})), plist.XMLFormat)
	refused(t, data, profile.ImportDamaged, "belongs to its key")
}

func TestPKCS12Expired(t *testing.T) {
	t.Parallel()
	client := issue(t, issueOptions{name: "alice", notAfter: now.Add(-1)})
	im := parseIKE(t, ikeCertificate(dict{"CertificateType": "RSA"}), identityPayload(p12(t, pkcs12.Modern, client, "pw"), dict{"Password": "pw"}))
	if l := line(t, im, "Payload[1].PayloadContent"); !strings.Contains(l.Note, "expired") || !strings.Contains(l.Value, "expired on") {
		t.Errorf("the report says %+v", l)
	}
	if l := wantVerdict(t, im, "IKEv2.CertificateType", profile.Approximated); !strings.Contains(l.Note, "ECDSA256") {
		t.Errorf("note %q", l.Note)
	}
}

// TestPKCS12Password asks when the file has no password or a wrong one, three
// times at most.
func TestPKCS12Password(t *testing.T) {
	t.Parallel()
	client := issue(t, issueOptions{name: "alice"})
	file := p12(t, pkcs12.Modern, client, "right")
	gone := errors.New("the person went away")
	for name, c := range map[string]struct {
		extra   dict
		answers []string // nil: nobody can be asked
		give    error
		asked   int
		word    string // of the refusal, "": imported
	}{
		"in the file":      {extra: dict{"Password": "right"}},
		"nobody to ask":    {word: "does not hold"},
		"wrong, nobody":    {extra: dict{"Password": "wrong"}, word: "does not hold"},
		"asked":            {answers: []string{"right"}, asked: 1},
		"wrong, asked":     {extra: dict{"Password": "wrong"}, answers: []string{"worse", "right"}, asked: 2},
		"wrong every time": {answers: []string{"a", "b", "c", "right"}, asked: 3, word: "password is wrong"},
		"gives up":         {answers: []string{"a"}, give: gone, asked: 2, word: "no password was given"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			asked := 0
			o := profile.ImportOptions{Now: now}
			if c.answers != nil {
				o.AskPassword = func(label string, attempt int) ([]byte, error) {
					if attempt != asked || !strings.Contains(label, "Harbour Certificate") {
						t.Errorf("attempt %d for %q after %d", attempt, label, asked)
					}
					asked++
					if asked > len(c.answers) {
						return nil, c.give
					}
					return []byte(c.answers[asked-1]), nil
				}
			}
			data := marshal(t, configuration(identityPayload(file, c.extra), vpnPayload(ikeCertificate(nil), nil)), plist.XMLFormat)
			found, err := ParseWith(data, o)
			if asked != c.asked {
				t.Errorf("asked %d times, want %d", asked, c.asked)
			}
			if c.word != "" {
				checkRefusal(t, found, err, profile.ImportPassword, c.word)
				if c.give != nil && !errors.Is(err, c.give) {
					t.Errorf("%v does not wrap the reason", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if found[0].Secrets.PrivateKey == nil {
				t.Error("no key")
			}
		})
	}
}

// TestPKCS12NotOpened leaves alone a file that no connection uses.
func TestPKCS12NotOpened(t *testing.T) {
	t.Parallel()
	im := parseIKE(t, ikeEAP(nil), identityPayload([]byte{0x30, 0x00}, dict{"Password": "x"}))
	wantVerdict(t, im, "Payload[1].PayloadContent", profile.Ignored)
	data := marshal(t, configuration(vpnPayload(ikeCertificate(nil), nil), identityPayload([]byte{0x30, 0x00}, dict{"Password": "x"})), plist.XMLFormat)
	refused(t, data, profile.ImportDamaged, "cannot be read", "payload 2")
	data = marshal(t, configuration(vpnPayload(ikeCertificate(nil), nil), identityPayload([]byte("no DER"), nil)), plist.XMLFormat)
	refused(t, data, profile.ImportDamaged, "cannot be read")
}

// TestCost refuses iteration counts that would keep the machine busy for days, and
// opens no other file after one that did.
func TestCost(t *testing.T) {
	t.Parallel()
	type params struct {
		Salt  []byte
		Count int64
	}
	cs := &certificates{costly: true, payloads: map[string]payload{}, identities: map[int]*identity{}}
	cs.remember(payload{dict: &value{kind: kindDict, dict: map[string]*value{"PayloadUUID": {kind: kindText, text: "u"}}}, typ: typePKCS12})
	if _, err := cs.identity("u", "x"); !errors.Is(err, keyfile.ErrCostly) {
		t.Errorf("after one that took too long: %v", err)
	}
	costly := mustMarshal(t, struct{ Inner []byte }{mustMarshal(t, params{[]byte("salt"), 1 << 40})})
	data := marshal(t, configuration(vpnPayload(ikeCertificate(nil), nil), identityPayload(costly, nil)), plist.XMLFormat)
	refused(t, data, profile.ImportDamaged, "takes longer")
}

func mustMarshal(t testing.TB, v any) []byte {
	t.Helper()
	der, err := asn1.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return der
}
