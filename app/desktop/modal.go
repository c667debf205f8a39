package desktop

import (
	"fyne.io/fyne/v2"

	"github.com/homeward-vpn/homeward/app/viewmodel"
	"github.com/homeward-vpn/homeward/client/credential"
)

// What stands over the window, and what becomes of it. Each of these is called where
// Fyne draws, and each sheet goes with the click that answers it.

// ShowImport shows what a file wants. done is called once: whether the person accepts.
func (d *Desktop) ShowImport(v viewmodel.ImportView, done func(accepted bool)) {
	var s *sheet
	s = newImportSheet(v, func(accepted bool) {
		d.Dismiss(s)
		done(accepted)
	})
	d.sheets.below(s)
}

// ShowConfirm asks yes or no; a yes is done by Config.Do.
func (d *Desktop) ShowConfirm(v viewmodel.ConfirmView) {
	var s *sheet
	s = newConfirmSheet(v, func(a viewmodel.Action) {
		d.Dismiss(s)
		d.act(a)
	})
	d.sheets.below(s)
}

// ShowProblem says that something did not work.
func (d *Desktop) ShowProblem(v viewmodel.ProblemView) {
	var s *sheet
	s = newProblemSheet(v, func() { d.Dismiss(s) })
	d.sheets.below(s)
}

// ShowPortal shows the sheet of a network's sign-in page, or in its place what has become
// of it. The person's wish for the page is done by Config.Do; closed is called when they
// want no more of it.
func (d *Desktop) ShowPortal(v viewmodel.PortalView, closed func()) {
	d.HidePortal()
	d.portal = newPortalSheet(v, func(a viewmodel.Action) {
		if a.Kind != "" {
			d.act(a)
			return
		}
		d.HidePortal()
		closed()
	})
	d.sheets.below(d.portal)
}

// HidePortal takes that sheet away.
func (d *Desktop) HidePortal() {
	if d.portal != nil {
		d.Dismiss(d.portal)
		d.portal = nil
	}
}

// Prompter asks the person in sheets over the window.
func (d *Desktop) Prompter() *Prompter {
	if d.prompter == nil {
		d.prompter = newPrompter(fyne.Do, d.ask)
	}
	return d.prompter
}

// rememberKey is the preference that says what the person chose last when asked whether
// an answer is to be kept.
const rememberKey = "remember"

// ask shows a question, and brings the window to the front.
func (d *Desktop) ask(p credential.Prompt, reply func(credential.Reply, error)) (away func()) {
	v := viewmodel.PromptSheet(p, d.config.Now(), d.config.Say)
	if v.Remember != nil {
		v.Remember.On = d.app.Preferences().BoolWithFallback(rememberKey, v.Remember.On)
	}
	var s *promptSheet
	s = newPromptSheet(p.Kind, v, func(r credential.Reply, err error) {
		d.Dismiss(s.sheet)
		if s.remember != nil && err == nil {
			d.app.Preferences().SetBool(rememberKey, s.remember.on)
		}
		reply(r, err)
	})
	d.Present(s.sheet, s.first)
	d.raise()
	return func() {
		s.empty()
		d.Dismiss(s.sheet)
	}
}

// raise brings the window to the front.
func (d *Desktop) raise() {
	if d.config.Raise != nil {
		d.config.Raise()
		return
	}
	d.window.Show()
	d.window.RequestFocus()
}

// do passes on what the person wants.
func (d *Desktop) do(a viewmodel.Action) {
	if a.Kind != "" && d.config.Do != nil {
		d.config.Do(a)
	}
}
