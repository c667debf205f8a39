// Package onc reads the network configurations of ChromeOS (ONC), as far as they
// connect by IKEv2.
//
// The flow: bytes -> a tree of JSON values in the file's order (tree.go) -> the
// certificates of the file (certificates.go) -> for each VPN network where its
// gateway is and how both sides prove themselves (network.go, signin.go, eap.go).
// Networks that are no VPN, and VPNs that are not IKEv2, are told in the others'
// reports.
//
// The package owns the meaning of the keys. It never fetches an address that a file
// names, and keeps no secret: what it finds of those is handed over beside the
// model. client/profile/formats calls it. All functions are safe for concurrent
// use; results do not share memory with the input.
package onc

import (
	"bytes"
	"regexp"
	"strings"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/importer"
)

// Format is the Origin.Format of profiles made here.
const Format = "onc"

// mark is what a configuration is known by.
var mark = regexp.MustCompile(`"(NetworkConfigurations|UnencryptedConfiguration|EncryptedConfiguration)"`)

// Sniff says whether the beginning of a file looks like a configuration.
func Sniff(head []byte) bool {
	text, _ := importer.Text(head)
	return bytes.HasPrefix(bytes.TrimLeft(text, " \t\r\n"), []byte("{")) && mark.Match(text)
}

// Parse is ParseWith without options.
func Parse(data []byte) ([]profile.Imported, error) {
	return ParseWith(data, profile.ImportOptions{})
}

// ParseWith reads the IKEv2 connections of a configuration, in the order of the
// file. When there is none, the error is a *profile.ImportError.
func ParseWith(data []byte, o profile.ImportOptions) ([]profile.Imported, error) {
	if err := importer.CheckSize(data); err != nil {
		return nil, err
	}
	root, err := parse(data)
	if err != nil {
		return nil, err
	}
	if err := checkKind(root); err != nil {
		return nil, err
	}
	networks := root.member("NetworkConfigurations").items()
	found, total := vpns(networks), root.count()
	if len(found) == 0 {
		return nil, importer.Incomplete("the configuration holds no VPN connection%s", others(networks))
	}
	if total*len(found) > maxLines {
		return nil, importer.Damaged("the file holds %d values around %d connections, which no configuration does", total, len(found))
	}
	f := &file{root: root, options: o, certificates: root.member("Certificates").items(), opened: map[string]opened{}}
	defer f.clear()
	entries := make([]importer.Entry, 0, len(found))
	for _, n := range found {
		entries = append(entries, f.entry(n, importer.Sum(data)))
	}
	return importer.Join(entries)
}

// maxLines bounds the reports of a file in all.
const maxLines = 500_000

// file is what all connections of a file have in common.
type file struct {
	root         *node
	options      profile.ImportOptions
	certificates []*node
	opened       map[string]opened // PKCS#12 files, by GUID
	costly       bool              // one took too long: no other is opened
}

// checkKind refuses what is not an open configuration.
func checkKind(root *node) error {
	switch kind := root.member("Type").text(); {
	case root.kind != object:
		return profile.NewImportError(profile.ImportForeign, "the file is not a ChromeOS network configuration")
	case kind == "EncryptedConfiguration" || root.member("Ciphertext") != nil:
		return profile.NewImportError(profile.ImportEncrypted,
			"this ChromeOS network configuration is encrypted under a password and opens only there; ask for one that is not encrypted")
	case kind != "" && kind != "UnencryptedConfiguration":
		return profile.NewImportError(profile.ImportForeign, "the file is a ChromeOS file of the type %s, and no network configuration", importer.Quote(kind))
	case root.member("NetworkConfigurations") == nil:
		return importer.Incomplete("the configuration holds no networks")
	}
	return nil
}

// vpns gives the networks that are VPNs.
func vpns(networks []*node) (list []*node) {
	for _, n := range networks {
		if n.member("Type").text() == "VPN" || n.member("VPN") != nil {
			list = append(list, n)
		}
	}
	return list
}

// others names what a configuration holds instead.
func others(networks []*node) string {
	seen, list := map[string]bool{}, []string{}
	for _, n := range networks {
		if kind := profile.CleanText(n.member("Type").text(), 40); kind != "" && !seen[kind] && len(list) < 5 {
			seen[kind] = true
			list = append(list, kind)
		}
	}
	if len(list) == 0 {
		return ""
	}
	return ", only " + strings.Join(list, ", ")
}

// entry reads one network.
func (f *file) entry(n *node, sum string) importer.Entry {
	c := &connection{file: f, network: n, vpn: n.member("VPN"), report: importer.NewReport()}
	f.keys(c)
	c.profile.Origin = profile.Origin{Format: Format, SHA256: sum}
	entry := importer.Entry{Path: n.path, Name: n.member("Name").text()}
	if entry.Err = c.build(); entry.Err != nil {
		c.secrets.Clear()
		return entry
	}
	entry.Imported = &profile.Imported{Profile: c.profile, Secrets: c.secrets, Report: c.report.Lines()}
	return entry
}

// keys adds the keys of the file to a connection's report; of other networks that
// are no VPN only what they are.
func (f *file) keys(c *connection) {
	for _, m := range f.root.members {
		if m.name != "NetworkConfigurations" {
			m.keys(c.report)
			continue
		}
		for _, n := range m.items() {
			switch {
			case n == c.network:
				n.keys(c.report)
			case n.member("Type").text() != "VPN" && n.member("VPN") == nil:
				c.report.Add(n.path, n.member("Type").text())
				c.report.Ignore(n.path, "no VPN")
			}
		}
	}
}
