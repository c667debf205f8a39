package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/homeward-vpn/homeward"

// rule says what some packages may know.
//
// Of the standard library only what a package imports itself counts. Of our
// own packages, of other modules and of cgo ("C", "runtime/cgo") everything
// counts that stands behind its imports, however far.
type rule struct {
	of, except []string // the packages it holds for

	own     []string // all of our own packages that they may import; nil: not said here
	behind  []string // of our own, what may stand behind those, but not be imported
	outside []string // all packages of other modules that they may import; nil: not said here
	why     string   // the reason of own and outside

	never map[string]string // what they must not know, and why

	tests   bool // it holds for the test files too
	planned bool // no package of it stands yet
}

var (
	nothing  = []string{}
	anything = []string{"..."}
)

// holds tells whether the rule is about the package.
func (r rule) holds(path string) bool {
	return matchAny(r.of, path) && !matchAny(r.except, path)
}

// judge gives the reason why the package may not be imported (direct), or
// stand behind an import; empty: it may.
func (r rule) judge(path string, direct bool) string {
	if !direct && (isStandard(path) || matchAny(r.behind, path)) {
		return ""
	}
	pattern := ""
	for p := range r.never {
		if match(p, path) && len(p) > len(pattern) {
			pattern = p
		}
	}
	switch {
	case pattern != "":
		return r.never[pattern]
	case isOurs(path) && r.own != nil && !matchAny(r.own, path):
		return r.why
	case direct && !isOurs(path) && !isStandard(path) && !isCgo(path) && r.outside != nil && !matchAny(r.outside, path):
		return r.why
	}
	return ""
}

// match tells whether the pattern means the package. A pattern that ends in
// "..." means a package and everything below.
func match(pattern, path string) bool {
	if rest, ok := strings.CutPrefix(pattern, "."); ok && (rest == "" || rest[0] == '/') {
		pattern = module + rest
	}
	under, tree := strings.CutSuffix(pattern, "...")
	if !tree {
		return path == pattern
	}
	return strings.HasPrefix(path+"/", under)
}

func matchAny(patterns []string, path string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return match(p, path) })
}

func isOurs(path string) bool { return match("./...", path) }

// isStandard: paths of modules begin with the name of a host.
func isStandard(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return !isCgo(path) && !strings.Contains(first, ".")
}

func isCgo(path string) bool { return path == "C" || path == "runtime/cgo" }

// listed is a package as the go tool lists it.
type listed struct {
	ImportPath                         string
	Imports, TestImports, XTestImports []string
	Error                              *struct{ Err string }
}

// house is every package, ours and the others, by path.
type house map[string]*listed

// broken says which packages break which rule.
func (h house) broken(rules []rule) []string {
	var found []string
	for path, p := range h {
		for _, r := range rules {
			if isOurs(path) && r.holds(path) {
				found = append(found, h.against(p, r)...)
			}
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// against holds a package against one rule: its imports, and breadth first
// what stands behind them, so that each chain it names is a shortest one.
func (h house) against(p *listed, r rule) (found []string) {
	direct := p.Imports
	if r.tests {
		direct = slices.Concat(direct, p.TestImports, p.XTestImports)
	}
	by := map[string]string{p.ImportPath: ""} // who brought it in
	var queue []string
	visit := func(from string, imports []string) {
		for _, path := range imports {
			if _, seen := by[path]; !seen {
				by[path] = from
				queue = append(queue, path)
			}
		}
	}
	visit("", direct)
	for len(queue) > 0 {
		path := queue[0]
		queue = queue[1:]
		if why := r.judge(path, by[path] == ""); why != "" {
			found = append(found, fmt.Sprintf("%s imports %s: %s", short(p.ImportPath), chain(by, path), why))
		}
		if next := h[path]; next != nil && !isStandard(path) {
			visit(path, next.Imports)
		}
	}
	return found
}

// chain names a package and, where it was not imported directly, by whom.
func chain(by map[string]string, path string) string {
	text := short(path)
	for from := by[path]; from != ""; from = by[from] {
		text += ", by way of " + short(from)
	}
	return text
}

func short(path string) string { return strings.TrimPrefix(path, module+"/") }

// incomplete says which packages the table forgets, and which of its rules are
// about nobody.
func incomplete(ours []string, rules []rule) (found []string) {
	for _, path := range ours {
		own, outside := false, false
		for _, r := range rules {
			own = own || r.own != nil && r.holds(path)
			outside = outside || r.outside != nil && r.holds(path)
		}
		if !own || !outside {
			found = append(found, fmt.Sprintf("%s: the table does not say which packages of ours, or of other modules, it may import", short(path)))
		}
	}
	for _, r := range rules {
		if !r.planned && !slices.ContainsFunc(ours, r.holds) {
			found = append(found, fmt.Sprintf("the rule for %s is about no package", strings.Join(r.of, ", ")))
		}
	}
	return found
}

// world is what decides which files the go tool sees. The systems without a
// package of their own stand for the files that all others share.
type world struct{ goos, cgo string }

func (w world) String() string {
	if w.cgo == "1" {
		return w.goos + " with cgo"
	}
	return w.goos
}

var worlds = []world{
	{"linux", "0"}, {"darwin", "0"}, {"windows", "0"}, {"freebsd", "0"}, {"plan9", "0"},
	{"linux", "1"}, {"darwin", "1"}, {"windows", "1"},
}

// list asks the go tool for every package of the house and all behind them.
func list(t *testing.T, w world) house {
	t.Helper()
	tool, err := exec.LookPath("go")
	if err != nil {
		t.Skipf("no go tool to list the packages with: %v", err)
	}
	cmd := exec.CommandContext(t.Context(), tool, "list", "-e", "-buildvcs=false", "-deps",
		"-json=ImportPath,Imports,TestImports,XTestImports,Error", "./...")
	cmd.Dir = root(t)
	cmd.Env = append(os.Environ(), "GOOS="+w.goos, "GOARCH=amd64", "CGO_ENABLED="+w.cgo)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list (%s): %v\n%s", w, err, stderr.Bytes())
	}
	h := house{}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		p := new(listed)
		if err := d.Decode(p); errors.Is(err, io.EOF) {
			return h
		} else if err != nil {
			t.Fatal(err)
		}
		h[p.ImportPath] = p
	}
}

// root is the folder that holds go.mod.
func root(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if filepath.Dir(dir) == dir {
			t.Fatal("no go.mod above the test")
		}
		dir = filepath.Dir(dir)
	}
}
