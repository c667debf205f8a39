package main

import (
	"slices"
	"strings"
	"testing"
)

// invented is a house in which every kind of rule is broken at least once.
func invented() house {
	h := house{}
	add := func(path string, imports ...string) *listed {
		for i, p := range imports {
			if rest, ok := strings.CutPrefix(p, "./"); ok {
				imports[i] = module + "/" + rest
			}
		}
		p := &listed{ImportPath: strings.Replace(path, ".", module, 1), Imports: imports}
		if !strings.HasPrefix(path, "./") {
			p.ImportPath = path
		}
		h[p.ImportPath] = p
		return p
	}
	add("./core", "time", "./core/wire", "./corner")
	add("./core/wire", "net/netip")
	add("./corner", "net", "os")
	add("./corner/below", "./core")
	add("./socket", "os", "golang.org/x/sys/unix")
	add("./api", "./socket")
	add("./program", "./api", "./drawing")
	add("./sneaky", "./socket", "./api")
	add("./drawing", "fyne.io/fyne/v2")
	add("fyne.io/fyne/v2", "os", "github.com/go-gl/gl")
	add("github.com/go-gl/gl", "C", "unsafe", "runtime/cgo")
	add("golang.org/x/sys/unix", "syscall")
	add("syscall", "C", "internal/oserror")
	tested := add("./tested", "time")
	tested.TestImports, tested.XTestImports = []string{"testing"}, []string{module + "/tested", module + "/core"}
	return h
}

func TestCheckerFindsForbiddenImports(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		rule rule
		want []string
	}{
		"the standard library counts where it is imported": {
			rule{of: []string{"./..."}, never: map[string]string{"net": "no network"}},
			[]string{"corner imports net: no network"},
		},
		"a standard package is not a pattern for those below": {
			rule{of: []string{"./core/wire"}, never: map[string]string{"net": "no network"}},
			nil,
		},
		"exceptions are left alone": {
			rule{of: []string{"./..."}, except: []string{"./corner/..."}, never: map[string]string{"net": "no network"}},
			nil,
		},
		"ours count however far behind": {
			rule{of: []string{"./corner/below"}, never: map[string]string{"./core/...": "general", "./core/wire": "the codec is not for you"}},
			[]string{
				"corner/below imports core/wire, by way of core: the codec is not for you",
				"corner/below imports core: general",
			},
		},
		"a name that only begins alike is another": {
			rule{of: []string{"./core"}, never: map[string]string{"./cor/...": "x", "./corn": "x"}},
			nil,
		},
		"what may be imported is a list": {
			rule{of: []string{"./core"}, own: []string{"./core/wire"}, why: "the codec alone"},
			[]string{"core imports corner: the codec alone"},
		},
		"an empty list allows nothing": {
			rule{of: []string{"./api"}, own: nothing, why: "alone"},
			[]string{"api imports socket: alone"},
		},
		"no list says nothing": {
			rule{of: []string{"./api"}, outside: nothing},
			nil,
		},
		"behind others, but not imported": {
			rule{of: []string{"./program", "./sneaky"}, own: []string{"./api", "./drawing"}, behind: []string{"./socket"}, never: map[string]string{"./socket": "the API's"}},
			[]string{"sneaky imports socket: the API's"},
		},
		"not on the list and not behind it": {
			rule{of: []string{"./program"}, own: []string{"./api", "./drawing"}, why: "the API alone"},
			[]string{"program imports socket, by way of api: the API alone"},
		},
		"other modules count where they are imported": {
			rule{of: []string{"./socket", "./api"}, outside: nothing, why: "none"},
			[]string{"socket imports golang.org/x/sys/unix: none"},
		},
		"other modules on the list": {
			rule{of: []string{"./socket", "./drawing"}, outside: []string{"golang.org/x/sys/..."}, why: "the system only"},
			[]string{"drawing imports fyne.io/fyne/v2: the system only"},
		},
		"forbidden modules count however far behind": {
			rule{of: []string{"./program"}, never: map[string]string{"fyne.io/...": "no windows"}},
			[]string{"program imports fyne.io/fyne/v2, by way of drawing: no windows"},
		},
		"cgo counts however far behind, but for the standard library": {
			rule{of: []string{"./..."}, never: map[string]string{"C": "no cgo"}},
			[]string{
				"drawing imports C, by way of github.com/go-gl/gl, by way of fyne.io/fyne/v2: no cgo",
				"program imports C, by way of github.com/go-gl/gl, by way of fyne.io/fyne/v2, by way of drawing: no cgo",
			},
		},
		"test files where the rule says so": {
			rule{of: []string{"./tested"}, own: nothing, why: "alone", never: map[string]string{"testing": "x"}, tests: true},
			[]string{
				"tested imports core/wire, by way of core: alone",
				"tested imports core: alone",
				"tested imports corner, by way of core: alone",
				"tested imports testing: x",
			},
		},
		"and not otherwise": {
			rule{of: []string{"./tested"}, own: nothing, why: "alone", never: map[string]string{"testing": "x"}},
			nil,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := invented().broken([]rule{test.rule}); !slices.Equal(got, test.want) {
				t.Errorf("found\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
		})
	}
}

func TestCheckerFindsWhatTheTableForgets(t *testing.T) {
	t.Parallel()
	got := incomplete([]string{module + "/a", module + "/b", module + "/c"}, []rule{
		{of: []string{"./a"}, own: nothing, outside: nothing},
		{of: []string{"./b"}, own: nothing},
		{of: []string{"./..."}, never: map[string]string{"C": ""}},
		{of: []string{"./later"}, planned: true},
		{of: []string{"./gone"}},
	})
	want := []string{"b: ", "c: ", "the rule for ./gone"}
	if !slices.EqualFunc(got, want, strings.HasPrefix) {
		t.Errorf("found %q, want %q", got, want)
	}
}

func TestCheckerReadsSources(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		name, text string
		want       []string // what the findings hold, in order
	}{
		"a good file":             {"ike/good.go", "package ike\nimport \"time\"\nfunc f(now time.Time) time.Time { return now.Add(time.Second) }\n", nil},
		"a goroutine":             {"ike/auth/x.go", "package auth\nfunc f() {\n\tgo f()\n}\n", []string{"ike/auth/x.go:3:2: a goroutine"}},
		"clocks":                  {"ike/x.go", "package ike\nimport \"time\"\nvar a, b = time.Now, time.After(1)\n", []string{"time.Now", "time.After"}},
		"a clock by another name": {"ike/x.go", "package ike\nimport clock \"time\"\nvar a = clock.Since\n", []string{"time.Since"}},
		"another time":            {"ike/x.go", "package ike\nvar time struct{ Now int }\nvar a = time.Now\n", nil},
		"goroutines of a test":    {"ike/x_test.go", "package ike\nfunc f() { go f() }\n", nil},
		"the test's own room":     {"ike/iketest/x.go", "package iketest\nimport \"time\"\nvar a = time.Now\nfunc f() { go f() }\n", nil},
		"another room":            {"ikebana/x.go", "package ikebana\nimport \"time\"\nvar a = time.Now\nfunc f() { go f() }\n", nil},
		"a test that sleeps":      {"esp/x_test.go", "package esp\nimport \"time\"\nfunc f() { time.Sleep(1) }\n", []string{"time.Sleep in a test"}},
		"a program that sleeps":   {"esp/x.go", "package esp\nimport \"time\"\nfunc f() { time.Sleep(1) }\n", nil},
		"a skip without a word":   {"esp/x_test.go", "package esp\nfunc f(t T) { t.Skip(); t.SkipNow(); t.Skip(\"no root\") }\n", []string{"must say why", "must say why"}},
		"a vague package":         {"client/util/x.go", "package util\n", []string{"package util in util"}},
		"a vague folder":          {"client/types/x.go", "package kinds\n", []string{"package kinds in types"}},
		"a file too long":         {"esp/x.go", "package esp\n" + strings.Repeat("//\n", maxLines), []string{"has 601 lines"}},
		"a file just not":         {"esp/x.go", "package esp\n" + strings.Repeat("//\n", maxLines-1), nil},
		"a long test":             {"esp/x_test.go", "package esp\n" + strings.Repeat("//\n", maxLines), nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := readSource(test.name, []byte(test.text))
			if err != nil {
				t.Fatal(err)
			}
			if got := s.broken(); !slices.EqualFunc(got, test.want, strings.Contains) {
				t.Errorf("found %q, want %q", got, test.want)
			}
		})
	}
}

func TestCheckerFindsPackagesWithoutDoc(t *testing.T) {
	t.Parallel()
	var all []source
	for _, file := range [][2]string{
		{"esp/x.go", "package esp\n"},
		{"esp/y.go", "// Package esp seals.\npackage esp\n"},
		{"esp/y_test.go", "package esp_test\n"},
		{"ike/x.go", "// Ike talks.\npackage ike\n"},
		{"ike/x_test.go", "// Package ike talks.\npackage ike\n"},
		{"app/one/main.go", "// Command one runs.\npackage main\n"},
		{"app/two/main.go", "// Command one runs.\npackage main\n"},
		{"app/three/main.go", "// Package main runs.\npackage main\n"},
		{"tun/x.go", "// Package tunnel digs.\npackage tun\n"},
	} {
		s, err := readSource(file[0], []byte(file[1]))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	want := []string{"app/three: ", "app/two: ", "ike: ", "tun: "}
	if got := undocumented(all); !slices.EqualFunc(got, want, strings.HasPrefix) {
		t.Errorf("found %q, want %q", got, want)
	}
}

func TestCheckerFindsStrays(t *testing.T) {
	t.Parallel()
	got := strays(append([]string{".ci", ".gitignore", "docs", "notes.txt"}, rooms...))
	if want := []string{"docs: ", "notes.txt: "}; !slices.EqualFunc(got, want, strings.HasPrefix) {
		t.Errorf("found %q, want %q", got, want)
	}
}
