package namespace

import (
	"net"
	"os"
	"testing"
)

// TestEnter changes the inside, and sees that the outside is untouched.
func TestEnter(t *testing.T) {
	var before []net.Interface
	if os.Getenv(variable) == "" {
		var err error
		if before, err = net.Interfaces(); err != nil {
			t.Fatal(err)
		}
	}
	if !Enter(t) {
		after, err := net.Interfaces()
		if err != nil {
			t.Fatal(err)
		}
		if len(after) != len(before) {
			t.Errorf("outside there are %d interfaces, there were %d", len(after), len(before))
		}
		return
	}
	if os.Getpid() > 2 {
		t.Errorf("process %d: not in a PID namespace of its own", os.Getpid())
	}
	first := Take(t)
	Run(t, "ip", "link", "add", "one", "type", "veth", "peer", "name", "two")
	if Take(t) == first {
		t.Error("a snapshot does not show a new link")
	}
	Run(t, "ip", "link", "del", "one")
	if Take(t) != first {
		t.Error("a snapshot shows a link that is gone")
	}
}

func TestReason(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"=== RUN   TestX\n    x_test.go:7: a word before\n    overlay_linux.go:71: no overlay: exit status 32\n        mount: why\n--- SKIP: TestX (0.00s)\nPASS\n": "inside the namespace: no overlay: exit status 32\n        mount: why",
		"--- SKIP: TestX (0.00s)\n": "inside the namespace, without a reason: --- SKIP: TestX (0.00s)\n",
	} {
		if got := reason(text); got != want {
			t.Errorf("%q gives %q, want %q", text, got, want)
		}
	}
}
