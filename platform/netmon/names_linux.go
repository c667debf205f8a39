package netmon

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

// Who answers names stands in files, of whichever program manages them:
// /etc/resolv.conf, and what systemd-resolved, NetworkManager and resolvconf write
// beside it. systemd-resolved writes its own anew whenever a link's servers change,
// so that no question on the bus is needed. Written again is not changed: contents
// are compared, and so our own settings are told at most once.

// nameFiles are the files that are watched. A symbolic link counts by where it leads.
var nameFiles = []string{
	"/etc/resolv.conf",
	"/run/systemd/resolve/resolv.conf",
	"/run/systemd/resolve/stub-resolv.conf",
	"/run/NetworkManager/resolv.conf",
	"/run/NetworkManager/no-stub-resolv.conf",
	"/run/resolvconf/resolv.conf",
}

// largestNames bounds what is read of one of them.
const largestNames = 1 << 20

// files watches the folders of files, because such files are replaced, not written.
type files struct {
	file    *os.File
	logger  *slog.Logger
	paths   []string
	said    map[string][]byte // contents; nil: there is none
	folders map[string]int32  // watched folders, or the nearest above that exists
	names   func() (Servers, error)
	buf     []byte
}

func openFiles(paths []string, names func() (Servers, error), logger *slog.Logger) (*files, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("netmon: watching files: %w", err)
	}
	f := &files{
		file: os.NewFile(uintptr(fd), "inotify"), logger: logger, paths: paths, names: names,
		said: map[string][]byte{}, folders: map[string]int32{}, buf: make([]byte, 64<<10),
	}
	if err := f.follow(); err != nil {
		return nil, errors.Join(err, f.file.Close())
	}
	f.changed()
	return f, nil
}

// follow watches the folder of each file; one that does not exist is waited for in
// the nearest folder above it.
func (f *files) follow() error {
	raw, err := f.file.SyscallConn()
	if err != nil {
		return fmt.Errorf("netmon: %w", err)
	}
	const what = unix.IN_CLOSE_WRITE | unix.IN_MOVED_TO | unix.IN_MOVED_FROM | unix.IN_CREATE | unix.IN_DELETE | unix.IN_DELETE_SELF | unix.IN_ONLYDIR
	var failed error
	err = raw.Control(func(fd uintptr) {
		for _, path := range f.paths {
			for folder := filepath.Dir(path); ; folder = filepath.Dir(folder) {
				w, err := unix.InotifyAddWatch(int(fd), folder, what)
				if err == nil {
					f.folders[folder] = int32(w)
					break
				}
				if !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.ENOTDIR) || folder == "/" {
					failed = errors.Join(failed, fmt.Errorf("netmon: watching %s: %w", folder, err))
					break
				}
			}
		}
	})
	return errors.Join(err, failed)
}

// changed reads the files and says whether one is not what it was.
func (f *files) changed() (is bool) {
	for _, path := range f.paths {
		content, err := readFile(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			f.logger.Debug("a file of name servers cannot be read", "path", path, "error", err)
		}
		before, known := f.said[path]
		if !known || (before == nil) != (content == nil) || !bytes.Equal(before, content) {
			f.said[path], is = content, true
		}
	}
	return is
}

// readFile reads a file up to largestNames; never nil without an error.
func readFile(path string) (content []byte, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return io.ReadAll(io.LimitReader(file, largestNames))
}

func (f *files) next() (news, error) {
	n, err := f.file.Read(f.buf)
	if err != nil {
		return news{}, fmt.Errorf("netmon: watching files: %w", err)
	}
	if !f.concerns(f.buf[:n]) {
		return news{}, nil
	}
	// A folder may have come, or gone with its watch.
	if err := f.follow(); err != nil {
		f.logger.Debug("not all files of name servers are watched", "error", err)
	}
	if !f.changed() {
		return news{}, nil
	}
	return askNames(f.names, f.logger), nil
}

// concerns says whether events of inotify(7) may be about the files: others in
// /etc change all the time.
func (f *files) concerns(b []byte) bool {
	for len(b) >= unix.SizeofInotifyEvent {
		mask, size := binary.NativeEndian.Uint32(b[4:]), int(binary.NativeEndian.Uint32(b[12:]))
		if size < 0 || size > len(b)-unix.SizeofInotifyEvent {
			return true
		}
		name := text(string(b[unix.SizeofInotifyEvent : unix.SizeofInotifyEvent+size]))
		if name == "" || mask&(unix.IN_ISDIR|unix.IN_Q_OVERFLOW) != 0 {
			return true
		}
		if slices.ContainsFunc(f.paths, func(p string) bool { return filepath.Base(p) == name }) {
			return true
		}
		b = b[unix.SizeofInotifyEvent+size:]
	}
	return false
}

func (f *files) close() error { return f.file.Close() }

// askNames makes news of a change of name servers, with what they are now.
func askNames(names func() (Servers, error), logger *slog.Logger) news {
	n := news{kinds: Names}
	if names == nil {
		return n
	}
	s, err := names()
	if err != nil {
		logger.Warn("the name servers of the network are not known", "error", err)
		return n
	}
	n.names = &s
	return n
}
