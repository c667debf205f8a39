package credential

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/keyfile"
)

func openWallet(t *testing.T, dir string, b *fakeBackend) *Wallet {
	t.Helper()
	w, err := OpenWallet(dir, func() (Keys, error) { return Open(dir, &SystemKeychain{backend: b}) })
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// read gives what a file of that holder would.
func read(t *testing.T, h holder, above ...holder) *keyfile.Identity {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(h.key)
	if err != nil {
		t.Fatal(err)
	}
	files := []keyfile.File{{Name: "key", Data: der}, {Name: "cert", Data: h.cert.Raw}}
	for _, a := range above {
		files = append(files, keyfile.File{Name: "above", Data: a.cert.Raw})
	}
	ids, err := keyfile.Read(files, nil)
	if err != nil {
		t.Fatal(err)
	}
	return ids[0]
}

// proof is a message that a key signs: the start of an IKE_SA_INIT request, with
// nonce and MAC behind it.
func proof() []byte {
	m := make([]byte, 28+4+32)
	m[7], m[17], m[18], m[19] = 1, 0x20, 34, 0x08
	binary.BigEndian.PutUint32(m[24:], 32)
	return m
}

// TestWallet keeps several identities, signs with each, and forgets.
func TestWallet(t *testing.T) {
	t.Parallel()
	dir, b := filepath.Join(t.TempDir(), "new"), &fakeBackend{}
	w := openWallet(t, dir, b)
	if list, err := w.List(); err != nil || len(list) != 0 {
		t.Fatalf("%d, %v", len(list), err)
	}
	people := newWorld(t)
	public, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	alice := read(t, issue(t, "Alice", key, &people.staff, nil), people.staff, people.root)
	bob := read(t, issue(t, "Bob", p256(t), &people.other, nil))
	for _, in := range []*keyfile.Identity{bob, alice, alice} {
		if _, err := w.Add(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	}
	calls := b.calls
	w = openWallet(t, dir, b) // as another program does
	list, err := w.List()
	if err != nil || len(list) != 2 || list[0].Name() != "Alice" || list[1].Name() != "Bob" {
		t.Fatalf("%v, %v", list, err)
	}
	if len(list[0].Chain) != 2 || len(list[0].Above) != 2 || len(list[1].Chain) != 1 {
		t.Errorf("chains of %d and %d", len(list[0].Chain), len(list[1].Chain))
	}
	if b.calls != calls {
		t.Error("the keychain was asked for what is public")
	}
	signature, err := w.Sign(t.Context(), list[0].Chain[0], "ed25519", []byte("message"))
	if err != nil || !ed25519.Verify(public, []byte("message"), signature) {
		t.Errorf("not signed: %v", err)
	}
	if _, err := w.Sign(t.Context(), people.staff.cert.Raw, "ecdsa-sha256", nil); !errors.Is(err, ErrNoKey) {
		t.Errorf("another's certificate: %v", err)
	}
	if err := w.Remove(list[0].ID); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Sign(t.Context(), list[0].Chain[0], "ed25519", nil); !errors.Is(err, ErrNoKey) {
		t.Errorf("removed: %v", err)
	}
	if err := w.Remove(list[0].ID); err != nil {
		t.Errorf("removed twice: %v", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("%d files stay, %v", len(entries), err)
	}
	if err := w.Remove("../../etc/passwd"); err == nil {
		t.Error("a path was taken for an ID")
	}
}

// TestWalletDamage leaves out what is not what it was, and never signs with a key
// that belongs to another certificate.
func TestWalletDamage(t *testing.T) {
	t.Parallel()
	dir, b := t.TempDir(), &fakeBackend{}
	w := openWallet(t, dir, b)
	alice, err := w.Add(t.Context(), read(t, issue(t, "Alice", p256(t), nil, nil)))
	if err != nil {
		t.Fatal(err)
	}
	mallory := issue(t, "Mallory", p256(t), nil, nil)
	if err := os.WriteFile(w.path(alice.ID, chainSuffix), armour([][]byte{mallory.cert.Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	if list, err := w.List(); err != nil || len(list) != 0 {
		t.Errorf("another certificate under its name: %v, %v", list, err)
	}
	keys, err := w.keys()
	if err != nil {
		t.Fatal(err)
	}
	other, err := x509.MarshalPKCS8PrivateKey(p256(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := keys.Put(t.Context(), alice.ID, profile.Secrets{PrivateKey: other}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Sign(t.Context(), alice.Leaf.Raw, "ecdsa-sha256", nil); !errors.Is(err, ErrNoKey) {
		t.Errorf("another key under its name: %v", err)
	}
	for name, text := range map[string]string{"empty": "", "words": "hello", "huge": strings.Repeat("x", maxChainFile+1)} {
		if err := os.WriteFile(w.path(alice.ID, chainSuffix), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if list, err := w.List(); err != nil || len(list) != 0 {
			t.Errorf("%s: %v, %v", name, list, err)
		}
	}
}

// TestWalletKeychainAbsent keeps nothing rather than half.
func TestWalletKeychainAbsent(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	absent := errors.New("no bus")
	w, err := OpenWallet(dir, func() (Keys, error) { return nil, absent })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Add(t.Context(), read(t, issue(t, "Alice", p256(t), nil, nil))); !errors.Is(err, absent) {
		t.Errorf("%v", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("%d files, %v", len(entries), err)
	}
}

// TestWalletChoice remembers per profile, and takes no word that is none.
func TestWalletChoice(t *testing.T) {
	t.Parallel()
	w := openWallet(t, t.TempDir(), &fakeBackend{})
	office, id := profile.NewID(), profile.NewID()
	if got, err := w.Chosen(office); err != nil || got != "" {
		t.Errorf("%q, %v", got, err)
	}
	if err := w.Choose(office, id); err != nil {
		t.Fatal(err)
	}
	if got, err := w.Chosen(office); err != nil || got != id {
		t.Errorf("%q, %v", got, err)
	}
	if err := os.WriteFile(w.path(office, choiceSuffix), []byte("../x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := w.Chosen(office); err != nil || got != "" {
		t.Errorf("damaged: %q, %v", got, err)
	}
	for range 2 {
		if err := w.Choose(office, ""); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Choose(office, "x"); err == nil {
		t.Error("no ID was remembered")
	}
	if _, err := w.Chosen("../x"); err == nil {
		t.Error("a path was taken for an ID")
	}
}

// TestCheckProof signs the three proofs and nothing else.
func TestCheckProof(t *testing.T) {
	t.Parallel()
	tls13 := append(append([]byte(nil), tls13Context...), make([]byte, 32)...)
	hello := append([]byte{1, 0, 0, 10, 3, 3}, make([]byte, 8)...)
	tls12 := append(append(append([]byte(nil), hello...), 2, 0, 0, 1, 0), 14, 0, 0, 0)
	for name, m := range map[string][]byte{"IKE": proof(), "TLS 1.3": tls13, "TLS 1.2": tls12} {
		if err := CheckProof(m); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	server := append([]byte(strings.Repeat(" ", 64)+"TLS 1.3, server CertificateVerify\x00"), make([]byte, 32)...)
	response := proof()
	response[15], response[19] = 1, 0x20
	auth := proof()
	auth[18] = 35
	for name, m := range map[string][]byte{
		"nothing": nil, "a letter": []byte(strings.Repeat("Dear Sir or Madam, ", 20)), "a TLS server's": server,
		"a digest": make([]byte, 32), "a gateway's": response, "another exchange": auth,
		"IKE without an end": proof()[:40], "TLS 1.3, too long": append(tls13, 1, 2, 3), "TLS 1.2, cut off": tls12[:len(tls12)-1],
		"TLS 1.2, hello alone": hello, "a certificate": issue(t, "x", p256(t), nil, nil).cert.RawTBSCertificate,
	} {
		if err := CheckProof(m); !errors.Is(err, ErrNoProof) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
