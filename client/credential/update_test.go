package credential

import (
	"bytes"
	"errors"
	"reflect"
	"sync"
	"testing"

	"github.com/homeward-vpn/homeward/client/profile"
)

// TestUpdateBesideAnother: what one program changes of a profile's secrets does not
// undo what another has changed of the same profile's in between.
func TestUpdateBesideAnother(t *testing.T) {
	t.Parallel()
	for range 10 {
		dir, b, id := t.TempDir(), &fakeBackend{}, profile.NewID()
		put(t, openTest(t, dir, b), id, profile.Secrets{Password: []byte{0}})
		var programs sync.WaitGroup
		for _, change := range []func(*profile.Secrets) error{
			func(s *profile.Secrets) error { s.Password = append(s.Password, 1); return nil },
			func(s *profile.Secrets) error { s.Password = append(s.Password, 1); return nil },
			func(s *profile.Secrets) error { s.PSK = []byte("shared"); return nil },
			func(s *profile.Secrets) error { s.PrivateKey = []byte("key"); return nil },
		} {
			s := openTest(t, dir, b)
			programs.Go(func() {
				if err := s.Update(t.Context(), id, change); err != nil {
					t.Error(err)
				}
			})
		}
		programs.Wait()
		want := profile.Secrets{Password: []byte{0, 1, 1}, PSK: []byte("shared"), PrivateKey: []byte("key")}
		if got, err := openTest(t, dir, b).Get(t.Context(), id); err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%d, %d, %d octets are kept, %v", len(got.Password), len(got.PSK), len(got.PrivateKey), err)
		}
	}
}

// TestUpdate is what one change comes to.
func TestUpdate(t *testing.T) {
	t.Parallel()
	dir, b, id := t.TempDir(), &fakeBackend{}, profile.NewID()
	s := openTest(t, dir, b)
	password := []byte("password")
	set := func(kept *profile.Secrets) error { kept.Password = bytes.Clone(password); return nil }
	if err := s.Update(t.Context(), id, set); err != nil {
		t.Fatal(err)
	}
	refused := errors.New("no")
	err := s.Update(t.Context(), id, func(kept *profile.Secrets) error { *kept = profile.Secrets{}; return refused })
	if got, gerr := s.Get(t.Context(), id); !errors.Is(err, refused) || gerr != nil || !bytes.Equal(got.Password, password) {
		t.Errorf("a change that failed: %v, %v", err, gerr)
	}

	// The key that this program remembers is not the one that another has made since.
	other := openTest(t, dir, b)
	if err := errors.Join(other.ForgetAll(), other.Tidy(t.Context())); err != nil {
		t.Fatal(err)
	}
	put(t, other, id, profile.Secrets{PSK: []byte("shared")})
	if err := s.Update(t.Context(), id, set); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Get(t.Context(), id); err != nil || string(got.PSK) != "shared" || !bytes.Equal(got.Password, password) {
		t.Errorf("beside what another program's key has sealed: %v", err)
	}

	if err := s.Update(t.Context(), id, func(kept *profile.Secrets) error { *kept = profile.Secrets{}; return nil }); err != nil {
		t.Fatal(err)
	}
	if kept, err := s.Kept(); err != nil || len(kept) != 0 {
		t.Errorf("emptied: %d kept, %v", len(kept), err)
	}
}
