package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/credential"
	"github.com/homeward-vpn/homeward/client/credential/answer"
	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/formats"
	"github.com/homeward-vpn/homeward/client/profile/native"
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
	cmd.Flags().BoolVar(&o.yes, "yes", false, "take over settings that lower security without asking")
	return cmd
}

type importOptions struct {
	name string
	yes  bool
}

// importFile takes over every connection of a file, or none.
func (a *app) importFile(ctx context.Context, path string, o importOptions) error {
	data, err := readProfileFile(path)
	if err != nil {
		return err
	}
	found, err := formats.ImportWith(data, profile.ImportOptions{AskPassword: a.askFilePassword(ctx)})
	clear(data)
	if err != nil {
		return err
	}
	defer func() {
		for i := range found {
			found[i].Secrets.Clear()
		}
	}()
	if o.name != "" && len(found) != 1 {
		return fmt.Errorf("the file holds %d connections, so --name cannot name them; leave it out", len(found))
	}
	existing, err := a.client.Profiles(ctx)
	if err != nil {
		return err
	}
	var done undoStack
	for i := range found {
		if err := a.importOne(ctx, &found[i], &existing, o, &done); err != nil {
			return errors.Join(err, done.undo())
		}
	}
	return nil
}

// readProfileFile reads a file that is no larger than any profile.
func readProfileFile(path string) (data []byte, err error) {
	f, err := openFile(path, "profile file")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return io.ReadAll(io.LimitReader(f, profile.MaxFile+1)) // one more byte lets the importer see that it is too large
}

func (a *app) askFilePassword(ctx context.Context) func(string, int) ([]byte, error) {
	return func(name string, attempt int) ([]byte, error) {
		if attempt > 2 {
			return nil, errors.New("three passwords did not fit")
		}
		reply, err := a.ask.Prompt(ctx, credential.Prompt{
			Kind: credential.KindPassword, Text: "Password of the certificate " + plain(name),
			Topic: credential.TopicFile, Subject: plain(name), Refused: attempt > 0,
		})
		return reply.Secret, err
	}
}

// importOne takes over one connection.
func (a *app) importOne(ctx context.Context, in *profile.Imported, existing *[]control.ProfileInfo, o importOptions, done *undoStack) error {
	p := &in.Profile
	old := a.replaces(p, *existing)
	if old != nil {
		p.ID, p.Name = old.ID, old.Name
	}
	if o.name != "" {
		p.Name = o.name
		var invalid *profile.InvalidError
		if err := p.Validate(); errors.As(err, &invalid) && invalid.Field == "name" {
			return fmt.Errorf("--name gives a name that %s; choose another", invalid.Reason)
		}
	}
	a.printReport(in)
	if err := a.consent(ctx, in.Report, o.yes); err != nil {
		return err
	}
	var before *profile.Profile
	if old != nil {
		var err error
		if before, err = a.client.Profile(ctx, old.ID); err != nil {
			return err
		}
	}
	if err := a.keepImported(ctx, in, before, done); err != nil {
		return err
	}
	if err := a.client.AddProfile(ctx, p); err != nil {
		return err
	}
	done.add(func() error {
		if before != nil {
			return a.client.AddProfile(context.WithoutCancel(ctx), before)
		}
		return a.client.DeleteProfile(context.WithoutCancel(ctx), p.ID)
	})
	// A second connection of the same file must not replace this one.
	*existing = slices.DeleteFunc(*existing, func(e control.ProfileInfo) bool { return e.ID == p.ID })
	verb := "Imported"
	if old != nil {
		verb = "Replaced"
	}
	_, err := fmt.Fprintf(a.out, "%s %s. Connect with «homewardctl connect %s».\n", verb, plain(p.Name), quoteArg(p.Name))
	return err
}

// replaces finds the profile that came from the same source before. Homeward's own
// format also holds profiles that came in another, for `show --json` writes it.
func (a *app) replaces(p *profile.Profile, existing []control.ProfileInfo) *control.ProfileInfo {
	if p.Origin.Identifier == "" {
		return nil
	}
	for i := range existing {
		e := &existing[i]
		sameFormat := e.Format == p.Origin.Format || e.Format == native.Format || p.Origin.Format == native.Format
		if sameFormat && e.Identifier == p.Origin.Identifier && a.mine(*e) {
			return e
		}
	}
	return nil
}

// mine says whether a profile belongs to the user; an administrator sees
// others' as well.
func (a *app) mine(p control.ProfileInfo) bool { return a.uid < 0 || p.Owner == uint32(a.uid) }

// consent asks for a yes where the file lowers security.
func (a *app) consent(ctx context.Context, report []profile.Line, yes bool) error {
	if yes || !slices.ContainsFunc(report, func(l profile.Line) bool { return l.Lowers }) {
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

// keepImported puts the secrets of the file into the user's store. Without a
// keychain a profile that cannot do without them is refused; a password or
// shared key can be typed. What was kept for the profile that is replaced stays,
// unless the new one leads to another gateway or trusts another: anybody can
// write a file that claims to be a newer one of the company's.
func (a *app) keepImported(ctx context.Context, in *profile.Imported, replaced *profile.Profile, done *undoStack) error {
	elsewhere := replaced != nil && !replaced.SameServers(&in.Profile)
	if a.wantsKey(in) {
		return a.keepKey(ctx, &in.Profile, elsewhere, done)
	}
	if in.Secrets.Empty() && !elsewhere {
		return nil
	}
	store, err := a.openSecrets()
	if elsewhere {
		if err == nil {
			err = a.forgetKept(ctx, store, in.Profile, done)
		}
		if err != nil {
			return fmt.Errorf("what is kept for %s was meant for another gateway and cannot be deleted (%w); nothing was changed", in.Profile.Name, err)
		}
	}
	if err == nil && !in.Secrets.Empty() {
		err = addKept(ctx, store, in, done)
	}
	switch {
	case err == nil:
		return nil
	case len(in.Secrets.PrivateKey) > 0:
		return fmt.Errorf("the private key of this profile can be kept in a keychain only, and %s; nothing was changed", answer.Trouble(err))
	}
	what := "password"
	if len(in.Secrets.Password) == 0 {
		what = "shared key"
	}
	_, err = fmt.Fprintf(a.errOut, "The %s in the file is not kept, because %s; you will be asked for it when you connect.\n", what, answer.Trouble(err))
	return err
}

// forgetKept takes away what was kept for the gateway of before. That needs no
// keychain; to bring it back, should the import fail, does.
func (a *app) forgetKept(ctx context.Context, store secretStore, p profile.Profile, done *undoStack) error {
	before, err := store.Get(ctx, p.ID)
	if errors.Is(err, credential.ErrNotKept) {
		return nil
	}
	known := err == nil
	if err := store.Forget(p.ID); err != nil {
		return err
	}
	done.add(func() error {
		defer before.Clear()
		if !known {
			return nil
		}
		return store.Put(context.WithoutCancel(ctx), p.ID, before)
	})
	_, err = fmt.Fprintf(a.errOut, "The gateway of %s, or what it must prove, is not what it was. The password that was kept is forgotten; give it only if you trust this file.\n", plain(p.Name))
	return err
}

// addKept keeps what the file holds beside what is kept.
func addKept(ctx context.Context, store secretStore, in *profile.Imported, done *undoStack) error {
	var before profile.Secrets
	err := store.Update(ctx, in.Profile.ID, func(kept *profile.Secrets) error {
		before.Clear()
		before = cloned(*kept)
		merge(kept, in.Secrets, in.Secrets)
		return nil
	})
	if err != nil {
		before.Clear()
		return err
	}
	brought := profile.Secrets{Password: mark(in.Secrets.Password), PSK: mark(in.Secrets.PSK), PrivateKey: mark(in.Secrets.PrivateKey)}
	done.add(func() error {
		defer before.Clear()
		return store.Update(context.WithoutCancel(ctx), in.Profile.ID, func(kept *profile.Secrets) error {
			merge(kept, brought, before)
			return nil
		})
	})
	return nil
}

// mark says without a secret that there is one.
func mark(secret []byte) []byte {
	if secret == nil {
		return nil
	}
	return []byte{}
}

// merge replaces each secret that which has by a copy of the one in by.
func merge(kept *profile.Secrets, which, by profile.Secrets) {
	if which.Password != nil {
		clear(kept.Password)
		kept.Password = bytes.Clone(by.Password)
	}
	if which.PSK != nil {
		clear(kept.PSK)
		kept.PSK = bytes.Clone(by.PSK)
	}
	if which.PrivateKey != nil {
		clear(kept.PrivateKey)
		kept.PrivateKey = bytes.Clone(by.PrivateKey)
	}
}

func cloned(s profile.Secrets) profile.Secrets {
	return profile.Secrets{Password: bytes.Clone(s.Password), PSK: bytes.Clone(s.PSK), PrivateKey: bytes.Clone(s.PrivateKey)}
}

// undoStack takes back what an import has done, newest first.
type undoStack []func() error

func (u *undoStack) add(f func() error) { *u = append(*u, f) }

func (u *undoStack) undo() error {
	var errs []error
	for _, f := range slices.Backward(*u) {
		errs = append(errs, f())
	}
	return errors.Join(errs...)
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
