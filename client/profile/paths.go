package profile

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Paths names every field that a profile can say, as it stands in a file
// ("client.eap.methods"), in the order of the model; a list is one field. The ID, the
// version and where the profile came from are no part of it.
func Paths() []string { return slices.Clone(paths) }

var paths = pathsOf("", reflect.TypeFor[Profile]())

// pathsOf lists what a structure holds.
func pathsOf(above string, t reflect.Type) (list []string) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch path := above + name; {
		case above == "" && (name == "version" || name == "id" || name == "origin"):
		case f.Type.Kind() == reflect.Struct:
			list = append(list, pathsOf(path+".", f.Type)...)
		default:
			list = append(list, path)
		}
	}
	return list
}

// Changed names, of Paths, those in which two profiles do not say the same.
func Changed(before, after *Profile) (list []string) {
	for _, path := range paths {
		b, _ := before.at(path)
		a, _ := after.at(path)
		if empty(b) && empty(a) {
			continue
		}
		if !reflect.DeepEqual(b.Interface(), a.Interface()) {
			list = append(list, path)
		}
	}
	return list
}

// empty says that a list has no entry, as one that is not there, or that a value is not
// set.
func empty(v reflect.Value) bool { return v.IsZero() || v.Kind() == reflect.Slice && v.Len() == 0 }

// With is p with what from says in some of Paths. The two share no list afterwards.
func (p *Profile) With(from *Profile, some []string) *Profile {
	out := Stored{Profile: *p}.clone().Profile
	source := Stored{Profile: *from}.clone().Profile
	for _, path := range some {
		to, known := out.at(path)
		if what, _ := source.at(path); known {
			to.Set(what)
		}
	}
	return &out
}

// Set gives a field, one of Paths, the value that a person has typed: text as it is,
// yes and no as true and false, a list with commas between its entries, and where those
// are more than text in JSON. "" takes the value away. Whether the profile may say
// so is Validate's to tell.
func (p *Profile) Set(path, value string) error {
	v, known := p.at(path)
	if !known || !slices.Contains(paths, path) {
		return &UnknownPathError{Path: path}
	}
	fresh := reflect.New(v.Type())
	if value != "" {
		if err := json.Unmarshal(typed(value, v.Type()), fresh.Interface()); err != nil {
			return invalid(path, "cannot be %q", CleanText(value, maxText))
		}
	}
	v.Set(fresh.Elem())
	return nil
}

// typed is what a person has typed, as JSON of that type.
func typed(value string, t reflect.Type) []byte {
	switch {
	case isText(t):
		return quoted(value)
	case t.Kind() == reflect.Slice && isText(t.Elem()) && !strings.HasPrefix(strings.TrimSpace(value), "["):
		var list []json.RawMessage
		for entry := range strings.SplitSeq(value, ",") {
			list = append(list, quoted(strings.TrimSpace(entry)))
		}
		text, err := json.Marshal(list)
		if err != nil {
			return nil // of texts: it does not happen, and says nothing
		}
		return text
	default:
		return []byte(value)
	}
}

// isText says that a type stands in JSON as text.
func isText(t reflect.Type) bool {
	return t.Kind() == reflect.String || t == reflect.TypeFor[Duration]() ||
		reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

func quoted(s string) []byte {
	text, err := json.Marshal(s)
	if err != nil {
		return nil // text is always JSON
	}
	return text
}

// UnknownPathError says that a profile has no such field.
type UnknownPathError struct{ Path string }

// Error implements error.
func (e *UnknownPathError) Error() string {
	return fmt.Sprintf("profile: there is no field %q", CleanText(e.Path, maxText))
}

// at finds a field by its path.
func (p *Profile) at(path string) (reflect.Value, bool) {
	v := reflect.ValueOf(p).Elem()
	for name := range strings.SplitSeq(path, ".") {
		if v.Kind() != reflect.Struct {
			return reflect.Value{}, false
		}
		i := slices.IndexFunc(reflect.VisibleFields(v.Type()), func(f reflect.StructField) bool {
			tag, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			return tag == name
		})
		if i < 0 {
			return reflect.Value{}, false
		}
		v = v.Field(i)
	}
	return v, true
}
