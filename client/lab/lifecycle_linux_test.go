package lab

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// tokenVariable makes this test binary a program that holds a lab; its value
// marks the environment of every process of that lab.
const tokenVariable = "HOMEWARD_LAB_TEST_TOKEN"

// holdLab is such a program: a lab with a client that is connected, and a
// shell with a child in the background, until the input ends.
func holdLab() int {
	if err := Enter(); err != nil {
		fmt.Println(err)
		return 1
	}
	ctx := context.Background()
	l, err := Start(ctx, Options{Relay: true})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	c, err := l.StartStrongSwanClient(ctx, UserName, UserPassword)
	if err == nil {
		err = c.Connect(ctx)
	}
	if err == nil {
		// An orphan that ignores everything that can be ignored.
		_, err = l.Client.Run(ctx, "sh", "-c", `trap "" HUP INT TERM; sleep 3600 >/dev/null 2>&1 &`)
	}
	fmt.Println("up", os.Getpid(), err)
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		fmt.Println(err)
	}
	if err := l.Close(); err != nil {
		fmt.Println(err)
		return 1
	}
	return 7
}

// marked lists the processes whose environment holds the token.
func marked(token string) []string {
	environs, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		return []string{err.Error()}
	}
	var out []string
	for _, path := range environs {
		// A process that has just ended can be read no more.
		b, err := os.ReadFile(path)
		if err != nil || !bytes.Contains(b, []byte(tokenVariable+"="+token)) {
			continue
		}
		exe, err := os.Readlink(filepath.Join(filepath.Dir(path), "exe"))
		if err == nil {
			out = append(out, filepath.Base(filepath.Dir(path))+" "+exe)
		}
	}
	return out
}

// inner finds the process inside: the one whose parent's parent is unshare's
// child, by the process ID that it prints, as it sees itself.
func inner(t *testing.T, token, own string) int {
	t.Helper()
	for _, p := range marked(token) {
		pid, _, _ := strings.Cut(p, " ")
		status, err := os.ReadFile("/proc/" + pid + "/status")
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(status)) {
			if ids, ok := strings.CutPrefix(line, "NSpid:"); ok && strings.HasSuffix(strings.TrimSpace(ids), "\t"+own) {
				n, err := strconv.Atoi(pid)
				if err != nil {
					t.Fatal(err)
				}
				return n
			}
		}
	}
	t.Fatal("the program inside is not among the processes")
	return 0
}

func TestNothingIsLeft(t *testing.T) {
	if err := requireInside(); err != nil {
		t.Skip("no lab on this machine: ", err)
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		end  func(t *testing.T, outer *exec.Cmd, stdin io.Closer, inside int) error
		code int // -1: by a signal
	}{
		"end of the input": {func(_ *testing.T, _ *exec.Cmd, stdin io.Closer, _ int) error { return stdin.Close() }, 7},
		"SIGTERM outside":  {func(_ *testing.T, o *exec.Cmd, _ io.Closer, _ int) error { return o.Process.Signal(syscall.SIGTERM) }, 128 + 15},
		"kill -9 outside":  {func(_ *testing.T, o *exec.Cmd, _ io.Closer, _ int) error { return o.Process.Kill() }, -1},
		"kill -9 inside": {func(_ *testing.T, _ *exec.Cmd, _ io.Closer, inside int) error {
			return syscall.Kill(inside, syscall.SIGKILL)
		}, 128 + 9},
	} {
		t.Run(name, func(t *testing.T) {
			token := strconv.FormatInt(time.Now().UnixNano(), 36)
			outer, stdin, own := hold(t, token)
			inside := inner(t, token, own)
			if n := len(marked(token)); n < 9 {
				t.Errorf("%d processes are marked, want the program in three stages, five machines and two daemons", n)
			}
			if err := tc.end(t, outer, stdin, inside); err != nil {
				t.Fatal(err)
			}
			if err := outer.Wait(); err == nil {
				t.Error("the program ended with exit code 0")
			}
			if got := outer.ProcessState.ExitCode(); got != tc.code {
				t.Errorf("exit code %d, want %d", got, tc.code)
			}
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			if err := Until(ctx, "every process is gone", func() (bool, error) { return len(marked(token)) == 0, nil }); err != nil {
				t.Errorf("%v: left are %v", err, marked(token))
			}
			after, err := os.ReadFile("/proc/self/mountinfo")
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(mounts, after) {
				t.Errorf("the mounts have changed:\n%s", after)
			}
		})
	}
}

// hold starts the program and waits until its lab is up. own is the process
// ID of the program inside, as it sees itself.
func hold(t *testing.T, token string) (outer *exec.Cmd, stdin io.Closer, own string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	outer = exec.Command(self)
	outer.Env = append(os.Environ(), tokenVariable+"="+token)
	outer.Stderr = os.Stderr
	in, err := outer.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := outer.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := outer.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if outer.ProcessState != nil {
			return
		}
		if err := outer.Process.Kill(); err != nil {
			t.Error(err)
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	words := strings.Fields(line)
	if err != nil || len(words) != 3 || words[0] != "up" || words[2] != "<nil>" {
		t.Fatalf("the program says %q, %v", line, err)
	}
	return outer, in, words[1]
}
