package localsock

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// door returns a path for a socket of this test's own, short enough.
func door(t *testing.T) string {
	t.Helper()
	if runtime.GOOS == "windows" {
		return `\\.\pipe\homeward-test-` + filepath.Base(t.TempDir())
	}
	dir, err := os.MkdirTemp("", "hw")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return filepath.Join(dir, "run", "s")
}

func listenTest(t *testing.T, path string) net.Listener {
	t.Helper()
	l, err := Listen(path, DefaultMode)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeTest(t, l) })
	return l
}

func closeTest(t *testing.T, c io.Closer) {
	t.Helper()
	if err := c.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestBothSidesKnowEachOther(t *testing.T) {
	t.Parallel()
	path := door(t)
	l := listenTest(t, path)
	served := make(chan error, 1)
	go func() {
		c, err := l.Accept()
		if err == nil {
			err = greet(c)
		}
		served <- err
	}()
	c, err := Dial(within(t), path)
	if err != nil {
		t.Fatal(err)
	}
	defer closeTest(t, c)
	if _, err := c.Write([]byte("knock")); err != nil {
		t.Fatal(err)
	}
	if err := <-served; err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS == "windows" {
		return // a pipe tells the client nothing of the server's process
	}
	if who, err := Peer(c); err != nil || !self(who) {
		t.Fatalf("the client sees %+v, %v", who, err)
	}
}

// greet reads what the client says and looks at who it is.
func greet(c net.Conn) error {
	b := make([]byte, 5)
	if _, err := io.ReadFull(c, b); err != nil {
		return errors.Join(err, c.Close())
	}
	who, err := Peer(c)
	if err == nil && !self(who) {
		err = errors.New("the server does not recognize its own process")
	}
	return errors.Join(err, c.Close())
}

func self(who Credentials) bool {
	if int(who.PID) != os.Getpid() {
		return false
	}
	if runtime.GOOS == "windows" {
		return who.SID != ""
	}
	return int64(who.UID) == int64(os.Geteuid()) && int64(who.GID) == int64(os.Getegid())
}

func TestPeerOfSomethingElse(t *testing.T) {
	t.Parallel()
	a, b := net.Pipe()
	defer closeTest(t, a)
	defer closeTest(t, b)
	if _, err := Peer(a); !errors.Is(err, ErrNotLocal) {
		t.Fatalf("Peer of a net.Pipe gives %v", err)
	}
}

func TestInUse(t *testing.T) {
	t.Parallel()
	path := door(t)
	listenTest(t, path)
	var used *InUseError
	if _, err := Listen(path, DefaultMode); !errors.As(err, &used) {
		t.Fatalf("a second Listen gives %v, want *InUseError", err)
	}
}

func TestNobodyThere(t *testing.T) {
	t.Parallel()
	if _, err := Dial(within(t), door(t)); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("dialling nobody gives %v", err)
	}
}

func TestLongPath(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("pipes have no such limit")
	}
	_, err := Listen(filepath.Join(t.TempDir(), strings.Repeat("x", 120)), DefaultMode)
	if err == nil || !strings.Contains(err.Error(), "longer than") {
		t.Fatalf("a path that is too long gives %v", err)
	}
}
