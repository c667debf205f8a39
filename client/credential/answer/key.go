package answer

import (
	"context"
	"errors"
	"fmt"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/credential"
	"github.com/homeward-vpn/homeward/client/diagnose"
)

// A signature is made by the key of the certificate that the prompt names, which is
//
//	on a card                      credential.Cards, which asks for the PIN
//	imported by the user           the Wallet
//	brought by the profile's file  the store, under the profile
//
// and only for a line that this program's user has asked for, and only over what is
// a proof of who they are (credential.CheckProof).

// errForeign says that the service asks for something that nobody here has asked of it.
var errForeign = errors.New("the service asks for another connection than the one that you asked for, so nothing was answered")

// signature signs with the user's key.
func (w *Answerer) signature(ctx context.Context, p control.Prompt) ([]byte, error) {
	if err := credential.CheckProof(p.Data); err != nil {
		return nil, err
	}
	signature, err := w.sign(ctx, p)
	var f *diagnose.Failure
	var keychain *credential.KeychainError
	switch {
	case err == nil || errors.As(err, &f):
		return signature, err
	case errors.Is(err, credential.ErrNoKey):
		return nil, &diagnose.Failure{Cause: diagnose.CauseKeyMissing, Seen: certificateName(p.Certificate), Err: err}
	case errors.As(err, &keychain) && keychain.Reason != credential.KeychainBroken:
		return nil, &diagnose.Failure{Cause: diagnose.CauseKeychain, Seen: string(keychain.Reason), Err: err}
	case errors.Is(err, errNotSigned):
		return nil, err
	}
	return nil, fmt.Errorf("the private key of %s cannot be used, because %s", oneLine(w.cfg.Profile.Name), Trouble(err))
}

// errNotSigned marks what went wrong with a key that is there.
var errNotSigned = errors.New("the key that is kept cannot make this signature")

func (w *Answerer) sign(ctx context.Context, p control.Prompt) ([]byte, error) {
	if signature, ok, err := w.signOnCard(ctx, p); ok {
		return signature, err
	}
	wallet, err := w.cfg.wallet()
	if err != nil {
		return nil, err
	}
	if wallet != nil && wallet.Has(p.Certificate) {
		return wallet.Sign(ctx, p.Certificate, p.Scheme, p.Data)
	}
	secrets, err := w.kept(ctx)
	if err != nil {
		return nil, err
	}
	defer secrets.Clear()
	if len(secrets.PrivateKey) == 0 || p.Certificate != nil && !credential.Fits(secrets.PrivateKey, p.Certificate) {
		return nil, credential.ErrNoKey
	}
	signature, err := credential.Sign(secrets, p.Scheme, p.Data)
	if err != nil {
		return nil, fmt.Errorf("%w (%w)", errNotSigned, err)
	}
	return signature, nil
}

// signOnCard signs where the certificate is one that a card showed in this attempt,
// or that the profile says is on one. ok: it was for a card to do.
func (w *Answerer) signOnCard(ctx context.Context, p control.Prompt) (signature []byte, ok bool, err error) {
	if w.cfg.Cards == nil {
		return nil, false, nil
	}
	uri, err := w.token(ctx)
	if err != nil || uri == "" && !w.onCard[certificateID(p.Certificate)] {
		return nil, err != nil, err
	}
	signature, err = w.cfg.Cards.Sign(ctx, uri, p.Certificate, p.Scheme, p.Data)
	return signature, true, err
}

// token is the profile's PKCS#11 URI, "" where it has none.
func (w *Answerer) token(ctx context.Context) (string, error) {
	p, err := w.cfg.Service.Profile(ctx, w.cfg.Profile.ID)
	if err != nil {
		return "", err
	}
	return p.Client.Token, nil
}

func certificateID(leaf []byte) string {
	id, err := credential.NewIdentity([][]byte{leaf})
	if err != nil {
		return ""
	}
	return id.ID
}

func certificateName(leaf []byte) string {
	id, err := credential.NewIdentity([][]byte{leaf})
	if err != nil {
		return ""
	}
	return id.Name()
}
