package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/homeward-vpn/homeward/client/control"
)

func (a *app) renewCommand() *cobra.Command {
	var o connectOptions
	cmd := &cobra.Command{
		Use:   "renew",
		Short: "Sign in again now, while the line stays up",
		Long: `Sign in again now, while the line stays up: before the gateway ends the session, or
before you leave a place where you can be asked. You are asked for what the service
does not have any more.`,
		Args: exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.renew(cmd.Context(), o) },
	}
	cmd.Flags().BoolVar(&o.passwordStdin, "password-stdin", false, "read the password from standard input")
	cmd.Flags().DurationVar(&o.timeout, "timeout", 30*time.Second, "give up after this long, not counting the time in which you type")
	return cmd
}

// renew posts the wish, answers what the sign-in asks, and follows the status until
// another session has taken over. The line stays, whatever becomes of it.
func (a *app) renew(ctx context.Context, o connectOptions) error {
	if o.timeout <= 0 {
		return errors.New("--timeout must be longer than nothing, 30s for example")
	}
	st, err := a.client.Status(ctx)
	if err != nil {
		return err
	}
	if st.State != control.StateConnected || st.Redacted || st.IKE == nil {
		_, err := a.client.Renew(ctx) // the service says why not, unless the line has just come up
		return err
	}
	p, err := a.findProfile(ctx, st.ProfileID)
	if err != nil {
		return err
	}
	answers, err := a.newAnswerer(ctx, p, o)
	if err != nil {
		return err
	}
	defer answers.Clear()
	accepted, err := a.client.Renew(ctx)
	if err != nil {
		return err
	}
	again := &attempt{
		app: a, profile: p, from: accepted.Revision, answers: answers, seen: map[uint64]bool{},
		renewing: true, since: st.IKE.Established,
	}
	after, err := again.follow(ctx, o.timeout)
	switch {
	case err != nil:
		return err
	case after.State == control.StateConnected:
		answers.Worked(ctx)
		_, err = fmt.Fprintf(a.out, "Signed in again to %s; the line stayed up.\n", plain(p.Name))
		return err
	case after.Error != nil:
		return errors.New(after.Error.Message)
	default:
		return errors.New("the line was ended before the new sign-in was through; connect again when you want it")
	}
}
