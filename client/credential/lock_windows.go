package credential

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// lockDir makes a file that nobody else can open, and that goes when it is closed.
func lockDir(dir string) (*os.File, error) {
	const (
		deleteOnClose    = 0x04000000
		sharingViolation = syscall.Errno(32)
		accessDenied     = syscall.Errno(5) // one that is about to go
	)
	path := filepath.Join(dir, "lock")
	name, err := syscall.UTF16PtrFromString(path)
	if err != nil {
		return nil, err
	}
	h, err := syscall.CreateFile(name, syscall.GENERIC_WRITE, 0, nil, syscall.OPEN_ALWAYS, deleteOnClose, 0)
	switch {
	case err == nil:
		return os.NewFile(uintptr(h), path), nil
	case errors.Is(err, sharingViolation), errors.Is(err, accessDenied):
		return nil, errHeld
	}
	return nil, fmt.Errorf("lock %s: %w", dir, err)
}
