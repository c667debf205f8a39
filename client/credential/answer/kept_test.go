package answer

import (
	"context"
	"testing"

	"github.com/homeward-vpn/homeward/client/credential"
	"github.com/homeward-vpn/homeward/client/profile"
)

// memory is a keychain of one entry. It tells when it is asked.
type memory struct {
	secret string
	asked  func()
}

func (m *memory) Get(context.Context, string, string) (string, error) {
	m.asked()
	if m.secret == "" {
		return "", credential.ErrNoEntry
	}
	return m.secret, nil
}

func (m *memory) Set(_ context.Context, _, _, secret string) error {
	m.secret = secret
	return nil
}

func (m *memory) Delete(context.Context, string, string) error {
	m.secret = ""
	return nil
}

// TestSetPasswordBesideAnImport: the key that another program imports while the
// password is about to be kept is still there afterwards.
func TestSetPasswordBesideAnImport(t *testing.T) {
	t.Parallel()
	dir, id, keychain := t.TempDir(), profile.NewID(), &memory{asked: func() {}}
	open := func() *credential.Store {
		s, err := credential.Open(dir, keychain)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	mine, other := open(), open()
	if err := other.Put(t.Context(), id, profile.Secrets{Password: []byte("old")}); err != nil {
		t.Fatal(err)
	}
	imported := profile.Secrets{Password: []byte("old"), PrivateKey: []byte("key")}
	done := false
	keychain.asked = func() { // after this program has read the file, and before it changes it
		if !done {
			done = true
			if err := other.Put(t.Context(), id, imported); err != nil {
				t.Error(err)
			}
		}
	}
	if err := SetPassword(t.Context(), mine, id, []byte("new")); err != nil {
		t.Fatal(err)
	}
	got, err := open().Get(t.Context(), id)
	if err != nil || string(got.Password) != "new" || string(got.PrivateKey) != "key" {
		t.Errorf("%d octets of key are kept, %v", len(got.PrivateKey), err)
	}
}
