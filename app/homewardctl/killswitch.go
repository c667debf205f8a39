package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/homeward-vpn/homeward/client/control"
)

// profileWord is what a person says to leave a choice to the profiles.
const profileWord = "profile"

func (a *app) killSwitchCommand() *cobra.Command {
	var local string
	cmd := &cobra.Command{
		Use:   "killswitch [off|on|lockdown|profile]",
		Short: "Show or set what may leave this computer outside a connection",
		Long: `Show or set what may leave this computer outside a connection.

  off       everything may, beside the routes of the line
  on        nothing may from «connect» until your own «disconnect»: not while the
            line is coming up or coming back, nor after a crash of the service
  lockdown  nothing ever may, also after «disconnect» and from boot on
  profile   what each profile says, which is off unless it says otherwise

Lockdown is for administrators. Whatever is set here goes before what profiles say.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return fmt.Errorf("«%s» wants one mode; see «%s --help»", cmd.CommandPath(), cmd.CommandPath())
			}
			return nil
		},
		ValidArgs: []cobra.Completion{"off", "on", "lockdown", profileWord},
		RunE: func(cmd *cobra.Command, args []string) error {
			var change control.SettingsChange
			if len(args) == 1 {
				mode, err := choice(args[0], "the kill switch", control.KillSwitchOff, control.KillSwitchOn, control.KillSwitchLockdown)
				if err != nil {
					return err
				}
				change.KillSwitch = &mode
			}
			if cmd.Flags().Changed("local-network") {
				word, err := choice(local, "--local-network", control.LocalNetworkAllow, control.LocalNetworkRefuse)
				if err != nil {
					return err
				}
				change.LocalNetwork = &word
			}
			return a.killSwitch(cmd.Context(), change)
		},
	}
	cmd.Flags().StringVar(&local, "local-network", "", "allow or refuse the local network beside the line while the kill switch holds, or leave it to the profile")
	return cmd
}

// choice is one of the words, or the one for the profiles', which the API says with
// none.
func choice(said, of string, words ...string) (string, error) {
	if said == profileWord {
		return "", nil
	}
	if slices.Contains(words, said) {
		return said, nil
	}
	return "", fmt.Errorf("%s can be %s or %s, and not %q", of, strings.Join(words, ", "), profileWord, said)
}

func (a *app) killSwitch(ctx context.Context, change control.SettingsChange) error {
	settings, err := a.client.Settings(ctx)
	if err == nil && change != (control.SettingsChange{}) {
		settings, err = a.client.ChangeSettings(ctx, change)
	}
	if err != nil {
		return err
	}
	st, err := a.client.Status(ctx)
	if err != nil {
		return err
	}
	held := ""
	if settings.Holds(control.ManagedKillSwitch) || settings.Holds(control.ManagedLocalNetwork) {
		if held = settings.ManagedBy; held == "" {
			held = "the administrator"
		}
	}
	rows := []row{
		{"Held by the policy of", held},
		{"Kill switch", killSwitchWords(st.KillSwitch, time.Now())},
		{"Set on this computer", orProfile(settings.KillSwitch)},
		{"Local network", orProfile(settings.LocalNetwork)},
	}
	if err := printRows(a.out, "", rows); err != nil {
		return err
	}
	if st.KillSwitch.Alarm != "" {
		return errors.New(plain(st.KillSwitch.Alarm))
	}
	return nil
}

func orProfile(word string) string {
	if word == "" {
		return "nothing, so the profile decides"
	}
	return word
}

// killSwitchWords says what is held back, and how sure that is.
func killSwitchWords(k control.KillSwitch, now time.Time) string {
	words := []string{k.Mode}
	switch {
	case k.Mode == control.KillSwitchOff:
		return k.Mode
	case k.Alarm != "":
		words = append(words, "ALARM")
	case !k.Engaged:
		words = append(words, "nothing is held back now")
	case k.Verified != nil:
		words = append(words, fmt.Sprintf("verified at %s: nothing leaves outside the line", at(*k.Verified, now)))
	default:
		words = append(words, "set, not verified yet")
	}
	if k.LocalNetwork {
		words = append(words, "the local network is open")
	}
	return strings.Join(words, ", ")
}
