package desktop

import (
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/homeward-vpn/homeward/app/viewmodel"
)

// profileRows is the list of profiles. Only the rows that are seen exist; while
// it scrolls they are filled anew. It is one stop of the keyboard: up, down, home,
// end and the page keys choose a profile, Space and Enter turn its line on or off.
type profileRows struct {
	widget.BaseWidget
	rows []viewmodel.ProfileRow
	do   func(viewmodel.Action)
	use  func() // Space or Enter

	scroll  *container.Scroll
	below   *panel // a line where there are more
	holder  *fyne.Container
	pool    []*profileRow // the rows that exist
	first   int           // the profile that the first of them shows
	bound   int           // how often a row was filled, for the tests
	focused bool

	words    []string // the states of the rows, each once
	measured rowSize  // of the height that rows have
	probe    *text
}

// rowSize is the height of rows, and what it was measured for.
type rowSize struct{ width, text, high float32 }

const (
	rowGap    float32 = 8
	rowInset  float32 = 12 // from the sidebar's edges
	rowAcross float32 = 13 // inside of a row
	rowDown   float32 = 10
)

func newProfileRows(do func(viewmodel.Action), use func()) *profileRows {
	l := &profileRows{do: do, use: use, holder: &fyne.Container{}, below: newPanel(ColorLine, "", 0), probe: newText(lookSmall, "")}
	l.scroll = container.NewVScroll(l.holder)
	l.scroll.OnScrolled = func(fyne.Position) { l.fill() }
	l.holder.Layout = (*rowsLayout)(l)
	l.ExtendBaseWidget(l)
	return l
}

// Set shows other rows; one that has become the chosen one is scrolled to.
func (l *profileRows) Set(rows []viewmodel.ProfileRow) {
	before := l.selected()
	was := ""
	if before >= 0 {
		was = l.rows[before].ID
	}
	resized := len(rows) != len(l.rows)
	l.rows = rows
	var words []string
	for i := range rows {
		if !slices.Contains(words, rows[i].State) {
			words = append(words, rows[i].State)
		}
	}
	if !slices.Equal(words, l.words) {
		l.words, l.measured, resized = words, rowSize{}, true
	}
	if resized {
		l.scroll.Refresh()
	}
	if at := l.selected(); at >= 0 && rows[at].ID != was {
		l.reveal(at)
	}
	l.fill()
}

// selected is the chosen row; -1: there is none.
func (l *profileRows) selected() int {
	for i := range l.rows {
		if l.rows[i].Selected {
			return i
		}
	}
	return -1
}

// rowHeight is the same for all, so that a row's place is known without it: the
// states are the product's own words, and each is shown whole.
func (l *profileRows) rowHeight() float32 {
	now := rowSize{width: l.scroll.Size().Width, text: l.Theme().Size(theme.SizeNameText)}
	if l.measured.high > 0 && l.measured.width == now.width && l.measured.text == now.text {
		return l.measured.high
	}
	state := lineHeight(l, SizeSmall)
	if w := now.width - 2*rowInset - rowText(l) - rowAcross; w > 0 {
		for _, word := range l.words {
			l.probe.Set(word)
			state = max(state, l.probe.HeightAt(w))
		}
	}
	now.high = lineHeight(l, theme.SizeNameText) + state + 2*rowDown + 2
	l.measured = now
	return now.high
}

// rowText is where the words of a row begin.
func rowText(w interface{ Theme() fyne.Theme }) float32 { return rowAcross + 18*textScale(w) + 10 }

// reveal scrolls so far that a row is seen whole.
func (l *profileRows) reveal(i int) {
	high := l.rowHeight()
	top := float32(i) * (high + rowGap)
	switch view := l.scroll.Size().Height; {
	case view <= 0:
		return
	case top < l.scroll.Offset.Y:
		l.scroll.Offset.Y = max(0, top-ringGap-ringWidth)
	case top+high > l.scroll.Offset.Y+view:
		l.scroll.Offset.Y = top + high - view + ringGap + ringWidth
	default:
		return
	}
	l.scroll.Refresh()
}

// fill puts as many rows as are seen where they belong, with what they show.
func (l *profileRows) fill() {
	high, view := l.rowHeight(), l.scroll.Size()
	if view.Height <= 0 {
		return
	}
	pitch := high + rowGap
	l.first = max(0, min(int(l.scroll.Offset.Y/pitch), len(l.rows)-1))
	need := min(int(view.Height/pitch)+2, len(l.rows)-l.first)
	for len(l.pool) < need {
		l.pool = append(l.pool, newProfileRow(l))
		l.holder.Objects = append(l.holder.Objects, l.pool[len(l.pool)-1])
	}
	// Each profile has its row among those that exist, so that scrolling fills only
	// the rows that come in.
	used := make([]bool, len(l.pool))
	for i := l.first; i < l.first+need; i++ {
		at := i % len(l.pool)
		used[at] = true
		row := l.pool[at]
		row.Move(fyne.NewPos(rowInset, float32(i)*pitch+rowTop))
		row.Resize(fyne.NewSize(view.Width-2*rowInset, high))
		row.Set(l.rows[i], l.focused)
		setVisible(row, true)
	}
	for at, row := range l.pool {
		if !used[at] {
			setVisible(row, false)
		}
	}
	setVisible(l.below, l.scroll.Offset.Y+view.Height < float32(len(l.rows))*pitch-rowGap)
}

// rowTop leaves room for the ring around the first row.
const rowTop = ringGap + ringWidth

// rowsLayout is as high as all rows; they are placed by fill.
type rowsLayout profileRows

// Layout implements fyne.Layout.
func (l *rowsLayout) Layout([]fyne.CanvasObject, fyne.Size) {}

// MinSize implements fyne.Layout.
func (l *rowsLayout) MinSize([]fyne.CanvasObject) fyne.Size {
	p := (*profileRows)(l)
	return fyne.NewSize(0, float32(len(p.rows))*(p.rowHeight()+rowGap)-rowGap+2*rowTop)
}

// choose makes another profile the window's.
func (l *profileRows) choose(i int) {
	if i = max(0, min(i, len(l.rows)-1)); i < len(l.rows) {
		l.reveal(i)
		l.fill()
		l.do(l.rows[i].Select)
	}
}

// FocusGained implements fyne.Focusable.
func (l *profileRows) FocusGained() { l.focused = true; l.fill() }

// FocusLost implements fyne.Focusable.
func (l *profileRows) FocusLost() { l.focused = false; l.fill() }

// TypedRune implements fyne.Focusable.
func (l *profileRows) TypedRune(rune) {}

// TypedKey implements fyne.Focusable.
func (l *profileRows) TypedKey(e *fyne.KeyEvent) {
	at := l.selected()
	page := max(1, int(l.scroll.Size().Height/(l.rowHeight()+rowGap))-1)
	switch e.Name {
	case fyne.KeyUp:
		l.choose(at - 1)
	case fyne.KeyDown:
		l.choose(at + 1)
	case fyne.KeyPageUp:
		l.choose(at - page)
	case fyne.KeyPageDown:
		l.choose(at + page)
	case fyne.KeyHome:
		l.choose(0)
	case fyne.KeyEnd:
		l.choose(len(l.rows) - 1)
	case fyne.KeySpace, fyne.KeyReturn, fyne.KeyEnter:
		l.use()
	default:
		passOn(l, e)
	}
}

// CreateRenderer implements fyne.Widget.
func (l *profileRows) CreateRenderer() fyne.WidgetRenderer { return &rowsRenderer{l} }

type rowsRenderer struct{ l *profileRows }

func (r *rowsRenderer) Destroy()           {}
func (r *rowsRenderer) MinSize() fyne.Size { return fyne.NewSize(120, 60) }

func (r *rowsRenderer) Objects() []fyne.CanvasObject {
	return []fyne.CanvasObject{r.l.scroll, r.l.below}
}

func (r *rowsRenderer) Layout(size fyne.Size) {
	r.l.scroll.Resize(size)
	r.l.below.Move(fyne.NewPos(rowInset, size.Height-1))
	r.l.below.Resize(fyne.NewSize(size.Width-2*rowInset, 1))
	if at := r.l.selected(); at >= 0 {
		r.l.reveal(at)
	}
	r.l.fill()
}

func (r *rowsRenderer) Refresh() {
	r.l.scroll.Refresh()
	r.l.fill()
}

var _ fyne.Focusable = (*profileRows)(nil)
