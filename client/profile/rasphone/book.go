package rasphone

import (
	"bytes"
	"regexp"
	"strings"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/importer"
)

// entry is one section of the phone book.
type entry struct {
	name string
	keys []*key
}

// key is one key of an entry; its value is that of all its pieces.
type key struct{ name, value, path string }

// The limits of a phone book.
const (
	maxEntries = 256
	maxKeys    = 20_000
)

// pieces are keys whose long values go on in keys of the same name.
var pieces = map[string]bool{"customauthdata": true, "nrptrules": true, "routes": true, "customipsecpolicies": true, "apptriggers": true}

// mark is what a phone book is known by.
var mark = regexp.MustCompile(`(?m)^(VpnStrategy|MEDIA|PhoneNumber)=`)

// Sniff says whether the beginning of a file looks like a phone book.
func Sniff(head []byte) bool {
	text, ok := importer.Text(head[:len(head)&^1])
	if !ok {
		text = importer.Latin1(text)
	}
	return bytes.HasPrefix(bytes.TrimLeft(text, " \t\r\n"), []byte("[")) && mark.Match(text)
}

// read takes a phone book apart. Blank lines stand between its blocks and mean
// nothing.
func read(data []byte) (book []*entry, err error) {
	text, ok := importer.Text(data)
	if !ok {
		if text == nil {
			return nil, importer.Damaged("the file is damaged: its UTF-16 text ends inside a character")
		}
		text = importer.Latin1(text)
	}
	keys := 0
	for number, line := range strings.Split(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n") {
		line = strings.TrimSpace(line)
		if name, ok := section(line); ok {
			if len(book) == maxEntries {
				return nil, importer.Damaged("the file holds more than %d entries, which no phone book does", maxEntries)
			}
			book = append(book, &entry{name: name})
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		switch {
		case line == "" || line[0] == ';':
			continue
		case !ok || name == "":
			return nil, importer.Damaged("the file is damaged: line %d is neither a name in brackets nor a key with a value", number+1)
		case len(book) == 0:
			return nil, importer.Damaged("the file is damaged: line %d stands in front of the first entry", number+1)
		}
		if keys++; keys > maxKeys {
			return nil, importer.Damaged("the file holds more than %d keys, which no phone book does", maxKeys)
		}
		book[len(book)-1].add(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	if len(book) == 0 {
		return nil, profile.NewImportError(profile.ImportForeign, "the file is not a Windows phone book")
	}
	return book, nil
}

func section(line string) (string, bool) {
	inner, ok := strings.CutPrefix(line, "[")
	if !ok {
		return "", false
	}
	return strings.CutSuffix(inner, "]")
}

// add puts a key to an entry, or a further piece to one that has begun.
func (e *entry) add(name, value string) {
	if pieces[strings.ToLower(name)] {
		if k := e.find(name); k != nil {
			k.value += value
			return
		}
	}
	e.keys = append(e.keys, &key{name: name, value: value})
}

// find gives the first key of that name, or nil.
func (e *entry) find(name string) *key {
	for _, k := range e.keys {
		if strings.EqualFold(k.name, name) {
			return k
		}
	}
	return nil
}
