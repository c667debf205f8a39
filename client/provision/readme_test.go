package provision

import (
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestReadme: its examples are read as they stand, and its tables have every field.
func TestReadme(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(string(text), "```json\n")
	if len(parts) != 3 {
		t.Fatalf("%d examples", len(parts)-1)
	}
	example := func(i int) []byte {
		code, _, _ := strings.Cut(parts[i], "```")
		return []byte(code)
	}
	if l, err := parseFile("office.json", example(1)); err != nil || l.profile.Name != "Harbour Office" || len(l.userMaySet) != 2 {
		t.Errorf("the profile: %+v, %v", l, err)
	}
	if p, err := ParsePolicy(example(2)); err != nil || p.KillSwitch != KillSwitchLockdown || p.Holds(LocalNetworkField) || p.AlwaysOn != "Harbour Office" {
		t.Errorf("the policy: %+v, %v", p, err)
	}
	var rows [][]string
	row := regexp.MustCompile("^\\| `([a-z_]+)` \\|")
	for line := range strings.SplitSeq(string(text), "\n") {
		switch m := row.FindStringSubmatch(line); {
		case line == "|---|---|---|---|":
			rows = append(rows, nil)
		case m != nil:
			rows[len(rows)-1] = append(rows[len(rows)-1], m[1])
		}
	}
	if len(rows) != 2 || !slices.Equal(rows[0], fieldNames(reflect.TypeFor[envelope]())) || !slices.Equal(rows[1], fieldNames(reflect.TypeFor[policyFile]())) {
		t.Errorf("the tables have %q", rows)
	}
}
