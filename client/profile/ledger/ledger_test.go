package ledger

import (
	"reflect"
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/client/profile"
)

// TestLines: every key once, in the file's order, with the first verdict and the
// last value; secrets without theirs.
func TestLines(t *testing.T) {
	t.Parallel()
	var l Ledger
	l.Add("a", "1")
	l.AddSecret("password")
	l.Add("b.x", "2\x1b[31m")
	l.Add("b.y", "3")
	l.Add("a", "one")
	l.Add("c", "4")
	l.Add("d", "5")
	l.Honour("a", "nowhere")
	l.Refuse("a", "too late")
	l.Note("password", "kept")
	l.Approx("c", "nearly")
	l.Lowers("c")
	l.Lowers("nowhere")
	l.Show("c", "four")
	l.Refuse("d", "line one\nline two")
	l.Ignore("not needed", "b.y")
	l.IgnoreUnder("b.", "another part")
	l.Absent("a", "it is there")
	l.Absent("e", "asked for")
	want := []profile.Line{
		{Path: "a", Value: "one", Verdict: profile.Honoured},
		{Path: "password", Value: Hidden, Verdict: profile.Honoured, Note: "kept"},
		{Path: "b.x", Value: "2[31m", Verdict: profile.Ignored, Note: "another part"},
		{Path: "b.y", Value: "3", Verdict: profile.Ignored, Note: "not needed"},
		{Path: "c", Value: "four", Verdict: profile.Approximated, Note: "nearly", Lowers: true},
		{Path: "d", Value: "5", Verdict: profile.Refused, Note: "line one line two"},
		{Path: "e", Value: Missing, Verdict: profile.Approximated, Note: "asked for"},
	}
	if got := l.Lines(); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v\nwant %+v", got, want)
	}
}

// TestUnknown: what nobody asked for is told as that.
func TestUnknown(t *testing.T) {
	t.Parallel()
	var l Ledger
	l.Honour("k")
	if len(l.Lines()) != 0 || l.Has("k") {
		t.Error("a key that was not entered has a line")
	}
	l.Add("k", strings.Repeat("x", 1000))
	got := l.Lines()
	if len(got) != 1 || got[0].Note != Unknown || got[0].Verdict != profile.Ignored || len(got[0].Value) > maxShown || !l.Has("k") {
		t.Errorf("%+v", got)
	}
}
