//go:build unix

package posture

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// trusted refuses what another user owns or may write to: it would let them
// open the machine, or lock its owner out.
func trusted(info fs.FileInfo) error {
	others := info.Mode().Perm() & 0o022
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		if st.Uid != 0 && int64(st.Uid) != int64(os.Geteuid()) {
			return fmt.Errorf("%s belongs to user %d", info.Name(), st.Uid)
		}
		if st.Gid == 0 || int64(st.Gid) == int64(os.Getegid()) {
			others &^= 0o020 // our own group
		}
	}
	if others != 0 {
		return fmt.Errorf("%s may be written to by others", info.Name())
	}
	return nil
}

// syncDir makes the names in dir durable. Where there is none, neither are names.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
