package desktop

import (
	"fyne.io/fyne/v2"

	"github.com/homeward-vpn/homeward/app/viewmodel"
)

// factLayout puts a label and a value beside each other, the value in a column
// of its own; where there is no room for that, the value goes below.
type factLayout struct{ width float32 }

const (
	factLabel  float32 = 160 // the label's column at a text scale of 1
	factNarrow float32 = 180 // the least that a value needs beside it
)

// factRow is one thing that is known: what it is, and how it is.
func factRow(label, value string) *fyne.Container {
	return &fyne.Container{Layout: &factLayout{}, Objects: []fyne.CanvasObject{quietText(label), bodyText(value)}}
}

func (l *factLayout) column(label *text, width float32) (w float32, beside bool) {
	scale := label.Theme().Size(SizeQuiet) / typeScale[SizeQuiet]
	w = factLabel * scale
	return w, width-w >= factNarrow*scale
}

// Layout implements fyne.Layout.
func (l *factLayout) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	l.width = size.Width
	label, value := objects[0].(*text), objects[1].(*text)
	if w, beside := l.column(label, size.Width); beside {
		label.Move(fyne.Position{})
		label.Resize(fyne.NewSize(w-gapSmall, label.HeightAt(w-gapSmall)))
		value.Move(fyne.NewPos(w, 0))
		value.Resize(fyne.NewSize(size.Width-w, value.HeightAt(size.Width-w)))
		return
	}
	h := label.HeightAt(size.Width)
	label.Move(fyne.Position{})
	label.Resize(fyne.NewSize(size.Width, h))
	value.Move(fyne.NewPos(0, h+2))
	value.Resize(fyne.NewSize(size.Width, value.HeightAt(size.Width)))
}

// MinSize implements fyne.Layout.
func (l *factLayout) MinSize(objects []fyne.CanvasObject) fyne.Size {
	w := widest(objects)
	return fyne.NewSize(w, l.heightAt(objects, max(w, l.width)))
}

func (l *factLayout) heightAt(objects []fyne.CanvasObject, width float32) float32 {
	label, value := objects[0].(*text), objects[1].(*text)
	if w, beside := l.column(label, width); beside {
		return max(label.HeightAt(w-gapSmall), value.HeightAt(width-w))
	}
	return label.HeightAt(width) + 2 + value.HeightAt(width)
}

// factList is facts under each other. Rows stay while their texts change.
type factList struct{ box *fyne.Container }

func newFactList() *factList { return &factList{column(gapSmall)} }

// Set shows other facts; true: there are more or fewer than before.
func (l *factList) Set(facts []viewmodel.Fact) bool {
	changed := len(facts) != len(l.box.Objects)
	for len(l.box.Objects) > len(facts) {
		l.box.Objects = l.box.Objects[:len(l.box.Objects)-1]
	}
	for i, f := range facts {
		if i == len(l.box.Objects) {
			l.box.Objects = append(l.box.Objects, factRow(f.Name, f.Value))
			continue
		}
		row := l.box.Objects[i].(*fyne.Container)
		row.Objects[0].(*text).Set(f.Name)
		row.Objects[1].(*text).Set(f.Value)
	}
	return changed
}
