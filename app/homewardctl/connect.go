package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/credential"
	"github.com/homeward-vpn/homeward/client/credential/answer"
	"github.com/homeward-vpn/homeward/client/diagnose"
)

func (a *app) connectCommand() *cobra.Command {
	var o connectOptions
	cmd := &cobra.Command{
		Use:               "connect NAME",
		Short:             "Connect, and wait until the line stands",
		Args:              exactly(1, "one profile's name"),
		ValidArgsFunction: a.completeProfile,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.connect(cmd.Context(), args[0], o)
		},
	}
	cmd.Flags().StringVar(&o.user, "user", "", "sign in with this user name")
	cmd.Flags().BoolVar(&o.passwordStdin, "password-stdin", false, "read the password from standard input")
	cmd.Flags().DurationVar(&o.timeout, "timeout", 30*time.Second, "give up after this long, not counting the time in which you type")
	return cmd
}

type connectOptions struct {
	user          string
	passwordStdin bool
	timeout       time.Duration
}

// newAnswerer makes what answers the service's questions during an attempt.
func (a *app) newAnswerer(ctx context.Context, p control.ProfileInfo, o connectOptions) (*answer.Answerer, error) {
	cfg := answer.Config{
		Service: a.client, Profile: p, Prompter: a.ask,
		OpenStore: func() (answer.Store, error) { return a.openSecrets() }, OpenWallet: a.wallet, Cards: a.cards,
		Tell: func(sentence string) { fmt.Fprintln(a.errOut, plain(sentence)) },
	}
	if o.passwordStdin {
		var err error
		if cfg.Piped, err = readPiped(ctx, a.in); err != nil {
			return nil, fmt.Errorf("--password-stdin: %w; pipe the password into this command", err)
		}
	}
	return answer.New(cfg), nil
}

// readPiped reads the password from standard input; ctx can end the wait, but
// not the read, which is left behind.
func readPiped(ctx context.Context, in io.Reader) ([]byte, error) {
	type result struct {
		password []byte
		err      error
	}
	c := make(chan result, 1)
	go func() {
		password, err := credential.ReadPassword(in)
		c <- result{password, err}
	}()
	select {
	case r := <-c:
		return r.password, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// farewell bounds what is done after Ctrl-C or a timeout.
const farewell = 5 * time.Second

// connect posts the wish, answers what the service asks, and follows the
// status until the line stands or the attempt has failed.
func (a *app) connect(ctx context.Context, name string, o connectOptions) error {
	if o.timeout <= 0 {
		return errors.New("--timeout must be longer than nothing, 30s for example")
	}
	p, err := a.findProfile(ctx, name)
	if err != nil {
		return err
	}
	answers, err := a.newAnswerer(ctx, p, o)
	if err != nil {
		return err
	}
	defer answers.Clear()
	// Ctrl-C does not interrupt the wish itself: whether it was taken must be
	// known, so that it can be called off.
	wishing, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	accepted, err := a.client.Connect(wishing, control.ConnectRequest{Profile: p.ID, Username: o.user})
	cancel()
	if errors.Is(err, context.DeadlineExceeded) {
		a.hangUp(ctx) // it may have been taken all the same
	}
	if err != nil {
		return err
	}
	attempt := &attempt{app: a, profile: p, from: accepted.Revision, answers: answers, seen: map[uint64]bool{}}
	status, err := attempt.follow(ctx, o.timeout)
	if err != nil {
		switch {
		case attempt.replaced || attempt.renewing:
		case attempt.held && ctx.Err() == nil:
			// Only the person's own word lets traffic out again.
			return fmt.Errorf("%s; until «homewardctl disconnect» the kill switch lets nothing else out", strings.TrimSuffix(sentence(err), "."))
		default:
			a.hangUp(ctx)
		}
		return err
	}
	switch status.State {
	case control.StateConnected:
		answers.Worked(ctx)
		for _, w := range status.Warnings {
			fmt.Fprintln(a.errOut, plain(w))
		}
		_, err := fmt.Fprintf(a.out, "Connected to %s%s.\n", plain(p.Name), addresses(status))
		return err
	default:
		if words := heldBack(status); words != "" {
			fmt.Fprintln(a.errOut, words)
		}
		if e := status.Error; e != nil {
			answers.Failed(ctx, diagnose.Cause(e.Cause))
		}
		if err := answers.Trouble(); err != nil && !refused(status.Error) && !(errors.Is(err, credential.ErrDeclined) && status.Error != nil) {
			return err
		}
		if status.Error != nil {
			return errors.New(status.Error.Message)
		}
		return errors.New("the connection was stopped before it stood; connect again when you want it")
	}
}

// refused says that the server has seen an answer and did not take it. That is what
// has happened, whatever became of its question for another one.
func refused(e *control.Error) bool { return e != nil && diagnose.Cause(e.Cause).Refused() }

func addresses(st control.Status) string {
	if len(st.Addresses) == 0 {
		return ""
	}
	return ", your address there is " + prefixes(st.Addresses)
}

// findProfile gives the user's own profile of that name.
func (a *app) findProfile(ctx context.Context, name string) (control.ProfileInfo, error) {
	list, err := a.client.Profiles(ctx)
	if err != nil {
		return control.ProfileInfo{}, err
	}
	var others int
	for _, p := range list {
		if !strings.EqualFold(p.Name, name) && p.ID != name {
			continue
		}
		if a.mine(p) {
			return p, nil
		}
		others++
	}
	if others > 0 {
		return control.ProfileInfo{}, fmt.Errorf("the profile %q belongs to another user; only they can connect with it, for only they can answer for the password", name)
	}
	return control.ProfileInfo{}, fmt.Errorf("there is no profile named %q; «homewardctl profiles» lists those there are", name)
}

// hangUp calls an attempt off that nobody waits for any more. If it cannot,
// the service is gone, and the attempt with it; the caller says so already.
func (a *app) hangUp(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer cancel()
	accepted, err := a.client.Disconnect(ctx)
	if err == nil {
		err = a.waitDown(ctx, accepted.Revision)
	}
	var lost *control.LostError
	var gone *control.NotRunningError
	if err != nil && !errors.As(err, &lost) && !errors.As(err, &gone) && !errors.Is(err, errWantedAgain) {
		fmt.Fprintln(a.errOut, "The attempt could not be called off:", sentence(err))
	}
}

// attempt follows one attempt to connect.
type attempt struct {
	app     *app
	profile control.ProfileInfo
	from    uint64 // snapshots before this revision are older than the wish
	answers *answer.Answerer
	seen    map[uint64]bool // prompts that were answered, or tried to be
	step    string
	// held: the kill switch holds for it.
	held bool
	// replaced: another wish has taken the place of this one.
	replaced bool
	// renewing: the line stands, and wants a new sign-in; since is when its IKE SA
	// was made.
	renewing bool
	since    time.Time
	// next is news that came while a person was asked.
	next *update
}

// follow gives the status that ends the attempt: connected, disconnected or
// blocked. The time in which a person is asked does not count.
func (t *attempt) follow(ctx context.Context, timeout time.Duration) (control.Status, error) {
	watching, cancel := context.WithCancel(ctx)
	defer cancel()
	news := t.app.watch(watching)
	left := time.NewTimer(timeout)
	defer left.Stop()
	for {
		var n update
		if t.next != nil {
			n, t.next = *t.next, nil
		} else {
			select {
			case n = <-news:
			case <-left.C:
				return control.Status{}, t.late(timeout)
			case <-ctx.Done():
				return control.Status{}, ctx.Err()
			}
		}
		asked := time.Now()
		ended, err := t.take(ctx, n, news)
		if ctx.Err() != nil {
			return control.Status{}, ctx.Err()
		}
		if err != nil || ended {
			return n.status, err
		}
		if time.Since(asked) > time.Second {
			left.Reset(timeout)
		}
	}
}

// late says why the time was not enough, as far as the last step tells.
func (t *attempt) late(timeout time.Duration) error {
	if t.renewing {
		return fmt.Errorf("%s stands, but its new sign-in was not through within %v; look at «homewardctl status»", t.profile.Name, timeout)
	}
	if t.step == "reaching" {
		return &diagnose.Failure{Cause: diagnose.CauseGatewaySilent, Expected: t.profile.Gateway}
	}
	return fmt.Errorf("%s did not connect within %v; check that this computer is online, or allow more time with --timeout", t.profile.Name, timeout)
}

// take looks at one update; true says that it ends the attempt.
func (t *attempt) take(ctx context.Context, n update, news <-chan update) (bool, error) {
	if n.err != nil {
		return false, n.err
	}
	if n.status.Revision < t.from {
		return false, nil
	}
	if id := n.status.ProfileID; id != "" && id != t.profile.ID || n.status.Redacted {
		t.replaced = true
		return false, errors.New("another connection has taken the place of this one; look at it with «homewardctl status»")
	}
	t.held = n.status.KillSwitch.Mode == control.KillSwitchOn || n.status.KillSwitch.Mode == control.KillSwitchLockdown
	switch n.status.State {
	case control.StateDisconnected, control.StateBlocked:
		return true, nil
	case control.StateConnected:
		if t.stands(n.status) {
			return true, nil
		}
	}
	t.progress(n.status)
	for _, p := range n.status.Prompts {
		if p.ProfileID == t.profile.ID && !t.seen[p.ID] {
			t.seen[p.ID] = true
			return false, t.answer(ctx, p, news)
		}
	}
	return false, nil
}

// stands says whether a line that is connected wants nothing more: no answer is
// open, and where one was given to renew it, another IKE SA has taken over.
func (t *attempt) stands(st control.Status) bool {
	var made time.Time
	if st.IKE != nil {
		made = st.IKE.Established
	}
	if !t.renewing {
		wanted := func(p control.Prompt) bool { return p.Again && p.ProfileID == t.profile.ID }
		if t.renewing = slices.ContainsFunc(st.Prompts, wanted); t.renewing {
			t.since = made
		}
	}
	return !t.renewing || !made.Equal(t.since)
}

// progress prints a step that has begun.
func (t *attempt) progress(st control.Status) {
	if st.Step == "" || st.Step == t.step {
		return
	}
	t.step = st.Step
	if words := stepWords[st.Step]; words != "" {
		fmt.Fprintln(t.app.errOut, words+"…")
	}
}

// answer answers a prompt. A person may take long, and the gateway may lose
// patience: when the prompt is no longer open, they are not asked any further.
func (t *attempt) answer(ctx context.Context, p control.Prompt, news <-chan update) error {
	asking, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- t.answers.Give(asking, p) }()
	for {
		select {
		case err := <-done:
			if asking.Err() != nil && ctx.Err() == nil {
				return nil // the news says what has happened instead
			}
			return err
		case n := <-news:
			t.next = &n
			if n.err != nil || !slices.ContainsFunc(n.status.Prompts, func(q control.Prompt) bool { return q.ID == p.ID }) {
				cancel()
			}
		}
	}
}

// update is one status of a watch, or its end.
type update struct {
	status control.Status
	err    error
}

// watch follows the status on a goroutine of its own, as a program that answers. The channel holds the
// newest; the last value is an error.
func (a *app) watch(ctx context.Context) <-chan update {
	news := make(chan update, 1)
	put := func(u update) {
		for {
			select {
			case news <- u:
				return
			default:
			}
			select { // the older one is of no use any more
			case <-news:
			default:
			}
		}
	}
	go func() {
		err := a.client.Attend(ctx, func(st control.Status) error {
			put(update{status: st})
			return nil
		})
		put(update{err: err})
	}()
	return news
}

func (a *app) disconnectCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "disconnect",
		Short: "Disconnect, and wait until everything is as it was before",
		Args:  exactly(0, "no arguments"),
		RunE:  func(cmd *cobra.Command, _ []string) error { return a.disconnect(cmd.Context()) },
	}
}

// disconnectTime bounds the wait for the line to be taken down.
const disconnectTime = 20 * time.Second

func (a *app) disconnect(ctx context.Context) error {
	before, err := a.client.Status(ctx)
	if err != nil {
		return err
	}
	if before.State == control.StateDisconnected || lockedDown(before) {
		words := "Not connected."
		if lockedDown(before) {
			words = "Not connected. Lockdown is on, so nothing leaves this computer."
		}
		_, err := fmt.Fprintln(a.out, words)
		return err
	}
	accepted, err := a.client.Disconnect(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, disconnectTime)
	defer cancel()
	if err := a.waitDown(ctx, accepted.Revision); errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("the line is not down after %v; look at «homewardctl logs», and restart the service if it stays so", disconnectTime)
	} else if err != nil {
		return err
	}
	if before.KillSwitch.Mode == control.KillSwitchLockdown {
		_, err = fmt.Fprintln(a.out, "Disconnected. Lockdown is on, so nothing leaves this computer now.")
		return err
	}
	_, err = fmt.Fprintln(a.out, "Disconnected.")
	return err
}

// lockedDown says that nothing leaves, and that nobody wants a line.
func lockedDown(st control.Status) bool {
	return st.State == control.StateBlocked && st.Error != nil && diagnose.Cause(st.Error.Cause) == diagnose.CauseLockdown
}

// errWantedAgain says that a line was asked for while the last one went down.
var errWantedAgain = errors.New("a connection was asked for again meanwhile, from another terminal perhaps; disconnect once more to end that one")

// waitDown waits until everything is taken back.
func (a *app) waitDown(ctx context.Context, from uint64) error {
	down := errors.New("down")
	err := a.client.Watch(ctx, func(st control.Status) error {
		switch {
		case st.Revision < from:
			return nil
		case st.State == control.StateDisconnected, lockedDown(st):
			return down
		case st.State == control.StateBlocked && st.Error != nil:
			return errors.New(st.Error.Message)
		case st.State == control.StateDisconnecting || st.State == control.StateBlocked:
			return nil
		default:
			return errWantedAgain
		}
	})
	if errors.Is(err, down) {
		return nil
	}
	return err
}
