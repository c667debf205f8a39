//go:build cgo

package main

import (
	"context"
	"runtime/debug"
	"time"

	"github.com/homeward-vpn/homeward/app/desktop"
	"github.com/homeward-vpn/homeward/app/viewmodel"
)

// noTrayPreference says that the person knows that the desktop shows no tray.
const noTrayPreference = "no-tray-known"

// draw shows what is known whenever that has changed, until ctx ends. Fyne's goroutine is
// waited for, so that changes which come faster than they can be drawn become one.
func (p *program) draw(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.staff.Changed():
		}
		drawn := make(chan struct{})
		p.doze.do(func() {
			defer close(drawn)
			p.redraw(p.staff.Input())
		})
		select {
		case <-ctx.Done():
			return
		case <-drawn:
		}
	}
}

// redraw shows the newest. A window that is hidden, and a page that is not open, is not
// drawn.
func (p *program) redraw(in viewmodel.Input) {
	p.tray.Show(viewmodel.Tray(in, p.say))
	// Whoever shows notifications may take his time.
	watched := p.shown && p.watched
	p.notes.Changed(in, watched)
	if !p.shown {
		return
	}
	p.doze.stir(drawing)
	p.desk.Show(viewmodel.Main(in, p.say))
	if p.desk.Page() == desktop.SettingsPage {
		p.desk.ShowSettings(viewmodel.Settings(in, p.say))
	}
	p.drawPortal()
}

// show brings the window to the front.
func (p *program) show() {
	if !p.shown {
		p.shown = true
		p.doze.hidden.Store(false)
		p.redraw(p.staff.Input())
		p.staff.Show(true)
		p.tidyUp()
		if p.desk.Page() == desktop.LogPage {
			p.followLog()
		}
	}
	p.doze.stir(lively)
	p.desk.Window().Show()
	p.desk.Window().RequestFocus()
}

// closed is a click on the window's cross: with a tray the program stays there, without
// one it ends, as every program whose window is closed. The line stays as it is.
func (p *program) closed() {
	if !p.hosted && !p.stays {
		p.app.Quit()
		return
	}
	p.shown, p.watched = false, false
	p.doze.hidden.Store(true)
	p.staff.Show(false)
	p.stopLog()
	p.desk.Window().Hide()
	p.tidyUp()
}

// settled is how long after the window has come or gone nothing more is expected of that.
const settled = 3 * time.Second

// tidyUp gives back to the system what opening or closing a window has left in memory.
func (p *program) tidyUp() {
	p.aside(func(ctx context.Context) {
		select {
		case <-ctx.Done():
		case <-time.After(settled):
			debug.FreeOSMemory()
		}
	})
}

// trayIs notes whether the desktop shows the tray.
func (p *program) trayIs(hosted bool) {
	p.doze.do(func() {
		p.hosted = hosted
		p.staff.Tray(hosted, p.app.Preferences().Bool(noTrayPreference))
	})
}
