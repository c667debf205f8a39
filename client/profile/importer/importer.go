// Package importer is what the importers of foreign formats do alike: the text
// of a file whatever its encoding (text.go), addresses as people write them
// (address.go), the report with a line for each key (report.go), several
// connections in one file (entries.go), and the sentences of a refusal.
//
// It knows no format. It never reads a file, never fetches anything and keeps
// no secret. The importers beside it call it.
package importer

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/homeward-vpn/homeward/client/profile"
)

// MaxShown bounds a value in a report, in bytes.
const MaxShown = 200

// CheckSize refuses what is larger than any profile.
func CheckSize(data []byte) error {
	if len(data) > profile.MaxFile {
		return profile.NewImportError(profile.ImportTooLarge,
			"the file is larger than %d MiB, which no profile is", profile.MaxFile>>20)
	}
	return nil
}

// Sum is what Origin.SHA256 holds.
func Sum(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// Damaged is the error of a file that breaks its format's rules.
func Damaged(format string, args ...any) *profile.ImportError {
	return profile.NewImportError(profile.ImportDamaged, format, args...)
}

// Incomplete is the error of a file that leaves something out.
func Incomplete(format string, args ...any) *profile.ImportError {
	return profile.NewImportError(profile.ImportIncomplete, format, args...)
}

// Unsupported is the error of a connection that this version cannot make.
func Unsupported(format string, args ...any) *profile.ImportError {
	return profile.NewImportError(profile.ImportUnsupported, format, args...)
}

// Quote shows foreign text in a sentence, safe for a terminal.
func Quote(s string) string { return fmt.Sprintf("%q", profile.CleanText(s, 80)) }

// Plural counts: "1 entry", "2 entries".
func Plural(n int, what string) string {
	switch {
	case n == 1:
		return "1 " + what
	case strings.HasSuffix(what, "ry"):
		return strconv.Itoa(n) + " " + strings.TrimSuffix(what, "y") + "ies"
	}
	return strconv.Itoa(n) + " " + what + "s"
}

// Identifier tells connections apart that their file gives no identifier.
func Identifier(name, address string) string {
	return strings.ToLower(profile.CleanText(name+"@"+address, MaxIdentifier))
}

// MaxIdentifier bounds Origin.Identifier, in bytes.
const MaxIdentifier = 512

// MaxSecret bounds a password or a shared key, in bytes.
const MaxSecret = 1024

// MinPSK is the length below which a shared key can be guessed by somebody who
// recorded one handshake (RFC 7296 5: a shared key wants as much entropy as the
// strongest key that is derived).
const MinPSK = 16
