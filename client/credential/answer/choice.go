package answer

import (
	"context"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/credential"
)

// choice lets the person choose.
func (w *Answerer) choice(ctx context.Context, p control.Prompt) (string, error) {
	reply, err := w.ask(ctx, credential.KindChoice, p)
	return reply.Choice, err
}

// consent lets the person agree to a notice; a no is an error.
func (w *Answerer) consent(ctx context.Context, p control.Prompt) (string, error) {
	_, err := w.ask(ctx, credential.KindConsent, p)
	return control.ConsentYes, err
}
