package desktop

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/homeward-vpn/homeward/app/viewmodel"
	"github.com/homeward-vpn/homeward/client/control"
)

// mostLog is how many entries of the log are kept here, the newest.
const mostLog = 5000

// logPage is the service's log, one line for each entry; the one that is chosen is
// shown whole below. Only the lines to be seen are drawn.
type logPage struct {
	d       *Desktop
	entries []control.LogEntry
	filter  viewmodel.LogFilter
	follow  bool // the newest entry stays in sight, or nothing moves
	view    viewmodel.LogView

	search    *field
	levels    *picker
	following *option
	list      *widget.List
	count     *text
	empty     *text
	detail    *fyne.Container
	whole     *text
	box       *fyne.Container
	scroll    *scrolled // where the window is too small for all of it
	selected  int
}

// ShowLog puts entries behind those that the log page has. anew: in their place, since
// the service gives all of them again.
func (d *Desktop) ShowLog(entries []control.LogEntry, anew bool) {
	p := d.logPage()
	if anew {
		p.entries = nil
	}
	p.entries = append(p.entries, entries...)
	if more := len(p.entries) - mostLog; more > 0 {
		p.entries = append([]control.LogEntry(nil), p.entries[more:]...)
	}
	// Who reads on does not want the lines to move: the old ones go as new ones come.
	if d.page == LogPage && (p.follow || anew) {
		p.show()
	}
}

// logPage makes the page when it is first wanted.
func (d *Desktop) logPage() *logPage {
	if d.log == nil {
		d.log = newLogPage(d)
		d.SetPage(LogPage, d.log.scroll)
	}
	return d.log
}

func newLogPage(d *Desktop) *logPage {
	p := &logPage{d: d, follow: true, selected: -1}
	p.view = viewmodel.Log(nil, p.filter, d.config.Now(), d.config.Say)
	p.search = newField(p.view.Filter)
	p.search.label = p.view.Filter
	p.search.OnChanged = func(typed string) {
		p.filter.Text = typed
		p.show()
	}
	var names []string
	for _, l := range p.view.Levels {
		names = append(names, l.Text)
	}
	p.levels = newPicker(names, 0, func(at int) {
		p.filter.Level = p.view.Levels[at].ID
		p.show()
	})
	p.following = newTick(p.view.Follow, true, func(on bool) {
		if p.follow = on; on {
			p.show()
		}
	})
	p.count, p.empty, p.whole = quietText(""), quietText(p.view.Empty), newText(lookMono, "")
	p.list = p.newList()
	p.detail = newCard(p.whole)
	p.detail.Hide()
	head := column(gapNormal, d.pageHead(p.view.Title, p.view.Back), spread(p.search, p.levels))
	foot := column(gapNormal, p.detail, spread(column(gapTight, p.following, p.count), d.buttons([]viewmodel.Button{p.view.Copy})[0]))
	p.box = &fyne.Container{
		Layout:  &logLayout{},
		Objects: []fyne.CanvasObject{head, newPanel(ColorCard, ColorLine, 10), p.list, p.empty, foot},
	}
	p.scroll = newScrolled(p.box, 0, 0, 0)
	p.scroll.fills = true
	return p
}

func (p *logPage) newList() *widget.List {
	list := widget.NewList(
		func() int { return len(p.view.Rows) },
		func() fyne.CanvasObject { return newLogRow() },
		func(at widget.ListItemID, o fyne.CanvasObject) { o.(*logRow).set(p.view.Rows[at]) },
	)
	list.HideSeparators = true
	list.OnSelected = func(at widget.ListItemID) {
		p.selected = at
		r := p.view.Rows[at]
		p.whole.Set(r.Time + "  " + r.Level + "  " + r.Text + "  " + r.Attrs)
		p.detail.Show()
		p.scroll.Fit()
		list.ScrollTo(at) // it may be lower than what is left of the list
	}
	return list
}

// show draws what the filter lets through.
func (p *logPage) show() {
	if p.selected >= 0 {
		p.list.UnselectAll()
		p.selected = -1
		p.detail.Hide()
	}
	p.view = viewmodel.Log(p.entries, p.filter, p.d.config.Now(), p.d.config.Say)
	p.count.Set(p.view.Count)
	p.empty.Hidden = len(p.view.Rows) > 0
	p.list.Refresh()
	if p.follow {
		p.list.ScrollToBottom()
	}
	p.scroll.Fit()
}

// logLayout is: the head, the ground of the list, the list, the words in an empty list,
// the foot.
type logLayout struct{ width float32 }

// leastList is the height of a list that is still one.
const leastList float32 = 160

// Layout implements fyne.Layout.
func (l *logLayout) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	l.width = size.Width
	w := size.Width - 2*pageAcross
	head, foot := heightAt(objects[0], w), heightAt(objects[4], w)
	put := func(o fyne.CanvasObject, inset, y, h float32) {
		o.Move(fyne.NewPos(pageAcross+inset, y))
		o.Resize(fyne.NewSize(w-2*inset, h))
	}
	put(objects[0], 0, pageDown, head)
	top, bottom := pageDown+head+gapNormal, size.Height-gapLarge-foot
	room := max(bottom-gapNormal-top, 0)
	put(objects[1], 0, top, room)
	put(objects[2], gapSmall, top+gapTight, max(room-2*gapTight, 0))
	put(objects[3], gapNormal, top+gapNormal, heightAt(objects[3], w-2*gapNormal))
	put(objects[4], 0, bottom, foot)
}

// MinSize implements fyne.Layout.
func (l *logLayout) MinSize(objects []fyne.CanvasObject) fyne.Size {
	w := widest(objects) + 2*pageAcross
	return fyne.NewSize(w, l.heightAt(objects, max(w, l.width)))
}

func (l *logLayout) heightAt(objects []fyne.CanvasObject, width float32) float32 {
	w := width - 2*pageAcross
	return pageDown + heightAt(objects[0], w) + gapNormal + leastList + gapNormal + heightAt(objects[4], w) + gapLarge
}

// logRow is one line of the log.
type logRow struct {
	widget.BaseWidget
	when, level, words *text
}

func newLogRow() *logRow {
	r := &logRow{
		when:  ellipsis(look{size: SizeSmall, color: ColorQuiet, mono: true}, ""),
		level: ellipsis(look{size: SizeSmall, color: ColorQuiet, mono: true}, ""),
		words: ellipsis(look{size: SizeSmall, color: theme.ColorNameForeground, mono: true}, ""),
	}
	r.ExtendBaseWidget(r)
	return r
}

func (r *logRow) set(v viewmodel.LogRow) {
	words := v.Text
	if v.Attrs != "" {
		words += "  " + v.Attrs
	}
	r.when.Set(v.Time)
	r.level.Set(v.Level)
	r.words.Set(words)
	color := ColorQuiet
	if v.Tone != viewmodel.ToneInfo && v.Tone != "" {
		color = toneOf(v.Tone).color
	}
	r.level.SetLook(look{size: SizeSmall, color: color, mono: true, bold: color != ColorQuiet})
	r.Refresh()
}

// CreateRenderer implements fyne.Widget.
func (r *logRow) CreateRenderer() fyne.WidgetRenderer { return &logRowRenderer{r} }

type logRowRenderer struct{ r *logRow }

func (r *logRowRenderer) Destroy() {}
func (r *logRowRenderer) Objects() []fyne.CanvasObject {
	return []fyne.CanvasObject{r.r.when, r.r.level, r.r.words}
}

func (r *logRowRenderer) MinSize() fyne.Size {
	return fyne.NewSize(120, fyne.MeasureText("X", theme.Size(SizeSmall), fyne.TextStyle{Monospace: true}).Height+4)
}

// Layout gives the time as much as a whole date needs only where it is one.
func (r *logRowRenderer) Layout(size fyne.Size) {
	letter := fyne.MeasureText("0", theme.Size(SizeSmall), fyne.TextStyle{Monospace: true}).Width
	x := float32(0)
	for _, part := range []struct {
		t       *text
		letters int
	}{{r.r.when, max(len(r.r.when.Text()), 8)}, {r.r.level, 5}} {
		w := letter*float32(part.letters) + gapNormal
		part.t.Move(fyne.NewPos(x, 2))
		part.t.Resize(fyne.NewSize(w, size.Height-4))
		x += w
	}
	r.r.words.Move(fyne.NewPos(x, 2))
	r.r.words.Resize(fyne.NewSize(max(size.Width-x, 0), size.Height-4))
}

func (r *logRowRenderer) Refresh() {
	r.Layout(r.r.Size())
	for _, o := range r.Objects() {
		o.Refresh()
	}
}
