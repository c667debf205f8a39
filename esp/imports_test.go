package esp_test

import (
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// The package is what architecture.md allows it to be: the standard library
// and x/crypto, without sockets, files or clocks.
func TestForbiddenImports(t *testing.T) {
	t.Parallel()
	forbidden := map[string]string{
		"net":  "packets come and go through the caller's buffers",
		"os":   "nothing here belongs to one system",
		"time": "lifetimes are the session's business",
		"sync": "an SA has one owner; only the sequence counter is shared, and that is atomic",
	}
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
			if reason, bad := forbidden[path]; bad {
				t.Errorf("%s imports %s: %s", name, path, reason)
			}
			if strings.Contains(path, ".") && !strings.HasPrefix(path, "golang.org/x/crypto/") {
				t.Errorf("%s imports %s: only the standard library and x/crypto are allowed", name, path)
			}
		}
	}
	if checked == 0 {
		t.Error("no source file found")
	}
}
