package mobileconfig

import (
	"fmt"
	"slices"
	"strings"

	"github.com/homeward-vpn/homeward/client/profile"
)

// section is one dictionary under watch: each key that is asked for gets a
// line, and rest gives one to every key that nobody asked for.
type section struct {
	path  string // put before each key: "IKEv2."
	dict  *value
	told  map[string]bool
	lines []profile.Line
}

// newSection watches v; nil or another kind counts as an empty dictionary.
func newSection(path string, v *value) *section {
	if v == nil || v.kind != kindDict {
		v = &value{kind: kindDict}
	}
	return &section{path: path, dict: v, told: map[string]bool{}}
}

// get gives a key's value, or nil.
func (s *section) get(key string) *value { return s.dict.dict[key] }

// text gives a key's text without white space around it, or "".
func (s *section) text(key string) string {
	v := s.get(key)
	if v == nil {
		return ""
	}
	t, _ := v.asText()
	return strings.TrimSpace(t)
}

// flag gives a switch's position, or def where it is absent or no switch.
func (s *section) flag(key string, def bool) bool {
	v := s.get(key)
	if v == nil {
		return def
	}
	b, ok := v.asBool()
	if !ok {
		return def
	}
	return b
}

// tell adds a key's line. A key that is absent or was told before gets none,
// so the first verdict stands.
func (s *section) tell(key string, verdict profile.Verdict, note string) {
	v := s.get(key)
	if v == nil || s.told[key] {
		return
	}
	s.told[key] = true
	s.lines = appendTree(s.lines, s.path+profile.CleanText(key, maxShown), v, verdict, note, secretKey(key))
}

// tellAs is tell with a value of its own, for what a person can make nothing of.
func (s *section) tellAs(key, shown string, verdict profile.Verdict, note string) {
	if s.get(key) == nil || s.told[key] {
		return
	}
	s.told[key] = true
	s.lines = append(s.lines, profile.Line{Path: s.path + key, Value: shown, Verdict: verdict, Note: note})
}

// absent adds a line for a key that the file does not have, where a person
// should know what that means.
func (s *section) absent(key, note string) {
	if s.get(key) == nil {
		s.lines = append(s.lines, profile.Line{Path: s.path + key, Value: missing, Verdict: profile.Approximated, Note: note})
	}
}

// missing stands in the report for a value that is not in the file.
const missing = "not in the file"

func (s *section) honour(key, note string) { s.tell(key, profile.Honoured, note) }
func (s *section) approx(key, note string) { s.tell(key, profile.Approximated, note) }
func (s *section) ignore(key, note string) { s.tell(key, profile.Ignored, note) }
func (s *section) refuse(key, note string) { s.tell(key, profile.Refused, note) }

// ignoreAll says the same of several keys.
func (s *section) ignoreAll(note string, keys ...string) {
	for _, k := range keys {
		s.ignore(k, note)
	}
}

// lowers marks a key's line, which was told before, as one that lowers
// security.
func (s *section) lowers(key string) {
	for i := range s.lines {
		if s.lines[i].Path == s.path+key {
			s.lines[i].Lowers = true
		}
	}
}

// rest tells of every key that is left.
func (s *section) rest(note string) {
	for _, k := range s.dict.keys {
		s.ignore(k, note)
	}
}

// unknown is the note of a key that no code asked for.
const unknown = "not known to this version"

// appendTree adds the line of one key and, where its value holds dictionaries,
// a line for each key inside. The note stands at the top only.
func appendTree(lines []profile.Line, path string, v *value, verdict profile.Verdict, note string, secret bool) []profile.Line {
	line := profile.Line{Path: path, Value: v.show(), Verdict: verdict, Note: note}
	if secret {
		line.Value = hidden
	}
	lines = append(lines, line)
	return appendInner(lines, path, v, verdict, secret)
}

func appendInner(lines []profile.Line, path string, v *value, verdict profile.Verdict, secret bool) []profile.Line {
	switch v.kind {
	case kindDict:
		for _, k := range v.keys {
			lines = appendTree(lines, path+"."+profile.CleanText(k, maxShown), v.dict[k], verdict, "", secret || secretKey(k))
		}
	case kindArray:
		for i, e := range v.list {
			if e.kind == kindDict || e.kind == kindArray {
				lines = appendInner(lines, fmt.Sprintf("%s[%d]", path, i), e, verdict, secret)
			}
		}
	}
	return lines
}

// hidden stands in the report in place of a secret.
const hidden = "hidden"

// secretWords are found in the names of keys whose values are not shown,
// wherever in a file they stand.
var secretWords = []string{"password", "passcode", "passphrase", "secret", "challenge", "token", "psk", "privatekey"}

func secretKey(key string) bool {
	lower := strings.ToLower(key)
	return lower == "ppk" || lower == "pin" ||
		slices.ContainsFunc(secretWords, func(w string) bool { return strings.Contains(lower, w) })
}
