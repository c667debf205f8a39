//go:build cgo

package main

import (
	"context"

	"github.com/homeward-vpn/homeward/app/desktop"
	"github.com/homeward-vpn/homeward/app/viewmodel"
	"github.com/homeward-vpn/homeward/client/control"
)

// do is a click, on Fyne's goroutine: what concerns the windows is done at once, the
// rest is the attendant's, beside.
func (p *program) do(a viewmodel.Action) {
	switch a.Kind {
	case viewmodel.ActionShowWindow, viewmodel.ActionAnswer:
		p.show()
	case viewmodel.ActionQuit:
		p.app.Quit()
	case viewmodel.ActionOpenFile:
		p.show()
		p.desk.ChooseFile(p.open)
	case viewmodel.ActionNew, viewmodel.ActionEdit:
		p.edit(a)
	case viewmodel.ActionPortalSignIn:
		p.portal()
	case viewmodel.ActionExport:
		p.export(a)
	case viewmodel.ActionCopyReport:
		p.copyReport()
	case viewmodel.ActionAskRemove, viewmodel.ActionAskRename, viewmodel.ActionAskExport, viewmodel.ActionAskLockdown:
		p.confirm(a)
	case viewmodel.ActionLanguage:
		p.app.Preferences().SetString(languagePreference, a.Value)
		p.perform(a)
	case viewmodel.ActionPutAway:
		if viewmodel.NoticeKind(a.Value) == viewmodel.NoticeNoTray {
			p.app.Preferences().SetBool(noTrayPreference, true)
		}
		p.perform(a)
	default:
		p.perform(a)
	}
}

// perform has the attendant do it; what goes wrong is in the view.
func (p *program) perform(a viewmodel.Action) {
	p.aside(func(ctx context.Context) {
		if err := p.staff.Do(ctx, a); err != nil && ctx.Err() == nil {
			p.logger.Info("a wish was not met", "wish", a.Kind, "error", err)
		}
	})
}

// aside runs something that may wait, which ends with the program.
func (p *program) aside(f func(ctx context.Context)) {
	p.beside.Go(func() { f(p.ctx) })
}

// opened notes which page is shown: the settings as they are now, and the service's log,
// which is followed while its page is shown.
func (p *program) opened(page desktop.Page) {
	p.stopLog()
	switch page {
	case desktop.SettingsPage:
		p.desk.ShowSettings(viewmodel.Settings(p.staff.Input(), p.say))
	case desktop.LogPage:
		p.followLog()
	}
}

func (p *program) stopLog() {
	if p.log != nil {
		p.log()
		p.log = nil
	}
}

// followLog shows what the service has to tell, until the page is left.
func (p *program) followLog() {
	ctx, stop := context.WithCancel(p.ctx)
	p.log = stop
	p.desk.ShowLog(nil, true)
	p.beside.Go(func() {
		batches := batch(ctx, func(each func(control.LogEntry) error) error { return p.staff.Logs(ctx, true, each) })
		for entries := range batches {
			drawn := make(chan struct{})
			p.doze.do(func() {
				defer close(drawn)
				if ctx.Err() == nil {
					p.desk.ShowLog(entries, false)
				}
			})
			select {
			case <-drawn:
			case <-ctx.Done():
				return
			}
		}
	})
}

// batch gives what comes in parts as large as have come, while the one before was used.
func batch[T any](ctx context.Context, read func(each func(T) error) error) <-chan []T {
	out := make(chan []T)
	in := make(chan T)
	go func() {
		defer close(in)
		// It ends with the page; a service that has gone is told elsewhere.
		_ = read(func(v T) error {
			select {
			case in <- v:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}()
	go func() {
		defer close(out)
		var waiting []T
		for {
			next := out
			if len(waiting) == 0 {
				next = nil
			}
			select {
			case v, more := <-in:
				if !more {
					return
				}
				waiting = append(waiting, v)
			case next <- waiting:
				waiting = nil
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}

// copyReport puts what an administrator needs into the clipboard, without secrets.
func (p *program) copyReport() {
	p.aside(func(ctx context.Context) {
		var entries []control.LogEntry
		err := p.staff.Logs(ctx, false, func(e control.LogEntry) error {
			entries = append(entries, e)
			return nil
		})
		if err != nil {
			p.logger.Info("the report has no log of the service", "error", err)
		}
		report := viewmodel.Report(p.staff.Input(), entries)
		p.doze.do(func() { p.app.Clipboard().SetContent(report) })
	})
}

// confirm asks before something is done.
func (p *program) confirm(a viewmodel.Action) {
	if a.Kind == viewmodel.ActionAskLockdown {
		p.desk.ShowConfirm(viewmodel.ConfirmLockdown(p.say))
		return
	}
	for _, info := range p.staff.Input().Profiles {
		if info.ID != a.Profile {
			continue
		}
		switch a.Kind {
		case viewmodel.ActionAskRemove:
			p.desk.ShowConfirm(viewmodel.ConfirmRemove(info, p.say))
		case viewmodel.ActionAskRename:
			p.desk.ShowConfirm(viewmodel.AskRename(info, p.say))
		case viewmodel.ActionAskExport:
			p.desk.ShowConfirm(viewmodel.AskExport(info, p.say))
		}
	}
}
