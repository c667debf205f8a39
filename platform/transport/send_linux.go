package transport

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A send: runs of datagrams of one size become one message each, whose buffers
// the kernel gathers itself and cuts up again at the last moment (UDP_SEGMENT)
// -> all messages in one sendmmsg -> a message that a device or path refuses
// as segments goes out again datagram by datagram.

const (
	// maxSegments is the kernel's limit for one message (UDP_MAX_SEGMENTS).
	maxSegments = 64
	// maxPayload4 and 6 are the largest payloads of one message.
	maxPayload4 = 65535 - 20 - 8
	maxPayload6 = 65535 - 8
)

// sender is one socket's sending half. Sends take turns: the kernel would make
// them wait for the same socket anyway.
type sender struct {
	s          *socket
	maxPayload int

	mu       sync.Mutex
	gso      bool
	to       netip.AddrPort // what name holds
	name     unix.RawSockaddrInet6
	nameLen  uint32
	msgs     [batchSize]mmsghdr
	firsts   [batchSize + 1]int // the index of each message's first datagram
	iovs     [batchSize]unix.Iovec
	controls [batchSize][24]byte // CmsgSpace(2) on 64 bits
	pending  []mmsghdr
	sent     int
	errno    unix.Errno
	write    func(fd uintptr) bool
}

func newSender(s *socket) *sender {
	if s == nil {
		return nil
	}
	d := &sender{s: s, gso: s.gso, maxPayload: maxPayload6}
	if s.is4 {
		d.maxPayload = maxPayload4
	}
	d.write = d.sendmmsg
	return d
}

// send sends all of bufs, in batches.
func (d *sender) send(bufs [][]byte, to netip.AddrPort) error {
	if d == nil {
		return unix.EAFNOSUPPORT
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.address(to); err != nil {
		return err
	}
	var first error
	for len(bufs) > 0 {
		n := min(len(bufs), batchSize)
		if err := d.batch(bufs[:n]); err != nil && first == nil {
			if errors.Is(err, net.ErrClosed) {
				return net.ErrClosed
			}
			first = err
		}
		bufs = bufs[n:]
	}
	return first
}

// address puts the destination into the kernel's form.
func (d *sender) address(to netip.AddrPort) error {
	if to == d.to && d.nameLen != 0 {
		return nil
	}
	d.nameLen = 0
	d.name = unix.RawSockaddrInet6{}
	if d.s.is4 {
		v4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(&d.name))
		v4.Family = unix.AF_INET
		v4.Port = hostOrder(to.Port())
		v4.Addr = to.Addr().Unmap().As4()
		d.nameLen = unix.SizeofSockaddrInet4
	} else {
		scope, err := scopeOf(to.Addr())
		if err != nil {
			return err
		}
		d.name.Family = unix.AF_INET6
		d.name.Port = hostOrder(to.Port())
		d.name.Addr = to.Addr().As16()
		d.name.Scope_id = scope
		d.nameLen = unix.SizeofSockaddrInet6
	}
	d.to = to
	return nil
}

// scopeOf turns a zone, an index or a name, into the kernel's scope.
func scopeOf(a netip.Addr) (uint32, error) {
	if a.Zone() == "" {
		return 0, nil
	}
	if n, err := strconv.ParseUint(a.Zone(), 10, 32); err == nil {
		return uint32(n), nil
	}
	i, err := net.InterfaceByName(a.Zone())
	if err != nil {
		return 0, err
	}
	return uint32(i.Index), nil
}

// batch sends up to batchSize datagrams. The first error is returned, after
// everything that can be sent has been.
func (d *sender) batch(bufs [][]byte) error {
	n := d.pack(bufs, d.gso)
	var first error
	for at := 0; at < n; {
		sent, err := d.flush(d.msgs[at:n])
		at += sent
		if err == nil {
			continue
		}
		if errors.Is(err, net.ErrClosed) {
			return err
		}
		datagrams := d.firsts[at+1] - d.firsts[at]
		if datagrams > 1 && refusesSegments(err) {
			if errors.Is(err, unix.EIO) && d.gso {
				// The device cannot checksum, so it will never take segments.
				d.gso = false
				d.s.logger.Info("UDP segmentation is off: the device refuses it")
			}
			rest := bufs[d.firsts[at]:]
			bufs = rest
			n, at = d.pack(rest, false), 0
			continue
		}
		if first == nil {
			first = err
		}
		at++ // this one is lost, as datagrams may be; the others go on
	}
	return first
}

// refusesSegments: EIO from a device without checksum offload, EINVAL or
// EMSGSIZE where a segment is larger than the path takes in one piece.
func refusesSegments(err error) bool {
	return errors.Is(err, unix.EIO) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EMSGSIZE)
}

// pack lays bufs out as messages and returns how many.
func (d *sender) pack(bufs [][]byte, gso bool) int {
	n := 0
	for i := 0; i < len(bufs); n++ {
		run := 1
		if gso {
			run = runLength(bufs[i:], d.maxPayload)
		}
		d.message(n, i, bufs[i:i+run])
		d.firsts[n] = i
		i += run
	}
	d.firsts[n] = len(bufs)
	return n
}

// runLength counts the datagrams from the front that one message can carry:
// all of the first one's size, the last one perhaps shorter.
func runLength(bufs [][]byte, maxPayload int) int {
	size := len(bufs[0])
	total := size
	run := 1
	for run < len(bufs) && run < maxSegments && size > 0 {
		next := len(bufs[run])
		if next == 0 || next > size || total+next > maxPayload {
			break
		}
		total += next
		run++
		if next < size {
			break
		}
	}
	return run
}

// message fills in message n: the datagrams whose first has index i.
func (d *sender) message(n, i int, run [][]byte) {
	m := &d.msgs[n]
	m.n = 0
	h := &m.hdr
	h.Name = (*byte)(unsafe.Pointer(&d.name))
	h.Namelen = d.nameLen
	h.Flags = 0
	for k, b := range run {
		v := &d.iovs[i+k]
		v.Base = unsafe.SliceData(b)
		v.SetLen(len(b))
	}
	h.Iov = &d.iovs[i]
	h.SetIovlen(len(run))
	h.Control = nil
	h.SetControllen(0)
	if len(run) == 1 {
		return
	}
	c := &d.controls[n]
	cm := (*unix.Cmsghdr)(unsafe.Pointer(&c[0]))
	cm.Level = unix.IPPROTO_UDP
	cm.Type = unix.UDP_SEGMENT
	cm.SetLen(unix.CmsgLen(2))
	binary.NativeEndian.PutUint16(c[unix.CmsgLen(0):], uint16(len(run[0])))
	h.Control = &c[0]
	h.SetControllen(unix.CmsgSpace(2))
}

// flush sends messages until one fails, and returns how many went out. A
// passing error that belongs to an earlier datagram is reported by the kernel
// before it sends, so such an attempt is made once more.
func (d *sender) flush(msgs []mmsghdr) (int, error) {
	sent, retried := 0, false
	for sent < len(msgs) {
		d.pending = msgs[sent:]
		err := d.s.raw.Write(d.write)
		d.pending = nil
		if err != nil {
			return sent, err
		}
		if d.errno == 0 {
			sent += d.sent
			retried = false
			continue
		}
		if !retried && fromEarlier(d.errno) {
			retried = true
			continue
		}
		return sent, d.errno
	}
	return sent, nil
}

// fromEarlier: errors that ICMP brings, about something sent before.
func fromEarlier(errno unix.Errno) bool {
	switch errno {
	case unix.ECONNREFUSED, unix.ECONNRESET, unix.EHOSTUNREACH, unix.EPROTO, unix.ENOPROTOOPT, unix.EINTR:
		return true
	}
	return false
}

// sendmmsg is one attempt; false asks the poller to wait for room.
func (d *sender) sendmmsg(fd uintptr) bool {
	n, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, fd, uintptr(unsafe.Pointer(&d.pending[0])),
		uintptr(len(d.pending)), unix.MSG_DONTWAIT, 0, 0)
	if errno == unix.EAGAIN {
		return false
	}
	d.errno = errno
	d.sent = 0
	if errno == 0 {
		d.sent = int(n)
	}
	return true
}
