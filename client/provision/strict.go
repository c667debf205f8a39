package provision

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"

	"github.com/homeward-vpn/homeward/client/profile"
)

// version of the files that this package reads.
const version = 1

// maxShown bounds foreign text in sentences, in bytes.
const maxShown = 100

// decode reads one JSON object into the struct that v points to: its fields and no
// others, spelled as they are, each once.
func decode(data []byte, v any) error {
	data = bytes.TrimPrefix(data, []byte("\xEF\xBB\xBF"))
	names, err := topLevel(data)
	if err != nil {
		return err
	}
	known := fieldNames(reflect.TypeOf(v).Elem())
	for i, name := range names {
		switch {
		case !slices.Contains(known, name):
			return fmt.Errorf("it has a field %q, which is not known in version %d", profile.CleanText(name, maxShown), version)
		case slices.Contains(names[:i], name):
			return fmt.Errorf("its field %q stands there twice", name)
		}
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) {
			return fmt.Errorf("its field %q cannot be a %s", profile.CleanText(wrong.Field, maxShown), wrong.Value)
		}
		return fmt.Errorf("it is no JSON of that kind (%s)", profile.CleanText(err.Error(), maxShown))
	}
	return nil
}

func fieldNames(t reflect.Type) (names []string) {
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		names = append(names, name)
	}
	return names
}

// topLevel names the fields of the one object that data is.
func topLevel(data []byte) (names []string, err error) {
	d := json.NewDecoder(bytes.NewReader(data))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, damaged(err, "it is no JSON object")
	}
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return nil, damaged(err, "it is damaged")
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, damaged(err, "it is damaged")
		}
		names = append(names, name)
	}
	if _, err := d.Token(); err != nil {
		return nil, damaged(err, "it is cut off")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something stands behind its end")
	}
	return names, nil
}

func damaged(err error, words string) error {
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New(words)
	}
	return fmt.Errorf("%s (%s)", words, profile.CleanText(err.Error(), maxShown))
}
