package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/homeward-vpn/homeward/client/credential"
	"github.com/homeward-vpn/homeward/client/credential/answer"
	"github.com/homeward-vpn/homeward/client/profile"
)

// wantsKey says that a file names a certificate and does not bring its key: which is
// neither on a card nor among the user's own certificates.
func (a *app) wantsKey(in *profile.Imported) bool {
	c := &in.Profile.Client
	if !c.UsesCertificate() || len(c.Certificates) == 0 || c.Token != "" || len(in.Secrets.PrivateKey) > 0 {
		return false
	}
	wallet, err := a.wallet()
	return err != nil || !wallet.Has(c.Certificates[0])
}

// keepKey is for a file that signs in by certificate and cannot bring the key
// along, as Homeward's own: that key must be kept here, from the profile that is
// replaced. It stays also where the gateway is another now, unlike a password:
// what it signs is of no use to anybody else (RFC 7296 2.15). All other secrets go
// then.
func (a *app) keepKey(ctx context.Context, p *profile.Profile, elsewhere bool, done *undoStack) error {
	store, err := a.openSecrets()
	var before profile.Secrets
	if err == nil {
		before, err = answer.Kept(ctx, store, p.ID)
	}
	switch {
	case err != nil:
		return fmt.Errorf("the file does not hold the private key of this profile, and whether one is kept cannot be seen, because %s; nothing was changed", answer.Trouble(err))
	case len(before.PrivateKey) == 0:
		return errors.New("this profile signs you in with a certificate, and its private key is neither in the file nor kept here; import the .mobileconfig that holds it, or the certificate with «homewardctl certificate import», and this file then; nothing was changed")
	case !credential.Fits(before.PrivateKey, p.Client.Certificates[0]):
		before.Clear()
		return errors.New("the private key that is kept here does not belong to the certificate in this file; ask your administrator for a .mobileconfig with the new key; nothing was changed")
	case !elsewhere:
		before.Clear()
		return nil
	}
	before.Clear()
	err = store.Update(ctx, p.ID, func(kept *profile.Secrets) error {
		before.Clear()
		before = cloned(*kept)
		clear(kept.Password)
		clear(kept.PSK)
		kept.Password, kept.PSK = nil, nil
		return nil
	})
	if err != nil {
		before.Clear()
		return fmt.Errorf("what is kept for %s was meant for another gateway and cannot be deleted (%w); nothing was changed", p.Name, err)
	}
	done.add(func() error {
		defer before.Clear()
		return store.Update(context.WithoutCancel(ctx), p.ID, func(kept *profile.Secrets) error {
			merge(kept, profile.Secrets{Password: []byte{}, PSK: []byte{}}, before)
			return nil
		})
	})
	return nil
}
