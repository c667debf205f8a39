package desktop

import (
	"github.com/homeward-vpn/homeward/app/viewmodel"
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
		d.do(a)
	})
	d.sheets.below(s)
}

// ShowProblem says that something did not work.
func (d *Desktop) ShowProblem(v viewmodel.ProblemView) {
	var s *sheet
	s = newProblemSheet(v, func() { d.Dismiss(s) })
	d.sheets.below(s)
}

// do passes on what the person wants.
func (d *Desktop) do(a viewmodel.Action) {
	if a.Kind != "" && d.config.Do != nil {
		d.config.Do(a)
	}
}
