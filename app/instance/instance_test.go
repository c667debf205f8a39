package instance

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/platform/localsock"
)

// place is where the programs of a test meet.
func place(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "hw")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return Path(func(name string) string { return map[string]string{"XDG_RUNTIME_DIR": dir, "DISPLAY": ":7"}[name] }, "")
}

func claim(t *testing.T, path string) *Instance {
	t.Helper()
	i, err := Claim(path, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func release(t *testing.T, i *Instance) {
	t.Helper()
	if err := i.Close(); err != nil {
		t.Error(err)
	}
}

// TestSecondStart: the second finds the first, which gets what it was started with.
func TestSecondStart(t *testing.T) {
	t.Parallel()
	path := place(t)
	first := claim(t, path)
	for range 3 {
		if _, err := Claim(path, slog.New(slog.DiscardHandler)); !errors.Is(err, ErrRunning) {
			t.Fatalf("a second claim gives %v", err)
		}
	}
	for _, want := range []Request{{}, {File: filepath.Join(filepath.Dir(path), "office.mobileconfig")}, {Hidden: true}} {
		if err := HandOver(t.Context(), path, want); err != nil {
			t.Fatal(err)
		}
		if got := <-first.Requests(); got != want {
			t.Errorf("handed over %+v, got %+v", want, got)
		}
	}
	release(t, first)
	if _, more := <-first.Requests(); more {
		t.Error("requests after the end")
	}
	release(t, claim(t, path))
}

// TestAfterKill: what a program that was ended by force has left is in nobody's way.
func TestAfterKill(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("a pipe is gone with its program")
	}
	const variable = "HOMEWARD_TEST_INSTANCE"
	if path := os.Getenv(variable); path != "" { // the program below
		if _, err := Claim(path, slog.New(slog.DiscardHandler)); err != nil {
			t.Fatal(err)
		}
		os.Stdout.WriteString("claimed\n")
		select {}
	}
	path := place(t)
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestAfterKill$")
	cmd.Env = append(os.Environ(), variable+"="+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	heard := make([]byte, 8)
	if _, err := out.Read(heard); err != nil || !bytes.HasPrefix(heard, []byte("claimed")) {
		t.Fatalf("%q, %v", heard, err)
	}
	if _, err := Claim(path, slog.New(slog.DiscardHandler)); !errors.Is(err, ErrRunning) {
		t.Errorf("while it runs: %v", err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Fatal("it was not killed")
	}
	if _, err := os.Lstat(path); err != nil {
		t.Fatalf("the socket is not left behind, so that this test shows nothing: %v", err)
	}
	release(t, claim(t, path))
}

// TestAtTheSameMoment: of many that start at once exactly one is the one.
func TestAtTheSameMoment(t *testing.T) {
	t.Parallel()
	path := place(t)
	const starts = 20
	type result struct {
		i   *Instance
		err error
	}
	results := make(chan result, starts)
	for range starts {
		go func() {
			i, err := Claim(path, slog.New(slog.DiscardHandler))
			results <- result{i, err}
		}()
	}
	var one *Instance
	for range starts {
		switch r := <-results; {
		case r.err == nil && one == nil:
			one = r.i
		case r.err == nil:
			t.Error("two claims at once")
			release(t, r.i)
		case !errors.Is(r.err, ErrRunning):
			t.Error(r.err)
		}
	}
	if one == nil {
		t.Fatal("nobody claimed it")
	}
	release(t, one)
}

// TestNonsense: what is no request is dropped, and the next one is heard.
func TestNonsense(t *testing.T) {
	t.Parallel()
	path := place(t)
	first := claim(t, path)
	defer release(t, first)
	for _, bad := range []string{"", "{}", "nonsense\n", `{"file":"relative"}` + "\n", strings.Repeat("x", maxRequest+10)} {
		c, err := localsock.Dial(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		// It may hang up before it has read all of what is too long.
		_, werr := c.Write([]byte(bad))
		if half, ok := c.(interface{ CloseWrite() error }); ok {
			werr = errors.Join(werr, half.CloseWrite())
		}
		answer := make([]byte, 3)
		if n, err := c.Read(answer); err == nil {
			t.Errorf("%.20q was answered with %q (written: %v)", bad, answer[:n], werr)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := HandOver(t.Context(), path, Request{}); err != nil {
		t.Error(err)
	}
	<-first.Requests()
}

// TestSilent: a program that holds the claim and does not answer is told in a sentence.
func TestSilent(t *testing.T) {
	t.Parallel()
	var silent *SilentError
	if err := HandOver(t.Context(), place(t), Request{}); !errors.As(err, &silent) || !strings.Contains(err.Error(), "does not answer") {
		t.Errorf("%v", err)
	}
}

// TestPath: sessions of one user do not meet, and no name of a display leads elsewhere.
func TestPath(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("a pipe's name is the system's")
	}
	for _, c := range []struct{ runtime, wayland, display, want string }{
		{"/run/user/1000", "", ":0", "/run/user/1000/homeward/desktop-_0"},
		{"/run/user/1000", "wayland-0", ":0", "/run/user/1000/homeward/desktop-wayland-0"},
		{"/run/user/1000", "", "", "/run/user/1000/homeward/desktop"},
		{"relative", "", ":1", "/home/ada/.cache/homeward/desktop-_1"},
		{"", "", "../../etc/x", "/home/ada/.cache/homeward/desktop-.._.._etc_x"},
	} {
		env := map[string]string{"XDG_RUNTIME_DIR": c.runtime, "WAYLAND_DISPLAY": c.wayland, "DISPLAY": c.display}
		if got := Path(func(name string) string { return env[name] }, "/home/ada/.cache"); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}
