package desktop

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// nameLike is what a program may call things by: keys, files, kinds, signs. A text for
// a person has spaces, or begins with a capital letter.
var nameLike = regexp.MustCompile(`^[a-z0-9_./:#*%+-]*$|^homeward[A-Z][A-Za-z]*$|^#[0-9A-F]{6}$|^[A-Z]$|^Count$|^[^\pL]*$`)

// inEnglish are the functions whose words are not for the window.
var inEnglish = map[string]bool{
	"panic": true, "fyne.LogError": true, "errors.New": true, "fmt.Errorf": true,
	"slog.Error": true, "slog.Warn": true, "slog.Info": true, "slog.Debug": true,
}

// TestNoTextIsWrittenHere: every text comes from the view models, in the person's
// language; the sources of this package hold none.
func TestNoTextIsWrittenHere(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	looked := 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		for _, found := range writtenTexts(t, name, nil) {
			t.Errorf("%s is a text; it belongs into assets/translations", found)
		}
		looked++
	}
	if looked < 20 {
		t.Errorf("only %d files were looked at", looked)
	}
}

// TestWrittenTextsAreFound: the test above can fail.
func TestWrittenTextsAreFound(t *testing.T) {
	t.Parallel()
	source := "package p\nimport \"fmt\"\nvar a = \"Connect\"\nvar b = \"not connected\"\nvar c = `Größe`\nvar d = \"step-done\"\nvar e = fmt.Errorf(\"it is %d\", 1)\ntype s struct{ X int `json:\"x y\"` }\n"
	if found := writtenTexts(t, "p.go", source); len(found) != 3 {
		t.Errorf("found %v", found)
	}
}

func writtenTexts(t *testing.T, name string, source any) (found []string) {
	t.Helper()
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, name, source, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ImportSpec:
			return false
		case *ast.Field:
			n.Tag = nil
		case *ast.CallExpr:
			return !inEnglish[called(n)]
		case *ast.BasicLit:
			if n.Kind != token.STRING {
				return true
			}
			if s, err := strconv.Unquote(n.Value); err == nil && !nameLike.MatchString(s) {
				found = append(found, set.Position(n.Pos()).String()+" "+n.Value)
			}
		}
		return true
	})
	return found
}

// called is the name of a called function.
func called(c *ast.CallExpr) string {
	switch f := c.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		if x, ok := f.X.(*ast.Ident); ok {
			return x.Name + "." + f.Sel.Name
		}
	}
	return ""
}
