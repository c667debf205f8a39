package credential

import (
	"bytes"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/client/profile"
)

func secrets() profile.Secrets {
	return profile.Secrets{Password: []byte("pässword"), PSK: bytes.Repeat([]byte{0, 0xFF}, 40), PrivateKey: bytes.Repeat([]byte("key"), 1000)}
}

func openTest(t testing.TB, dir string, b *fakeBackend) *Store {
	t.Helper()
	s, err := Open(dir, &SystemKeychain{backend: b})
	if err != nil {
		t.Fatal(err)
	}
	s.cost = kdf{Time: 1, Memory: 8 << 10, Threads: 1} // of no more than a test needs
	return s
}

func put(t testing.TB, s *Store, id string, v profile.Secrets) {
	t.Helper()
	if err := s.Put(t.(*testing.T).Context(), id, v); err != nil {
		t.Fatal(err)
	}
}

func TestStore(t *testing.T) {
	t.Parallel()
	dir, b, id := filepath.Join(t.TempDir(), "new", "credentials"), &fakeBackend{}, profile.NewID()
	s := openTest(t, dir, b)
	if _, err := s.Get(t.Context(), id); !errors.Is(err, ErrNotKept) {
		t.Errorf("empty: %v", err)
	}
	if b.calls != 0 {
		t.Error("the keychain was asked for nothing")
	}
	put(t, s, id, secrets())
	for range 2 {
		got, err := s.Get(t.Context(), id)
		if err != nil || !reflect.DeepEqual(got, secrets()) {
			t.Errorf("%d bytes of key, %v", len(got.PrivateKey), err)
		}
		s = openTest(t, dir, b) // as another program does
	}
	put(t, s, id, profile.Secrets{PSK: []byte("only")})
	if got, err := s.Get(t.Context(), id); err != nil || got.Password != nil || string(got.PSK) != "only" {
		t.Errorf("not replaced: %v", err)
	}
	if err := s.Forget(id); err != nil {
		t.Fatal(err)
	}
	if err := s.Forget(id); err != nil {
		t.Errorf("forgotten twice: %v", err)
	}
	if _, err := s.Get(t.Context(), id); !errors.Is(err, ErrNotKept) {
		t.Errorf("not forgotten: %v", err)
	}
	put(t, s, id, secrets())
	put(t, s, id, profile.Secrets{})
	if _, err := s.Get(t.Context(), id); !errors.Is(err, ErrNotKept) {
		t.Errorf("empty secrets were kept: %v", err)
	}
}

// TestStoreOnDisk holds nothing readable, for nobody else.
func TestStoreOnDisk(t *testing.T) {
	t.Parallel()
	dir, id := t.TempDir(), profile.NewID()
	put(t, openTest(t, dir, &fakeBackend{}), id, secrets())
	path := filepath.Join(dir, id+suffix)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"pässword", "keykeykey", id} {
		if bytes.Contains(data, []byte(part)) {
			t.Errorf("the file shows %q", part)
		}
	}
	if runtime.GOOS == "windows" {
		return // access lists come with the folder
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

// TestSealedTampering spoils every byte, cuts behind every byte, and swaps
// files: none opens.
func TestSealedTampering(t *testing.T) {
	t.Parallel()
	key := bytes.Repeat([]byte{7}, 32)
	id := profile.NewID()
	small := profile.Secrets{Password: []byte("password")}
	sealed, err := seal(key, id, small)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := open(key, id, sealed); err != nil || !reflect.DeepEqual(got, small) {
		t.Fatalf("does not open: %v", err)
	}
	for i := range sealed {
		spoiled := bytes.Clone(sealed)
		spoiled[i] ^= 1
		if _, err := open(key, id, spoiled); err == nil {
			t.Errorf("opens with byte %d spoiled", i)
		}
		if _, err := open(key, id, sealed[:i]); err == nil {
			t.Errorf("opens with %d bytes", i)
		}
	}
	if _, err := open(key, profile.NewID(), sealed); err == nil {
		t.Error("opens for another profile")
	}
	if _, err := open(bytes.Repeat([]byte{8}, 32), id, sealed); err == nil {
		t.Error("opens with another key")
	}
	again, err := seal(key, id, small)
	if err != nil || bytes.Equal(sealed, again) {
		t.Errorf("sealed twice alike, %v", err)
	}
}

func TestStoreErrors(t *testing.T) {
	t.Parallel()
	dir, b, id := t.TempDir(), &fakeBackend{}, profile.NewID()
	s := openTest(t, dir, b)
	put(t, s, id, secrets())
	var sealErr *SealError

	lost := openTest(t, dir, &fakeBackend{}) // the keychain's entry is gone
	if _, err := lost.Get(t.Context(), id); !errors.As(err, &sealErr) || !errors.Is(err, ErrNoEntry) {
		t.Errorf("a lost key: %v", err)
	}
	put(t, lost, id, secrets()) // entering the password again mends it
	if _, err := s.Get(t.Context(), id); !errors.As(err, &sealErr) {
		t.Errorf("the old key: %v", err)
	}

	broken := openTest(t, dir, &fakeBackend{entries: map[string]string{}})
	broken.keychain.(*SystemKeychain).backend.(*fakeBackend).entries[Service+"/"+broken.login] = base64.StdEncoding.EncodeToString([]byte("short"))
	var keyErr *KeychainError
	if _, err := broken.Get(t.Context(), id); !errors.As(err, &keyErr) || keyErr.Reason != KeychainBroken {
		t.Errorf("a damaged key: %v", err)
	}

	absent := openTest(t, dir, &fakeBackend{err: errors.New("no bus")})
	if err := absent.Put(t.Context(), id, secrets()); !errors.As(err, &keyErr) || keyErr.Reason != KeychainAbsent {
		t.Errorf("no keychain: %v", err)
	}
	if err := absent.Forget(id); err != nil {
		t.Errorf("forgetting needs no keychain: %v", err)
	}
	for _, bad := range []string{"", "../../x", strings.Repeat("A", 32)} {
		if _, err := s.Get(t.Context(), bad); err == nil {
			t.Errorf("%q is an ID", bad)
		}
		if err := s.Put(t.Context(), bad, secrets()); err == nil {
			t.Errorf("%q is an ID", bad)
		}
	}
	if err := s.Put(t.Context(), id, profile.Secrets{PSK: make([]byte, maxField+1)}); err == nil {
		t.Error("a secret of any size is kept")
	}
	if err := os.WriteFile(filepath.Join(dir, id+suffix), make([]byte, maxSealed+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(t.Context(), id); err == nil {
		t.Error("a file of any size is read")
	}
}

func TestDefaultDir(t *testing.T) {
	data := t.TempDir()
	t.Setenv("XDG_DATA_HOME", data)
	if got, err := DefaultDir(); err != nil || got != filepath.Join(data, "homeward", "credentials") {
		t.Errorf("%s, %v", got, err)
	}
	for _, relative := range []string{"", "data"} {
		t.Setenv("XDG_DATA_HOME", relative)
		base, err := os.UserConfigDir()
		if err != nil {
			t.Skipf("this user has no configuration folder: %v", err)
		}
		if got, err := DefaultDir(); err != nil || got != filepath.Join(base, "homeward", "credentials") {
			t.Errorf("%s, %v", got, err)
		}
	}
}

// FuzzSecrets reads the plain text of a sealed file; what is read is written
// back the same.
func FuzzSecrets(f *testing.F) {
	plain, err := appendSecrets(nil, secrets())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(plain)
	f.Add(make([]byte, 12))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := parseSecrets(data)
		if err != nil {
			return
		}
		again, err := appendSecrets(nil, s)
		if err != nil || !bytes.Equal(data, again) {
			t.Fatalf("%x became %x, %v", data, again, err)
		}
	})
}

func TestPlainPrefixes(t *testing.T) {
	t.Parallel()
	plain, err := appendSecrets(nil, secrets())
	if err != nil {
		t.Fatal(err)
	}
	for n := range plain {
		if _, err := parseSecrets(plain[:n]); err == nil {
			t.Fatalf("%d of %d bytes passed for the whole", n, len(plain))
		}
	}
	if _, err := parseSecrets(append(plain, 0)); err == nil {
		t.Error("trailing bytes passed")
	}
}
