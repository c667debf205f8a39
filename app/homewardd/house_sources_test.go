package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// What the top level of the checkout holds, beside names that begin with a dot.
var rooms = []string{
	"app", "client", "ike", "esp", "platform", "assets", "packaging",
	"go.mod", "go.sum", "Makefile", "README.md", "LICENSE",
}

// vague are names for packages that say nothing about what is in them.
var vague = []string{"util", "utils", "common", "helpers", "types", "manager"}

// maxLines is where a file wants a second one.
const maxLines = 600

// clocks are the functions of package time that read a clock or wait for one.
var clocks = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "NewTimer", "NewTicker", "Tick"}

// source is one Go file; name is its path from the root, with slashes.
type source struct {
	name  string
	lines int
	set   *token.FileSet
	file  *ast.File
}

func (s source) isTest() bool { return strings.HasSuffix(s.name, "_test.go") }

func readSource(name string, text []byte) (source, error) {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, name, text, parser.ParseComments|parser.SkipObjectResolution)
	return source{name: name, lines: bytes.Count(text, []byte("\n")), set: set, file: file}, err
}

// broken says what is wrong with one file.
func (s source) broken() (found []string) {
	if dir := path.Base(path.Dir(s.name)); slices.Contains(vague, s.file.Name.Name) || slices.Contains(vague, dir) {
		found = append(found, fmt.Sprintf("%s: package %s in %s: a name that says what is in it is wanted", s.name, s.file.Name.Name, dir))
	}
	if !s.isTest() && s.lines > maxLines {
		found = append(found, fmt.Sprintf("%s has %d lines; past %d a second file is wanted, named after what it holds", s.name, s.lines, maxLines))
	}
	inCore := strings.HasPrefix(s.name, "ike/") && !strings.HasPrefix(s.name, "ike/iketest/") && !s.isTest()
	clock := s.localName("time")
	ast.Inspect(s.file, func(n ast.Node) bool {
		text := ""
		switch n := n.(type) {
		case *ast.GoStmt:
			if inCore {
				text = "a goroutine in the core, which its caller steps"
			}
		case *ast.SelectorExpr:
			x, ok := n.X.(*ast.Ident)
			switch {
			case !ok || clock == "" || x.Name != clock || !slices.Contains(clocks, n.Sel.Name):
			case inCore:
				text = "time." + n.Sel.Name + " in the core, where time comes in with each input"
			case s.isTest() && n.Sel.Name == "Sleep":
				text = "time.Sleep in a test: wait for what is to happen instead"
			}
		case *ast.CallExpr:
			if f, ok := n.Fun.(*ast.SelectorExpr); ok && s.isTest() && len(n.Args) == 0 && (f.Sel.Name == "Skip" || f.Sel.Name == "SkipNow") {
				text = "a test that is skipped must say why"
			}
		}
		if text != "" {
			found = append(found, fmt.Sprintf("%v: %s", s.set.Position(n.Pos()), text))
		}
		return true
	})
	return found
}

// localName is what the file calls an imported package; empty: not imported.
func (s source) localName(imported string) string {
	for _, i := range s.file.Imports {
		if name, err := strconv.Unquote(i.Path.Value); err != nil || name != imported {
			continue
		}
		if i.Name != nil {
			return i.Name.Name
		}
		return path.Base(imported)
	}
	return ""
}

// undocumented says which packages lack a doc that begins with their name: the
// package's, or the program's for a main.
func undocumented(all []source) (found []string) {
	wanted := map[string]string{} // by folder
	for _, s := range all {
		dir := path.Dir(s.name)
		if name := s.file.Name.Name; name == "main" {
			wanted[dir] = "Command " + path.Base(dir) + " "
		} else if !strings.HasSuffix(name, "_test") {
			wanted[dir] = "Package " + name + " "
		}
	}
	for _, s := range all {
		dir := path.Dir(s.name)
		if begin, ok := wanted[dir]; ok && !s.isTest() && s.file.Doc != nil && strings.HasPrefix(s.file.Doc.Text(), begin) {
			delete(wanted, dir)
		}
	}
	for _, dir := range slices.Sorted(maps.Keys(wanted)) {
		found = append(found, fmt.Sprintf("%s: no package doc begins with %q", dir, wanted[dir]))
	}
	return found
}

// strays says what stands at the top level and does not belong there.
func strays(names []string) (found []string) {
	for _, name := range names {
		if !strings.HasPrefix(name, ".") && !slices.Contains(rooms, name) {
			found = append(found, fmt.Sprintf("%s: the top level holds %s and nothing else", name, strings.Join(rooms, " ")))
		}
	}
	return found
}

// tree is what stands at the top level: what is kept of a checkout, else
// everything but what was built.
func tree(t *testing.T) []string {
	t.Helper()
	names := map[string]bool{}
	cmd := exec.CommandContext(t.Context(), "git", "ls-files", "-z")
	cmd.Dir = root(t)
	if out, err := cmd.Output(); err == nil && len(out) > 0 {
		for name := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
			first, _, _ := strings.Cut(name, "/")
			names[first] = true
		}
		return slices.Sorted(maps.Keys(names))
	}
	entries, err := os.ReadDir(root(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != "bin" {
			names[e.Name()] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// sources reads every Go file but those of modules and of what was built.
func sources(t *testing.T) (all []source) {
	t.Helper()
	top := root(t)
	err := filepath.WalkDir(top, func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains([]string{".git", ".cache", "bin", "testdata"}, d.Name()):
			return filepath.SkipDir
		case d.IsDir() || filepath.Ext(file) != ".go":
			return nil
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(top, file)
		if err != nil {
			return err
		}
		s, err := readSource(filepath.ToSlash(name), text)
		all = append(all, s)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
