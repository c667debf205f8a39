//go:build !unix && !windows

package ledger

import (
	"errors"
	"os"
)

func lockFile(string) (*os.File, error) { return nil, errors.ErrUnsupported }
func syncDir(string) error              { return errors.ErrUnsupported }
