package profile

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// ExportOptions is what may leave with a profile that is written in a foreign
// format. The zero value writes no secret.
type ExportOptions struct {
	// Secrets are written where the format has a place for them: the file opens
	// the door to whoever has it. The exporter keeps no copy.
	Secrets Secrets
	// Password protects a private key in the file. A key without one is not written.
	Password []byte
}

// ExportError says why a profile cannot be written in a format. Sentence is for a
// person, lower case, without a full stop.
type ExportError struct {
	Sentence string
	Err      error // the technical reason, may be nil
}

// Error implements error.
func (e *ExportError) Error() string { return e.Sentence }

// Unwrap gives the technical reason.
func (e *ExportError) Unwrap() error { return e.Err }

// Difference is a field in which two profiles do not say the same.
type Difference struct {
	Path          string // in the JSON form, such as "gateway.port"
	Before, After string // "": it is not set there
}

// Differences compares what two profiles say of a connection, field by field in the
// order of the model. A list counts as one field. IDs and the facts about the files
// that the profiles came from are no part of it.
func Differences(before, after *Profile) []Difference {
	var list []Difference
	b, a := Fields(before), Fields(after)
	for _, f := range b {
		if other := find(a, f.Path); !reflect.DeepEqual(f.Value, other.Value) {
			list = append(list, Difference{Path: f.Path, Before: f.Text(), After: other.Text()})
		}
	}
	for _, f := range a {
		if find(b, f.Path).Path == "" {
			list = append(list, Difference{Path: f.Path, After: f.Text()})
		}
	}
	return list
}

func find(list []Field, path string) Field {
	if i := slices.IndexFunc(list, func(f Field) bool { return f.Path == path }); i >= 0 {
		return list[i]
	}
	return Field{}
}

// Field is one thing that a profile says.
type Field struct {
	Path  string
	Value any
}

// Text is the value for a person; certificates are counted.
func (f Field) Text() string {
	switch v := f.Value.(type) {
	case nil:
		return ""
	case [][]byte:
		if len(v) == 1 {
			return "1 certificate"
		}
		return fmt.Sprintf("%d certificates", len(v))
	case string:
		return v
	}
	return strings.Trim(fmt.Sprint(f.Value), "[]")
}

// Fields lists what a profile says: every field of the model that is set, by its
// path. The entries of lists of structures have their number in it.
func Fields(p *Profile) []Field {
	var list []Field
	c := *p
	c.ID, c.Version, c.Origin = "", 0, Origin{}
	c.Gateway.Revocation = c.Gateway.Revocation.Mode()
	if c.Gateway.Revocation == RevocationRelaxed {
		c.Gateway.Revocation = ""
	}
	walkFields("", reflect.ValueOf(c), &list)
	return list
}

func walkFields(path string, v reflect.Value, list *[]Field) {
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		at, f := path+name, v.Field(i)
		switch {
		case f.IsZero() || f.Kind() == reflect.Slice && f.Len() == 0:
		case f.Kind() == reflect.Struct:
			walkFields(at+".", f, list)
		case f.Kind() == reflect.Slice && f.Type().Elem().Kind() == reflect.Struct && f.Type().Elem().PkgPath() == v.Type().PkgPath():
			for j := range f.Len() {
				walkFields(fmt.Sprintf("%s[%d].", at, j), f.Index(j), list)
			}
		default:
			*list = append(*list, Field{Path: at, Value: f.Interface()})
		}
	}
}

// Losses is the report of an export: a line for each field of before, and after is
// what a reader of the file understands. notes say what a loss means, by the path
// without numbers or by one of the paths above it; lowering are those paths whose
// loss takes a protection away.
func Losses(before, after *Profile, notes map[string]string, lowering ...string) []Line {
	different := map[string]Difference{}
	for _, d := range Differences(before, after) {
		different[d.Path] = d
	}
	var lines []Line
	for _, f := range Fields(before) {
		line := Line{Path: f.Path, Value: CleanText(f.Text(), maxLine), Verdict: Honoured}
		if d, lost := different[f.Path]; lost {
			line.Verdict, line.Note = Refused, "the format has no place for it"
			if d.After != "" {
				line.Verdict, line.Note = Approximated, "a reader of the file takes it as "+CleanText(d.After, maxLine)
			}
			pattern := unnumbered(f.Path)
			if note, known := nearest(notes, pattern); known {
				line.Note = note
			}
			line.Lowers = slices.ContainsFunc(lowering, func(l string) bool { return within(pattern, l) })
			delete(different, f.Path)
		}
		lines = append(lines, line)
	}
	for _, path := range slices.Sorted(maps.Keys(different)) {
		if d := different[path]; d.Before == "" {
			note := "the profile does not say it, and a reader of the file understands it so"
			if own, known := nearest(notes, unnumbered(path)); known {
				note = own
			}
			lines = append(lines, Line{Path: path, Value: CleanText(d.After, maxLine), Verdict: Approximated, Note: note})
		}
	}
	return lines
}

// maxLine bounds a value in the report of an export, in bytes.
const maxLine = 200

// nearest finds the note of a path, or of the nearest above it.
func nearest(notes map[string]string, path string) (string, bool) {
	for {
		if note, ok := notes[path]; ok {
			return note, true
		}
		i := strings.LastIndexByte(path, '.')
		if i < 0 {
			return "", false
		}
		path = path[:i]
	}
}

// within says that a path is that one or below it.
func within(path, above string) bool { return path == above || strings.HasPrefix(path, above+".") }

// unnumbered takes the numbers out of a path: "ike.proposals[0].prf" becomes
// "ike.proposals[].prf".
func unnumbered(path string) string {
	var b strings.Builder
	for i := 0; i < len(path); i++ {
		b.WriteByte(path[i])
		if path[i] == '[' {
			i += strings.IndexByte(path[i:], ']') - 1
		}
	}
	return b.String()
}
