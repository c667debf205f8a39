package control

import (
	"os/exec"
	"strings"
	"testing"
)

func TestForbiddenImports(t *testing.T) {
	const module = "github.com/homeward-vpn/homeward/"
	allowed := map[string]bool{
		module + "client/control":     true,
		module + "client/profile":     true, // profiles cross the socket
		module + "platform/localsock": true, // the socket
	}
	reasons := map[string]string{
		module + "ike":               "programs that use the API must not carry the protocol",
		module + "esp":               "programs that use the API must not carry the data plane",
		module + "client/supervisor": "the API shows states, it does not make them",
		module + "client/tunnel":     "the API knows lines by their status only",
		module + "client/service":    "the service implements Backend; the API does not know who does",
		module + "platform":          "of the operating system the API needs the socket only",
		module + "app":               "nothing flows back up",
	}
	out, err := exec.Command("go", "list", "-deps", "-f", "{{.ImportPath}}", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for dep := range strings.Lines(string(out)) {
		dep = strings.TrimSpace(dep)
		if !strings.HasPrefix(dep, module) || allowed[dep] {
			continue
		}
		why := "the API stands on profile and localsock alone"
		for path, reason := range reasons {
			if dep == path || strings.HasPrefix(dep, path+"/") {
				why = reason
			}
		}
		t.Errorf("imports %s: %s", dep, why)
	}
}
