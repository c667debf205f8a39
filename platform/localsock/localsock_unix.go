//go:build !windows

package localsock

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
)

// maxPath is the longest path that fits every Unix system's socket address
// with its closing zero (sun_path: 108 on Linux, 104 on the BSDs).
const maxPath = 103

func listen(path string, mode fs.FileMode) (net.Listener, error) {
	if len(path) > maxPath {
		return nil, fmt.Errorf("socket path %s is longer than %d bytes", path, maxPath)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("making the socket's directory: %w", err)
	}
	if err := safeDir(filepath.Dir(path)); err != nil {
		return nil, err
	}
	if err := removeStale(path); err != nil {
		return nil, err
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("listening on %s: %w", path, err)
	}
	if err := os.Chmod(path, mode); err != nil {
		return nil, errors.Join(fmt.Errorf("setting the socket's mode: %w", err), l.Close())
	}
	return l, nil
}

// safeDir refuses a directory in which others could exchange the socket for
// something else before its mode is set: what a link leads to would get that
// mode instead. In a sticky one, such as /tmp, nobody can.
func safeDir(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("looking at the socket's directory: %w", err)
	}
	if info.Mode()&fs.ModeSticky != 0 {
		return nil
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	others := info.Mode().Perm() & 0o022
	if ok && (st.Gid == 0 || int64(st.Gid) == int64(os.Getegid())) {
		others &^= 0o020 // our own group, which has only us in it on most systems
	}
	if others != 0 || ok && !trusted(st.Uid) {
		return &UnsafeDirError{Dir: dir}
	}
	return nil
}

// removeStale makes way for a new socket. What answers is alive and stays;
// what is not a socket is not ours.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("looking at %s: %w", path, err)
	}
	if info.Mode().Type() != fs.ModeSocket {
		return &NotSocketError{Path: path}
	}
	c, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
	if err == nil {
		return errors.Join(&InUseError{Path: path}, c.Close())
	}
	if !errors.Is(err, syscall.ECONNREFUSED) && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("asking whether %s is in use: %w", path, err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing the socket that a former run left: %w", err)
	}
	return nil
}

func dial(ctx context.Context, path string) (net.Conn, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("looking for the service's socket: %w", err)
	}
	if info.Mode().Type() != fs.ModeSocket {
		return nil, &NotSocketError{Path: path}
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && !trusted(st.Uid) {
		return nil, &ForeignSocketError{Path: path, UID: st.Uid}
	}
	var d net.Dialer
	c, err := d.DialContext(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("connecting to the service: %w", err)
	}
	// The path may have been exchanged since: the listener's own credentials decide.
	who, err := peer(c)
	if err == nil && !trusted(who.UID) {
		err = &ForeignSocketError{Path: path, UID: who.UID}
	}
	if err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func trusted(uid uint32) bool { return uid == 0 || int64(uid) == int64(os.Geteuid()) }

// peer runs the system's own credential call on the connection's descriptor.
func peer(c net.Conn) (Credentials, error) {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return Credentials{}, ErrNotLocal
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return Credentials{}, fmt.Errorf("reading peer credentials: %w", err)
	}
	var who Credentials
	var inner error
	err = raw.Control(func(fd uintptr) { who, inner = peerOf(int(fd)) })
	if err = errors.Join(err, inner); err != nil {
		return Credentials{}, fmt.Errorf("reading peer credentials: %w", err)
	}
	return who, nil
}
