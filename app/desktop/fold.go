package desktop

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"
)

// fold is something behind a click, which is made when it is first wanted.
type fold struct {
	widget.BaseWidget
	name    string
	click   *button
	content func() fyne.CanvasObject
	box     *fyne.Container
	resized func()
}

func newFold(name string, content func() fyne.CanvasObject, resized func()) *fold {
	f := &fold{name: name, content: content, resized: resized}
	f.click = linkButton(name+closedSign, f.toggle)
	f.box = column(gapSmall, flow(0, f.click))
	f.ExtendBaseWidget(f)
	return f
}

// open says whether the content is shown.
func (f *fold) open() bool { return len(f.box.Objects) > 1 && f.box.Objects[1].Visible() }

func (f *fold) toggle() {
	switch {
	case len(f.box.Objects) == 1:
		f.box.Objects = append(f.box.Objects, f.content())
	case f.open():
		f.box.Objects[1].Hide()
	default:
		f.box.Objects[1].Show()
	}
	sign := closedSign
	if f.open() {
		sign = openSign
	}
	f.click.SetText(f.name + sign)
	f.resized()
}

// The signs behind the name of a fold.
const closedSign, openSign = " ▸", " ▾"

// HeightAt implements flexible.
func (f *fold) HeightAt(width float32) float32 { return heightAt(f.box, width) }

// CreateRenderer implements fyne.Widget.
func (f *fold) CreateRenderer() fyne.WidgetRenderer { return widget.NewSimpleRenderer(f.box) }

// newRule is a thin line between things.
func newRule() fyne.CanvasObject { return widget.NewSeparator() }
