package answer

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/credential"
	"github.com/homeward-vpn/homeward/client/profile"
)

// password answers for a user name and a password.
func (w *Answerer) password(ctx context.Context, p control.Prompt) (string, []byte, error) {
	if p.Username == "" && !w.atHand(ctx, p) {
		return w.askBoth(ctx, p)
	}
	if p.Username == "" {
		var err error
		if p.Username, err = w.askUsername(ctx); err != nil {
			return "", nil, err
		}
	}
	found, err := w.secret(ctx, credential.KindPassword, p, p.Username, func(s profile.Secrets) []byte { return s.Password })
	if err != nil {
		return "", nil, err
	}
	w.use(p.Username, found)
	return p.Username, found.secret, nil
}

// atHand says whether a password is there that nobody has to be asked for.
func (w *Answerer) atHand(ctx context.Context, p control.Prompt) bool {
	if w.cfg.Piped != nil {
		return true
	}
	if w.used != nil || p.Fresh {
		return false
	}
	kept := w.lookUp(ctx, func(s profile.Secrets) []byte { return s.Password })
	clear(kept)
	return kept != nil
}

// askBoth asks for the user name and the password in one question.
func (w *Answerer) askBoth(ctx context.Context, p control.Prompt) (string, []byte, error) {
	q := w.question(credential.KindPassword, p)
	q.AsksUser = true
	reply, err := w.cfg.Prompter.Prompt(ctx, q)
	if err == nil && reply.Text == "" {
		clear(reply.Secret)
		err = errNoUsername
	}
	if errors.Is(err, credential.ErrNobody) {
		err = errNobodyForUsername
	}
	if err != nil {
		return "", nil, err
	}
	w.use(reply.Text, answerFound{secret: reply.Secret, once: reply.Once})
	return reply.Text, reply.Secret, nil
}

// own says whether a user name is the profile's own, whose password can be kept. A
// profile without one takes over the first that works.
func (w *Answerer) own(username string) bool {
	own := w.cfg.Profile.Username
	return own == "" || username == own
}

// keptIn says where an answer will be kept; empty: nowhere.
func (w *Answerer) keptIn(p control.Prompt) credential.Mode {
	if p.Kind != control.PromptPassword && p.Kind != control.PromptNewPassword || !w.own(p.Username) {
		return ""
	}
	store, err := w.cfg.OpenStore()
	if err != nil {
		return ""
	}
	if mode, err := store.Mode(); err == nil && mode != credential.ModeAsk {
		return mode
	}
	return ""
}

// use notes the password that is sent.
func (w *Answerer) use(username string, a answerFound) {
	clear(w.used)
	w.used, w.fromKept, w.once, w.username = bytes.Clone(a.secret), a.kept, a.once, username
}

// answerFound is what a question for a secret is answered with.
type answerFound struct {
	secret []byte
	kept   bool // it comes from the store
	once   bool // the person does not want it to be kept
}

func (w *Answerer) askUsername(ctx context.Context) (string, error) {
	reply, err := w.cfg.Prompter.Prompt(ctx, credential.Prompt{
		Kind: credential.KindText, Text: "User name for " + oneLine(w.cfg.Profile.Name), Profile: oneLine(w.cfg.Profile.Name),
		Gateway: oneLine(w.cfg.Profile.Gateway),
	})
	if errors.Is(err, credential.ErrNobody) {
		return "", errNobodyForUsername
	}
	if err == nil && reply.Text == "" {
		err = errNoUsername
	}
	return reply.Text, err
}

var (
	errNoUsername        = errors.New("no user name was given; give it with --user, or when you are asked")
	errNobodyForUsername = errors.New("this profile does not say with which user name to sign in, and there is no terminal to ask on; give it with --user")
)

// newPassword answers for a password in place of one that has expired. The old one
// goes with it where it is known here.
func (w *Answerer) newPassword(ctx context.Context, p control.Prompt) (old, fresh []byte, err error) {
	reply, err := w.ask(ctx, credential.KindNewPassword, p)
	if err != nil {
		return nil, nil, err
	}
	if !w.changed {
		old = bytes.Clone(w.used)
	}
	username := p.Username
	if username == "" {
		username = w.username
	}
	w.use(username, answerFound{secret: reply.Secret, once: reply.Once})
	w.changed = true
	return old, reply.Secret, nil
}

// code answers for what is good for one time only, or asked for a second sign-in:
// it is neither looked up nor kept. What was piped in and the first sign-in had no
// use for is meant for it.
func (w *Answerer) code(ctx context.Context, p control.Prompt) ([]byte, error) {
	if secret := w.piped(); secret != nil {
		return secret, nil
	}
	kind := credential.KindCode
	if p.Kind == control.PromptFurther {
		kind = credential.KindPassword
	}
	reply, err := w.ask(ctx, kind, p)
	return reply.Secret, err
}

// sharedKey answers for a PSK.
func (w *Answerer) sharedKey(ctx context.Context, p control.Prompt) ([]byte, error) {
	found, err := w.secret(ctx, credential.KindPSK, p, w.cfg.Profile.Username, func(s profile.Secrets) []byte { return s.PSK })
	if found.kept || err != nil {
		return found.secret, err
	}
	return credential.SharedKey(found.secret), nil
}

// piped gives what was given beforehand, once.
func (w *Answerer) piped() []byte {
	secret := w.cfg.Piped
	w.cfg.Piped = nil
	return secret
}

// secret finds what to answer.
func (w *Answerer) secret(ctx context.Context, kind credential.Kind, p control.Prompt, username string, pick func(profile.Secrets) []byte) (answerFound, error) {
	if secret := w.piped(); secret != nil {
		return answerFound{secret: secret}, nil
	}
	// What is kept is the profile's own user's, and good for one try. In a
	// profile without a user it came with the file, for anybody.
	if w.own(username) && w.used == nil && !p.Fresh {
		if secret := w.lookUp(ctx, pick); secret != nil {
			return answerFound{secret: secret, kept: true}, nil
		}
	}
	if w.fromKept {
		w.discard(ctx) // the gateway asks again: it did not like what was kept
	}
	reply, err := w.ask(ctx, kind, p)
	return answerFound{secret: reply.Secret, once: reply.Once}, err
}

// lookUp gives a copy of a kept secret, nil where there is none.
func (w *Answerer) lookUp(ctx context.Context, pick func(profile.Secrets) []byte) []byte {
	secrets, err := w.kept(ctx)
	if err != nil && ctx.Err() == nil {
		var sealed *credential.SealError
		if errors.As(err, &sealed) {
			w.cfg.Tell(fmt.Sprintf("What was kept for %s cannot be opened any more.", oneLine(w.cfg.Profile.Name)))
		} else {
			w.cfg.Tell(fmt.Sprintf("What was kept for %s cannot be used, because %s.", oneLine(w.cfg.Profile.Name), Trouble(err)))
		}
	}
	defer secrets.Clear()
	return bytes.Clone(pick(secrets))
}

// kept gives what is kept for the profile.
func (w *Answerer) kept(ctx context.Context) (profile.Secrets, error) {
	store, err := w.cfg.OpenStore()
	if err != nil {
		return profile.Secrets{}, err
	}
	return Kept(ctx, store, w.cfg.Profile.ID)
}

// discard takes the kept password away.
func (w *Answerer) discard(ctx context.Context) {
	if w.dropped {
		return
	}
	w.dropped = true
	store, err := w.cfg.OpenStore()
	if err == nil {
		err = SetPassword(ctx, store, w.cfg.Profile.ID, nil)
	}
	switch {
	case errors.Is(err, credential.ErrKeepsNothing):
	case err != nil:
		w.cfg.Tell(fmt.Sprintf("The kept password is of no use any more and could not be deleted (%s).", oneLine(err.Error())))
	case w.changed:
		w.cfg.Tell("The old password is not kept any more; you will be asked for the new one next time.")
	default:
		w.cfg.Tell("The kept password is wrong and was deleted; you will be asked for it next time.")
	}
}
