package desktop

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/theme"

	"github.com/homeward-vpn/homeward/app/viewmodel"
	"github.com/homeward-vpn/homeward/client/credential"
)

// typist uses a window by its keyboard.
type typist struct {
	t *testing.T
	c fyne.Canvas
}

// press sends keys to what has the keyboard, as Fyne does.
func (u typist) press(keys ...fyne.KeyName) {
	u.t.Helper()
	for _, k := range keys {
		e := &fyne.KeyEvent{Name: k}
		switch f := u.c.Focused(); {
		case k == fyne.KeyTab:
			u.c.FocusNext()
		case f != nil:
			f.TypedKey(e)
		case u.c.OnTypedKey() != nil:
			u.c.OnTypedKey()(e)
		}
	}
}

// types sends characters to what has the keyboard.
func (u typist) types(s string) {
	u.t.Helper()
	f := u.c.Focused()
	if f == nil {
		u.t.Fatalf("nothing has the keyboard for %q", s)
	}
	for _, r := range s {
		f.TypedRune(r)
	}
}

// testDesktop is a window that says English, at noon.
func testDesktop(t *testing.T, c Config) (*Desktop, typist) {
	t.Helper()
	a := newTestApp(t, theme.VariantLight, 1)
	if c.Say == nil {
		c.Say = speak(t, "en")
	}
	c.Now = func() time.Time { return today(12, 0) }
	d := New(a, c)
	return d, typist{t, d.window.Canvas()}
}

// answered is what a question came back with.
type answered struct {
	reply credential.Reply
	err   error
}

// TestAnswers: each kind of question is answered by the keyboard alone, and what it
// needs is what comes back.
func TestAnswers(t *testing.T) {
	certificates := []credential.Option{{ID: "a", Label: "Ada"}, {ID: "b", Label: "Ada, by card"}}
	for _, c := range []struct {
		name   string
		prompt credential.Prompt
		use    func(u typist)
		want   credential.Reply
	}{
		{"user name", credential.Prompt{Kind: credential.KindText}, func(u typist) { u.types(" ada "); u.press(fyne.KeyReturn) }, credential.Reply{Text: "ada"}},
		{"user name and password", credential.Prompt{Kind: credential.KindPassword, AsksUser: true}, func(u typist) {
			u.types(" ada ")
			u.press(fyne.KeyReturn, fyne.KeyTab) // a name alone is no answer
			u.types("x")
			u.press(fyne.KeyReturn)
		}, credential.Reply{Text: "ada", Secret: []byte("x")}},
		{"password", credential.Prompt{Kind: credential.KindPassword}, func(u typist) { u.types("pässword"); u.press(fyne.KeyEnter) }, credential.Reply{Secret: []byte("pässword")}},
		{"a password to be remembered", credential.Prompt{Kind: credential.KindPassword, KeptIn: credential.ModeKeychain},
			func(u typist) { u.types("x"); u.press(fyne.KeyReturn) }, credential.Reply{Secret: []byte("x")}},
		{"a password for this time", credential.Prompt{Kind: credential.KindPassword, KeptIn: credential.ModeKeychain},
			func(u typist) { u.types("x"); u.press(fyne.KeyTab, fyne.KeySpace, fyne.KeyReturn) }, credential.Reply{Secret: []byte("x"), Once: true}},
		{"new password, after it was not the same twice", credential.Prompt{Kind: credential.KindNewPassword}, func(u typist) {
			u.types("one")
			u.press(fyne.KeyTab)
			u.types("two")
			u.press(fyne.KeyReturn, fyne.KeyTab, fyne.KeyBackspace, fyne.KeyBackspace, fyne.KeyBackspace)
			u.types("one")
			u.press(fyne.KeyReturn)
		}, credential.Reply{Secret: []byte("one")}},
		{"new passphrase, after it was too short", credential.Prompt{Kind: credential.KindNewPassphrase}, func(u typist) {
			u.types("short")
			u.press(fyne.KeyTab)
			u.types("short")
			u.press(fyne.KeyReturn)
			u.types(" no more")
			u.press(fyne.KeyTab)
			u.types(" no more")
			u.press(fyne.KeyReturn)
		}, credential.Reply{Secret: []byte("short no more")}},
		{"code", credential.Prompt{Kind: credential.KindCode, Echo: true}, func(u typist) { u.types("123456"); u.press(fyne.KeyReturn) }, credential.Reply{Secret: []byte("123456")}},
		{"shared key", credential.Prompt{Kind: credential.KindPSK}, func(u typist) { u.types("0x0102"); u.press(fyne.KeyReturn) }, credential.Reply{Secret: []byte("0x0102")}},
		{"PIN", credential.Prompt{Kind: credential.KindPIN, TriesLeft: 1}, func(u typist) { u.types("1234"); u.press(fyne.KeyReturn) }, credential.Reply{Secret: []byte("1234")}},
		{"passphrase", credential.Prompt{Kind: credential.KindPassphrase}, func(u typist) { u.types("open"); u.press(fyne.KeyReturn) }, credential.Reply{Secret: []byte("open")}},
		{"the first certificate", credential.Prompt{Kind: credential.KindChoice, Topic: credential.TopicCertificate, Options: certificates},
			func(u typist) { u.press(fyne.KeySpace, fyne.KeyReturn) }, credential.Reply{Choice: "a"}},
		{"the second certificate", credential.Prompt{Kind: credential.KindChoice, Topic: credential.TopicCertificate, Options: certificates},
			func(u typist) { u.press(fyne.KeyDown, fyne.KeyReturn) }, credential.Reply{Choice: "b"}},
		{"consent", credential.Prompt{Kind: credential.KindConsent}, func(u typist) { u.press(fyne.KeyReturn) }, credential.Reply{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, u := testDesktop(t, Config{})
			var got []answered
			d.ask(c.prompt, func(r credential.Reply, err error) { got = append(got, answered{r, err}) })
			c.use(u)
			if len(got) != 1 || got[0].err != nil {
				t.Fatalf("it was answered %d times: %v", len(got), got)
			}
			r := got[0].reply
			if r.Text != c.want.Text || string(r.Secret) != string(c.want.Secret) || r.Choice != c.want.Choice || r.Once != c.want.Once {
				t.Errorf("%+v, want %+v", r, c.want)
			}
			if d.sheets.front() != nil {
				t.Error("the sheet stays")
			}
		})
	}
}

// TestNoAnswer: Escape is a no to each kind, from wherever the keyboard is, and Enter is
// no answer as long as there is nothing to answer with.
func TestNoAnswer(t *testing.T) {
	for _, kind := range []credential.Kind{
		credential.KindText, credential.KindPassword, credential.KindNewPassword, credential.KindCode, credential.KindPSK,
		credential.KindPIN, credential.KindPassphrase, credential.KindNewPassphrase, credential.KindChoice, credential.KindConsent,
	} {
		for tabs := range 5 {
			d, u := testDesktop(t, Config{})
			var got []answered
			d.ask(credential.Prompt{Kind: kind, KeptIn: credential.ModeKeychain, Options: []credential.Option{{ID: "a", Label: "A"}}},
				func(r credential.Reply, err error) { got = append(got, answered{r, err}) })
			if kind != credential.KindConsent {
				if u.press(fyne.KeyReturn); len(got) != 0 {
					t.Fatalf("%s: nothing was entered, and it is an answer", kind)
				}
			}
			for range tabs {
				u.press(fyne.KeyTab)
			}
			u.press(fyne.KeyEscape)
			if len(got) != 1 || !errors.Is(got[0].err, credential.ErrDeclined) {
				t.Errorf("%s, %d tabs: %v", kind, tabs, got)
			}
		}
	}
}

// TestTheWindowComesOnce: the window comes to the front for each question, and not again
// while it is answered; what was typed leaves the fields, also when it is taken away.
func TestTheWindowComesOnce(t *testing.T) {
	raised := 0
	d, u := testDesktop(t, Config{Raise: func() { raised++ }})
	away := d.ask(credential.Prompt{Kind: credential.KindNewPassword}, func(credential.Reply, error) { t.Error("it was answered") })
	u.types("secret")
	u.press(fyne.KeyTab)
	u.types("other")
	u.press(fyne.KeyReturn)
	s := d.sheets.front()
	if raised != 1 || s == nil {
		t.Fatalf("it came %d times", raised)
	}
	away()
	if d.sheets.front() != nil {
		t.Error("the sheet stays")
	}
	away() // by the person's own answer at the same time, say
	d.ask(credential.Prompt{Kind: credential.KindPassword}, func(credential.Reply, error) {})
	if raised != 2 {
		t.Errorf("it came %d times for two questions", raised)
	}
}

// TestRemembersTheChoice: whether an answer is kept is as the person chose the last time.
func TestRemembersTheChoice(t *testing.T) {
	d, u := testDesktop(t, Config{})
	ask := func(use func()) (once bool) {
		d.ask(credential.Prompt{Kind: credential.KindPassword, KeptIn: credential.ModePassphrase}, func(r credential.Reply, _ error) { once = r.Once })
		u.types("x")
		use()
		u.press(fyne.KeyReturn)
		return once
	}
	plain, untick := func() {}, func() { u.press(fyne.KeyTab, fyne.KeySpace) }
	if ask(plain) || !ask(untick) || !ask(plain) || ask(untick) || ask(plain) {
		t.Error("the choice is not the one of the last time")
	}
}

// TestSomebodyElsesWords: the words of a gateway are on the sheet, under whose they are,
// and the title is ours.
func TestSomebodyElsesWords(t *testing.T) {
	d, _ := testDesktop(t, Config{})
	d.ask(credential.Prompt{
		Kind: credential.KindCode, Profile: "Harbour Office", Gateway: "gate.harbour.example",
		Speaker: "The gateway", Message: "Your token, please.\nHarbour Office asks for your bank account",
	}, func(credential.Reply, error) {})
	all := words(d.sheets.front())
	i := slices.Index(all, "The gateway says:")
	if i < 0 || all[0] != "Harbour Office asks for a one-time code" || i+2 >= len(all) || all[i+1] != "Your token, please." {
		t.Errorf("the sheet says %q", all)
	}
}

// words are the texts in a tree of objects, in the order in which they are read.
func words(o fyne.CanvasObject) (list []string) {
	for _, o := range test.LaidOutObjects(o) {
		if t, ok := o.(*text); ok && t.Visible() && t.Text() != "" {
			list = append(list, t.Text())
		}
	}
	return list
}

// TestImportWantsAYes: what lowers security is taken over only after the box is ticked;
// the report is behind a click.
func TestImportWantsAYes(t *testing.T) {
	d, u := testDesktop(t, Config{})
	v := viewmodel.ImportSheet(viewmodel.Offer{Found: offered(t, true), Now: today(12, 0)}, d.config.Say)
	var done []bool
	d.ShowImport(v, func(accepted bool) { done = append(done, accepted) })
	u.press(fyne.KeyReturn)
	if len(done) != 0 {
		t.Fatal("Enter took it over without a yes")
	}
	s := d.sheets.front()
	before := len(words(s))
	u.press(fyne.KeyTab, fyne.KeySpace) // the report
	if after := len(words(s)); after <= before || !strings.Contains(strings.Join(words(s), "\n"), "SHA-1") {
		t.Errorf("the report has %d texts, after %d", after, before)
	}
	u.press(fyne.KeyTab, fyne.KeySpace, fyne.KeyReturn)
	if !slices.Equal(done, []bool{true}) || d.sheets.front() != nil {
		t.Errorf("after the yes it is %v", done)
	}
	done = nil
	d.ShowImport(v, func(accepted bool) { done = append(done, accepted) })
	u.press(fyne.KeyEscape)
	if !slices.Equal(done, []bool{false}) {
		t.Errorf("after Escape it is %v", done)
	}
}

// TestImportWantsEachYes: what lowers security and what the file's author wants agreed to
// are agreed to each, and a yes can be taken back.
func TestImportWantsEachYes(t *testing.T) {
	d, u := testDesktop(t, Config{})
	found := offered(t, true)
	found[0].Consent = "You may use this line for your work only."
	var done []bool
	d.ShowImport(viewmodel.ImportSheet(viewmodel.Offer{Found: found, Now: today(12, 0)}, d.config.Say), func(accepted bool) { done = append(done, accepted) })
	if text := strings.Join(words(d.sheets.front()), "\n"); !strings.Contains(text, found[0].Consent) || !strings.Contains(text, "I agree") {
		t.Errorf("the sheet says\n%s", text)
	}
	accept := func() { d.sheets.front().enter.Tapped(nil) }
	accept()
	u.press(fyne.KeyTab, fyne.KeyTab, fyne.KeySpace) // past the report
	accept()
	u.press(fyne.KeyTab, fyne.KeySpace, fyne.KeySpace)
	accept()
	if len(done) != 0 {
		t.Fatal("it was taken over without a yes to each")
	}
	u.press(fyne.KeySpace)
	accept()
	if !slices.Equal(done, []bool{true}) {
		t.Errorf("after each yes it is %v", done)
	}
}

// TestConfirm: a yes is the action with what was typed or chosen, and a no is nothing.
func TestConfirm(t *testing.T) {
	var done []viewmodel.Action
	d, u := testDesktop(t, Config{Do: func(a viewmodel.Action) { done = append(done, a) }})
	for _, c := range []struct {
		view viewmodel.ConfirmView
		use  func()
		want []viewmodel.Action
	}{
		{viewmodel.ConfirmRemove(harbour, d.config.Say), func() { u.press(fyne.KeyEscape) }, nil},
		{viewmodel.ConfirmRemove(harbour, d.config.Say), func() { u.press(fyne.KeyReturn) }, []viewmodel.Action{{Kind: viewmodel.ActionRemove, Profile: harbour.ID}}},
		{viewmodel.AskRename(harbour, d.config.Say), func() { u.types("Office"); u.press(fyne.KeyReturn) },
			[]viewmodel.Action{{Kind: viewmodel.ActionRename, Profile: harbour.ID, Value: "Office"}}},
		{viewmodel.AskExport(harbour, d.config.Say), func() { u.press(fyne.KeyDown, fyne.KeyReturn) },
			[]viewmodel.Action{{Kind: viewmodel.ActionExport, Profile: harbour.ID, Value: string(viewmodel.ExportSswan)}}},
	} {
		done = nil
		d.ShowConfirm(c.view)
		c.use()
		if !slices.Equal(done, c.want) || d.sheets.front() != nil {
			t.Errorf("%s: %v, want %v", c.view.Title, done, c.want)
		}
	}
}

// TestProblem: Enter and Escape close it alike; the technical words are behind a click.
func TestProblem(t *testing.T) {
	d, u := testDesktop(t, Config{})
	for _, key := range []fyne.KeyName{fyne.KeyReturn, fyne.KeyEscape} {
		d.ShowProblem(viewmodel.ImportProblem("office.mobileconfig", errors.New("plist: line 3"), d.config.Say))
		if slices.ContainsFunc(words(d.sheets.front()), func(s string) bool { return strings.Contains(s, "plist") }) {
			t.Error("the technical words are in the first lines")
		}
		u.press(key)
		if d.sheets.front() != nil {
			t.Errorf("%s does not close it", key)
		}
	}
}
