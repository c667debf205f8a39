package credential

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/client/profile"
)

const phrase = "four quiet words here"

// knowing makes a store's Passphrase say these, one after the other.
func knowing(words ...string) func(context.Context, bool) ([]byte, error) {
	asked := 0
	return func(_ context.Context, refused bool) ([]byte, error) {
		if refused != (asked > 0) {
			return nil, errors.New("the question does not say whether the last answer was wrong")
		}
		if asked == len(words) {
			return nil, ErrDeclined
		}
		asked++
		return []byte(words[asked-1]), nil
	}
}

func typed() profile.Secrets {
	return profile.Secrets{Password: []byte("pässword"), PSK: []byte("shared")}
}

// sealedFiles lists what is in the store's directory.
func sealedFiles(t *testing.T, dir string) (names []string, content []byte) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		content = append(content, data...)
	}
	return names, content
}

// TestSwitchModes goes from every mode to every other and back: what is kept comes
// along under another key, and of the key of before nothing is left.
func TestSwitchModes(t *testing.T) {
	t.Parallel()
	dir, b, id := t.TempDir(), &fakeBackend{}, profile.NewID()
	fresh := func() *Store { // another run of the program
		s := openTest(t, dir, b)
		s.Passphrase = knowing(phrase)
		return s
	}
	check := func(mode Mode) {
		t.Helper()
		s := fresh()
		if got, err := s.Mode(); err != nil || got != mode {
			t.Errorf("mode %s, %v, want %s", got, err, mode)
		}
		if got, err := s.Get(t.Context(), id); err != nil || !reflect.DeepEqual(got, typed()) {
			t.Errorf("%s: what was kept is %v", mode, err)
		}
		names, content := sealedFiles(t, dir)
		if n := strings.Count(strings.Join(names, " "), suffix); n != 1 {
			t.Errorf("%s: files %q", mode, names)
		}
		if bytes.Contains(content, []byte("pässword")) || bytes.Contains(content, []byte(phrase)) {
			t.Errorf("%s: a secret is on disk", mode)
		}
		if inKeychain := len(b.entries) > 0; inKeychain != (mode == ModeKeychain) {
			t.Errorf("%s: %d entries in the keychain", mode, len(b.entries))
		}
	}
	put(t, fresh(), id, typed())
	check(ModeKeychain)
	var generations []string
	for _, mode := range []Mode{ModePassphrase, ModeKeychain, ModePassphrase, ModePassphrase} {
		before, _ := sealedFiles(t, dir)
		if err := fresh().SetMode(t.Context(), mode, []byte(phrase)); err != nil {
			t.Fatalf("to %s: %v", mode, err)
		}
		check(mode)
		after, _ := sealedFiles(t, dir)
		if reflect.DeepEqual(before, after) {
			t.Errorf("%s: nothing was sealed again", mode)
		}
		generations = append(generations, after...)
	}
	if err := fresh().SetMode(t.Context(), ModeAsk, nil); err != nil {
		t.Fatal(err)
	}
	s := fresh()
	if _, err := s.Get(t.Context(), id); !errors.Is(err, ErrNotKept) {
		t.Errorf("ask: %v", err)
	}
	if err := s.Put(t.Context(), id, typed()); !errors.Is(err, ErrKeepsNothing) {
		t.Errorf("ask keeps something: %v", err)
	}
	if names, _ := sealedFiles(t, dir); !reflect.DeepEqual(names, []string{recordName}) || len(b.entries) != 0 {
		t.Errorf("left %q and %d keychain entries, after %q", names, len(b.entries), generations)
	}
	if err := s.SetMode(t.Context(), ModeKeychain, nil); err != nil {
		t.Fatal(err)
	}
	put(t, s, id, typed())
	check(ModeKeychain)
}

// TestPassphrase: RFC 9106. Asked for once per run, three times at most, and only
// when something is needed.
func TestPassphrase(t *testing.T) {
	t.Parallel()
	dir, id := t.TempDir(), profile.NewID()
	headless := func(words ...string) *Store {
		s := openTest(t, dir, &fakeBackend{err: errors.New("no bus")})
		if words != nil {
			s.Passphrase = knowing(words...)
		}
		return s
	}
	if err := headless().SetMode(t.Context(), ModePassphrase, []byte("short")); !errors.Is(err, ErrPassphraseShort) {
		t.Errorf("a short one: %v", err)
	}
	if err := headless().SetMode(t.Context(), ModePassphrase, []byte(phrase)); err != nil {
		t.Fatalf("without a keychain: %v", err)
	}
	s := headless(phrase) // says it once
	put(t, s, id, typed())
	for range 3 {
		if got, err := s.Get(t.Context(), id); err != nil || string(got.Password) != "pässword" {
			t.Errorf("%v", err)
		}
	}
	if c := usualCost; c.Time < 3 || c.Memory < 64<<10 {
		t.Errorf("passphrases are worth %+v, less than RFC 9106 4 recommends", c)
	}
	for name, tt := range map[string]struct {
		words []string
		want  error
	}{
		"nobody to ask":     {nil, ErrNobody},
		"declined":          {[]string{"wrong wrong wrong"}, ErrDeclined},
		"three wrong ones":  {[]string{"wrong wrong wrong", phrase + " ", "", phrase}, ErrWrongPassphrase},
		"right in the end":  {[]string{"wrong wrong wrong", "wronger still", phrase}, nil},
		"right immediately": {[]string{phrase}, nil},
	} {
		if _, err := headless(tt.words...).Get(t.Context(), id); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := headless().Forget(id); err != nil {
		t.Errorf("forgetting needs the passphrase: %v", err)
	}
	if _, err := headless().Get(t.Context(), id); !errors.Is(err, ErrNotKept) {
		t.Errorf("nobody is asked for what is not kept: %v", err)
	}
}

// TestAskKeepsNoKey: a private key is not thrown away by a choice about passwords.
func TestAskKeepsNoKey(t *testing.T) {
	t.Parallel()
	s, id := openTest(t, t.TempDir(), &fakeBackend{}), profile.NewID()
	put(t, s, id, secrets())
	if err := s.SetMode(t.Context(), ModeAsk, nil); !errors.Is(err, ErrKeyKept) {
		t.Errorf("error %v", err)
	}
	if got, err := s.Get(t.Context(), id); err != nil || !reflect.DeepEqual(got, secrets()) {
		t.Errorf("after that: %v", err)
	}
}

// TestSwitchThatIsCutOff: at every point where a switch can break off, what is kept
// is there under the key of before or the new one, and Forget finds what is left.
func TestSwitchThatIsCutOff(t *testing.T) {
	t.Parallel()
	locked := errors.New("failed to unlock correct collection")
	dir, b, id := t.TempDir(), &fakeBackend{}, profile.NewID()
	s := openTest(t, dir, b)
	put(t, s, id, typed())
	b.err = locked
	var k *KeychainError
	if err := openTest(t, dir, b).SetMode(t.Context(), ModePassphrase, []byte(phrase)); !errors.As(err, &k) || k.Reason != KeychainLocked {
		t.Errorf("with a locked keychain: %v", err)
	}
	b.err = nil

	// The files of the next generation are there, the record is not.
	next := record{Mode: ModePassphrase, Generation: 1}
	key := newKey()
	if err := next.sealKey(key, []byte(phrase), s.cost); err != nil {
		t.Fatal(err)
	}
	path, err := s.path(id, 1)
	if err == nil {
		err = write(path, key, id, typed())
	}
	if err != nil {
		t.Fatal(err)
	}
	if got, err := openTest(t, dir, b).Get(t.Context(), id); err != nil || !reflect.DeepEqual(got, typed()) {
		t.Errorf("before the record: %v", err)
	}
	// The record is there, and the files of before still are.
	data, err := json.Marshal(next)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, recordName), data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	after := openTest(t, dir, b)
	after.Passphrase = knowing(phrase)
	if got, err := after.Get(t.Context(), id); err != nil || !reflect.DeepEqual(got, typed()) {
		t.Errorf("after the record: %v", err)
	}
	if ids, err := after.Kept(); err != nil || len(ids) != 1 {
		t.Errorf("kept %q, %v", ids, err)
	}
	if err := after.Forget(id); err != nil {
		t.Fatal(err)
	}
	if names, _ := sealedFiles(t, dir); !reflect.DeepEqual(names, []string{recordName}) {
		t.Errorf("left %q", names)
	}
}

// TestRecordTampering: the record is a file like another. What it asks for is
// bounded, and one that was changed does not open.
func TestRecordTampering(t *testing.T) {
	t.Parallel()
	dir, id := t.TempDir(), profile.NewID()
	s := openTest(t, dir, &fakeBackend{})
	if err := s.SetMode(t.Context(), ModePassphrase, []byte(phrase)); err != nil {
		t.Fatal(err)
	}
	s.Passphrase = knowing(phrase)
	put(t, s, id, typed())
	good, err := os.ReadFile(filepath.Join(dir, recordName))
	if err != nil {
		t.Fatal(err)
	}
	var r record
	if err := json.Unmarshal(good, &r); err != nil || r.KDF.Memory != s.cost.Memory || len(r.KDF.Salt) != kdfSalt {
		t.Fatalf("%s, %v", good, err)
	}
	var damaged *RecordError
	for name, change := range map[string]func(*record){
		"more memory than there is": func(r *record) { r.KDF.Memory = 1 << 31 },
		"more time than there is":   func(r *record) { r.KDF.Time = 1 << 31 },
		"no memory":                 func(r *record) { r.KDF.Memory = 8 },
		"no salt":                   func(r *record) { r.KDF.Salt = nil },
		"no threads":                func(r *record) { r.KDF.Threads = 0 },
		"no derivation":             func(r *record) { r.KDF = nil },
		"an unknown mode":           func(r *record) { r.Mode = "plain" },
		"other work":                func(r *record) { r.KDF.Time++ },
		"another salt":              func(r *record) { r.KDF.Salt[0] ^= 1 },
		"another generation":        func(r *record) { r.Generation++ },
		"another key":               func(r *record) { r.Key[30] ^= 1 },
		"no key":                    func(r *record) { r.Key = nil },
	} {
		var changed record
		if err := json.Unmarshal(good, &changed); err != nil {
			t.Fatal(err)
		}
		change(&changed)
		data, err := json.Marshal(changed)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, recordName), data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		again := openTest(t, dir, &fakeBackend{})
		again.Passphrase = knowing(phrase)
		_, err = again.Get(t.Context(), id)
		if !errors.As(err, &damaged) && !errors.Is(err, ErrDeclined) && !errors.Is(err, ErrNotKept) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, data := range []string{"", "{", "[]", strings.Repeat(" ", maxRecord+1)} {
		if err := os.WriteFile(filepath.Join(dir, recordName), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
		again := openTest(t, dir, &fakeBackend{})
		if _, err := again.Get(t.Context(), id); !errors.As(err, &damaged) || !strings.Contains(err.Error(), recordName) {
			t.Errorf("%.10q: %v", data, err)
		}
		if err := again.Put(t.Context(), id, typed()); !errors.As(err, &damaged) {
			t.Errorf("%.10q is written to: %v", data, err)
		}
	}
}

// TestForgetLeavesNothing: with the last profile goes the key, and a search finds
// neither files nor entries.
func TestForgetLeavesNothing(t *testing.T) {
	t.Parallel()
	dir, b := t.TempDir(), &fakeBackend{}
	s := openTest(t, dir, b)
	first, second := profile.NewID(), profile.NewID()
	put(t, s, first, typed())
	put(t, s, second, typed())
	forget := func(id string) {
		t.Helper()
		if err := errors.Join(s.Forget(id), s.Tidy(t.Context())); err != nil {
			t.Fatal(err)
		}
	}
	forget(first)
	if names, _ := sealedFiles(t, dir); len(names) != 1 || len(b.entries) != 1 {
		t.Errorf("%q and %d entries, while one profile is kept", names, len(b.entries))
	}
	old := b.entries[Service+"/"+s.login]
	forget(second)
	if names, _ := sealedFiles(t, dir); len(names) != 0 || len(b.entries) != 0 {
		t.Errorf("left %q and %d entries", names, len(b.entries))
	}
	put(t, s, first, typed())
	if fresh := b.entries[Service+"/"+s.login]; fresh == "" || fresh == old {
		t.Error("the key of before is used again")
	}
	put(t, s, second, typed())
	if err := errors.Join(s.ForgetAll(), s.Tidy(t.Context())); err != nil {
		t.Fatal(err)
	}
	if names, _ := sealedFiles(t, dir); len(names) != 0 || len(b.entries) != 0 {
		t.Errorf("left %q and %d entries", names, len(b.entries))
	}
	if err := s.Tidy(t.Context()); err != nil {
		t.Errorf("tidied twice: %v", err)
	}
	b.err = errors.New("failed to unlock correct collection")
	var k *KeychainError
	if err := s.Tidy(t.Context()); !errors.As(err, &k) || k.Reason != KeychainLocked {
		t.Errorf("a locked keychain: %v", err)
	}
	b.err = errors.New("no bus")
	if err := s.Tidy(t.Context()); err != nil {
		t.Errorf("where there is no keychain, there is no key: %v", err)
	}
}

// TestAnotherProgramForgets: a program that still knows the key does not seal with
// one that is gone.
func TestAnotherProgramForgets(t *testing.T) {
	t.Parallel()
	dir, b, id := t.TempDir(), &fakeBackend{}, profile.NewID()
	window, terminal := openTest(t, dir, b), openTest(t, dir, b)
	put(t, window, id, typed())
	if err := errors.Join(terminal.Forget(id), terminal.Tidy(t.Context())); err != nil {
		t.Fatal(err)
	}
	put(t, window, id, typed())
	if got, err := openTest(t, dir, b).Get(t.Context(), id); err != nil || string(got.Password) != "pässword" {
		t.Errorf("%v", err)
	}
	if err := terminal.SetMode(t.Context(), ModePassphrase, []byte(phrase)); err != nil {
		t.Fatal(err)
	}
	window.Passphrase = knowing(phrase)
	put(t, window, id, profile.Secrets{Password: []byte("newer")})
	reader := openTest(t, dir, &fakeBackend{err: errors.New("no bus")})
	reader.Passphrase = knowing(phrase)
	if got, err := reader.Get(t.Context(), id); err != nil || string(got.Password) != "newer" {
		t.Errorf("%v", err)
	}
	key, err := base64.StdEncoding.DecodeString(b.entries[Service+"/"+window.login])
	if err != nil || len(key) != 0 {
		t.Errorf("the keychain still has a key of %d bytes, %v", len(key), err)
	}
}
