package desktop

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"

	"github.com/homeward-vpn/homeward/app/viewmodel"
)

// mainPage answers "am I connected?".
//
//	head (profile, state, sentence, the large switch)
//	notices, steps while connecting, traffic and facts while connected
//	technical details, behind a click
//	kill switch and always-on
type mainPage struct {
	do func(viewmodel.Action)

	over, title, sentence *text
	menu                  *iconButton
	toggle                *toggle
	notices               *noticeList
	steps                 *stepList
	stepCard              *fyne.Container
	traffic               *trafficCard
	facts                 *factList
	details               *details
	cards                 *cardList

	parts  *fyne.Container
	scroll *scrolled
	items  []viewmodel.Button // of the menu
}

// The page's margins, and the longest line that reads well.
const (
	pageAcross float32 = 44
	pageDown   float32 = 40
	pageGap    float32 = 20
	pageWidest float32 = 720
)

func newMainPage(do func(viewmodel.Action)) *mainPage {
	p := &mainPage{do: do, over: oneLine(lookQuiet, ""), title: stateText(""), sentence: newText(lookSentence, "")}
	p.toggle = newToggle(largeCut, do)
	p.menu = newIconButton("more", "", p.popMenu)
	fit := func() { p.scroll.Fit() }
	p.notices = newNoticeList(do, fit)
	p.steps, p.traffic, p.facts = newStepList(), newTrafficCard(), newFactList()
	p.stepCard = newCard(p.steps.box)
	p.details = newDetails(do, fit)
	p.cards = newCardList(do)
	words := column(0, flow(gapTight, p.over, p.menu), p.title, p.sentence)
	head := spread(words, p.toggle)
	p.parts = column(pageGap, head, p.notices.box, p.stepCard, p.traffic.box,
		column(12, p.facts.box, p.details.box), p.cards.box)
	p.scroll = newScrolled(p.parts, pageAcross, pageDown, pageWidest)
	return p
}

// Show draws what is not as before.
func (p *mainPage) Show(v viewmodel.MainView) {
	before := [3]string{p.over.Text(), p.title.Text(), p.sentence.Text()}
	p.over.Set(v.Head.Over)
	p.title.Set(v.Head.Title)
	p.sentence.Set(v.Head.Sentence)
	p.toggle.Set(v.Head.Switch)
	p.items = v.Menu

	fit := before != [3]string{v.Head.Over, v.Head.Title, v.Head.Sentence}
	fit = p.notices.Set(v.Notices) || fit
	fit = setVisible(p.notices.box, len(v.Notices) > 0) || fit
	p.steps.Set(v.Steps)
	fit = setVisible(p.stepCard, len(v.Steps) > 0) || fit
	p.traffic.Set(v.Traffic)
	fit = setVisible(p.traffic.box, v.Traffic != nil) || fit
	fit = p.facts.Set(v.Facts) || fit
	fit = setVisible(p.facts.box, len(v.Facts) > 0) || fit
	fit = p.details.Set(v.Technical) || fit
	fit = setVisible(p.menu, len(v.Menu) > 0) || fit
	fit = p.cards.Set(v.Cards) || fit
	fit = setVisible(p.cards.box, len(v.Cards) > 0) || fit
	if fit {
		p.scroll.Fit()
	}
}

// menuItems are what can be done with the profile.
func (p *mainPage) menuItems() (items []*fyne.MenuItem) {
	for _, b := range p.items {
		item := fyne.NewMenuItem(b.Text, func() { p.do(b.Action) })
		item.Disabled = b.Disabled
		items = append(items, item)
	}
	return items
}

// popMenu shows them below the sign that stands for them.
func (p *mainPage) popMenu() {
	items := p.menuItems()
	c := fyne.CurrentApp().Driver().CanvasForObject(p.menu)
	if c == nil || len(items) == 0 {
		return
	}
	menu := widget.NewPopUpMenu(fyne.NewMenu("", items...), c)
	menu.ShowAtRelativePosition(fyne.NewPos(0, p.menu.Size().Height), p.menu)
	c.Focus(menu)
}
