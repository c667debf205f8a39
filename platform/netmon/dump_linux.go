package netmon

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// What the kernel is asked, in netlink's one way: a request, and a listing as the
// answer, in as many messages as it takes.

const (
	// listings bounds how often a listing that was interrupted by a change is asked
	// for anew; an incomplete one is followed by word of the change in any case.
	listings = 3
	// answerTime bounds the wait for the kernel, which answers at once.
	answerTime = 2 * time.Second
	// largestListing bounds what one listing may hold: links and addresses of a
	// machine, its main routing table, its radios.
	largestListing = 64 << 20
)

var errInterrupted = errors.New("netmon: the listing was interrupted")

// message is one message of a listing.
type message struct {
	kind uint16
	data []byte
}

// list asks one family of netlink for a listing. body is the request behind the
// header of netlink.
func list(protocol int, kind uint16, flags uint16, body []byte) (all []message, err error) {
	for range listings {
		if all, err = listOnce(protocol, kind, flags, body); !errors.Is(err, errInterrupted) {
			return all, err
		}
	}
	return all, nil
}

func listOnce(protocol int, kind uint16, flags uint16, body []byte) (all []message, err error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, protocol)
	if err != nil {
		return nil, fmt.Errorf("netmon: a netlink socket: %w", err)
	}
	defer func() { err = errors.Join(err, os.NewSyscallError("close", unix.Close(fd))) }()
	limit := unix.NsecToTimeval(answerTime.Nanoseconds())
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &limit); err != nil {
		return nil, fmt.Errorf("netmon: a deadline for netlink: %w", err)
	}
	// Kernels before 4.20 do not know it, and list more than was asked for.
	if err := unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_GET_STRICT_CHK, 1); err != nil && !errors.Is(err, unix.ENOPROTOOPT) {
		return nil, fmt.Errorf("netmon: preparing a listing: %w", err)
	}
	if err := unix.Sendto(fd, request(kind, flags, body), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return nil, fmt.Errorf("netmon: asking netlink: %w", err)
	}
	return receive(fd, flags&unix.NLM_F_DUMP == unix.NLM_F_DUMP)
}

// request puts netlink's header before a body.
func request(kind, flags uint16, body []byte) []byte {
	b := binary.NativeEndian.AppendUint32(nil, uint32(unix.SizeofNlMsghdr+len(body)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = binary.NativeEndian.AppendUint16(b, flags|unix.NLM_F_REQUEST)
	b = binary.NativeEndian.AppendUint32(b, 1) // sequence number
	b = binary.NativeEndian.AppendUint32(b, 0) // port: the kernel's
	return append(b, body...)
}

// receive reads an answer to its end: a listing has a message that says so, a
// single answer is one message.
func receive(fd int, dump bool) (all []message, err error) {
	interrupted, size := false, 0
	buf := make([]byte, maxMessages)
	for {
		n, _, err := unix.Recvfrom(fd, buf, 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("netmon: reading netlink's answer: %w", err)
		}
		if size += n; size > largestListing {
			return nil, errors.New("netmon: netlink's answer has no end")
		}
		messages, err := syscall.ParseNetlinkMessage(append([]byte(nil), buf[:n]...))
		if err != nil {
			return nil, fmt.Errorf("netmon: netlink's answer: %w", err)
		}
		for _, m := range messages {
			interrupted = interrupted || m.Header.Flags&unix.NLM_F_DUMP_INTR != 0
			switch {
			case m.Header.Type == unix.NLMSG_ERROR && len(m.Data) >= 4:
				if errno := unix.Errno(-int32(binary.NativeEndian.Uint32(m.Data))); errno != 0 {
					return nil, fmt.Errorf("netmon: netlink refuses: %w", errno)
				}
				return all, nil
			case m.Header.Type == unix.NLMSG_DONE:
				if interrupted {
					return all, errInterrupted
				}
				return all, nil
			}
			all = append(all, message{m.Header.Type, m.Data})
		}
		if !dump && len(all) > 0 {
			return all, nil
		}
	}
}
