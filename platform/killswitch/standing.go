package killswitch

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
)

// standing is a table as the kernel has it, or is to have it: one line for each
// thing, in an order that both give. The lines are for comparing and for saying
// what differs; text.go has the words for people.
type standing struct {
	lines []string
	note  string // the fingerprint that Set left in the kernel
	// generation is the number of the last change of the firewall, by anybody; 0
	// where it was not still while the table was read.
	generation uint32
}

// same says whether two are one table, and there is one.
func (s *standing) same(o *standing) bool {
	return s != nil && o != nil && s.note == o.note && slices.Equal(s.lines, o.lines)
}

// fingerprint of the lines. It finds what was changed by mistake or by another
// program; who changes rules on purpose can change the note, too.
func (s *standing) fingerprint() string {
	h := sha256.Sum256([]byte(strings.Join(s.lines, "\n")))
	return noteBegins + hex.EncodeToString(h[:16])
}

const noteBegins = "homeward "

// isNote tells the note from the comments of rules.
func isNote(comment string) bool { return strings.HasPrefix(comment, noteBegins) }

// intact says whether the table is what the process that made it noted.
func (s *standing) intact() error {
	switch s.note {
	case "":
		return &AlteredError{What: "there is no note of what was set"}
	case s.fingerprint():
		return nil
	}
	return &AlteredError{What: "they differ from the note of what was set"}
}

// difference says what got has, or lacks, against s. Both are sorted, so that
// the first line that differs is in one of them alone.
func (s *standing) difference(got *standing) error {
	for i, l := range got.lines {
		switch {
		case i >= len(s.lines) || l < s.lines[i]:
			return &AlteredError{What: "there is " + brief(l)}
		case l > s.lines[i]:
			return &AlteredError{What: "there is no " + brief(s.lines[i])}
		}
	}
	if len(s.lines) > len(got.lines) {
		return &AlteredError{What: "there is no " + brief(s.lines[len(got.lines)])}
	}
	return got.intact()
}

// brief is a line for a log: a set may hold very much.
func brief(line string) string {
	const enough = 300
	if len(line) > enough {
		return line[:enough] + "..."
	}
	return line
}
