package native

import (
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// fileFields lists the fields of the file by their names in it.
func fileFields(at place, t reflect.Type) (names []string) {
	if t.Kind() == reflect.Slice && !isUnit(t) {
		t, at = t.Elem(), at.entry(0)
	}
	if isUnit(t) {
		return []string{at.pattern}
	}
	for i := range t.NumField() {
		names = append(names, fileFields(at.field(tagName(t.Field(i))), t.Field(i).Type)...)
	}
	return names
}

// TestReadmeHasEveryField: the table of the README has one row for each field of
// the file, in the file's order, and nothing else.
func TestReadmeHasEveryField(t *testing.T) {
	t.Parallel()
	var rows []string
	row := regexp.MustCompile("^\\| `([a-z0-9_.\\[\\]]+)` \\| ([^|]+) \\| ([^|]+) \\| ([^|]+) \\|$")
	_, table, _ := strings.Cut(readme(t), "## Every field")
	for l := range strings.SplitSeq(table, "\n") {
		if !strings.HasPrefix(l, "| `") {
			continue
		}
		m := row.FindStringSubmatch(l)
		if m == nil {
			t.Errorf("not a row of four: %s", l)
			continue
		}
		rows = append(rows, m[1])
	}
	if want := fileFields(place{}, reflect.TypeFor[document]()); !slices.Equal(rows, want) {
		t.Errorf("the table has\n%s\nthe file has\n%s", strings.Join(rows, "\n"), strings.Join(want, "\n"))
	}
}

// TestReadmeExample imports the example of the README, which needs no yes.
func TestReadmeExample(t *testing.T) {
	t.Parallel()
	_, example, _ := strings.Cut(readme(t), "```json\n")
	example, _, found := strings.Cut(example, "```")
	if !found {
		t.Fatal("there is no example")
	}
	im := parse(t, example)
	if im.Profile.Name != "Harbour Office" || im.Profile.Origin.Organization != "Harbour Ltd" || len(im.Profile.IKE.Proposals) != 2 {
		t.Errorf("%+v", im.Profile)
	}
	for _, l := range im.Report {
		if l.Lowers {
			t.Errorf("%+v", l)
		}
	}
}

// TestProjectReadmeExamples imports what the README of the project says to write for
// each way to sign in. Only the code outside TLS wants a yes.
func TestProjectReadmeExamples(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, chapter, _ := strings.Cut(string(text), "\n## Authentication\n")
	chapter, _, _ = strings.Cut(chapter, "\n## ")
	n := 0
	for _, part := range strings.Split(chapter, "```json\n")[1:] {
		client, _, _ := strings.Cut(part, "```")
		n++
		file := strings.Replace(office, `{"auth": "eap-mschapv2", "username": "alice"}`, client, 1)
		for _, l := range parse(t, file).Report {
			if l.Lowers != (l.Path == "client.further[0].eap.methods") {
				t.Errorf("%s: %+v", client, l)
			}
		}
	}
	if n != 5 {
		t.Errorf("%d examples", n)
	}
}
