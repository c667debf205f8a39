//go:build !cgo

package token

import (
	"context"

	"github.com/homeward-vpn/homeward/client/credential"
)

// Cards are the smart cards of this computer, which this build cannot speak to.
type Cards struct{}

// New makes Cards that say that there is no smart card support.
func New(Config) *Cards { return &Cards{} }

// List is ErrNoCards where a card is asked for by name, and nothing otherwise.
func (*Cards) List(_ context.Context, uri string) ([]credential.Identity, error) {
	if uri == "" {
		return nil, nil
	}
	return nil, credential.ErrNoCards
}

// Sign is ErrNoCards.
func (*Cards) Sign(context.Context, string, []byte, string, []byte) ([]byte, error) {
	return nil, credential.ErrNoCards
}

// Close does nothing.
func (*Cards) Close() error { return nil }
