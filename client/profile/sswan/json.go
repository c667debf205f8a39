package sswan

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/importer"
)

// The limits of a file. A real one has some thirty values, three levels deep.
const (
	maxDepth  = 16
	maxValues = 50_000
)

// value is one node of the file. A nil one is absent.
type value struct {
	of   any // string, json.Number, bool, []*value or map[string]*value
	keys []string
}

// reader builds the nodes.
type reader struct {
	d      *json.Decoder
	values int
}

// parseJSON reads exactly one object. A key that stands twice would let two readers
// of one file see two different profiles, so it is refused.
func parseJSON(data []byte) (*value, error) {
	text := bytes.TrimPrefix(data, []byte("\xEF\xBB\xBF"))
	if !utf8.Valid(text) {
		return nil, damaged("its text is not valid UTF-8")
	}
	r := &reader{d: json.NewDecoder(bytes.NewReader(text))}
	r.d.UseNumber()
	v, err := r.value(0)
	if err == nil {
		if _, end := r.d.Token(); !errors.Is(end, io.EOF) {
			err = errors.New("something stands behind it")
		}
	}
	if err != nil {
		e := damaged(profile.CleanText(err.Error(), 200))
		e.Err = err
		return nil, e
	}
	return v, nil
}

func damaged(what string) *profile.ImportError {
	return profile.NewImportError(profile.ImportDamaged, "the file is damaged or cut off: %s", what)
}

func (r *reader) value(depth int) (*value, error) {
	if r.values++; r.values > maxValues || depth > maxDepth {
		return nil, errors.New("it holds more than any profile does")
	}
	t, err := r.d.Token()
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, err
	}
	switch t {
	case json.Delim('{'):
		return r.object(depth)
	case json.Delim('['):
		return r.array(depth)
	}
	return &value{of: t}, nil // nil for null, which is as absent
}

func (r *reader) object(depth int) (*value, error) {
	v, fields := &value{}, map[string]*value{}
	for r.d.More() {
		t, err := r.d.Token()
		key, ok := t.(string)
		if err != nil || !ok {
			return nil, errors.Join(errors.New("a key is missing"), err)
		}
		if _, twice := fields[key]; twice {
			return nil, errors.New("the key " + importer.Quote(key) + " stands twice")
		}
		if fields[key], err = r.value(depth + 1); err != nil {
			return nil, err
		}
		v.keys = append(v.keys, key)
	}
	v.of = fields
	_, err := r.d.Token()
	return v, err
}

func (r *reader) array(depth int) (*value, error) {
	list := []*value{}
	for r.d.More() {
		e, err := r.value(depth + 1)
		if err != nil {
			return nil, err
		}
		list = append(list, e)
	}
	_, err := r.d.Token()
	return &value{of: list}, err
}

// at follows a path of keys; nil: it leads nowhere.
func (v *value) at(path string) *value {
	for key := range strings.SplitSeq(path, ".") {
		if v == nil {
			return nil
		}
		fields, _ := v.of.(map[string]*value)
		v = fields[key]
	}
	if v != nil && v.of == nil {
		return nil
	}
	return v
}

// The getters take what Android's do: text for everything, and everything as text.

func (v *value) asText() string {
	if v == nil {
		return ""
	}
	switch of := v.of.(type) {
	case string:
		return of
	case json.Number:
		return of.String()
	case bool:
		return strconv.FormatBool(of)
	}
	return ""
}

func (v *value) asBool() (on, ok bool) {
	if v == nil {
		return false, false
	}
	if of, isBool := v.of.(bool); isBool {
		return of, true
	}
	switch strings.ToLower(v.asText()) {
	case "true":
		return true, true
	case "false":
		return false, true
	}
	return false, false
}

func (v *value) asInteger() (int64, bool) {
	f, err := strconv.ParseFloat(strings.TrimSpace(v.asText()), 64)
	if err != nil || f < -1e9 || f > 1e9 {
		return 0, false
	}
	return int64(f), true
}

// asList gives the entries of a list, or the words of a text.
func (v *value) asList() []string {
	if v == nil {
		return nil
	}
	list, ok := v.of.([]*value)
	if !ok {
		return strings.Fields(v.asText())
	}
	var out []string
	for _, e := range list {
		if text := strings.TrimSpace(e.asText()); text != "" {
			out = append(out, text)
		}
	}
	return out
}

// enter puts each key into the account, those of objects one by one.
func (v *value) enter(l *importer.Report, path string) {
	fields, ok := v.of.(map[string]*value)
	if !ok || path != "" && len(v.keys) == 0 {
		l.Add(path, v.show())
		return
	}
	for _, key := range v.keys {
		at := key
		if path != "" {
			at = path + "." + key
		}
		fields[key].enter(l, at)
	}
}

func (v *value) show() string {
	if _, ok := v.of.([]*value); ok {
		return strings.Join(v.asList(), ", ")
	}
	return v.asText()
}
