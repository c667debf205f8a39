package viewmodel

import (
	"strings"
	"time"

	"github.com/homeward-vpn/homeward/client/control"
)

// LogFilter narrows the log.
type LogFilter struct {
	Text  string // letter case aside; all of its words
	Level string // a LogLevel's ID; empty: everything
}

// mostLogRows bounds the page to the newest entries.
const mostLogRows = 2000

// The levels of the service's log, the least first.
var logLevels = []string{"DEBUG", "INFO", "WARN", "ERROR"}

// Log makes the log page of the entries that the service has given, oldest first.
func Log(entries []control.LogEntry, f LogFilter, now time.Time, say Say) LogView {
	t := texts{say: say, now: now}
	v := LogView{
		Title: t.s("log.title"), Filter: t.s("log.filter"), Empty: t.s("log.empty"), Follow: t.s("log.follow"),
		Back: Button{Text: t.s("button.back"), Action: Action{Kind: ActionShowMain}},
		Copy: Button{Text: t.s("report.copy"), Action: Action{Kind: ActionCopyReport}},
	}
	for _, l := range []string{"", "INFO", "WARN", "ERROR"} {
		key := "log.level." + strings.ToLower(l)
		if l == "" {
			key = "log.level.all"
		}
		v.Levels = append(v.Levels, LogLevel{ID: l, Text: t.s(key)})
	}
	words := strings.Fields(strings.ToLower(f.Text))
	shown := 0
	for _, e := range entries {
		if !fits(e, words, f.Level) {
			continue
		}
		shown++
		v.Rows = append(v.Rows, t.logRow(e))
		if len(v.Rows) > 2*mostLogRows {
			v.Rows = append(v.Rows[:0], v.Rows[len(v.Rows)-mostLogRows:]...)
		}
	}
	if len(v.Rows) > mostLogRows {
		v.Rows = v.Rows[len(v.Rows)-mostLogRows:]
	}
	v.Count = t.with("log.count", data{"Shown": t.number(uint64(shown)), "All": t.number(uint64(len(entries))), "Count": len(entries)})
	return v
}

func fits(e control.LogEntry, words []string, level string) bool {
	if rank(e.Level) < rank(level) {
		return false
	}
	if len(words) == 0 {
		return true
	}
	text := strings.ToLower(e.Message + " " + e.Attrs + " " + e.Level)
	for _, w := range words {
		if !strings.Contains(text, w) {
			return false
		}
	}
	return true
}

// rank orders levels; one that is unknown matters.
func rank(level string) int {
	if level == "" {
		return -1
	}
	for i, l := range logLevels {
		if strings.EqualFold(level, l) {
			return i
		}
	}
	return len(logLevels)
}

func (t texts) logRow(e control.LogEntry) LogRow {
	when := e.Time.In(t.now.Location())
	row := LogRow{Time: when.Format("15:04:05"), Level: Clean(e.Level, 16), Tone: ToneInfo, Text: Clean(e.Message, maxWords), Attrs: Clean(e.Attrs, MaxText)}
	if daysBetween(when, t.now) != 0 {
		row.Time = when.Format("2006-01-02 15:04:05")
	}
	switch rank(e.Level) {
	case 2:
		row.Tone = ToneWarning
	case 3, 4:
		row.Tone = ToneBad
	}
	return row
}
