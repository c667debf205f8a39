package desktop

import (
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"

	"github.com/homeward-vpn/homeward/app/viewmodel"
)

// panelApp is an app with a panel, which keeps what it is given.
type panelApp struct {
	fyne.App
	menus []*fyne.Menu
}

func (a *panelApp) SetSystemTrayMenu(m *fyne.Menu)  { a.menus = append(a.menus, m) }
func (a *panelApp) SetSystemTrayIcon(fyne.Resource) {}
func (a *panelApp) SetSystemTrayWindow(fyne.Window) {}

// TestTheTrayHasOneMenu: a panel that is ready late shows the menu that it was given
// first, and that has to say what is true then.
func TestTheTrayHasOneMenu(t *testing.T) {
	a := &panelApp{App: newTestApp(t, theme.VariantLight, 1)}
	var done []viewmodel.Action
	tray := NewTray(a, func(a viewmodel.Action) { done = append(done, a) })
	tray.Show(viewmodel.TrayView{Items: []viewmodel.TrayItem{{Text: "One moment", Disabled: true}}})
	connect := viewmodel.Action{Kind: viewmodel.ActionConnect, Profile: "1"}
	later := viewmodel.TrayView{Items: []viewmodel.TrayItem{{Text: "Not connected", Disabled: true}, {Text: "Connect office", Action: connect}}}
	tray.Show(later)
	tray.Show(later)
	if len(a.menus) != 2 {
		t.Fatalf("the menu was drawn %d times, want twice", len(a.menus))
	}
	first := a.menus[0]
	if len(first.Items) != 2 || first.Items[1].Label != "Connect office" {
		t.Fatalf("the first menu says %v", first.Items)
	}
	first.Items[1].Action()
	if len(done) != 1 || done[0] != connect {
		t.Errorf("a click means %v", done)
	}
}
