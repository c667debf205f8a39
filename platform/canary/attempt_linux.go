package canary

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// result is what an attempt's socket said.
type result struct {
	// Outcome may be unsure, which only who sees the wire and the neighbours can settle.
	Outcome Outcome `json:"outcome"`
	Detail  string  `json:"detail,omitempty"`
}

// unsure: a connection that is neither refused nor made, or a packet of whose end the
// system says nothing. It waits for the next hop's hardware address, or was dropped
// without a word.
const unsure Outcome = "unsure"

// answerTime bounds the wait for what a SYN meets. A refusal by this machine comes at
// once.
const answerTime = 400 * time.Millisecond

// attempt makes all attempts at once and gives a result for each.
func attempt(ctx context.Context, all []target) ([]result, error) {
	results := make([]result, len(all))
	var waiting []unix.PollFd
	var of []int // whose socket waiting's is
	var errs []error
	for i, t := range all {
		fd, err := t.open()
		if err != nil {
			results[i] = outcomeOf(err, t.Kind)
			continue
		}
		err = t.send(fd)
		if t.Kind == TCP && errors.Is(err, unix.EINPROGRESS) {
			results[i] = result{unsure, "nothing has answered"}
			waiting, of = append(waiting, unix.PollFd{Fd: int32(fd), Events: unix.POLLOUT}), append(of, i)
			continue
		}
		results[i] = outcomeOf(err, t.Kind)
		if err == nil && t.Kind == ICMP && t.Family == IPv6 {
			// Linux tells whoever sends by a ping socket of IPv6 afterwards only what a filter said.
			results[i] = result{unsure, "nothing was said"}
			waiting, of = append(waiting, unix.PollFd{Fd: int32(fd)}), append(of, i)
			continue
		}
		errs = append(errs, unix.Close(fd))
	}
	errs = append(errs, await(ctx, waiting, func(at int, err error) { results[of[at]] = outcomeOf(err, all[of[at]].Kind) }))
	for _, w := range waiting {
		errs = append(errs, unix.Close(openFd(w.Fd)))
	}
	return results, errors.Join(errs...)
}

// openFd gives the descriptor that await may have put aside.
func openFd(fd int32) int {
	if fd < 0 {
		return int(^fd)
	}
	return int(fd)
}

// await tells what became of connections, and of packets that were refused. One that is settled is put aside by the
// complement of its number, which poll(2) passes over.
func await(ctx context.Context, waiting []unix.PollFd, settled func(at int, err error)) error {
	end := time.Now().Add(answerTime)
	for left := len(waiting); left > 0; {
		n, err := poll(ctx, waiting, end)
		if err != nil {
			return fmt.Errorf("canary: waiting for refusals: %w", err)
		}
		if n == 0 {
			return nil
		}
		for i := range waiting {
			w := &waiting[i]
			if w.Fd < 0 || w.Revents == 0 {
				continue
			}
			code, err := unix.GetsockoptInt(int(w.Fd), unix.SOL_SOCKET, unix.SO_ERROR)
			if err == nil && code != 0 {
				err = unix.Errno(code)
			}
			settled(i, err)
			w.Fd, left = ^w.Fd, left-1
		}
	}
	return nil
}

// errBind is in an error about the device that the socket was to use.
var errBind = errors.New("the interface cannot be chosen")

// open makes the socket and binds it to the device, so that no route leads around it.
func (t target) open() (int, error) {
	family, protocol := unix.AF_INET, unix.IPPROTO_ICMP
	if t.Family == IPv6 {
		family, protocol = unix.AF_INET6, unix.IPPROTO_ICMPV6
	}
	kind := unix.SOCK_DGRAM
	switch t.Kind {
	case TCP:
		kind, protocol = unix.SOCK_STREAM, unix.IPPROTO_TCP
	case UDP, DNS:
		protocol = unix.IPPROTO_UDP
	}
	const flags = unix.SOCK_NONBLOCK | unix.SOCK_CLOEXEC
	fd, err := unix.Socket(family, kind|flags, protocol)
	if t.Kind == ICMP && errors.Is(err, unix.EACCES) { // net.ipv4.ping_group_range leaves this group out
		fd, err = unix.Socket(family, unix.SOCK_RAW|flags, protocol)
		if errors.Is(err, unix.EPERM) {
			err = errors.New("this user may send no echo requests")
		}
	}
	if err != nil {
		return -1, &setupError{err}
	}
	if err := unix.BindToDevice(fd, t.Device); err != nil {
		return -1, errors.Join(&setupError{fmt.Errorf("%w: %w", errBind, err)}, unix.Close(fd))
	}
	return fd, nil
}

// setupError: the attempt could not be made.
type setupError struct{ err error }

func (e *setupError) Error() string { return e.err.Error() }
func (e *setupError) Unwrap() error { return e.err }

// send lets the packet go.
func (t target) send(fd int) error {
	var to unix.Sockaddr
	port := int(t.To.Port())
	if t.Family == IPv6 {
		to = &unix.SockaddrInet6{Port: port, Addr: t.To.Addr().As16()}
	} else {
		to = &unix.SockaddrInet4{Port: port, Addr: t.To.Addr().As4()}
	}
	if t.Kind == TCP {
		return unix.Connect(fd, to)
	}
	if t.Kind == ICMP && t.Family == IPv6 { // only a socket that is connected hears of a refusal
		if err := unix.Connect(fd, to); err != nil {
			return err
		}
		_, err := unix.Write(fd, t.payload())
		return err
	}
	return unix.Sendto(fd, t.payload(), 0, to)
}

// outcomeOf judges what a system call said. nil: the kernel took the packet.
func outcomeOf(err error, kind Kind) result {
	var setup *setupError
	switch {
	case err == nil:
		return result{Left, "the kernel took it"}
	case errors.As(err, &setup):
		return result{NotTried, err.Error()}
	case errors.Is(err, unix.EHOSTUNREACH) && kind == TCP:
		// What a filter says, and also what a next hop says by not answering.
		return result{unsure, err.Error()}
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES), errors.Is(err, unix.ECONNREFUSED):
		return result{Refused, err.Error()}
	case errors.Is(err, unix.ENETUNREACH), errors.Is(err, unix.EHOSTUNREACH), errors.Is(err, unix.EADDRNOTAVAIL), errors.Is(err, unix.EINVAL):
		return result{Unreachable, err.Error()}
	default:
		return result{NotTried, err.Error()}
	}
}
