package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/credential"
	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/keyfile"
)

func (a *app) machineCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "machine",
		Short: "What this computer signs in with before anybody has (administrators)",
		Long: `A line that comes at boot has to be signed in before anybody is there. For that an
administrator gives the service a credential of the machine's own. It is kept in the
service's folder, in a file that only root can read, and not sealed: no key exists
before login. Whoever has this computer's disk, unless that is encrypted, or becomes
root, has the credential; so give the machine one of its own, with few rights.

It is used for profiles whose on_demand.when is boot or always, for the gateway that
the profile named when it was given, and can never be read back.`,
		Args: knownCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.setMachineCommand(), a.removeMachineCommand(), a.listMachineCommand())
	return cmd
}

// machineOptions are the flags of machine set.
type machineOptions struct {
	user  string
	files []string
	stdin bool
}

func (a *app) setMachineCommand() *cobra.Command {
	var o machineOptions
	cmd := &cobra.Command{
		Use:   "set NAME",
		Short: "Give the service what it signs in with by a profile",
		Long: `Give the service what it signs in with by a profile: the password or the shared key,
which is asked for, or a certificate with its private key, from a .p12 or .pfx file
or from PEM or DER files.`,
		Args:              exactly(1, "one profile's name"),
		ValidArgsFunction: a.completeProfile,
		RunE:              func(cmd *cobra.Command, args []string) error { return a.setMachine(cmd.Context(), args[0], o) },
	}
	cmd.Flags().StringVar(&o.user, "user", "", "sign in with this user name")
	cmd.Flags().StringArrayVar(&o.files, "certificate", nil, "file with the certificate and its key; may be given several times")
	cmd.Flags().BoolVar(&o.stdin, "password-stdin", false, "read the password, the shared key or the file's password from standard input")
	return cmd
}

func (a *app) setMachine(ctx context.Context, name string, o machineOptions) error {
	p, err := a.client.Profile(ctx, name)
	if err != nil {
		return err
	}
	m := control.MachineCredential{Profile: p.ID, Username: o.user}
	defer m.Clear()
	if err := a.fillMachine(ctx, p, o, &m); err != nil {
		return err
	}
	if err := a.client.SetMachine(ctx, m); err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.out, "The service signs in by %s itself from now on. What it signs in with is protected by file rights only.\n", plain(p.Name))
	return err
}

// fillMachine asks for what the profile signs in with.
func (a *app) fillMachine(ctx context.Context, p *profile.Profile, o machineOptions, m *control.MachineCredential) error {
	first, byEAP := p.Client.SignIn()
	switch {
	case len(o.files) > 0:
		return a.machineCertificate(ctx, o, m)
	case p.Client.Auth == profile.ClientPSK:
		key, err := a.machineSecret(ctx, p, o, credential.KindPSK, "Shared key of this computer for ")
		m.PSK = credential.SharedKey(key)
		return err
	case byEAP && first.Username():
		if m.Username == "" && p.Client.Username == "" {
			return fmt.Errorf("%s does not say with which user name to sign in; give it with --user", p.Name)
		}
		var err error
		m.Password, err = a.machineSecret(ctx, p, o, credential.KindPassword, "Password of this computer for ")
		return err
	default:
		return fmt.Errorf("%s signs in with a certificate; give the file that holds it and its key with --certificate", p.Name)
	}
}

func (a *app) machineSecret(ctx context.Context, p *profile.Profile, o machineOptions, kind credential.Kind, text string) ([]byte, error) {
	if o.stdin {
		secret, err := readPiped(ctx, a.in)
		if err != nil {
			return nil, fmt.Errorf("--password-stdin: %w; pipe it into this command", err)
		}
		return secret, nil
	}
	reply, err := a.ask.Prompt(ctx, credential.Prompt{Kind: kind, Text: text + plain(p.Name)})
	if errors.Is(err, credential.ErrNobody) {
		return nil, errors.New("there is no terminal to ask on; pipe it in with --password-stdin")
	}
	return reply.Secret, err
}

// machineCertificate reads the one identity that the files hold.
func (a *app) machineCertificate(ctx context.Context, o machineOptions, m *control.MachineCredential) error {
	var files []keyfile.File
	defer func() {
		for _, f := range files {
			clear(f.Data)
		}
	}()
	for _, path := range o.files {
		data, err := readKeyFile(path)
		if err != nil {
			return err
		}
		files = append(files, keyfile.File{Name: path, Data: data})
	}
	found, err := keyfile.Read(files, a.askKeyPassword(ctx, o.stdin))
	if err != nil {
		return err
	}
	if len(found) != 1 {
		for _, id := range found {
			clear(id.Key)
		}
		return fmt.Errorf("the files hold %d certificates with a key, and the service takes one", len(found))
	}
	m.PrivateKey, m.Certificates = control.Secret(found[0].Key), found[0].Chain
	return nil
}

func (a *app) removeMachineCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "remove NAME",
		Short:             "Have the service forget what it signs in with by a profile",
		Args:              exactly(1, "one profile's name"),
		ValidArgsFunction: a.completeProfile,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.client.RemoveMachine(cmd.Context(), args[0]); err != nil {
				return err
			}
			_, err := fmt.Fprintln(a.out, "Removed.")
			return err
		},
	}
}

func (a *app) listMachineCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List what the service signs in with, without secrets",
		Args:  exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			list, err := a.client.Machines(cmd.Context())
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(a.out, list)
			}
			return a.printMachines(list)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (a *app) printMachines(list []control.MachineInfo) error {
	if len(list) == 0 {
		_, err := fmt.Fprintln(a.out, "The service signs in by no profile itself.")
		return err
	}
	w := tabwriter.NewWriter(a.out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(w, "NAME\tSIGNS IN WITH\tUSED")
	for _, m := range list {
		used := "yes"
		if !m.Used {
			used = "no: the profile leads elsewhere by now, or does not connect at boot; set it again"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", plain(m.Profile), plain(m.Kind), used)
	}
	return w.Flush()
}
