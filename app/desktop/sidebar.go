package desktop

import (
	"reflect"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"

	"github.com/homeward-vpn/homeward/app/viewmodel"
)

// sidebar is what stands at the left: the product's name, the profiles, and the
// ways to the other pages.
type sidebar struct {
	view  viewmodel.Sidebar
	do    func(viewmodel.Action)
	title *text
	rows  *profileRows
	open  *button
	links *fyne.Container
	whole *fyne.Container
}

func newSidebar(do func(viewmodel.Action), use func()) *sidebar {
	s := &sidebar{do: do, title: headingText(""), rows: newProfileRows(do, use), links: flow(gapLarge)}
	s.open = linkButton("", func() { do(s.view.Open.Action) }).Sign("plus", false)
	s.whole = &fyne.Container{Layout: sidebarLayout{}, Objects: []fyne.CanvasObject{s.title, s.rows, s.open, s.links}}
	return s
}

// Show draws what is not as before.
func (s *sidebar) Show(v viewmodel.Sidebar) {
	before := s.view
	s.view = v
	s.title.Set(v.Title)
	s.open.SetText(v.Open.Text)
	setVisible(s.open.sign, !v.Open.Disabled)
	allow(s.open, !v.Open.Disabled)
	if !reflect.DeepEqual(before.Links, v.Links) {
		s.links.Objects = buttons(v.Links, s.do, func(viewmodel.Button) buttonKind { return quietKind })
		s.links.Refresh()
		s.whole.Refresh()
	}
	if !reflect.DeepEqual(before.Rows, v.Rows) {
		s.rows.Set(v.Rows)
	}
}

// buttons makes a button of each.
func buttons(list []viewmodel.Button, do func(viewmodel.Action), kind func(viewmodel.Button) buttonKind) (made []fyne.CanvasObject) {
	for _, v := range list {
		b := newButton(kind(v), v.Text, func() { do(v.Action) })
		if v.Disabled {
			b.Disable()
		}
		made = append(made, b)
	}
	return made
}

// byImportance is how buttons of a page look.
func byImportance(b viewmodel.Button) buttonKind {
	if b.Primary {
		return primaryKind
	}
	return plainKind
}

// sidebarLayout is: the title at the top, the links at the bottom, the rows in between.
type sidebarLayout struct{}

const sidebarEdge float32 = 24

// Layout implements fyne.Layout.
func (sidebarLayout) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	title, rows, open, links := objects[0], objects[1], objects[2], objects[3]
	w := size.Width - 2*sidebarEdge
	h := heightAt(title, w)
	title.Move(fyne.NewPos(sidebarEdge, sidebarEdge+2))
	title.Resize(fyne.NewSize(w, h))
	top := sidebarEdge + h + gapLarge

	h = heightAt(links, w)
	y := size.Height - gapNormal - h
	links.Move(fyne.NewPos(sidebarEdge, y))
	links.Resize(fyne.NewSize(w, h))
	h = heightAt(open, w)
	y -= h + gapTight
	open.Move(fyne.NewPos(sidebarEdge, y))
	open.Resize(fyne.NewSize(w, h))

	rows.Move(fyne.NewPos(0, top))
	rows.Resize(fyne.NewSize(size.Width, max(0, y-gapSmall-top)))
}

// MinSize implements fyne.Layout.
func (sidebarLayout) MinSize(objects []fyne.CanvasObject) fyne.Size {
	return fyne.NewSize(sidebarWidth*theme.TextSize()/typeScale[theme.SizeNameText], 240)
}
