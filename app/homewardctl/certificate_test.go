package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/client/tunnel"
)

// employee is a certificate with its key, issued by an authority of the same shape.
type employee struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func employ(t *testing.T, name string, by *employee, until time.Time) employee {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().AddDate(-1, 0, 0), NotAfter: until,
		BasicConstraintsValid: true, IsCA: by == nil,
	}
	parent, signer := template, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return employee{cert, key}
}

// p12 packs an employee into a file and gives its path.
func (r *rig) p12(e, ca employee, password string) string {
	r.t.Helper()
	data, err := pkcs12.Modern.Encode(e.key, e.cert, []*x509.Certificate{ca.cert}, password)
	if err != nil {
		r.t.Fatal(err)
	}
	return r.file("employee.p12", string(data))
}

// proof is what a client signs in IKE: its first message, a nonce and a MAC.
func proof() []byte {
	m := make([]byte, 28+4+32)
	m[7], m[17], m[18], m[19] = 1, 0x20, 34, 0x08
	binary.BigEndian.PutUint32(m[24:], 32)
	return m
}

// certificateProfile is a profile that names no certificate.
const certificateProfile = `{"version": 1, "name": "office",
"gateway": {"address": "vpn.example.com", "auth": "certificate"},
"client": {"auth": "certificate"},
"traffic": {"full": true}}`

// certificateGateway wants a certificate of that wish, and a signature by its key;
// seen gets what was shown.
func certificateGateway(t *testing.T, wish tunnel.Question, seen *[]string) gateway {
	return func(ctx context.Context, cfg tunnel.Config, emit func(tunnel.Event)) error {
		wish.Kind = tunnel.AskCertificate
		a, err := cfg.Ask(ctx, wish)
		if err != nil {
			return err
		}
		leaf, err := x509.ParseCertificate(a.Certificates[0])
		if err != nil {
			return err
		}
		*seen = append(*seen, leaf.Subject.CommonName)
		q := tunnel.Question{Kind: tunnel.AskSignature, Scheme: "ecdsa-sha256", Data: proof(), Certificate: a.Certificates[0]}
		if a, err = cfg.Ask(ctx, q); err != nil {
			return err
		}
		digest := sha256.Sum256(q.Data)
		if !ecdsa.VerifyASN1(leaf.PublicKey.(*ecdsa.PublicKey), digest[:], a.Secret) {
			t.Error("the signature is another's")
		}
		return lineUp(ctx, emit)
	}
}

// certificateRig has a profile that names no certificate, and a gateway that wants one.
func certificateRig(t *testing.T, wish tunnel.Question) (r *rig, seen *[]string) {
	t.Helper()
	r, seen = newRig(t), new([]string)
	r.ok("import", r.file("office.json", certificateProfile))
	r.setGateway(certificateGateway(t, wish, seen))
	return r, seen
}

// TestCertificateImport keeps, lists and forgets.
func TestCertificateImport(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if out := r.ok("certificate", "list"); !strings.Contains(out, "There are no certificates") {
		t.Errorf("said %q", out)
	}
	ca := employ(t, "Example Corp Staff CA", nil, time.Now().AddDate(9, 0, 0))
	alice := employ(t, "Alice Example", &ca, time.Now().AddDate(0, 0, 9).Add(time.Hour))
	file := r.p12(alice, ca, "sesame")
	r.fails([]string{"no password was given"}, "certificate", "import", file)
	r.person.will("wrong", "sesame")
	out := r.ok("certificate", "import", file)
	until := alice.cert.NotAfter.Local().Format("2 January 2006")
	if out != "Kept: Alice Example, issued by Example Corp Staff CA, until "+until+".\n" {
		t.Errorf("said %q", out)
	}
	if !strings.Contains(r.err.String(), "The certificate of Alice Example expires in 9 days; ask") {
		t.Errorf("no notice in %q", r.err.String())
	}
	if p := r.person.prompts(); len(p) != 2 || p[0].Refused || !p[1].Refused {
		t.Errorf("asked %+v", p)
	}
	r.app.in = strings.NewReader("sesame\n")
	if out := r.ok("certificate", "import", file, "--password-stdin"); !strings.HasPrefix(out, "Kept again: Alice") {
		t.Errorf("said %q", out)
	}
	out = r.ok("certificate", "list")
	for _, want := range []string{"Alice Example", "Example Corp Staff CA", until, "kept here", "expires in 9 days"} {
		if !strings.Contains(out, want) {
			t.Errorf("the list lacks %q:\n%s", want, out)
		}
	}
	var list []heldCertificate
	if err := json.Unmarshal([]byte(r.ok("certificate", "list", "--json")), &list); err != nil || len(list) != 1 || !list[0].Kept {
		t.Fatalf("%+v, %v", list, err)
	}
	r.fails([]string{"Bob"}, "certificate", "remove", "Bob")
	r.ok("certificate", "remove", list[0].ID[:shortID])
	if out := r.ok("certificate", "list"); !strings.Contains(out, "There are no certificates") {
		t.Errorf("said %q", out)
	}
	dir, err := r.app.secretsDir()
	if err != nil {
		t.Fatal(err)
	}
	for _, pattern := range []string{"*.sealed", "*.pem"} {
		if left, err := filepath.Glob(filepath.Join(dir, pattern)); err != nil || len(left) != 0 {
			t.Errorf("left behind: %q, %v", left, err)
		}
	}
}

// TestCertificateImportRefusals names what is wrong with the files.
func TestCertificateImportRefusals(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ca := employ(t, "Example CA", nil, time.Now().AddDate(9, 0, 0))
	alice, bob := employ(t, "Alice", &ca, time.Now().AddDate(1, 0, 0)), employ(t, "Bob", &ca, time.Now().AddDate(1, 0, 0))
	cert := func(e employee) string {
		return r.file("cert.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: e.cert.Raw})))
	}
	der, err := x509.MarshalPKCS8PrivateKey(alice.key)
	if err != nil {
		t.Fatal(err)
	}
	key := r.file("key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
	r.fails([]string{"certificate without private key"}, "certificate", "import", cert(alice))
	r.fails([]string{"without its certificate"}, "certificate", "import", key)
	r.fails([]string{"does not belong to any certificate"}, "certificate", "import", cert(bob), key)
	r.fails([]string{"there is no file"}, "certificate", "import", filepath.Join(t.TempDir(), "none"))
	r.fails([]string{"is a folder"}, "certificate", "import", t.TempDir())
	r.keychain.absent = true
	r.fails([]string{"cannot be kept", "no keychain answers"}, "certificate", "import", cert(alice), key)
	r.keychain.absent = false
	if out := r.ok("certificate", "import", cert(alice), key); !strings.HasPrefix(out, "Kept: Alice") {
		t.Errorf("said %q", out)
	}
}

// TestCertificateIsChosen: the one that fits is taken without a question; of several
// the person chooses one, in words that say whose they are, and that is remembered
// until they want to be asked again.
func TestCertificateIsChosen(t *testing.T) {
	t.Parallel()
	r, seen := certificateRig(t, tunnel.Question{})
	ca := employ(t, "Example Corp Staff CA", nil, time.Now().AddDate(9, 0, 0))
	alice := employ(t, "Alice Example", &ca, time.Now().AddDate(1, 0, 0))
	r.person.will("pw")
	r.ok("certificate", "import", r.p12(alice, ca, "pw"))
	r.person.will()
	r.ok("connect", "office")
	r.ok("disconnect")
	if q := r.person.questions(); len(q) != 0 || !slices.Equal(*seen, []string{"Alice Example"}) {
		t.Fatalf("asked %q, shown %q", q, *seen)
	}

	admin := employ(t, "Alice Admin", &ca, time.Now().AddDate(1, 0, 0))
	r.person.will("pw")
	r.ok("certificate", "import", r.p12(admin, ca, "pw"))
	r.person.will()
	r.fails([]string{"several of your certificates fit", "certificate remove"}, "connect", "office")
	id := func(name string) string {
		var list []heldCertificate
		if err := json.Unmarshal([]byte(r.ok("certificate", "list", "--json")), &list); err != nil {
			t.Fatal(err)
		}
		return list[slices.IndexFunc(list, func(h heldCertificate) bool { return h.Name == name })].ID
	}
	r.person.will(id("Alice Admin"))
	r.ok("connect", "office")
	r.ok("disconnect")
	p := r.person.prompts()
	if len(p) != 1 || len(p[0].Options) != 2 || p[0].Text != "Which of your certificates signs you in to office" {
		t.Fatalf("asked %+v", p)
	}
	if want := "Alice Example, issued by Example Corp Staff CA, until " + alice.cert.NotAfter.Local().Format("2 January 2006"); p[0].Options[1].Label != want {
		t.Errorf("offered %q, want %q", p[0].Options[1].Label, want)
	}
	r.person.will()
	r.ok("connect", "office") // remembered
	r.ok("disconnect")
	if last := (*seen)[len(*seen)-1]; last != "Alice Admin" {
		t.Errorf("shown %q", *seen)
	}
	if out := r.ok("certificate", "list"); !strings.Contains(out, "office") {
		t.Errorf("nobody says what it is used for:\n%s", out)
	}
	r.ok("certificate", "choose", "office")
	r.person.will(id("Alice Example"))
	r.ok("connect", "office")
	r.ok("disconnect")
	if last := (*seen)[len(*seen)-1]; last != "Alice Example" || len(r.person.questions()) != 1 {
		t.Errorf("shown %q", *seen)
	}
}

// TestCertificateTrouble has a cause in the status and a sentence at the terminal for
// each reason why there is no signature.
func TestCertificateTrouble(t *testing.T) {
	t.Parallel()
	ca := employ(t, "Example CA", nil, time.Now().AddDate(9, 0, 0))
	strange := employ(t, "Strange CA", nil, time.Now().AddDate(9, 0, 0))
	for name, c := range map[string]struct {
		until time.Time // of the certificate that is there; zero: none is
		wish  tunnel.Question
		spoil func(r *rig, dir string)
		cause diagnose.Cause
		words []string
	}{
		"none":          {cause: diagnose.CauseCertificateMissing, words: []string{"None of your certificates"}},
		"expired":       {until: time.Now().AddDate(0, 0, -2), cause: diagnose.CauseCertificateExpired, words: []string{"has expired on"}},
		"another's":     {until: time.Now().AddDate(1, 0, 0), wish: tunnel.Question{TLS: true, Issuers: [][]byte{strange.cert.RawSubject}}, cause: diagnose.CauseCertificateMissing, words: []string{"Strange CA"}},
		"without a key": {until: time.Now().AddDate(1, 0, 0), spoil: loseKeys, cause: diagnose.CauseKeyMissing, words: []string{"Alice", "private key is not"}},
		"no keychain": {until: time.Now().AddDate(1, 0, 0), spoil: func(r *rig, _ string) { r.keychain.absent = true },
			cause: diagnose.CauseKeychain, words: []string{"keychain does not answer (absent)"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, _ := certificateRig(t, c.wish)
			if !c.until.IsZero() {
				r.person.will("pw")
				r.ok("certificate", "import", r.p12(employ(t, "Alice", &ca, c.until), ca, "pw"))
			}
			if c.spoil != nil {
				dir, err := r.app.secretsDir()
				if err != nil {
					t.Fatal(err)
				}
				c.spoil(r, dir)
			}
			r.fails(c.words, "connect", "office")
			var st control.Status
			if err := json.Unmarshal([]byte(r.ok("status", "--json")), &st); err != nil || st.Error == nil || st.Error.Cause != string(c.cause) {
				t.Errorf("the status says %+v, %v", st.Error, err)
			}
			if !strings.Contains(st.Error.Message, c.words[0]) {
				t.Errorf("the status says %q", st.Error.Message)
			}
		})
	}
}

// loseKeys deletes the sealed keys and leaves the certificates.
func loseKeys(r *rig, dir string) {
	files, err := filepath.Glob(filepath.Join(dir, "*.sealed"))
	if err != nil || len(files) == 0 {
		r.t.Fatalf("%d keys, %v", len(files), err)
	}
	for _, f := range files {
		if err := os.Remove(f); err != nil {
			r.t.Fatal(err)
		}
	}
}

// TestNothingElseIsSigned: a service that is not what it should be gets no signature
// under anything but a sign-in.
func TestNothingElseIsSigned(t *testing.T) {
	t.Parallel()
	r, _ := certificateRig(t, tunnel.Question{})
	ca := employ(t, "Example CA", nil, time.Now().AddDate(9, 0, 0))
	alice := employ(t, "Alice", &ca, time.Now().AddDate(1, 0, 0))
	r.person.will("pw")
	r.ok("certificate", "import", r.p12(alice, ca, "pw"))
	for name, data := range map[string][]byte{"a letter": bytes.Repeat([]byte("I owe you money. "), 9), "a certificate": alice.cert.RawTBSCertificate} {
		r.setGateway(askingGateway(tunnel.Question{Kind: tunnel.AskSignature, Scheme: "ecdsa-sha256", Data: data, Certificate: alice.cert.Raw},
			func(tunnel.Answer) bool { t.Errorf("%s was signed", name); return true }))
		r.fails([]string{"no sign-in"}, "connect", "office")
	}
}
