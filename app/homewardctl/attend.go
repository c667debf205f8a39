package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/credential"
	"github.com/homeward-vpn/homeward/client/credential/answer"
	"github.com/homeward-vpn/homeward/client/diagnose"
)

func (a *app) attendCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "attend",
		Short: "Stay, and sign in for lines that come by themselves",
		Long: `Stay in your session and answer what the service asks for lines that come by
themselves, with what is kept in your keychain. While it runs, profiles that connect
at login may do so. It never asks you anything: what is not kept waits for you in
«homewardctl connect». It goes on when the service is started again, until Ctrl-C.

The systemd unit homeward-attend.service starts it with your session:
  systemctl --user enable --now homeward-attend.service`,
		Args: exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.attend(cmd.Context()) },
	}
}

// The pauses before the service is called again that has gone.
const (
	firstCall = time.Second
	lastCall  = 30 * time.Second
)

// attend answers until ctx ends.
func (a *app) attend(ctx context.Context) error {
	// A PIN or a passphrase would be asked for in the middle of something else.
	a.ask, a.cards = nobody{}, nil
	pause := firstCall
	for {
		begun := time.Now()
		err := a.attendOnce(ctx)
		var gone *control.NotRunningError
		var lost *control.LostError
		switch {
		case ctx.Err() != nil:
			return nil
		case !errors.As(err, &gone) && !errors.As(err, &lost):
			return err
		}
		if time.Since(begun) > lastCall {
			pause = firstCall
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
		pause = min(2*pause, lastCall)
	}
}

// nobody is the person in a program that asks nothing.
type nobody struct{}

// Prompt implements credential.Prompter.
func (nobody) Prompt(context.Context, credential.Prompt) (credential.Reply, error) {
	return credential.Reply{}, credential.ErrNobody
}

// attendant answers during one connection with the service.
type attendant struct {
	app     *app
	seen    map[uint64]bool
	answers *answer.Answerer // of the attempt that is under way; nil: none was asked yet
	profile string           // whose
}

func (a *app) attendOnce(ctx context.Context) error {
	t := &attendant{app: a, seen: map[uint64]bool{}}
	defer t.end()
	return a.client.Attend(ctx, func(st control.Status) error { return t.take(ctx, st) })
}

// take looks at one status. It answers one question after the other; what has changed
// meanwhile is in the next status.
func (t *attendant) take(ctx context.Context, st control.Status) error {
	open := map[uint64]bool{}
	for _, p := range st.Prompts {
		open[p.ID] = t.seen[p.ID]
		if t.seen[p.ID] {
			continue
		}
		open[p.ID] = true
		if err := t.give(ctx, p); err != nil {
			return err
		}
	}
	t.seen = open
	if t.answers == nil {
		return nil
	}
	switch st.State {
	case control.StateConnected:
		if len(st.Prompts) == 0 {
			t.end()
		}
	case control.StateDisconnected, control.StateBlocked:
		if st.Error != nil {
			t.answers.Failed(ctx, diagnose.Cause(st.Error.Cause))
		}
		t.end()
	}
	return nil
}

// give answers one question, where it can be answered without a person.
func (t *attendant) give(ctx context.Context, p control.Prompt) error {
	if t.answers == nil || t.profile != p.ProfileID {
		t.end()
		info, err := t.app.findProfile(ctx, p.ProfileID)
		var refusal *control.Refusal
		if errors.As(err, &refusal) {
			return nil // the profile has gone meanwhile
		}
		if err != nil {
			return err
		}
		t.profile = p.ProfileID
		t.answers = answer.New(answer.Config{
			Service: discreet{t.app.client}, Profile: info, Prompter: t.app.ask,
			OpenStore: func() (answer.Store, error) { return t.app.openSecrets() }, OpenWallet: t.app.wallet,
			Tell: func(sentence string) { fmt.Fprintln(t.app.errOut, plain(sentence)) },
		})
	}
	return t.answers.Give(ctx, p)
}

func (t *attendant) end() {
	if t.answers != nil {
		t.answers.Clear()
		t.answers, t.profile = nil, ""
	}
}

// discreet is the service to a program that declines nothing: what it cannot answer, a
// person may, in another window or terminal.
type discreet struct{ *control.Client }

// Answer implements answer.Service.
func (d discreet) Answer(ctx context.Context, a control.Answer) error {
	if a.Declined {
		return nil
	}
	return d.Client.Answer(ctx, a)
}
