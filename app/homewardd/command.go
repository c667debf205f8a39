package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/platform/ledger"
	"github.com/homeward-vpn/homeward/platform/localsock"
)

// command is the whole command line.
func command(out, errOut io.Writer) *cobra.Command {
	root := &cobra.Command{
		Use:           "homewardd",
		Short:         "Homeward's service: it makes the connections that homewardctl asks for",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("there is no command %q; see «homewardd --help»", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetOut(out)
	root.SetErr(errOut)
	root.AddCommand(runCommand(errOut), bootCommand(out, errOut), cleanupCommand(out, errOut), versionCommand(out), canaryCommand(os.Stdin, out))
	return root
}

func runCommand(errOut io.Writer) *cobra.Command {
	var o options
	var level string
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run the service until it is told to end (SIGTERM)",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			handler, err := logHandler(errOut, level)
			if err != nil {
				return err
			}
			o.handler = handler
			if o.socket == "" {
				o.socket = control.SocketPath()
			}
			if o.probe.URL == defaultProbe {
				o.probe.Body = defaultProbeBody
			}
			return run(cmd.Context(), o)
		},
	}
	stateDirFlag(cmd, &o.stateDir)
	configDirFlag(cmd, &o.configDir)
	cmd.Flags().StringVar(&o.socket, "socket", "", "where to answer (default: the variable "+control.SocketVariable+", else "+localsock.DefaultPath+")")
	cmd.Flags().StringVar(&o.probe.URL, "portal-probe", defaultProbe, "the page to ask, by http, whether a network wants a sign-in; empty: none")
	cmd.Flags().StringVar(&o.probe.Body, "portal-probe-begins", "", "how the page of --portal-probe begins")
	cmd.Flags().StringVar(&level, "log-level", "info", "debug, info, warn or error")
	return cmd
}

func versionCommand(out io.Writer) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintf(out, "homewardd %s (API %d)\n", control.Version(), control.API)
			return err
		},
	}
}

func stateDirFlag(cmd *cobra.Command, dir *string) {
	cmd.Flags().StringVar(dir, "state-dir", defaultStateDir, "where profiles and the record of system changes are kept")
}

func configDirFlag(cmd *cobra.Command, dir *string) {
	cmd.Flags().StringVar(dir, "config-dir", defaultConfigDir(), "where the administrator lays down profiles (profiles.d) and a policy (policy.json)")
}

func logHandler(w io.Writer, level string) (slog.Handler, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("--log-level is %q, but must be debug, info, warn or error", level)
	}
	return slog.NewTextHandler(w, &slog.HandlerOptions{Level: l}), nil
}

// sentence puts an error into one sentence: what is wrong and what to do.
func sentence(err error) string {
	var locked *ledger.LockedError
	var inUse *localsock.InUseError
	var unsafe *localsock.UnsafeDirError
	var untrusted *ledger.UntrustedError
	var damaged *ledger.DamagedError
	switch {
	case errors.As(err, &locked):
		return "another Homeward service runs on this state directory; stop it first, or give another one with --state-dir"
	case errors.As(err, &inUse):
		return fmt.Sprintf("another Homeward service answers at %s; stop it first, or give another path with --socket", inUse.Path)
	case errors.As(err, &unsafe):
		return fmt.Sprintf("%v, who could put something else in the socket's place; give another path with --socket", unsafe)
	case errors.As(err, &untrusted):
		return fmt.Sprintf("%v, who could have the service change any file; give it to root alone («chown root» and «chmod 700»), or give another one with --state-dir", untrusted)
	case errors.As(err, &damaged):
		return fmt.Sprintf("the record of system changes is damaged (%v); move that file away, restart the computer, and look whether /etc/resolv.conf is right", damaged)
	case errors.Is(err, syscall.ENOSPC):
		return fmt.Sprintf("the disk is full (%v); free some space, then start it again", err)
	case errors.Is(err, syscall.EROFS):
		return fmt.Sprintf("the disk is read-only (%v); make it writable, or give another state directory with --state-dir", err)
	case errors.Is(err, os.ErrPermission) && os.Geteuid() != 0:
		return fmt.Sprintf("this needs root (%v); run it with sudo", err)
	default:
		return err.Error()
	}
}
