//go:build cgo

package token

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/pkcs11"

	"github.com/homeward-vpn/homeward/client/credential"
	"github.com/homeward-vpn/homeward/client/diagnose"
)

// hsm is a SoftHSM of a test's own. Its tests are not parallel: the module is one
// per process, and so is the environment that it is configured by.
type hsm struct {
	t      *testing.T
	module string
	dir    string // of the tokens
}

const (
	userPIN  = "648219"
	adminPIN = "00998877"
)

func newHSM(t *testing.T) *hsm {
	t.Helper()
	var module string
	for _, path := range []string{"/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/pkcs11/libsofthsm2.so", "/usr/lib/pkcs11/libsofthsm2.so"} {
		if _, err := os.Stat(path); err == nil && module == "" {
			module = path
		}
	}
	for _, program := range []string{"softhsm2-util", "pkcs11-tool"} {
		if _, err := exec.LookPath(program); err != nil || module == "" {
			t.Skip("SoftHSM2 or OpenSC is not installed: run packaging/setup.sh")
		}
	}
	h := &hsm{t: t, module: module, dir: filepath.Join(t.TempDir(), "tokens")}
	if err := os.Mkdir(h.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	conf := filepath.Join(t.TempDir(), "softhsm2.conf")
	if err := os.WriteFile(conf, []byte("directories.tokendir = "+h.dir+"\nobjectstore.backend = file\nlog.level = ERROR\nslots.removable = true\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SOFTHSM2_CONF", conf)
	return h
}

func (h *hsm) run(program string, args ...string) {
	h.t.Helper()
	if out, err := exec.CommandContext(h.t.Context(), program, args...).CombinedOutput(); err != nil {
		h.t.Fatalf("%s %q: %v: %s", program, args, err, out)
	}
}

// token makes a token with that name.
func (h *hsm) token(label string) {
	h.t.Helper()
	h.run("softhsm2-util", "--init-token", "--free", "--label", label, "--pin", userPIN, "--so-pin", adminPIN)
}

// put writes a certificate and its key to a token; more goes to the key's command.
func (h *hsm) put(label, id string, e employee, more ...string) {
	h.t.Helper()
	key, err := x509.MarshalPKCS8PrivateKey(e.key)
	if err != nil {
		h.t.Fatal(err)
	}
	h.write(label, id, "privkey", key, more...)
	h.write(label, id, "cert", e.cert.Raw)
}

func (h *hsm) write(label, id, kind string, data []byte, more ...string) {
	h.t.Helper()
	path := filepath.Join(h.t.TempDir(), kind)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		h.t.Fatal(err)
	}
	h.run("pkcs11-tool", append([]string{"--module", h.module, "--token-label", label, "--login", "--pin", userPIN,
		"--write-object", path, "--type", kind, "--id", id, "--label", "key " + id}, more...)...)
}

// cards are those of the HSM, until the test ends.
func (h *hsm) cards(p credential.Prompter, wrap func(cryptoki) cryptoki) *Cards {
	h.t.Helper()
	c := New(Config{Modules: []string{h.module}, Prompter: p})
	c.wrap = wrap
	h.t.Cleanup(func() {
		if err := c.Close(); err != nil {
			h.t.Error(err)
		}
	})
	return c
}

// employee is a certificate with its key.
type employee struct {
	cert *x509.Certificate
	key  crypto.Signer
}

func employ(t *testing.T, name string, key crypto.Signer, by *employee) employee {
	t.Helper()
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().AddDate(1, 0, 0), BasicConstraintsValid: true, IsCA: by == nil,
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

func ecKey(t *testing.T, c elliptic.Curve) crypto.Signer {
	t.Helper()
	k, err := ecdsa.GenerateKey(c, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// person types these PINs; then nothing more.
type person struct {
	says  []string
	asked []credential.Prompt
}

func (p *person) Prompt(_ context.Context, q credential.Prompt) (credential.Reply, error) {
	p.asked = append(p.asked, q)
	if len(p.says) == 0 {
		return credential.Reply{}, credential.ErrDeclined
	}
	said := p.says[0]
	p.says = p.says[1:]
	return credential.Reply{Secret: []byte(said)}, nil
}

func wantCause(t *testing.T, err error, cause diagnose.Cause) *diagnose.Failure {
	t.Helper()
	var f *diagnose.Failure
	if !errors.As(err, &f) || f.Cause != cause {
		t.Fatalf("%v, want %s", err, cause)
	}
	return f
}

// TestSoftHSMSigns lists the certificates of several tokens with who has issued them,
// and signs by every scheme with RSA and each curve, with one PIN per token.
func TestSoftHSMSigns(t *testing.T) {
	h := newHSM(t)
	ca := employ(t, "Example CA", ecKey(t, elliptic.P256()), nil)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	people := map[string]employee{
		"RSA": employ(t, "RSA", rsaKey, &ca), "P-256": employ(t, "P-256", ecKey(t, elliptic.P256()), &ca),
		"P-384": employ(t, "P-384", ecKey(t, elliptic.P384()), &ca), "P-521": employ(t, "P-521", ecKey(t, elliptic.P521()), &ca),
	}
	h.token("Staff card")
	h.token("Admin card")
	h.put("Staff card", "01", people["RSA"])
	h.put("Staff card", "02", people["P-256"])
	h.write("Staff card", "0a", "cert", ca.cert.Raw)
	h.put("Admin card", "01", people["P-384"])
	h.put("Admin card", "02", people["P-521"])

	who := &person{says: []string{userPIN, userPIN}}
	c := h.cards(who, nil)
	list, err := c.List(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, id := range list {
		names = append(names, id.Name()+" on "+id.Card)
	}
	slices.Sort(names)
	if want := []string{"P-256 on Staff card", "P-384 on Admin card", "P-521 on Admin card", "RSA on Staff card"}; !slices.Equal(names, want) {
		t.Fatalf("listed %q", names)
	}
	if len(who.asked) != 0 {
		t.Error("a PIN was asked for what is public")
	}
	message := bytes.Repeat([]byte("what is signed "), 40)
	for scheme, keys := range map[string][]string{
		"rsa-pkcs1-sha1": {"RSA"}, "rsa-pkcs1-sha256": {"RSA"}, "rsa-pkcs1-sha384": {"RSA"}, "rsa-pkcs1-sha512": {"RSA"},
		"rsa-pss-sha256": {"RSA"}, "rsa-pss-sha384": {"RSA"}, "rsa-pss-sha512": {"RSA"},
		"ecdsa-sha256": {"P-256", "P-384", "P-521"}, "ecdsa-sha384": {"P-384"}, "ecdsa-sha512": {"P-521", "P-256"},
	} {
		for _, name := range keys {
			signature, err := c.Sign(t.Context(), "", people[name].cert.Raw, scheme, message)
			if err != nil || len(signature) == 0 {
				t.Errorf("%s with %s: %v", scheme, name, err)
			}
		}
	}
	// A second opinion beside the check inside.
	signature, err := c.Sign(t.Context(), "", people["P-521"].cert.Raw, "ecdsa-sha512", message)
	digest := sha512.Sum512(message)
	if err != nil || !ecdsa.VerifyASN1(people["P-521"].cert.PublicKey.(*ecdsa.PublicKey), digest[:], signature) {
		t.Errorf("does not verify: %v", err)
	}
	signature, err = c.Sign(t.Context(), "", people["RSA"].cert.Raw, "rsa-pss-sha256", message)
	hash := sha256.Sum256(message)
	if err != nil || rsa.VerifyPSS(&rsaKey.PublicKey, crypto.SHA256, hash[:], signature, &rsa.PSSOptions{SaltLength: 32}) != nil {
		t.Errorf("does not verify: %v", err)
	}
	if len(who.asked) != 2 || who.asked[0].Kind != credential.KindPIN {
		t.Errorf("asked %d times for the PINs of two cards", len(who.asked))
	}
	if _, err := c.Sign(t.Context(), "", people["RSA"].cert.Raw, "ecdsa-sha256", message); !errors.Is(err, errScheme) {
		t.Errorf("RSA by ECDSA: %v", err)
	}
}

// TestSoftHSMByURI chooses a token and an object by RFC 7512.
func TestSoftHSMByURI(t *testing.T) {
	h := newHSM(t)
	ca := employ(t, "Example CA", ecKey(t, elliptic.P256()), nil)
	alice, bob := employ(t, "Alice", ecKey(t, elliptic.P256()), &ca), employ(t, "Bob", ecKey(t, elliptic.P256()), &ca)
	h.token("one")
	h.token("two")
	h.put("one", "a1", alice)
	h.put("two", "a1", bob)
	c := h.cards(&person{says: []string{userPIN}}, nil)
	for uri, want := range map[string]string{
		"pkcs11:":                               "Alice Bob",
		"pkcs11:token=two":                      "Bob",
		"pkcs11:id=%A1":                         "Alice Bob",
		"pkcs11:token=one;id=%A1;type=cert":     "Alice",
		"pkcs11:object=key%20a1;token=two":      "Bob",
		"pkcs11:token=one?module-name=softhsm2": "Alice",
		"pkcs11:model=SoftHSM%20v2;token=one":   "Alice",
	} {
		list, err := c.List(t.Context(), uri)
		var names []string
		for _, id := range list {
			names = append(names, id.Name())
		}
		slices.Sort(names)
		if got := strings.Join(names, " "); err != nil || got != want {
			t.Errorf("%s: %q, %v", uri, got, err)
		}
	}
	for _, uri := range []string{"pkcs11:token=three", "pkcs11:token=one;id=%A2"} {
		_, err := c.List(t.Context(), uri)
		wantCause(t, err, diagnose.CauseCardRemoved)
	}
	if _, err := c.List(t.Context(), "pkcs11:?module-path=/tmp/evil.so"); err == nil || !strings.Contains(err.Error(), ModuleVariable) {
		t.Errorf("a profile's own driver: %v", err)
	}
	if _, err := c.Sign(t.Context(), "pkcs11:token=two", bob.cert.Raw, "ecdsa-sha256", []byte("m")); err != nil {
		t.Error(err)
	}
	_, err := c.Sign(t.Context(), "pkcs11:token=two", alice.cert.Raw, "ecdsa-sha256", []byte("m"))
	wantCause(t, err, diagnose.CauseCardRemoved)
}

// TestSoftHSMWrongPIN asks again, says what the card tells of the tries, and never
// sends a PIN that this card has refused.
func TestSoftHSMWrongPIN(t *testing.T) {
	h := newHSM(t)
	alice := employ(t, "Alice", ecKey(t, elliptic.P256()), new(employ(t, "Example CA", ecKey(t, elliptic.P256()), nil)))
	h.token("card")
	h.put("card", "01", alice)
	who := &person{says: []string{"111111", "111111", userPIN}}
	counted := &counting{locks: 99}
	c := h.cards(who, counted.wrap)
	if _, err := c.Sign(t.Context(), "", alice.cert.Raw, "ecdsa-sha256", []byte("m")); err != nil {
		t.Fatal(err)
	}
	if len(who.asked) != 3 || who.asked[0].Refused || !who.asked[1].Refused || !who.asked[2].Refused {
		t.Errorf("asked %+v", who.asked)
	}
	if counted.logins != 2 {
		t.Errorf("%d PINs were sent, want the wrong one once and the right one once", counted.logins)
	}
	if m := who.asked[1].Message; !strings.Contains(m, "wrong ones lock") {
		t.Errorf("SoftHSM says that the count is low, and the person is told %q", m)
	}

	who.says = []string{"222222", "333333", "444444", userPIN}
	fresh := h.cards(who, nil)
	c.drop(serial(t, c, alice))
	_, err := fresh.Sign(t.Context(), "", alice.cert.Raw, "ecdsa-sha256", []byte("m"))
	if err != nil {
		wantCause(t, err, diagnose.CausePINWrong)
	}
	if _, err := fresh.Sign(t.Context(), "", employ(t, "x", ecKey(t, elliptic.P256()), nil).cert.Raw, "ecdsa-sha256", nil); err == nil {
		t.Error("a key that no card has signs")
	}
}

func serial(t *testing.T, c *Cards, e employee) string {
	t.Helper()
	f, err := c.locate(t.Context(), "", e.cert.Raw)
	if err != nil {
		t.Fatal(err)
	}
	return f.serial
}

// counting is a module whose tokens lock, as cards do and SoftHSM does not: after so
// many wrong PINs. All else is SoftHSM's.
type counting struct {
	cryptoki
	logins, wrong, locks int
}

func (c *counting) wrap(p cryptoki) cryptoki {
	c.cryptoki = p
	return c
}

func (c *counting) Login(s pkcs11.SessionHandle, user uint, pin string) error {
	if c.wrong >= c.locks {
		return pkcs11.Error(pkcs11.CKR_PIN_LOCKED)
	}
	c.logins++
	err := c.cryptoki.Login(s, user, pin)
	if wrongPIN(err) {
		c.wrong++
	}
	return err
}

func (c *counting) GetTokenInfo(slot uint) (pkcs11.TokenInfo, error) {
	info, err := c.cryptoki.GetTokenInfo(slot)
	switch c.locks - c.wrong {
	case 0:
		info.Flags |= pkcs11.CKF_USER_PIN_LOCKED
	case 1:
		info.Flags |= pkcs11.CKF_USER_PIN_FINAL_TRY
	}
	return info, err
}

// TestSoftHSMLocks: the last try is announced, a locked card is not tried, and giving
// up before costs nothing more.
func TestSoftHSMLocks(t *testing.T) {
	h := newHSM(t)
	alice := employ(t, "Alice", ecKey(t, elliptic.P256()), new(employ(t, "Example CA", ecKey(t, elliptic.P256()), nil)))
	h.token("card")
	h.put("card", "01", alice)
	who := &person{says: []string{"111111"}}
	counted := &counting{locks: 3}
	c := h.cards(who, counted.wrap)
	sign := func() error {
		_, err := c.Sign(t.Context(), "", alice.cert.Raw, "ecdsa-sha256", []byte("m"))
		return err
	}
	if err := sign(); !errors.Is(err, credential.ErrDeclined) {
		t.Errorf("a person who gives up: %v", err)
	}
	who.says, who.asked = []string{"222222"}, nil
	if err := sign(); !errors.Is(err, credential.ErrDeclined) {
		t.Errorf("a person who gives up: %v", err)
	}
	if last := who.asked[len(who.asked)-1]; last.TriesLeft != 1 || !last.Refused {
		t.Errorf("before the last try the person is told %+v", last)
	}
	who.says = []string{"333333"}
	if f := wantCause(t, sign(), diagnose.CausePINLocked); f.Seen != "card" {
		t.Errorf("seen %q", f.Seen)
	}
	who.says, who.asked = []string{userPIN}, nil
	wantCause(t, sign(), diagnose.CausePINLocked)
	if len(who.asked) != 0 || counted.logins != 3 {
		t.Errorf("asked %d times and sent %d PINs of a locked card", len(who.asked), counted.logins)
	}
}

// TestSoftHSMThreeWrong: three wrong PINs are enough for one attempt.
func TestSoftHSMThreeWrong(t *testing.T) {
	h := newHSM(t)
	alice := employ(t, "Alice", ecKey(t, elliptic.P256()), new(employ(t, "Example CA", ecKey(t, elliptic.P256()), nil)))
	h.token("card")
	h.put("card", "01", alice)
	who := &person{says: []string{"111111", "222222", "333333", userPIN}}
	c := h.cards(who, (&counting{locks: 4}).wrap)
	_, err := c.Sign(t.Context(), "", alice.cert.Raw, "ecdsa-sha256", []byte("m"))
	if f := wantCause(t, err, diagnose.CausePINWrong); f.Tries != 1 || len(who.asked) != 3 {
		t.Errorf("%d tries left, asked %d times", f.Tries, len(who.asked))
	}
}

// TestSoftHSMRemoved: a token that goes while it is in use is told from one that is
// broken.
func TestSoftHSMRemoved(t *testing.T) {
	h := newHSM(t)
	alice := employ(t, "Alice", ecKey(t, elliptic.P256()), new(employ(t, "Example CA", ecKey(t, elliptic.P256()), nil)))
	h.token("card")
	h.put("card", "01", alice)
	who := &person{says: []string{userPIN, userPIN}}
	c := h.cards(who, nil)
	sign := func() error {
		_, err := c.Sign(t.Context(), "pkcs11:token=card", alice.cert.Raw, "ecdsa-sha256", []byte("m"))
		return err
	}
	if err := sign(); err != nil {
		t.Fatal(err)
	}
	away := h.dir + ".away"
	if err := os.Rename(h.dir, away); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(h.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	wantCause(t, sign(), diagnose.CauseCardRemoved)
	_, err := c.List(t.Context(), "pkcs11:token=card")
	wantCause(t, err, diagnose.CauseCardRemoved)
}

// TestSoftHSMAlwaysAuthenticate: a key that wants its PIN for each signature gets the
// one that opened the token for the first, and has the person asked for the next.
func TestSoftHSMAlwaysAuthenticate(t *testing.T) {
	h := newHSM(t)
	alice := employ(t, "Alice", ecKey(t, elliptic.P256()), new(employ(t, "Example CA", ecKey(t, elliptic.P256()), nil)))
	h.token("card")
	h.put("card", "01", alice, "--always-auth")
	who := &person{says: []string{userPIN, "000000", userPIN}}
	c := h.cards(who, nil)
	for i := range 2 {
		if _, err := c.Sign(t.Context(), "", alice.cert.Raw, "ecdsa-sha256", []byte("m")); err != nil {
			t.Fatalf("signature %d: %v", i+1, err)
		}
	}
	if len(who.asked) != 3 {
		t.Errorf("asked %d times, want once for the card and twice for the second signature", len(who.asked))
	}
}

// TestSoftHSMWithoutKey: a certificate whose key is not on the card.
func TestSoftHSMWithoutKey(t *testing.T) {
	h := newHSM(t)
	alice := employ(t, "Alice", ecKey(t, elliptic.P256()), new(employ(t, "Example CA", ecKey(t, elliptic.P256()), nil)))
	h.token("card")
	h.write("card", "01", "cert", alice.cert.Raw)
	c := h.cards(&person{says: []string{userPIN}}, nil)
	_, err := c.Sign(t.Context(), "", alice.cert.Raw, "ecdsa-sha256", []byte("m"))
	if f := wantCause(t, err, diagnose.CauseKeyMissing); f.Seen != "Alice" {
		t.Errorf("seen %q", f.Seen)
	}
}

// unlocked is a module whose tokens want no PIN.
type unlocked struct{ cryptoki }

func (u unlocked) GetTokenInfo(slot uint) (pkcs11.TokenInfo, error) {
	info, err := u.cryptoki.GetTokenInfo(slot)
	info.Flags &^= pkcs11.CKF_LOGIN_REQUIRED
	return info, err
}

// TestCertificatesOfOthers: a token that hides nothing and has no keys is a list of
// certificates, and none of them is the user's.
func TestCertificatesOfOthers(t *testing.T) {
	h := newHSM(t)
	h.token("card")
	h.put("card", "01", employ(t, "Alice", ecKey(t, elliptic.P256()), new(employ(t, "Example CA", ecKey(t, elliptic.P256()), nil))))
	c := h.cards(&person{}, func(p cryptoki) cryptoki { return unlocked{p} })
	if list, err := c.List(t.Context(), ""); err != nil || len(list) != 0 {
		t.Errorf("%d, %v", len(list), err)
	}
}

// silent is a module that does not answer until it is let go.
type silent struct {
	cryptoki
	let chan struct{}
}

func (s *silent) GetSlotList(present bool) ([]uint, error) {
	<-s.let
	return s.cryptoki.GetSlotList(present)
}

// TestSilentModule: a driver that hangs keeps nobody waiting beyond the deadline, and
// is used again when it answers.
func TestSilentModule(t *testing.T) {
	h := newHSM(t)
	h.token("card")
	h.put("card", "01", employ(t, "Alice", ecKey(t, elliptic.P256()), new(employ(t, "Example CA", ecKey(t, elliptic.P256()), nil))))
	s := &silent{let: make(chan struct{})}
	c := New(Config{Modules: []string{h.module}, Prompter: &person{}, Deadline: 200 * time.Millisecond})
	c.wrap = func(p cryptoki) cryptoki { s.cryptoki = p; return s }
	for range 2 {
		_, err := c.List(t.Context(), "")
		wantCause(t, err, diagnose.CauseCardRemoved)
	}
	close(s.let)
	c.cfg.Deadline = defaultDeadline
	c.loaded[0].deadline = defaultDeadline
	if list, err := c.List(t.Context(), ""); err != nil || len(list) != 1 {
		t.Errorf("%d, %v", len(list), err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// TestNoModule says which file cannot be loaded.
func TestNoModule(t *testing.T) {
	c := New(Config{Modules: []string{filepath.Join(t.TempDir(), "none.so")}})
	if _, err := c.List(t.Context(), ""); err == nil || !strings.Contains(err.Error(), "none.so") {
		t.Errorf("%v", err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}
