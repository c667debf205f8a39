package desktop

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"github.com/homeward-vpn/homeward/app/viewmodel"
	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/credential"
	"github.com/homeward-vpn/homeward/client/profile"
)

// settingsInput is a computer with settings.
func settingsInput() viewmodel.Input {
	in := scene("idle")
	in.Secrets, in.Version = credential.ModeKeychain, "1.0.0"
	return in
}

// TestSettingsAreChosen: a click is a wish, and what is marked is what holds: it changes
// when the settings do, in its place, with the keyboard where it was.
func TestSettingsAreChosen(t *testing.T) {
	var wishes []viewmodel.Action
	d, u := testDesktop(t, Config{Do: func(a viewmodel.Action) { wishes = append(wishes, a) }})
	in := settingsInput()
	show := func() { d.ShowSettings(viewmodel.Settings(in, d.config.Say)) }
	show()
	d.Open(SettingsPage)
	kill := d.settings.groups[0]
	test.Tap(kill.rows[2])
	want := viewmodel.Action{Kind: viewmodel.ActionKillSwitch, Value: control.KillSwitchOn}
	if !slices.Equal(wishes, []viewmodel.Action{want}) || kill.picked != 0 {
		t.Fatalf("the wishes are %v, and %d is marked before it holds", wishes, kill.picked)
	}
	in.Settings.KillSwitch = control.KillSwitchOn
	show()
	if d.settings.groups[0] != kill || kill.picked != 2 || !kill.rows[2].on || kill.rows[0].on {
		t.Errorf("%d is marked", kill.picked)
	}
	if u.c.Focused() != fyne.Focusable(kill.rows[2]) {
		t.Error("the keyboard is elsewhere")
	}
	u.press(fyne.KeyUp)
	if last := wishes[len(wishes)-1]; last.Value != control.KillSwitchOff {
		t.Errorf("the key upwards wishes %v", last)
	}
	in.Link = viewmodel.LinkLost // the service's settings go, and with them their groups
	groups := len(d.settings.groups)
	show()
	if len(d.settings.groups) >= groups {
		t.Errorf("%d groups without the service, %d with it", len(d.settings.groups), groups)
	}
	u.press(fyne.KeyEscape)
	if d.Page() != MainPage {
		t.Errorf("Escape leads to %s", d.Page())
	}
}

// TestTextSizeIsChosen: on the page and by the keys alike, and the page says which it is.
func TestTextSizeIsChosen(t *testing.T) {
	d, _ := testDesktop(t, Config{})
	d.ShowSettings(viewmodel.Settings(settingsInput(), d.config.Say))
	d.Open(SettingsPage)
	sizes := d.settings.groups[len(d.settings.groups)-1]
	test.Tap(sizes.rows[2])
	if got := themeOf(d.app).textScale; got != 1.5 || sizes.picked != 2 {
		t.Errorf("texts are %v times as large, and %d is marked", got, sizes.picked)
	}
	d.stepTexts(1)
	if got := themeOf(d.app).textScale; got != 1.75 || sizes.picked != 3 {
		t.Errorf("texts are %v times as large, and %d is marked", got, sizes.picked)
	}
	checkLayout(t, "settings, larger", d.window.Content())
}

// entries are lines of a log, one in a hundred of them an error.
func entries(from, n int) (list []control.LogEntry) {
	for i := range n {
		e := control.LogEntry{Time: today(11, 0).Add(time.Duration(from+i) * time.Second), Level: "INFO", Message: fmt.Sprintf("entry %d", from+i), Attrs: "profile=office"}
		if (from+i)%100 == 0 {
			e.Level, e.Message = "ERROR", "the gateway does not answer"
		}
		list = append(list, e)
	}
	return list
}

// TestLogIsBounded: of a log that never ends the newest entries are kept and shown, only
// those to be seen are drawn, and the newest stays in sight for as long as that is wished.
func TestLogIsBounded(t *testing.T) {
	d, _ := testDesktop(t, Config{})
	d.act(viewmodel.Action{Kind: viewmodel.ActionShowLog})
	for i := range 8 {
		d.ShowLog(entries(1000*i, 1000), false)
	}
	p := d.log
	last := p.view.Rows[len(p.view.Rows)-1]
	if len(p.entries) != mostLog || len(p.view.Rows) > mostLog || last.Text != "entry 7999" {
		t.Fatalf("%d entries and %d rows are kept, the last is %q", len(p.entries), len(p.view.Rows), last.Text)
	}
	drawn := slices.DeleteFunc(words(p.list), func(s string) bool { return !strings.HasPrefix(s, "entry") })
	if len(drawn) > 60 || !strings.HasPrefix(drawn[len(drawn)-1], "entry 7999") {
		t.Errorf("%d rows are drawn, the last is %q", len(drawn), drawn[len(drawn)-1])
	}
	test.Tap(p.following)
	at, first := p.list.GetScrollOffset(), p.view.Rows[0]
	d.ShowLog(entries(8000, 10), false)
	if p.list.GetScrollOffset() != at || p.view.Rows[0] != first {
		t.Error("the list moves under who reads it")
	}
	test.Tap(p.following)
	if last := p.view.Rows[len(p.view.Rows)-1]; last.Text != "entry 8009" {
		t.Errorf("followed again, the last is %q", last.Text)
	}
	d.ShowLog(entries(0, 3), true)
	if len(p.entries) != 3 {
		t.Errorf("%d entries after the service gave all of them again", len(p.entries))
	}
}

// TestLogIsFiltered: by words and by level; the entry that is chosen is shown whole.
func TestLogIsFiltered(t *testing.T) {
	d, u := testDesktop(t, Config{})
	d.ShowLog(entries(0, 500), true)
	d.act(viewmodel.Action{Kind: viewmodel.ActionShowLog})
	p := d.log
	u.c.Focus(p.search)
	u.types("GATEWAY")
	if len(p.view.Rows) != 5 || p.count.Text() != p.view.Count {
		t.Errorf("%d rows for a word, %q", len(p.view.Rows), p.count.Text())
	}
	p.search.SetText("")
	p.levels.SetSelectedIndex(3)
	if len(p.view.Rows) != 5 || p.view.Rows[0].Level != "ERROR" {
		t.Errorf("%d rows for a level", len(p.view.Rows))
	}
	p.list.Select(0)
	if !p.detail.Visible() || !strings.Contains(p.whole.Text(), "profile=office") {
		t.Errorf("the entry that is chosen reads %q", p.whole.Text())
	}
	if foot, room := p.box.Objects[4], d.place.Size().Height; foot.Position().Y+foot.Size().Height < room-gapLarge-1 || p.list.Size().Height < room/3 {
		t.Errorf("the list is %.0f high in a page of %.0f", p.list.Size().Height, room)
	}
	p.search.SetText("nothing of that kind")
	if len(p.view.Rows) != 0 || p.empty.Hidden || p.detail.Visible() {
		t.Error("an empty list does not say that it is")
	}
}

// TestLogIsNotDrawnUnseen: entries that come while another page is open are kept, and
// drawn when the page is opened.
func TestLogIsNotDrawnUnseen(t *testing.T) {
	opened := ""
	d, _ := testDesktop(t, Config{Opened: func(p Page) { opened += string(p) + " " }})
	d.ShowLog(entries(0, 5), true)
	if len(d.log.view.Rows) != 0 {
		t.Error("the log is drawn unseen")
	}
	d.act(viewmodel.Action{Kind: viewmodel.ActionShowLog})
	d.act(viewmodel.Action{Kind: viewmodel.ActionShowLog})
	d.act(viewmodel.Action{Kind: viewmodel.ActionShowMain})
	if len(d.log.view.Rows) != 5 || opened != "log main " {
		t.Errorf("%d rows, and opened: %s", len(d.log.view.Rows), opened)
	}
}

// TestSettingsAreDrawnWhenOpened: whoever hears that they are opened gives them their
// content, and the person sees no other.
func TestSettingsAreDrawnWhenOpened(t *testing.T) {
	var d *Desktop
	in := settingsInput()
	d, _ = testDesktop(t, Config{Opened: func(p Page) {
		if p == SettingsPage {
			d.ShowSettings(viewmodel.Settings(in, d.config.Say))
		}
	}})
	for _, mode := range []string{control.KillSwitchOn, control.KillSwitchOff} {
		in.Settings.KillSwitch = mode
		d.act(viewmodel.Action{Kind: viewmodel.ActionShowSettings})
		if d.Page() != SettingsPage || len(d.place.Objects) != 1 || d.place.Objects[0] != d.pages[SettingsPage] {
			t.Fatal("the settings are not shown")
		}
		for i, g := range d.settings.groups {
			if g.picked < 0 {
				t.Errorf("nothing is marked in group %d", i)
			}
		}
		if g := d.settings.view.Groups[0]; g.Choices[d.settings.groups[0].picked].Choose.Value != mode {
			t.Errorf("the kill switch is %s, and another choice is marked", mode)
		}
		d.act(viewmodel.Action{Kind: viewmodel.ActionShowMain})
	}
}

// TestANewProfile: by the keyboard alone, with as little as name and gateway; what is
// wrong is told where it is, and nothing is saved before it is right.
func TestANewProfile(t *testing.T) {
	d, u := testDesktop(t, Config{})
	var saved []*profile.Profile
	d.ShowEditor(viewmodel.NewDraft(branch.ID, []control.ProfileInfo{harbour}), func(p *profile.Profile) { saved = append(saved, p) })
	e := d.editor
	u.types("Harbour Office")
	if got := e.inputs[viewmodel.FieldName].problem; got.Hidden || got.Text() == "" {
		t.Error("a name that is taken is right")
	}
	if !e.saves.Disabled() {
		t.Error("it can be saved as it is")
	}
	u.types(" 2")
	u.press(fyne.KeyTab)
	u.types("gate.branch.example")
	if e.saves.Disabled() || !e.inputs[viewmodel.FieldName].problem.Hidden {
		t.Fatal("it cannot be saved")
	}
	for range 6 {
		if u.c.Focused() == fyne.Focusable(e.saves) {
			break
		}
		u.press(fyne.KeyTab)
	}
	u.press(fyne.KeyReturn)
	if len(saved) != 1 || saved[0].Name != "Harbour Office 2" || saved[0].Gateway.Address != "gate.branch.example" {
		t.Fatalf("saved %+v", saved)
	}
	if err := saved[0].Validate(); err != nil {
		t.Error(err)
	}
}

// TestFieldsComeAndGo: another way to sign in has other fields, the rare ones are behind
// a click, and what was entered stays where the field does.
func TestFieldsComeAndGo(t *testing.T) {
	d, u := testDesktop(t, Config{})
	d.ShowEditor(viewmodel.NewDraft(branch.ID, nil), nil)
	e := d.editor
	u.types("Office")
	shown := func(id viewmodel.FieldID) bool {
		in := e.inputs[id]
		return in != nil && slices.Contains(test.LaidOutObjects(e.fields), fyne.CanvasObject(in.box))
	}
	name := e.inputs[viewmodel.FieldName].input
	if !shown(viewmodel.FieldUsername) || shown(viewmodel.FieldAnchors) {
		t.Fatal("the fields at first are others")
	}
	ways := e.inputs[viewmodel.FieldSignIn]
	ways.input.(*picker).SetSelectedIndex(ways.at("psk"))
	if shown(viewmodel.FieldUsername) || !shown(viewmodel.FieldName) {
		t.Error("a shared key has a user name")
	}
	ways.input.(*picker).SetSelectedIndex(ways.at("password"))
	test.Tap(e.moreRow.Objects[0].(*button))
	if !shown(viewmodel.FieldUsername) || !shown(viewmodel.FieldAnchors) {
		t.Error("the rare fields are not shown")
	}
	if e.inputs[viewmodel.FieldName].input != name || name.(*field).Text != "Office" {
		t.Error("what was entered is lost")
	}
	test.Tap(e.moreRow.Objects[0].(*button))
	if shown(viewmodel.FieldAnchors) {
		t.Error("the rare fields stay")
	}
}

// TestLockedFields: what an administrator keeps is shown and cannot be changed, and the
// keyboard goes past it.
func TestLockedFields(t *testing.T) {
	d, u := testDesktop(t, Config{})
	p := offered(t, false)[0].Profile
	d.ShowEditor(viewmodel.Edit(&p, []string{"name", "gateway"}, "Harbour Office IT", nil), nil)
	e := d.editor
	for _, id := range []viewmodel.FieldID{viewmodel.FieldName, viewmodel.FieldAddress} {
		if f := e.inputs[id].input.(*field); !f.Disabled() || f.Text == "" {
			t.Errorf("%s can be changed, or is not shown: %q", id, f.Text)
		}
	}
	if !strings.Contains(strings.Join(words(d.pages[EditorPage]), "\n"), "Harbour Office IT") {
		t.Error("nobody says who keeps them")
	}
	user := e.inputs[viewmodel.FieldUsername].input.(*field)
	u.c.Focus(user)
	u.types("x")
	if got, ok := e.draft.Profile(); !ok || got.Client.Username == harbour.Username || got.Name != harbour.Name {
		t.Errorf("%+v, %v", got, ok)
	}
}
