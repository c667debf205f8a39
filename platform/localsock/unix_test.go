//go:build unix

package localsock

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

func TestModes(t *testing.T) {
	t.Parallel()
	path := door(t)
	l := listenTest(t, path)
	for p, want := range map[string]fs.FileMode{path: 0o666, filepath.Dir(path): 0o755} {
		info, err := os.Stat(p)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %o, want %o", p, got, want)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("the socket stays after Close: %v", err)
	}
}

// TestUnsafeDirectory: where others could put a link in the socket's place, no
// socket is made.
func TestUnsafeDirectory(t *testing.T) {
	t.Parallel()
	for mode, safe := range map[fs.FileMode]bool{
		0o755: true, 0o700: true, 0o777: false, 0o757: false, 0o775: true, 0o777 | fs.ModeSticky: true,
	} {
		dir := filepath.Join(t.TempDir(), "d")
		if err := errors.Join(os.Mkdir(dir, 0o700), os.Chmod(dir, mode)); err != nil {
			t.Fatal(err)
		}
		l, err := Listen(filepath.Join(dir, "s"), DefaultMode)
		var unsafe *UnsafeDirError
		if safe != (err == nil) || !safe && !errors.As(err, &unsafe) {
			t.Errorf("in a directory of mode %v: %v", mode, err)
		}
		if l != nil {
			if err := l.Close(); err != nil {
				t.Error(err)
			}
		}
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
			t.Errorf("left in a directory of mode %v: %v (%v)", mode, entries, err)
		}
	}
	if os.Getuid() != 0 {
		return // only root gives directories away
	}
	for _, owner := range [][2]int{{12345, 12345}, {0, 12345}} {
		dir := filepath.Join(t.TempDir(), "d")
		if err := errors.Join(os.Mkdir(dir, 0o700), os.Chown(dir, owner[0], owner[1]), os.Chmod(dir, 0o775)); err != nil {
			t.Fatal(err)
		}
		var unsafe *UnsafeDirError
		if _, err := Listen(filepath.Join(dir, "s"), DefaultMode); !errors.As(err, &unsafe) {
			t.Errorf("in a directory of user and group %v: %v", owner, err)
		}
	}
}

// TestStaleSocket: what a killed service leaves is removed.
func TestStaleSocket(t *testing.T) {
	t.Parallel()
	path := door(t)
	l := listenTest(t, path)
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(path); err != nil {
		t.Fatalf("no stale socket to test with: %v", err)
	}
	if _, err := Dial(within(t), path); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Fatalf("dialling a stale socket gives %v", err)
	}
	listenTest(t, path)
}

// TestNotASocket: a file in the way is neither removed nor talked to.
func TestNotASocket(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("keep"), 0o600); err != nil {
		t.Fatal(err)
	}
	var not *NotSocketError
	if _, err := Listen(path, DefaultMode); !errors.As(err, &not) {
		t.Fatalf("Listen on a file gives %v", err)
	}
	if _, err := Dial(within(t), path); !errors.As(err, &not) {
		t.Fatalf("Dial of a file gives %v", err)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "keep" {
		t.Fatalf("the file is now %q, %v", b, err)
	}
}

// squatter is the other user of the next test: nobody.
const squatter = 65534

// TestForeignSocket lets another user squat on the path, in both ways: as the
// socket's owner, and listening on a socket that looks like root's.
func TestForeignSocket(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("playing another user needs root")
	}
	for name, owner := range map[string]int{"owner": squatter, "listener": 0} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := door(t)
			squat(t, path)
			if err := os.Chown(path, owner, owner); err != nil {
				t.Fatal(err)
			}
			var foreign *ForeignSocketError
			if _, err := Dial(within(t), path); !errors.As(err, &foreign) || foreign.UID != squatter {
				t.Fatalf("dialling it gives %v", err)
			}
		})
	}
}

// squat runs this test binary as another user, listening at path.
func squat(t *testing.T, path string) {
	t.Helper()
	dir := filepath.Dir(path)
	if err := errors.Join(os.MkdirAll(dir, 0o755), os.Chmod(filepath.Dir(dir), 0o755), os.Chown(dir, squatter, squatter)); err != nil {
		t.Fatal(err)
	}
	// The binary stands in a directory that the other user cannot enter.
	program := filepath.Join(filepath.Dir(dir), "squatter")
	raw, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Skipf("no way to the test's own program: %v", err)
	}
	if err := os.WriteFile(program, raw, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), squatVariable+"="+path)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: squatter, Gid: squatter}}
	cmd.Dir = "/"
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	ready, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		closeTest(t, stdin) // it ends when its input does
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	})
	if _, err := ready.Read(make([]byte, 1)); err != nil {
		t.Fatalf("the squatter did not start: %v", err)
	}
}

const squatVariable = "HOMEWARD_TEST_SQUAT"

// TestMain turns this program into the squatter where the variable says so.
func TestMain(m *testing.M) {
	path := os.Getenv(squatVariable)
	if path == "" {
		os.Exit(m.Run())
	}
	if err := beSquatter(path); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// beSquatter listens until its standard input ends.
func beSquatter(path string) error {
	l, err := net.Listen("unix", path)
	if err != nil {
		return err
	}
	if _, err := os.Stdout.Write([]byte(".")); err != nil {
		return errors.Join(err, l.Close())
	}
	if _, err := os.Stdin.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		return errors.Join(errors.New("unexpected input"), err, l.Close())
	}
	return l.Close()
}
