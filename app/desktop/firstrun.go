package desktop

import (
	"reflect"

	"fyne.io/fyne/v2"

	"github.com/homeward-vpn/homeward/app/viewmodel"
)

// firstPage is the window without a profile: it says what to do.
type firstPage struct {
	view viewmodel.Empty
	do   func(viewmodel.Action)

	notices               *noticeList
	title, sentence, drop *text
	buttons               *fyne.Container
	scroll                *scrolled
}

func newFirstPage(do func(viewmodel.Action)) *firstPage {
	center := func(l look) *text {
		l.align = fyne.TextAlignCenter
		return newText(l, "")
	}
	p := &firstPage{
		do:    do,
		title: center(lookHeading), sentence: center(lookSentence), drop: center(lookQuiet),
		buttons: &fyne.Container{Layout: &flowLayout{gap: 12, middle: true}},
	}
	p.notices = newNoticeList(do, func() { p.scroll.Fit() })
	mark := &fyne.Container{Layout: &flowLayout{middle: true}, Objects: []fyne.CanvasObject{newIcon("app", "", 88)}}
	words := column(gapSmall, p.title, p.sentence)
	place := &fyne.Container{
		Layout:  &insetLayout{across: 32, down: 40},
		Objects: []fyne.CanvasObject{newPanel(ColorCard, ColorLine, 10), column(gapLarge, mark, words, p.buttons, p.drop)},
	}
	p.scroll = newScrolled(column(pageGap, p.notices.box, place), pageAcross, pageDown, 560)
	p.scroll.middle = true
	return p
}

// Show draws what is not as before.
func (p *firstPage) Show(v viewmodel.Empty, notices []viewmodel.Notice) {
	fit := p.notices.Set(notices)
	if setVisible(p.notices.box, len(notices) > 0) || fit {
		p.scroll.Fit()
	}
	if reflect.DeepEqual(p.view, v) {
		return
	}
	p.view = v
	p.title.Set(v.Title)
	p.sentence.Set(v.Sentence)
	p.drop.Set(v.Drop)
	p.buttons.Objects = buttons(v.Buttons, p.do, byImportance)
	p.scroll.Fit()
}
