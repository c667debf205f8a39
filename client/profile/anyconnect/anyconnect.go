// Package anyconnect reads the profiles of Cisco AnyConnect (now Secure Client), as
// far as their servers are reached by IKEv2.
//
// The flow: bytes -> a tree of elements, of which some have both a value and
// children -> for each host how it is reached and how both sides prove themselves
// (host.go), and what the profile says for all of them: when the line comes by
// itself (demand.go) and what else the program does (initialization.go). A host
// that is reached by SSL is told in the others' reports.
//
// The package owns the meaning of the elements. The file holds no secrets, no
// certificates and no algorithms. It never fetches an address that a profile names.
// client/profile/formats calls it. All functions are safe for concurrent use;
// results do not share memory with the input.
package anyconnect

import (
	"bytes"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/importer"
	"github.com/homeward-vpn/homeward/client/profile/xmltree"
)

// Format is the Origin.Format of profiles made here.
const Format = "anyconnect"

const rootName = "AnyConnectProfile"

// Sniff says whether the beginning of a file looks like a profile.
func Sniff(head []byte) bool {
	text, ok := importer.Text(head[:len(head)&^1])
	if !ok {
		text = importer.Latin1(text)
	}
	at := bytes.Index(text, []byte(rootName))
	return bytes.HasPrefix(bytes.TrimLeft(text, " \t\r\n"), []byte("<")) && at > 0 && (text[at-1] == '<' || text[at-1] == ':')
}

// Parse is ParseWith without options.
func Parse(data []byte) ([]profile.Imported, error) {
	return ParseWith(data, profile.ImportOptions{})
}

// ParseWith reads the hosts of a profile that are reached by IKEv2, in the order of
// the file. When there is none, the error is a *profile.ImportError. The options
// hold nothing that this format needs.
func ParseWith(data []byte, _ profile.ImportOptions) ([]profile.Imported, error) {
	root, err := read(data)
	if err != nil {
		return nil, err
	}
	hosts := root.Child("ServerList").All("HostEntry")
	if len(hosts) == 0 {
		return nil, importer.Incomplete("the profile names no server: its ServerList is empty; ask for a complete profile")
	}
	if len(hosts) > maxHosts {
		return nil, importer.Damaged("the file names more than %d servers, which no profile does", maxHosts)
	}
	if elements := count(root); elements*len(hosts) > maxLines {
		return nil, importer.Damaged("the file holds %d elements around %d servers, which no profile does", elements, len(hosts))
	}
	sum := importer.Sum(data)
	entries := make([]importer.Entry, 0, len(hosts))
	for i, h := range hosts {
		c := &connection{root: root, host: h, report: importer.NewReport()}
		entry := importer.Entry{Path: h.Path, Name: c.name()}
		if entry.Err = c.standard(); entry.Err == nil {
			root.Keys(c.report, append(append([]*xmltree.Element(nil), hosts[:i]...), hosts[i+1:]...)...)
			c.profile.Origin = profile.Origin{Format: Format, SHA256: sum}
			if entry.Err = c.build(); entry.Err == nil {
				entry.Imported = &profile.Imported{Profile: c.profile, Report: c.report.Lines()}
			}
		}
		entries = append(entries, entry)
	}
	return importer.Join(entries)
}

// The bounds of a profile: each server has a report of its own, with what the file
// says for all of them.
const (
	maxHosts = 128
	maxLines = 500_000
)

func count(e *xmltree.Element) (n int) {
	e.Walk(func(*xmltree.Element) { n++ })
	return n
}

// read gives the root of a profile.
func read(data []byte) (*xmltree.Element, error) {
	if err := importer.CheckSize(data); err != nil {
		return nil, err
	}
	text, ok := importer.Text(data)
	if !ok {
		if text == nil {
			return nil, importer.Damaged("the file is damaged: its UTF-16 text ends inside a character")
		}
		text = importer.Latin1(text)
	}
	root, err := xmltree.Parse(text)
	if err != nil {
		return nil, err
	}
	if root.Name != rootName {
		return nil, profile.NewImportError(profile.ImportForeign, "the file is not a Cisco AnyConnect profile")
	}
	return root, nil
}

// connection is a host on its way to a profile.
type connection struct {
	root, host *xmltree.Element
	report     *importer.Report
	profile    profile.Profile
}

// build reads everything, what can be refused first.
func (c *connection) build() error {
	for _, step := range []func() error{c.server, c.signIn} {
		if err := step(); err != nil {
			return err
		}
	}
	c.profile.Traffic.Full = true
	c.report.Absent("Split tunnel", "everything goes through the tunnel, for only the gateway knows what it serves: it may take less")
	c.demand()
	c.initialization()
	c.around()
	c.report.Rest(profile.Ignored, "a setting of Cisco's own program that has no counterpart here")
	return nil
}
