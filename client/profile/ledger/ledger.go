// Package ledger keeps the account of an import: each key of a file is entered
// once, in the file's order, and gets a verdict when the importer has used it.
// What nobody used is told as unknown, so that no key can be forgotten.
//
// The package owns the rule that a key has one line and that a secret has no
// value in it. It never reads a file and decides nothing. Importers call it; a
// Ledger is for one connection and one goroutine.
package ledger

import (
	"strings"

	"github.com/homeward-vpn/homeward/client/profile"
)

// What stands in a report in place of a value.
const (
	Hidden  = "hidden"          // it is a secret
	Missing = "not in the file" // there is none
)

// Unknown is the note of a key that no code asked for.
const Unknown = "not known to this version"

// maxShown bounds a value and a path in the report, in bytes.
const maxShown = 200

// Ledger is the account of one connection's keys.
type Ledger struct {
	lines []profile.Line
	at    map[string]int // of a path, in lines
	said  map[string]bool
	after []profile.Line // what the file does not have
}

// Add enters a key. A path that was entered before keeps its line, with the value
// that counts, the later one.
func (l *Ledger) Add(path, value string) { l.add(path, profile.CleanText(value, maxShown)) }

// AddSecret enters a key whose value is not shown.
func (l *Ledger) AddSecret(path string) { l.add(path, Hidden) }

func (l *Ledger) add(path, value string) {
	if i, have := l.at[path]; have {
		l.lines[i].Value = value
		return
	}
	if l.at == nil {
		l.at, l.said = map[string]int{}, map[string]bool{}
	}
	l.at[path] = len(l.lines)
	l.lines = append(l.lines, profile.Line{
		Path: profile.CleanText(path, maxShown), Value: value, Verdict: profile.Ignored, Note: Unknown,
	})
}

// Has says whether the key was entered.
func (l *Ledger) Has(path string) bool { _, have := l.at[path]; return have }

// Tell gives a key its verdict. One that was not entered gets none, and one that
// was told before keeps what was said first.
func (l *Ledger) Tell(path string, verdict profile.Verdict, note string) {
	i, have := l.at[path]
	if !have || l.said[path] {
		return
	}
	l.said[path] = true
	l.lines[i].Verdict, l.lines[i].Note = verdict, note
}

// Honour tells that the keys were taken over as they stand.
func (l *Ledger) Honour(paths ...string) {
	for _, p := range paths {
		l.Tell(p, profile.Honoured, "")
	}
}

// Note tells that a key was taken over as it stands, and what that means.
func (l *Ledger) Note(path, note string) { l.Tell(path, profile.Honoured, note) }

// Approx tells that a key was taken over in Homeward's own way.
func (l *Ledger) Approx(path, note string) { l.Tell(path, profile.Approximated, note) }

// Refuse tells that a key was not taken over on purpose.
func (l *Ledger) Refuse(path, note string) { l.Tell(path, profile.Refused, note) }

// Ignore says the same of several keys that are not needed.
func (l *Ledger) Ignore(note string, paths ...string) {
	for _, p := range paths {
		l.Tell(p, profile.Ignored, note)
	}
}

// IgnoreUnder says the same of every key whose path begins so, where nothing was
// said of it yet.
func (l *Ledger) IgnoreUnder(prefix, note string) {
	for path := range l.at {
		if strings.HasPrefix(path, prefix) {
			l.Tell(path, profile.Ignored, note)
		}
	}
}

// Lowers marks a key, which was told before, as one that lowers security.
func (l *Ledger) Lowers(path string) {
	if i, have := l.at[path]; have {
		l.lines[i].Lowers = true
	}
}

// Show replaces the value of a key by what a person can make more of.
func (l *Ledger) Show(path, value string) {
	if i, have := l.at[path]; have {
		l.lines[i].Value = profile.CleanText(value, maxShown)
	}
}

// Absent tells what is done where a key that a person should know of is not in the
// file. A key that was entered gets no such line.
func (l *Ledger) Absent(path, note string) {
	if !l.Has(path) {
		l.after = append(l.after, profile.Line{Path: path, Value: Missing, Verdict: profile.Approximated, Note: note})
	}
}

// Lines is the report: the keys in the file's order, then what it does not have.
// Notes are one printable line, whatever of the file's text went into them.
func (l *Ledger) Lines() []profile.Line {
	lines := make([]profile.Line, 0, len(l.lines)+len(l.after))
	lines = append(append(lines, l.lines...), l.after...)
	for i := range lines {
		lines[i].Note = profile.CleanText(lines[i].Note, 4*maxShown)
	}
	return lines
}
