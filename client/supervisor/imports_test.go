package supervisor

import (
	"os/exec"
	"strings"
	"testing"
)

func TestForbiddenImports(t *testing.T) {
	const module = "github.com/homeward-vpn/homeward/"
	forbidden := map[string]string{
		module + "ike":            "decisions about a line do not depend on its protocol",
		module + "esp":            "decisions about a line do not depend on its packets",
		module + "platform":       "effects are values, somebody else performs them",
		module + "client/control": "the local API shows states, it does not make them",
		module + "client/service": "the service calls the supervisor, never the other way round",
		module + "client/tunnel":  "a tunnel is known by its number only",
		module + "app":            "nothing flows back up",
		"os":                      "a pure step has no I/O",
		"net":                     "a pure step has no I/O",
		"math/rand":               "a pure step has no randomness",
		"math/rand/v2":            "a pure step has no randomness",
	}
	// Only the project's own packages are followed: the standard library's
	// insides are no concern of this rule.
	for dep := range deps(t) {
		for path, why := range forbidden {
			if dep == path || strings.HasPrefix(dep, path+"/") && strings.HasPrefix(path, module) {
				t.Errorf("imports %s: %s", dep, why)
			}
		}
	}
}

// deps lists the direct imports of this package and everything of the project
// behind them.
func deps(t *testing.T) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	for _, args := range [][]string{
		{"list", "-f", `{{join .Imports "\n"}}`, "."},
		{"list", "-deps", "-f", `{{if not .Standard}}{{.ImportPath}}{{end}}`, "."},
	} {
		out, err := exec.Command("go", args...).Output()
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(out)) {
			if line = strings.TrimSpace(line); line != "" {
				found[line] = true
			}
		}
	}
	return found
}
