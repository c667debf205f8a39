package credential

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/client/profile"
)

// slowKeychain answers when the test says so.
type slowKeychain struct {
	Keychain
	before func(call string) // is called on the way in
}

func (k *slowKeychain) Get(ctx context.Context, service, user string) (string, error) {
	k.before("get")
	return k.Keychain.Get(ctx, service, user)
}

func (k *slowKeychain) Set(ctx context.Context, service, user, secret string) error {
	k.before("set")
	return k.Keychain.Set(ctx, service, user, secret)
}

func (k *slowKeychain) Delete(ctx context.Context, service, user string) error {
	k.before("delete")
	return k.Keychain.Delete(ctx, service, user)
}

// TestTwoProgramsKeep: programs that make the first key at the same moment, and one
// that looks whether it is of no use any more, lose nothing of each other's.
func TestTwoProgramsKeep(t *testing.T) {
	t.Parallel()
	for range 20 {
		dir, b := t.TempDir(), &fakeBackend{}
		var programs sync.WaitGroup
		var ids []string
		for range 3 {
			s, id := openTest(t, dir, b), profile.NewID()
			ids = append(ids, id)
			programs.Go(func() {
				if err := errors.Join(s.Tidy(t.Context()), s.Put(t.Context(), id, typed()), s.Tidy(t.Context())); err != nil {
					t.Error(err)
				}
			})
		}
		programs.Wait()
		for _, id := range ids {
			if got, err := openTest(t, dir, b).Get(t.Context(), id); err != nil || !reflect.DeepEqual(got, typed()) {
				t.Fatalf("what was kept is lost: %v", err)
			}
		}
	}
}

// TestForgetDuringASwitch: what is forgotten while another program changes how it is
// kept does not come back with the change, and what is kept meanwhile is not lost.
func TestForgetDuringASwitch(t *testing.T) {
	t.Parallel()
	dir, b, gone, stays, late := t.TempDir(), &fakeBackend{}, profile.NewID(), profile.NewID(), profile.NewID()
	other := openTest(t, dir, b)
	if err := other.SetMode(t.Context(), ModePassphrase, []byte(phrase)); err != nil {
		t.Fatal(err)
	}
	other.Passphrase = knowing(phrase)
	put(t, other, gone, typed())
	put(t, other, stays, typed())
	s := openTest(t, dir, b)
	s.Passphrase = knowing(phrase)
	var once sync.Once
	done := make(chan struct{})
	s.keychain = &slowKeychain{s.keychain, func(string) { // what was kept has been read
		once.Do(func() {
			go func() {
				defer close(done)
				if err := errors.Join(other.Forget(gone), other.Put(t.Context(), late, typed())); err != nil {
					t.Error(err)
				}
			}()
			select {
			case <-done:
			case <-time.After(10 * lockPause):
			}
		})
	}}
	if err := s.SetMode(t.Context(), ModeKeychain, nil); err != nil {
		t.Fatal(err)
	}
	<-done
	after := openTest(t, dir, b)
	if _, err := after.Get(t.Context(), gone); !errors.Is(err, ErrNotKept) {
		t.Errorf("what was forgotten: %v", err)
	}
	for _, id := range []string{stays, late} {
		if got, err := after.Get(t.Context(), id); err != nil || !reflect.DeepEqual(got, typed()) {
			t.Errorf("what was kept: %v", err)
		}
	}
}

// TestLock: one at a time; who waits can be called off, and the lock leaves nothing
// behind.
func TestLock(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	held, err := lock(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if held == nil {
		t.Skip("this file system knows no locks")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*lockPause)
	defer cancel()
	if err := locked(ctx, dir, func() error { t.Error("two at a time"); return nil }); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	s := openTest(t, dir, &fakeBackend{})
	if _, err := s.Get(t.Context(), profile.NewID()); !errors.Is(err, ErrNotKept) {
		t.Errorf("who reads waits: %v", err)
	}
	if err := held.Close(); err != nil {
		t.Fatal(err)
	}
	if err := locked(t.Context(), dir, func() error { return nil }); err != nil {
		t.Errorf("after its end: %v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left %v, %v", left, err)
	}
}

// TestForgetOfAnUnfinishedFile: what a program that was killed had half written goes
// with what is forgotten, however fresh it is.
func TestForgetOfAnUnfinishedFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := openTest(t, dir, &fakeBackend{})
	half := filepath.Join(dir, ".new-123")
	if err := os.WriteFile(half, []byte("half of a sealed file"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Forget(profile.NewID()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(half); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it is still there: %v", err)
	}
}
