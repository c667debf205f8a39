// Package formats is where a profile file enters: it tells by the content,
// never by the name, which format a file is in, and hands it to that format's
// importer.
//
// It owns the list of formats that are known by sight. It never reads a file,
// and decides nothing about what is in one. The user's programs call it.
package formats

import (
	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/anyconnect"
	"github.com/homeward-vpn/homeward/client/profile/mobileconfig"
	"github.com/homeward-vpn/homeward/client/profile/native"
	"github.com/homeward-vpn/homeward/client/profile/onc"
	"github.com/homeward-vpn/homeward/client/profile/profilexml"
	"github.com/homeward-vpn/homeward/client/profile/rasphone"
)

// Import is ImportWith without options: nobody is asked for anything.
func Import(data []byte) ([]profile.Imported, error) {
	return ImportWith(data, profile.ImportOptions{})
}

// ImportWith reads the connections of a profile file, in the file's order, at
// least one. The error is a *profile.ImportError, whose sentence a person can
// be shown as it is. data is not kept.
func ImportWith(data []byte, o profile.ImportOptions) ([]profile.Imported, error) {
	if len(data) > profile.MaxFile {
		return nil, profile.NewImportError(profile.ImportTooLarge,
			"the file is larger than %d MiB, which no profile is", profile.MaxFile>>20)
	}
	switch f := Sniff(data); f {
	case Mobileconfig:
		return mobileconfig.ParseWith(data, o)
	case Homeward:
		return native.ParseWith(data, o)
	case ProfileXML:
		return profilexml.ParseWith(data, o)
	case Phonebook:
		return rasphone.ParseWith(data, o)
	case AnyConnect:
		return anyconnect.ParseWith(data, o)
	case ONC:
		return onc.ParseWith(data, o)
	case Empty:
		return nil, profile.NewImportError(profile.ImportDamaged, "the file is empty")
	case Unknown:
		return nil, profile.NewImportError(profile.ImportForeign,
			"the file is not a profile that this version reads; it reads Apple configuration profiles (.mobileconfig) and Homeward's own (.json)")
	default:
		return nil, profile.NewImportError(profile.ImportForeign,
			"this is %s, which this version does not read; ask for an Apple configuration profile (.mobileconfig) or one of Homeward's own (.json)", f)
	}
}
