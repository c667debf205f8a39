package mobileconfig

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"github.com/homeward-vpn/homeward/client/profile"
)

// The limits of a property list. A real profile has a few hundred values, six
// levels deep.
const (
	maxDepth  = 32
	maxValues = 20_000
	maxBytes  = 4 * profile.MaxFile // of strings and data, decoded
)

// kind is the type of a property list value.
type kind uint8

const (
	kindText kind = iota + 1
	kindInteger
	kindReal
	kindBool
	kindDate
	kindData
	kindArray
	kindDict
)

func (k kind) String() string {
	return [...]string{"nothing", "string", "integer", "real", "boolean", "date", "data", "array", "dictionary"}[k]
}

// value is one node of a property list, the same for both encodings.
type value struct {
	kind    kind
	text    string // kindText; kindDate as text
	integer int64
	real    float64
	truth   bool
	data    []byte
	badData error    // kindData whose text is not base64: told when it is used
	list    []*value // kindArray
	keys    []string // kindDict, in the order of the file
	dict    map[string]*value
}

// budget counts values and bytes while a property list is read, so that a
// small file cannot become a large tree: the objects of a binary one may be
// used many times over, and may overlap.
type budget struct{ values, bytes int }

func newBudget() *budget { return &budget{values: maxValues, bytes: maxBytes} }

func (b *budget) spend() error {
	if b.values--; b.values < 0 {
		return damaged("the file holds more than %d values, which no profile does", maxValues)
	}
	return nil
}

func (b *budget) spendBytes(n int) error {
	if b.bytes -= n; b.bytes < 0 {
		return damaged("the file unfolds to more than %d MiB, which no profile does", maxBytes>>20)
	}
	return nil
}

func damaged(format string, args ...any) *profile.ImportError {
	return profile.NewImportError(profile.ImportDamaged, format, args...)
}

func incomplete(format string, args ...any) *profile.ImportError {
	return profile.NewImportError(profile.ImportIncomplete, format, args...)
}

func unsupported(format string, args ...any) *profile.ImportError {
	return profile.NewImportError(profile.ImportUnsupported, format, args...)
}

// addKey puts a value into a dictionary. A key that stands twice would let two
// readers of one file see two different profiles, so it is refused.
func (v *value) addKey(key string, child *value) error {
	if _, twice := v.dict[key]; twice {
		return damaged("the file is damaged: the key %s stands twice in one dictionary", quote(key))
	}
	v.keys = append(v.keys, key)
	v.dict[key] = child
	return nil
}

// asText reads a string; numbers stand for themselves.
func (v *value) asText() (string, bool) {
	switch v.kind {
	case kindText:
		return v.text, true
	case kindInteger:
		return strconv.FormatInt(v.integer, 10), true
	case kindReal:
		return strconv.FormatFloat(v.real, 'g', -1, 64), true
	}
	return "", false
}

// asInteger reads a number in any of the spellings found in real files:
// integer, whole real, boolean, or digits in a string.
func (v *value) asInteger() (int64, bool) {
	switch v.kind {
	case kindInteger:
		return v.integer, true
	case kindReal:
		n := int64(v.real)
		return n, v.real >= -1e15 && v.real <= 1e15 && float64(n) == v.real
	case kindBool:
		if v.truth {
			return 1, true
		}
		return 0, true
	case kindText:
		n, err := strconv.ParseInt(strings.TrimSpace(v.text), 10, 64)
		return n, err == nil
	}
	return 0, false
}

// asBool reads a switch: a boolean, 0 or 1 in any spelling, or the words.
func (v *value) asBool() (bool, bool) {
	if v.kind == kindText {
		switch strings.ToLower(strings.TrimSpace(v.text)) {
		case "true", "yes":
			return true, true
		case "false", "no":
			return false, true
		}
	}
	n, ok := v.asInteger()
	return n == 1, ok && (n == 0 || n == 1)
}

// show writes a value for the report: one printable line.
func (v *value) show() string {
	switch v.kind {
	case kindBool:
		return strconv.FormatBool(v.truth)
	case kindDate:
		return v.text
	case kindData:
		if v.badData != nil {
			return "not base64"
		}
		return plural(len(v.data), "byte")
	case kindArray:
		return v.showList()
	case kindDict:
		return plural(len(v.keys), "key")
	default:
		s, _ := v.asText()
		return profile.CleanText(s, maxShown)
	}
}

// maxShown bounds a value in the report, in bytes.
const maxShown = 200

func (v *value) showList() string {
	parts := make([]string, 0, len(v.list))
	for _, e := range v.list {
		if e.kind == kindArray || e.kind == kindDict {
			return plural(len(v.list), "entry")
		}
		parts = append(parts, e.show())
	}
	return profile.CleanText(strings.Join(parts, ", "), maxShown)
}

func plural(n int, what string) string {
	switch {
	case n == 1:
		return "1 " + what
	case strings.HasSuffix(what, "ry"):
		return strconv.Itoa(n) + " " + strings.TrimSuffix(what, "y") + "ies"
	}
	return strconv.Itoa(n) + " " + what + "s"
}

// quote shows foreign text in a sentence, safe for a terminal.
func quote(s string) string { return fmt.Sprintf("%q", profile.CleanText(s, 80)) }

// decodeBase64 reads the text of a data element: lines and indents of any
// kind, with or without padding.
func decodeBase64(text string) ([]byte, error) {
	compact := strings.Map(func(r rune) rune {
		if r == ' ' || r == '\t' || r == '\r' || r == '\n' {
			return -1
		}
		return r
	}, text)
	return base64.RawStdEncoding.DecodeString(strings.TrimRight(compact, "="))
}
