package service

import (
	"os/exec"
	"strings"
	"testing"
)

func TestForbiddenImports(t *testing.T) {
	const module = "github.com/homeward-vpn/homeward/"
	allowed := map[string]bool{
		module + "platform/localsock": true, // by way of control
	}
	forbidden := map[string]string{
		module + "platform":          "parts of the system come in through interfaces, so that every effect can be made to fail in a test",
		module + "app":               "nothing flows back up",
		module + "client/credential": "secrets stay in the user's programs; the service asks",
		module + "client/lab":        "the lab tests the service, not the other way round",
		"github.com/spf13":           "the service has no command line",
		"github.com/zalando":         "a keychain belongs to a user, and the service is none",
	}
	out, err := exec.Command("go", "list", "-deps", "-f", "{{.ImportPath}}", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for dep := range strings.Lines(string(out)) {
		dep = strings.TrimSpace(dep)
		for path, why := range forbidden {
			if !allowed[dep] && (dep == path || strings.HasPrefix(dep, path+"/")) {
				t.Errorf("imports %s: %s", dep, why)
			}
		}
	}
}
