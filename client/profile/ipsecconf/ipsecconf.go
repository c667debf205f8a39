// Package ipsecconf reads the client's side of strongSwan's ipsec.conf, with the
// ipsec.secrets beside it.
//
// The flow: text -> sections and settings (grammar.go) -> for each connection what it
// says itself, what it builds on and what holds for all (inherit.go) -> which side is
// this one, where the gateway is, and how both sides prove who they are (connection.go,
// signin.go), secrets (secrets.go), networks, algorithms and times (traffic.go) -> a
// profile, and a report in which each key of the file stands once.
//
// The package owns the meaning of the keys, old spellings included. Files that are
// named by a path, and ipsec.secrets, are read only by the function that the caller
// gives; includes are not read at all. It keeps no secret. client/profile/formats calls
// it. All functions are safe for concurrent use; results do not share memory with the
// input.
package ipsecconf

import (
	"regexp"
	"slices"
	"time"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/importer"
	"github.com/homeward-vpn/homeward/client/profile/strongswan"
)

// Format is the Origin.Format of profiles made here.
const Format = "ipsec.conf"

// signs are what the file is known by: the beginning of a section.
var signs = regexp.MustCompile(`(?m)^(conn|ca)[ \t]+[^ \t\r\n={]|^config[ \t]+setup`)

// Sniff says whether data looks like an ipsec.conf.
func Sniff(data []byte) bool {
	text, ok := importer.Text(data)
	return ok && signs.Match(text)
}

// Parse is ParseWith without options.
func Parse(data []byte) ([]profile.Imported, error) {
	return ParseWith(data, profile.ImportOptions{})
}

// ParseWith reads the connections of a file, in its order. One that this version
// cannot take over is told in the others' reports; when none is left, the error is a
// *profile.ImportError.
func ParseWith(data []byte, o profile.ImportOptions) ([]profile.Imported, error) {
	if err := importer.CheckSize(data); err != nil {
		return nil, err
	}
	if o.Now.IsZero() {
		o.Now = time.Now()
	}
	text, ok := importer.Text(data)
	if !ok {
		return nil, importer.Damaged("the file is damaged: its text is not valid UTF-8")
	}
	if !signs.Match(text) {
		return nil, profile.NewImportError(profile.ImportForeign, "the file is no ipsec.conf: it has no connections")
	}
	p, err := parse(string(text))
	if err != nil {
		return nil, err
	}
	f := &file{parser: p, options: o, sum: importer.Sum(data)}
	defer f.secrets.clear()
	f.readSecrets()
	return f.connections()
}

// file is the whole file.
type file struct {
	*parser
	options profile.ImportOptions
	sum     string
	secrets secrets
}

// maxConnections bounds the connections of one file: each has the others in its report.
const maxConnections = 64

func (f *file) connections() ([]profile.Imported, error) {
	var entries []importer.Entry
	for _, s := range f.sections {
		if s.kind != kindConn || s.name == defaults {
			continue
		}
		v, err := f.inherit(s)
		if err == nil && f.onlyBuiltOn(s, v) {
			continue
		}
		if len(entries) == maxConnections {
			return nil, importer.Damaged("the file holds more than %d connections, which no profile does", maxConnections)
		}
		e := importer.Entry{Path: profile.CleanText(s.path(), maxPath), Name: s.name, Err: err}
		if err == nil {
			c := f.connection(v)
			if e.Err = c.read(); e.Err == nil {
				e.Imported = c.Imported()
			} else {
				c.Secrets.Clear()
			}
		}
		entries = append(entries, e)
	}
	if len(entries) > 0 {
		return importer.Join(entries)
	}
	if len(f.includes) > 0 {
		return nil, importer.Incomplete("the file holds no connection: it includes others, such as %s, which are not read; give the file with the connection in it", importer.Quote(f.includes[0]))
	}
	return nil, importer.Incomplete("the file holds no connection; ask for the whole file")
}

// onlyBuiltOn says that a section is there for other connections to build on: none of
// its own is ever started.
func (f *file) onlyBuiltOn(s *section, v *view) bool {
	auto := v.value("auto")
	return (auto == "" || auto == "ignore") &&
		slices.ContainsFunc(f.sections, func(o *section) bool { return o != s && slices.Contains(o.also, s.name) })
}

// connection begins with every key of the file but those of other connections.
func (f *file) connection(v *view) *connection {
	r := importer.NewReport()
	for _, pattern := range f.includes {
		r.Refuse(r.Add("include", pattern), "other files are not read; give the file with what it says in it")
	}
	for _, s := range f.sections {
		if s.kind == kindConn && !slices.Contains(v.from, s) {
			continue
		}
		for _, t := range s.settings {
			r.Add(t.path, t.value)
		}
	}
	f.secrets.enter(r)
	return &connection{Connection: strongswan.New(Format, v.from[0].name, f.sum, f.options, r), file: f, view: v}
}
