package profiletest

import (
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/client/profile"
)

// Told wants a verdict of a key in a report, and words of its note. The line is given
// back.
func Told(t testing.TB, report []profile.Line, path string, verdict profile.Verdict, words string) profile.Line {
	t.Helper()
	for _, l := range report {
		if l.Path != path {
			continue
		}
		if l.Verdict != verdict || !strings.Contains(l.Note, words) {
			t.Errorf("%s = %q is %s (%s), want %s (%s)", path, l.Value, l.Verdict, l.Note, verdict, words)
		}
		return l
	}
	t.Errorf("the report has no line for %s: %+v", path, report)
	return profile.Line{}
}
