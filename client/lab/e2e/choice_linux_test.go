package e2e

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/client/lab"
)

// TestCertificatesOfTheUser: of two certificates the one is taken whose authority the
// gateway's CERTREQ names (RFC 7296 3.7), without a question; it goes out with the
// authority between, which the gateway does not have; and the status says when it ends.
func TestCertificatesOfTheUser(t *testing.T) {
	t.Parallel()
	r := start(t, lab.Options{})
	if _, err := r.StartKeychain(r.ctx, r.Lab); errors.Is(err, lab.ErrNoKeyring) {
		t.Skip("no keychain on this machine: ", err)
	} else if err != nil {
		t.Fatal(err)
	}
	const name = "office"
	r.native(lab.Native{Name: name, CA: [][]byte{r.PKI.CA.DER()}, Fields: map[string]any{
		"client.auth": "certificate", "client.identity": lab.EmployeeMail,
	}})
	if said := r.fails("", "connect", name); !strings.Contains(said, "None of your certificates") || r.status().Error.Cause != "certificate-missing" {
		t.Errorf("without a certificate: %q", said)
	}

	// Somebody else's, from PEM files of its own.
	other, err := r.PKI.Other.Issue(lab.CertificateSpec{CommonName: "Alice elsewhere", Emails: []string{lab.EmployeeMail}})
	if err != nil {
		t.Fatal(err)
	}
	key, err := other.KeyPEM()
	if err != nil {
		t.Fatal(err)
	}
	keyFile, certFile := filepath.Join(r.Dir, "alice.key"), filepath.Join(r.Dir, "alice.crt")
	if err := errors.Join(os.WriteFile(keyFile, key, 0o600), os.WriteFile(certFile, other.CertificatePEM(), 0o600)); err != nil {
		t.Fatal(err)
	}
	r.must("", "certificate", "import", certFile, keyFile)

	// The company's, by an authority that the gateway does not have, as old programs
	// of Apple's pack it.
	staff, err := r.PKI.CA.Intermediate("Example Corp Staff CA")
	if err != nil {
		t.Fatal(err)
	}
	alice, err := staff.Issue(lab.CertificateSpec{CommonName: "Alice Example", Emails: []string{lab.EmployeeMail},
		NotBefore: time.Now().AddDate(-1, 0, 0), NotAfter: time.Now().AddDate(0, 0, 9).Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	packed, err := lab.PKCS12(alice, staff, "sesame", true)
	if err != nil {
		t.Fatal(err)
	}
	p12 := filepath.Join(r.Dir, "alice.p12")
	if err := os.WriteFile(p12, packed, 0o600); err != nil {
		t.Fatal(err)
	}
	out := r.must("sesame\n", "certificate", "import", p12, "--password-stdin")
	if !strings.Contains(out, "Alice Example, issued by Example Corp Staff CA, until ") {
		t.Errorf("import says %q", out)
	}

	r.must("", "connect", name)
	r.opens(intranet("/"), lab.IntranetGreeting)
	const notice = "Your certificate expires in 9 days; ask your administrator for a new one."
	if w := r.status().Warnings; !slices.Contains(w, notice) {
		t.Errorf("the status warns of %q", w)
	}
	if !strings.Contains(r.Gateway.Log(), "received issuer cert") {
		t.Error("the gateway was sent no authority")
	}
	r.must("", "disconnect")
	if list := r.must("", "certificate", "list"); !strings.Contains(list, "Alice elsewhere") || !strings.Contains(list, "The certificate of Alice Example expires in 9 days") {
		t.Errorf("listed\n%s", list)
	}

	// Where only the other one is left, it is shown all the same, and refused.
	r.must("", "certificate", "remove", "Alice Example")
	r.fails("", "connect", name)
	if s := r.status(); s.Error == nil || s.Error.Cause != "rejected" {
		t.Errorf("with a certificate that the gateway does not know: %+v", s.Error)
	}
}
