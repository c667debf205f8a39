package desktop

import (
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/theme"

	"github.com/homeward-vpn/homeward/app/viewmodel"
)

// TestTheFirstPageHasNoticesToo: what is wrong before there is a profile is said, and gone
// when it is over.
func TestTheFirstPageHasNoticesToo(t *testing.T) {
	newTestApp(t, theme.VariantLight, 1)
	p := newFirstPage(func(viewmodel.Action) {})
	empty := viewmodel.Empty{Title: "Open the profile that your IT sent you"}
	p.Show(empty, nil)
	if p.notices.box.Visible() {
		t.Error("there is room for no notice")
	}
	p.Show(empty, []viewmodel.Notice{{Kind: viewmodel.NoticeNoTray, Text: "This desktop shows no icons in its panel."}})
	if !p.notices.box.Visible() || len(p.notices.box.Objects) != 1 {
		t.Error("a notice is not shown")
	}
	p.Show(empty, nil)
	if p.notices.box.Visible() {
		t.Error("a notice stays that is over")
	}
}

// TestTheFirstPageStandsInTheMiddle, also when it is laid out again at
// the size that it has.
func TestTheFirstPageStandsInTheMiddle(t *testing.T) {
	a := newTestApp(t, theme.VariantLight, 1)
	w := a.NewWindow("")
	p := newFirstPage(func(viewmodel.Action) {})
	w.SetContent(p.scroll)
	w.Resize(fyne.NewSize(windowWidth, windowHeight))
	p.Show(viewmodel.Empty{Title: "Open the profile that your IT sent you"}, nil)
	test.WidgetRenderer(p.scroll).Layout(p.scroll.Size())
	above := p.scroll.content.Position().Y
	below := p.scroll.Size().Height - above - p.scroll.content.Size().Height
	if above-below > 1 || below-above > 1 || above <= p.scroll.down {
		t.Errorf("there is %.0f above it, and %.0f below", above, below)
	}
}
