package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/homeward-vpn/homeward/client/control"
)

// A sign-in to the network that this computer is on, step by step:
//
//	portal sign-in   asks the service to open the way, and starts
//	  portal enter   lets itself in, and starts
//	    (confined)   names asked of the network's own resolvers, becomes
//	      the browser
//
// Whoever lets himself in is ended by force with the sign-in; so the program that
// the user has started stays outside.

func (a *app) portalCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "portal",
		Short: "Look whether the network wants a sign-in (hotel, train, airport)",
		Args:  exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.lookPortal(cmd.Context(), asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.AddCommand(a.portalSignInCommand(), a.portalEnterCommand(), a.confinedCommand())
	return cmd
}

func (a *app) lookPortal(ctx context.Context, asJSON bool) error {
	p, err := a.client.LookPortal(ctx)
	if err != nil {
		return err
	}
	if asJSON {
		return printJSON(a.out, p)
	}
	_, err = fmt.Fprintln(a.out, portalWords(p, time.Now()))
	return err
}

// portalWords is what is known of the network's sign-in page, in a sentence or two.
func portalWords(p control.Portal, now time.Time) string {
	switch {
	case p.SigningInUntil != nil:
		return fmt.Sprintf("A browser is open to sign in to the network at %s, until %s at the latest. Nothing else gets out.", plain(p.URL), at(*p.SigningInUntil, now))
	case p.State == control.PortalCaptive:
		return fmt.Sprintf("The network wants you to sign in first, at %s. Run «homewardctl portal sign-in» for a browser that may; everything else stays blocked.", plain(p.URL))
	case p.State == control.PortalOpen && p.SessionUntil != nil:
		return fmt.Sprintf("The network lets you out; it wants the next sign-in %s.", until(*p.SessionUntil, now))
	case p.State == control.PortalOpen:
		return "The network lets you out; it wants no sign-in."
	case p.State == control.PortalNamed:
		return "The network has a sign-in page; whether it wants you there was not asked yet."
	default:
		return "Whether the network wants a sign-in could not be found out; see «homewardctl logs»."
	}
}

func (a *app) portalSignInCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "sign-in [-- BROWSER [ARGUMENT]...]",
		Short: "Open a browser that may leave, to sign in to the network",
		Long: "Open a browser of its own, with nothing of your usual one, that may leave to sign in to the network.\n" +
			"Everything else stays blocked. It ends when the network lets you out, when you close it, or after a while.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.signInPortal(cmd.Context(), args)
		},
	}
}

// rootsBrowser is told to root, whose browser is root's, too. Some refuse to start so.
const rootsBrowser = "homewardctl: the browser runs as root and shows a stranger's page; run this as yourself where you can."

// lastWord is how long the service has to say why a sign-in has ended, when the browser
// has.
const lastWord = 2 * time.Second

func (a *app) signInPortal(ctx context.Context, browser []string) error {
	dir, err := os.MkdirTemp("", "homeward-portal-")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var running *exec.Cmd
	ended := make(chan error, 1)
	last := ""
	err = a.client.SignInPortal(ctx, func(v control.PortalSignIn) error {
		if last = v.Ended; last != "" {
			return nil
		}
		fmt.Fprintf(a.errOut, "Sign in at %s; the browser may leave until %s.\n", plain(v.URL), at(v.Until, time.Now()))
		if os.Getuid() == 0 {
			fmt.Fprintln(a.errOut, rootsBrowser)
		}
		command, err := browserCommand(browser, v.URL, dir, exec.LookPath)
		if err != nil {
			return err
		}
		if running, err = a.startBrowser(v, dir, command); err != nil {
			return fmt.Errorf("the browser cannot be started (%w); name another with «homewardctl portal sign-in -- BROWSER»", err)
		}
		go func() {
			ended <- running.Wait()
			// The service says why; it knows nothing of one that was never let in.
			time.AfterFunc(lastWord, cancel)
		}()
		return nil
	})
	err = unlessStopped(ctx, err)
	var exit error
	if running != nil {
		cancel()
		exit = <-ended // by the service's hand at the latest, or its next start's
	}
	err = errors.Join(err, os.RemoveAll(dir))
	if err != nil || last == "" && running == nil {
		return err
	}
	return a.signInEnded(last, exit)
}

// signInEnded says what has become of it.
func (a *app) signInEnded(why string, exit error) error {
	sentence := "The browser is closed, and blocked is again what was."
	switch why {
	case control.SignInDone:
		sentence = "The network lets you out now; the browser is closed, and blocked is again what was."
	case control.SignInTime:
		return errors.New("the sign-in took longer than it may, and everything is blocked again; try once more with «homewardctl portal sign-in»")
	case control.SignInRemoved:
		return errors.New("the service ended the sign-in, for the network, the line or the kill switch is not what it was; look with «homewardctl status», and begin another where it is still needed")
	case control.SignInClosed, "":
		var code *exec.ExitError
		if errors.As(exit, &code) && code.ExitCode() > 0 {
			return fmt.Errorf("the browser failed with exit code %d; name another with «homewardctl portal sign-in -- BROWSER»", code.ExitCode())
		}
	}
	_, err := fmt.Fprintln(a.errOut, sentence)
	return err
}

// browsers are those that start with a profile of their own, so that they are new
// programs: one that hands the page to a window which is open already would do so
// outside. DIR and URL are filled in.
var browsers = [][]string{
	{"firefox", "--new-instance", "--no-remote", "--profile", "DIR", "URL"},
	{"firefox-esr", "--new-instance", "--no-remote", "--profile", "DIR", "URL"},
	{"chromium", "--user-data-dir=DIR", "--no-first-run", "--no-default-browser-check", "URL"},
	{"chromium-browser", "--user-data-dir=DIR", "--no-first-run", "--no-default-browser-check", "URL"},
	{"google-chrome", "--user-data-dir=DIR", "--no-first-run", "--no-default-browser-check", "URL"},
	{"microsoft-edge", "--user-data-dir=DIR", "--no-first-run", "--no-default-browser-check", "URL"},
	{"brave-browser", "--user-data-dir=DIR", "--no-first-run", "--no-default-browser-check", "URL"},
	{"epiphany", "--private-instance", "--profile=DIR", "URL"},
	{"w3m", "URL"}, {"lynx", "URL"},
}

// browserCommand is the user's own with the page behind it, or the first of browsers
// that is there.
func browserCommand(own []string, url, dir string, find func(string) (string, error)) ([]string, error) {
	if len(own) > 0 {
		path, err := find(own[0])
		if err != nil {
			return nil, fmt.Errorf("there is no program %q: name the browser as you would at a prompt", own[0])
		}
		return slices.Concat([]string{path}, own[1:], []string{url}), nil
	}
	for _, b := range browsers {
		path, err := find(b[0])
		if err != nil {
			continue
		}
		command := []string{path}
		for _, arg := range b[1:] {
			if arg == "URL" {
				arg = url // a page's address holds what it likes, DIR too
			} else {
				arg = strings.Replace(arg, "DIR", filepath.Join(dir, "browser"), 1)
			}
			command = append(command, arg)
		}
		return command, os.MkdirAll(filepath.Join(dir, "browser"), 0o700)
	}
	return nil, errors.New("no browser was found; name one with «homewardctl portal sign-in -- BROWSER»")
}

// resolvConf is what the browser reads in place of /etc/resolv.conf.
func resolvConf(resolvers []netip.Addr) string {
	var b strings.Builder
	for _, r := range resolvers[:min(len(resolvers), 3)] { // as many as resolv.conf(5) takes
		fmt.Fprintf(&b, "nameserver %s\n", r)
	}
	b.WriteString("options timeout:2\n")
	return b.String()
}
