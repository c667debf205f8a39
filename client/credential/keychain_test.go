package credential

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zalando/go-keyring"
)

// fakeBackend is a keychain in memory that can fail, block and panic.
type fakeBackend struct {
	mu      sync.Mutex
	entries map[string]string
	err     error
	block   chan struct{} // not nil: every call waits for it
	panics  bool
	calls   int
}

func (f *fakeBackend) enter() error {
	f.mu.Lock()
	f.calls++
	block, err, panics := f.block, f.err, f.panics
	f.mu.Unlock()
	if block != nil {
		<-block
	}
	if panics {
		panic("unexpected answer")
	}
	return err
}

func (f *fakeBackend) Get(service, user string) (string, error) {
	if err := f.enter(); err != nil {
		return "", err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	secret, ok := f.entries[service+"/"+user]
	if !ok {
		return "", keyring.ErrNotFound
	}
	return secret, nil
}

func (f *fakeBackend) Set(service, user, secret string) error {
	if err := f.enter(); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.entries == nil {
		f.entries = map[string]string{}
	}
	f.entries[service+"/"+user] = secret
	return nil
}

func (f *fakeBackend) Delete(service, user string) error {
	if err := f.enter(); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.entries[service+"/"+user]; !ok {
		return keyring.ErrNotFound
	}
	delete(f.entries, service+"/"+user)
	return nil
}

func TestKeychain(t *testing.T) {
	t.Parallel()
	k := &SystemKeychain{backend: &fakeBackend{}}
	ctx := t.Context()
	if _, err := k.Get(ctx, "s", "u"); !errors.Is(err, ErrNoEntry) {
		t.Errorf("empty: %v", err)
	}
	if err := k.Set(ctx, "s", "u", "secret"); err != nil {
		t.Fatal(err)
	}
	if got, err := k.Get(ctx, "s", "u"); err != nil || got != "secret" {
		t.Errorf("%q, %v", got, err)
	}
	if err := k.Delete(ctx, "s", "u"); err != nil {
		t.Fatal(err)
	}
	if err := k.Delete(ctx, "s", "u"); !errors.Is(err, ErrNoEntry) {
		t.Errorf("deleted twice: %v", err)
	}
}

// TestKeychainErrors turns the words of real keychains into one sentence each.
func TestKeychainErrors(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]KeychainReason{
		`exec: "dbus-launch": executable file not found in $PATH`:                        KeychainAbsent,
		"The name org.freedesktop.secrets was not provided by any .service files":        KeychainAbsent,
		"failed to unlock correct collection '/org/freedesktop/secrets/aliases/default'": KeychainLocked,
		"org.freedesktop.Secret.Error.IsLocked":                                          KeychainLocked,
		"User interaction is not allowed.":                                               KeychainLocked,
	} {
		cause := errors.New(text)
		k := &SystemKeychain{backend: &fakeBackend{err: cause}}
		_, err := k.Get(t.Context(), "s", "u")
		var e *KeychainError
		if !errors.As(err, &e) || e.Reason != want || !errors.Is(err, cause) {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if s := e.Error(); strings.Contains(s, "\n") || !strings.Contains(s, "password is not kept") {
			t.Errorf("sentence %q", s)
		}
	}
	k := &SystemKeychain{backend: &fakeBackend{panics: true}}
	var e *KeychainError
	if _, err := k.Get(t.Context(), "s", "u"); !errors.As(err, &e) || e.Reason != KeychainAbsent {
		t.Errorf("a library that panics: %v", err)
	}
}

// TestKeychainDeadline gives up on a keychain that waits for somebody.
func TestKeychainDeadline(t *testing.T) {
	t.Parallel()
	b := &fakeBackend{block: make(chan struct{})}
	defer close(b.block)
	k := &SystemKeychain{Deadline: time.Millisecond, backend: b}
	var e *KeychainError
	if _, err := k.Get(t.Context(), "s", "u"); !errors.As(err, &e) || e.Reason != KeychainSilent || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	k.Deadline = time.Hour
	if err := k.Set(ctx, "s", "u", "x"); !errors.As(err, &e) || !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}
