package answer

import (
	"context"
	"crypto/x509"
	"errors"
	"slices"
	"time"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/credential"
	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/client/profile"
)

// Which certificate to show: the profile's own; else of the user's, on the card
// that the profile names or kept here and on any card, the one that fits; else the
// one that was chosen for this profile before; else the person chooses.

// Cards are the smart cards and tokens of this computer. Errors that a person has
// to know of are *diagnose.Failure.
type Cards interface {
	// List gives the certificates on all cards, or on those that a PKCS#11 URI
	// (RFC 7512) names. It asks for no PIN.
	List(ctx context.Context, uri string) ([]credential.Identity, error)
	// Sign signs with the key of a certificate, and asks for the PIN.
	Sign(ctx context.Context, uri string, leaf []byte, scheme string, message []byte) ([]byte, error)
}

// wallet opens the user's certificates; nil: this program has none.
func (c *Config) wallet() (*credential.Wallet, error) {
	if c.OpenWallet == nil {
		return nil, nil
	}
	return c.OpenWallet()
}

// certificate gives the chain to show.
func (w *Answerer) certificate(ctx context.Context, q control.Prompt) ([][]byte, error) {
	p, err := w.cfg.Service.Profile(ctx, w.cfg.Profile.ID)
	if err != nil {
		return nil, err
	}
	if len(p.Client.Certificates) > 0 {
		return p.Client.Certificates, nil
	}
	wallet, err := w.cfg.wallet()
	if err != nil {
		return nil, err
	}
	all, err := w.identities(ctx, wallet, p.Client.Token)
	if err != nil {
		return nil, err
	}
	fit, err := credential.Choose(all, wish(q, p))
	if err != nil {
		return nil, err
	}
	id, err := w.oneOf(ctx, wallet, q, fit)
	if err != nil {
		return nil, err
	}
	if id.Card != "" {
		w.onCard[id.ID] = true
	}
	return id.Chain, nil
}

// identities lists what the user has: a profile that names a card takes no other.
// Cards that cannot be read are no reason to leave out what is kept here.
func (w *Answerer) identities(ctx context.Context, wallet *credential.Wallet, uri string) (all []credential.Identity, err error) {
	if wallet != nil && uri == "" {
		if all, err = wallet.List(); err != nil {
			return nil, err
		}
	}
	if w.cfg.Cards == nil {
		if uri != "" {
			return nil, credential.ErrNoCards
		}
		return all, nil
	}
	onCards, err := w.cfg.Cards.List(ctx, uri)
	if err != nil && (uri != "" || ctx.Err() != nil) {
		return nil, err
	}
	if err != nil && !errors.Is(err, credential.ErrNoCards) {
		w.cfg.Tell("The smart cards could not be read: " + oneLine(err.Error()) + ".")
	}
	return append(all, onCards...), nil
}

// wish says what the question and the profile ask of a certificate.
func wish(q control.Prompt, p *profile.Profile) credential.Wish {
	w := credential.Wish{
		TLS: q.TLS, Issuers: q.Issuers, Families: q.KeyKinds, Names: p.Client.CertificateIssuers, Now: time.Now(),
	}
	for _, hash := range q.IssuerKeys {
		if len(hash) == 20 {
			w.IssuerKeys = append(w.IssuerKeys, [20]byte(hash))
		}
	}
	for _, der := range slices.Concat(p.Gateway.Anchors, p.Gateway.Intermediates, p.Client.EAP.Anchors) {
		if c, err := x509.ParseCertificate(der); err == nil {
			w.Authorities = append(w.Authorities, c)
		}
	}
	return w
}

// oneOf gives the one that fits, the one that was chosen before, or the person's
// choice, which is remembered.
func (w *Answerer) oneOf(ctx context.Context, wallet *credential.Wallet, q control.Prompt, fit []credential.Identity) (credential.Identity, error) {
	if len(fit) == 1 {
		return fit[0], nil
	}
	find := func(id string) (credential.Identity, bool) {
		i := slices.IndexFunc(fit, func(o credential.Identity) bool { return o.ID == id })
		if i < 0 {
			return credential.Identity{}, false
		}
		return fit[i], true
	}
	if wallet != nil && !q.Fresh {
		before, err := wallet.Chosen(w.cfg.Profile.ID)
		if err != nil {
			return credential.Identity{}, err
		}
		if id, ok := find(before); ok {
			return id, nil
		}
	}
	question := w.question(credential.KindChoice, q)
	question.Topic = credential.TopicCertificate
	question.Text = "Which of your certificates signs you in to " + oneLine(w.cfg.Profile.Name)
	for _, id := range fit {
		question.Options = append(question.Options, credential.Option{
			ID: id.ID, Label: oneLine(id.String()), Detail: oneLine(id.Expiry(time.Now())), Certificate: &id,
		})
	}
	reply, err := w.cfg.Prompter.Prompt(ctx, question)
	if errors.Is(err, credential.ErrNobody) {
		return credential.Identity{}, errors.New("several of your certificates fit, and there is no terminal to ask on; connect once where you can choose one, or remove the others with «homewardctl certificate remove»")
	}
	if err != nil {
		return credential.Identity{}, err
	}
	id, ok := find(reply.Choice)
	if !ok {
		return credential.Identity{}, credential.ErrDeclined
	}
	if wallet != nil {
		if err := wallet.Choose(w.cfg.Profile.ID, id.ID); err != nil {
			w.cfg.Tell("Your choice could not be remembered: " + oneLine(err.Error()) + ".")
		}
	}
	return id, nil
}

// why says to the service what is known of the reason for no answer.
func why(err error) *control.Why {
	var f *diagnose.Failure
	if !errors.As(err, &f) {
		return nil
	}
	return &control.Why{Cause: string(f.Cause), Seen: f.Seen, Expected: f.Expected, When: f.When, Tries: f.Tries}
}
