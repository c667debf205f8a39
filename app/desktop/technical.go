package desktop

import (
	"reflect"

	"fyne.io/fyne/v2"

	"github.com/homeward-vpn/homeward/app/viewmodel"
)

// details is what an administrator wants to know, behind a click. While it is
// folded, nothing of it is drawn.
type details struct {
	view  *viewmodel.Technical
	drawn *viewmodel.Technical // what the body shows
	do    func(viewmodel.Action)
	fit   func()

	more *disclosure
	body *fyne.Container
	box  *fyne.Container
}

func newDetails(do func(viewmodel.Action), fit func()) *details {
	d := &details{do: do, fit: fit, body: column(gapNormal)}
	d.more = newDisclosure("", func(bool) {
		d.draw()
		fit()
	})
	d.body.Hide()
	d.box = column(12, flow(0, d.more.link), d.body)
	return d
}

// Set shows other details; true: the page has to be laid out again.
func (d *details) Set(v *viewmodel.Technical) bool {
	d.view = v
	changed := setVisible(d.box, v != nil)
	if v != nil {
		d.more.link.SetText(v.Title)
	}
	return d.draw() || changed
}

// draw shows what is unfolded as it is now.
func (d *details) draw() bool {
	open := d.more.open && d.view != nil
	changed := setVisible(d.body, open)
	if !open || reflect.DeepEqual(d.view, d.drawn) {
		return changed
	}
	d.drawn = d.view
	var parts []fyne.CanvasObject
	for _, s := range d.view.Sections {
		facts := newFactList()
		facts.Set(s.Facts)
		parts = append(parts, column(gapSmall, nameText(s.Title), facts.box))
	}
	if len(d.view.Timeline.Events) > 0 {
		parts = append(parts, column(gapSmall, nameText(d.view.Timeline.Title), timeline(d.view.Timeline.Events)))
	}
	if d.view.Copy.Text != "" {
		parts = append(parts, flow(0, buttons([]viewmodel.Button{d.view.Copy}, d.do, byImportance)...))
	}
	d.body.Objects = []fyne.CanvasObject{newCard(column(gapLarge, parts...))}
	d.body.Refresh()
	return true
}

// timeline is what happened, newest first: a mark, what, and when.
func timeline(events []viewmodel.Event) *fyne.Container {
	box := column(gapSmall)
	for _, e := range events {
		box.Add(marked(markIcon(e.Mark), column(0, bodyText(e.Text), smallText(e.Time))))
	}
	return box
}
