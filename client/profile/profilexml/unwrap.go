package profilexml

import (
	"bytes"
	"html"
	"strings"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/importer"
	"github.com/homeward-vpn/homeward/client/profile/xmltree"
)

// A profile seldom stands alone: SyncML carries it as text, escaped or in CDATA,
// and scripts between quotes.

const (
	rootName = "VPNProfile"
	opening  = "<" + rootName
	closing  = "</" + rootName + ">"
)

// Sniff says whether the beginning of a file looks like a profile, bare or in one
// of its wrappings.
func Sniff(head []byte) bool {
	text, ok := importer.Text(head[:len(head)&^1])
	if !ok {
		text = importer.Latin1(text)
	}
	once := html.EscapeString(opening)
	return begins(text, opening) || begins(text, once) || begins(text, html.EscapeString(once))
}

// begins says that text has the tag, as a whole name.
func begins(text []byte, tag string) bool {
	_, rest, found := bytes.Cut(text, []byte(tag))
	return found && (len(rest) == 0 || bytes.IndexByte([]byte(" \t\r\n/>&"), rest[0]) >= 0)
}

// read gives the VPNProfile element of a file.
func read(data []byte) (*xmltree.Element, error) {
	text, ok := importer.Text(data)
	if !ok {
		if text == nil {
			return nil, importer.Damaged("the file is damaged: its UTF-16 text ends inside a character")
		}
		text = importer.Latin1(text)
	}
	trimmed := bytes.TrimSpace(text)
	switch {
	case len(trimmed) == 0:
		return nil, importer.Damaged("the file is empty")
	case trimmed[0] != '<':
		return readScript(text)
	}
	root, err := xmltree.Parse(text)
	if err != nil {
		return nil, err
	}
	return inside(root, 0)
}

// readScript finds a profile in a text that is no XML itself.
func readScript(text []byte) (*xmltree.Element, error) {
	s := string(text)
	if !strings.Contains(s, opening) {
		s = html.UnescapeString(s)
	}
	from := strings.Index(s, opening)
	to := strings.LastIndex(s, closing)
	switch {
	case from < 0:
		return nil, foreign()
	case to < from:
		return nil, importer.Damaged("the file is cut off: the profile in it has no end; get it again from where it came from")
	}
	root, err := xmltree.Parse([]byte(s[from : to+len(closing)]))
	if err != nil {
		return nil, err
	}
	return inside(root, 0)
}

// maxWrappings bounds how often a profile is text inside another document.
const maxWrappings = 3

// inside finds the profile in a document: its root, an element, or an element's
// text.
func inside(root *xmltree.Element, depth int) (*xmltree.Element, error) {
	if root.Name == rootName {
		return root, nil
	}
	var texts []string
	var found []*xmltree.Element
	root.Walk(func(e *xmltree.Element) {
		switch text := html.UnescapeString(e.Text); {
		case e.Name == rootName:
			found = append(found, e)
		case strings.Contains(text, opening):
			texts = append(texts, text[strings.Index(text, opening):])
		}
	})
	switch {
	case len(found)+len(texts) > 1:
		return nil, importer.Unsupported("the file holds more than one Windows VPN profile; give each in a file of its own")
	case len(found) == 1:
		found[0].Rebase()
		return found[0], nil
	case len(texts) == 0 || depth == maxWrappings:
		return nil, foreign()
	}
	inner, err := xmltree.Parse([]byte(texts[0]))
	if err != nil {
		return nil, err
	}
	return inside(inner, depth+1)
}

func foreign() error {
	return profile.NewImportError(profile.ImportForeign, "the file is not a Windows VPN profile")
}
