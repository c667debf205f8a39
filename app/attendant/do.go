package attendant

import (
	"context"
	"errors"
	"fmt"

	"github.com/homeward-vpn/homeward/app/viewmodel"
	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/credential"
	"github.com/homeward-vpn/homeward/client/profile"
)

// Do performs an action, and returns when the wish is taken, not when it has come true:
// that is in the Input, as is the error.
func (a *Attendant) Do(ctx context.Context, act viewmodel.Action) error {
	perform := a.performer(act)
	if perform == nil {
		return fmt.Errorf("attendant: %q is nothing that can be done here", act.Kind)
	}
	n := a.wish(act)
	until, err := perform(ctx)
	a.wished(n, until, err)
	return err
}

// performer gives what performs an action: it gives the revision from which the status
// shows it; 0: as soon as it is done. nil: none does.
func (a *Attendant) performer(act viewmodel.Action) func(ctx context.Context) (uint64, error) {
	done := func(f func(ctx context.Context) error) func(context.Context) (uint64, error) {
		return func(ctx context.Context) (uint64, error) { return 0, f(ctx) }
	}
	c := a.cfg.Service
	switch act.Kind {
	case viewmodel.ActionConnect:
		return func(ctx context.Context) (uint64, error) {
			accepted, err := c.Connect(ctx, control.ConnectRequest{Profile: act.Profile})
			return accepted.Revision, err
		}
	case viewmodel.ActionDisconnect:
		return func(ctx context.Context) (uint64, error) {
			accepted, err := c.Disconnect(ctx)
			return accepted.Revision, err
		}
	case viewmodel.ActionRenew:
		return func(ctx context.Context) (uint64, error) {
			accepted, err := c.Renew(ctx)
			return accepted.Revision, err
		}
	case viewmodel.ActionKillSwitch:
		return done(func(ctx context.Context) error { return a.set(ctx, control.SettingsChange{KillSwitch: &act.Value}) })
	case viewmodel.ActionLocalNetwork:
		return done(func(ctx context.Context) error { return a.set(ctx, control.SettingsChange{LocalNetwork: &act.Value}) })
	case viewmodel.ActionLookPortal:
		return done(func(ctx context.Context) error {
			_, err := c.LookPortal(ctx)
			return err
		})
	case viewmodel.ActionAlways:
		return done(func(ctx context.Context) error {
			return a.change(ctx, act.Profile, func(p *profile.Profile) { p.OnDemand.When = profile.When(act.Value) })
		})
	case viewmodel.ActionSecrets:
		return done(func(ctx context.Context) error { return a.keepBy(ctx, credential.Mode(act.Value)) })
	case viewmodel.ActionRemove:
		return done(func(ctx context.Context) error {
			_, err := a.intake.Remove(ctx, act.Profile)
			return err
		})
	case viewmodel.ActionDuplicate:
		return done(func(ctx context.Context) error {
			p, err := a.intake.Duplicate(ctx, act.Profile)
			if err != nil {
				return err
			}
			return a.choose(ctx, p.ID)
		})
	case viewmodel.ActionRename:
		return done(func(ctx context.Context) error { return a.intake.RenameProfile(ctx, act.Profile, act.Value) })
	case viewmodel.ActionForget:
		return done(func(context.Context) error { return a.intake.Forget(act.Profile) })
	case viewmodel.ActionLanguage:
		return done(func(context.Context) error {
			a.update(func(in *viewmodel.Input) { in.Language = act.Value })
			return nil
		})
	case viewmodel.ActionSelect:
		return done(func(ctx context.Context) error { return a.choose(ctx, act.Profile) })
	case viewmodel.ActionPutAway:
		return done(func(context.Context) error { a.putAway(viewmodel.NoticeKind(act.Value)); return nil })
	}
	return nil
}

// shows says that the view has to show at once what is wished.
func shows(kind viewmodel.ActionKind) bool {
	switch kind {
	case viewmodel.ActionConnect, viewmodel.ActionDisconnect, viewmodel.ActionKillSwitch, viewmodel.ActionAlways:
		return true
	}
	return false
}

// quiet says that an action is no wish: what went wrong before stays to be read.
func quiet(kind viewmodel.ActionKind) bool {
	return kind == viewmodel.ActionSelect
}

// wish notes what is wished, and gives the number of what the view shows at once; 0: it
// does not.
func (a *Attendant) wish(act viewmodel.Action) (n uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !quiet(act.Kind) {
		a.in.Trouble = nil
	}
	if shows(act.Kind) {
		a.wishes++
		a.in.Wish, a.until, n = act, 0, a.wishes
	}
	a.tell()
	return n
}

// wished notes that the nth wish was taken, or why it was not. What is wished meanwhile
// and not shown leaves alone what is.
func (a *Attendant) wished(n, until uint64, err error) {
	if errors.Is(err, context.Canceled) || errors.Is(err, credential.ErrDeclined) {
		err = nil // as the person wished
	}
	if err != nil {
		a.cfg.Logger.Info("a wish was not met", "error", err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if err != nil {
		a.in.Trouble = err
	}
	if n == a.wishes {
		if a.until = until; err != nil || until <= a.in.Status.Revision {
			a.in.Wish, a.until = viewmodel.Action{}, 0
		}
	}
	a.tell()
}

// set changes the machine's settings.
func (a *Attendant) set(ctx context.Context, change control.SettingsChange) error {
	after, err := a.cfg.Service.ChangeSettings(ctx, change)
	if err != nil {
		return err
	}
	a.update(func(in *viewmodel.Input) { in.Settings = after })
	return nil
}

// change stores a profile with something else in it.
func (a *Attendant) change(ctx context.Context, id string, edit func(*profile.Profile)) error {
	p, err := a.cfg.Service.Profile(ctx, id)
	if err != nil {
		return err
	}
	edit(p)
	return a.Save(ctx, p)
}

// Profile gives a profile, whole.
func (a *Attendant) Profile(ctx context.Context, id string) (*profile.Profile, error) {
	return a.cfg.Service.Profile(ctx, id)
}

// Save stores a profile, in place of the one with the same ID, and has the window be
// about it. One that leads to another gateway by now is not given what is kept for the
// one of before, and the person is told so.
func (a *Attendant) Save(ctx context.Context, p *profile.Profile) error {
	forgotten, err := a.intake.Change(ctx, p)
	if err != nil {
		return err
	}
	if forgotten {
		a.update(func(in *viewmodel.Input) { in.Forgotten = p.Name })
	}
	return a.choose(ctx, p.ID)
}

// Logs gives the service's log, and with follow goes on until ctx ends.
func (a *Attendant) Logs(ctx context.Context, follow bool, each func(control.LogEntry) error) error {
	return a.cfg.Service.Logs(ctx, follow, each)
}

// keepBy keeps the person's secrets in another way.
func (a *Attendant) keepBy(ctx context.Context, mode credential.Mode) error {
	store, err := a.cfg.OpenStore()
	if err != nil {
		return err
	}
	var fresh credential.Reply
	if mode == credential.ModePassphrase {
		fresh, err = a.Prompt(ctx, credential.Prompt{Kind: credential.KindNewPassphrase, Text: "New passphrase for your kept passwords"})
		if err != nil {
			return err
		}
		defer clear(fresh.Secret)
	}
	err = store.SetMode(ctx, mode, fresh.Secret)
	a.refreshOwn()
	return err
}

// refreshOwn reads what the person keeps, without the keychain.
func (a *Attendant) refreshOwn() {
	store, err := a.cfg.OpenStore()
	var mode credential.Mode
	if err == nil {
		mode, err = store.Mode()
	}
	if err != nil {
		a.cfg.Logger.Warn("how secrets are kept could not be read", "error", err)
	}
	var list []credential.Identity
	wallet, err := a.cfg.OpenWallet()
	if err == nil {
		list, err = wallet.List()
	}
	if err != nil {
		a.cfg.Logger.Warn("the certificates could not be read", "error", err)
	}
	a.update(func(in *viewmodel.Input) { in.Secrets, in.Certificates = mode, list })
}

// putAway takes a notice away that the person has read.
func (a *Attendant) putAway(kind viewmodel.NoticeKind) {
	a.update(func(in *viewmodel.Input) {
		switch kind {
		case viewmodel.NoticeTold:
			in.Told, in.Forgotten = nil, ""
		case viewmodel.NoticeTrouble:
			in.Trouble = nil
		case viewmodel.NoticeNoTray:
			in.NoTray = false
		}
	})
}
