package desktop

import (
	"testing"

	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
)

// Not in parallel: what is recorded is the program's.
func TestShownSaysWhatIsSeenAndWhere(t *testing.T) {
	recording = true
	t.Cleanup(func() { recording, records = false, nil })
	a := newTestApp(t, theme.VariantLight, 1)
	d := New(a, Config{Title: "Homeward"})
	connect, hidden := primaryButton("Connect", nil), primaryButton("Hidden", nil)
	hidden.Hide()
	connect.Disable()
	d.SetPage(MainPage, container.NewPadded(container.NewVBox(bodyText("Harbour Office"), connect, hidden)))
	d.Window().Show()

	words := map[string]Shown{}
	for _, s := range d.Shown() {
		words[s.Kind+" "+s.Text] = s
	}
	b, ok := words["button Connect"]
	if !ok || !b.Disabled || b.Window != "Homeward" || b.Width == 0 || b.X < int(sidebarWidth) {
		t.Errorf("the button is told as %+v in %+v", b, words)
	}
	name, ok := words["text Harbour Office"]
	if !ok || name.Y+name.Height > b.Y {
		t.Errorf("the text is told as %+v, above %+v", name, b)
	}
	if s, ok := words["button Hidden"]; ok {
		t.Errorf("what is hidden is told: %+v", s)
	}
}
