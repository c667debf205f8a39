package nmkeyfile

import (
	"bytes"
	"slices"
	"strings"

	"github.com/homeward-vpn/homeward/client/profile/importer"
)

// The grammar of GLib's keyfiles: "[group]", "key=value", and "#" before a comment.
// White space around a key and before a value does not count. In a value "\s" is a
// space, "\n", "\t" and "\r" are what they are in C, and "\\" is a backslash; ";" is
// between the entries of a list, and "\;" one inside an entry.

// maxEntries bounds the keys of a file.
const maxEntries = 10_000

// entry is one key.
type entry struct{ group, key, value string }

func (e entry) path() string { return e.group + "." + e.key }

// keyfile is the whole file, in its order.
type keyfile struct{ entries []entry }

func parse(text []byte) (*keyfile, error) {
	f, group, number := &keyfile{}, "", 0
	at := map[string]int{}
	for line := range bytes.Lines(text) {
		number++
		l := strings.TrimLeft(strings.TrimRight(string(line), "\r\n"), " \t")
		if l == "" || l[0] == '#' {
			continue
		}
		if l[0] == '[' {
			name, rest, ok := strings.Cut(l[1:], "]")
			if !ok || name == "" || strings.TrimSpace(rest) != "" || strings.Contains(name, "[") {
				return nil, importer.Damaged("the file is damaged: line %d is not the name of a group in brackets", number)
			}
			group = name
			continue
		}
		key, value, ok := strings.Cut(l, "=")
		key = strings.TrimRight(key, " \t")
		if !ok || key == "" || group == "" {
			return nil, importer.Damaged("the file is damaged: line %d is no key with a value in a group", number)
		}
		e := entry{group, key, strings.TrimLeft(value, " \t")}
		if i, again := at[e.path()]; again {
			f.entries[i] = e
			continue
		}
		if len(f.entries) == maxEntries {
			return nil, importer.Damaged("the file holds more than %d keys, which no profile does", maxEntries)
		}
		at[e.path()] = len(f.entries)
		f.entries = append(f.entries, e)
	}
	return f, nil
}

// raw gives a value as it is written.
func (f *keyfile) raw(group, key string) string {
	i := slices.IndexFunc(f.entries, func(e entry) bool { return e.group == group && e.key == key })
	if i < 0 {
		return ""
	}
	return f.entries[i].value
}

// text gives a value without its escapes.
func (f *keyfile) text(group, key string) string { return unescape(f.raw(group, key)) }

// list gives the entries of a list without their escapes.
func (f *keyfile) list(group, key string) (out []string) {
	var b strings.Builder
	raw := f.raw(group, key)
	for i := 0; i < len(raw); i++ {
		switch {
		case raw[i] == '\\' && i+1 < len(raw) && raw[i+1] == ';':
			b.WriteByte(';')
			i++
		case raw[i] == '\\' && i+1 < len(raw):
			b.WriteString(raw[i : i+2])
			i++
		case raw[i] == ';':
			out = append(out, strings.TrimSpace(unescape(b.String())))
			b.Reset()
		default:
			b.WriteByte(raw[i])
		}
	}
	out = append(out, strings.TrimSpace(unescape(b.String())))
	return slices.DeleteFunc(out, func(s string) bool { return s == "" })
}

var escapes = strings.NewReplacer(`\\`, `\`, `\s`, " ", `\n`, "\n", `\t`, "\t", `\r`, "\r", `\;`, ";")

func unescape(s string) string { return escapes.Replace(s) }
