package desktop

import (
	"fmt"
	"math"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"

	"github.com/homeward-vpn/homeward/app/viewmodel"
)

// many is a list of so many profiles.
func many(n, selected int) (rows []viewmodel.ProfileRow) {
	marks := []viewmodel.Mark{viewmodel.MarkDisconnected, viewmodel.MarkConnected, viewmodel.MarkBlocked, viewmodel.MarkConnecting, viewmodel.MarkNeedsYou}
	for i := range n {
		m := marks[i%len(marks)]
		rows = append(rows, viewmodel.ProfileRow{
			ID: fmt.Sprint(i), Name: fmt.Sprintf("Profile %d", i), State: string(m), Mark: m, Selected: i == selected,
			Select: viewmodel.Action{Kind: viewmodel.ActionSelect, Profile: fmt.Sprint(i)},
		})
	}
	return rows
}

func newTestRows(t testing.TB, n int) *profileRows {
	a := newTestApp(t, theme.VariantLight, 1)
	l := newProfileRows(func(viewmodel.Action) {}, func() {})
	w := a.NewWindow("")
	w.SetPadded(false)
	w.SetContent(l)
	w.Resize(fyne.NewSize(sidebarWidth, 520))
	l.Set(many(n, 0))
	return l
}

// wheel scrolls to a place as the wheel of a mouse does.
func wheel(l *profileRows, to float32) {
	l.scroll.Scrolled(&fyne.ScrollEvent{Scrolled: fyne.Delta{DY: l.scroll.Offset.Y - to}})
}

// TestOnlyVisibleRowsExist, wherever 500 profiles are scrolled to, and each shows
// what belongs there.
func TestOnlyVisibleRowsExist(t *testing.T) {
	l := newTestRows(t, 500)
	pitch := l.rowHeight() + rowGap
	most := int(520/pitch) + 2
	for _, to := range []float32{0, 1, pitch - 1, pitch * 7.5, pitch * 250, pitch * 499, 1e9, 0} {
		wheel(l, to)
		if len(l.pool) > most || len(l.holder.Objects) > most {
			t.Fatalf("scrolled to %.0f there are %d rows, %d would be enough", to, len(l.pool), most)
		}
		top, bottom := l.scroll.Offset.Y, l.scroll.Offset.Y+520
		shown := 0
		for _, row := range l.pool {
			if !row.Visible() {
				continue
			}
			i := int(math.Round(float64((row.Position().Y - rowTop) / pitch)))
			if want := fmt.Sprintf("Profile %d", i); row.name.Text() != want || row.mark.name != string(l.rows[i].Mark) {
				t.Errorf("scrolled to %.0f row %d shows %s with %s, want %s", to, i, row.name.Text(), row.mark.name, want)
			}
			if y := row.Position().Y; y < bottom && y+row.Size().Height > top {
				shown++
			}
		}
		if want := int(520 / pitch); shown < want {
			t.Errorf("scrolled to %.0f only %d rows are seen, want %d", to, shown, want)
		}
	}
}

// TestTheChosenRowIsScrolledTo when it is chosen, and not moved when only its state
// changes.
func TestTheChosenRowIsScrolledTo(t *testing.T) {
	l := newTestRows(t, 500)
	inView := func(i int) bool {
		y := float32(i) * (l.rowHeight() + rowGap)
		return y >= l.scroll.Offset.Y-1 && y+l.rowHeight() <= l.scroll.Offset.Y+l.scroll.Size().Height+2*rowTop
	}
	for _, i := range []int{400, 3, 499, 498, 0} {
		l.Set(many(500, i))
		if !inView(i) {
			t.Errorf("row %d is not seen at %v", i, l.scroll.Offset)
		}
	}
	wheel(l, 5000)
	rows := many(500, 0)
	rows[0].State, rows[0].Mark = "changed", viewmodel.MarkConnected
	l.Set(rows)
	if l.scroll.Offset.Y != 5000 {
		t.Errorf("the list has moved to %.0f under the person's hand", l.scroll.Offset.Y)
	}
}

// TestFewerRows: a list that has become shorter shows nothing of before.
func TestFewerRows(t *testing.T) {
	l := newTestRows(t, 500)
	wheel(l, 1e9)
	l.Set(many(2, 1))
	seen := 0
	for _, row := range l.pool {
		if row.Visible() {
			seen++
		}
	}
	if seen != 2 || l.scroll.Offset.Y != 0 {
		t.Errorf("%d rows at %v", seen, l.scroll.Offset)
	}
	l.Set(nil)
	for _, row := range l.pool {
		if row.Visible() {
			t.Error("a row is left of an empty list")
		}
	}
}

// TestScrollingFillsOnlyWhatComesIn: one notch of the wheel fills one row, not all.
func TestScrollingFillsOnlyWhatComesIn(t *testing.T) {
	l := newTestRows(t, 500)
	pitch := l.rowHeight() + rowGap
	l.bound = 0
	for i := range 100 {
		wheel(l, float32(i+1)*pitch)
	}
	if l.bound > 101 {
		t.Errorf("100 rows came in and %d were filled", l.bound)
	}
}

// BenchmarkScroll500 is one notch of the wheel in a list of 500 profiles: how many
// rows are filled and how long that takes without drawing.
func BenchmarkScroll500(b *testing.B) {
	l := newTestRows(b, 500)
	end := float32(500) * (l.rowHeight() + rowGap)
	l.bound = 0
	y := float32(0)
	for b.Loop() {
		if y += 40; y > end-600 {
			y = 0
		}
		wheel(l, y)
	}
	b.ReportMetric(float64(l.bound)/float64(b.N), "rows/op")
}
