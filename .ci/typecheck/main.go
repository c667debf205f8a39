// Command typecheck checks the types of a whole program, with everything below it, as
// another system would compile it with cgo: C is taken as read. It finds what a build
// for a system finds whose C compiler is not here.
//
//	typecheck GOOS/GOARCH PACKAGE
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: typecheck GOOS/GOARCH PACKAGE")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "typecheck:", err)
		os.Exit(1)
	}
}

// source is a package as the go tool lists it.
type source struct {
	ImportPath, Dir   string
	GoFiles, CgoFiles []string
	ImportMap         map[string]string
	Error             *struct{ Err string }
}

func run(target, program string) error {
	system, arch, ok := strings.Cut(target, "/")
	if !ok {
		return fmt.Errorf("%q is not a system and an architecture", target)
	}
	all, err := list(system, arch, program)
	if err != nil {
		return err
	}
	c := &checker{fset: token.NewFileSet(), done: map[string]*types.Package{"unsafe": types.Unsafe}, sizes: types.SizesFor("gc", arch)}
	for _, s := range all { // what is imported comes first
		if err := c.check(s); err != nil {
			return err
		}
	}
	return nil
}

// list gives the package and all that stands behind it, imports first.
func list(system, arch, program string) ([]source, error) {
	cmd := exec.Command("go", "list", "-deps", "-json=ImportPath,Dir,GoFiles,CgoFiles,ImportMap,Error", program)
	cmd.Env = append(os.Environ(), "GOOS="+system, "GOARCH="+arch, "CGO_ENABLED=1")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("listing the packages: %w", err)
	}
	var all []source
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var s source
		if err := d.Decode(&s); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, fmt.Errorf("reading the list of packages: %w", err)
		}
		if s.Error != nil {
			return nil, fmt.Errorf("%s: %s", s.ImportPath, s.Error.Err)
		}
		all = append(all, s)
	}
}

type checker struct {
	fset  *token.FileSet
	done  map[string]*types.Package
	sizes types.Sizes
}

// importer finds what a package imports, by the names that its module has for it.
type importer struct {
	*checker
	names map[string]string
}

// Import implements types.Importer.
func (i importer) Import(path string) (*types.Package, error) {
	if name, ok := i.names[path]; ok {
		path = name
	}
	p, ok := i.done[path]
	if !ok {
		return nil, fmt.Errorf("%s was not listed", path)
	}
	return p, nil
}

func (c *checker) check(s source) error {
	if s.ImportPath == "unsafe" {
		return nil
	}
	var files []*ast.File
	for _, name := range append(s.GoFiles, s.CgoFiles...) {
		f, err := parser.ParseFile(c.fset, filepath.Join(s.Dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		files = append(files, f)
	}
	ours := strings.HasPrefix(s.ImportPath, "github.com/homeward-vpn/homeward")
	var found []error
	config := types.Config{
		Importer: importer{c, s.ImportMap}, FakeImportC: true, Sizes: c.sizes,
		IgnoreFuncBodies: !ours, // the others' bodies are the others' business
		Error:            func(err error) { found = append(found, err) },
	}
	p, _ := config.Check(s.ImportPath, c.fset, files, nil) // found has its error and the others
	c.done[s.ImportPath] = p
	if len(found) > 0 {
		return fmt.Errorf("%s: %w", s.ImportPath, errors.Join(found...))
	}
	return nil
}
