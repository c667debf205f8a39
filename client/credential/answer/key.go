package answer

import (
	"context"
	"fmt"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/credential"
	"github.com/homeward-vpn/homeward/client/diagnose"
)

// signature signs with the kept private key.
func (w *Answerer) signature(ctx context.Context, p control.Prompt) ([]byte, error) {
	secrets, err := w.kept(ctx)
	if err != nil {
		return nil, fmt.Errorf("the private key of %s cannot be used, because %s", w.cfg.Profile.Name, Trouble(err))
	}
	defer secrets.Clear()
	return credential.Sign(secrets, p.Scheme, p.Data)
}

// certificate gives the chain that the profile names.
func (w *Answerer) certificate(ctx context.Context, _ control.Prompt) ([][]byte, error) {
	p, err := w.cfg.Service.Profile(ctx, w.cfg.Profile.ID)
	if err != nil {
		return nil, err
	}
	if len(p.Client.Certificates) == 0 {
		return nil, &diagnose.Failure{Cause: diagnose.CauseCertificateMissing}
	}
	return p.Client.Certificates, nil
}
