package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/homeward-vpn/homeward/client/control"
)

// command is the whole command line.
func (a *app) command() *cobra.Command {
	root := &cobra.Command{
		Use:           "homewardctl",
		Short:         "Connect to the company network",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          knownCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SuggestionsMinimumDistance = 2
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.errOut)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return fmt.Errorf("%w; see «%s --help»", err, cmd.CommandPath())
	})
	root.AddCommand(
		a.importCommand(), a.newCommand(), a.profilesCommand(), a.showCommand(), a.editCommand(), a.renameCommand(), a.duplicateCommand(), a.exportCommand(), a.forgetCommand(),
		a.secretsCommand(), a.certificateCommand(),
		a.connectCommand(), a.disconnectCommand(), a.renewCommand(), a.killSwitchCommand(), a.overlapCommand(), a.attendCommand(), a.machineCommand(), a.statusCommand(), a.portalCommand(), a.logsCommand(), a.versionCommand(),
	)
	return root
}

// knownCommand refuses what is no command, and names what may have been meant.
func knownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	meant := ""
	if similar := cmd.SuggestionsFor(args[0]); len(similar) > 0 {
		meant = fmt.Sprintf(" (did you mean %s?)", strings.Join(similar, " or "))
	}
	return fmt.Errorf("there is no command %q%s; see «%s --help»", args[0], meant, cmd.CommandPath())
}

// exactly wants so many arguments, and says which.
func exactly(n int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == n {
			return nil
		}
		return fmt.Errorf("«%s» wants %s; see «%s --help»", cmd.CommandPath(), what, cmd.CommandPath())
	}
}

// completeProfile offers the profiles' names to the shell.
func (a *app) completeProfile(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	list, err := a.client.Profiles(cmd.Context())
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	var names []cobra.Completion
	for _, p := range list {
		names = append(names, cobra.CompletionWithDesc(p.Name, p.Gateway))
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the versions of this program and of the service",
		Args:  exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			service := "not running"
			if info, err := a.client.Info(cmd.Context()); err == nil {
				service = info.Version
			}
			_, err := fmt.Fprintf(a.out, "homewardctl %s\nhomewardd   %s\n", control.Version(), plain(service))
			return err
		},
	}
}

func (a *app) logsCommand() *cobra.Command {
	var follow bool
	cmd := &cobra.Command{
		Use:   "logs",
		Short: "Print the service's log",
		Args:  exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			err := a.client.Logs(cmd.Context(), follow, func(e control.LogEntry) error {
				line := fmt.Sprintf("%s %-5s %s", e.Time.Local().Format("2006-01-02 15:04:05.000"), e.Level, plain(e.Message))
				if e.Attrs != "" {
					line += " " + plain(e.Attrs)
				}
				_, err := fmt.Fprintln(a.out, line)
				return err
			})
			return unlessStopped(cmd.Context(), err)
		},
	}
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on with new entries until Ctrl-C")
	return cmd
}
