package profile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// TestFilesBeside: what lies beside the profile is read, and nothing else is.
func TestFilesBeside(t *testing.T) {
	t.Parallel()
	top := t.TempDir()
	dir := filepath.Join(top, "sent")
	if err := os.MkdirAll(filepath.Join(dir, "x509ca"), 0o700); err != nil {
		t.Fatal(err)
	}
	for path, text := range map[string]string{"secret": "no", "sent/ca.pem": "yes", "sent/x509ca/root.pem": "below"} {
		if err := os.WriteFile(filepath.Join(top, filepath.FromSlash(path)), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	large := filepath.Join(dir, "large")
	if err := os.WriteFile(large, make([]byte, MaxBeside+1), 0o600); err != nil {
		t.Fatal(err)
	}
	read := FilesBeside(dir)
	for path, want := range map[string]string{"ca.pem": "yes", "x509ca/root.pem": "below", "./x509ca/../ca.pem": "yes"} {
		if got, err := read(path); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", path, got, err)
		}
	}
	for _, path := range []string{"../secret", filepath.Join(top, "secret"), "x509ca/../../secret", "/etc/passwd", "", "..", `\\server\share\x`} {
		if got, err := read(path); err == nil {
			t.Errorf("%q was read: %q", path, got)
		}
	}
	if _, err := read("../secret"); !errors.Is(err, ErrElsewhere) {
		t.Errorf("%v", err)
	}
	if _, err := read("none.pem"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
	for _, path := range []string{"x509ca", "large"} {
		if got, err := read(path); err == nil {
			t.Errorf("%s was read: %d bytes", path, len(got))
		}
	}
	if runtime.GOOS == "windows" {
		return // links want a privilege there
	}
	if err := os.Symlink("../secret", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if got, err := read("link"); err == nil {
		t.Errorf("a link leads out: %q", got)
	}
}
