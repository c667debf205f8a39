package main

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// TestOptions: what the command line says, and that what it does not know is told in a
// sentence.
func TestOptions(t *testing.T) {
	t.Parallel()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		want options
		bad  string // in the error
	}{
		{nil, options{}, ""},
		{[]string{"--hidden"}, options{hidden: true}, ""},
		{[]string{"-hidden"}, options{hidden: true}, ""},
		{[]string{"--version"}, options{version: true}, ""},
		{[]string{"--help"}, options{help: true}, ""},
		{[]string{"office.mobileconfig"}, options{file: filepath.Join(here, "office.mobileconfig")}, ""},
		{[]string{"/tmp/a b.sswan"}, options{file: "/tmp/a b.sswan"}, ""},
		{[]string{"file:///tmp/a%20b.sswan"}, options{file: "/tmp/a b.sswan"}, ""},
		{[]string{"--hidden", "--", "-odd"}, options{hidden: true, file: filepath.Join(here, "-odd")}, ""},
		{[]string{"file://elsewhere/a"}, options{}, "no file of this computer"},
		{[]string{"a", "b"}, options{}, "one profile file"},
		{[]string{"--nonsense"}, options{}, "homeward --help"},
	} {
		if runtime.GOOS == "windows" && strings.HasPrefix(c.want.file, "/") {
			continue // another system's path
		}
		got, err := parse(c.args)
		if c.bad == "" && (err != nil || got != c.want) || c.bad != "" && (err == nil || !strings.Contains(err.Error(), c.bad)) {
			t.Errorf("%q: %+v, %v", c.args, got, err)
		}
	}
}

// TestStart: what needs no window is answered without one; without a display the one
// sentence names homewardctl.
func TestStart(t *testing.T) {
	t.Parallel()
	nothing := func(string) string { return "" }
	var out, errOut bytes.Buffer
	if code := start([]string{"--version"}, nothing, &out, &errOut); code != 0 || !strings.HasPrefix(out.String(), "homeward ") || errOut.Len() != 0 {
		t.Errorf("%d: %q, %q", code, out.String(), errOut.String())
	}
	out.Reset()
	if code := start([]string{"--help"}, nothing, &out, &errOut); code != 0 || !strings.Contains(out.String(), "homewardctl") {
		t.Errorf("%d: %q", code, out.String())
	}
	if code := start([]string{"a", "b"}, nothing, &out, &errOut); code != 2 || !strings.HasSuffix(errOut.String(), "--help».\n") {
		t.Errorf("%d: %q", code, errOut.String())
	}
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		return // who is signed in has a display
	}
	for _, env := range []map[string]string{
		{},
		{"DISPLAY": ":4711"},
		{"DISPLAY": "nonsense"},
		{"DISPLAY": "unix:4711.0"},
		{"WAYLAND_DISPLAY": "wayland-4711", "XDG_RUNTIME_DIR": t.TempDir()},
	} {
		errOut.Reset()
		code := start(nil, func(name string) string { return env[name] }, &out, &errOut)
		if s := errOut.String(); code != 1 || strings.Count(s, "\n") != 1 || !strings.Contains(s, "no display") || !strings.Contains(s, "homewardctl") {
			t.Errorf("%v: %d: %q", env, code, s)
		}
	}
}
