package credential

import (
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestForbiddenImports: what handles secrets knows the model and nothing of
// the service, the network or the other rooms.
func TestForbiddenImports(t *testing.T) {
	t.Parallel()
	const own = "github.com/homeward-vpn/homeward/"
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files, %v", err)
	}
	for _, path := range files {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range file.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(name, own) && name != own+"client/profile" {
				t.Errorf("%s imports %s: client/credential may import client/profile only", path, name)
			}
			if (name == "net" || name == "net/http") || (name == "os/exec" && !strings.HasSuffix(path, "_test.go")) {
				t.Errorf("%s imports %s: secrets go nowhere by themselves", path, name)
			}
		}
	}
}
