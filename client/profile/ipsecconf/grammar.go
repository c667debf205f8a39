package ipsecconf

import (
	"fmt"
	"slices"
	"strings"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/importer"
)

// The grammar of ipsec.conf. A section begins at the first column, "config setup",
// "conn NAME" or "ca NAME"; its settings are the lines behind it that begin with
// white space, "key=value". A value is words and texts in quotes, with one space
// between them; "#" begins a comment outside quotes. What stands again is added to
// what stood before; of a setting the later counts, and an empty one takes it back.

// The limits of a file.
const (
	maxSections = 256
	maxSettings = 10_000
	maxAlso     = 16  // how deep connections build on others
	maxPath     = 512 // of a setting in the report, in bytes
)

// setting is one key of a section.
type setting struct{ name, path, value string }

// section is one block.
type section struct {
	kind, name string // "conn", "home"
	settings   []setting
	also       []string // whom a connection builds on
}

func (s *section) path() string { return strings.TrimSpace(s.kind + " " + s.name) }

// own gives a setting of the section itself.
func (s *section) own(name string) (setting, bool) {
	i := slices.IndexFunc(s.settings, func(t setting) bool { return t.name == name })
	if i < 0 {
		return setting{}, false
	}
	return s.settings[i], true
}

func (s *section) set(name, value string) {
	if i := slices.IndexFunc(s.settings, func(t setting) bool { return t.name == name }); i >= 0 {
		s.settings[i].value = value
		return
	}
	s.settings = append(s.settings, setting{name, profile.CleanText(s.path()+"."+name, maxPath), value})
}

// parser reads the text line by line.
type parser struct {
	text     string
	at, line int
	sections []*section
	current  *section
	includes []string
	count    int
}

const (
	kindConfig = "config"
	kindConn   = "conn"
	kindCA     = "ca"
	defaults   = "%default"
)

func parse(text string) (*parser, error) {
	p := &parser{text: strings.ReplaceAll(text, "\r\n", "\n"), line: 1}
	for p.at < len(p.text) {
		if err := p.statement(); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func (p *parser) fault(format string, args ...any) error {
	return importer.Damaged("the file is damaged: line %d %s", p.line, fmt.Sprintf(format, args...))
}

// statement reads a line, or several where a text in quotes goes on.
func (p *parser) statement() error {
	indented := strings.HasPrefix(p.text[p.at:], " ") || strings.HasPrefix(p.text[p.at:], "\t")
	key := p.word("=")
	switch {
	case key == "" && p.peek() == '=':
		return p.fault("has a value and no key")
	case key == "": // an empty line, or a comment
		p.next()
		return nil
	case key == "include" && p.peek() != '=':
		if value, err := p.value(); err != nil {
			return err
		} else if len(p.includes) < maxIncludes {
			p.includes = append(p.includes, value)
		}
		return nil
	case key == "version":
		_, err := p.value()
		return err
	case !indented:
		return p.open(key)
	}
	return p.setting(key)
}

const maxIncludes = 16

// open begins a section, or goes on with one of that name.
func (p *parser) open(kind string) error {
	line := p.line
	name, err := p.value()
	if err != nil {
		return err
	}
	p.line = line
	switch {
	case kind == kindConfig && name == "setup":
	case (kind == kindConn || kind == kindCA) && name != "":
	default:
		return p.fault("begins with %s, and a section begins with config setup, conn or ca; settings begin with a space", importer.Quote(kind))
	}
	p.line++
	for _, s := range p.sections {
		if s.kind == kind && s.name == name {
			p.current = s
			return nil
		}
	}
	if len(p.sections) == maxSections {
		return p.fault("begins a section too many: no profile has more than %d", maxSections)
	}
	p.current = &section{kind: kind, name: name}
	p.sections = append(p.sections, p.current)
	return nil
}

func (p *parser) setting(key string) error {
	if p.peek() != '=' {
		return p.fault("has %s, and no = behind it", importer.Quote(key))
	}
	if p.current == nil {
		return p.fault("has a setting outside of any section")
	}
	if p.count++; p.count > maxSettings {
		return p.fault("is one too many: no profile has more than %d settings", maxSettings)
	}
	p.at++
	value, err := p.value()
	if err != nil {
		return err
	}
	if key == "also" {
		p.current.also = append(p.current.also, value)
		key = fmt.Sprintf("also[%d]", len(p.current.also)-1)
	}
	p.current.set(key, value)
	return nil
}

// peek is the next character that is no white space; a line break is one.
func (p *parser) peek() byte {
	for ; p.at < len(p.text) && strings.IndexByte(" \t\r", p.text[p.at]) >= 0; p.at++ {
	}
	if p.at == len(p.text) {
		return 0
	}
	return p.text[p.at]
}

// word reads to white space, a quote, a comment, or one of the stops. "@#" begins an
// identity, not a comment.
func (p *parser) word(stops string) string {
	p.peek()
	from := p.at
	if strings.HasPrefix(p.text[p.at:], "@#") {
		p.at += 2
	}
	if i := strings.IndexAny(p.text[p.at:], "\"# \t\r\n"+stops); i >= 0 {
		p.at += i
	} else {
		p.at = len(p.text)
	}
	return p.text[from:p.at]
}

// next goes to the next line.
func (p *parser) next() {
	if i := strings.IndexByte(p.text[p.at:], '\n'); i >= 0 {
		p.at += i + 1
		p.line++
		return
	}
	p.at = len(p.text)
}

// value reads the rest of the line.
func (p *parser) value() (string, error) {
	var parts []string
	for {
		switch p.peek() {
		case 0, '\n', '#':
			p.next()
			return strings.Join(parts, " "), nil
		case '"':
			text, err := p.quoted()
			if err != nil {
				return "", err
			}
			parts = append(parts, text)
		default:
			parts = append(parts, p.word(""))
		}
	}
}

// escapes are what stands behind a backslash for something else.
var escapes = map[byte]string{'n': "\n", 'r': "\r", 't': "\t", '\n': ""}

// quoted reads a text in quotes.
func (p *parser) quoted() (string, error) {
	var b strings.Builder
	for i := p.at + 1; i < len(p.text); i++ {
		switch c := p.text[i]; {
		case c == '"':
			p.line += strings.Count(p.text[p.at:i], "\n")
			p.at = i + 1
			return b.String(), nil
		case c == '\\' && i+1 < len(p.text):
			i++
			if as, known := escapes[p.text[i]]; known {
				b.WriteString(as)
			} else {
				b.WriteByte(p.text[i])
			}
		default:
			b.WriteByte(c)
		}
	}
	return "", p.fault("begins a text in quotes that does not end")
}
