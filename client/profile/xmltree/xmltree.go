// Package xmltree reads the XML of a stranger's file into a small tree: names
// without their prefixes, text, attributes. A document type of its own is
// refused before anything of it is expanded; depth and number of elements are
// bounded.
//
// It knows no format. The importers of XML formats beside it call it.
package xmltree

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/importer"
)

// The limits of a document.
const (
	maxDepth    = 64
	maxElements = 100_000 // companies exclude a whole country's networks
)

// Element is one element. A nil one has no text and no children.
type Element struct {
	Name       string
	Path       string // from below the root, with numbers where siblings share a name
	Text       string // its own, without the white space around it
	Attributes []Attribute
	Children   []*Element
}

// Attribute is one of an element, without its namespace.
type Attribute struct{ Name, Value string }

// Parse reads a document from UTF-8 text. The error is a *profile.ImportError.
func Parse(text []byte) (*Element, error) {
	trimmed := bytes.TrimLeft(text, " \t\r\n")
	r := &reader{d: xml.NewDecoder(bytes.NewReader(trimmed)), cut: bytes.Count(text[:len(text)-len(trimmed)], []byte("\n"))}
	// The text is UTF-8 by now, whatever its declaration says.
	r.d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	root, err := r.document()
	if err != nil {
		return nil, r.explain(err)
	}
	root.place("")
	return root, nil
}

type reader struct {
	d        *xml.Decoder
	elements int
	cut      int // lines that were cut off in front
}

// document reads the root element and wants nothing behind it.
func (r *reader) document() (*Element, error) {
	var root *Element
	for {
		t, err := r.d.Token()
		if errors.Is(err, io.EOF) && root != nil {
			return root, nil
		}
		if err != nil {
			return nil, err
		}
		switch t := t.(type) {
		case xml.StartElement:
			if root != nil {
				return nil, importer.Damaged("the file is damaged: line %d begins a second document", r.line())
			}
			if root, err = r.element(t, 1); err != nil {
				return nil, err
			}
		case xml.CharData:
			if len(bytes.TrimSpace(t)) > 0 {
				return nil, importer.Damaged("the file is damaged: line %d has text outside the document: %s", r.line(), importer.Quote(string(t)))
			}
		case xml.Directive:
			if err := r.directive(t); err != nil {
				return nil, err
			}
		}
	}
}

// element reads what start opens, to its end.
func (r *reader) element(start xml.StartElement, depth int) (*Element, error) {
	if depth > maxDepth {
		return nil, importer.Damaged("the file is nested more than %d levels deep, which no profile is", maxDepth)
	}
	if r.elements++; r.elements > maxElements {
		return nil, importer.Damaged("the file holds more than %d elements, which no profile does", maxElements)
	}
	e := &Element{Name: start.Name.Local}
	for _, a := range start.Attr {
		if a.Name.Space != "xmlns" && a.Name.Local != "xmlns" {
			e.Attributes = append(e.Attributes, Attribute{a.Name.Local, a.Value})
		}
	}
	var own []string
	for {
		t, err := r.d.Token()
		if err != nil {
			return nil, err
		}
		switch t := t.(type) {
		case xml.StartElement:
			child, err := r.element(t, depth+1)
			if err != nil {
				return nil, err
			}
			e.Children = append(e.Children, child)
		case xml.CharData:
			if piece := strings.TrimSpace(string(t)); piece != "" {
				own = append(own, piece)
			}
		case xml.Directive:
			return nil, r.directive(t)
		case xml.EndElement:
			e.Text = strings.Join(own, " ")
			return e, nil
		}
	}
}

// directive lets a document type pass that declares nothing, in front of the
// document, and nothing else.
func (r *reader) directive(d xml.Directive) error {
	upper := bytes.ToUpper(d)
	if r.elements > 0 || !bytes.HasPrefix(upper, []byte("DOCTYPE")) || bytes.ContainsAny(d, "[]") || bytes.Contains(upper, []byte("<!")) {
		return importer.Damaged("the file declares XML entities or types of its own in line %d, which a profile has no use for", r.line())
	}
	return nil
}

func (r *reader) line() int {
	line, _ := r.d.InputPos()
	return r.cut + line
}

// explain makes a sentence of a syntax error.
func (r *reader) explain(err error) error {
	var known *profile.ImportError
	if errors.As(err, &known) {
		return known
	}
	var syntax *xml.SyntaxError
	out := importer.Damaged("the file is cut off in line %d; get it again from where it came from", r.line())
	if errors.As(err, &syntax) && syntax.Msg != "unexpected EOF" {
		out = importer.Damaged("the file is damaged: line %d: %s", r.cut+syntax.Line, profile.CleanText(syntax.Msg, importer.MaxShown))
	}
	out.Err = err
	return out
}

// place gives every element below e its path.
func (e *Element) place(prefix string) {
	count, next := map[string]int{}, map[string]int{}
	for _, c := range e.Children {
		count[c.Name]++
	}
	for _, c := range e.Children {
		c.Path = prefix + c.Name
		if count[c.Name] > 1 {
			c.Path += fmt.Sprintf("[%d]", next[c.Name])
			next[c.Name]++
		}
		c.place(c.Path + ".")
	}
}

// Child gives the first child of that name, or nil.
func (e *Element) Child(name string) *Element {
	if e != nil {
		for _, c := range e.Children {
			if c.Name == name {
				return c
			}
		}
	}
	return nil
}

// All gives the children of that name.
func (e *Element) All(name string) (list []*Element) {
	if e != nil {
		for _, c := range e.Children {
			if c.Name == name {
				list = append(list, c)
			}
		}
	}
	return list
}

// At follows child after child: At("A", "B") is the B in the A of e, or nil.
func (e *Element) At(names ...string) *Element {
	for _, name := range names {
		e = e.Child(name)
	}
	return e
}

// Value gives an element's text; that of nil is empty.
func (e *Element) Value() string {
	if e == nil {
		return ""
	}
	return e.Text
}

// Where gives an element's path; that of nil is one that no report has.
func (e *Element) Where() string {
	if e == nil {
		return "\x00"
	}
	return e.Path
}

// True says that an element's text is true, in any case, or 1.
func (e *Element) True() bool { return strings.EqualFold(e.Value(), "true") || e.Value() == "1" }

// Walk calls f for e and all below it, in the order of the file.
func (e *Element) Walk(f func(*Element)) {
	if e == nil {
		return
	}
	f(e)
	for _, c := range e.Children {
		c.Walk(f)
	}
}

// Keys adds everything below e to a report, but what stands in one of the elements
// left out: an element that has text or is empty, and each attribute.
func (e *Element) Keys(r *importer.Report, without ...*Element) {
	for _, c := range e.Children {
		if slices.Contains(without, c) {
			continue
		}
		if c.Text != "" || len(c.Children) == 0 {
			r.Add(c.Path, c.Text)
		}
		for _, a := range c.Attributes {
			r.Add(c.Path+"@"+a.Name, a.Value)
		}
		c.Keys(r, without...)
	}
}

// Rebase makes e a root: the paths below it begin anew.
func (e *Element) Rebase() { e.place("") }
