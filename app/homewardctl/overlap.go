package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/profile"
)

// overlapWords are what a person says, and what it means.
var overlapWords = map[string]profile.Overlap{
	"company": profile.OverlapCompany, "local": profile.OverlapLocal, "default": profile.OverlapDefault,
}

func (a *app) overlapCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "overlap NAME [company|local|default]",
		Short: "Choose who has addresses that the network you are in and the company both use",
		Long: `Show or choose who has addresses that the network you are in and the company both
use, as where your home and the company are both 192.168.1.0/24.

  company  the company, so that all of it can be reached; what else is in the network
           you are in cannot, but for its router
  local    the network you are in, so that your printer can be reached; the company's
           name servers are reached all the same
  default  the network you are in, but for what the profile itself names in it, and
           only as far as a network of its kind may claim addresses

«homewardctl status» says when there is something to choose. The choice is one of the
profile, and holds from the next «connect».`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 || len(args) == 2 {
				return nil
			}
			return fmt.Errorf("«%s» wants a profile's name, and perhaps a choice; see «%s --help»", cmd.CommandPath(), cmd.CommandPath())
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
			if len(args) == 1 {
				return []cobra.Completion{"company", "local", "default"}, cobra.ShellCompDirectiveNoFileComp
			}
			return a.completeProfile(cmd, args, typed)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				return a.showOverlap(cmd.Context(), args[0])
			}
			choice, ok := overlapWords[args[1]]
			if !ok {
				return fmt.Errorf("the addresses can be the company's (company), local or default, and not %q", args[1])
			}
			return a.chooseOverlap(cmd.Context(), args[0], choice)
		},
	}
}

func (a *app) showOverlap(ctx context.Context, name string) error {
	p, err := a.client.Profile(ctx, name)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.out, "Addresses of both %s.\n", whoHas(p.Traffic.Overlap))
	return err
}

func whoHas(o profile.Overlap) string {
	if words := overlaps[o]; words != "" {
		return words
	}
	return "belong to the network you are in, but for what the profile names of it"
}

// chooseOverlap stores the profile with another choice.
func (a *app) chooseOverlap(ctx context.Context, name string, choice profile.Overlap) error {
	p, err := a.client.Profile(ctx, name)
	if err != nil {
		return err
	}
	p.Traffic.Overlap = choice
	if err := a.client.AddProfile(ctx, p); err != nil {
		return err
	}
	st, err := a.client.Status(ctx)
	if err != nil {
		return err
	}
	when := ""
	if st.ProfileID == p.ID && st.State != control.StateDisconnected {
		when = ", from the next «homewardctl connect» on"
	}
	_, err = fmt.Fprintf(a.out, "With %s, addresses of both %s%s.\n", plain(p.Name), whoHas(choice), when)
	return err
}
