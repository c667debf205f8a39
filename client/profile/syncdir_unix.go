//go:build unix

package profile

import (
	"errors"
	"fmt"
	"os"
)

// SyncDir makes the names in dir durable: a rename or a removal has happened
// for good when it returns.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	return nil
}
