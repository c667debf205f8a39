//go:build unix

package intake

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestPipeIsNotWaitedFor: a pipe is refused at once, also one that takes the place of a
// file in the moment after that was looked at.
func TestPipeIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "office.mobileconfig")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if data, err := ReadPlain(path); data != nil || err == nil || !strings.Contains(err.Error(), "is no file") {
		t.Errorf("%q, %v", data, err)
	}
	f, err := open(path, aProfile, notWaiting) // waits for ever where it does not say so
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	plain := filepath.Join(t.TempDir(), "plain")
	if err := os.WriteFile(plain, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	if data, err := ReadPlain(plain); err != nil || string(data) != "text" {
		t.Errorf("%q, %v", data, err)
	}
}
