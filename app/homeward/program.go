//go:build cgo

package main

import (
	"context"
	"errors"
	"log"
	"log/slog"
	"os"
	"sync"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/app"

	"github.com/homeward-vpn/homeward/app/attendant"
	"github.com/homeward-vpn/homeward/app/desktop"
	"github.com/homeward-vpn/homeward/app/instance"
	"github.com/homeward-vpn/homeward/app/viewmodel"
	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/credential"
	"github.com/homeward-vpn/homeward/client/credential/token"
)

// languagePreference is the language that the person has chosen; empty: the system's.
const languagePreference = "language"

// program is the desktop program while it runs.
type program struct {
	app    fyne.App
	desk   *desktop.Desktop
	tray   *desktop.Tray
	notes  *desktop.Notifier
	say    viewmodel.Say
	staff  *attendant.Attendant
	logger *slog.Logger
	// ctx ends with the program, and with it all that runs beside.
	ctx    context.Context
	beside sync.WaitGroup

	doze doze

	// Of Fyne's goroutine.
	shown   bool               // the window is on the screen
	watched bool               // and the person looks at it
	hosted  bool               // the desktop shows the tray
	stays   bool               // without a tray, too: it was started so at login
	signing *portalSheet       // the sheet of the network's sign-in page; nil: it is not shown
	log     context.CancelFunc // stops following the service's log; nil: it is not followed
}

// openWindow runs the program until it is ended. release gives up that it is the one of
// its session, as soon as it has no window any more: what it still ends may take a while.
func openWindow(o options, requests <-chan instance.Request, release func(), logger *slog.Logger) (err error) {
	// What Fyne and the tray say of their own goes where everything goes.
	log.SetFlags(0)
	log.SetOutput(slog.NewLogLogger(logger.Handler(), slog.LevelInfo).Writer())
	app.SetMetadata(fyne.AppMetadata{ID: appID, Name: "Homeward", Version: control.Version(), Icon: desktop.AppIcon()})
	ctx, end := context.WithCancel(context.Background())
	defer end()
	p := &program{app: app.NewWithID(appID), logger: logger, ctx: ctx, stays: o.hidden}
	p.doze.woken = make(chan struct{}, 1)
	p.doze.hidden.Store(true)
	if p.say, err = desktop.Speak(p.app.Preferences().String(languagePreference)); err != nil {
		return err
	}
	told, err := p.describe()
	if err != nil {
		return err
	}
	cards := p.make()
	p.tray.Show(viewmodel.Tray(p.staff.Input(), p.say))
	p.beside.Go(func() { p.staff.Run(ctx) })
	p.beside.Go(func() { p.draw(ctx) })
	p.beside.Go(func() { p.hear(ctx, requests) })
	p.beside.Go(func() { p.doze.run(ctx) })
	p.beside.Go(func() { watchTray(ctx, p.logger, p.trayIs) })
	if !o.hidden {
		p.show()
	}
	if o.file != "" {
		p.open(o.file)
	}
	p.app.Run()
	release()
	end()
	p.beside.Wait()
	return errors.Join(told(), cards.Close())
}

// describe tells programs that drive this one what it shows, where they ask for that.
func (p *program) describe() (end func() error, err error) {
	path := os.Getenv(shownVariable)
	if path == "" {
		return func() error { return nil }, nil
	}
	desktop.RecordShown()
	l, err := tellShown(p.logger, path, func() []desktop.Shown { return p.desk.Shown() })
	if err != nil {
		return nil, err
	}
	return l.Close, nil
}

// make joins the parts.
func (p *program) make() *token.Cards {
	p.app.Settings().SetTheme(desktop.NewTheme())
	p.desk = desktop.New(p.app, desktop.Config{
		Title: "Homeward", Say: p.say, Do: p.do, Raise: p.show, Opened: p.opened,
		OpenFiles: func(paths []string) {
			for _, path := range paths {
				p.open(path)
			}
		},
	})
	p.desk.Window().SetMaster()
	p.desk.Window().SetCloseIntercept(p.closed)
	p.app.Lifecycle().SetOnEnteredForeground(func() { p.watched = true })
	p.app.Lifecycle().SetOnExitedForeground(func() { p.watched = false })
	p.tray = desktop.NewTray(p.app, p.do)
	p.notes = desktop.NewNotifier(p.app, p.say)
	// What asks is made before whom it asks by: no question comes before the program runs.
	ask := prompter(func(ctx context.Context, q credential.Prompt) (credential.Reply, error) {
		return p.staff.Prompt(ctx, q)
	})
	cards := token.New(token.Config{Prompter: ask})
	open := sync.OnceValues(func() (attendant.Store, error) { return openStore(ask) })
	p.staff = attendant.New(attendant.Config{
		Service: control.NewClient(control.SocketPath()), Prompter: p.desk.Prompter(), Cards: cards, OpenStore: open,
		OpenWallet: func() (*credential.Wallet, error) {
			dir, err := credential.DefaultDir()
			if err != nil {
				return nil, err
			}
			return credential.OpenWallet(dir, func() (credential.Keys, error) { return open() })
		},
		Language: p.app.Preferences().String(languagePreference),
		UID:      os.Getuid(), Now: time.Now, Logger: p.logger,
	})
	return cards
}

// prompter is a function that asks.
type prompter func(context.Context, credential.Prompt) (credential.Reply, error)

// Prompt implements credential.Prompter.
func (f prompter) Prompt(ctx context.Context, q credential.Prompt) (credential.Reply, error) {
	return f(ctx, q)
}

// keychainDeadline is how long the keychain may take, with time for its own window to
// be answered.
const keychainDeadline = 30 * time.Second

// openStore opens the store of the user who runs the program. One that is sealed with a
// passphrase asks for it once, when it is first needed.
func openStore(ask credential.Prompter) (*credential.Store, error) {
	dir, err := credential.DefaultDir()
	if err != nil {
		return nil, err
	}
	s, err := credential.Open(dir, &credential.SystemKeychain{Deadline: keychainDeadline})
	if err != nil {
		return nil, err
	}
	s.Passphrase = func(ctx context.Context, refused bool) ([]byte, error) {
		reply, err := ask.Prompt(ctx, credential.Prompt{
			Kind: credential.KindPassphrase, Text: "Passphrase of your kept passwords", Refused: refused,
		})
		return reply.Secret, err
	}
	return s, nil
}

// hear does what other starts of the program want.
func (p *program) hear(ctx context.Context, requests <-chan instance.Request) {
	for {
		select {
		case <-ctx.Done():
			return
		case r, more := <-requests:
			if !more {
				return
			}
			p.doze.do(func() {
				if !r.Hidden {
					p.show()
				}
				if r.File != "" {
					p.open(r.File)
				}
			})
		}
	}
}
