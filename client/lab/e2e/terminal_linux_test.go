package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/client/lab"
)

// typed runs homewardctl at a terminal, wants it to succeed and to ask no more than it
// is answered, and gives the screen.
func (r *rig) typed(t *testing.T, answers []string, args ...string) string {
	t.Helper()
	res, err := r.CtlTyped(r.ctx, answers, args...)
	r.said.add(res.Stdout)
	if err != nil || res.Code != 0 {
		t.Fatalf("homewardctl %s: %v\n%s", strings.Join(args, " "), err, res.Stdout)
	}
	return res.Stdout
}

// TestChoiceAtATerminal: an employee with two certificates and no keychain, whose keys
// are under a passphrase, says at a terminal with which of them to sign in by EAP-TLS.
// The choice is remembered, the passphrase is not, and a wrong one signs nothing. (A
// code, and an expired password whose new one is typed twice, are in TestSignInByEAP.)
func TestChoiceAtATerminal(t *testing.T) {
	t.Parallel()
	const passphrase, filePassword, other = "correct horse battery", "import me", "robin@corp.example"
	r := companyRig(t)
	r.typed(t, list(passphrase, passphrase), "secrets", "passphrase")
	for _, mail := range list(lab.EmployeeMail, other) {
		employee, err := r.PKI.Employee(mail, lab.ECDSA256)
		if err != nil {
			t.Fatal(err)
		}
		packed, err := lab.PKCS12(employee, r.PKI.CA, filePassword, false)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(r.Dir, mail+".p12")
		if err := os.WriteFile(path, packed, 0o600); err != nil {
			t.Fatal(err)
		}
		r.typed(t, list(filePassword, passphrase), "certificate", "import", path)
	}
	r.native(lab.Native{Name: companyProfile, CA: [][]byte{r.PKI.CA.DER()}, Fields: eapFields(r, "", list("tls"), nil, nil)})

	for _, question := range []struct {
		answers []string
		chooses bool
	}{{list("2", passphrase), true}, {list(passphrase), false}} {
		before := r.Gateway.Log()
		screen := r.typed(t, question.answers, "connect", companyProfile, "--timeout", "60s")
		r.opens(intranet("/"), lab.IntranetGreeting)
		r.must("", "disconnect")
		if asked := strings.Contains(screen, "Which of your certificates") && strings.Contains(screen, "1  "+lab.EmployeeMail) && strings.Contains(screen, "2  "+other); asked != question.chooses {
			t.Errorf("the screen:\n%s", screen)
		}
		if said := strings.TrimPrefix(r.Gateway.Log(), before); !strings.Contains(said, other) || strings.Contains(said, lab.EmployeeMail) {
			t.Errorf("the gateway has seen somebody else than %s", other)
		}
		for _, secret := range list(passphrase, filePassword) {
			if strings.Contains(screen, secret) {
				t.Error("the screen shows what was typed")
			}
		}
	}
	const wrong = "correct horse batteries"
	res, err := r.CtlTyped(r.ctx, list(wrong, wrong, wrong), "connect", companyProfile)
	if err != nil || res.Code == 0 || !strings.Contains(res.Stdout, "the passphrase that opens what is kept was wrong") {
		t.Errorf("%v, with a wrong passphrase: %s", err, res.Stdout)
	}
	if s := r.status(); s.State != "disconnected" || s.Error == nil || s.Error.Cause != "credentials-missing" {
		t.Errorf("status: state %q, error %+v", s.State, s.Error)
	}
	r.untouched("after all sign-ins")
}
