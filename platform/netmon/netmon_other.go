//go:build !linux

package netmon

import (
	"errors"
	"fmt"
)

func open() (source, error) {
	return nil, fmt.Errorf("netmon: watching the network: %w", errors.ErrUnsupported)
}
