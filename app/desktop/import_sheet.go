package desktop

import (
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"

	"github.com/homeward-vpn/homeward/app/viewmodel"
)

// newImportSheet is what a file wants, before it is taken over: who wrote it, each of its
// connections in plain words, and behind a click what became of each key. Where it lowers
// security, or its author wants something agreed to, the primary button waits for a
// deliberate yes to each. done is called once.
func newImportSheet(v viewmodel.ImportView, done func(accepted bool)) *sheet {
	accept := primaryButton(v.Accept, func() { done(true) })
	refuse := func() { done(false) }
	content := column(gapNormal)
	s := newSheet(v.Title, content, refuse, plainButton(v.Cancel, refuse), accept)
	s.width = sheetWide
	var body []fyne.CanvasObject
	if v.Signed.Text != "" {
		body = append(body, newCallout(v.Signed.Tone, v.Signed.Text))
	}
	for i, c := range v.Connections {
		body = append(body, importConnection(s, c, len(v.Connections) > 1 || !strings.Contains(v.Title, c.Name)))
		if i < len(v.Connections)-1 {
			body = append(body, newRule())
		}
	}
	wanted := 0
	tick := func(c viewmodel.Check) fyne.CanvasObject {
		if !c.On {
			wanted++
		}
		return newTick(c.Text, c.On, func(on bool) {
			if wanted++; on {
				wanted -= 2
			}
			allow(accept, wanted == 0)
		})
	}
	if v.Terms != nil {
		body = append(body, newQuote(v.Terms.Quote), tick(v.Terms.Check))
	}
	if c := v.Consent; c != nil {
		var items []fyne.CanvasObject
		for _, item := range c.Items {
			items = append(items, quietText(item))
		}
		body = append(body, newCallout(viewmodel.ToneWarning, c.Text, items...))
		body = append(body, tick(c.Check))
	}
	allow(accept, wanted == 0)
	content.Objects = body
	return s
}

// importConnection is one connection of the file.
func importConnection(s *sheet, c viewmodel.ImportConnection, named bool) fyne.CanvasObject {
	var facts []fyne.CanvasObject
	if named {
		facts = append(facts, nameText(c.Name))
	}
	for _, f := range c.Facts {
		facts = append(facts, factRow(f.Name, f.Value))
	}
	parts := []fyne.CanvasObject{column(gapSmall, facts...)}
	if c.Replaces != "" {
		parts = append(parts, newCallout(viewmodel.ToneInfo, c.Replaces))
	}
	if len(c.Report) > 0 {
		parts = append(parts, newFold(c.ReportName, func() fyne.CanvasObject { return importReport(c.Report) }, s.Fit))
	}
	return column(gapNormal, parts...)
}

// importReport is what became of each key, group by group.
func importReport(groups []viewmodel.ReportGroup) fyne.CanvasObject {
	var list []fyne.CanvasObject
	for _, g := range groups {
		title := newText(look{size: SizeQuiet, color: toneWords(g.Tone), bold: true}, g.Title)
		lines := []fyne.CanvasObject{title}
		for _, l := range g.Lines {
			lines = append(lines, reportLine(l))
		}
		if g.More != "" {
			lines = append(lines, smallText(g.More))
		}
		list = append(list, column(gapSmall, lines...))
	}
	return newCard(column(gapNormal, list...))
}

// reportLine is one key: what it is called and says, and what was made of it.
func reportLine(l viewmodel.ReportLine) fyne.CanvasObject {
	key := l.Key
	if l.Value != "" {
		key += " = " + l.Value
	}
	color := theme.ColorNameForeground
	if l.Lowers {
		color = ColorWorking
	}
	parts := []fyne.CanvasObject{newText(look{size: SizeSmall, color: color, mono: true}, key)}
	if l.Note != "" {
		parts = append(parts, smallText(l.Note))
	}
	return column(2, parts...)
}

// toneWords is the colour of words in a tone: the usual one where there is none.
func toneWords(t viewmodel.Tone) fyne.ThemeColorName {
	if t == viewmodel.ToneInfo || t == "" {
		return theme.ColorNameForeground
	}
	return toneOf(t).color
}
