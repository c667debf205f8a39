package credential

import (
	"context"
	"errors"

	"github.com/homeward-vpn/homeward/client/profile"
)

// Update changes what is kept for the profile, while no other program does: change
// sees what is kept and sets what is to be kept. Nothing, and what cannot be opened
// any more and so can only be replaced, are empty secrets; to leave it empty forgets
// it. An error of change is returned, and nothing has changed then. All that change
// leaves in the secrets is cleared afterwards: what it sets is a copy. Else it fails
// as Put does.
func (s *Store) Update(ctx context.Context, profileID string, change func(*profile.Secrets) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	unknown := s.know(ctx)
	return locked(ctx, s.dir, func() error {
		r, err := s.record()
		if err != nil {
			return err
		}
		secrets, err := s.current(ctx, r, profileID, unknown)
		defer secrets.Clear()
		if err == nil {
			err = change(&secrets)
		}
		switch {
		case err != nil:
			return err
		case secrets.Empty():
			return s.remove(func(id string, _ uint64) bool { return id == profileID })
		case r.Mode == ModeAsk:
			return ErrKeepsNothing
		case unknown != nil:
			return unknown
		}
		return s.write(ctx, r, profileID, secrets)
	})
}

// current gives what is kept at this moment. Where the key could not be had, nobody
// is asked for it again, and only that nothing is kept can be seen.
func (s *Store) current(ctx context.Context, r record, profileID string, unknown error) (profile.Secrets, error) {
	if r.Mode == ModeKeychain { // another program may have made a new key
		clear(s.key)
		s.key = nil
	}
	if unknown != nil {
		_, err := s.sealed(profileID, r.Generation)
		if errors.Is(err, ErrNotKept) {
			return profile.Secrets{}, nil
		}
		return profile.Secrets{}, errors.Join(err, unknown)
	}
	var sealed *SealError
	secrets, err := s.get(ctx, r, profileID)
	if errors.Is(err, ErrNotKept) || errors.As(err, &sealed) {
		return profile.Secrets{}, nil
	}
	return secrets, err
}
