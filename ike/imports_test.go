package ike

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// What the core must not import, and why.
var forbiddenImports = map[string]string{
	"net":              "the core does no I/O; addresses are net/netip",
	"os":               "the core knows no operating system",
	"syscall":          "the core knows no operating system",
	"sync":             "the core is one input at a time, and has nothing to lock",
	"crypto/rand":      "randomness comes from Config.Rand, so that a run can be repeated",
	"math/rand":        "randomness comes from Config.Rand",
	"math/rand/v2":     "randomness comes from Config.Rand",
	"math/big":         "wire values keep their leading zeros, and secrets their time",
	"crypto/tls":       "EAP methods alone speak TLS, in ike/eap",
	"crypto/x509":      "trust is decided by the owner, with ike/auth",
	"log":              "logging goes to Config.Logger",
	"golang.org/x/net": "the core does no I/O",
	"github.com/homeward-vpn/homeward/ike/iketest": "what is for tests only stays there",
	"github.com/homeward-vpn/homeward/esp":         "the core sees no packets",
	"github.com/homeward-vpn/homeward/client":      "a lower room never calls a higher one",
	"github.com/homeward-vpn/homeward/platform":    "the core knows no operating system",
	"github.com/homeward-vpn/homeward/app":         "a lower room never calls a higher one",
}

// forbiddenCalls are functions that would bring a clock into the core.
var forbiddenCalls = map[string]bool{
	"Now": true, "Since": true, "Until": true, "Sleep": true, "After": true, "AfterFunc": true,
	"NewTimer": true, "NewTicker": true, "Tick": true,
}

func TestForbiddenImports(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		checked++
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range file.Imports {
			path, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			for bad, why := range forbiddenImports {
				if path == bad || strings.Contains(bad, ".") && strings.HasPrefix(path, bad+"/") {
					t.Errorf("%s imports %s: %s", name, path, why)
				}
			}
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
				t.Errorf("%v: a goroutine in the core", set.Position(n.Pos()))
			case *ast.SelectorExpr:
				if x, ok := n.X.(*ast.Ident); ok && x.Name == "time" && forbiddenCalls[n.Sel.Name] {
					t.Errorf("%v: time.%s in the core, where time comes in with each input", set.Position(n.Pos()), n.Sel.Name)
				}
			}
			return true
		})
	}
	if checked < 15 {
		t.Fatalf("only %d files looked at", checked)
	}
}
