package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/native"
)

func (a *app) exportCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "export NAME [FILE]",
		Short: "Write a profile as a file, without secrets",
		Long: `Write a profile as a file, without secrets, to FILE or to the terminal:

  homeward      Homeward's own file, which says everything
  mobileconfig  for Apple's devices
  sswan         for strongSwan's app for Android

What the other two have no place for is told.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 2 {
				return nil
			}
			return exactly(1, "a profile's name, and a file if you like")(cmd, args)
		},
		ValidArgsFunction: a.completeProfile,
		RunE:              func(cmd *cobra.Command, args []string) error { return a.export(cmd.Context(), args, format) },
	}
	cmd.Flags().StringVar(&format, "format", native.Format, "homeward, mobileconfig or sswan")
	if err := cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions([]cobra.Completion{"homeward", "mobileconfig", "sswan"}, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // the flag was made one line above
	}
	return cmd
}

func (a *app) export(ctx context.Context, args []string, format string) error {
	out, err := a.intake().Export(ctx, args[0], format)
	if err != nil {
		return err
	}
	lost := 0
	for _, l := range out.Lost {
		if l.Verdict == profile.Honoured || l.Verdict == profile.Ignored {
			continue
		}
		if lost++; lost == 1 {
			fmt.Fprintln(a.errOut, "The file does not say all of the profile:")
		}
		fmt.Fprintln(a.errOut, reportLine(l))
	}
	if len(args) == 1 {
		_, err := a.out.Write(out.Data)
		return err
	}
	if err := writeNew(args[1], out.Data); err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.out, "Written to %s.\n", plain(args[1]))
	return err
}

// writeNew writes a file that is not there yet.
func writeNew(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%s is there already; remove it first, or give another name", path)
	}
	if err != nil {
		return err
	}
	if _, err = f.Write(data); err != nil {
		return errors.Join(err, f.Close(), os.Remove(path))
	}
	return f.Close()
}
