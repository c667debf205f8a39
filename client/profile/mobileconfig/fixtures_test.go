package mobileconfig

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"maps"
	"math/big"
	"strings"
	"testing"
	"time"

	"howett.net/plist"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/homeward-vpn/homeward/client/profile"
)

// dict and list write property lists short.
type (
	dict = map[string]any
	list = []any
)

// now is the time at which every test imports.
var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// ikeEAP is the smallest IKEv2 dictionary that signs in by EAP.
func ikeEAP(extra dict) dict {
	d := dict{
		"RemoteAddress": "vpn.example.com", "RemoteIdentifier": "vpn.example.com", "LocalIdentifier": "",
		"AuthenticationMethod": "None", "ExtendedAuthEnabled": 1, "AuthName": "alice",
	}
	maps.Copy(d, extra)
	return d
}

// vpnPayload puts an IKEv2 dictionary into a payload.
func vpnPayload(ike dict, extra dict) dict {
	d := dict{
		"PayloadType": "com.apple.vpn.managed", "PayloadVersion": 1, "PayloadIdentifier": "com.example.vpn.1",
		"PayloadUUID": "0D6A4A14-41E2-4E63-9F0B-1F1B5D4F9E01", "UserDefinedName": "Harbour Office", "VPNType": "IKEv2", "IKEv2": ike,
	}
	maps.Copy(d, extra)
	return d
}

// configuration puts payloads into a profile.
func configuration(payloads ...any) dict {
	return dict{
		"PayloadType": "Configuration", "PayloadVersion": 1, "PayloadIdentifier": "com.example.vpn",
		"PayloadUUID": "0D6A4A14-41E2-4E63-9F0B-1F1B5D4F9E00", "PayloadDisplayName": "Harbour",
		"PayloadOrganization": "Harbour Ltd", "PayloadContent": list(payloads),
	}
}

func marshal(t testing.TB, v any, format int) []byte {
	t.Helper()
	b, err := plist.Marshal(v, format)
	if err != nil {
		t.Fatalf("cannot write the fixture: %v", err)
	}
	return b
}

// parse imports a profile that must be importable.
func parse(t testing.TB, v dict) []profile.Imported {
	t.Helper()
	found, err := ParseWith(marshal(t, v, plist.XMLFormat), profile.ImportOptions{Now: now})
	if err != nil {
		t.Fatalf("not imported: %v", err)
	}
	return found
}

// parseOne imports a profile of one connection.
func parseOne(t testing.TB, v dict) profile.Imported {
	t.Helper()
	found := parse(t, v)
	if len(found) != 1 {
		t.Fatalf("%d connections, want 1", len(found))
	}
	return found[0]
}

// parseIKE imports one connection with this IKEv2 dictionary.
func parseIKE(t testing.TB, ike dict, others ...any) profile.Imported {
	t.Helper()
	return parseOne(t, configuration(append(list{vpnPayload(ike, nil)}, others...)...))
}

// refused imports a profile that must be refused for that problem, in a
// sentence that holds all of the words.
func refused(t testing.TB, data []byte, problem profile.ImportProblem, words ...string) {
	t.Helper()
	found, err := ParseWith(data, profile.ImportOptions{Now: now})
	checkRefusal(t, found, err, problem, words...)
}

func checkRefusal(t testing.TB, found []profile.Imported, err error, problem profile.ImportProblem, words ...string) {
	t.Helper()
	var e *profile.ImportError
	if !errors.As(err, &e) {
		t.Fatalf("error %v of type %T, and %d connections; want an ImportError", err, err, len(found))
	}
	if len(found) != 0 {
		t.Errorf("%d connections beside the error", len(found))
	}
	if e.Problem != problem {
		t.Errorf("problem %q (%s), want %q", e.Problem, e.Sentence, problem)
	}
	for _, w := range words {
		if !strings.Contains(e.Sentence, w) {
			t.Errorf("sentence %q does not say %q", e.Sentence, w)
		}
	}
}

func refusedIKE(t testing.TB, ike dict, problem profile.ImportProblem, words ...string) {
	t.Helper()
	refused(t, marshal(t, configuration(vpnPayload(ike, nil)), plist.XMLFormat), problem, words...)
}

// line finds a key's line in a report.
func line(t testing.TB, im profile.Imported, path string) profile.Line {
	t.Helper()
	for _, l := range im.Report {
		if l.Path == path {
			return l
		}
	}
	t.Fatalf("the report has no line for %s", path)
	return profile.Line{}
}

func wantVerdict(t testing.TB, im profile.Imported, path string, v profile.Verdict) profile.Line {
	t.Helper()
	l := line(t, im, path)
	if l.Verdict != v {
		t.Errorf("%s is %s (%s), want %s", path, l.Verdict, l.Note, v)
	}
	return l
}

// issuedCert is a certificate made for a test, with its key.
type issuedCert struct {
	cert *x509.Certificate
	key  crypto.Signer
}

func (k issuedCert) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: k.cert.Raw})
}

// issueOptions describes a certificate to be made.
type issueOptions struct {
	name      string
	ca        bool
	from      *issuedCert // nil: itself
	key       crypto.Signer
	notBefore time.Time
	notAfter  time.Time
}

func issue(t testing.TB, o issueOptions) issuedCert {
	t.Helper()
	if o.key == nil {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		o.key = k
	}
	if o.notBefore.IsZero() {
		o.notBefore = now.Add(-365 * 24 * time.Hour)
	}
	if o.notAfter.IsZero() {
		o.notAfter = now.Add(365 * 24 * time.Hour)
	}
	var number [8]byte
	if _, err := rand.Read(number[:]); err != nil {
		t.Fatal(err)
	}
	number[0] &= 0x7F
	template := &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(number[:]), Subject: pkix.Name{CommonName: o.name},
		NotBefore: o.notBefore, NotAfter: o.notAfter, BasicConstraintsValid: true, IsCA: o.ca,
	}
	parent, signer := template, o.key
	if o.from != nil {
		parent, signer = o.from.cert, o.from.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, o.key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return issuedCert{cert: cert, key: o.key}
}

// certPayload is a payload of one of the certificate types.
func certPayload(typ string, content any, extra dict) dict {
	d := dict{
		"PayloadType": typ, "PayloadVersion": 1, "PayloadIdentifier": "com.example.cert",
		"PayloadUUID": "0D6A4A14-41E2-4E63-9F0B-1F1B5D4F9E02", "PayloadDisplayName": "Harbour Certificate", "PayloadContent": content,
	}
	maps.Copy(d, extra)
	return d
}

// p12 writes a PKCS#12 file.
func p12(t testing.TB, enc *pkcs12.Encoder, id issuedCert, password string, cas ...*x509.Certificate) []byte {
	t.Helper()
	b, err := enc.Encode(id.key, id.cert, cas, password)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// rsaCertificate is one that a CMS message can be encrypted for.
func rsaCertificate(t testing.TB) *x509.Certificate {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return issue(t, issueOptions{name: "Device", key: key}).cert
}
