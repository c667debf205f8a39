package confine

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// stranger is an ordinary user, who need not exist by name.
const stranger = 64123

// as runs a program as the stranger, or skips where this process may not.
func as(t *testing.T, cmd *exec.Cmd) *exec.Cmd {
	t.Helper()
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: stranger, Gid: stranger}}
	probe := exec.Command("true")
	probe.SysProcAttr = cmd.SysProcAttr
	if err := probe.Run(); err != nil {
		t.Skip("no other user can be had here: ", err)
	}
	return cmd
}

// Nobody lets himself in, or out: a group is root's, and moving a process needs the
// right to write to the groups at both ends and above them (cgroups(7), delegation).
func TestNobodyMovesHimself(t *testing.T) {
	g := group(t, fmt.Sprintf("homeward-test-%d-d", os.Getpid()))
	// One group that is the user's own, as his session's is.
	own := filepath.Join(filepath.Dir(g.dir), fmt.Sprintf("homeward-test-%d-session", os.Getpid()))
	if err := os.Mkdir(own, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.Remove(own); err != nil {
			t.Error(err)
		}
	})
	for _, f := range []string{own, filepath.Join(own, membersFile)} {
		if err := os.Chown(f, stranger, stranger); err != nil {
			t.Fatal(err)
		}
	}
	const move = `echo 0 2>&1 > "$1/cgroup.procs"; grep ^0:: /proc/self/cgroup; exit 0`
	for _, tc := range []struct{ name, at, to string }{
		{"in", own, g.dir},
		{"out", g.dir, own},
		{"out to the root", g.dir, filepath.Dir(own)},
	} {
		cmd := as(t, exec.Command("sh", "-c", "read go; "+move, "sh", tc.to))
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		var said strings.Builder
		cmd.Stdout, cmd.Stderr = &said, &said
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if tc.at == g.dir {
			err = g.Admit(cmd.Process.Pid, stranger)
		} else {
			err = os.WriteFile(filepath.Join(own, membersFile), fmt.Append(nil, cmd.Process.Pid), 0)
		}
		if err != nil {
			t.Fatal(err)
		}
		_, err = fmt.Fprintln(in, "go")
		if err = errors.Join(err, in.Close(), cmd.Wait()); err != nil {
			t.Errorf("%s: %v", tc.name, err)
		}
		// A file that opens can still refuse the move; a shell calls that an I/O error.
		out := said.String()
		if refused := strings.Contains(out, "denied") || strings.Contains(out, "I/O error"); !refused || !strings.Contains(out, "/"+filepath.Base(tc.at)+"\n") {
			t.Errorf("%s: the user's own move says %q", tc.name, out)
		}
	}
}

// A number is not a program: what belongs to another user by now, or acts for one, is
// neither let out nor ended.
func TestOnlyTheUsersOwn(t *testing.T) {
	g := group(t, fmt.Sprintf("homeward-test-%d-e", os.Getpid()))
	p := start(t)
	if err := g.Admit(p.Process.Pid, stranger); err == nil || !strings.Contains(err.Error(), "is not let in") {
		t.Errorf("another user's program: %v", err)
	}
	if empty, err := g.empty(); !empty || err != nil {
		t.Errorf("it is in all the same: %v", err)
	}
	ended := exec.Command("true")
	if err := ended.Run(); err != nil {
		t.Fatal(err)
	}
	if err := g.Admit(ended.Process.Pid, uint32(os.Getuid())); err == nil {
		t.Error("a program that has ended was let in")
	}
	for text, ok := range map[string]bool{
		"Name:\tx\nUid:\t7\t7\t7\t7\n": true,
		"Uid:\t7\t0\t0\t0\n":           false, // has become root
		"Uid:\t7\t7\t0\t7\n":           false, // can become root again
		"Uid:\t0\t0\t0\t0\n":           false,
		"Name:\tx\n":                   false,
	} {
		file := filepath.Join(t.TempDir(), "status")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := belongs(file, 7); (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// EndFormer ends what was left, and has nothing to do the second time.
func TestEndFormer(t *testing.T) {
	name := fmt.Sprintf("homeward-test-%d-f", os.Getpid())
	former := group(t, name)
	p := start(t)
	if err := former.Admit(p.Process.Pid, uint32(os.Getuid())); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := EndFormer(name); err != nil {
			t.Error(err)
		}
	}
	if err := p.Wait(); err == nil {
		t.Error("what was left ended well")
	}
	if _, err := os.Stat(former.dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the group is still there: %v", err)
	}
}
