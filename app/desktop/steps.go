package desktop

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"

	"github.com/homeward-vpn/homeward/app/viewmodel"
)

// stepList is the steps of connecting, which fill in one after the other. Nothing
// in it turns.
type stepList struct {
	box  *fyne.Container
	list []viewmodel.Step
}

func newStepList() *stepList { return &stepList{box: column(12)} }

// stepPaint is how a step looks in one of its states.
type stepPaint struct {
	sign  string
	color fyne.ThemeColorName
	look  look
}

var stepPaints = map[viewmodel.StepState]stepPaint{
	viewmodel.StepPending: {"step-pending", ColorQuiet, look{size: theme.SizeNameText, color: ColorQuiet}},
	viewmodel.StepCurrent: {"step-current", ColorWorking, look{size: theme.SizeNameText, color: theme.ColorNameForeground, bold: true}},
	viewmodel.StepDone:    {"done", ColorConnected, look{size: theme.SizeNameText, color: theme.ColorNameForeground}},
}

// Set shows the steps as they are.
func (l *stepList) Set(steps []viewmodel.Step) {
	l.list = steps
	l.box.Objects = l.box.Objects[:min(len(l.box.Objects), len(steps))]
	for i, s := range steps {
		paint := stepPaints[s.State]
		if paint.sign == "" {
			paint = stepPaints[viewmodel.StepPending]
		}
		if i == len(l.box.Objects) {
			l.box.Objects = append(l.box.Objects, marked(newIcon(paint.sign, paint.color, 16), newText(paint.look, s.Text)))
			continue
		}
		row := l.box.Objects[i].(*fyne.Container)
		words := row.Objects[0].(*text)
		words.Set(s.Text)
		words.SetLook(paint.look)
		row.Objects[1].(*icon).Set(paint.sign, paint.color)
	}
}
