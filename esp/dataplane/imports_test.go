package dataplane_test

import (
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// The data plane knows esp and the standard library and nothing above or
// beside itself.
func TestForbiddenImports(t *testing.T) {
	t.Parallel()
	const own = "github.com/homeward-vpn/homeward/"
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
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range file.Imports {
			path, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case path == own+"esp", !strings.Contains(path, "."):
			case strings.HasPrefix(path, own):
				t.Errorf("%s imports %s: devices and sockets come in through interfaces, SAs through AddSA", name, path)
			default:
				t.Errorf("%s imports %s: wireguard's device and sockets satisfy the interfaces without being named", name, path)
			}
		}
	}
	if checked == 0 {
		t.Error("no source file found")
	}
}
