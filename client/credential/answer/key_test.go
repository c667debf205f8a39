package answer

import (
	"context"
	"testing"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/credential"
	"github.com/homeward-vpn/homeward/client/profile"
)

// noted is a service that notes what it is answered.
type noted struct{ answers []control.Answer }

func (n *noted) Answer(_ context.Context, a control.Answer) error {
	n.answers = append(n.answers, a)
	return nil
}

func (n *noted) Profile(context.Context, string) (*profile.Profile, error) {
	return new(profile.Profile), nil
}

func (n *noted) AddProfile(context.Context, *profile.Profile) error { return nil }

// TestNobodyElsesLine: no certificate is shown, no signature made and no password given
// for a profile that this program's user has not asked to connect with; the store is
// not so much as opened, and what was piped in stays here.
func TestNobodyElsesLine(t *testing.T) {
	t.Parallel()
	service := &noted{}
	w := New(Config{
		Service: service, Profile: control.ProfileInfo{ID: profile.NewID(), Name: "office"},
		OpenStore:  func() (Store, error) { t.Error("the store was opened"); return nil, credential.ErrNotKept },
		OpenWallet: func() (*credential.Wallet, error) { t.Error("the wallet was opened"); return nil, nil },
		Piped:      []byte("secret"),
	})
	for _, kind := range []control.PromptKind{
		control.PromptSignature, control.PromptCertificate, control.PromptPassword, control.PromptNewPassword,
		control.PromptFurther, control.PromptCode, control.PromptPSK, control.PromptChoice, control.PromptConsent,
	} {
		p := control.Prompt{ID: 1, Kind: kind, ProfileID: profile.NewID(), Scheme: "ed25519"}
		if err := w.Give(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		last := service.answers[len(service.answers)-1]
		if !last.Declined || len(last.Secret)+len(last.Certificates) != 0 || w.Trouble() != errForeign {
			t.Errorf("%s: answered %+v, %v", kind, last, w.Trouble())
		}
	}
}
