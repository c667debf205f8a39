package profile

import (
	"crypto/x509"
	"fmt"
	"time"
)

// MaxFile bounds a foreign profile file, in bytes, before anything of it is
// read.
const MaxFile = 2 << 20

// ImportProblem is why a file was not imported.
type ImportProblem string

// The problems.
const (
	ImportForeign     ImportProblem = "foreign"     // another format, or no profile at all
	ImportDamaged     ImportProblem = "damaged"     // cut off, or against its format's rules
	ImportEncrypted   ImportProblem = "encrypted"   // made for one device
	ImportAltered     ImportProblem = "altered"     // changed after it was signed
	ImportUnsupported ImportProblem = "unsupported" // wants what this version cannot do
	ImportIncomplete  ImportProblem = "incomplete"  // no gateway, an unfilled template
	ImportExpired     ImportProblem = "expired"
	ImportTooLarge    ImportProblem = "too-large"
	ImportPassword    ImportProblem = "password" // the client certificate's password is missing or wrong
)

// ImportError says why a file was not imported. Sentence is for a person:
// what is wrong and what to do, lower case, without a full stop.
type ImportError struct {
	Problem  ImportProblem
	Sentence string
	Err      error // the technical reason, may be nil
}

// Error implements error.
func (e *ImportError) Error() string { return e.Sentence }

// Unwrap gives the technical reason.
func (e *ImportError) Unwrap() error { return e.Err }

// NewImportError makes an ImportError whose sentence is the formatted text.
func NewImportError(problem ImportProblem, format string, args ...any) *ImportError {
	return &ImportError{Problem: problem, Sentence: fmt.Sprintf(format, args...)}
}

// ImportOptions is what an importer may need beside the file. The zero value
// imports without asking anybody.
type ImportOptions struct {
	// AskPassword gives the password of the PKCS#12 file of this name when
	// the profile does not hold it, or holds a wrong one. attempt counts from
	// 0; an error ends the import. The importer clears the result. nil:
	// nobody can be asked.
	AskPassword func(name string, attempt int) ([]byte, error)
	// ReadFile gives a file that the profile names by its path: a certificate, a key,
	// the file of secrets beside it. It reads only what lies beside the profile and
	// refuses every path that leads elsewhere, as FilesBeside does. nil: nothing is
	// read, and what is named is not taken over.
	ReadFile func(path string) ([]byte, error)
	// Languages are those that the person reads, the best first, such as "de-CH": of a
	// text that a profile has in several, one in these is shown.
	Languages []string
	// Roots judges who signed a profile. nil: the system's roots.
	Roots *x509.CertPool
	// Now is the time of the import. Zero: the clock.
	Now time.Time
}
