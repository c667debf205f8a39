//go:build unix

package ledger

import (
	"fmt"
	"os"
	"syscall"
)

// trusted refuses a directory that others may write to. What stands in the
// ledger is done by a privileged process, down to the content of files, so
// whoever can write there can do anything.
func trusted(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("looking at the ledger's directory: %w", err)
	}
	if !info.IsDir() {
		return fmt.Errorf("the ledger's directory %s is a file", dir)
	}
	others := info.Mode().Perm() & 0o022
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		if st.Uid != 0 && int64(st.Uid) != int64(os.Geteuid()) {
			return &UntrustedError{Dir: dir, Reason: fmt.Sprintf("belongs to user %d", st.Uid)}
		}
		if st.Gid == 0 || int64(st.Gid) == int64(os.Getegid()) {
			others &^= 0o020 // our own group, which has only us in it on most systems
		}
	}
	if others != 0 {
		return &UntrustedError{Dir: dir, Reason: "may be written to by others"}
	}
	return nil
}
