package localsock

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"

	"golang.org/x/sys/windows"
	"golang.zx2c4.com/wireguard/ipc/namedpipe"
)

// DefaultPath is where the service listens.
const DefaultPath = `\\.\pipe\ProtectedPrefix\Administrators\Homeward\homewardd`

// access: SYSTEM and administrators own the pipe; authenticated local users may
// talk through it; the network may not.
const access = "D:P(D;;GA;;;NU)(A;;GA;;;SY)(A;;GA;;;BA)(A;;GRGW;;;AU)"

func listen(path string, _ fs.FileMode) (net.Listener, error) {
	sd, err := windows.SecurityDescriptorFromString(access)
	if err != nil {
		return nil, fmt.Errorf("building the pipe's access rules: %w", err)
	}
	c := namedpipe.ListenConfig{SecurityDescriptor: sd}
	l, err := c.Listen(path)
	if errors.Is(err, windows.ERROR_ACCESS_DENIED) || errors.Is(err, windows.ERROR_PIPE_BUSY) {
		return nil, errors.Join(&InUseError{Path: path}, err)
	}
	if err != nil {
		return nil, fmt.Errorf("listening on %s: %w", path, err)
	}
	return l, nil
}

// handled is what a named pipe connection offers beyond net.Conn.
type handled interface{ Handle() windows.Handle }

func dial(ctx context.Context, path string) (net.Conn, error) {
	c, err := namedpipe.DialContext(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("connecting to the service: %w", err)
	}
	if err := checkOwner(c, path); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// checkOwner looks at the pipe object that was really opened.
func checkOwner(c net.Conn, path string) error {
	p, ok := c.(handled)
	if !ok {
		return ErrNotLocal
	}
	sd, err := windows.GetSecurityInfo(p.Handle(), windows.SE_KERNEL_OBJECT, windows.OWNER_SECURITY_INFORMATION)
	if err != nil {
		return fmt.Errorf("reading the pipe's owner: %w", err)
	}
	owner, _, err := sd.Owner()
	if err != nil {
		return fmt.Errorf("reading the pipe's owner: %w", err)
	}
	if owner.IsWellKnown(windows.WinLocalSystemSid) || owner.IsWellKnown(windows.WinBuiltinAdministratorsSid) {
		return nil
	}
	me, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return fmt.Errorf("reading the caller's identity: %w", err)
	}
	if !owner.Equals(me.User.Sid) {
		return &ForeignSocketError{Path: path, UID: UnknownID, Owner: owner.String()}
	}
	return nil
}

func peer(c net.Conn) (Credentials, error) {
	p, ok := c.(handled)
	if !ok {
		return Credentials{}, ErrNotLocal
	}
	var pid uint32
	if err := windows.GetNamedPipeClientProcessId(p.Handle(), &pid); err != nil {
		return Credentials{}, fmt.Errorf("reading the peer's process: %w", err)
	}
	sid, err := userOf(pid)
	if err != nil {
		return Credentials{}, err
	}
	return Credentials{UID: UnknownID, GID: UnknownID, PID: int32(pid), SID: sid}, nil
}

// userOf returns the SID of the user that a process runs as.
func userOf(pid uint32) (sid string, err error) {
	process, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, pid)
	if err != nil {
		return "", fmt.Errorf("opening the peer's process: %w", err)
	}
	defer func() { err = errors.Join(err, windows.CloseHandle(process)) }()
	var token windows.Token
	if err := windows.OpenProcessToken(process, windows.TOKEN_QUERY, &token); err != nil {
		return "", fmt.Errorf("opening the peer's token: %w", err)
	}
	defer func() { err = errors.Join(err, token.Close()) }()
	user, err := token.GetTokenUser()
	if err != nil {
		return "", fmt.Errorf("reading the peer's user: %w", err)
	}
	return user.User.Sid.String(), nil
}
