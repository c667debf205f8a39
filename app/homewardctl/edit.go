package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/homeward-vpn/homeward/client/profile"
)

func (a *app) editCommand() *cobra.Command {
	var set []string
	cmd := &cobra.Command{
		Use:               "edit NAME --set FIELD=VALUE",
		Short:             "Change fields of a profile",
		Long:              "Change fields of a profile. Their names are those of Homeward's own file, which\n«homewardctl show NAME --json» prints.",
		Args:              exactly(1, "one profile's name"),
		ValidArgsFunction: a.completeProfile,
		RunE:              func(cmd *cobra.Command, args []string) error { return a.edit(cmd.Context(), args[0], set) },
	}
	setFlag(cmd, &set)
	return cmd
}

func (a *app) edit(ctx context.Context, name string, set []string) error {
	if len(set) == 0 {
		return errors.New("nothing is to be changed; say what with --set FIELD=VALUE")
	}
	before, err := a.client.Profile(ctx, name)
	if err != nil {
		return err
	}
	p := before.With(before, nil)
	if err := setFields(p, set); err != nil {
		return err
	}
	if err := usable(p); err != nil {
		return err
	}
	return a.change(ctx, before, p)
}

// change stores a profile that was changed, and says what is different.
func (a *app) change(ctx context.Context, before, p *profile.Profile) error {
	changed := profile.Changed(before, p)
	if len(changed) == 0 {
		_, err := fmt.Fprintf(a.out, "%s says so already.\n", plain(p.Name))
		return err
	}
	forgotten, err := a.intake().Change(ctx, p)
	if err != nil {
		return err
	}
	if forgotten {
		fmt.Fprintf(a.errOut, "The gateway of %s, or what it must prove, is not what it was, so what was kept for it is forgotten.\n", plain(p.Name))
	}
	if err := a.printLowered(p); err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.out, "Changed %s of %s.\n", strings.Join(changed, ", "), plain(p.Name))
	return err
}

func (a *app) renameCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "rename NAME NEW",
		Short:             "Give a profile another name",
		Args:              exactly(2, "a profile's name and the new one"),
		ValidArgsFunction: a.completeProfile,
		RunE: func(cmd *cobra.Command, args []string) error {
			before, err := a.client.Profile(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			p := before.With(before, nil)
			p.Name = args[1]
			if err := usable(p); err != nil {
				return err
			}
			return a.change(cmd.Context(), before, p)
		},
	}
}

func (a *app) duplicateCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "duplicate NAME [NEW]",
		Short: "Copy a profile, with what is kept for it",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 2 {
				return nil
			}
			return exactly(1, "a profile's name, and one for the copy if you like")(cmd, args)
		},
		ValidArgsFunction: a.completeProfile,
		RunE:              func(cmd *cobra.Command, args []string) error { return a.duplicate(cmd.Context(), args) },
	}
}

func (a *app) duplicate(ctx context.Context, args []string) error {
	from, err := a.client.Profile(ctx, args[0])
	if err != nil {
		return err
	}
	copied, err := a.intake().Duplicate(ctx, from.ID)
	if err != nil {
		return err
	}
	name := copied.Name
	if len(args) == 2 {
		name = args[1]
		if err := a.intake().RenameProfile(ctx, copied.ID, name); err != nil {
			_, rerr := a.intake().Remove(context.WithoutCancel(ctx), copied.ID)
			return errors.Join(err, rerr)
		}
	}
	_, err = fmt.Fprintf(a.out, "%s is a copy of %s.\n", plain(name), plain(from.Name))
	return err
}

func setFlag(cmd *cobra.Command, to *[]string) {
	cmd.Flags().StringArrayVar(to, "set", nil, "FIELD=VALUE, as in Homeward's own file (client.username=ada); several values with commas, none to have the default; may be given several times")
	if err := cmd.RegisterFlagCompletionFunc("set", completeField); err != nil {
		panic(err) // the flag was made one line above
	}
}

// completeField offers the names of a profile's fields to the shell.
func completeField(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var fields []cobra.Completion
	for _, path := range profile.Paths() {
		fields = append(fields, path+"=")
	}
	return fields, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

// setFields changes what --set says.
func setFields(p *profile.Profile, list []string) error {
	for _, one := range list {
		field, value, ok := strings.Cut(one, "=")
		if !ok {
			return fmt.Errorf("--set %q does not say what to; write FIELD=VALUE, or FIELD= for the default", one)
		}
		err := p.Set(field, value)
		var unknown *profile.UnknownPathError
		if errors.As(err, &unknown) {
			return fmt.Errorf("a profile has no field %q; «homewardctl show NAME --json» shows those that it has", field)
		}
		if err != nil {
			return fieldError(err)
		}
	}
	return nil
}

// usable says in a sentence what a profile cannot be.
func usable(p *profile.Profile) error { return fieldError(p.Validate()) }

func fieldError(err error) error {
	var invalid *profile.InvalidError
	if errors.As(err, &invalid) {
		return fmt.Errorf("%s %s; give it another value with --set", invalid.Field, invalid.Reason)
	}
	return err
}
