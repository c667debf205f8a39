package localsock

import "golang.org/x/sys/unix"

// DefaultPath is where the service listens.
const DefaultPath = "/var/run/homeward/homewardd.sock"

func peerOf(fd int) (Credentials, error) {
	x, err := unix.GetsockoptXucred(fd, unix.SOL_LOCAL, unix.LOCAL_PEERCRED)
	if err != nil {
		return Credentials{}, err
	}
	who := Credentials{UID: x.Uid, GID: UnknownID}
	if x.Ngroups > 0 {
		who.GID = x.Groups[0]
	}
	pid, err := unix.GetsockoptInt(fd, unix.SOL_LOCAL, unix.LOCAL_PEERPID)
	if err != nil {
		return Credentials{}, err
	}
	who.PID = int32(pid)
	return who, nil
}
