package native

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"unicode/utf8"

	"github.com/homeward-vpn/homeward/client/profile"
)

// byteOrderMark is what some editors put in front of UTF-8.
const byteOrderMark = "\xEF\xBB\xBF"

// Sniff says whether data looks like a Homeward profile: JSON that says a
// version and a gateway, however it goes on.
func Sniff(data []byte) bool {
	fields := topLevel(bytes.TrimPrefix(data, []byte(byteOrderMark)))
	return fields["version"] != nil && fields["gateway"] != nil
}

// topLevel gives the fields of an object as far as it can be read. One that is
// cut off inside its value counts.
func topLevel(text []byte) map[string]json.RawMessage {
	fields := map[string]json.RawMessage{}
	d := json.NewDecoder(bytes.NewReader(text))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return fields
	}
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return fields
		}
		var value json.RawMessage
		err = d.Decode(&value)
		fields[name] = append(json.RawMessage{}, value...)
		if err != nil {
			return fields
		}
	}
	return fields
}

// checkSyntax wants exactly one JSON value in UTF-8.
func checkSyntax(text []byte) error {
	if !utf8.Valid(text) {
		return profile.NewImportError(profile.ImportDamaged, "the file is damaged: its text is not valid UTF-8")
	}
	var whole json.RawMessage
	err := json.Unmarshal(text, &whole)
	if err == nil {
		return nil
	}
	at := len(text)
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		at = int(min(syntax.Offset, int64(len(text))))
	}
	e := profile.NewImportError(profile.ImportDamaged, "the file is damaged or cut off: line %d is not JSON (%s)",
		lineAt(text, at), profile.CleanText(err.Error(), maxShown))
	e.Err = err
	return e
}

// lineAt counts lines from 1.
func lineAt(text []byte, offset int) int { return bytes.Count(text[:offset], []byte("\n")) + 1 }

// checkVersion refuses a later version before any of its fields is looked at:
// those that are not known here are no mistake there.
func checkVersion(text []byte) error {
	raw := string(topLevel(text)["version"])
	if raw == "" {
		return profile.NewImportError(profile.ImportIncomplete, unusable, "version is missing")
	}
	n, err := strconv.ParseUint(raw, 10, 32)
	if errors.Is(err, strconv.ErrRange) || err == nil && n > profile.Version {
		return profile.NewImportError(profile.ImportUnsupported,
			"the profile is of version %s, and this Homeward reads version %d; update Homeward, or ask for a profile of that version",
			profile.CleanText(raw, 20), profile.Version)
	}
	return nil
}
