package desktop

import (
	"reflect"

	"fyne.io/fyne/v2"

	"github.com/homeward-vpn/homeward/app/viewmodel"
)

// tonePaint is how loud something looks: a sign of its own shape, and its colour.
type tonePaint struct {
	sign  string
	color fyne.ThemeColorName
}

var tonePaints = map[viewmodel.Tone]tonePaint{
	viewmodel.ToneInfo:    {"info", ColorQuiet},
	viewmodel.ToneGood:    {"done", ColorConnected},
	viewmodel.ToneWarning: {"warning", ColorWorking},
	viewmodel.ToneBad:     {"bad", ColorBlocked},
	viewmodel.ToneNeeds:   {"needs", ColorNeedsYou},
}

// toneOf is a tone's paint, or the quiet one for a tone that is not known.
func toneOf(t viewmodel.Tone) tonePaint {
	if p, ok := tonePaints[t]; ok {
		return p
	}
	return tonePaints[viewmodel.ToneInfo]
}

// edgeOf is the colour of a bar's edge: what only informs has a quiet one.
func edgeOf(t viewmodel.Tone) fyne.ThemeColorName {
	if p := toneOf(t); p != tonePaints[viewmodel.ToneInfo] {
		return p.color
	}
	return ColorLine
}

// noticeList is the bars below the head. A bar stays as it is, unfolded or with
// the keyboard in it, until what it says changes.
type noticeList struct {
	box   *fyne.Container
	shown []viewmodel.Notice
	do    func(viewmodel.Action)
	fit   func() // a bar has unfolded
}

func newNoticeList(do func(viewmodel.Action), fit func()) *noticeList {
	return &noticeList{box: column(gapSmall), do: do, fit: fit}
}

// Set shows other notices; true: something is not as before.
func (l *noticeList) Set(list []viewmodel.Notice) bool {
	if reflect.DeepEqual(list, l.shown) {
		return false
	}
	bars := make([]fyne.CanvasObject, len(list))
	for i, n := range list {
		if at := l.find(n); at >= 0 {
			bars[i] = l.box.Objects[at]
		} else {
			bars[i] = l.bar(n)
		}
	}
	l.shown, l.box.Objects = list, bars
	return true
}

// find is the bar that says the same already; -1: none does.
func (l *noticeList) find(n viewmodel.Notice) int {
	for i, s := range l.shown {
		if reflect.DeepEqual(s, n) {
			return i
		}
	}
	return -1
}

func (l *noticeList) bar(n viewmodel.Notice) fyne.CanvasObject {
	paint := toneOf(n.Tone)
	sign := newIcon(paint.sign, paint.color, 18)
	row := buttons(n.Buttons, l.do, byImportance)
	if len(row) == 1 && n.Detail == "" {
		return onBar(n.Tone, spread(marked(sign, bodyText(n.Text)), row[0]))
	}
	parts := []fyne.CanvasObject{bodyText(n.Text)}
	if n.Detail != "" {
		detail := quietText(n.Detail)
		more := newDisclosure(n.Show, func(open bool) {
			setVisible(detail, open)
			l.fit()
		})
		detail.Hide()
		row = append(row, more.link)
		parts = append(parts, detail)
	}
	if len(row) > 0 {
		parts = append(parts, flow(gapNormal, row...))
	}
	return onBar(n.Tone, marked(sign, column(gapSmall, parts...)))
}

// onBar puts the content of a notice on its bar.
func onBar(t viewmodel.Tone, content fyne.CanvasObject) fyne.CanvasObject {
	return &fyne.Container{
		Layout:  &insetLayout{across: gapNormal, down: 12},
		Objects: []fyne.CanvasObject{newPanel(ColorCard, edgeOf(t), 10), content},
	}
}

// disclosure is a link that unfolds something, and folds it again.
type disclosure struct {
	link   *button
	open   bool
	toggle func(open bool)
}

func newDisclosure(label string, toggle func(open bool)) *disclosure {
	d := &disclosure{toggle: toggle}
	d.link = linkButton(label, d.turn).Sign("closed", true)
	return d
}

func (d *disclosure) turn() {
	d.open = !d.open
	name := "closed"
	if d.open {
		name = "open"
	}
	d.link.Sign(name, true)
	d.toggle(d.open)
}

// setVisible shows or hides; true: that is not as before.
func setVisible(o fyne.CanvasObject, visible bool) bool {
	if o.Visible() == visible {
		return false
	}
	if visible {
		o.Show()
	} else {
		o.Hide()
	}
	return true
}
