package importer

import (
	"errors"
	"fmt"
	"strings"

	"github.com/homeward-vpn/homeward/client/profile"
)

// Entry is one connection of a file: taken over, or the reason why not.
type Entry struct {
	Path     string // where it stands in the file
	Name     string
	Imported *profile.Imported // nil: not taken over
	Err      error             // why
}

// maxEntries bounds the connections of one file.
const maxEntries = 256

// Join gives the connections of a file that were taken over, each valid, with
// names that differ, and with the others in its report. Where none is left, the
// error is that of the first.
func Join(entries []Entry) ([]profile.Imported, error) {
	if len(entries) > maxEntries {
		return nil, Damaged("the file holds more than %d connections, which no profile does", maxEntries)
	}
	var first error
	names := map[string]int{}
	for i := range entries {
		if e := &entries[i]; e.Imported != nil {
			e.Err = finish(e.Imported, names)
		}
		if first == nil {
			first = entries[i].Err
		}
	}
	// Only now is it known of each whether it is left out.
	var done []profile.Imported
	for i, e := range entries {
		if e.Err == nil {
			e.Imported.Report = append(e.Imported.Report, others(entries, i)...)
			done = append(done, *e.Imported)
		}
	}
	if len(done) == 0 {
		return nil, first
	}
	return done, nil
}

// others tells of the file's other connections, in a report that has some lines.
func others(entries []Entry, own int) (lines []profile.Line) {
	taken, twins := map[string]bool{}, map[string]int{}
	for _, l := range entries[own].Imported.Report {
		taken[l.Path] = true
	}
	for i, e := range entries {
		if i == own {
			continue
		}
		path := e.Path
		for twins[e.Path]++; taken[path]; twins[e.Path]++ {
			path = fmt.Sprintf("%s[%d]", e.Path, twins[e.Path]+1)
		}
		taken[path] = true
		line := profile.Line{Path: path, Value: profile.CleanText(e.Name, MaxShown), Verdict: profile.Ignored, Note: "another connection of this file, reported on its own"}
		if e.Err != nil {
			line.Verdict, line.Note = profile.Refused, e.Err.Error()
		}
		lines = append(lines, line)
	}
	return lines
}

// finish makes the name one that no other connection of the file has, and holds
// the profile against the model.
func finish(im *profile.Imported, names map[string]int) error {
	p := &im.Profile
	folded := strings.ToLower(p.Name)
	names[folded]++
	if n := names[folded]; n > 1 {
		suffix := fmt.Sprintf(" %d", n)
		p.Name = profile.CleanText(p.Name, profile.MaxName-len(suffix)) + suffix
		p.Origin.Identifier = profile.CleanText(p.Origin.Identifier+suffix, MaxIdentifier)
	}
	err := p.Validate()
	var invalid *profile.InvalidError
	if !errors.As(err, &invalid) {
		return err
	}
	im.Secrets.Clear()
	e := Unsupported("the connection %s cannot be used: %s", Quote(p.Name), invalid.Field+" "+profile.CleanText(invalid.Reason, MaxShown))
	e.Err = err
	return e
}
