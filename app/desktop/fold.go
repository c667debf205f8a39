package desktop

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"
)

// fold is something behind a click, which is made when it is first wanted.
type fold struct {
	widget.BaseWidget
	more    *disclosure
	content func() fyne.CanvasObject
	box     *fyne.Container
	resized func()
}

func newFold(name string, content func() fyne.CanvasObject, resized func()) *fold {
	f := &fold{content: content, resized: resized}
	f.more = newDisclosure(name, f.show)
	f.box = column(gapSmall, flow(0, f.more.link))
	f.ExtendBaseWidget(f)
	return f
}

func (f *fold) show(open bool) {
	if len(f.box.Objects) == 1 {
		f.box.Objects = append(f.box.Objects, f.content())
	}
	setVisible(f.box.Objects[1], open)
	f.resized()
}

// HeightAt implements flexible.
func (f *fold) HeightAt(width float32) float32 { return heightAt(f.box, width) }

// CreateRenderer implements fyne.Widget.
func (f *fold) CreateRenderer() fyne.WidgetRenderer { return widget.NewSimpleRenderer(f.box) }

// newRule is a thin line between things.
func newRule() fyne.CanvasObject { return widget.NewSeparator() }
