package profile

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestForbiddenImports: the model and the importers of foreign formats are
// read by every program and must stay free of all that a program does.
func TestForbiddenImports(t *testing.T) {
	t.Parallel()
	const own = "github.com/homeward-vpn/homeward/"
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range file.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			switch {
			case strings.HasPrefix(name, own) && !strings.HasPrefix(name, own+"client/profile"):
				t.Errorf("%s imports %s: client/profile and below may import nothing else of ours", path, name)
			case name == own+"client/profile/formats" && !strings.HasPrefix(path, "formats"):
				t.Errorf("%s imports %s: formats stands above the importers", path, name)
			case (name == "net" || name == "net/http" || name == "os/exec") && !strings.HasSuffix(path, "_test.go"):
				t.Errorf("%s imports %s: nothing in a profile is fetched or run", path, name)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
