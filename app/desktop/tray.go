package desktop

import (
	"fmt"
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"

	"github.com/homeward-vpn/homeward/app/viewmodel"
)

// Tray is the mark in the desktop's panel, with its menu. All of its methods are called
// on Fyne's goroutine.
type Tray struct {
	panel desktop.App // nil: this system has no panel for it
	do    func(viewmodel.Action)
	view  viewmodel.TrayView
	drawn bool
	// menu is one for ever: Fyne shows the first that it was given once more when the
	// panel has answered, which may be later than the next.
	menu *fyne.Menu
}

// NewTray makes the tray. do is called with what the person wants. The panel gets it
// with the first Show, which comes before the program runs: Fyne starts a tray with
// itself, or not at all.
func NewTray(a fyne.App, do func(viewmodel.Action)) *Tray {
	panel, _ := a.(desktop.App)
	return &Tray{panel: panel, do: do, menu: fyne.NewMenu("")}
}

// Show draws what is not as before: a menu that is open is drawn anew only where it says
// something else.
func (t *Tray) Show(v viewmodel.TrayView) {
	if t.panel == nil {
		return
	}
	defer func() {
		if gone := recover(); gone != nil {
			// The session bus has ended, and with it the panel: what shows the tray knows
			// of no other way to say so.
			fyne.LogError("the tray is not shown any more", fmt.Errorf("%v", gone))
		}
	}()
	if !t.drawn || v.Mark != t.view.Mark {
		t.panel.SetSystemTrayIcon(TrayIcon(v.Mark))
	}
	if !t.drawn || !slices.EqualFunc(v.Items, t.view.Items, sameItem) {
		t.menu.Items = t.items(v.Items)
		t.panel.SetSystemTrayMenu(t.menu)
	}
	t.view, t.drawn = v, true
}

func sameItem(a, b viewmodel.TrayItem) bool {
	return a.Text == b.Text && a.Action == b.Action && a.Disabled == b.Disabled && a.Checked == b.Checked &&
		a.Separator == b.Separator && slices.EqualFunc(a.Items, b.Items, sameItem)
}

// items makes the rows. The one that quits says so, else Fyne adds one of its own.
func (t *Tray) items(list []viewmodel.TrayItem) []*fyne.MenuItem {
	var rows []*fyne.MenuItem
	for _, i := range list {
		if i.Separator {
			rows = append(rows, fyne.NewMenuItemSeparator())
			continue
		}
		item := fyne.NewMenuItem(i.Text, func() { t.do(i.Action) })
		item.Disabled, item.Checked, item.IsQuit = i.Disabled, i.Checked, i.Action.Kind == viewmodel.ActionQuit
		if len(i.Items) > 0 {
			item.ChildMenu = fyne.NewMenu(i.Text, t.items(i.Items)...)
		}
		rows = append(rows, item)
	}
	return rows
}
