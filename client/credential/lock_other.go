//go:build !darwin && !dragonfly && !freebsd && !linux && !netbsd && !openbsd && !windows

package credential

import (
	"errors"
	"os"
)

func lockDir(string) (*os.File, error) { return nil, errors.ErrUnsupported }
