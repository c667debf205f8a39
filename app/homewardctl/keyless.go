package main

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/homeward-vpn/homeward/client/credential/answer"
	"github.com/homeward-vpn/homeward/client/profile"
)

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
		return errors.New("this profile signs you in with a certificate, and its private key is neither in the file nor kept here; import the .mobileconfig that holds it, and this file in its place then; nothing was changed")
	case !fits(before.PrivateKey, p.Client.Certificates):
		before.Clear()
		return errors.New("the private key that is kept here does not belong to the certificate in this file; ask your administrator for a .mobileconfig with the new key; nothing was changed")
	case !elsewhere:
		before.Clear()
		return nil
	}
	if err := store.Put(ctx, p.ID, profile.Secrets{PrivateKey: before.PrivateKey}); err != nil {
		before.Clear()
		return fmt.Errorf("what is kept for %s was meant for another gateway and cannot be deleted (%w); nothing was changed", p.Name, err)
	}
	done.add(func() error {
		defer before.Clear()
		return store.Put(context.WithoutCancel(ctx), p.ID, before)
	})
	return nil
}

// fits says whether a private key (PKCS#8) is that of a chain's leaf.
func fits(key []byte, chain [][]byte) bool {
	private, err := x509.ParsePKCS8PrivateKey(key)
	if err != nil || len(chain) == 0 {
		return false
	}
	leaf, err := x509.ParseCertificate(chain[0])
	if err != nil {
		return false
	}
	signer, ok := private.(crypto.Signer)
	if !ok {
		return false
	}
	public, ok := signer.Public().(interface{ Equal(crypto.PublicKey) bool })
	return ok && public.Equal(leaf.PublicKey)
}
