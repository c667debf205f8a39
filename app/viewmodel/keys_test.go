package viewmodel

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/assets"
)

// keyForm is what a key of the translations looks like.
var keyForm = regexp.MustCompile(`^[a-z][a-z0-9-]*(\.[a-z0-9-]+)*$`)

// written are the keys that the code writes whole, and the beginnings of those that
// it puts together.
func written(t *testing.T) (whole, beginnings map[string]bool) {
	t.Helper()
	whole, beginnings = map[string]bool{}, map[string]bool{}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, text, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			lit, ok := n.(*ast.BasicLit)
			if !ok || lit.Kind != token.STRING {
				return true
			}
			s, err := strconv.Unquote(lit.Value)
			if err != nil {
				t.Fatal(err)
			}
			whole[s] = true
			if strings.HasSuffix(s, ".") && keyForm.MatchString(strings.TrimSuffix(s, ".")) {
				beginnings[s] = true
			}
			return true
		})
	}
	return whole, beginnings
}

// TestNoTextIsUnused: a key in the files is written in the code, or begins as one does
// that the code puts together. That those exist is for the tables of the other tests,
// whose Say knows no key that is not there.
func TestNoTextIsUnused(t *testing.T) {
	t.Parallel()
	whole, beginnings := written(t)
	en, err := load("en")
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range slices.Sorted(maps.Keys(en)) {
		begins := false
		for b := range beginnings {
			begins = begins || strings.HasPrefix(key, b)
		}
		if !whole[key] && !begins {
			t.Errorf("%q is in no view", key)
		}
		if !keyForm.MatchString(key) {
			t.Errorf("%q does not look like a key", key)
		}
	}
}

// TestEveryTextThatIsWrittenIsThere: the keys that are written whole.
func TestEveryTextThatIsWrittenIsThere(t *testing.T) {
	t.Parallel()
	en, err := load("en")
	if err != nil {
		t.Fatal(err)
	}
	rooms := map[string]bool{} // what keys begin with
	for key := range en {
		room, _, dotted := strings.Cut(key, ".")
		rooms[room] = rooms[room] || dotted
	}
	whole, _ := written(t)
	found := 0
	for s := range whole {
		room, rest, dotted := strings.Cut(s, ".")
		if !dotted || rest == "" || !rooms[room] || !keyForm.MatchString(s) || slices.Contains(notKeys, s) {
			continue
		}
		found++
		if _, ok := en[s]; !ok {
			t.Errorf("there is no text for %q", s)
		}
	}
	if found < 200 {
		t.Errorf("only %d keys were found in the code", found)
	}
}

// notKeys are strings of the code that look like keys: paths in a profile.
var notKeys = []string{"traffic.exclude", "traffic.include", "traffic.full"}

var placeholder = regexp.MustCompile(`\{\{\s*\.([A-Za-z]+)\s*\}\}`)

// placeholders are the names of a text's, sorted.
func placeholders(text string) []string {
	var names []string
	for _, m := range placeholder.FindAllStringSubmatch(text, -1) {
		names = append(names, m[1])
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// TestLanguagesSayTheSame: the same keys, the same placeholders, the plural forms that
// the language has, and nothing that is left in English.
func TestLanguagesSayTheSame(t *testing.T) {
	t.Parallel()
	en, err := load("en")
	if err != nil {
		t.Fatal(err)
	}
	for _, language := range assets.Languages()[1:] {
		c, err := load(language)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, key := range slices.Sorted(maps.Keys(en)) {
			theirs, ok := c[key]
			if !ok {
				t.Errorf("%s lacks %q: %s", language, key, en[key]["other"])
				continue
			}
			compare(t, language, key, en[key], theirs)
		}
		for _, key := range slices.Sorted(maps.Keys(c)) {
			if _, ok := en[key]; !ok {
				t.Errorf("%s: %q is not in English", language, key)
			}
		}
	}
}

func compare(t *testing.T, language, key string, ours, theirs map[string]string) {
	t.Helper()
	forms := []string{"other"}
	if len(ours) > 1 && plurals[language](1) == "one" {
		forms = []string{"one", "other"}
	}
	if got := slices.Sorted(maps.Keys(theirs)); !slices.Equal(got, forms) {
		t.Errorf("%s: %q has the forms %v, want %v", language, key, got, forms)
	}
	for form, text := range theirs {
		if text == "" || text != strings.TrimSpace(text) && !strings.HasPrefix(key, "list.") && !strings.HasPrefix(key, "number.") {
			t.Errorf("%s: %q (%s) is empty or has spaces around: %q", language, key, form, text)
		}
		want := placeholders(ours["other"])
		if got := placeholders(text); !slices.Equal(got, want) && !(form == "one" && subset(got, want)) {
			t.Errorf("%s: %q (%s) has the placeholders %v, want %v", language, key, form, got, want)
		}
		if strings.Contains(placeholder.ReplaceAllString(text, ""), "{") {
			t.Errorf("%s: %q (%s): a placeholder is not closed: %q", language, key, form, text)
		}
		if strings.ContainsAny(text, "!¡！") {
			t.Errorf("%s: %q has an exclamation mark: %q", language, key, text)
		}
	}
	if theirs["other"] == ours["other"] && len(strings.Fields(placeholder.ReplaceAllString(ours["other"], ""))) > 2 && !slices.Contains(alike[language], key) {
		t.Errorf("%s: %q is left in English: %q", language, key, ours["other"])
	}
}

// alike are texts that are the same in a language as in English.
var alike = map[string][]string{}

// subset: a form for one need not say the number.
func subset(some, all []string) bool {
	return !slices.ContainsFunc(some, func(s string) bool { return !slices.Contains(all, s) })
}
