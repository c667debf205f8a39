package iketest

import (
	"fmt"
	"strings"
	"time"
)

// Epoch is when virtual time starts.
var Epoch = time.Date(2031, time.March, 3, 9, 0, 0, 0, time.UTC)

// Transcript is what happened in a test, in order. The zero value is ready.
type Transcript struct{ lines []string }

// Add writes one line with the virtual time since Epoch.
func (t *Transcript) Add(now time.Time, format string, args ...any) {
	t.lines = append(t.lines, fmt.Sprintf("%10.3fs  %s", now.Sub(Epoch).Seconds(), fmt.Sprintf(format, args...)))
}

// Mark draws a line with a title, to find one's way.
func (t *Transcript) Mark(title string) { t.lines = append(t.lines, "---- "+title) }

// Keep forgets all but the newest lines, once there are twice as many.
func (t *Transcript) Keep(lines int) {
	if len(t.lines) > 2*lines {
		t.lines = append([]string(nil), t.lines[len(t.lines)-lines:]...)
	}
}

// String gives the whole transcript, one line each.
func (t *Transcript) String() string { return strings.Join(t.lines, "\n") }

// Count tells how many lines contain the text.
func (t *Transcript) Count(text string) int {
	n := 0
	for _, l := range t.lines {
		if strings.Contains(l, text) {
			n++
		}
	}
	return n
}
