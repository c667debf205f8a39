package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/credential"
	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/client/profile"
)

// answers answers the service's questions during one attempt: from standard
// input, from the user's store, or by asking, in this order. A password that
// worked is kept; one that was kept and did not work is not, so that it is never
// sent twice.
type answers struct {
	app     *app
	profile control.ProfileInfo
	piped   []byte // from --password-stdin, until it is used
	seen    map[uint64]bool

	used     []byte // the password that was sent last, a copy
	fromKept bool   // it came out of the store
	username string // it was for this user
	trouble  error  // why an answer could not be given
}

func (a *app) newAnswers(ctx context.Context, p control.ProfileInfo, o connectOptions) (*answers, error) {
	w := &answers{app: a, profile: p, seen: map[uint64]bool{}}
	if o.passwordStdin {
		var err error
		if w.piped, err = readPiped(ctx, a.in); err != nil {
			return nil, fmt.Errorf("--password-stdin: %w; pipe the password into this command", err)
		}
	}
	return w, nil
}

// readPiped reads the password from standard input; ctx can end the wait, but
// not the read, which is left behind.
func readPiped(ctx context.Context, in io.Reader) ([]byte, error) {
	type answer struct {
		password []byte
		err      error
	}
	c := make(chan answer, 1)
	go func() {
		password, err := credential.ReadPassword(in)
		c <- answer{password, err}
	}()
	select {
	case a := <-c:
		return a.password, a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (w *answers) clear() {
	clear(w.piped)
	clear(w.used)
}

// give answers one prompt. What cannot be answered is declined, so that the
// gateway's half-open sign-in ends at once.
func (w *answers) give(ctx context.Context, p control.Prompt) error {
	a := control.Answer{Prompt: p.ID}
	var err error
	switch p.Kind {
	case control.PromptPassword:
		a.Username, a.Secret, err = w.password(ctx, p)
	case control.PromptFurther:
		a.Secret, err = w.further(ctx, p)
	case control.PromptPSK:
		a.Secret, err = w.sharedKey(ctx, p)
	case control.PromptSignature:
		a.Secret, err = w.signature(ctx, p)
	default:
		err = fmt.Errorf("the service asks for %q, which this program does not know; install both from one release", p.Kind)
	}
	if ctx.Err() != nil {
		clear(a.Secret)
		return ctx.Err()
	}
	if err != nil {
		w.trouble = err
		a.Declined = true
	}
	err = w.app.client.Answer(ctx, a)
	clear(a.Secret)
	var refusal *control.Refusal
	if errors.As(err, &refusal) && refusal.Code == control.CodeGone {
		return nil // another program was quicker, or the attempt has moved on: the status tells
	}
	return err
}

// password answers for a user name and a password.
func (w *answers) password(ctx context.Context, p control.Prompt) (string, []byte, error) {
	username := p.Username
	if p.Message != "" {
		fmt.Fprintf(w.app.errOut, "The gateway says: %s\n", plain(p.Message))
	}
	if username == "" {
		var err error
		if username, err = w.app.ask.Line(ctx, "User name for "+plain(w.profile.Name)+":"); err != nil {
			if errors.Is(err, errNoTerminal) {
				err = errors.New("this profile does not say with which user name to sign in, and there is no terminal to ask on; give it with --user")
			}
			return "", nil, err
		}
		if username == "" {
			return "", nil, errors.New("no user name was given; give it with --user, or when you are asked")
		}
	}
	secret, kept, err := w.secret(ctx, p, username, func(s profile.Secrets) []byte { return s.Password })
	if err != nil {
		return "", nil, err
	}
	clear(w.used)
	w.used, w.fromKept, w.username = bytes.Clone(secret), kept, username
	return username, secret, nil
}

// further answers for the password of a sign-in after the first, which is often
// good for one time only: it is neither looked up nor kept. A piped password that
// the first sign-in had no use for is meant for it.
func (w *answers) further(ctx context.Context, p control.Prompt) ([]byte, error) {
	if p.Message != "" {
		fmt.Fprintf(w.app.errOut, "The gateway says: %s\n", plain(p.Message))
	}
	if w.piped != nil {
		secret := w.piped
		w.piped = nil
		return secret, nil
	}
	return w.app.ask.Password(ctx, plain(p.Text))
}

// sharedKey answers for a PSK.
func (w *answers) sharedKey(ctx context.Context, p control.Prompt) ([]byte, error) {
	secret, kept, err := w.secret(ctx, p, w.profile.Username, func(s profile.Secrets) []byte { return s.PSK })
	if kept || err != nil {
		return secret, err
	}
	return credential.SharedKey(secret), nil
}

// secret finds what to answer; kept says that it comes from the store.
func (w *answers) secret(ctx context.Context, p control.Prompt, username string, pick func(profile.Secrets) []byte) (secret []byte, isKept bool, err error) {
	if w.piped != nil {
		secret, w.piped = w.piped, nil
		return secret, false, nil
	}
	// What is kept is the profile's own user's, and good for one try. In a
	// profile without a user it came with the file, for anybody.
	if (w.profile.Username == "" || username == w.profile.Username) && w.used == nil && !p.Fresh {
		if found := w.lookUp(ctx, pick); found != nil {
			return found, true, nil
		}
	}
	if w.fromKept {
		w.discard(ctx) // the gateway asks again: it did not like what was kept
	}
	secret, err = w.app.ask.Password(ctx, plain(p.Text))
	return secret, false, err
}

// lookUp gives a copy of a kept secret, nil where there is none.
func (w *answers) lookUp(ctx context.Context, pick func(profile.Secrets) []byte) []byte {
	store, err := w.app.openSecrets()
	var secrets profile.Secrets
	if err == nil {
		secrets, err = kept(ctx, store, w.profile.ID)
	}
	if err != nil && ctx.Err() == nil {
		var sealed *credential.SealError
		if errors.As(err, &sealed) {
			fmt.Fprintf(w.app.errOut, "What was kept for %s cannot be opened any more.\n", plain(w.profile.Name))
		} else {
			fmt.Fprintf(w.app.errOut, "What was kept for %s cannot be used, because %s.\n", plain(w.profile.Name), keychainTrouble(err))
		}
	}
	defer secrets.Clear()
	return bytes.Clone(pick(secrets))
}

// signature signs with the kept private key.
func (w *answers) signature(ctx context.Context, p control.Prompt) ([]byte, error) {
	store, err := w.app.openSecrets()
	var secrets profile.Secrets
	if err == nil {
		secrets, err = kept(ctx, store, w.profile.ID)
	}
	if err != nil {
		return nil, fmt.Errorf("the private key of %s cannot be used, because %s", w.profile.Name, keychainTrouble(err))
	}
	defer secrets.Clear()
	return credential.Sign(secrets, p.Scheme, p.Data)
}

// worked keeps the password that brought the line up.
func (w *answers) worked(ctx context.Context) {
	if w.used == nil || w.fromKept || w.profile.Username != "" && w.username != w.profile.Username {
		return
	}
	store, err := w.app.openSecrets()
	if err == nil {
		err = setPassword(ctx, store, w.profile.ID, w.used)
	}
	if err == nil && w.profile.Username == "" {
		err = w.rememberUser(ctx)
	}
	if err != nil {
		fmt.Fprintf(w.app.errOut, "The password is not kept, because %s; you will be asked again next time.\n", keychainTrouble(err))
	}
}

// rememberUser writes the user name into a profile that has none, so that the
// kept password can be found by it.
func (w *answers) rememberUser(ctx context.Context) error {
	p, err := w.app.client.Profile(ctx, w.profile.ID)
	if err != nil {
		return err
	}
	p.Client.Username = w.username
	return w.app.client.AddProfile(ctx, p)
}

// failed takes a kept password away that the gateway has refused.
func (w *answers) failed(ctx context.Context, cause diagnose.Cause) {
	refused := cause == diagnose.CauseWrongPassword || cause == diagnose.CauseRejected
	if w.fromKept && refused {
		w.discard(ctx)
	}
}

func (w *answers) discard(ctx context.Context) {
	w.fromKept = false
	store, err := w.app.openSecrets()
	if err == nil {
		err = setPassword(ctx, store, w.profile.ID, nil)
	}
	if err != nil {
		fmt.Fprintf(w.app.errOut, "The kept password is wrong and could not be deleted (%s).\n", plain(err.Error()))
		return
	}
	fmt.Fprintln(w.app.errOut, "The kept password is wrong and was deleted; you will be asked for it next time.")
}
