package canary

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// watch sees what leaves by one device for the addresses of documentation.
type watch struct {
	device string
	fd     int
}

// snapLen is how much of a frame is looked at, octets.
const snapLen = 512

// openWatch begins to watch. The filter stands before the socket is bound to the
// device, so that nothing else is ever in its queue.
func openWatch(device string, index int) (watch, error) {
	// Protocol 0: nothing arrives before Bind. SOCK_DGRAM: without the link's header.
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return watch{}, fmt.Errorf("%w: %w", ErrNoWatch, err)
	}
	program := outgoing()
	err = unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]})
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: htons(unix.ETH_P_ALL), Ifindex: index})
	}
	if err != nil {
		return watch{}, errors.Join(fmt.Errorf("%w: %s: %w", ErrNoWatch, device, err), unix.Close(fd))
	}
	return watch{device, fd}, nil
}

func htons(v uint16) uint16 { return v<<8 | v>>8 }

// The places of classic BPF that are no octets of the packet (linux/filter.h).
const (
	adProtocol = 0xfffff000 + 0
	adPktType  = 0xfffff000 + 4
)

// outgoing is the filter: packets that leave, for the prefixes of documentation.
// Every test that fails jumps to the end, where nothing is taken.
func outgoing() []unix.SockFilter {
	const (
		load    = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
		and     = unix.BPF_ALU | unix.BPF_AND | unix.BPF_K
		equal   = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		give    = unix.BPF_RET | unix.BPF_K
		at4     = 16 // the destination in an IPv4 header
		at6     = 24 // in an IPv6 header
		mask24  = 0xffffff00
		nothing = 0
	)
	word := func(p netip.Prefix) uint32 {
		b := p.Addr().AsSlice()
		return uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
	}
	return []unix.SockFilter{
		{Code: load, K: adPktType},
		{Code: equal, K: unix.PACKET_OUTGOING, Jf: 10},
		{Code: load, K: adProtocol},
		{Code: equal, K: unix.ETH_P_IPV6, Jt: 6},
		{Code: equal, K: unix.ETH_P_IP, Jf: 7},
		{Code: load, K: at4},
		{Code: and, K: mask24},
		{Code: equal, K: word(documents4[0]), Jt: 5},
		{Code: equal, K: word(documents4[1]), Jt: 4},
		{Code: equal, K: word(documents4[2]), Jt: 3, Jf: 2},
		{Code: load, K: at6},
		{Code: equal, K: word(documents6), Jt: 1},
		{Code: give, K: nothing},
		{Code: give, K: snapLen},
	}
}

// frames reads what was seen so far and calls each for it.
func (w watch) frames(each func([]byte)) error {
	var b [snapLen]byte
	for {
		n, _, err := unix.Recvfrom(w.fd, b[:], unix.MSG_DONTWAIT)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return nil
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.ENETDOWN): // said once; there may be frames of before
		case err != nil:
			return fmt.Errorf("%w: %s: %w", ErrNoWatch, w.device, err)
		default:
			each(b[:n])
		}
	}
}

// poll waits until one of the events is there, the time is over or ctx ends: 0.
func poll(ctx context.Context, fds []unix.PollFd, end time.Time) (int, error) {
	for {
		left := time.Until(end)
		if deadline, ok := ctx.Deadline(); ok {
			left = min(left, time.Until(deadline))
		}
		if left <= 0 || ctx.Err() != nil {
			return 0, nil
		}
		n, err := unix.Poll(fds, int(left/time.Millisecond)+1)
		if !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}
