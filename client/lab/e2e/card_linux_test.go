package e2e

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/client/lab"
)

// reader is a SoftHSM for the person who uses homewardctl.
type reader struct {
	*rig
	module, tokens string
	env            []string
}

const cardPIN = "572913"

func (r *rig) reader() *reader {
	r.t.Helper()
	h := &reader{rig: r, tokens: filepath.Join(r.Dir, "tokens")}
	for _, path := range []string{"/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/pkcs11/libsofthsm2.so"} {
		if _, err := os.Stat(path); err == nil && h.module == "" {
			h.module = path
		}
	}
	for _, program := range []string{"softhsm2-util", "pkcs11-tool", "cc"} {
		if _, err := exec.LookPath(program); err != nil || h.module == "" {
			r.t.Skip("SoftHSM2, OpenSC or a C compiler is not installed: run packaging/setup.sh")
		}
	}
	conf := filepath.Join(r.Dir, "softhsm2.conf")
	err := errors.Join(os.Mkdir(h.tokens, 0o700),
		os.WriteFile(conf, []byte("directories.tokendir = "+h.tokens+"\nobjectstore.backend = file\nlog.level = ERROR\n"), 0o600))
	if err != nil {
		r.t.Fatal(err)
	}
	h.env = append(os.Environ(), "SOFTHSM2_CONF="+conf)
	r.Setenv("SOFTHSM2_CONF", conf)
	r.Setenv("HOMEWARD_PKCS11_MODULE", h.module)
	return h
}

func (h *reader) tool(program string, args ...string) {
	h.t.Helper()
	cmd := exec.CommandContext(h.ctx, program, args...)
	cmd.Env = h.env
	if out, err := cmd.CombinedOutput(); err != nil {
		h.t.Fatalf("%s %q: %v: %s", program, args, err, out)
	}
}

// card makes a card with a certificate and its key.
func (h *reader) card(label string, c *lab.Credential) {
	h.t.Helper()
	h.tool("softhsm2-util", "--init-token", "--free", "--label", label, "--pin", cardPIN, "--so-pin", "00998877")
	key, err := x509.MarshalPKCS8PrivateKey(c.Key)
	if err != nil {
		h.t.Fatal(err)
	}
	for kind, data := range map[string][]byte{"privkey": key, "cert": c.DER()} {
		path := filepath.Join(h.Dir, kind)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			h.t.Fatal(err)
		}
		h.tool("pkcs11-tool", "--module", h.module, "--token-label", label, "--login", "--pin", cardPIN,
			"--write-object", path, "--type", kind, "--id", "01")
		if err := os.Remove(path); err != nil {
			h.t.Fatal(err)
		}
	}
}

// typed runs homewardctl at a terminal, and wants that no PIN stands on the screen.
func (h *reader) typed(ctx context.Context, answers []string, args ...string) lab.Result {
	h.t.Helper()
	res, err := h.CtlTyped(ctx, answers, args...)
	if err != nil {
		h.t.Fatal(err)
	}
	if strings.Contains(res.Stdout, cardPIN) {
		h.t.Error("the PIN stands on the screen")
	}
	return res
}

// TestCardSignsIn connects to strongSwan with keys on cards, by IKE and by EAP-TLS,
// without any keychain; then with a wrong PIN, and without the card.
func TestCardSignsIn(t *testing.T) {
	t.Parallel()
	r := start(t, lab.Options{Gateway: lab.GatewayOptions{EAPMethod: "tls"}})
	h := r.reader()
	keys := map[string]crypto.Signer{}
	for label, kind := range map[string]lab.KeyType{"Staff card": lab.RSA2048, "Admin card": lab.ECDSA384} {
		c, err := r.PKI.Employee(lab.EmployeeMail, kind)
		if err != nil {
			t.Fatal(err)
		}
		keys[label] = c.Key
		h.card(label, c)
	}
	ca := [][]byte{r.PKI.CA.DER()}
	for name, fields := range map[string]map[string]any{
		"any card": {"client.auth": "certificate", "client.identity": lab.EmployeeMail},
		"staff":    {"client.auth": "certificate", "client.identity": lab.EmployeeMail, "client.token": "pkcs11:token=Staff%20card"},
		"admin": {"client.auth": "eap", "client.eap.methods": list("tls"), "client.identity": lab.EmployeeMail,
			"client.eap.without_ems": true, "client.token": "pkcs11:token=Admin%20card;id=%01"},
	} {
		r.native(lab.Native{Name: name, CA: ca, Fields: fields})
	}
	if out := r.must("", "certificate", "list"); strings.Count(out, "on Staff card") != 1 || strings.Count(out, "on Admin card") != 1 {
		t.Errorf("the cards are listed as\n%s", out)
	}
	for name, label := range map[string]string{"staff": "Staff card", "admin": "Admin card"} {
		res := h.typed(r.ctx, []string{"000000", cardPIN}, "connect", name, "--timeout", "60s")
		if res.Code != 0 || strings.Count(res.Stdout, "PIN of "+label) != 2 {
			t.Fatalf("%s: %s", name, res.Stdout)
		}
		r.opens(intranet("/"), lab.IntranetGreeting)
		report(t, name+": the service's memory", inMemory(t, r.Service().PID(), keyNeedles(t, keys[label])))
		r.must("", "disconnect")
	}
	// Two cards fit, and the person chooses once.
	res := h.typed(r.ctx, []string{"2", cardPIN}, "connect", "any card", "--timeout", "60s")
	if res.Code != 0 || !strings.Contains(res.Stdout, "Which of your certificates") || !strings.Contains(res.Stdout, "on Admin card") {
		t.Fatalf("%s", res.Stdout)
	}
	r.must("", "disconnect")
	if res = h.typed(r.ctx, []string{cardPIN}, "connect", "any card", "--timeout", "60s"); res.Code != 0 || strings.Contains(res.Stdout, "Which of") {
		t.Errorf("chosen once before: %s", res.Stdout)
	}
	r.must("", "disconnect")

	res = h.typed(r.ctx, []string{"111111", "222222", "333333"}, "connect", "staff")
	if s := r.status(); res.Code == 0 || s.Error == nil || s.Error.Cause != "pin-wrong" || !strings.Contains(res.Stdout, "The PIN of your smart card is wrong") {
		t.Errorf("three wrong PINs: %s, status %+v", res.Stdout, s.Error)
	}
	if err := os.Rename(h.tokens, h.tokens+".away"); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(h.tokens, 0o700); err != nil {
		t.Fatal(err)
	}
	said := r.fails("", "connect", "staff")
	if s := r.status(); s.Error == nil || s.Error.Cause != "card-removed" || !strings.Contains(said, "Staff card") {
		t.Errorf("without the card: %q, status %+v", said, s.Error)
	}
	if strings.Contains(r.Homeward.Log(), cardPIN) {
		t.Error("the PIN is in the service's log")
	}
}
