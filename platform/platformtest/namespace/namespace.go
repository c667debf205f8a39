// Package namespace runs a test inside network, mount and PID namespaces of its
// own, so that it may change routes, DNS and devices for real and leave nothing
// behind: when the test ends, or is killed, the kernel takes all of it away.
//
// It owns the re-execution of the test binary through unshare(1). It changes
// nothing by itself. Tests of the platform packages and of the service call it;
// programs never do.
package namespace

import (
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"
)

// variable marks the inner run.
const variable = "HOMEWARD_TEST_NAMESPACE"

// Enter returns true inside the namespaces, where the test goes on. Outside, it
// runs the calling test again inside, fails or skips as that did, and returns
// false: the test must then return. It skips where namespaces are not allowed.
//
//	func TestRoutes(t *testing.T) {
//		if !namespace.Enter(t) {
//			return
//		}
//		...
//	}
func Enter(t *testing.T) bool {
	t.Helper()
	if os.Getenv(variable) == t.Name() {
		return true
	}
	if reason := unavailable(); reason != "" {
		t.Skip(reason)
	}
	args := append(flags(), "--", os.Args[0], "-test.run=^"+t.Name()+"$", "-test.count=1", "-test.v")
	// Coverage profiles and the like belong to the outer run.
	cmd := exec.Command("unshare", args...)
	// Where the system's own programs are, an ordinary user's PATH often does
	// not lead, not even under sudo.
	cmd.Env = append(os.Environ(), variable+"="+t.Name(), "PATH="+os.Getenv("PATH")+":/usr/local/sbin:/usr/sbin:/sbin")
	out, err := cmd.CombinedOutput()
	text := string(out)
	switch {
	case err != nil:
		t.Fatalf("inside the namespace: %v\n%s", err, text)
	case strings.Contains(text, "--- SKIP: "+t.Name()+" "):
		t.Skip(reason(text))
	case !strings.Contains(text, "--- PASS: "+t.Name()+" "):
		t.Fatalf("inside the namespace the test did not run:\n%s", text)
	}
	t.Log(text)
	return false
}

// place is where a test said something.
var place = regexp.MustCompile(`(?m)^\s*\S+\.go:\d+: `)

// reason is the last thing that a skipped test said.
func reason(text string) string {
	said := place.FindAllStringIndex(text, -1)
	if len(said) == 0 {
		return "inside the namespace, without a reason: " + text
	}
	last, _, _ := strings.Cut(text[said[len(said)-1][1]:], "--- SKIP: ")
	return "inside the namespace: " + strings.TrimSpace(last)
}

// flags: network, mount and PID namespaces with a /proc of their own, and, but
// for root, a user namespace in which the caller is root.
func flags() []string {
	f := []string{"-nmpf", "--mount-proc", "--kill-child"}
	if os.Geteuid() != 0 {
		f = append([]string{"-Ur"}, f...)
	}
	return f
}

// unavailable says why there can be no namespace, "" where there can.
func unavailable() string {
	if runtime.GOOS != "linux" {
		return "namespaces are Linux's"
	}
	if _, err := exec.LookPath("unshare"); err != nil {
		return "unshare (package util-linux) is not installed"
	}
	if out, err := exec.Command("unshare", append(flags(), "--", "true")...).CombinedOutput(); err != nil {
		return "this machine allows no namespaces to this user: " + strings.TrimSpace(string(out))
	}
	return ""
}

// Run runs a program inside the namespaces and returns what it printed; a
// failure ends the test.
func Run(t *testing.T, program string, args ...string) string {
	t.Helper()
	out, err := exec.Command(program, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// Snapshot is what a tunnel could leave behind: routes, rules and links, as
// ip(8) prints them, and resolv.conf, byte for byte. Compare two with ==.
type Snapshot struct{ Routes4, Routes6, Rules4, Rules6, Links, ResolvConf string }

// Take makes a snapshot of the present namespaces.
func Take(t *testing.T) Snapshot {
	t.Helper()
	conf, err := os.ReadFile("/etc/resolv.conf")
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return Snapshot{
		Routes4:    Run(t, "ip", "-4", "-j", "route", "show", "table", "all"),
		Routes6:    Run(t, "ip", "-6", "-j", "route", "show", "table", "all"),
		Rules4:     Run(t, "ip", "-4", "-j", "rule"),
		Rules6:     Run(t, "ip", "-6", "-j", "rule"),
		Links:      Run(t, "ip", "-j", "link"),
		ResolvConf: string(conf),
	}
}

// patience bounds every wait: what takes longer is broken.
const patience = 10 * time.Second

// AwaitIPv6 returns when the kernel has made the host route of an IPv6 address
// that was set a moment ago. It does so in the background, and a snapshot
// taken in between would differ from a later one.
func AwaitIPv6(t *testing.T, device, address string) {
	t.Helper()
	want := `"dst":"` + address + `","dev":"` + device + `"`
	for end := time.Now().Add(patience); time.Now().Before(end); {
		if strings.Contains(Run(t, "ip", "-6", "-j", "route", "show", "table", "local"), want) {
			return
		}
	}
	t.Fatalf("the kernel makes no host route of %s on %s", address, device)
}
