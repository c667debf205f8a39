package diagnose

import (
	"os/exec"
	"strings"
	"testing"
)

func TestImportsNothingOfTheHouse(t *testing.T) {
	const module = "github.com/homeward-vpn/homeward/"
	out, err := exec.Command("go", "list", "-deps", "-f", "{{.ImportPath}}", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for dep := range strings.Lines(string(out)) {
		dep = strings.TrimSpace(dep)
		if strings.HasPrefix(dep, module) && dep != module+"client/diagnose" {
			t.Errorf("imports %s: the words for a failure are shared by every room, so they may depend on none", dep)
		}
	}
}
