package attendant

import (
	"context"
	"errors"
	"time"

	"github.com/homeward-vpn/homeward/app/viewmodel"
	"github.com/homeward-vpn/homeward/client/control"
)

// The pauses before the service is called again.
const (
	firstPause = 250 * time.Millisecond
	lastPause  = 10 * time.Second
)

const (
	// starting is how long a service may take to come up with the computer before it is
	// said to be absent; meanwhile it is called more often.
	starting      = 3 * time.Second
	startingPause = 500 * time.Millisecond
	// restarting is how long one that has answered may be away before it is.
	restarting = time.Minute
)

// follow keeps to the service until ctx ends.
func (a *Attendant) follow(ctx context.Context) {
	pause, away := firstPause, time.Now()
	for {
		answered := false
		err := a.cfg.Service.Attend(ctx, func(st control.Status) error {
			answered = true
			return a.take(ctx, st)
		})
		if ctx.Err() != nil {
			return
		}
		a.questions.lost()
		if answered {
			pause, away = firstPause, time.Now()
		}
		a.cfg.Logger.Debug("the service is away", "error", err)
		a.away(err, time.Since(away))
		timer := time.NewTimer(jittered(pause))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-a.retry:
			timer.Stop()
		case <-timer.C:
			pause = min(2*pause, lastPause)
			if time.Since(away) < starting {
				pause = min(pause, startingPause)
			}
		}
	}
}

// away notes why nobody answers.
func (a *Attendant) away(err error, since time.Duration) {
	link, detail := viewmodel.LinkAbsent, ""
	var foreign *control.ForeignSocketError
	var version *control.VersionError
	switch {
	case errors.As(err, &foreign):
		link, detail = viewmodel.LinkForeign, foreign.Path
	case errors.As(err, &version):
		link, detail = viewmodel.LinkVersion, version.Service
	}
	a.update(func(in *viewmodel.Input) {
		known := in.Link == viewmodel.LinkReady || in.Link == viewmodel.LinkLost
		switch {
		case link == viewmodel.LinkAbsent && known && since < restarting:
			link = viewmodel.LinkLost
		case link == viewmodel.LinkAbsent && in.Link == viewmodel.LinkStarting && since < starting:
			link = viewmodel.LinkStarting
		}
		in.Link, in.LinkDetail = link, detail
		in.Wish, a.until = viewmodel.Action{}, 0
	})
}

// take looks at one status. What has changed meanwhile is in the next one.
func (a *Attendant) take(ctx context.Context, st control.Status) error {
	before := a.Input()
	reread := before.Link != viewmodel.LinkReady || before.Status.Filings != st.Filings
	if reread {
		if err := a.reread(ctx); err != nil {
			return err
		}
	}
	a.update(func(in *viewmodel.Input) {
		in.Link, in.LinkDetail = viewmodel.LinkReady, ""
		a.show(in, st)
	})
	a.questions.see(st)
	now := a.Input()
	if about := now.About(); reread || about != nil && (now.Chosen == nil || now.Chosen.ID != about.ID) {
		return a.readChosen(ctx)
	}
	return nil
}

// show takes over a status. The caller holds the lock.
func (a *Attendant) show(in *viewmodel.Input, st control.Status) {
	if st.ESP == nil {
		in.Samples = nil
	}
	in.Status = st
	if a.until != 0 && st.Revision >= a.until {
		in.Wish, a.until = viewmodel.Action{}, 0
	}
}

// reread asks for what the status only says that it has changed.
func (a *Attendant) reread(ctx context.Context) error {
	list, err := a.cfg.Service.Profiles(ctx)
	if err != nil {
		return err
	}
	settings, err := a.cfg.Service.Settings(ctx)
	if err != nil {
		return err
	}
	a.update(func(in *viewmodel.Input) { in.Profiles, in.Settings = list, settings })
	return nil
}

// choose has the window be about a profile; empty: about the one that the status is
// about. One that is not in the list yet is there with the next status.
func (a *Attendant) choose(ctx context.Context, id string) error {
	a.update(func(in *viewmodel.Input) { in.Selected = id })
	return a.readChosen(ctx)
}

// readChosen reads the profile whole that the window is about.
func (a *Attendant) readChosen(ctx context.Context) error {
	about := a.Input().About()
	if about == nil {
		return nil
	}
	p, err := a.cfg.Service.Profile(ctx, about.ID)
	var refusal *control.Refusal
	switch {
	case errors.As(err, &refusal):
		return nil // it has gone meanwhile, as the next status says
	case err != nil:
		return err
	}
	a.update(func(in *viewmodel.Input) {
		if now := in.About(); now != nil && now.ID == p.ID {
			in.Chosen = p
		}
	})
	return nil
}
