package confine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// group makes a group for a test, or skips where the system lets nobody make one.
func group(t *testing.T, name string) *Group {
	t.Helper()
	g, err := New(name)
	if errors.Is(err, ErrNoGroups) {
		t.Skipf("no control group can be made here (root, and cgroup2 that can be written to, are needed): %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	return g
}

// program is a shell that does what it is told, line by line.
type program struct {
	*exec.Cmd
	in  io.WriteCloser
	out io.Reader
}

func start(t *testing.T) *program {
	t.Helper()
	p := &program{Cmd: exec.Command("sh")}
	var err error
	if p.in, err = p.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if p.out, err = p.StdoutPipe(); err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.Process.Kill() // it may have ended already
		_ = p.Wait()         // and its end has been told
	})
	return p
}

// tell has the program do a line and gives its answer's first line.
func (p *program) tell(t *testing.T, line string) string {
	t.Helper()
	if _, err := fmt.Fprintln(p.in, line); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 512)
	n, err := p.out.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(buf[:n]))
}

// A program that is let in is in the group, with what it starts from then on, and all
// of it ends with the group.
func TestGroup(t *testing.T) {
	g := group(t, fmt.Sprintf("homeward-test-%d-a", os.Getpid()))
	if err := g.Ended(t.Context()); err != nil {
		t.Errorf("a group that nobody was in has not ended: %v", err)
	}
	p := start(t)
	if at := p.tell(t, "grep ^0:: /proc/self/cgroup"); strings.HasSuffix(at, g.Path()) {
		t.Fatalf("the program is in the group before it was let in: %s", at)
	}
	if err := g.Admit(p.Process.Pid, uint32(os.Getuid())); err != nil {
		t.Fatal(err)
	}
	if at := p.tell(t, "grep ^0:: /proc/self/cgroup"); at != "0::/"+g.Path() {
		t.Errorf("what the program starts is in %s, want %s", at, g.Path())
	}
	child := p.tell(t, "cat >/dev/null <&0 & setsid sleep 1000 >/dev/null & echo $!")
	short, cancel := context.WithCancel(t.Context())
	cancel()
	if err := g.Ended(short); !errors.Is(err, context.Canceled) {
		t.Errorf("a group with members has ended: %v", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- g.Ended(t.Context()) }()
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("waiting for the group's end: %v", err)
	}
	if err := p.Wait(); err == nil || p.ProcessState.Sys().(syscall.WaitStatus).Signal() != unix.SIGKILL {
		t.Errorf("the program ended with %v, want by the group's end", err)
	}
	if _, err := os.Stat("/proc/" + child + "/ns"); err == nil {
		raw, err := os.ReadFile("/proc/" + child + "/stat")
		if err == nil && !strings.Contains(string(raw), ") Z ") {
			t.Errorf("what the program left in the background goes on: %s", raw)
		}
	}
	if _, err := os.Stat(g.dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the group is still there: %v", err)
	}
	if err := g.Admit(p.Process.Pid, uint32(os.Getuid())); err == nil {
		t.Error("a group that is closed takes somebody in")
	}
}

// Ended returns when the last member has ended by itself.
func TestEndsByItself(t *testing.T) {
	g := group(t, fmt.Sprintf("homeward-test-%d-b", os.Getpid()))
	p := start(t)
	if err := g.Admit(p.Process.Pid, uint32(os.Getuid())); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- g.Ended(t.Context()) }()
	if err := p.in.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Error("the group's end is not noticed")
	}
}

// What a run that was killed has left is ended by the next.
func TestLeftByAFormerRun(t *testing.T) {
	name := fmt.Sprintf("homeward-test-%d-c", os.Getpid())
	former := group(t, name)
	p := start(t)
	if err := former.Admit(p.Process.Pid, uint32(os.Getuid())); err != nil {
		t.Fatal(err)
	}
	g := group(t, name)
	if empty, err := g.empty(); !empty || err != nil {
		t.Errorf("the new group has members: %v", err)
	}
	if err := p.Wait(); err == nil {
		t.Error("what the former run had let in ended well")
	}
	if err := g.Admit(1, 0); err == nil {
		t.Error("process 1 was let in")
	}
}

// Where groups are, as proc(5) tells it.
func TestWhereGroupsAre(t *testing.T) {
	t.Parallel()
	file := func(text string) string {
		name := filepath.Join(t.TempDir(), "f")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	mounted := func(file string) (string, error) {
		return mounted(file, func(dir string) bool { return dir != "/covered" })
	}
	const unified = "24 1 0:22 / /sys rw - sysfs sysfs rw\n30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n"
	const hybrid = "30 24 0:26 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n31 24 0:27 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
	for _, tc := range []struct {
		name, text, want string
		find             func(string) (string, error)
	}{
		{"unified", unified, "/sys/fs/cgroup", mounted},
		{"hybrid", hybrid, "/sys/fs/cgroup/unified", mounted},
		{"covered by another mount", "30 24 0:26 / /covered rw - cgroup2 cgroup2 rw\n" + unified, "/sys/fs/cgroup", mounted},
		{"a blank in the path", "31 24 0:27 / /mnt/a\\040b rw - cgroup2 none rw\n", "/mnt/a b", mounted},
		{"version 1 alone", "30 24 0:26 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n", "", mounted},
		{"damaged", "cgroup2 - cgroup2\n", "", mounted},
		{"a unit's", "0::/system.slice/homewardd.service\n", "system.slice/homewardd.service", membership},
		{"hybrid's", "9:name=systemd:/x\n0::/y\n", "y", membership},
		{"the root's", "0::/\n", "", membership},
		{"version 1's alone", "9:name=systemd:/x\n", "-", membership},
		{"outside of what is seen", "0::/../other\n", "-", membership},
	} {
		got, err := tc.find(file(tc.text))
		fails := tc.want == "-" || tc.want == "" && !strings.HasPrefix(tc.text, "0::")
		if fails != errors.Is(err, ErrNoGroups) || !fails && got != tc.want {
			t.Errorf("%s: %q, %v; want %q", tc.name, got, err, tc.want)
		}
	}
	for _, name := range []string{"", ".", "..", "a/b", "../x", ".hidden"} {
		if g, err := below(t.TempDir(), "own", name); err == nil {
			t.Errorf("a group is named %q: %+v", name, g)
		}
	}
}
