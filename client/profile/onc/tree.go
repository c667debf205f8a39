package onc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/importer"
)

// kind is the type of a JSON value.
type kind uint8

const (
	scalar kind = iota // text, a number, true, false or null
	array
	object
)

// node is one value, with its name where it is a member of an object. A nil one has
// no text and no members.
type node struct {
	kind    kind
	name    string
	path    string
	value   any // of a scalar
	members []*node
}

// The limits of a file.
const (
	maxDepth  = 32
	maxValues = 50_000
)

// parse reads one JSON value and wants nothing behind it.
func parse(data []byte) (*node, error) {
	text, ok := importer.Text(data)
	if !ok || !utf8.Valid(text) {
		return nil, importer.Damaged("the file is damaged: its text is neither UTF-8 nor UTF-16")
	}
	r := &reader{text: text, d: json.NewDecoder(bytes.NewReader(text))}
	r.d.UseNumber()
	root, err := r.value("", 1)
	if err == nil {
		if _, more := r.d.Token(); !errors.Is(more, io.EOF) {
			return nil, importer.Damaged("the file is damaged: line %d has something behind the configuration", r.line())
		}
		return root, nil
	}
	var known *profile.ImportError
	if errors.As(err, &known) {
		return nil, known
	}
	e := importer.Damaged("the file is damaged: line %d is not JSON (%s)", r.line(), profile.CleanText(err.Error(), importer.MaxShown))
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		e = importer.Damaged("the file is cut off in line %d; get it again from where it came from", bytes.Count(text, []byte("\n"))+1)
	}
	e.Err = err
	return nil, e
}

type reader struct {
	text   []byte
	d      *json.Decoder
	values int
}

func (r *reader) line() int {
	return bytes.Count(r.text[:min(int(r.d.InputOffset()), len(r.text))], []byte("\n")) + 1
}

// value reads the next value, whose place in the file is path.
func (r *reader) value(path string, depth int) (*node, error) {
	t, err := r.d.Token()
	if err != nil {
		return nil, err
	}
	if r.values++; r.values > maxValues {
		return nil, importer.Damaged("the file holds more than %d values, which no configuration does", maxValues)
	}
	if depth > maxDepth {
		return nil, importer.Damaged("the file is nested more than %d levels deep, which no configuration is", maxDepth)
	}
	switch t {
	case json.Delim('{'):
		return r.object(path, depth)
	case json.Delim('['):
		return r.array(path, depth)
	}
	return &node{path: path, value: t}, nil
}

// object reads the members of an object. A name that stands twice would let two
// readers of one file see two different configurations, so it is refused.
func (r *reader) object(path string, depth int) (*node, error) {
	n := &node{kind: object, path: path}
	seen := map[string]bool{}
	for r.d.More() {
		t, err := r.d.Token()
		if err != nil {
			return nil, err
		}
		name, _ := t.(string)
		if seen[name] {
			return nil, importer.Damaged("the file is damaged: line %d has the key %s a second time", r.line(), importer.Quote(name))
		}
		seen[name] = true
		m, err := r.value(strings.TrimPrefix(path+"."+name, "."), depth+1)
		if err != nil {
			return nil, err
		}
		m.name = name
		n.members = append(n.members, m)
	}
	_, err := r.d.Token()
	return n, err
}

func (r *reader) array(path string, depth int) (*node, error) {
	n := &node{kind: array, path: path}
	for r.d.More() {
		m, err := r.value(fmt.Sprintf("%s[%d]", path, len(n.members)), depth+1)
		if err != nil {
			return nil, err
		}
		n.members = append(n.members, m)
	}
	_, err := r.d.Token()
	return n, err
}

// member gives the member of that name, or nil.
func (n *node) member(name string) *node {
	if n != nil && n.kind == object {
		for _, m := range n.members {
			if m.name == name {
				return m
			}
		}
	}
	return nil
}

// at follows member after member.
func (n *node) at(names ...string) *node {
	for _, name := range names {
		n = n.member(name)
	}
	return n
}

// items gives the entries of a list; a value alone counts as a list of one.
func (n *node) items() []*node {
	switch {
	case n == nil:
		return nil
	case n.kind == array:
		return n.members
	}
	return []*node{n}
}

// text gives a scalar's text without white space around it.
func (n *node) text() string {
	if n == nil || n.kind != scalar || n.value == nil {
		return ""
	}
	return strings.TrimSpace(fmt.Sprint(n.value))
}

// texts gives those of a list.
func (n *node) texts() (list []string) {
	for _, e := range n.items() {
		if t := e.text(); t != "" {
			list = append(list, t)
		}
	}
	return list
}

// truth says that a value is true.
func (n *node) truth() bool { return n.text() == "true" }

// where gives a value's path; that of nil is one that no report has.
func (n *node) where() string {
	if n == nil {
		return "\x00"
	}
	return n.path
}

// count counts the values at and below n.
func (n *node) count() int {
	sum := 1
	for _, m := range n.members {
		sum += m.count()
	}
	return sum
}

// flat says that a list holds scalars alone: it is one key in the report.
func (n *node) flat() bool {
	for _, m := range n.members {
		if m.kind != scalar {
			return false
		}
	}
	return true
}

// keys adds everything at and below n to a report.
func (n *node) keys(r *importer.Report) {
	switch {
	case n.kind == scalar:
		r.Add(n.path, n.text())
	case n.kind == array && n.flat():
		r.Add(n.path, strings.Join(n.texts(), ", "))
	case len(n.members) == 0:
		r.Add(n.path, "")
	}
	if n.kind == array && n.flat() {
		return
	}
	for _, m := range n.members {
		m.keys(r)
	}
}
