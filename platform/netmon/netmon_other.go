//go:build !linux

package netmon

import (
	"errors"
	"fmt"
)

func open(Config) (system, error) {
	return system{}, fmt.Errorf("netmon: watching the network: %w", errors.ErrUnsupported)
}

func look() (Snapshot, error) {
	return Snapshot{}, fmt.Errorf("netmon: reading the network: %w", errors.ErrUnsupported)
}
