package main

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// TestNoCoreDump: the program of the user allows none, however much the shell does.
func TestNoCoreDump(t *testing.T) {
	t.Parallel()
	const inside = "HOMEWARD_TEST_CORE"
	if os.Getenv(inside) != "" { // the copy below, whose limit may fall
		if err := noCoreDump(); err != nil {
			t.Fatal(err)
		}
		var limit syscall.Rlimit
		if err := syscall.Getrlimit(syscall.RLIMIT_CORE, &limit); err != nil || limit != (syscall.Rlimit{}) {
			t.Errorf("%+v, %v", limit, err)
		}
		return
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestNoCoreDump$", "-test.v")
	cmd.Env = append(os.Environ(), inside+"=1")
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "PASS: TestNoCoreDump") {
		t.Errorf("%v: %s", err, out)
	}
}
