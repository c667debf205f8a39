//go:build unix

package ledger

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestOthersMayNotWriteTheLedger: a directory that somebody else prepared, to
// have the service change files for them, is refused before anything is read.
func TestOthersMayNotWriteTheLedger(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(dir string) error{
		"writable by everybody": func(dir string) error { return os.Chmod(dir, 0o777) },
		"writable by a foreign group": func(dir string) error {
			if os.Getuid() != 0 {
				return errors.ErrUnsupported
			}
			return errors.Join(os.Chown(dir, 0, 12345), os.Chmod(dir, 0o770))
		},
		"sticky": func(dir string) error { return os.Chmod(dir, 0o777|os.ModeSticky) },
		"somebody else's": func(dir string) error {
			if os.Getuid() != 0 {
				return errors.ErrUnsupported
			}
			return os.Chown(dir, 12345, 12345)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "state")
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			err := prepare(dir)
			if errors.Is(err, errors.ErrUnsupported) {
				t.Skip("only root gives directories away")
			}
			if err != nil {
				t.Fatal(err)
			}
			var untrusted *UntrustedError
			if _, err := Open(dir); !errors.As(err, &untrusted) || untrusted.Dir != dir {
				t.Errorf("%v, want *UntrustedError", err)
			}
			if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
				t.Errorf("a refused directory now holds %v (%v)", entries, err)
			}
		})
	}
	link := filepath.Join(t.TempDir(), "link")
	open := filepath.Join(t.TempDir(), "open")
	if err := errors.Join(os.Mkdir(open, 0o700), os.Chmod(open, 0o777), os.Symlink(open, link)); err != nil {
		t.Fatal(err)
	}
	var untrusted *UntrustedError
	if _, err := Open(link); !errors.As(err, &untrusted) {
		t.Errorf("through a link: %v, want *UntrustedError", err)
	}
}
