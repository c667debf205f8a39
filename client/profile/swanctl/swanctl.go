// Package swanctl reads the client's side of strongSwan's swanctl.conf.
//
// The flow: text -> sections and settings (grammar.go), with what they refer to
// (references.go) -> for each connection that leads to a gateway: where it is and
// how both sides prove who they are (connection.go, signin.go), secrets and files
// (secrets.go), networks, algorithms and times (child.go) -> a profile, and a report
// in which each key of the file stands once.
//
// The package owns the meaning of the keys. Files that are named by a path are read
// only by the function that the caller gives, and includes not at all. It keeps no
// secret. client/profile/formats calls it. All functions are safe for concurrent
// use; results do not share memory with the input.
package swanctl

import (
	"regexp"
	"strings"
	"time"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/importer"
	"github.com/homeward-vpn/homeward/client/profile/strongswan"
)

// Format is the Origin.Format of profiles made here.
const Format = "swanctl"

// signs are what the file is known by: one of its sections, where it is opened.
var signs = regexp.MustCompile(`(?m)^[ \t]*(connections|secrets|authorities)[ \t\r\n]*(:[^{}=\n]*)?\{`)

// Sniff says whether data looks like a swanctl.conf.
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
		return nil, profile.NewImportError(profile.ImportForeign, "the file is no swanctl.conf: it has no connections")
	}
	p, err := parse(string(text))
	if err != nil {
		return nil, err
	}
	f := &file{parser: p, options: o, sum: importer.Sum(data)}
	return f.connections()
}

// file is the whole file.
type file struct {
	*parser
	options profile.ImportOptions
	sum     string
}

const sectionConnections = "connections"

// maxConnections bounds the connections of one file: each has the others in its report.
const maxConnections = 64

func (f *file) connections() ([]profile.Imported, error) {
	all := f.root.sub(sectionConnections)
	if all == nil || len(all.sections) == 0 {
		sentence := "the file holds no connection"
		if len(f.includes) > 0 {
			sentence += ": it includes others, such as %[1]s, which are not read; give the file with the connection in it"
			return nil, importer.Incomplete(sentence, importer.Quote(f.includes[0]))
		}
		return nil, importer.Incomplete("%s; ask for the whole file", sentence)
	}
	if len(all.sections) > maxConnections {
		return nil, importer.Damaged("the file holds more than %d connections, which no profile does", maxConnections)
	}
	var entries []importer.Entry
	for _, s := range all.sections {
		e := importer.Entry{Path: s.path, Name: s.name}
		c := f.connection(s)
		if e.Err = c.read(); e.Err == nil {
			e.Imported = c.Imported()
		} else {
			c.Secrets.Clear()
		}
		entries = append(entries, e)
	}
	return importer.Join(entries)
}

// connection begins with every key of the file but those of the other connections.
func (f *file) connection(s *section) *connection {
	r := importer.NewReport()
	for i, pattern := range f.includes {
		if i < 16 {
			r.Refuse(r.Add("include", pattern), "other files are not read; give the file with what it says in it")
		}
	}
	f.enter(r, f.root, s)
	return &connection{Connection: strongswan.New(Format, s.name, f.sum, f.options, r), file: f, s: s}
}

// enter puts the keys of a section into the report, in the order of the file.
func (f *file) enter(r *importer.Report, at, own *section) {
	for _, t := range at.settings {
		if t.path == join(at.path, t.name) && !r.Has(t.path) { // else it stands where it came from
			r.Add(t.path, t.value)
		}
	}
	for _, in := range at.sections {
		if in.path != join(at.path, in.name) || at.path == sectionConnections && in != own {
			continue
		}
		f.enter(r, in, own)
	}
}

// connection is one section of connections on its way to a profile.
type connection struct {
	*strongswan.Connection
	file *file
	s    *section
}

// read goes through the section.
func (c *connection) read() error {
	for _, step := range []func() error{c.version, c.gateway, c.signIn, c.children, c.secrets} {
		if err := step(); err != nil {
			return err
		}
	}
	c.algorithms()
	c.session()
	c.rest()
	return nil
}

// honour and the like tell of a setting, wherever it stands.
func (c *connection) tell(s *section, name string, verdict profile.Verdict, note string) {
	if t := s.get(name); t != nil {
		c.Report.Tell(t.path, verdict, note)
	}
}

func (c *connection) ignore(s *section, note string, names ...string) {
	for _, n := range names {
		c.tell(s, n, profile.Ignored, note)
	}
}

// path is where a setting stands, or would stand.
func path(s *section, name string) string {
	if t := s.get(name); t != nil {
		return t.path
	}
	if s == nil {
		return name
	}
	return join(s.path, name)
}

// list cuts a setting at its commas.
func list(s *section, name string) (entries []string) {
	for e := range strings.SplitSeq(s.value(name), ",") {
		if e = strings.TrimSpace(e); e != "" {
			entries = append(entries, e)
		}
	}
	return entries
}

// rest tells of what is for a gateway, for the system, or not needed.
func (c *connection) rest() {
	c.ignore(c.s, "only for the computer of strongSwan", "local_addrs", "local_port", "if_id_in", "if_id_out", "pull", "dscp", "unique", "interface", "updown")
	c.ignore(c.s, "for a gateway", "pools", "mediation", "mediated_by", "mediation_peer")
	c.ignore(c.s, "for IKEv1", "aggressive", "dpd_timeout")
	c.Report.Under("pools", profile.Ignored, "for a gateway")
	c.empty(c.s)
	for _, s := range c.file.root.sections {
		if s.name != sectionConnections {
			c.Report.Under(s.path, profile.Ignored, "not used by this connection")
		}
	}
}

// empty tells of settings that were taken back.
func (c *connection) empty(s *section) {
	for _, t := range s.settings {
		if t.value == "" {
			c.Report.Ignore(t.path, "empty, so this version's own way counts")
		}
	}
	for _, in := range s.sections {
		c.empty(in)
	}
}
