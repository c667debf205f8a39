package swanctl

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/importer"
)

// The grammar of swanctl.conf, which is that of strongswan.conf:
//
//	section := NAME [ ":" NAME ( "," NAME )* ] "{" ( section | setting | include )* "}"
//	setting := NAME "=" [ value ]          to the end of the line, or a "}"
//	value   := ( word | "quoted text" )*   with one space between the parts
//	include := "include" pattern
//
// A "#" begins a comment outside quotes. What stands again is added to what stood
// before; of a setting the later counts, and an empty one takes it back. A section
// with references has all that those have and it does not say itself.

// The limits of a file.
const (
	maxDepth    = 16
	maxSettings = 10_000 // those that references bring along included
	maxPath     = 512    // of a setting in the report, in bytes
)

// setting is one key; where it came from a reference, with the path of its own place.
type setting struct {
	name, path, value string
}

// section is one block, with its settings and blocks in the order of the file.
type section struct {
	name, path string
	settings   []*setting
	sections   []*section
	refs       []string
}

// get gives a setting that has a value, or nil.
func (s *section) get(name string) *setting {
	if s == nil {
		return nil
	}
	for _, t := range s.settings {
		if t.name == name && t.value != "" {
			return t
		}
	}
	return nil
}

// value gives a setting's text, or "".
func (s *section) value(name string) string {
	if t := s.get(name); t != nil {
		return t.value
	}
	return ""
}

// sub gives a section inside, or nil.
func (s *section) sub(name string) *section {
	if s == nil {
		return nil
	}
	for _, in := range s.sections {
		if in.name == name {
			return in
		}
	}
	return nil
}

// parser reads the text from left to right.
type parser struct {
	text     string
	at, line int
	count    int
	root     *section
	includes []string // patterns of files, which are not read
}

// parse reads a whole file.
func parse(text string) (*parser, error) {
	p := &parser{text: text, line: 1, root: &section{}}
	if err := p.body(p.root, 0); err != nil {
		return nil, err
	}
	if err := p.resolve(); err != nil {
		return nil, err
	}
	return p, nil
}

func (p *parser) fault(format string, args ...any) error {
	return importer.Damaged("the file is damaged or cut off: line %d %s", p.line, fmt.Sprintf(format, args...))
}

// body reads what stands in a section, to its end.
func (p *parser) body(s *section, depth int) error {
	for {
		p.skip(true)
		switch c := p.peek(); {
		case c == 0 && depth > 0:
			return p.fault("is the end, and the section %s is not closed", importer.Quote(s.name))
		case c == 0:
			return nil
		case c == '}' && depth == 0:
			return p.fault("closes a section that was not opened")
		case c == '}':
			p.at++
			return nil
		case strings.IndexByte(`"={:,`, c) >= 0:
			return p.fault("begins with %s, and a name is wanted there", importer.Quote(string(rune(c))))
		}
		if err := p.statement(s, depth); err != nil {
			return err
		}
	}
}

// statement reads a setting, a section or an include.
func (p *parser) statement(s *section, depth int) error {
	if p.count++; p.count > maxSettings {
		return p.fault("is one too many: no profile has more than %d settings", maxSettings)
	}
	name := p.name()
	before := p.at
	p.skip(false)
	if name == "include" && p.at > before && p.peek() != '=' {
		p.includes = append(p.includes, p.pattern())
		return nil
	}
	if p.peek() == '=' {
		p.at++
		value, err := p.value()
		if err != nil {
			return err
		}
		s.set(name, value)
		return nil
	}
	p.skip(true)
	if depth >= maxDepth {
		return p.fault("opens a section deeper than any profile does")
	}
	in := s.open(name)
	if p.peek() == ':' {
		p.at++
		if err := p.references(in); err != nil {
			return err
		}
	}
	if p.peek() != '{' {
		return p.fault("has %s, and neither a value nor a section behind it", importer.Quote(name))
	}
	p.at++
	return p.body(in, depth+1)
}

// references reads the names behind a colon.
func (p *parser) references(s *section) error {
	for {
		p.skip(true)
		name := p.name()
		if name == "" {
			return p.fault("refers to nothing")
		}
		s.refs = append(s.refs, name)
		p.skip(true)
		if p.peek() != ',' {
			return nil
		}
		p.at++
	}
}

// open gives the section of that name, which may have been opened before.
func (s *section) open(name string) *section {
	if in := s.sub(name); in != nil {
		return in
	}
	in := &section{name: name, path: join(s.path, name)}
	s.sections = append(s.sections, in)
	return in
}

// set puts a value in the place of the one before.
func (s *section) set(name, value string) {
	for _, t := range s.settings {
		if t.name == name {
			t.value = value
			return
		}
	}
	s.settings = append(s.settings, &setting{name: name, path: join(s.path, name), value: value})
}

func join(path, name string) string {
	if path != "" {
		name = path + "." + name
	}
	return profile.CleanText(name, maxPath)
}

// peek is the next character; 0 at the end.
func (p *parser) peek() byte {
	if p.at >= len(p.text) {
		return 0
	}
	return p.text[p.at]
}

// skip goes over white space and comments, and over line breaks where they count
// for nothing.
func (p *parser) skip(lines bool) {
	for ; p.at < len(p.text); p.at++ {
		switch c := p.text[p.at]; {
		case c == ' ' || c == '\t' || c == '\r':
		case c == '\n' && lines:
			p.line++
		case c == '#':
			end := strings.IndexByte(p.text[p.at:], '\n')
			if end < 0 {
				p.at = len(p.text)
				return
			}
			p.at += end - 1
		default:
			return
		}
	}
}

// name reads to the first character that no name has.
func (p *parser) name() string { return p.until("#{}=:,\"\r\n\t ") }

// pattern reads the name of a file, to the end of the word or the quotes.
func (p *parser) pattern() string {
	if p.peek() == '"' {
		if text, err := p.quoted(); err == nil {
			return text
		}
	}
	return p.until("#}\r\n\t ")
}

func (p *parser) until(stops string) string {
	end := strings.IndexAny(p.text[p.at:], stops)
	if end < 0 {
		end = len(p.text) - p.at
	}
	word := p.text[p.at : p.at+end]
	p.at += end
	return word
}

// value reads to the end of the line, or to what ends the section.
func (p *parser) value() (string, error) {
	var parts []string
	for {
		p.skip(false)
		switch p.peek() {
		case 0, '\n', '}':
			return strings.Join(parts, " "), nil
		case '"':
			text, err := p.quoted()
			if err != nil {
				return "", err
			}
			parts = append(parts, text)
		default:
			parts = append(parts, p.until("#}\"\r\n\t "))
		}
	}
}

// quoted reads text in quotes, which may go over several lines.
func (p *parser) quoted() (string, error) {
	var b strings.Builder
	begun := p.line
	for p.at++; p.at < len(p.text); {
		c, size := utf8.DecodeRuneInString(p.text[p.at:])
		p.at += size
		switch c {
		case '"':
			return b.String(), nil
		case '\r':
		case '\\':
			p.escaped(&b)
		case '\n':
			p.line++
			b.WriteRune(c)
		default:
			b.WriteRune(c)
		}
	}
	p.line = begun
	return "", p.fault("begins a text in quotes that does not end")
}

// escaped reads what follows a backslash. A line break is taken away with it.
func (p *parser) escaped(b *strings.Builder) {
	if strings.HasPrefix(p.text[p.at:], "\r\n") {
		p.at++
	}
	c, size := utf8.DecodeRuneInString(p.text[p.at:])
	p.at += size
	switch c {
	case 'n':
		b.WriteByte('\n')
	case 'r':
		b.WriteByte('\r')
	case 't':
		b.WriteByte('\t')
	case '\n':
		p.line++
	case utf8.RuneError:
	default:
		b.WriteRune(c)
	}
}
