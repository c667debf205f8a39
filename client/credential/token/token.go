// Package token speaks to smart cards and other tokens through their PKCS#11
// modules: it lists the certificates on them and signs with their keys, which
// never leave them.
//
// It runs in the user's own programs, never in the service. It asks for the PIN
// through a credential.Prompter, sends each PIN that was typed once and never by
// itself again, and says how many tries are left as far as the card tells. A module
// is the card maker's code and may hang: every call runs on the module's own
// goroutine, and whoever waits for it has a deadline. Which module is loaded this
// computer's owner decides, never a profile. Without cgo there is no smart card
// support, and everything here says so in a sentence.
//
//	URI (RFC 7512) -> modules of this computer -> slots with a token -> certificates
//	a certificate -> its token -> PIN -> its key by CKA_ID -> signature, checked
//
// client/credential/answer calls it.
package token

import (
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"
	"unsafe"

	"github.com/homeward-vpn/homeward/client/credential"
)

// ModuleVariable names the environment variable with the files of the PKCS#11
// modules to use, separated as in PATH, in place of those that are found.
const ModuleVariable = "HOMEWARD_PKCS11_MODULE"

// Config is how cards are used.
type Config struct {
	// Modules are the files of PKCS#11 modules. nil: Modules().
	Modules []string
	// Prompter asks for PINs.
	Prompter credential.Prompter
	// Deadline bounds each call of a module. 0: 30 s, for signing on a slow card
	// takes several, and a PIN pad waits for its person.
	Deadline time.Duration
}

const defaultDeadline = 30 * time.Second

// Modules are the files of this computer's PKCS#11 modules: what the variable names,
// else p11-kit's, which stands for all that the system knows, else OpenSC's.
func Modules() []string {
	if named := os.Getenv(ModuleVariable); named != "" {
		return slices.DeleteFunc(filepath.SplitList(named), func(p string) bool { return p == "" })
	}
	for _, name := range wellKnown[runtime.GOOS] {
		files, err := filepath.Glob(name)
		if err == nil && len(files) > 0 {
			return files[:1]
		}
	}
	return nil
}

// wellKnown are where modules are, preferred first.
var wellKnown = map[string][]string{
	"linux": {
		"/usr/lib/*-linux-gnu*/p11-kit-proxy.so", "/usr/lib64/p11-kit-proxy.so", "/usr/lib/p11-kit-proxy.so",
		"/usr/lib/*-linux-gnu*/opensc-pkcs11.so", "/usr/lib64/opensc-pkcs11.so", "/usr/lib64/pkcs11/opensc-pkcs11.so", "/usr/lib/opensc-pkcs11.so",
	},
	"darwin":  {"/opt/homebrew/lib/p11-kit-proxy.dylib", "/usr/local/lib/p11-kit-proxy.dylib", "/Library/OpenSC/lib/opensc-pkcs11.so"},
	"windows": {`C:\Program Files\OpenSC Project\OpenSC\pkcs11\opensc-pkcs11.dll`},
}

// pin is what a person has typed. It does not show itself and is cleared after use.
type pin []byte

// String hides the PIN.
func (pin) String() string { return "redacted" }

// GoString hides the PIN from %#v too.
func (pin) GoString() string { return "redacted" }

// LogValue hides the PIN from slog.
func (pin) LogValue() slog.Value { return slog.StringValue("redacted") }

// text lends the PIN as a string, without a copy that nobody could clear. It is not
// used after clear.
func (p pin) text() string {
	if len(p) == 0 {
		return ""
	}
	return unsafe.String(&p[0], len(p))
}
