package desktop

import (
	"slices"

	"fyne.io/fyne/v2"

	"github.com/homeward-vpn/homeward/app/viewmodel"
)

// settingsPage is the page of the settings. It is drawn anew only where the settings
// are others; what is chosen changes in its place, so that the keyboard stays where
// it is.
type settingsPage struct {
	d      *Desktop
	view   viewmodel.SettingsView
	groups []*choices
	body   *fyne.Container
	scroll *scrolled
}

// ShowSettings gives the settings page its content. It does not open it.
func (d *Desktop) ShowSettings(v viewmodel.SettingsView) {
	v.Groups = append(slices.Clip(v.Groups), viewmodel.TextSizes(float64(themeOf(d.app).textScale), textScales, d.config.Say))
	if d.settings == nil {
		d.settings = &settingsPage{d: d, body: column(gapLarge)}
		d.settings.scroll = newScrolled(d.settings.body, pageAcross, pageDown, pageWidest)
		d.settings.draw(v)
		d.SetPage(SettingsPage, d.settings.scroll)
		return
	}
	d.settings.set(v)
}

// set shows another view.
func (p *settingsPage) set(v viewmodel.SettingsView) {
	if !slices.EqualFunc(p.view.Groups, v.Groups, sameGroup) || p.view.Title != v.Title || !sameAbout(p.view.About, v.About) {
		p.draw(v)
		p.scroll.Fit()
		return
	}
	p.view = v
	p.choose()
}

func sameGroup(a, b viewmodel.SettingGroup) bool {
	return a.Title == b.Title && a.Sentence == b.Sentence && a.Managed == b.Managed && slices.Equal(a.Buttons, b.Buttons) &&
		slices.EqualFunc(a.Choices, b.Choices, func(a, b viewmodel.SettingChoice) bool {
			return a.Text == b.Text && a.Sentence == b.Sentence
		})
}

func sameAbout(a, b viewmodel.About) bool {
	return a.Title == b.Title && a.Text == b.Text && slices.Equal(a.Facts, b.Facts)
}

// draw makes the page.
func (p *settingsPage) draw(v viewmodel.SettingsView) {
	p.view, p.groups = v, nil
	list := []fyne.CanvasObject{p.d.pageHead(v.Title, v.Back)}
	for i, g := range v.Groups {
		list = append(list, p.group(i, g))
	}
	p.body.Objects = append(list, p.about(v.About))
	p.choose()
	p.body.Refresh()
}

// group is one setting with its choices.
func (p *settingsPage) group(at int, g viewmodel.SettingGroup) fyne.CanvasObject {
	head := column(gapTight, nameText(g.Title))
	if g.Sentence != "" {
		head.Add(quietText(g.Sentence))
	}
	parts := []fyne.CanvasObject{head}
	if g.Managed != "" {
		parts = append(parts, newCallout(viewmodel.ToneInfo, g.Managed))
	}
	group := &choices{picked: -1}
	// What is chosen is what the view says: it changes when the choice holds.
	group.changed = func(i int) {
		choice := p.view.Groups[at].Choices[i]
		p.choose()
		p.d.act(choice.Choose)
	}
	for _, c := range g.Choices {
		group.add(c.Text, c.Sentence, false)
	}
	p.groups = append(p.groups, group)
	parts = append(parts, column(gapTight, group.objects()...))
	if len(g.Buttons) > 0 {
		parts = append(parts, flow(gapSmall, p.d.buttons(g.Buttons)...))
	}
	return newCard(column(gapSmall, parts...))
}

// choose marks what the view says.
func (p *settingsPage) choose() {
	for i, group := range p.groups {
		picked := -1
		for j, c := range p.view.Groups[i].Choices {
			if c.On {
				picked = j
			}
			if row := group.rows[j]; c.Enabled == row.Disabled() {
				if c.Enabled {
					row.Enable()
				} else {
					row.Disable()
				}
			}
		}
		group.pick(picked)
	}
}

// sized marks another size of texts, the last setting.
func (p *settingsPage) sized(scale float64) {
	p.view.Groups = slices.Clone(p.view.Groups)
	p.view.Groups[len(p.view.Groups)-1] = viewmodel.TextSizes(scale, textScales, p.d.config.Say)
	p.choose()
	p.scroll.Fit()
}

func (p *settingsPage) about(a viewmodel.About) fyne.CanvasObject {
	parts := []fyne.CanvasObject{nameText(a.Title)}
	for _, f := range a.Facts {
		parts = append(parts, factRow(f.Name, f.Value))
	}
	if a.Text != "" {
		parts = append(parts, quietText(a.Text))
	}
	return newCard(column(gapSmall, parts...))
}

// pageHead is the title of a page, and the way back.
func (d *Desktop) pageHead(title string, back viewmodel.Button) fyne.CanvasObject {
	return column(gapSmall, flow(0, linkButton(back.Text, func() { d.act(back.Action) })), newText(lookState, title))
}

// buttons are plain ones, but for the primary.
func (d *Desktop) buttons(list []viewmodel.Button) (objects []fyne.CanvasObject) {
	for _, v := range list {
		kind := plainKind
		if v.Primary {
			kind = primaryKind
		}
		b := newButton(kind, v.Text, func() { d.act(v.Action) })
		allow(b, !v.Disabled)
		objects = append(objects, b)
	}
	return objects
}
