// Package localsock is the local door to the service: a Unix socket, or a named
// pipe on Windows, over which each side can tell who the other is.
//
// Listen makes the door, Dial knocks and refuses a door that is neither root's
// nor the caller's own (a program that squats on the path would otherwise be
// handed passwords), Peer says which user knocked.
//
// It owns the socket's path, its mode and its leftovers. It never decides what
// a peer may do, and it does not speak a protocol. client/control calls it.
package localsock

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
)

// DefaultMode lets every local user connect: rights are decided by peer
// credentials, not by who may open the socket.
const DefaultMode fs.FileMode = 0o666

// UnknownID stands for a user or group that the system does not tell.
const UnknownID = ^uint32(0)

// Credentials say who is at the other end, as the kernel saw it when the
// connection was made.
type Credentials struct {
	UID, GID uint32 // UnknownID on Windows
	PID      int32  // 0 where the system does not tell
	SID      string // Windows: the user's security identifier
}

// ForeignSocketError says that whoever answers at Path is neither the system's
// service nor the caller's own.
type ForeignSocketError struct {
	Path  string
	UID   uint32 // the owner, UnknownID on Windows
	Owner string // Windows: the owner's SID
}

// Error implements error.
func (e *ForeignSocketError) Error() string {
	owner := e.Owner
	if owner == "" {
		owner = fmt.Sprintf("user %d", e.UID)
	}
	return fmt.Sprintf("socket %s belongs to %s, neither to the system nor to you", e.Path, owner)
}

// InUseError says that somebody already answers at Path.
type InUseError struct{ Path string }

// Error implements error.
func (e *InUseError) Error() string {
	return fmt.Sprintf("socket %s is in use: another service answers there", e.Path)
}

// NotSocketError says that Path is something that must not be removed.
type NotSocketError struct{ Path string }

// Error implements error.
func (e *NotSocketError) Error() string {
	return fmt.Sprintf("%s exists and is not a socket", e.Path)
}

// UnsafeDirError says that others may exchange what stands in Dir.
type UnsafeDirError struct{ Dir string }

func (e *UnsafeDirError) Error() string {
	return fmt.Sprintf("the socket's directory %s belongs to another user or may be written to by others", e.Dir)
}

// ErrNotLocal is returned by Peer for a connection that Listen and Dial did not make.
var ErrNotLocal = errors.New("not a local connection")

// Listen opens the door at path. On Unix its directory is made (0755), a socket
// that a crashed run left is removed, but only when nobody answers there, and
// the socket gets mode. Windows ignores mode: every authenticated local user
// may connect. Closing the listener removes the socket.
func Listen(path string, mode fs.FileMode) (net.Listener, error) { return listen(path, mode) }

// Dial connects to the service at path. It fails with *ForeignSocketError
// when the socket, or the process that listens on it, is owned by neither root
// (Windows: SYSTEM or the administrators) nor the caller.
func Dial(ctx context.Context, path string) (net.Conn, error) { return dial(ctx, path) }

// Peer tells who is at the other end of a connection from Listen or Dial.
func Peer(c net.Conn) (Credentials, error) { return peer(c) }
