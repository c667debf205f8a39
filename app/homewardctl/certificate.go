package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/credential"
	"github.com/homeward-vpn/homeward/client/credential/answer"
	"github.com/homeward-vpn/homeward/client/intake"
	"github.com/homeward-vpn/homeward/client/profile/keyfile"
)

func (a *app) certificateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "certificate",
		Aliases: []string{"certificates"},
		Short:   "Your certificates and their keys",
		Long: `Homeward keeps certificates that you sign in with, and their private keys in the
sealed store. A profile that names no certificate of its own takes the one that the
gateway accepts; where several fit you are asked once.`,
		Args: knownCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.importCertificateCommand(), a.listCertificatesCommand(), a.removeCertificateCommand(), a.chooseCertificateCommand())
	return cmd
}

// wallet opens the user's certificates, which lie beside the sealed store.
func (a *app) wallet() (*credential.Wallet, error) {
	dir, err := a.secretsDir()
	if err != nil {
		return nil, err
	}
	return credential.OpenWallet(dir, func() (credential.Keys, error) { return a.openSecrets() })
}

func (a *app) importCertificateCommand() *cobra.Command {
	var stdin bool
	cmd := &cobra.Command{
		Use:   "import FILE...",
		Short: "Keep a certificate and its private key",
		Long: `Keep a certificate and its private key: from a .p12 or .pfx file (PKCS#12), or from
PEM or DER files, the key and the certificate in one or in several. Certificates of
authorities in the files are kept with it, and sent where the gateway needs them.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return nil
			}
			return exactly(1, "one file or several")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.importCertificate(cmd.Context(), args, stdin)
		},
	}
	cmd.Flags().BoolVar(&stdin, "password-stdin", false, "read the file's password from standard input")
	return cmd
}

// importCertificate keeps every identity in the files, or none.
func (a *app) importCertificate(ctx context.Context, paths []string, stdin bool) error {
	var files []keyfile.File
	defer func() {
		for _, f := range files {
			clear(f.Data)
		}
	}()
	for _, path := range paths {
		data, err := readKeyFile(path)
		if err != nil {
			return err
		}
		files = append(files, keyfile.File{Name: path, Data: data})
	}
	found, err := keyfile.Read(files, a.askKeyPassword(ctx, stdin))
	if err != nil {
		return err
	}
	defer func() {
		for _, id := range found {
			clear(id.Key)
		}
	}()
	wallet, err := a.wallet()
	if err != nil {
		return err
	}
	for _, in := range found {
		known := wallet.Has(in.Leaf.Raw)
		id, err := wallet.Add(ctx, in)
		if err != nil {
			return fmt.Errorf("the certificate cannot be kept, because %s", answer.Trouble(err))
		}
		verb := "Kept"
		if known {
			verb = "Kept again"
		}
		if _, err := fmt.Fprintf(a.out, "%s: %s.\n", verb, plain(id.String())); err != nil {
			return err
		}
		if notice := id.Expiry(time.Now()); notice != "" {
			fmt.Fprintln(a.errOut, plain(notice))
		}
	}
	return nil
}

// readKeyFile reads a file that is no larger than any with a key.
func readKeyFile(path string) (data []byte, err error) {
	f, err := intake.Open(path, "file with the certificate")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return io.ReadAll(io.LimitReader(f, keyfile.MaxFile+1)) // one more byte lets the reader see that it is too large
}

// askKeyPassword asks for a file's password, or takes the one that was piped in.
func (a *app) askKeyPassword(ctx context.Context, stdin bool) keyfile.AskPassword {
	return func(name string, attempt int) ([]byte, error) {
		if stdin {
			if attempt > 0 {
				return nil, errors.New("the one on standard input does not fit")
			}
			return readPiped(ctx, a.in)
		}
		reply, err := a.ask.Prompt(ctx, credential.Prompt{
			Kind: credential.KindPassword, Text: "Password of " + plain(name), Refused: attempt > 0,
		})
		return reply.Secret, err
	}
}

// heldCertificate is a certificate in the list.
type heldCertificate struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	Issuer   string    `json:"issuer"`
	From     time.Time `json:"from"`
	Until    time.Time `json:"until"`
	Card     string    `json:"card,omitempty"`
	Profiles []string  `json:"profiles,omitempty"` // that bring it, or for which it was chosen
	Kept     bool      `json:"kept"`               // imported; else of a profile or on a card
	Notice   string    `json:"notice,omitempty"`
}

func (a *app) listCertificatesCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List your certificates",
		Args:  exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			list, err := a.certificates(cmd.Context(), time.Now())
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(a.out, list)
			}
			return a.printCertificates(list)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// certificates lists those that are kept, those on cards and those of profiles,
// each once.
func (a *app) certificates(ctx context.Context, now time.Time) ([]heldCertificate, error) {
	wallet, err := a.wallet()
	if err != nil {
		return nil, err
	}
	kept, err := wallet.List()
	if err != nil {
		return nil, err
	}
	list := []heldCertificate{}
	for _, id := range kept {
		h := held(id, now)
		h.Kept = true
		list = append(list, h)
	}
	for _, id := range a.onCards(ctx) {
		list = append(list, held(id, now))
	}
	profiles, err := a.client.Profiles(ctx)
	if err != nil {
		fmt.Fprintln(a.errOut, "The certificates of your profiles are left out:", sentence(err))
		return list, nil
	}
	for _, p := range profiles {
		if a.mine(p) {
			if list, err = a.addProfileCertificate(ctx, list, wallet, p, now); err != nil {
				return nil, err
			}
		}
	}
	return list, nil
}

// addProfileCertificate adds what a profile brings, and notes what was chosen for it.
func (a *app) addProfileCertificate(ctx context.Context, list []heldCertificate, wallet *credential.Wallet, info control.ProfileInfo, now time.Time) ([]heldCertificate, error) {
	used, err := wallet.Chosen(info.ID)
	if err != nil {
		return nil, err
	}
	p, err := a.client.Profile(ctx, info.ID)
	if err != nil {
		return nil, err
	}
	if len(p.Client.Certificates) > 0 {
		id, err := credential.NewIdentity(p.Client.Certificates)
		if err != nil {
			return nil, err
		}
		used = id.ID
		if !slices.ContainsFunc(list, func(h heldCertificate) bool { return h.ID == id.ID }) {
			list = append(list, held(id, now))
		}
	}
	for i := range list {
		if list[i].ID == used {
			list[i].Profiles = append(list[i].Profiles, info.Name)
		}
	}
	return list, nil
}

// onCards lists what smart cards show. Where they cannot be read that is said, and
// all else is listed.
func (a *app) onCards(ctx context.Context) []credential.Identity {
	if a.cards == nil {
		return nil
	}
	list, err := a.cards.List(ctx, "")
	if err != nil {
		fmt.Fprintln(a.errOut, "Smart cards are left out:", sentence(err))
	}
	return list
}

func held(id credential.Identity, now time.Time) heldCertificate {
	return heldCertificate{
		ID: id.ID, Name: id.Name(), Issuer: id.Issuer(), From: id.Leaf.NotBefore, Until: id.Leaf.NotAfter,
		Card: id.Card, Notice: id.Expiry(now),
	}
}

func (a *app) printCertificates(list []heldCertificate) error {
	if len(list) == 0 {
		_, err := fmt.Fprintln(a.out, "There are no certificates. Import the one that your administrator gave you: «homewardctl certificate import FILE».")
		return err
	}
	w := tabwriter.NewWriter(a.out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(w, "NAME\tISSUED BY\tUNTIL\tKEY\tPROFILES\tID")
	for _, h := range list {
		where := "kept here"
		switch {
		case h.Card != "":
			where = "on " + h.Card
		case !h.Kept:
			where = "with the profile"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", plain(h.Name), plain(h.Issuer), h.Until.Local().Format("2 January 2006"),
			plain(where), plain(strings.Join(h.Profiles, ", ")), h.ID[:shortID])
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, h := range list {
		if h.Notice != "" {
			if _, err := fmt.Fprintln(a.out, plain(h.Notice)); err != nil {
				return err
			}
		}
	}
	return nil
}

// shortID is how much of an ID is shown, and is enough to name a certificate by.
const shortID = 8

func (a *app) removeCertificateCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "remove NAME",
		Short: "Forget a certificate and its private key",
		Long:  "Forget a certificate and its private key, by its name or the beginning of its ID.",
		Args:  exactly(1, "one certificate's name or ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.removeCertificate(cmd.Context(), args[0])
		},
	}
}

func (a *app) removeCertificate(ctx context.Context, name string) error {
	wallet, err := a.wallet()
	if err != nil {
		return err
	}
	list, err := wallet.List()
	if err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(id credential.Identity) bool {
		return !strings.EqualFold(id.Name(), name) && (len(name) < shortID || !strings.HasPrefix(id.ID, strings.ToLower(name)))
	})
	switch len(list) {
	case 0:
		return fmt.Errorf("no certificate that is kept here is called %q; «homewardctl certificate list» shows them, and those of a profile go with «homewardctl forget»", name)
	case 1:
	default:
		return fmt.Errorf("%d certificates are called %q; name the one by its ID, which «homewardctl certificate list» shows", len(list), name)
	}
	if err := wallet.Remove(list[0].ID); err != nil {
		return fmt.Errorf("the certificate could not be deleted, because %s", answer.Trouble(err))
	}
	store, err := a.openSecrets()
	if err != nil {
		return err
	}
	if err := store.Tidy(ctx); err != nil {
		return &intake.Problem{Kind: intake.SealingKeyStays, Err: err}
	}
	_, err = fmt.Fprintf(a.out, "Forgotten: %s.\n", plain(list[0].String()))
	return err
}

func (a *app) chooseCertificateCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "choose PROFILE",
		Short:             "Be asked again which certificate a profile uses",
		Args:              exactly(1, "one profile's name"),
		ValidArgsFunction: a.completeProfile,
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := a.findProfile(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			wallet, err := a.wallet()
			if err != nil {
				return err
			}
			if err := wallet.Choose(p.ID, ""); err != nil {
				return err
			}
			_, err = fmt.Fprintf(a.out, "You are asked which certificate to use when you connect to %s next, where several fit.\n", plain(p.Name))
			return err
		},
	}
}
