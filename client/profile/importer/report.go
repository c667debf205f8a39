package importer

import (
	"fmt"
	"slices"
	"strings"

	"github.com/homeward-vpn/homeward/client/profile"
)

// The texts that stand in reports of every format.
const (
	Unknown = "not known to this version" // of a key that no code asked for
	Missing = "not in the file"           // in place of a value
	Hidden  = "hidden"                    // in place of a secret
)

// Report has one line for each key of a file, in the file's order. A format
// first adds all the keys it finds; then the code that uses one says what
// became of it. The first verdict stands; a key that nobody spoke of is
// ignored as unknown.
type Report struct {
	lines  []profile.Line
	told   []bool
	at     map[string]int
	first  map[string]int // of the keys below each beginning of a path
	twins  map[string]int // how often a path was added
	absent []profile.Line
}

// maxPath bounds a key's path, in bytes.
const maxPath = 512

// NewReport has no keys.
func NewReport() *Report {
	return &Report{at: map[string]int{}, first: map[string]int{}, twins: map[string]int{}}
}

// Add adds a key, and gives its path in the report, which has a number behind
// it where the key came before. The value of one that is called a secret is
// never shown.
func (r *Report) Add(path, value string) string {
	path = profile.CleanText(path, maxPath)
	shown := profile.CleanText(value, MaxShown)
	if SecretKey(path) && value != "" {
		shown = Hidden
	}
	unique := path
	for r.twins[path]++; ; r.twins[path]++ {
		if _, taken := r.at[unique]; !taken {
			break
		}
		unique = fmt.Sprintf("%s[%d]", path, r.twins[path])
	}
	for i := range unique {
		if _, have := r.first[unique[:i]]; !have && strings.IndexByte(".[@", unique[i]) >= 0 {
			r.first[unique[:i]] = len(r.lines)
		}
	}
	r.at[unique] = len(r.lines)
	r.lines = append(r.lines, profile.Line{Path: unique, Value: shown, Verdict: profile.Ignored, Note: Unknown})
	r.told = append(r.told, false)
	return unique
}

// Has says whether the file has the key.
func (r *Report) Has(path string) bool { _, ok := r.at[path]; return ok }

// Tell says what became of a key. One that the file does not have gets no line.
func (r *Report) Tell(path string, verdict profile.Verdict, note string) {
	i, ok := r.at[path]
	if !ok || r.told[i] {
		return
	}
	r.told[i] = true
	r.lines[i].Verdict, r.lines[i].Note = verdict, note
}

// Honour tells a key that was taken over as it stands.
func (r *Report) Honour(path, note string) { r.Tell(path, profile.Honoured, note) }

// Approx tells a key that was taken over in Homeward's own way.
func (r *Report) Approx(path, note string) { r.Tell(path, profile.Approximated, note) }

// Ignore tells a key that is not needed here.
func (r *Report) Ignore(path, note string) { r.Tell(path, profile.Ignored, note) }

// Refuse tells a key that was left out on purpose.
func (r *Report) Refuse(path, note string) { r.Tell(path, profile.Refused, note) }

// IgnoreAll says the same of several keys.
func (r *Report) IgnoreAll(note string, paths ...string) {
	for _, p := range paths {
		r.Ignore(p, note)
	}
}

// Under tells every key at or below a path of which nothing was said yet. They
// stand together in the file. The note stands at the first.
func (r *Report) Under(path string, verdict profile.Verdict, note string) {
	i, ok := r.at[path]
	if !ok {
		if i, ok = r.first[path]; !ok {
			return
		}
	}
	for ; i < len(r.lines) && below(r.lines[i].Path, path); i++ {
		if !r.told[i] {
			r.Tell(r.lines[i].Path, verdict, note)
			note = ""
		}
	}
}

// Rest tells every key of which nothing was said yet.
func (r *Report) Rest(verdict profile.Verdict, note string) {
	for _, l := range r.lines {
		r.Tell(l.Path, verdict, note)
	}
}

func below(path, top string) bool {
	rest, ok := strings.CutPrefix(path, top)
	return ok && (rest == "" || strings.IndexByte(".[@", rest[0]) >= 0)
}

// Lowers marks a key that lowers security, which wants a yes.
func (r *Report) Lowers(path string) {
	if i, ok := r.at[path]; ok {
		r.lines[i].Lowers = true
	}
}

// Show replaces the value of a key that a person could make nothing of.
func (r *Report) Show(path, value string) {
	if i, ok := r.at[path]; ok {
		r.lines[i].Value = profile.CleanText(value, 4*MaxShown)
	}
}

// Secret hides the value of a key whose name does not say that it is one.
func (r *Report) Secret(path string) {
	if i, ok := r.at[path]; ok && r.lines[i].Value != "" {
		r.lines[i].Value = Hidden
	}
}

// Absent adds a line for what the file does not say, where a person should know
// what that means. What the file has a key for gets none.
func (r *Report) Absent(what, note string) {
	said := func(l profile.Line) bool { return l.Path == what }
	if !r.Has(what) && !slices.ContainsFunc(r.absent, said) {
		r.absent = append(r.absent, profile.Line{Path: what, Value: Missing, Verdict: profile.Approximated, Note: note})
	}
}

// Lines gives the report: the keys in the file's order, then what it lacks.
func (r *Report) Lines() []profile.Line { return slices.Concat(r.lines, r.absent) }

// secretWords are found in the names of keys whose values are not shown.
var secretWords = []string{"password", "passcode", "passphrase", "secret", "challenge", "token", "psk", "presharedkey", "privatekey", "pkcs12"}

// SecretKey says that the last part of a path names a secret.
func SecretKey(path string) bool {
	key := strings.ToLower(path[strings.LastIndexByte(path, '.')+1:])
	return key == "ppk" || key == "pin" || slices.ContainsFunc(secretWords, func(w string) bool { return strings.Contains(key, w) })
}
