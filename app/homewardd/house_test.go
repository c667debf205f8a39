package main

// The rules of the house, as tests: which package may know which, what the
// core of the protocol may not do, and what the tree looks like. They stand
// here because this program joins everything.
//
//   house_test.go          the table and the tests
//   house_imports_test.go  packages as the go tool lists them, held against the table
//   house_sources_test.go  files, read one by one
//   house_checker_test.go  that the checks find what they look for

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// Words that several rules share.
const (
	noIO      = "no I/O here: whoever calls does it"
	noSystem  = "nothing here belongs to one operating system"
	noCgo     = "all but the user's programs, which speak to smart cards and draw windows, builds without cgo, so that one file runs on every distribution"
	noUp      = "nothing flows back up: a lower room never calls a higher one"
	seeded    = "randomness comes from the caller's reader, so that a run can be repeated"
	testsOnly = "what is for tests only stays out of the programs"
	aSystem   = "a package of platform uses its own system's client library, and the ledger where it changes something"
	joined    = "a part of the core is joined with the others by the session alone"
)

// rules say who may know whom. Our own packages are written as the go tool
// does, from the root of the module: ./ike is that package, ./ike/... it and
// everything below.
var rules = []rule{
	// Everything.
	{
		of:     []string{"./..."},
		except: []string{"./app/homeward", "./app/desktop/...", "./app/homewardctl", "./client/credential/token"},
		never: map[string]string{
			"C":           noCgo,
			"runtime/cgo": noCgo,
		},
		tests: true,
	},
	{
		of:     []string{"./..."},
		except: []string{"./app/homeward", "./app/desktop/..."},
		never: map[string]string{
			"fyne.io/...":       "only the desktop program draws windows",
			"./app/desktop/...": "only the desktop program draws windows",
		},
		tests: true,
	},
	{
		of:     []string{"./..."},
		except: []string{"./ike/iketest/...", "./esp/esptest/...", "./platform/platformtest/...", "./client/profile/profiletest", "./client/lab/..."},
		never: map[string]string{
			"testing":                      testsOnly,
			"./ike/iketest/...":            testsOnly,
			"./esp/esptest/...":            testsOnly,
			"./platform/platformtest/...":  testsOnly,
			"./client/profile/profiletest": testsOnly,
			"./client/lab/...":             testsOnly,
		},
	},

	// ike: the core, without I/O.
	{
		of:     []string{"./ike/..."},
		except: []string{"./ike/iketest/vectors"},
		why:    "the core needs x/crypto and the arithmetic that the standard library lacks, and nothing else from outside",
		outside: []string{
			"golang.org/x/crypto/...", "github.com/cloudflare/circl/...", "filippo.io/bigmod",
		},
		never: map[string]string{
			"net":            noIO + "; addresses are net/netip",
			"os":             noSystem,
			"syscall":        noSystem,
			"math/big":       "wire values keep their leading zeros, and secrets their time",
			"./esp/...":      "the core hands keys over and sees no packets",
			"./client/...":   noUp,
			"./platform/...": noSystem,
			"./app/...":      noUp,
		},
	},
	{
		of:     []string{"./ike/..."},
		except: []string{"./ike/iketest/..."},
		never:  map[string]string{"crypto/rand": seeded, "math/rand": seeded, "math/rand/v2": seeded},
	},
	{
		of:     []string{"./ike"},
		own:    []string{"./ike/auth", "./ike/eap", "./ike/suite", "./ike/wire"},
		behind: []string{"./ike/aesmode", "./ike/eap/tlsstep"},
		why:    "the session stands on its own parts alone",
		never: map[string]string{
			"sync":        "the core is one input at a time, and has nothing to lock",
			"log":         "logging goes to Config.Logger",
			"crypto/tls":  "EAP methods alone speak TLS, in ike/eap",
			"crypto/x509": "trust is decided by the owner, with ike/auth",
		},
	},
	{
		of:      []string{"./ike/wire"},
		own:     nothing,
		outside: nothing,
		why:     "the codec stands on the standard library alone",
	},
	{
		of:      []string{"./ike/aesmode"},
		own:     nothing,
		outside: nothing,
		why:     "the data plane uses it too, and is to bring nothing of the protocol along",
	},
	{
		of:  []string{"./ike/suite"},
		own: []string{"./ike/aesmode", "./ike/wire"},
		why: joined + "; auth and eap build on suite",
	},
	{
		of:     []string{"./ike/auth"},
		own:    []string{"./ike/suite", "./ike/wire"},
		behind: []string{"./ike/aesmode"},
		why:    joined + "; an EAP key arrives as octets",
		never: map[string]string{
			"crypto/tls": "only EAP methods speak TLS",
		},
	},
	{
		of:     []string{"./ike/eap"},
		own:    []string{"./ike/auth", "./ike/eap/tlsstep", "./ike/suite"},
		behind: []string{"./ike/aesmode", "./ike/wire"},
		why:    joined + ": packets come out of their payload before they get here, and the key becomes an AUTH payload elsewhere; of auth it needs the names of signatures",
	},
	{
		of:      []string{"./ike/eap/tlsstep"},
		own:     []string{"./ike/suite"},
		behind:  []string{"./ike/aesmode", "./ike/wire"},
		outside: nothing,
		why:     "crypto/tls in steps knows no EAP: framing, methods and what a chain is judged by are others' business",
	},
	{
		of:     []string{"./ike/iketest"},
		own:    []string{"./ike", "./ike/auth", "./ike/eap", "./ike/iketest/tlsserver", "./ike/suite", "./ike/wire"},
		behind: []string{"./ike/aesmode", "./ike/eap/tlsstep"},
		why:    "the gateway in memory stands beside the core, and knows nothing else of the house",
	},
	{
		of:      []string{"./ike/iketest/tlsserver"},
		own:     nothing,
		outside: nothing,
		why:     "it is the other side of what it tests, and shares nothing with it",
	},
	{
		of:      []string{"./ike/iketest/vectors"},
		own:     nothing,
		outside: nothing,
		why:     "tests inside every package of ike load vectors with it, so it may import none of them",
	},

	// esp: the data plane.
	{
		// The modes of AES that the standard library lacks are written once,
		// for IKE and ESP alike; the package knows neither of them.
		of:      []string{"./esp"},
		own:     []string{"./ike/aesmode"},
		outside: []string{"golang.org/x/crypto/..."},
		why:     "an SA needs the standard library, x/crypto and the modes of AES that those lack, and nobody else",
		never: map[string]string{
			"net":  "packets come and go through the caller's buffers",
			"os":   noSystem,
			"time": "lifetimes are the session's business",
			"sync": "an SA has one owner; only the sequence counter is shared, and that is atomic",
		},
	},
	{
		of:      []string{"./esp/dataplane"},
		own:     []string{"./esp"},
		behind:  []string{"./ike/aesmode"},
		outside: nothing,
		why:     "devices and sockets come in through interfaces, which wireguard's satisfy without being named; SAs come through AddSA",
	},
	{
		of:      []string{"./esp/esptest"},
		own:     []string{"./esp"},
		behind:  []string{"./ike/aesmode"},
		outside: nothing,
		why:     "the fakes are used inside dataplane's own tests",
	},

	// platform: one package per service of the operating system.
	{
		of:    []string{"./platform/..."},
		tests: true,
		never: map[string]string{
			"./ike/...":    "platform is below the protocol: it carries datagrams and does not read them",
			"./esp/...":    "platform is below the data plane: dataplane declares the interfaces it wants",
			"./client/...": "platform is told, it never asks",
			"./app/...":    "platform is told, it never asks",
		},
	},
	{of: []string{"./platform/alarm"}, own: nothing, outside: []string{"golang.org/x/sys/..."}, why: aSystem},
	{of: []string{"./platform/canary"}, own: nothing, outside: []string{"golang.org/x/sys/..."}, why: aSystem},
	{of: []string{"./platform/captive"}, own: nothing, outside: []string{"golang.org/x/sys/...", "github.com/insomniacslk/dhcp/..."}, why: aSystem},
	{of: []string{"./platform/confine"}, own: nothing, outside: []string{"golang.org/x/sys/..."}, why: aSystem},
	{of: []string{"./platform/netmon"}, own: nothing, outside: []string{"golang.org/x/sys/...", "github.com/godbus/dbus/v5"}, why: aSystem},
	{of: []string{"./platform/ledger"}, own: nothing, outside: []string{"golang.org/x/sys/..."}, why: aSystem},
	{of: []string{"./platform/localsock"}, own: nothing, outside: []string{"golang.org/x/sys/...", "golang.zx2c4.com/wireguard/ipc/namedpipe"}, why: aSystem},
	{of: []string{"./platform/transport"}, own: nothing, outside: []string{"golang.org/x/sys/...", "golang.zx2c4.com/wireguard/conn"}, why: aSystem},
	{of: []string{"./platform/tun"}, own: []string{"./platform/ledger"}, outside: []string{"golang.org/x/sys/...", "golang.zx2c4.com/wireguard/tun", "github.com/vishvananda/netlink"}, why: aSystem},
	{of: []string{"./platform/route"}, own: []string{"./platform/ledger"}, outside: []string{"golang.org/x/sys/...", "github.com/vishvananda/netlink"}, why: aSystem},
	{of: []string{"./platform/killswitch"}, own: nothing, outside: []string{"golang.org/x/sys/...", "github.com/google/nftables/...", "github.com/vishvananda/netlink"}, why: "a policy outlives the process, so it is in no ledger; the kernel is told by netlink, and no program is run"},
	{of: []string{"./platform/killswitch"}, never: map[string]string{"os/exec": "what must hold does not hang on whether a program is installed"}},
	{of: []string{"./platform/dns"}, own: []string{"./platform/ledger"}, outside: []string{"golang.org/x/sys/...", "github.com/godbus/dbus/v5"}, why: aSystem},
	{of: []string{"./platform/platformtest"}, own: []string{"./platform/dns", "./platform/route"}, behind: []string{"./platform/ledger"}, outside: nothing, why: "fakes know the configurations that they record"},
	{of: []string{"./platform/platformtest"}, never: map[string]string{"testing": "the fakes return errors; only the namespaces belong to one test"}},
	{of: []string{"./platform/platformtest/debian"}, own: nothing, outside: nothing, why: "the lab uses it too"},
	{of: []string{"./platform/platformtest/debian"}, never: map[string]string{"testing": "the lab uses it too, outside any test"}},
	{of: []string{"./platform/platformtest/namespace"}, own: []string{"./platform/platformtest/debian"}, outside: nothing, why: "every package of platform is tested in it"},

	// client: what a connection is.
	{
		of:    []string{"./client/profile/..."},
		own:   []string{"./client/profile/..."},
		why:   "the model and the importers are read by every program and must stay free of all that a program does",
		tests: true,
	},
	{
		of:      []string{"./client/profile/..."},
		outside: []string{"golang.org/x/net/idna", "golang.org/x/net/publicsuffix", "github.com/smallstep/pkcs7", "software.sslmate.com/src/go-pkcs12"},
		why:     "what reads hostile files needs parsers and nothing else from outside",
		never: map[string]string{
			"net":      "nothing in a profile is fetched",
			"net/http": "nothing in a profile is fetched",
			"os/exec":  "nothing in a profile is run",
		},
	},
	{
		of:      []string{"./client/profile/native"},
		own:     []string{"./client/profile"},
		outside: nothing,
		why:     "the own format is the model and its spelling, and knows no other",
	},
	{
		of:     []string{"./client/profile/..."},
		except: []string{"./client/profile/formats"},
		never:  map[string]string{"./client/profile/formats": "formats stands above the importers"},
		tests:  true,
	},
	{
		of:     []string{"./client/credential"},
		own:    []string{"./client/profile", "./client/profile/keyfile", "./client/diagnose"},
		behind: []string{"./client/profile/ber"},
		why:    "what handles secrets knows the model, the files that keys come in, the words for what goes wrong, and no other room",
		tests:  true,
		never: map[string]string{
			"net":      "secrets go nowhere by themselves",
			"net/http": "secrets go nowhere by themselves",
		},
	},
	{
		of:      []string{"./client/credential"},
		outside: []string{"github.com/zalando/go-keyring", "golang.org/x/crypto/..."},
		why:     "each module that sees secrets is one to be read first",
		never:   map[string]string{"os/exec": "secrets go nowhere by themselves"},
	},
	{
		of:      []string{"./client/credential/answer"},
		own:     []string{"./client/control", "./client/credential", "./client/diagnose", "./client/profile"},
		behind:  []string{"./platform/localsock", "./client/profile/..."},
		outside: nothing,
		why:     "what answers for the user joins the questions with the secrets, and shows and connects nothing itself",
		never: map[string]string{
			"./client/tunnel":  "the service holds the line; the user's programs answer",
			"./client/service": "the service is another process, behind the local API",
			"net":              "secrets go where the local API takes them",
			"net/http":         "secrets go where the local API takes them",
			"os/exec":          "secrets go nowhere by themselves",
		},
	},
	{
		of:      []string{"./client/credential/token"},
		own:     []string{"./client/credential", "./client/diagnose"},
		behind:  []string{"./client/profile/..."},
		outside: []string{"github.com/miekg/pkcs11"},
		why:     "what speaks to smart cards asks for PINs, names what goes wrong, and knows no line",
		never: map[string]string{
			"net":     "secrets go nowhere by themselves",
			"os/exec": "secrets go nowhere by themselves",
		},
	},
	{
		of:      []string{"./client/diagnose"},
		own:     nothing,
		outside: nothing,
		why:     "the words for a failure are shared by every room, so they may depend on none",
	},
	{
		of:      []string{"./client/supervisor"},
		own:     []string{"./client/profile", "./client/diagnose"},
		outside: nothing,
		why:     "a pure step knows what is wished and what went wrong, and nobody who does anything",
		never: map[string]string{
			"./ike/...":        "decisions about a line do not depend on its protocol",
			"./esp/...":        "decisions about a line do not depend on its packets",
			"./platform/...":   "effects are values, somebody else performs them",
			"./client/control": "the local API shows states, it does not make them",
			"./client/service": "the service calls the supervisor, never the other way round",
			"./client/tunnel":  "a tunnel is known by its number only",
			"./app/...":        noUp,
			"os":               "a pure step has no I/O",
			"net":              "a pure step has no I/O",
			"math/rand":        "a pure step has no randomness",
			"math/rand/v2":     "a pure step has no randomness",
		},
	},
	{
		of:      []string{"./client/posture"},
		own:     nothing,
		outside: nothing,
		why:     "what decides before the network is up, and before anybody can be asked, stands on two files alone",
		never: map[string]string{
			"net":     "it decides before there is a network",
			"os/exec": "it changes nothing in the system",
		},
	},
	{
		of:      []string{"./client/ondemand/urlprobe"},
		own:     []string{"./client/profile"},
		outside: nothing,
		why:     "what asks a URL is given its sockets and the way through the kill switch, and decides nothing",
		never:   map[string]string{"os": "its sockets come in as functions", "os/exec": "nothing is run"},
	},
	{
		of:      []string{"./client/machine"},
		own:     []string{"./client/control", "./client/diagnose", "./client/profile", "./client/tunnel"},
		behind:  []string{"./ike/...", "./esp/...", "./client/nat64", "./platform/localsock"},
		outside: nothing,
		why:     "what the computer signs in with stands on its own files, and answers a tunnel's questions in their words",
		never: map[string]string{
			"net/http":                "secrets go nowhere by themselves",
			"os/exec":                 "secrets go nowhere by themselves",
			"./client/credential/...": "a user's secrets are none of the machine's",
			"./client/service":        noUp,
		},
	},
	{
		of:      []string{"./client/ondemand"},
		own:     []string{"./client/profile"},
		outside: nothing,
		why:     "rules are held against what is known; whoever knows it comes to ask",
		never: map[string]string{
			"net":      "a probe is a wish, and somebody else makes it",
			"net/http": "a probe is a wish, and somebody else makes it",
			"os":       "a pure step has no I/O",
			"time":     "a pure step has no clock",
		},
	},
	{
		of:      []string{"./client/portal"},
		own:     nothing,
		outside: nothing,
		why:     "what strangers on the network say is read apart from everything else",
		never: map[string]string{
			"./platform/...": "sockets and the words of the network come in as functions",
			"os/exec":        "the user's program opens the browser, where the user wants it",
		},
	},
	{
		of:      []string{"./client/revocation"},
		own:     []string{"./ike/auth"},
		behind:  []string{"./ike/..."},
		outside: []string{"golang.org/x/net/dns/dnsmessage"},
		why:     "who asks the authorities judges by the core's rules, through a network that it is given",
		never: map[string]string{
			"crypto/tls":     "what is fetched is signed, and a second set of certificates would want checking in turn",
			"./client/...":   "it finds out, and decides nothing about a line",
			"./platform/...": "the way through the tunnel comes in as a function",
			"os/exec":        "nothing is run",
		},
	},
	{
		of:      []string{"./client/nat64"},
		own:     nothing,
		outside: nothing,
		why:     "how addresses are written is arithmetic",
		never:   map[string]string{"net": noIO + "; addresses are net/netip", "os": noSystem, "time": "an address does not age"},
	},
	{
		of:      []string{"./client/locate"},
		own:     []string{"./client/nat64", "./client/profile"},
		outside: []string{"golang.org/x/net/dns/dnsmessage"},
		why:     "who asks for the gateway's name opens no socket and no hole: both come in as functions",
		never: map[string]string{
			"./platform/...": "name servers, sockets and the kill switch come in as functions",
			"./ike/...":      "an address is all that is found; who answers there is proven elsewhere",
			"os/exec":        "nothing is run",
		},
	},
	{
		of:      []string{"./client/tunnel"},
		own:     []string{"./ike/...", "./esp/...", "./client/profile", "./client/diagnose", "./client/nat64"},
		outside: []string{"golang.org/x/net/publicsuffix"},
		why:     "a tunnel joins the core with the data plane; what belongs to the system comes in through interfaces",
		never: map[string]string{
			"./platform/...":      "parts of the system come in through interfaces",
			"./client/control":    "the local API knows tunnels by their status, and they know it not at all",
			"./client/supervisor": "a tunnel does what it is told and reports",
			"./app/...":           noUp,
		},
	},
	{
		of:      []string{"./client/control"},
		own:     []string{"./client/profile", "./platform/localsock"},
		outside: nothing,
		why:     "the API stands on the model and the socket alone",
		never: map[string]string{
			"./ike/...":           "programs that use the API must not carry the protocol",
			"./esp/...":           "programs that use the API must not carry the data plane",
			"./client/supervisor": "the API shows states, it does not make them",
			"./client/tunnel":     "the API knows lines by their status only",
			"./client/service":    "the service implements Backend; the API does not know who does",
			"./app/...":           noUp,
		},
	},
	{
		of:      []string{"./client/service"},
		own:     []string{"./client/control", "./client/diagnose", "./client/ondemand", "./client/portal", "./client/profile", "./client/supervisor", "./client/tunnel"},
		behind:  []string{"./ike/...", "./esp/...", "./client/nat64", "./platform/localsock"},
		outside: nothing,
		why:     "the service performs what the supervisor decides, on parts that it is given",
		never: map[string]string{
			"./platform/...":          "parts of the system come in through interfaces, so that every effect can be made to fail in a test",
			"./client/credential/...": "secrets stay in the user's programs; the service asks",
			"./client/lab/...":        "the lab tests the service, not the other way round",
			"./app/...":               noUp,
			"github.com/spf13/...":    "the service has no command line",
			"github.com/zalando/...":  "a keychain belongs to a user, and the service is none",
		},
	},
	{
		// A half-open IKE SA at the gateway, which makes it want cookies, is
		// the one thing that the lab has package ike for.
		of:      []string{"./client/lab", "./client/lab/homeward-lab"},
		own:     []string{"./client/lab", "./platform/platformtest/debian", "./ike", "./ike/auth", "./ike/suite"},
		behind:  []string{"./ike/aesmode", "./ike/eap/...", "./ike/wire"},
		outside: anything,
		why:     "the company in a box works on Homeward's programs from outside, as a person does",
	},
	{
		// No program shows the key that EAP ends with: it is compared with the
		// servers' here.
		of:      []string{"./client/lab/radius"},
		own:     []string{"./client/lab", "./ike/auth", "./ike/eap", "./ike/eap/tlsstep", "./ike/suite"},
		behind:  []string{"./platform/platformtest/debian", "./ike/..."},
		outside: anything,
		why:     "the sign-in servers of the lab and the EAP peer meet with nothing in between",
		tests:   true,
	},
	{
		// The suite's list of keywords says which algorithms there are to try.
		of:      []string{"./client/lab/e2e"},
		own:     []string{"./client/lab", "./ike/suite"},
		behind:  []string{"./platform/platformtest/debian", "./ike/..."},
		outside: anything,
		why:     "the end-to-end tests see the programs as a person does: by what they print and what they do to the system",
		tests:   true,
	},
	{
		// It times single parts with nothing else around them: two data planes
		// on real devices and sockets, a packet sealed and opened, a handshake
		// with each group. No program shows those from outside.
		of:      []string{"./client/lab/bench"},
		own:     []string{"./client/lab", "./client/control", "./esp/...", "./platform/...", "./ike", "./ike/iketest", "./ike/suite"},
		behind:  []string{"./client/profile", "./platform/platformtest/debian", "./ike/..."},
		outside: anything,
		why:     "the benchmark joins the parts whose speed is measured, and no more",
	},

	// app: what people start.
	{
		of:      []string{"./app/homewardctl", "./app/homeward", "./app/desktop/...", "./app/viewmodel"},
		own:     []string{"./client/control", "./client/profile/...", "./client/credential/...", "./client/diagnose", "./assets/...", "./app/desktop/...", "./app/viewmodel"},
		behind:  []string{"./platform/localsock"},
		outside: anything,
		why:     "the user's programs are equals: they speak the local API and nothing else",
		never: map[string]string{
			"./ike/...":           "the user's programs do not carry the protocol",
			"./esp/...":           "the user's programs do not carry the data plane",
			"./platform/...":      "the user's programs change nothing in the system; the socket is client/control's",
			"./client/supervisor": "the service decides; the user's programs show and ask",
			"./client/tunnel":     "the service holds the line; the user's programs show and ask",
			"./client/service":    "the service is another process, behind the local API",
		},
	},
	{
		of:    []string{"./app/desktop/..."},
		never: map[string]string{"fyne.io/fyne/v2/app": "windows take the fyne.App they are given, so that tests need no display"},
	},
	{
		of:      []string{"./assets/..."},
		own:     nothing,
		outside: nothing,
		why:     "icons and translations are data",
		planned: true,
	},
	{
		of:      []string{"./app/homewardd"},
		own:     []string{"./client/...", "./platform/...", "./esp/...", "./ike/..."},
		outside: anything,
		why:     "the service joins everything but the desktop",
		never: map[string]string{
			"./client/credential/...": "secrets stay in the user's programs; the service asks",
			"github.com/zalando/...":  "a keychain belongs to a user, and the service is none",
			"github.com/go-gl/...":    "the service has no windows",
		},
	},
}

// TestWhoMayKnowWhom holds every package against the table, on every system
// and with cgo on and off: build tags must not hide an import.
//
// Not in parallel: the go tool is started, and a program that starts at the
// moment when another test lets go of a lock file holds on to it for a moment.
func TestWhoMayKnowWhom(t *testing.T) {
	broken := map[string][]string{} // what is wrong: where it is seen
	ours := map[string]bool{}
	for _, w := range worlds {
		h := list(t, w)
		for path, p := range h {
			if isOurs(path) {
				ours[path] = true
				if p.Error != nil {
					t.Errorf("%s (%s): %s", path, w, p.Error.Err)
				}
			}
		}
		for _, text := range h.broken(rules) {
			broken[text] = append(broken[text], w.String())
		}
	}
	for _, text := range slices.Sorted(maps.Keys(broken)) {
		where := strings.Join(broken[text], ", ")
		if len(broken[text]) == len(worlds) {
			where = "on every system"
		}
		t.Errorf("%s (%s)", text, where)
	}
	for _, text := range incomplete(slices.Sorted(maps.Keys(ours)), rules) {
		t.Error(text)
	}
}

// TestSources reads every Go file of the tree: also what no system builds.
func TestSources(t *testing.T) {
	t.Parallel()
	all := sources(t)
	if len(all) < 400 {
		t.Errorf("only %d files were found", len(all))
	}
	for _, s := range all {
		for _, text := range s.broken() {
			t.Error(text)
		}
	}
	for _, text := range undocumented(all) {
		t.Error(text)
	}
}

// TestTopLevel: the rooms are fixed, so that everything has one place. Not in
// parallel: git is started.
func TestTopLevel(t *testing.T) {
	for _, text := range strays(tree(t)) {
		t.Error(text)
	}
}
