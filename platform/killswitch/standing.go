package killswitch

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// standing is a table as the kernel has it, or is to have it: one line for each
// thing, in an order that both give. The lines are for comparing and for saying
// what differs; text.go has the words for people.
type standing struct {
	lines []string
	note  string // the fingerprint that Set left in the kernel
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

// difference says what got has, or lacks, against s.
func (s *standing) difference(got *standing) error {
	want, have := map[string]bool{}, map[string]bool{}
	for _, l := range s.lines {
		want[l] = true
	}
	for _, l := range got.lines {
		have[l] = true
		if !want[l] {
			return &AlteredError{What: "there is " + l}
		}
	}
	for _, l := range s.lines {
		if !have[l] {
			return &AlteredError{What: "there is no " + l}
		}
	}
	return got.intact()
}
