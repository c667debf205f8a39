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
	"slices"
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
// tests that exist, or why it is left out; every section has lines, or says why it
// has none.
func TestRequirements(t *testing.T) {
	t.Parallel()
	seen := make(map[string]int)
	known := make(map[string]*testFuncs)
	list := readRequirements(t)
	for _, r := range list.requirements {
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
	for _, rfc := range list.rfcs {
		if list.count(rfc.number) == (tally{}) && !list.explained[rfc.number] {
			t.Errorf("RFC %s has no line", rfc.number)
		}
	}
	for a, b := range pairsOf(list.rfcs) {
		if b.first && a.number > b.number {
			t.Errorf("the section of RFC %s stands behind that of RFC %s", b.number, a.number)
		}
	}
}

// TestRequirementsInReadme holds the README against the list: its table counts what
// the list has, and what it says is left out is what the list leaves out.
func TestRequirementsInReadme(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	list := readRequirements(t)
	table := list.table()
	if !strings.Contains(string(text), "\n"+table+"\n") {
		t.Errorf("the table of README.md is to be:\n\n%s", table)
	}
	_, left, found := strings.Cut(string(text), "\n## What is left out\n")
	if !found {
		t.Fatal("README.md does not say what is left out")
	}
	named := make(map[string]bool)
	for _, m := range regexp.MustCompile("`(\\d{4} [0-9A-Z.]+)`").FindAllStringSubmatch(left, -1) {
		named[m[1]] = true
	}
	for _, r := range list.requirements {
		if key := r.rfc + " " + r.section; r.out != "" && !named[key] {
			t.Errorf("README.md does not name what line %d leaves out: %s", r.line, key)
		}
	}
	for key := range named {
		if !slices.ContainsFunc(list.requirements, func(r requirement) bool { return r.out != "" && r.rfc+" "+r.section == key }) {
			t.Errorf("README.md names %s, of which nothing is left out", key)
		}
	}
}

// requirements is the list.
type requirements struct {
	rfcs         []rfc // in the order of the sections
	explained    map[string]bool
	requirements []requirement
}

// rfc is one RFC of a section's header.
type rfc struct {
	number, title string
	first         bool // of its header
}

// tally counts the lines of one RFC.
type tally struct{ shown, out int }

func (l *requirements) count(number string) (n tally) {
	for _, r := range l.requirements {
		switch {
		case r.rfc != number:
		case r.out != "":
			n.out++
		default:
			n.shown++
		}
	}
	return n
}

// table is the README's.
func (l *requirements) table() string {
	var b strings.Builder
	b.WriteString("| RFC | requirements | shown | left out |\n|---|---:|---:|---:|\n")
	var all tally
	ordered := slices.Clone(l.rfcs)
	slices.SortFunc(ordered, func(a, b rfc) int { return strings.Compare(a.number, b.number) })
	for _, r := range ordered {
		n := l.count(r.number)
		all.shown, all.out = all.shown+n.shown, all.out+n.out
		fmt.Fprintf(&b, "| %s %s | %d | %d | %d |\n", r.number, r.title, n.shown+n.out, n.shown, n.out)
	}
	fmt.Fprintf(&b, "| all | %d | %d | %d |", all.shown+all.out, all.shown, all.out)
	return b.String()
}

// pairsOf gives neighbours, of which the second begins a header.
func pairsOf(list []rfc) func(func(a, b rfc) bool) {
	return func(yield func(a, b rfc) bool) {
		for i, before := 1, 0; i < len(list); i++ {
			if !list[i].first {
				continue
			}
			if !yield(list[before], list[i]) {
				return
			}
			before = i
		}
	}
}

// headerRFC is one RFC of a header such as "# RFC 3686 AES-CTR in ESP, RFC 5930 AES-CTR in IKEv2".
var headerRFC = regexp.MustCompile(`RFC (\d{4}) (.+?)(?:, |$)`)

// readRequirements reads the list.
func readRequirements(t *testing.T) *requirements {
	t.Helper()
	list := &requirements{explained: make(map[string]bool)}
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
			for i, m := range headerRFC.FindAllStringSubmatch(line, -1) {
				list.rfcs = append(list.rfcs, rfc{number: m[1], title: m[2], first: i == 0})
			}
			continue
		case strings.HasPrefix(line, "# It has no MUST: ") && len(list.rfcs) > 0:
			list.explained[list.rfcs[len(list.rfcs)-1].number] = true
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
		list.requirements = append(list.requirements, r)
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
