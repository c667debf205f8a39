package eap

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// What this package must not import, and why.
var forbidden = map[string]string{
	"net":                                  "the core does no I/O",
	"os":                                   "the core knows no operating system",
	"math/rand":                            "challenges come from the caller's reader",
	"math/rand/v2":                         "challenges come from the caller's reader",
	"crypto/rand":                          "challenges come from the caller's reader, so that tests can repeat them",
	"time":                                 "EAP inside IKE has no timers of its own",
	"github.com/homeward-vpn/homeward/esp": "signing in has nothing to do with packets",
	"github.com/homeward-vpn/homeward/client":   "a lower room never calls a higher one",
	"github.com/homeward-vpn/homeward/platform": "the core knows no operating system",
	"github.com/homeward-vpn/homeward/app":      "a lower room never calls a higher one",
	"github.com/homeward-vpn/homeward/ike/auth": "the session turns the key into an AUTH payload",
	"github.com/homeward-vpn/homeward/ike/wire": "packets come out of their payload before they get here",
}

func TestForbiddenImports(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		checked++
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, imp := range file.Imports {
			path, err := strconv.Unquote(imp.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			for bad, why := range forbidden {
				under := strings.Contains(bad, ".") && strings.HasPrefix(path, bad+"/")
				if path == bad || under {
					t.Errorf("%s imports %s: %s", name, path, why)
				}
			}
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if g, ok := n.(*ast.GoStmt); ok {
				t.Errorf("%v starts a goroutine: the core is stepped by its caller", set.Position(g.Pos()))
			}
			return true
		})
	}
	if checked == 0 {
		t.Error("no file was checked")
	}
}
