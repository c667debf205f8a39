package intake

import (
	"context"

	"github.com/homeward-vpn/homeward/client/credential"
	"github.com/homeward-vpn/homeward/client/credential/answer"
	"github.com/homeward-vpn/homeward/client/profile"
)

// wantsKey says that a file names a certificate and does not bring its key: which is
// neither on a card nor among the user's own certificates.
func (k *Intake) wantsKey(in *profile.Imported) bool {
	c := &in.Profile.Client
	if !c.UsesCertificate() || len(c.Certificates) == 0 || c.Token != "" || len(in.Secrets.PrivateKey) > 0 {
		return false
	}
	wallet, err := k.cfg.OpenWallet()
	return err != nil || !wallet.Has(c.Certificates[0])
}

// keepKey is for a file that signs in by certificate and cannot bring the key
// along, as Homeward's own: that key must be kept here, from the profile that is
// replaced. It stays also where the gateway is another now, unlike a password:
// what it signs is of no use to anybody else (RFC 7296 2.15). All other secrets go
// then.
func (k *Intake) keepKey(ctx context.Context, p *profile.Profile, elsewhere bool, done *undoStack) error {
	store, err := k.cfg.OpenStore()
	var before profile.Secrets
	done.hold(&before)
	if err == nil {
		before, err = answer.Kept(ctx, store, p.ID)
	}
	switch {
	case err != nil:
		return &Problem{Kind: KeyUnseen, Name: p.Name, Err: err}
	case len(before.PrivateKey) == 0:
		return &Problem{Kind: KeyMissing, Name: p.Name}
	case !credential.Fits(before.PrivateKey, p.Client.Certificates[0]):
		return &Problem{Kind: KeyOfAnother, Name: p.Name}
	case !elsewhere:
		return nil
	}
	err = store.Update(ctx, p.ID, func(kept *profile.Secrets) error {
		before.Clear()
		before = cloned(*kept)
		clear(kept.Password)
		clear(kept.PSK)
		kept.Password, kept.PSK = nil, nil
		return nil
	})
	if err != nil {
		return &Problem{Kind: KeptStays, Name: p.Name, Err: err}
	}
	done.add(func() error {
		return store.Update(context.WithoutCancel(ctx), p.ID, func(kept *profile.Secrets) error {
			merge(kept, profile.Secrets{Password: []byte{}, PSK: []byte{}}, before)
			return nil
		})
	})
	return nil
}
