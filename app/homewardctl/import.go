package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/credential"
	"github.com/homeward-vpn/homeward/client/credential/answer"
	"github.com/homeward-vpn/homeward/client/intake"
	"github.com/homeward-vpn/homeward/client/profile"
)

func (a *app) importCommand() *cobra.Command {
	var o importOptions
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Take over the profile that your administrator sent",
		Args:  exactly(1, "one profile file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.importFile(cmd.Context(), args[0], o)
		},
	}
	cmd.Flags().StringVar(&o.name, "name", "", "call the profile this, instead of the name in the file")
	cmd.Flags().BoolVar(&o.yes, "yes", false, "agree to what the file wants agreed to, and take over settings that lower security, without asking")
	return cmd
}

type importOptions struct {
	name string
	yes  bool
}

// importFile takes over every connection of a file, or none.
func (a *app) importFile(ctx context.Context, path string, o importOptions) error {
	data, err := intake.ReadFile(path)
	if err != nil {
		return err
	}
	found, err := intake.Read(ctx, path, data, a.ask)
	if err != nil {
		return err
	}
	defer intake.Clear(found)
	if o.name != "" && len(found) != 1 {
		return fmt.Errorf("the file holds %d connections, so --name cannot name them; leave it out", len(found))
	}
	plan, err := a.intake().Plan(ctx, found)
	if err != nil {
		return err
	}
	if o.name != "" {
		p := &plan.Items[0].Profile
		p.Name = o.name
		var invalid *profile.InvalidError
		if err := p.Validate(); errors.As(err, &invalid) && invalid.Field == "name" {
			return fmt.Errorf("--name gives a name that %s; choose another", invalid.Reason)
		}
	}
	for i := range plan.Items {
		a.printReport(plan.Items[i].Imported)
	}
	if err := a.consent(ctx, plan, o.yes); err != nil {
		return err
	}
	done, err := a.intake().TakeOver(ctx, plan)
	if err != nil {
		return err
	}
	return a.printResults(done)
}

// intake is what takes over files and removes profiles for the user.
func (a *app) intake() *intake.Intake {
	return intake.New(intake.Config{
		Service: a.client, OpenStore: func() (intake.Store, error) { return a.openSecrets() }, OpenWallet: a.wallet, UID: a.uid,
	})
}

// printResults says what has become of each connection.
func (a *app) printResults(done []intake.Result) error {
	for _, r := range done {
		if r.Forgotten {
			fmt.Fprintf(a.errOut, "The gateway of %s, or what it must prove, is not what it was. The password that was kept is forgotten; give it only if you trust this file.\n", plain(r.Name))
		}
		if r.NotKept != "" {
			fmt.Fprintf(a.errOut, "The %s in the file is not kept, because %s; you will be asked for it when you connect.\n", r.NotKept, plain(answer.Trouble(r.Why)))
		}
		verb := "Imported"
		if r.Replaced {
			verb = "Replaced"
		}
		if _, err := fmt.Fprintf(a.out, "%s %s. Connect with «homewardctl connect %s».\n", verb, plain(r.Name), quoteArg(r.Name)); err != nil {
			return err
		}
	}
	return nil
}

// mine says whether a profile belongs to the user; an administrator sees
// others' as well.
func (a *app) mine(p control.ProfileInfo) bool { return a.uid < 0 || p.Owner == uint32(a.uid) }

// consent asks for a yes to what the file's author wants agreed to, and where the file
// lowers security.
func (a *app) consent(ctx context.Context, plan *intake.Plan, yes bool) error {
	if yes {
		return nil
	}
	for _, text := range plan.Consents() {
		if err := a.agree(ctx, plan, text); err != nil {
			return err
		}
	}
	if !plan.Lowers() {
		return nil
	}
	_, err := a.ask.Prompt(ctx, credential.Prompt{Kind: credential.KindConsent, Text: "Some settings (marked !) lower security. Take them over?"})
	if errors.Is(err, credential.ErrNobody) {
		return errors.New("some settings of this profile lower security (marked ! above), and there is no terminal to ask on; read them and import with --yes if they are right; nothing was changed")
	}
	if errors.Is(err, credential.ErrDeclined) {
		return errors.New("not imported, as you wished; ask your administrator for a profile without these settings")
	}
	return err
}

// agree asks for a yes to a text of the file's author.
func (a *app) agree(ctx context.Context, plan *intake.Plan, text string) error {
	origin := plan.Items[0].Profile.Origin
	_, err := a.ask.Prompt(ctx, credential.Prompt{
		Kind: credential.KindConsent, Text: "Do you agree?", Message: text, Speaker: cmp.Or(origin.Organization, "The file"),
	})
	if errors.Is(err, credential.ErrNobody) {
		return fmt.Errorf("whoever imports this profile agrees to a text in it, and there is no terminal to ask on; read it, and import with --yes if you agree: %s", plain(text))
	}
	if errors.Is(err, credential.ErrDeclined) {
		return errors.New("not imported, for you do not agree to the text in it; nothing was changed")
	}
	return err
}

// quoteArg writes a name so that a shell takes it as one word.
func quoteArg(name string) string {
	if name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("-_.+@", r))
	}) {
		return name
	}
	return "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
}
