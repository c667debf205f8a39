//go:build unix

package provision

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// trusted refuses what anybody but root, or who runs this program, could have written.
// Who may write to a folder in which each keeps to their own (the sticky bit) cannot
// change what others have there.
func trusted(info fs.FileInfo) error {
	others := info.Mode().Perm() & 0o022
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		if st.Uid != 0 && int64(st.Uid) != int64(os.Geteuid()) {
			return fmt.Errorf("%s belongs to user %d and not to root; give it to root («sudo chown root»)", info.Name(), st.Uid)
		}
		if st.Gid == 0 || int64(st.Gid) == int64(os.Getegid()) {
			others &^= 0o020 // our own group
		}
	}
	if others != 0 && (!info.IsDir() || info.Mode()&fs.ModeSticky == 0) {
		return fmt.Errorf("%s may be written to by others than root; take that right away («sudo chmod go-w»)", info.Name())
	}
	return nil
}
