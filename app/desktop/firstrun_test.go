package desktop

import (
	"testing"

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
