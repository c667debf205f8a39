package ike_test

import (
	"bufio"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// requirement is one line of testdata/requirements.txt.
type requirement struct {
	line    int
	rfc     string
	section string
	level   string
	text    string
	tests   []string
	out     string // why it is left out
}

var requirementLine = regexp.MustCompile(`^(\d{4}) ([0-9A-Z][0-9A-Z.]*) (MUST NOT|MUST) \| (\S.*\S) \| (\S.*\S)$`)

var testName = regexp.MustCompile(`^([a-z0-9/]+)\.((?:Test|Fuzz)\w+)(/(.+))?$`)

// TestRequirements holds the list against the tests: each line is well formed
// and in its RFC's section, says something that no other line says, and names
// tests that exist, or why it is left out.
func TestRequirements(t *testing.T) {
	t.Parallel()
	seen := make(map[string]int)
	known := make(map[string]*testFuncs)
	for _, r := range readRequirements(t) {
		key := r.rfc + r.section + r.level + strings.ToLower(r.text)
		if before := seen[key]; before != 0 {
			t.Errorf("line %d says the same as line %d", r.line, before)
		}
		seen[key] = r.line
		for _, name := range r.tests {
			if err := findTest(known, name); err != nil {
				t.Errorf("line %d, RFC %s %s: %v", r.line, r.rfc, r.section, err)
			}
		}
	}
}

// readRequirements reads the list.
func readRequirements(t *testing.T) (list []requirement) {
	t.Helper()
	f, err := os.Open("testdata/requirements.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	section := ""
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		switch {
		case strings.HasPrefix(line, "# RFC ") && line != "# RFC section LEVEL | requirement | dir.Test, dir.Test/subtest":
			section = line
			continue
		case strings.HasPrefix(line, "#") || line == "":
			continue
		}
		m := requirementLine.FindStringSubmatch(line)
		if m == nil {
			t.Errorf("line %d is no requirement: %s", n, line)
			continue
		}
		if !strings.Contains(section, "RFC "+m[1]+" ") {
			t.Errorf("line %d of RFC %s stands in another section: %s", n, m[1], section)
		}
		r := requirement{line: n, rfc: m[1], section: m[2], level: m[3], text: m[4]}
		if why, left := strings.CutPrefix(m[5], "out: "); left {
			r.out = why
		} else {
			r.tests = strings.Split(m[5], ", ")
		}
		list = append(list, r)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return list
}

// testFuncs is what the test files of one directory hold.
type testFuncs struct {
	functions map[string]bool
	literals  map[string]bool
}

// findTest says whether "dir.Test" or "dir.Test/subtest" exists. A subtest's
// name must stand in the directory's test files as a literal.
func findTest(known map[string]*testFuncs, name string) error {
	m := testName.FindStringSubmatch(strings.TrimSpace(name))
	if m == nil {
		return fmt.Errorf("%q names no test", name)
	}
	dir, function, subtest := m[1], m[2], m[4]
	have, err := testsIn(known, dir)
	if err != nil {
		return err
	}
	if !have.functions[function] {
		return fmt.Errorf("%s has no %s", dir, function)
	}
	if subtest != "" && !have.literals[subtest] {
		return fmt.Errorf("%s has no subtest %q", dir, subtest)
	}
	return nil
}

// testsIn reads the test files of a directory, once.
func testsIn(known map[string]*testFuncs, dir string) (*testFuncs, error) {
	if have := known[dir]; have != nil {
		return have, nil
	}
	files, err := filepath.Glob(filepath.Join("..", filepath.FromSlash(dir), "*_test.go"))
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("no test files in %s (%v)", dir, err)
	}
	have := &testFuncs{functions: make(map[string]bool), literals: make(map[string]bool)}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				have.functions[n.Name.Name] = n.Recv == nil
			case *ast.BasicLit:
				if s, err := strconv.Unquote(n.Value); n.Kind == token.STRING && err == nil {
					have.literals[s] = true
				}
			}
			return true
		})
	}
	known[dir] = have
	return have, nil
}
