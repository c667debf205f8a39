package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/homeward-vpn/homeward/client/credential"
	"github.com/homeward-vpn/homeward/client/credential/answer"
)

// secretStore keeps the user's secrets; *credential.Store does.
type secretStore interface {
	answer.Store
	Forget(profileID string) error
	ForgetAll() error
	// Tidy takes the key out of the keychain where nothing is kept any more.
	Tidy(ctx context.Context) error
	Kept() ([]string, error)
	Mode() (credential.Mode, error)
	SetMode(ctx context.Context, mode credential.Mode, passphrase []byte) error
}

// keychainDeadline is how long the keychain may take, with time for its own
// window to be answered.
const keychainDeadline = 30 * time.Second

// openStore opens the store of the user who runs the program. One that is sealed
// with a passphrase asks for it once, when it is first needed.
func (a *app) openStore() (secretStore, error) {
	dir, err := credential.DefaultDir()
	if err != nil {
		return nil, err
	}
	s, err := credential.Open(dir, &credential.SystemKeychain{Deadline: keychainDeadline})
	if err != nil {
		return nil, err
	}
	s.Passphrase = a.passphrase
	return s, nil
}

func (a *app) passphrase(ctx context.Context, refused bool) ([]byte, error) {
	reply, err := a.ask.Prompt(ctx, credential.Prompt{
		Kind: credential.KindPassphrase, Text: "Passphrase of your kept passwords", Refused: refused,
	})
	return reply.Secret, err
}

func (a *app) secretsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "secrets",
		Short: "Show or choose how passwords and keys are kept",
		Long: `Homeward keeps your passwords, shared keys and private keys in sealed files.
What opens them is one key, and you choose where that is:

  keychain     in the keychain of this system (GNOME Keyring, KWallet, the macOS
               Keychain, the Windows Credential Manager)
  passphrase   sealed with a passphrase, which you enter each time something kept is
               needed; for a computer without a keychain
  ask          nowhere: nothing is kept, and you enter each password each time

A choice takes over what is kept, and seals it again.`,
		Args: exactly(0, "no arguments, or keychain, passphrase or ask"),
		RunE: func(*cobra.Command, []string) error { return a.showSecrets() },
	}
	for mode, short := range map[credential.Mode]string{
		credential.ModeKeychain:   "Keep them under a key in the keychain",
		credential.ModePassphrase: "Keep them under a passphrase, or change it",
		credential.ModeAsk:        "Keep nothing, and delete what is kept",
	} {
		cmd.AddCommand(&cobra.Command{
			Use: string(mode), Short: short, Args: exactly(0, "no arguments"),
			RunE: func(cmd *cobra.Command, _ []string) error { return a.setSecrets(cmd.Context(), mode) },
		})
	}
	return cmd
}

// modeWords says how secrets are kept.
var modeWords = map[credential.Mode]string{
	credential.ModeKeychain:   "Passwords and keys are kept under a key in the keychain",
	credential.ModePassphrase: "Passwords and keys are kept under a passphrase",
	credential.ModeAsk:        "Nothing is kept: each password is asked for each time",
}

func (a *app) showSecrets() error {
	store, err := a.openSecrets()
	if err != nil {
		return err
	}
	mode, err := store.Mode()
	if err != nil {
		return err
	}
	ids, err := store.Kept()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.out, "%s; %s now.\n", modeWords[mode], count(len(ids), "sealed file"))
	return err
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func (a *app) setSecrets(ctx context.Context, mode credential.Mode) error {
	store, err := a.openSecrets()
	if err != nil {
		return err
	}
	var fresh credential.Reply
	if mode == credential.ModePassphrase {
		fresh, err = a.ask.Prompt(ctx, credential.Prompt{Kind: credential.KindNewPassphrase, Text: "New passphrase for your kept passwords"})
		if err != nil {
			return err
		}
		defer clear(fresh.Secret)
	}
	err = store.SetMode(ctx, mode, fresh.Secret)
	var k *credential.KeychainError
	if errors.As(err, &k) {
		return fmt.Errorf("how they are kept could not be changed, because %s; nothing is lost", answer.Trouble(err))
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.out, "%s.\n", modeWords[mode])
	return err
}
