package main

import (
	"slices"
	"testing"

	"github.com/homeward-vpn/homeward/client/profile"
)

// watchedStore tells when it has forgotten something.
type watchedStore struct {
	secretStore
	forgotten func(id string)
}

func (s watchedStore) Forget(id string) error {
	err := s.secretStore.Forget(id)
	s.forgotten(id)
	return err
}

// TestForgetSecretsFirst: while secrets are deleted, their profile is still there, so
// that a program that is ended in the middle leaves nothing that has no name. What
// another program keeps in the middle goes too.
func TestForgetSecretsFirst(t *testing.T) {
	t.Parallel()
	r := officeRig(t)
	r.person.will("right")
	r.ok("connect", "office")
	r.ok("disconnect")
	id, open := r.profiles()[0].ID, r.app.openSecrets
	var there []bool // at each time
	r.app.openSecrets = func() (secretStore, error) {
		store, err := open()
		return watchedStore{store, func(id string) {
			_, err := r.app.client.Profile(t.Context(), id)
			if there = append(there, err == nil); len(there) > 1 {
				return
			}
			if err := store.Put(t.Context(), id, profile.Secrets{Password: []byte("right")}); err != nil {
				t.Error(err)
			}
		}}, err
	}
	r.ok("forget", "office")
	if !slices.Equal(there, []bool{true, false}) {
		t.Errorf("the profile was there: %v", there)
	}
	if found := search(t, r, id); len(found) != 0 || len(r.keychain.entries) != 0 {
		t.Errorf("left: %q, and %d keys", found, len(r.keychain.entries))
	}
}
