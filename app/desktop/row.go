package desktop

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/homeward-vpn/homeward/app/viewmodel"
)

// profileRow is one row: the mark, the name, and the state in a word.
type profileRow struct {
	widget.BaseWidget
	list *profileRows
	view viewmodel.ProfileRow

	ground      *panel
	mark        *icon
	name, state *text
	focus       focusRing
	hovered     bool
}

func newProfileRow(l *profileRows) *profileRow {
	r := &profileRow{
		list: l, ground: newPanel("", "", 8), mark: markIcon(viewmodel.MarkDisconnected),
		name: ellipsis(lookName, ""), state: newText(lookSmall, ""),
	}
	r.ExtendBaseWidget(r)
	record(r)
	return r
}

// Set fills the row, where it does not show that already.
func (r *profileRow) Set(v viewmodel.ProfileRow, focused bool) {
	before := r.view
	r.view = v
	ring := focused && v.Selected
	if before.ID == v.ID && before.Name == v.Name && before.State == v.State && before.Mark == v.Mark && before.Selected == v.Selected && r.focus.on == ring {
		return
	}
	r.list.bound++
	r.mark.SetMark(v.Mark)
	r.name.Set(v.Name)
	if r.state.Text() != v.State {
		r.state.Set(v.State)
		r.place(r.Size())
	}
	r.paint()
	r.focus.show(ring)
}

// place puts the mark and the words in the middle of the row's height.
func (r *profileRow) place(size fyne.Size) {
	mark := r.mark.MinSize()
	r.mark.Resize(mark)
	r.mark.Move(fyne.NewPos(rowAcross, (size.Height-mark.Height)/2))
	x := rowText(r)
	w := size.Width - x - rowAcross
	name, state := r.name.MinSize().Height, r.state.HeightAt(w)
	y := (size.Height - name - state - 2) / 2
	r.name.Move(fyne.NewPos(x, y))
	r.name.Resize(fyne.NewSize(w, name))
	r.state.Move(fyne.NewPos(x, y+name+2))
	r.state.Resize(fyne.NewSize(w, state))
}

func (r *profileRow) paint() {
	switch {
	case r.view.Selected:
		r.ground.Paint(ColorCard, ColorLine)
	case r.hovered:
		r.ground.Paint(theme.ColorNameHover, "")
	default:
		r.ground.Paint("", "")
	}
}

// Tapped implements fyne.Tappable.
func (r *profileRow) Tapped(*fyne.PointEvent) { r.list.do(r.view.Select) }

// MouseIn implements desktop.Hoverable.
func (r *profileRow) MouseIn(*desktop.MouseEvent) { r.hovered = true; r.paint() }

// MouseMoved implements desktop.Hoverable.
func (r *profileRow) MouseMoved(*desktop.MouseEvent) {}

// MouseOut implements desktop.Hoverable.
func (r *profileRow) MouseOut() { r.hovered = false; r.paint() }

func (r *profileRow) describe() Shown {
	return Shown{Kind: "row", Text: r.view.Name, On: r.view.Selected}
}

// CreateRenderer implements fyne.Widget.
func (r *profileRow) CreateRenderer() fyne.WidgetRenderer {
	return &profileRowRenderer{r, r.focus.make(r, 8+ringGap+ringWidth)}
}

type profileRowRenderer struct {
	r    *profileRow
	ring fyne.CanvasObject
}

func (v *profileRowRenderer) Destroy()           {}
func (v *profileRowRenderer) MinSize() fyne.Size { return fyne.Size{} }

func (v *profileRowRenderer) Objects() []fyne.CanvasObject {
	return []fyne.CanvasObject{v.r.ground, v.r.mark, v.r.name, v.r.state, v.ring}
}

func (v *profileRowRenderer) Layout(size fyne.Size) {
	v.r.ground.Resize(size)
	v.r.place(size)
	v.r.focus.place(size)
}

func (v *profileRowRenderer) Refresh() {
	v.r.paint()
	v.r.focus.paint(v.r)
	for _, o := range v.Objects() {
		o.Refresh()
	}
	v.Layout(v.r.Size())
}

var _ desktop.Hoverable = (*profileRow)(nil)
