package main

// The rules of the house, as tests: which package may know which, what the
// core of the protocol may not do, and what the tree looks like. They stand
// here because this program joins everything.
//
//   house_test.go          the tests, and what holds in every room
//   house_ike_test.go      a table for each room: house_esp_test.go and so on
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
// everything below. A new package is one more row in its room's file.
var rules = slices.Concat(everywhere, ikeRules, espRules, platformRules, clientRules, labRules, appRules)

// everywhere are the rules for every room.
var everywhere = []rule{
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
