package mobileconfig

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"github.com/homeward-vpn/homeward/client/profile"
)

// xmlReader reads an XML property list. encoding/xml fetches nothing and
// expands no entity but the five of XML itself; a document type with
// declarations of its own is refused before that (billion laughs).
type xmlReader struct {
	d      *xml.Decoder
	budget *budget
	line   int // lines that were cut off in front
}

// parseXML reads a property list from UTF-8 text.
func parseXML(text []byte) (*value, error) {
	trimmed := bytes.TrimLeft(text, " \t\r\n")
	r := &xmlReader{
		d:      xml.NewDecoder(bytes.NewReader(trimmed)),
		budget: newBudget(),
		line:   bytes.Count(text[:len(text)-len(trimmed)], []byte("\n")),
	}
	// The text is UTF-8 by now, whatever its declaration says.
	r.d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	v, err := r.document()
	if err != nil {
		return nil, r.explain(err)
	}
	return v, nil
}

// explain makes a sentence of a syntax error.
func (r *xmlReader) explain(err error) error {
	var known *profile.ImportError
	if errors.As(err, &known) {
		return known
	}
	out := damaged("the file is damaged: line %d: %v", r.lineNow(), err)
	var syntax *xml.SyntaxError
	if errors.As(err, &syntax) {
		out = damaged("the file is damaged: line %d: %s", r.line+syntax.Line, profile.CleanText(syntax.Msg, maxShown))
		if syntax.Msg == "unexpected EOF" {
			out = damaged("the file is cut off in line %d; get it again from where it came from", r.line+syntax.Line)
		}
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		out = damaged("the file is cut off in line %d; get it again from where it came from", r.lineNow())
	}
	out.Err = err
	return out
}

func (r *xmlReader) lineNow() int {
	line, _ := r.d.InputPos()
	return r.line + line
}

func (r *xmlReader) at(format string, args ...any) error {
	return damaged("the file is damaged: line %d: %s", r.lineNow(), fmt.Sprintf(format, args...))
}

// document reads the one value inside the plist element, and checks that
// nothing follows it.
func (r *xmlReader) document() (*value, error) {
	start, err := r.next(nil)
	if err != nil {
		return nil, err
	}
	if start == nil || start.Name.Local != "plist" {
		return nil, profile.NewImportError(profile.ImportForeign, "the file is XML, but not a configuration profile")
	}
	first, err := r.next(start)
	if err != nil {
		return nil, err
	}
	if first == nil {
		return nil, r.at("the property list is empty")
	}
	root, err := r.value(*first, 1)
	if err != nil {
		return nil, err
	}
	if more, err := r.next(start); err != nil {
		return nil, err
	} else if more != nil {
		return nil, r.at("more than one value in the property list")
	}
	for {
		switch t, err := r.token(); {
		case errors.Is(err, io.EOF):
			return root, nil
		case err != nil:
			return nil, err
		default:
			if c, isText := t.(xml.CharData); !isText || len(bytes.TrimSpace(c)) != 0 {
				return nil, r.at("something follows the property list")
			}
		}
	}
}

// token gives the next token that is neither comment nor instruction.
func (r *xmlReader) token() (xml.Token, error) {
	for {
		t, err := r.d.Token()
		if err != nil {
			return nil, err
		}
		switch d := t.(type) {
		case xml.Comment, xml.ProcInst:
		case xml.Directive:
			if err := r.directive(d); err != nil {
				return nil, err
			}
		default:
			return t, nil
		}
	}
}

// directive lets the document type pass that all property lists name, and
// nothing that declares anything.
func (r *xmlReader) directive(d xml.Directive) error {
	upper := bytes.ToUpper(d)
	if !bytes.HasPrefix(upper, []byte("DOCTYPE")) || bytes.ContainsAny(d, "[]") || bytes.Contains(upper, []byte("<!")) {
		return damaged("the file declares XML entities or types of its own in line %d, which a profile has no use for", r.lineNow())
	}
	return nil
}

// next gives the next child element of parent, or nil at parent's end (at the
// document's start, parent is nil and there is always an element or an error).
func (r *xmlReader) next(parent *xml.StartElement) (*xml.StartElement, error) {
	for {
		t, err := r.token()
		if err != nil {
			return nil, err
		}
		switch t := t.(type) {
		case xml.StartElement:
			return &t, nil
		case xml.EndElement:
			return nil, nil
		case xml.CharData:
			if len(bytes.TrimSpace(t)) == 0 {
				continue
			}
			where := "in front of the property list"
			if parent != nil {
				where = "inside <" + parent.Name.Local + ">"
			}
			return nil, r.at("text %s: %s", where, quote(string(t)))
		}
	}
}

// value reads the element that start opens, to its end.
func (r *xmlReader) value(start xml.StartElement, depth int) (*value, error) {
	if depth > maxDepth {
		return nil, damaged("the file is nested more than %d levels deep, which no profile is", maxDepth)
	}
	if err := r.budget.spend(); err != nil {
		return nil, err
	}
	switch start.Name.Local {
	case "dict":
		return r.dictionary(start, depth)
	case "array":
		return r.array(start, depth)
	case "true", "false":
		if text, err := r.text(start); err != nil {
			return nil, err
		} else if strings.TrimSpace(text) != "" {
			return nil, r.at("<%s> has text inside", start.Name.Local)
		}
		return &value{kind: kindBool, truth: start.Name.Local == "true"}, nil
	}
	text, err := r.text(start)
	if err != nil {
		return nil, err
	}
	return r.scalar(start.Name.Local, text)
}

func (r *xmlReader) dictionary(start xml.StartElement, depth int) (*value, error) {
	v := &value{kind: kindDict, dict: map[string]*value{}}
	for {
		k, err := r.next(&start)
		if err != nil || k == nil {
			return v, err
		}
		if k.Name.Local != "key" {
			return nil, r.at("a value without a key, <%s>", k.Name.Local)
		}
		name, err := r.text(*k)
		if err != nil {
			return nil, err
		}
		child, err := r.next(&start)
		if err != nil {
			return nil, err
		}
		if child == nil || child.Name.Local == "key" {
			return nil, r.at("the key %s has no value", quote(name))
		}
		inner, err := r.value(*child, depth+1)
		if err != nil {
			return nil, err
		}
		if err := v.addKey(name, inner); err != nil {
			return nil, err
		}
	}
}

func (r *xmlReader) array(start xml.StartElement, depth int) (*value, error) {
	v := &value{kind: kindArray}
	for {
		child, err := r.next(&start)
		if err != nil || child == nil {
			return v, err
		}
		inner, err := r.value(*child, depth+1)
		if err != nil {
			return nil, err
		}
		v.list = append(v.list, inner)
	}
}

// text reads the character data of an element without children, to its end.
func (r *xmlReader) text(start xml.StartElement) (string, error) {
	var b strings.Builder
	for {
		t, err := r.token()
		if err != nil {
			return "", err
		}
		switch t := t.(type) {
		case xml.CharData:
			b.Write(t)
		case xml.EndElement:
			return b.String(), nil
		case xml.StartElement:
			return "", r.at("<%s> inside <%s>", t.Name.Local, start.Name.Local)
		}
	}
}

// xmlDate is the form of a date in a property list.
var xmlDate = regexp.MustCompile(`^-?\d{4,}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z?$`)

// scalar reads the text of an element that is neither container nor boolean.
func (r *xmlReader) scalar(element, text string) (*value, error) {
	trimmed := strings.TrimSpace(text)
	switch element {
	case "string":
		return &value{kind: kindText, text: text}, nil
	case "integer":
		n, err := strconv.ParseInt(trimmed, 0, 64)
		if err != nil {
			return nil, r.at("%s is not an integer", quote(trimmed))
		}
		return &value{kind: kindInteger, integer: n}, nil
	case "real":
		f, err := strconv.ParseFloat(trimmed, 64)
		if err != nil {
			return nil, r.at("%s is not a number", quote(trimmed))
		}
		return &value{kind: kindReal, real: f}, nil
	case "date":
		if !xmlDate.MatchString(trimmed) {
			return nil, r.at("%s is not a date", quote(trimmed))
		}
		return &value{kind: kindDate, text: trimmed}, nil
	case "data":
		data, err := decodeBase64(text)
		return &value{kind: kindData, data: data, badData: err}, nil
	}
	return nil, r.at("<%s> is not an element of a property list", element)
}
