package desktop

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"image"
	"image/draw"
	"math/big"
	"sync"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"

	"github.com/homeward-vpn/homeward/app/viewmodel"
	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/credential"
	"github.com/homeward-vpn/homeward/client/profile"
)

// exhibit is one thing that stands over the window, or one of its further pages.
type exhibit struct {
	name string
	page bool
	show func(t testing.TB, d *Desktop)
}

// asks shows a question.
func asks(p credential.Prompt) func(testing.TB, *Desktop) {
	if p.Profile == "" && p.Topic != credential.TopicFile {
		p.Profile, p.Gateway = harbour.Name, harbour.Gateway
	}
	return func(_ testing.TB, d *Desktop) { d.ask(p, func(credential.Reply, error) {}) }
}

// offers shows what a file wants.
func offers(o func(t testing.TB) viewmodel.Offer) func(testing.TB, *Desktop) {
	return func(t testing.TB, d *Desktop) {
		offer := o(t)
		offer.Now = today(12, 0)
		d.ShowImport(viewmodel.ImportSheet(offer, d.config.Say), func(bool) {})
	}
}

// unfold opens what is behind the first click of the front sheet.
func unfold(d *Desktop) {
	for _, o := range d.sheets.front().body.content.(*fyne.Container).Objects {
		if openFold(o) {
			return
		}
	}
}

func openFold(o fyne.CanvasObject) bool {
	switch o := o.(type) {
	case *fold:
		o.more.turn()
		return true
	case *fyne.Container:
		for _, c := range o.Objects {
			if openFold(c) {
				return true
			}
		}
	}
	return false
}

// gallery is every sheet and page of this kind.
var gallery = []exhibit{
	{"password", false, asks(credential.Prompt{Kind: credential.KindPassword, Username: harbour.Username, Refused: true, KeptIn: credential.ModeKeychain, Expires: today(12, 2)})},
	{"password-again", false, asks(credential.Prompt{Kind: credential.KindPassword, Username: harbour.Username, Again: true, KeptIn: credential.ModePassphrase, Expires: today(12, 14)})},
	{"password-second", false, asks(credential.Prompt{Kind: credential.KindPassword, Topic: credential.TopicFurther, Username: harbour.Username})},
	{"password-file", false, asks(credential.Prompt{Kind: credential.KindPassword, Topic: credential.TopicFile, Subject: "anna.p12"})},
	{"user-name", false, asks(credential.Prompt{Kind: credential.KindText})},
	{"password-new", false, func(t testing.TB, d *Desktop) {
		asks(credential.Prompt{Kind: credential.KindNewPassword, Username: harbour.Username, KeptIn: credential.ModeKeychain})(t, d)
		u := typist{c: d.window.Canvas()}
		u.c.Focused().TypedRune('a')
		u.c.FocusNext()
		u.c.Focused().TypedRune('b')
		d.sheets.front().enter.Tapped(nil)
	}},
	{"code", false, asks(credential.Prompt{Kind: credential.KindCode, Username: harbour.Username, Speaker: "The gateway", Message: "Enter the code that your token shows,\nor 1 to be called."})},
	{"shared-key", false, asks(credential.Prompt{Kind: credential.KindPSK})},
	{"pin", false, asks(credential.Prompt{Kind: credential.KindPIN, Subject: "Harbour card 4711", Refused: true, TriesLeft: 1})},
	{"passphrase", false, asks(credential.Prompt{Kind: credential.KindPassphrase, Refused: true})},
	{"passphrase-new", false, asks(credential.Prompt{Kind: credential.KindNewPassphrase})},
	{"certificate", false, func(t testing.TB, d *Desktop) {
		p := credential.Prompt{Kind: credential.KindChoice, Topic: credential.TopicCertificate}
		for i, until := range []time.Time{time.Date(2027, 3, 3, 0, 0, 0, 0, time.UTC), time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)} {
			p.Options = append(p.Options, credential.Option{ID: fmt.Sprint(i), Certificate: certificate(t, i, until)})
		}
		asks(p)(t, d)
		d.window.Canvas().Focused().TypedKey(&fyne.KeyEvent{Name: fyne.KeySpace})
	}},
	{"consent", false, asks(credential.Prompt{Kind: credential.KindConsent, Speaker: "The gateway", Message: "This network belongs to the harbour.\nWhat you do in it may be recorded."})},

	{"import", false, offers(func(t testing.TB) viewmodel.Offer { return viewmodel.Offer{Found: offered(t, false)} })},
	{"import-lowers", false, func(t testing.TB, d *Desktop) {
		offers(func(t testing.TB) viewmodel.Offer {
			return viewmodel.Offer{Found: offered(t, true), Replaces: []string{harbour.Name}, Elsewhere: []bool{true}}
		})(t, d)
	}},
	{"import-report", false, func(t testing.TB, d *Desktop) {
		offers(func(t testing.TB) viewmodel.Offer { return viewmodel.Offer{Found: offered(t, true)} })(t, d)
		unfold(d)
	}},
	{"import-several", false, offers(func(t testing.TB) viewmodel.Offer {
		found := append(offered(t, false), offered(t, false)...)
		found[1].Profile.Name, found[1].Profile.Gateway.Address = branch.Name, branch.Gateway
		return viewmodel.Offer{Found: found, Replaces: []string{"", branch.Name}}
	})},
	{"import-problem", false, func(_ testing.TB, d *Desktop) {
		err := &profile.ImportError{Problem: profile.ImportForeign, Sentence: "this is a profile for L2TP, which Homeward does not speak", Err: errors.New("PayloadContent.0.VPNType: L2TP")}
		d.ShowProblem(viewmodel.ImportProblem("office.mobileconfig", err, d.config.Say))
		unfold(d)
	}},

	{"remove", false, func(_ testing.TB, d *Desktop) { d.ShowConfirm(viewmodel.ConfirmRemove(harbour, d.config.Say)) }},
	{"rename", false, func(_ testing.TB, d *Desktop) { d.ShowConfirm(viewmodel.AskRename(harbour, d.config.Say)) }},
	{"export", false, func(_ testing.TB, d *Desktop) { d.ShowConfirm(viewmodel.AskExport(harbour, d.config.Say)) }},
	{"lockdown", false, func(_ testing.TB, d *Desktop) { d.ShowConfirm(viewmodel.ConfirmLockdown(d.config.Say)) }},
	{"portal", false, func(_ testing.TB, d *Desktop) { showPortal(d, nil) }},
	{"portal-open", false, func(_ testing.TB, d *Desktop) { showPortal(d, &control.PortalSignIn{Until: today(12, 10)}) }},

	{"settings", true, func(_ testing.TB, d *Desktop) {
		d.ShowSettings(viewmodel.Settings(settingsInput(), d.config.Say))
		d.Open(SettingsPage)
	}},
	{"log", true, func(_ testing.TB, d *Desktop) {
		d.ShowLog(entries(0, 320), true)
		d.act(viewmodel.Action{Kind: viewmodel.ActionShowLog})
	}},
	{"log-entry", true, func(_ testing.TB, d *Desktop) {
		d.ShowLog(entries(0, 320), true)
		d.act(viewmodel.Action{Kind: viewmodel.ActionShowLog})
		d.log.list.Select(318)
	}},
	{"editor-new", true, func(_ testing.TB, d *Desktop) { d.ShowEditor(viewmodel.NewDraft(branch.ID, nil), nil) }},
	{"editor-wrong", true, func(_ testing.TB, d *Desktop) {
		d.ShowEditor(viewmodel.NewDraft(labTest.ID, []control.ProfileInfo{branch}).With(viewmodel.FieldName, branch.Name), nil)
	}},
	{"editor-locked", true, func(t testing.TB, d *Desktop) {
		p := offered(t, false)[0].Profile
		d.ShowEditor(viewmodel.Edit(&p, []string{"name", "gateway", "client.auth"}, "Harbour Office IT", nil), nil)
		d.editor.moreRow.Objects[0].(*button).act()
	}},
}

func showPortal(d *Desktop, s *control.PortalSignIn) {
	d.ShowPortal(viewmodel.PortalSheet(control.Portal{State: control.PortalCaptive, URL: "http://portal.alpenblick.example/hello"}, s, today(12, 0), d.config.Say), func() {})
}

// certificate is one of a person's, the same in each run of the tests but for its key.
func certificate(t testing.TB, n int, until time.Time) *credential.Identity {
	t.Helper()
	key, err := testKey()
	if err != nil {
		t.Fatal(err)
	}
	issuer := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: []string{"Harbour Office Staff CA", "Harbour Office Card CA"}[n]}}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(int64(2 + n)), Subject: pkix.Name{CommonName: "Anna Alpenblick"},
		NotBefore: today(0, 0).AddDate(-1, 0, 0), NotAfter: until,
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, issuer, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	id, err := credential.NewIdentity([][]byte{der})
	if err != nil {
		t.Fatal(err)
	}
	return &id
}

var testKey = sync.OnceValues(func() (*ecdsa.PrivateKey, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) })

// hang shows an exhibit in a window.
func (e exhibit) hang(t testing.TB, a fyne.App, say viewmodel.Say, size fyne.Size) *Desktop {
	t.Helper()
	d := New(a, Config{Say: say, Now: func() time.Time { return today(12, 0) }})
	d.window.Resize(size)
	e.show(t, d)
	return d
}

// TestNothingIsCutInTheGallery, whatever the circumstances.
func TestNothingIsCutInTheGallery(t *testing.T) {
	for _, c := range circumstances(t) {
		a := newTestApp(t, theme.VariantLight, c.scale)
		for _, e := range gallery {
			d := e.hang(t, a, c.say, c.size)
			root := d.window.Content()
			if s := d.sheets.front(); s != nil {
				root = s
			}
			checkLayout(t, e.name+", "+c.String(), root)
			d.window.Close()
		}
	}
}

// front is the part of a picture that the sheet, or the page, takes.
func front(d *Desktop, img image.Image) image.Image {
	at := image.Rect(int(sidebarWidth), 0, int(d.window.Canvas().Size().Width), int(d.window.Canvas().Size().Height))
	if s := d.sheets.front(); s != nil {
		p, size := s.paper.Position(), s.paper.Size()
		at = image.Rect(int(p.X)-8, int(p.Y)-8, int(p.X+size.Width)+8, int(p.Y+size.Height)+8)
	}
	out := image.NewRGBA(image.Rect(0, 0, at.Dx(), at.Dy()))
	draw.Draw(out, out.Bounds(), img, at.Min, draw.Src)
	return out
}

// TestGoldenGallery: every sheet and page looks as it did, in English and light, in
// German and dark; those that people see most in both.
func TestGoldenGallery(t *testing.T) {
	often := map[string]bool{"password": true, "import": true, "settings": true}
	for _, c := range manners {
		a := newTestApp(t, variants[c.mode], 1)
		say := sayIn(t, c.language)
		for _, e := range gallery {
			if !c.all && !often[e.name] {
				continue
			}
			size := fyne.NewSize(windowWidth, windowHeight)
			if !e.page {
				size = fyne.NewSize(640, 640)
			}
			d := e.hang(t, a, say, size)
			golden(t, fmt.Sprintf("%s-%s-%s", e.name, c.mode, c.language), front(d, d.window.Canvas().Capture()))
			d.window.Close()
		}
	}
}
