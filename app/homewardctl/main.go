// Command homewardctl is Homeward at a terminal: it imports profiles, connects,
// and says what is going on. It does what the desktop program does and speaks
// the same local API, nothing else.
//
// It runs as the user: profile files are read here, and secrets stay in the
// user's keychain and sealed store; the service gets a password, a shared key or
// a signature only when it asks for one. Every failure ends in one sentence that
// says what is wrong and what to do, and in an exit code that is not zero.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/credential"
	"github.com/homeward-vpn/homeward/client/credential/answer"
	"github.com/homeward-vpn/homeward/client/credential/token"
)

func main() {
	os.Exit(realMain())
}

func realMain() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := noCoreDump(); err != nil {
		fmt.Fprintln(os.Stderr, "homewardctl: a crash may write what is in memory to disk:", err)
	}
	a := &app{
		client: control.NewClient(control.SocketPath()),
		in:     os.Stdin,
		out:    os.Stdout,
		errOut: os.Stderr,
		ask:    newTerminal(os.Stdin, os.Stderr),
		uid:    os.Getuid(),

		secretsDir: credential.DefaultDir,
	}
	a.openSecrets = sync.OnceValues(a.openStore)
	cards := token.New(token.Config{Prompter: a.ask})
	a.cards = cards
	code := a.run(ctx, os.Args[1:])
	if err := cards.Close(); err != nil {
		fmt.Fprintln(os.Stderr, "homewardctl:", sentence(err))
	}
	return code
}

// app is the program with what it touches, so that tests can take its place.
type app struct {
	client      *control.Client
	in          io.Reader
	out, errOut io.Writer
	openSecrets func() (secretStore, error)
	secretsDir  func() (string, error) // of the sealed store, and of the certificates beside it
	cards       answer.Cards           // nil: smart cards are not looked for
	ask         credential.Prompter
	uid         int // negative: the system has no such number
}

// run performs one command line and gives the exit code.
func (a *app) run(ctx context.Context, args []string) int {
	root := a.command()
	root.SetArgs(args)
	if err := root.ExecuteContext(ctx); err != nil {
		fmt.Fprintln(a.errOut, "homewardctl:", sentence(err))
		return 1
	}
	return 0
}
