package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/credential/answer"
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

// forget deletes what is kept for a profile, and then the profile from the service,
// which drops what it remembers of it. A program that is ended in between leaves a
// profile, by whose name all can be forgotten again; secrets without a profile would
// be found by nobody. With the last of the secrets goes the key.
func (a *app) forget(ctx context.Context, name string) error {
	p, err := a.client.Profile(ctx, name)
	if err != nil {
		return err
	}
	st, err := a.client.Status(ctx)
	if err != nil {
		return err
	}
	inUse := st.ProfileID == p.ID && st.State != control.StateDisconnected
	if inUse { // the service refuses, unless the line ends just now: nothing is lost by that
		if err := a.client.DeleteProfile(ctx, p.ID); err != nil {
			return err
		}
	}
	store, err := a.forgetSecrets(p.ID)
	if err != nil && !inUse {
		return fmt.Errorf("the secrets of %s could not be deleted (%w); the profile is still there, and so may be the file %s.sealed", plain(p.Name), err, p.ID)
	}
	if !inUse {
		if err := a.client.DeleteProfile(ctx, p.ID); err != nil {
			return fmt.Errorf("what was kept for %s is deleted, but not the profile: %w", plain(p.Name), err)
		}
		// Another program may have kept a password while the profile was still there.
		store, err = a.forgetSecrets(p.ID)
	}
	if err != nil {
		return fmt.Errorf("the profile is forgotten, but its secrets could not be deleted (%w); delete the file %s.sealed yourself", err, p.ID)
	}
	if err := a.tidy(ctx, store); err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.out, "%s is forgotten.\n", plain(p.Name))
	return err
}

// forgetSecrets deletes what is kept for a profile, with the choice of its certificate.
func (a *app) forgetSecrets(id string) (secretStore, error) {
	store, err := a.openSecrets()
	if err == nil {
		err = store.Forget(id)
	}
	wallet, werr := a.wallet()
	if werr != nil || err != nil {
		return store, errors.Join(err, werr)
	}
	return store, wallet.Choose(id, "")
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
		if !a.mine(p) {
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
	if err := a.tidy(ctx, store); err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.out, "Everything is forgotten, with %s.\n", count(forgotten, "profile"))
	return err
}

// tidy takes the key away where it opens nothing any more.
func (a *app) tidy(ctx context.Context, store secretStore) error {
	if err := store.Tidy(ctx); err != nil {
		return fmt.Errorf("all secrets are deleted, but not the key that sealed them, which opens nothing any more, because %s", answer.Trouble(err))
	}
	return nil
}
