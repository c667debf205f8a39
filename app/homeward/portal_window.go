//go:build cgo

package main

import (
	"context"
	"os"
	"os/exec"
	"time"

	"fyne.io/fyne/v2"

	"github.com/homeward-vpn/homeward/app/viewmodel"
	"github.com/homeward-vpn/homeward/client/control"
)

// portalSheet is the sheet of the network's sign-in page while it is shown:
//
//	the notice -> the sheet says what will happen -> its button: a browser of its own
//	  -> the network lets this computer out, or not
type portalSheet struct {
	view  viewmodel.PortalView
	sign  *control.PortalSignIn // nil: not begun
	said  string                // why it did not go well, in homewardctl's words
	close context.CancelFunc    // the browser; nil: none is open
}

// portal is the wish for the sign-in page: the sheet comes first, and its button is the
// same wish once more.
func (p *program) portal() {
	p.show()
	switch {
	case p.signing == nil:
		p.signing = &portalSheet{}
		p.drawPortal()
	case p.signing.close == nil:
		p.openPortal(p.signing)
	}
}

// openPortal starts the browser.
func (p *program) openPortal(s *portalSheet) {
	ctx, stop := context.WithCancel(p.ctx)
	s.close, s.sign, s.said = stop, &control.PortalSignIn{}, ""
	p.drawPortal()
	p.beside.Go(func() {
		defer stop()
		self, err := os.Executable()
		if err == nil {
			self, err = findCtl(self, exec.LookPath)
		}
		if err == nil {
			err = signIn(ctx, self)
		}
		if err == nil { // whether the network lets us out is in the status that comes
			err = p.staff.Do(ctx, viewmodel.Action{Kind: viewmodel.ActionLookPortal})
		}
		if ctx.Err() != nil {
			return
		}
		fyne.Do(func() { p.portalEnded(s, err) })
	})
}

func (p *program) portalEnded(s *portalSheet, err error) {
	s.close, s.sign = nil, &control.PortalSignIn{Ended: control.SignInClosed}
	if err != nil {
		p.logger.Info("the sign-in to the network did not go well", "error", err)
		s.said = err.Error()
	}
	p.drawPortal()
}

// drawPortal shows the sheet as it is now, where it is shown.
func (p *program) drawPortal() {
	s := p.signing
	if s == nil {
		return
	}
	var known control.Portal
	if now := p.staff.Input().Status.Portal; now != nil {
		known = *now
	}
	if s.close != nil && known.SigningInUntil != nil {
		s.sign.Until = *known.SigningInUntil
	}
	if ended := s.close == nil && s.sign != nil; ended && known.State == control.PortalOpen {
		s.sign.Ended, s.said = control.SignInDone, ""
	}
	v := viewmodel.PortalSheet(known, s.sign, time.Now(), p.say)
	if s.said != "" {
		v.Detail = viewmodel.Clean(s.said, viewmodel.MaxText)
	}
	if v == s.view {
		return
	}
	s.view = v
	p.desk.ShowPortal(v, func() {
		if s.close != nil {
			s.close()
		}
		p.signing = nil
	})
}
