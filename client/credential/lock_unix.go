//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package credential

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// lockDir locks a directory, where nobody does; nothing is left in it.
func lockDir(dir string) (*os.File, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	switch err = syscall.Flock(int(d.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); {
	case err == nil:
		return d, nil
	case errors.Is(err, syscall.EWOULDBLOCK):
		err = errHeld
	case errors.Is(err, syscall.ENOLCK), errors.Is(err, syscall.EBADF): // network file systems
		err = errors.ErrUnsupported
	default:
		err = fmt.Errorf("lock %s: %w", dir, err)
	}
	return nil, errors.Join(err, d.Close())
}
