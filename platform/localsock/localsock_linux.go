package localsock

import "golang.org/x/sys/unix"

// DefaultPath is where the service listens.
const DefaultPath = "/run/homeward/homewardd.sock"

func peerOf(fd int) (Credentials, error) {
	u, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return Credentials{}, err
	}
	return Credentials{UID: u.Uid, GID: u.Gid, PID: u.Pid}, nil
}
