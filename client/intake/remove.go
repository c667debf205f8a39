package intake

import (
	"context"
	"errors"
	"slices"

	"github.com/homeward-vpn/homeward/client/control"
)

// Remove deletes what is kept for a profile, and then the profile from the service,
// which drops what it remembers of it, and gives the name that it had. A program that is
// ended in between leaves a profile, by whose name all can be removed again; secrets
// without a profile would be found by nobody. With the last of the secrets goes the key.
func (k *Intake) Remove(ctx context.Context, name string) (string, error) {
	p, err := k.cfg.Service.Profile(ctx, name)
	if err != nil {
		return "", err
	}
	st, err := k.cfg.Service.Status(ctx)
	if err != nil {
		return "", err
	}
	laidDown, err := k.laidDown(ctx, p.ID)
	if err != nil {
		return "", err
	}
	inUse := laidDown || st.ProfileID == p.ID && st.State != control.StateDisconnected
	if inUse { // the service refuses, unless the line ends just now: nothing is lost by that
		if err := k.cfg.Service.DeleteProfile(ctx, p.ID); err != nil {
			return "", err
		}
	}
	store, err := k.forgetSecrets(p.ID)
	if err != nil && !inUse {
		return "", &Problem{Kind: SecretsStay, ID: p.ID, Name: p.Name, Err: err}
	}
	if !inUse {
		if err := k.cfg.Service.DeleteProfile(ctx, p.ID); err != nil {
			return "", &Problem{Kind: ProfileStays, ID: p.ID, Name: p.Name, Err: err}
		}
		// Another program may have kept a password while the profile was still there.
		store, err = k.forgetSecrets(p.ID)
	}
	if err != nil {
		return "", &Problem{Kind: SecretsLeftAlone, ID: p.ID, Name: p.Name, Err: err}
	}
	if err := store.Tidy(ctx); err != nil {
		return "", &Problem{Kind: SealingKeyStays, ID: p.ID, Name: p.Name, Err: err}
	}
	return p.Name, nil
}

// laidDown says that an administrator has laid a profile down, which its file alone
// removes.
func (k *Intake) laidDown(ctx context.Context, id string) (bool, error) {
	list, err := k.cfg.Service.Profiles(ctx)
	return slices.ContainsFunc(list, func(p control.ProfileInfo) bool { return p.ID == id && p.Managed }), err
}

// Forget deletes what is kept for a profile, which stays: it asks again.
func (k *Intake) Forget(id string) error {
	_, err := k.forgetSecrets(id)
	return err
}

// forgetSecrets deletes what is kept for a profile, with the choice of its certificate.
func (k *Intake) forgetSecrets(id string) (Store, error) {
	store, err := k.cfg.OpenStore()
	if err == nil {
		err = store.Forget(id)
	}
	wallet, werr := k.cfg.OpenWallet()
	if werr != nil || err != nil {
		return store, errors.Join(err, werr)
	}
	return store, wallet.Choose(id, "")
}
