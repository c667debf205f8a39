package native

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/homeward-vpn/homeward/client/profile"
)

// encoding/json forgives what a profile must not: names in another case, a name
// twice, null for anything; and it does not say where an unknown name stands.
// So the types are its own, and the reading is done here.

// maxShown bounds foreign text in sentences and reports, in bytes.
const maxShown = 200

// place is where a value stands: path as a person reads it
// ("ike.proposals[0].group"), pattern without the numbers.
type place struct{ path, pattern string }

func (p place) field(name string) place {
	dot := ""
	if p.path != "" {
		dot = "."
	}
	return place{p.path + dot + name, p.pattern + dot + name}
}

func (p place) entry(i int) place {
	return place{fmt.Sprintf("%s[%d]", p.path, i), p.pattern + "[]"}
}

// unit is what gets one line in the report: a value, a list of values, or one
// set of algorithms.
type unit struct {
	place
	value any
}

// reader fills Go values from JSON whose syntax was checked.
type reader struct {
	text  []byte
	d     *json.Decoder
	units []unit // in the file's order
}

func newReader(text []byte) *reader {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	return &reader{text: text, d: d}
}

// fault is the error for the value that was read last.
func (r *reader) fault(at place, format string, args ...any) error {
	name := at.path
	if name == "" {
		name = "the file"
	}
	return profile.NewImportError(profile.ImportDamaged, unusable,
		fmt.Sprintf("%s (line %d) %s", profile.CleanText(name, maxShown), lineAt(r.text, int(r.d.InputOffset())), fmt.Sprintf(format, args...)))
}

var (
	textType        = reflect.TypeFor[encoding.TextUnmarshaler]()
	durationType    = reflect.TypeFor[profile.Duration]()
	certificateType = reflect.TypeFor[[][]byte]()
	proposalType    = reflect.TypeFor[profile.Proposal]()
)

// read fills v with the next value.
func (r *reader) read(at place, v reflect.Value) error {
	t, err := r.d.Token()
	if err != nil {
		return r.fault(at, "is not JSON: %s", profile.CleanText(err.Error(), maxShown))
	}
	switch {
	case v.Type() == certificateType:
		return r.certificates(at, t, v)
	case v.Type() == durationType || v.Addr().Type().Implements(textType):
		return r.written(at, t, v)
	}
	switch v.Kind() {
	case reflect.Struct:
		return r.object(at, t, v)
	case reflect.Slice:
		return r.list(at, t, v)
	default:
		return r.scalar(at, t, v)
	}
}

// object reads an object whose fields are those of a struct.
func (r *reader) object(at place, t json.Token, v reflect.Value) error {
	if t != json.Delim('{') {
		return r.fault(at, "is not an object in braces")
	}
	var seen []string
	for r.d.More() {
		t, err := r.d.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return r.fault(at, "is not JSON")
		}
		inner := at.field(name)
		if slices.Contains(seen, name) {
			return r.fault(inner, "stands there twice")
		}
		seen = append(seen, name)
		field, known := fieldOf(v, name)
		if !known {
			return r.unknown(inner, name)
		}
		if err := r.read(inner, field); err != nil {
			return err
		}
		if isUnit(field.Type()) {
			r.units = append(r.units, unit{inner, field.Interface()})
		}
	}
	return r.end(at)
}

// end reads the closing brace or bracket.
func (r *reader) end(at place) error {
	if _, err := r.d.Token(); err != nil {
		return r.fault(at, "does not end")
	}
	return nil
}

// isUnit says that a field gets one line in the report, and not one for each
// of its parts.
func isUnit(t reflect.Type) bool {
	if t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	return t.Kind() != reflect.Struct || reflect.PointerTo(t).Implements(textType)
}

// fieldOf finds the field of a struct by its name in JSON, letter by letter.
func fieldOf(v reflect.Value, name string) (reflect.Value, bool) {
	for i := range v.NumField() {
		if tagName(v.Type().Field(i)) == name {
			return v.Field(i), true
		}
	}
	return reflect.Value{}, false
}

func tagName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}

// list reads an array. An empty one is none.
func (r *reader) list(at place, t json.Token, v reflect.Value) error {
	if t != json.Delim('[') {
		return r.fault(at, "is not a list in brackets")
	}
	for i := 0; r.d.More(); i++ {
		e := reflect.New(v.Type().Elem()).Elem()
		if err := r.read(at.entry(i), e); err != nil {
			return err
		}
		v.Set(reflect.Append(v, e))
		if e.Type() == proposalType {
			r.units = append(r.units, unit{at.entry(i), e.Interface()})
		}
	}
	return r.end(at)
}

// forms say how a value is written that is text and yet no free text.
var forms = map[reflect.Type]string{
	durationType:                    "a time such as \"90s\" or \"1h30m\"",
	reflect.TypeFor[netip.Prefix](): "an address prefix such as \"10.0.0.0/8\"",
	reflect.TypeFor[netip.Addr]():   "an address such as \"10.0.0.53\"",
}

// written reads a value that its type reads from text.
func (r *reader) written(at place, t json.Token, v reflect.Value) error {
	s, ok := t.(string)
	if !ok || s == "" {
		return r.fault(at, "is not %s", forms[v.Type()])
	}
	var err error
	switch u := v.Addr().Interface().(type) {
	case encoding.TextUnmarshaler:
		err = u.UnmarshalText([]byte(s))
	case json.Unmarshaler:
		var quoted []byte
		if quoted, err = json.Marshal(s); err == nil {
			err = u.UnmarshalJSON(quoted)
		}
	}
	if err != nil {
		return r.fault(at, "is not %s", forms[v.Type()])
	}
	return nil
}

// scalar reads text, a switch or a whole number.
func (r *reader) scalar(at place, t json.Token, v reflect.Value) error {
	switch v.Kind() {
	case reflect.String:
		if s, ok := t.(string); ok {
			v.SetString(s)
			return nil
		}
		return r.fault(at, "is not text in quotes")
	case reflect.Bool:
		if b, ok := t.(bool); ok {
			v.SetBool(b)
			return nil
		}
		return r.fault(at, "is not true or false")
	case reflect.Int:
		if n, ok := t.(json.Number); ok {
			if i, err := strconv.ParseInt(n.String(), 10, 32); err == nil {
				v.SetInt(i)
				return nil
			}
		}
		return r.fault(at, "is not a whole number in its range")
	default:
		if n, ok := t.(json.Number); ok {
			if u, err := strconv.ParseUint(n.String(), 10, v.Type().Bits()); err == nil {
				v.SetUint(u)
				return nil
			}
		}
		return r.fault(at, "is not a whole number from 0 to %d", uint64(1)<<(v.Type().Bits()-1)*2-1)
	}
}

// secretWords are found in the names under which people put secrets.
var secretWords = []string{"password", "passwd", "passphrase", "passcode", "secret", "psk", "private", "sharedkey", "token", "pkcs12", "p12", "pfx", "pin"}

// unknown refuses a field that no profile of this version has.
func (r *reader) unknown(at place, name string) error {
	lower := strings.ToLower(name)
	if lower == "key" || strings.HasSuffix(lower, "_key") || slices.ContainsFunc(secretWords, func(w string) bool {
		return lower == w || len(w) > 3 && strings.Contains(lower, w)
	}) {
		return r.secret(at)
	}
	return r.fault(at, "is not a field of version %d", profile.Version)
}

// secret says where secrets go instead.
func (r *reader) secret(at place) error {
	return r.fault(at, "would be a secret, and those never stand in this file: passwords and shared keys are asked for at the first connection and kept in the user's keychain, and a client certificate comes with its key in a .mobileconfig")
}
