package desktop

import (
	"fyne.io/fyne/v2"

	"github.com/homeward-vpn/homeward/app/viewmodel"
)

// switchCard is something to turn on, with what it means.
type switchCard struct {
	view     viewmodel.Card
	title    *text
	sentence *text
	sign     *icon
	toggle   *toggle
	more     *button
	box      *fyne.Container
}

func newSwitchCard(do func(viewmodel.Action)) *switchCard {
	c := &switchCard{title: nameText(""), sentence: quietText(""), toggle: newToggle(smallCut, do), sign: newIcon("bad", ColorBlocked, 16)}
	c.more = linkButton("", func() {
		if c.view.More != nil {
			do(c.view.More.Action)
		}
	})
	words := column(gapTight, c.title, marked(c.sign, c.sentence), flow(0, c.more))
	c.box = newCard(spread(words, c.toggle))
	return c
}

// Set shows the card as it is; true: its texts are others.
func (c *switchCard) Set(v viewmodel.Card) bool {
	changed := c.view.Title != v.Title || c.view.Sentence != v.Sentence || c.view.Tone != v.Tone || (c.view.More == nil) != (v.More == nil)
	c.view = v
	c.title.Set(v.Title)
	c.sentence.Set(v.Sentence)
	c.toggle.Set(v.Switch)
	paint := toneOf(v.Tone)
	c.sign.Set(paint.sign, paint.color)
	setVisible(c.sign, v.Tone == viewmodel.ToneBad || v.Tone == viewmodel.ToneWarning)
	setVisible(c.more, v.More != nil)
	if v.More != nil {
		c.more.SetText(v.More.Text)
	}
	return changed
}

// cardList is the cards under each other.
type cardList struct {
	box   *fyne.Container
	cards []*switchCard
	do    func(viewmodel.Action)
}

func newCardList(do func(viewmodel.Action)) *cardList {
	return &cardList{box: column(12), do: do}
}

// Set shows other cards; true: the page has to be laid out again.
func (l *cardList) Set(list []viewmodel.Card) bool {
	changed := len(list) != len(l.cards)
	for len(l.cards) > len(list) {
		l.cards = l.cards[:len(l.cards)-1]
		l.box.Objects = l.box.Objects[:len(l.cards)]
	}
	for i, v := range list {
		if i == len(l.cards) {
			l.cards = append(l.cards, newSwitchCard(l.do))
			l.box.Objects = append(l.box.Objects, l.cards[i].box)
		}
		changed = l.cards[i].Set(v) || changed
	}
	return changed
}
