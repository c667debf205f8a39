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
	username := p.Username
	if username == "" {
		var err error
		if username, err = w.askUsername(ctx); err != nil {
			return "", nil, err
		}
	}
	secret, kept, err := w.secret(ctx, credential.KindPassword, p, username, func(s profile.Secrets) []byte { return s.Password })
	if err != nil {
		return "", nil, err
	}
	w.use(username, secret, kept)
	return username, secret, nil
}

// use notes the password that is sent.
func (w *Answerer) use(username string, secret []byte, kept bool) {
	clear(w.used)
	w.used, w.fromKept, w.username = bytes.Clone(secret), kept, username
}

func (w *Answerer) askUsername(ctx context.Context) (string, error) {
	reply, err := w.cfg.Prompter.Prompt(ctx, credential.Prompt{Kind: credential.KindText, Text: "User name for " + oneLine(w.cfg.Profile.Name)})
	if errors.Is(err, credential.ErrNobody) {
		return "", errors.New("this profile does not say with which user name to sign in, and there is no terminal to ask on; give it with --user")
	}
	if err == nil && reply.Text == "" {
		err = errors.New("no user name was given; give it with --user, or when you are asked")
	}
	return reply.Text, err
}

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
	w.use(username, reply.Secret, false)
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
	secret, kept, err := w.secret(ctx, credential.KindPSK, p, w.cfg.Profile.Username, func(s profile.Secrets) []byte { return s.PSK })
	if kept || err != nil {
		return secret, err
	}
	return credential.SharedKey(secret), nil
}

// piped gives what was given beforehand, once.
func (w *Answerer) piped() []byte {
	secret := w.cfg.Piped
	w.cfg.Piped = nil
	return secret
}

// secret finds what to answer; isKept says that it comes from the store.
func (w *Answerer) secret(ctx context.Context, kind credential.Kind, p control.Prompt, username string, pick func(profile.Secrets) []byte) (secret []byte, isKept bool, err error) {
	if secret = w.piped(); secret != nil {
		return secret, false, nil
	}
	// What is kept is the profile's own user's, and good for one try. In a
	// profile without a user it came with the file, for anybody.
	if own := w.cfg.Profile.Username; (own == "" || username == own) && w.used == nil && !p.Fresh {
		if found := w.lookUp(ctx, pick); found != nil {
			return found, true, nil
		}
	}
	if w.fromKept {
		w.discard(ctx) // the gateway asks again: it did not like what was kept
	}
	reply, err := w.ask(ctx, kind, p)
	return reply.Secret, false, err
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
