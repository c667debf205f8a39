package main

import (
	"context"
	"errors"
	"time"

	"github.com/homeward-vpn/homeward/client/credential"
	"github.com/homeward-vpn/homeward/client/profile"
)

// secretStore keeps the user's secrets; *credential.Store does.
type secretStore interface {
	Get(ctx context.Context, profileID string) (profile.Secrets, error)
	Put(ctx context.Context, profileID string, s profile.Secrets) error
	Forget(profileID string) error
}

// keychainDeadline is how long the keychain may take, with time for its own
// window to be answered.
const keychainDeadline = 30 * time.Second

func openSecrets() (secretStore, error) {
	dir, err := credential.DefaultDir()
	if err != nil {
		return nil, err
	}
	return credential.Open(dir, &credential.SystemKeychain{Deadline: keychainDeadline})
}

// kept gives what is kept for a profile; nothing kept is no error.
func kept(ctx context.Context, s secretStore, id string) (profile.Secrets, error) {
	secrets, err := s.Get(ctx, id)
	if errors.Is(err, credential.ErrNotKept) {
		return profile.Secrets{}, nil
	}
	return secrets, err
}

// setPassword keeps a password beside the profile's other secrets; nil takes
// away what is kept.
func setPassword(ctx context.Context, s secretStore, id string, password []byte) error {
	secrets, err := kept(ctx, s, id)
	var unreadable *credential.SealError
	if errors.As(err, &unreadable) {
		secrets, err = profile.Secrets{}, nil // lost already: it can only be replaced
	}
	if err != nil {
		return err
	}
	defer secrets.Clear()
	clear(secrets.Password)
	secrets.Password = append([]byte(nil), password...)
	return s.Put(ctx, id, secrets)
}
