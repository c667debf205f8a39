// Package answer answers the service's questions for the user who runs the
// program: from what was piped in, from the user's sealed store, with a key that
// stays here, or by asking the person.
//
// It owns the rules for what is answered without asking. A password that worked is
// kept, unless the person said that it is not to be; one that was kept and did not work is not, and is never sent twice; what
// is good for one time is never kept. It shows nothing itself: a credential.Prompter
// does, which is a window in one program and a terminal in another, so that both
// behave alike. It never decides whether to connect.
//
//	Prompt of a snapshot -> Give -> the kind's own file
//	  -> piped, kept, or Prompter -> control.Answer -> the service
//
// app/homewardctl and the desktop program make an Answerer for each attempt, pass
// it the prompts they see, and tell it how the attempt ended.
package answer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/credential"
	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/client/profile"
)

// Service is the service, as far as it is spoken to; *control.Client is one.
type Service interface {
	Answer(ctx context.Context, a control.Answer) error
	Profile(ctx context.Context, name string) (*profile.Profile, error)
	AddProfile(ctx context.Context, p *profile.Profile) error
}

// Store keeps the user's secrets; *credential.Store does.
type Store interface {
	Get(ctx context.Context, profileID string) (profile.Secrets, error)
	Put(ctx context.Context, profileID string, s profile.Secrets) error
	// Update changes what is kept, while no other program does.
	Update(ctx context.Context, profileID string, change func(*profile.Secrets) error) error
	// Mode says where it keeps them.
	Mode() (credential.Mode, error)
}

// Config is what an Answerer is made from. All but OpenWallet, Cards and Piped is
// needed.
type Config struct {
	Service   Service
	Profile   control.ProfileInfo
	Prompter  credential.Prompter
	OpenStore func() (Store, error)
	// OpenWallet opens the user's certificates. nil: only profiles' own are used.
	OpenWallet func() (*credential.Wallet, error)
	// Cards are the smart cards of this computer. nil: none are looked for.
	Cards Cards
	// Tell shows the person a sentence that needs no answer.
	Tell func(sentence string)
	// Piped is a password, shared key or code that was given beforehand; it answers
	// the first question that it fits. The Answerer clears it.
	Piped []byte
}

// Answerer answers during one attempt. It is not safe for concurrent use: one
// question is answered after the other.
type Answerer struct {
	cfg Config

	sent
	dropped bool            // what was kept has been deleted
	trouble error           // why an answer could not be given
	onCard  map[string]bool // certificates that a card has shown, by their IDs
}

// sent is the password that was sent last.
type sent struct {
	used     []byte // a copy
	fromKept bool   // it came out of the store
	changed  bool   // it is a new one, which the server may have taken already
	once     bool   // the person does not want it to be kept
	username string // it was for this user
}

func (s *sent) clear() { clear(s.used) }

func (s *sent) clone() sent {
	next := *s
	next.used = bytes.Clone(s.used)
	return next
}

// New makes an Answerer.
func New(cfg Config) *Answerer { return &Answerer{cfg: cfg, onCard: map[string]bool{}} }

// Clear clears what the Answerer holds. It is not used afterwards.
func (w *Answerer) Clear() {
	clear(w.cfg.Piped)
	w.sent.clear()
}

// Trouble is why the last answer could not be given, nil where it was.
func (w *Answerer) Trouble() error { return w.trouble }

// Give answers one prompt. What cannot be answered is declined, so that the
// gateway's half-open sign-in ends at once. A prompt that somebody else has
// answered meanwhile, or that has expired, is no error: the status tells.
func (w *Answerer) Give(ctx context.Context, p control.Prompt) error {
	before := w.sent.clone()
	sent, err := w.give(ctx, p)
	if sent {
		before.clear()
	} else {
		w.sent.clear()
		w.sent = before
	}
	return err
}

// give answers, and says whether the service took the answer.
func (w *Answerer) give(ctx context.Context, p control.Prompt) (sent bool, err error) {
	a := control.Answer{Prompt: p.ID}
	trouble := w.answer(ctx, p, &a)
	defer a.Clear()
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	if trouble != nil {
		a.Clear()
		a = control.Answer{Prompt: p.ID, Declined: true, Why: why(trouble)}
	}
	err = w.cfg.Service.Answer(ctx, a)
	var refusal *control.Refusal
	if errors.As(err, &refusal) && refusal.Code == control.CodeGone {
		return false, nil
	}
	w.trouble = trouble
	return trouble == nil, err
}

func (w *Answerer) answer(ctx context.Context, p control.Prompt, a *control.Answer) (err error) {
	if p.ProfileID != w.cfg.Profile.ID {
		return errForeign
	}
	switch p.Kind {
	case control.PromptPassword:
		a.Username, a.Secret, err = w.password(ctx, p)
		a.Kept = err == nil && w.fromKept
	case control.PromptNewPassword:
		a.Secret, a.New, err = w.newPassword(ctx, p)
	case control.PromptFurther, control.PromptCode:
		a.Secret, err = w.code(ctx, p)
	case control.PromptPSK:
		a.Secret, err = w.sharedKey(ctx, p)
	case control.PromptSignature:
		a.Secret, err = w.signature(ctx, p)
	case control.PromptCertificate:
		a.Certificates, err = w.certificate(ctx, p)
	case control.PromptChoice:
		a.Choice, err = w.choice(ctx, p)
	case control.PromptConsent:
		a.Choice, err = w.consent(ctx, p)
	default:
		err = fmt.Errorf("the service asks for %q, which this program does not know; install both from one release", p.Kind)
	}
	return err
}

// ask puts a prompt of the service to the person.
func (w *Answerer) ask(ctx context.Context, kind credential.Kind, p control.Prompt) (credential.Reply, error) {
	return w.cfg.Prompter.Prompt(ctx, w.question(kind, p))
}

// question writes a prompt of the service as one for the person.
func (w *Answerer) question(kind credential.Kind, p control.Prompt) credential.Prompt {
	q := credential.Prompt{
		Kind: kind, Text: oneLine(p.Text), Echo: p.Echo, Refused: p.Fresh && w.answered(p.Kind), Expires: p.Expires,
		Topic: topic(p.Kind), Profile: oneLine(w.cfg.Profile.Name), Gateway: oneLine(w.cfg.Profile.Gateway), Username: oneLine(p.Username), Again: p.Again,
		KeptIn: w.keptIn(p),
	}
	if q.Message = lines(p.Message); q.Message != "" {
		q.Speaker = "The gateway"
	}
	for _, o := range p.Options {
		q.Options = append(q.Options, credential.Option{ID: o.ID, Label: oneLine(o.Label), Detail: oneLine(o.Detail)})
	}
	return q
}

func topic(kind control.PromptKind) credential.Topic {
	if kind == control.PromptFurther {
		return credential.TopicFurther
	}
	return credential.TopicSignIn
}

// answered says whether a question of this kind is the second one of its kind.
func (w *Answerer) answered(kind control.PromptKind) bool {
	return kind != control.PromptPassword || w.used != nil
}

// Worked keeps the password that brought the line up.
func (w *Answerer) Worked(ctx context.Context) {
	if w.used == nil || w.fromKept || !w.own(w.username) {
		return
	}
	if w.once {
		if w.changed {
			w.discard(ctx) // what is kept is the old one
		}
		return
	}
	store, err := w.cfg.OpenStore()
	if err == nil {
		err = SetPassword(ctx, store, w.cfg.Profile.ID, w.used)
	}
	if errors.Is(err, credential.ErrKeepsNothing) {
		return
	}
	if err == nil {
		err = w.stillThere(ctx, store)
	}
	if err == nil && w.cfg.Profile.Username == "" {
		err = w.rememberUser(ctx)
	}
	if err != nil {
		w.cfg.Tell(fmt.Sprintf("The password is not kept, because %s; you will be asked again next time.", Trouble(err)))
		if w.changed {
			w.discard(ctx) // what is kept is the old one
		}
	}
}

// stillThere takes the password away again where the profile was forgotten while the
// keychain was asked, say: nobody would find it any more.
func (w *Answerer) stillThere(ctx context.Context, store Store) error {
	_, err := w.cfg.Service.Profile(ctx, w.cfg.Profile.ID)
	var refusal *control.Refusal
	if errors.As(err, &refusal) && refusal.Code == control.CodeNotFound {
		return errors.Join(errors.New("the profile was forgotten"), store.Put(ctx, w.cfg.Profile.ID, profile.Secrets{}))
	}
	return nil
}

// rememberUser writes the user name into a profile that has none, so that the
// kept password can be found by it.
func (w *Answerer) rememberUser(ctx context.Context) error {
	p, err := w.cfg.Service.Profile(ctx, w.cfg.Profile.ID)
	if err != nil {
		return err
	}
	p.Client.Username = w.username
	return w.cfg.Service.AddProfile(ctx, p)
}

// Failed takes a kept password away that the server has refused. One that was to
// be changed goes too: whether the server took the new one is not known.
func (w *Answerer) Failed(ctx context.Context, cause diagnose.Cause) {
	if w.changed || w.fromKept && cause.Refused() {
		w.discard(ctx)
	}
}

// oneLine makes a text fit for one line, lines for several: control characters,
// and characters that only change how others look, become spaces.
func oneLine(s string) string { return strings.ReplaceAll(lines(s), "\n", " ") }

func lines(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && (unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co)) {
			return ' '
		}
		return r
	}, s)
}
