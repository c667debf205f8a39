package desktop

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"
)

// Fyne asks an object for one smallest size, but a text that wraps has as many
// as there are widths. The layouts here ask for the height at a width instead,
// from the top down, so that one pass puts everything in its place and nothing
// is cut or overlaps, however long a text is.

// Distances, in steps of 4.
const (
	gapTight  float32 = 4
	gapSmall  float32 = 8
	gapNormal float32 = 16
	gapLarge  float32 = 24
)

// flexible is an object whose height follows from its width.
type flexible interface {
	HeightAt(width float32) float32
}

// flexibleLayout is a layout that can tell the height at a width.
type flexibleLayout interface {
	heightAt(objects []fyne.CanvasObject, width float32) float32
}

// heightAt is how high the object must be to show all of itself at a width.
func heightAt(o fyne.CanvasObject, width float32) float32 {
	switch o := o.(type) {
	case flexible:
		return o.HeightAt(width)
	case *fyne.Container:
		if l, ok := o.Layout.(flexibleLayout); ok {
			return l.heightAt(o.Objects, width)
		}
	}
	return o.MinSize().Height
}

// widest is the largest smallest width among the visible.
func widest(objects []fyne.CanvasObject) (w float32) {
	for _, o := range objects {
		if o.Visible() {
			w = max(w, o.MinSize().Width)
		}
	}
	return w
}

// columnLayout puts objects under each other, each as wide as there is room.
type columnLayout struct {
	gap   float32
	width float32 // the last that was laid out, for MinSize
}

// column is a container of objects under each other.
func column(gap float32, objects ...fyne.CanvasObject) *fyne.Container {
	return &fyne.Container{Layout: &columnLayout{gap: gap}, Objects: objects}
}

// Layout implements fyne.Layout.
func (l *columnLayout) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	l.width = size.Width
	y := float32(0)
	for _, o := range objects {
		if !o.Visible() {
			continue
		}
		h := heightAt(o, size.Width)
		o.Move(fyne.NewPos(0, y))
		o.Resize(fyne.NewSize(size.Width, h))
		if h > 0 {
			y += h + l.gap
		}
	}
}

// MinSize implements fyne.Layout: at the width of before, as far as there was one.
func (l *columnLayout) MinSize(objects []fyne.CanvasObject) fyne.Size {
	w := widest(objects)
	return fyne.NewSize(w, l.heightAt(objects, max(w, l.width)))
}

func (l *columnLayout) heightAt(objects []fyne.CanvasObject, width float32) (all float32) {
	for _, o := range objects {
		if !o.Visible() {
			continue
		}
		h := heightAt(o, width)
		if h > 0 && all > 0 {
			all += l.gap
		}
		all += h
	}
	return all
}

// insetLayout fills itself with all but the last object, and puts that one
// inside.
type insetLayout struct {
	across, down float32
	width        float32
}

// inset is a container that keeps a distance around an object.
func inset(across, down float32, o fyne.CanvasObject) *fyne.Container {
	return &fyne.Container{Layout: &insetLayout{across: across, down: down}, Objects: []fyne.CanvasObject{o}}
}

// Layout implements fyne.Layout.
func (l *insetLayout) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	l.width = size.Width
	last := len(objects) - 1
	for _, o := range objects[:last] {
		o.Move(fyne.Position{})
		o.Resize(size)
	}
	objects[last].Move(fyne.NewPos(l.across, l.down))
	objects[last].Resize(size.SubtractWidthHeight(2*l.across, 2*l.down))
}

// MinSize implements fyne.Layout.
func (l *insetLayout) MinSize(objects []fyne.CanvasObject) fyne.Size {
	w := objects[len(objects)-1].MinSize().Width + 2*l.across
	return fyne.NewSize(w, l.heightAt(objects, max(w, l.width)))
}

func (l *insetLayout) heightAt(objects []fyne.CanvasObject, width float32) float32 {
	return heightAt(objects[len(objects)-1], width-2*l.across) + 2*l.down
}

// spreadLayout puts the first object at the left, as wide as there is room,
// and the second at the right, in the middle of the first's height. Where the
// first would get too narrow to read, the second goes below it.
type spreadLayout struct {
	gap      float32
	narrow   float32 // the least that the first needs beside the second, at a text scale of 1
	width    float32
	reversed bool // the second object comes first, and is at its top: a mark
}

// spread is a container of something to read and, at its right, something to use.
func spread(left, right fyne.CanvasObject) *fyne.Container {
	return &fyne.Container{Layout: &spreadLayout{gap: gapNormal, narrow: 160}, Objects: []fyne.CanvasObject{left, right}}
}

// marked is a container of something small and, at its right, what it stands for.
func marked(mark, what fyne.CanvasObject) *fyne.Container {
	return &fyne.Container{Layout: &spreadLayout{gap: gapSmall, reversed: true}, Objects: []fyne.CanvasObject{what, mark}}
}

func (l *spreadLayout) beside(objects []fyne.CanvasObject, width float32) (first float32, ok bool) {
	if !objects[1].Visible() {
		return width, true
	}
	first = width - objects[1].MinSize().Width - l.gap
	return first, first >= l.narrow*theme.TextSize()/typeScale[theme.SizeNameText]
}

// Layout implements fyne.Layout.
func (l *spreadLayout) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	l.width = size.Width
	first, second := objects[0], objects[1]
	w, beside := l.beside(objects, size.Width)
	least := second.MinSize()
	x, y := w+l.gap, max(0, (size.Height-least.Height)/2)
	if !beside {
		w = size.Width
		x, y = 0, heightAt(first, w)+l.gap
	}
	at := fyne.Position{}
	if l.reversed {
		at.X, x, y = size.Width-w, 0, 0
	}
	h := heightAt(first, w)
	if beside && !l.reversed {
		at.Y = max(0, (size.Height-h)/2)
	}
	if l.reversed {
		y = max(0, (firstLine(first)-least.Height)/2)
		at.Y = max(0, (least.Height-firstLine(first))/2)
	}
	first.Move(at)
	first.Resize(fyne.NewSize(w, h))
	second.Move(fyne.NewPos(x, y))
	second.Resize(least)
}

// firstLine is how high the first line of something is, which a mark is beside.
func firstLine(o fyne.CanvasObject) float32 {
	switch o := o.(type) {
	case *text:
		return lineHeight(o, o.seg.Style.SizeName)
	case *fyne.Container:
		if len(o.Objects) > 0 {
			return firstLine(o.Objects[0])
		}
	}
	return o.MinSize().Height
}

// MinSize implements fyne.Layout.
func (l *spreadLayout) MinSize(objects []fyne.CanvasObject) fyne.Size {
	w := widest(objects)
	if l.reversed && objects[1].Visible() {
		w = objects[0].MinSize().Width + l.gap + objects[1].MinSize().Width
	}
	return fyne.NewSize(w, l.heightAt(objects, max(w, l.width)))
}

func (l *spreadLayout) heightAt(objects []fyne.CanvasObject, width float32) float32 {
	w, beside := l.beside(objects, width)
	if !objects[1].Visible() {
		return heightAt(objects[0], width)
	}
	least := objects[1].MinSize().Height
	switch {
	case !beside:
		return heightAt(objects[0], width) + l.gap + least
	case l.reversed:
		return max(0, (least-firstLine(objects[0]))/2) + heightAt(objects[0], w)
	}
	return max(heightAt(objects[0], w), least)
}

// flowLayout puts objects beside each other and goes on below where the row is
// full; an object that is wider than the row gets the row.
type flowLayout struct {
	gap    float32
	end    bool // rows end at the right
	middle bool // rows are in the middle
	width  float32
}

// flow is a container of small things beside each other: buttons.
func flow(gap float32, objects ...fyne.CanvasObject) *fyne.Container {
	return &fyne.Container{Layout: &flowLayout{gap: gap}, Objects: objects}
}

// flowEnd is flow at the right: the buttons of a sheet.
func flowEnd(gap float32, objects ...fyne.CanvasObject) *fyne.Container {
	return &fyne.Container{Layout: &flowLayout{gap: gap, end: true}, Objects: objects}
}

// place calls put with the place of each visible object, and gives the height.
func (l *flowLayout) place(objects []fyne.CanvasObject, width float32, put func(fyne.CanvasObject, fyne.Position, fyne.Size)) float32 {
	type placed struct {
		o    fyne.CanvasObject
		x    float32
		size fyne.Size
	}
	var row []placed
	x, y, high := float32(0), float32(0), float32(0)
	finish := func() {
		shift := float32(0)
		switch left := width - (x - l.gap); {
		case l.end:
			shift = left
		case l.middle:
			shift = left / 2
		}
		for _, p := range row {
			put(p.o, fyne.NewPos(p.x+shift, y+(high-p.size.Height)/2), p.size)
		}
		row = row[:0]
	}
	for _, o := range objects {
		if !o.Visible() {
			continue
		}
		w := min(o.MinSize().Width, width)
		size := fyne.NewSize(w, heightAt(o, w))
		if len(row) > 0 && x+w > width {
			finish()
			x, y, high = 0, y+high+l.gap, 0
		}
		row = append(row, placed{o, x, size})
		x, high = x+w+l.gap, max(high, size.Height)
	}
	finish()
	return y + high
}

// Layout implements fyne.Layout.
func (l *flowLayout) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	l.width = size.Width
	l.place(objects, size.Width, func(o fyne.CanvasObject, at fyne.Position, size fyne.Size) {
		o.Move(at)
		o.Resize(size)
	})
}

// MinSize implements fyne.Layout.
func (l *flowLayout) MinSize(objects []fyne.CanvasObject) fyne.Size {
	w := widest(objects)
	return fyne.NewSize(w, l.heightAt(objects, max(w, l.width)))
}

func (l *flowLayout) heightAt(objects []fyne.CanvasObject, width float32) float32 {
	return l.place(objects, width, func(fyne.CanvasObject, fyne.Position, fyne.Size) {})
}
