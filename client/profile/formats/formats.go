// Package formats is where a profile file enters: it tells by the content,
// never by the name, which format a file is in, and hands it to that format's
// importer. What is no profile is told in a sentence that says what it is and
// what to ask for.
//
// The flow: bytes -> other files that people take for profiles (kinds.go) -> the
// importers, by what each knows its format by (sniff.go).
//
// It owns the list of formats that are known by sight. It never reads a file,
// and decides nothing about what is in one. The user's programs call it.
package formats

import (
	"github.com/homeward-vpn/homeward/client/profile"
)

// Import is ImportWith without options: nobody is asked for anything.
func Import(data []byte) ([]profile.Imported, error) {
	return ImportWith(data, profile.ImportOptions{})
}

// ImportWith reads the connections of a profile file, in the file's order, at
// least one. The error is a *profile.ImportError, whose sentence a person can
// be shown as it is. data is not kept. Of a file that is larger than
// profile.MaxFile, one byte more than that is enough.
func ImportWith(data []byte, o profile.ImportOptions) ([]profile.Imported, error) {
	if len(data) > profile.MaxFile {
		return nil, profile.NewImportError(profile.ImportTooLarge,
			"the file is larger than %d MiB, which no profile is", profile.MaxFile>>20)
	}
	f := Sniff(data)
	for _, i := range importers {
		if i.format == f {
			return i.parse(data, o)
		}
	}
	return nil, refusal(f)
}
