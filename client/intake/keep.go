package intake

import (
	"bytes"
	"context"
	"errors"

	"github.com/homeward-vpn/homeward/client/credential"
	"github.com/homeward-vpn/homeward/client/profile"
)

// keep puts the secrets of the file into the user's store. Without a keychain a profile
// that cannot do without them is refused; a password or shared key can be typed. What
// was kept for the profile that is replaced stays, unless the new one leads to another
// gateway or trusts another: anybody can write a file that claims to be a newer one of
// the company's.
func (k *Intake) keep(ctx context.Context, in *profile.Imported, replaced *profile.Profile, r *Result, done *undoStack) error {
	elsewhere := replaced != nil && !replaced.SameServers(&in.Profile)
	if k.wantsKey(in) {
		return k.keepKey(ctx, &in.Profile, elsewhere, done)
	}
	if in.Secrets.Empty() && !elsewhere {
		return nil
	}
	store, err := k.cfg.OpenStore()
	if elsewhere {
		if err == nil {
			r.Forgotten, err = forgetKept(ctx, store, in.Profile.ID, done)
		}
		if err != nil {
			return &Problem{Kind: KeptStays, Name: in.Profile.Name, Err: err}
		}
	}
	if err == nil && !in.Secrets.Empty() {
		err = addKept(ctx, store, in, done)
	}
	switch {
	case err == nil:
		return nil
	case len(in.Secrets.PrivateKey) > 0:
		return &Problem{Kind: KeyNotKept, Name: in.Profile.Name, Err: err}
	}
	r.NotKept, r.Why = SecretPassword, err
	if len(in.Secrets.Password) == 0 {
		r.NotKept = SecretSharedKey
	}
	return nil
}

// forgetKept takes away what was kept for the gateway of before, and says whether
// there was something. That needs no keychain; to bring it back, should the rest fail,
// does.
func forgetKept(ctx context.Context, store Store, id string, done *undoStack) (bool, error) {
	before, err := store.Get(ctx, id)
	if errors.Is(err, credential.ErrNotKept) {
		return false, nil
	}
	done.hold(&before)
	known := err == nil
	if err := store.Forget(id); err != nil {
		return false, err
	}
	done.add(func() error {
		if !known {
			return nil
		}
		return store.Put(context.WithoutCancel(ctx), id, before)
	})
	return true, nil
}

// addKept keeps what the file holds beside what is kept.
func addKept(ctx context.Context, store Store, in *profile.Imported, done *undoStack) error {
	var before profile.Secrets
	done.hold(&before)
	err := store.Update(ctx, in.Profile.ID, func(kept *profile.Secrets) error {
		before.Clear()
		before = cloned(*kept)
		merge(kept, in.Secrets, in.Secrets)
		return nil
	})
	if err != nil {
		return err
	}
	brought := profile.Secrets{Password: mark(in.Secrets.Password), PSK: mark(in.Secrets.PSK), PrivateKey: mark(in.Secrets.PrivateKey)}
	done.add(func() error {
		return store.Update(context.WithoutCancel(ctx), in.Profile.ID, func(kept *profile.Secrets) error {
			merge(kept, brought, before)
			return nil
		})
	})
	return nil
}

// mark says without a secret that there is one.
func mark(secret []byte) []byte {
	if secret == nil {
		return nil
	}
	return []byte{}
}

// merge replaces each secret that which has by a copy of the one in by.
func merge(kept *profile.Secrets, which, by profile.Secrets) {
	if which.Password != nil {
		clear(kept.Password)
		kept.Password = bytes.Clone(by.Password)
	}
	if which.PSK != nil {
		clear(kept.PSK)
		kept.PSK = bytes.Clone(by.PSK)
	}
	if which.PrivateKey != nil {
		clear(kept.PrivateKey)
		kept.PrivateKey = bytes.Clone(by.PrivateKey)
	}
}

func cloned(s profile.Secrets) profile.Secrets {
	return profile.Secrets{Password: bytes.Clone(s.Password), PSK: bytes.Clone(s.PSK), PrivateKey: bytes.Clone(s.PrivateKey)}
}
