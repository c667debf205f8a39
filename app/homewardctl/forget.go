package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/homeward-vpn/homeward/client/intake"
)

func (a *app) forgetCommand() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "forget NAME",
		Short: "Delete a profile and its secrets",
		Args: func(cmd *cobra.Command, args []string) error {
			if all {
				return exactly(0, "no name beside --all")(cmd, args)
			}
			return exactly(1, "one profile's name")(cmd, args)
		},
		ValidArgsFunction: a.completeProfile,
		RunE: func(cmd *cobra.Command, args []string) error {
			if all {
				return a.forgetAll(cmd.Context())
			}
			return a.forget(cmd.Context(), args[0])
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "delete all your profiles and everything that is kept for you")
	return cmd
}

func (a *app) forget(ctx context.Context, name string) error {
	gone, err := a.intake().Remove(ctx, name)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.out, "%s is forgotten.\n", plain(gone))
	return err
}

// forgetAll also deletes secrets whose profile is gone already.
func (a *app) forgetAll(ctx context.Context) error {
	list, err := a.client.Profiles(ctx)
	if err != nil {
		return err
	}
	var errs []error
	forgotten := 0
	for _, p := range list {
		if !a.mine(p) || p.Managed { // what is laid down stays; what is kept for it goes
			continue
		}
		if err := a.client.DeleteProfile(ctx, p.ID); err != nil {
			errs = append(errs, err)
			continue
		}
		forgotten++
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("%w; nothing that is kept was deleted", err)
	}
	store, err := a.openSecrets()
	if err == nil {
		err = store.ForgetAll()
	}
	if wallet, werr := a.wallet(); werr != nil || err != nil {
		err = errors.Join(err, werr)
	} else {
		err = wallet.RemoveAll()
	}
	if err != nil {
		return fmt.Errorf("the profiles are forgotten, but their secrets could not be deleted (%w)", err)
	}
	if err := store.Tidy(ctx); err != nil {
		return &intake.Problem{Kind: intake.SealingKeyStays, Err: err}
	}
	_, err = fmt.Fprintf(a.out, "Everything is forgotten, with %s.\n", count(forgotten, "profile"))
	return err
}
