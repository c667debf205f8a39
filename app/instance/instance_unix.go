//go:build unix

package instance

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"github.com/homeward-vpn/homeward/platform/localsock"
)

// systemPath is where the system itself keeps such names; a Unix has files for that.
func systemPath(string) string { return "" }

// hold takes the lock beside the socket. Two programs that start at the same moment
// would else each find the other's socket not listening yet, and remove it.
func hold(path string) (io.Closer, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("making the session's folder: %w", err)
	}
	if err := ours(filepath.Dir(path)); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("looking for another start: %w", err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = ErrRunning
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return lock{f}, nil
}

// ours refuses a folder of another user's, who could pass for the program that runs and
// be handed what was meant for it.
func ours(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("looking at the session's folder: %w", err)
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && int64(st.Uid) != int64(os.Getuid()) {
		return &ForeignFolderError{Dir: dir}
	}
	return nil
}

type lock struct{ *os.File }

// Close gives the lock up, also where a program that is being started has the file for
// one moment more.
func (l lock) Close() error {
	return errors.Join(syscall.Flock(int(l.Fd()), syscall.LOCK_UN), l.File.Close())
}

func self(who localsock.Credentials) bool { return int64(who.UID) == int64(os.Getuid()) }
