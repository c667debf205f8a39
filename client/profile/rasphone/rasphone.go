// Package rasphone reads the phone book of Windows (rasphone.pbk), as far as its
// entries connect by IKEv2.
//
// The flow: bytes -> entries with their keys in order (book.go), for a phone book
// repeats keys and strings blocks together as no other INI file does -> for each
// entry what it is (entry.go), how both sides prove themselves (signin.go), its
// algorithms (policy.go), what goes through the tunnel and which names are asked
// there (traffic.go). An entry that is no IKEv2 connection is told in the others'
// reports.
//
// The package owns the meaning of the keys. The file holds no secrets and no
// certificates; what it holds in Windows' own binary forms is not read. It never
// fetches anything. client/profile/formats calls it. All functions are safe for
// concurrent use; results do not share memory with the input.
package rasphone

import (
	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/importer"
)

// Format is the Origin.Format of profiles made here.
const Format = "rasphone"

// Parse is ParseWith without options.
func Parse(data []byte) ([]profile.Imported, error) {
	return ParseWith(data, profile.ImportOptions{})
}

// ParseWith reads the IKEv2 connections of a phone book, in the order of the file.
// When there is none, the error is a *profile.ImportError. The options hold nothing
// that this format needs.
func ParseWith(data []byte, _ profile.ImportOptions) ([]profile.Imported, error) {
	if err := importer.CheckSize(data); err != nil {
		return nil, err
	}
	book, err := read(data)
	if err != nil {
		return nil, err
	}
	sum := importer.Sum(data)
	entries := make([]importer.Entry, 0, len(book))
	for _, e := range book {
		c := &connection{entry: e, report: importer.NewReport()}
		for _, k := range e.keys {
			k.path = c.report.Add(k.name, k.value)
		}
		c.profile.Origin = profile.Origin{Format: Format, SHA256: sum}
		entry := importer.Entry{Path: "[" + profile.CleanText(e.name, importer.MaxShown) + "]", Name: e.name}
		if entry.Err = c.build(); entry.Err == nil {
			entry.Imported = &profile.Imported{Profile: c.profile, Report: c.report.Lines()}
		}
		entries = append(entries, entry)
	}
	return importer.Join(entries)
}
