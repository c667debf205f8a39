package transport

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A receive: recvmmsg into buffers of our own -> each message may hold many
// datagrams of one size (UDP_GRO) -> they are dealt out one by one into the
// caller's buffers -> what does not fit waits for the next call.

const (
	// messages per recvmmsg. With GRO each holds up to 64 KB, so that eight are
	// more than one batch; the pages of those that stay empty are never touched.
	receiveMessages = 8
	controlSize     = 64 // room for the UDP_GRO control message
)

// mmsghdr is the kernel's struct mmsghdr.
type mmsghdr struct {
	hdr unix.Msghdr
	n   uint32
	_   [unsafe.Sizeof(uintptr(0)) - 4]byte // the struct is aligned as its pointers are
}

// receiver is one socket's receiving half, for one goroutine.
type receiver struct {
	s        *socket
	msgs     [receiveMessages]mmsghdr
	iovs     [receiveMessages]unix.Iovec
	bufs     [receiveMessages][]byte
	names    [receiveMessages]unix.RawSockaddrInet6 // the larger of both families
	controls [receiveMessages][controlSize]byte

	got   int                   // messages that the last call brought
	errno unix.Errno            // its error
	read  func(fd uintptr) bool // the call itself, made once so that it costs no allocation

	at      int // the message that is being dealt out
	start   int // where its next datagram begins
	segment int // the size of its datagrams, 0: it is one datagram
	from    netip.AddrPort

	scope uint32 // of the last link-local sender, and its zone
	zone  string
}

func newReceiver(s *socket) *receiver {
	r := &receiver{s: s}
	size := MaxDatagram
	for i := range r.msgs {
		r.bufs[i] = make([]byte, size)
		r.iovs[i].Base = &r.bufs[i][0]
		r.iovs[i].SetLen(size)
		h := &r.msgs[i].hdr
		h.Name = (*byte)(unsafe.Pointer(&r.names[i]))
		h.Iov = &r.iovs[i]
		h.SetIovlen(1)
		h.Control = &r.controls[i][0]
	}
	r.read = r.recvmmsg
	return r
}

// recvmmsg is one attempt; false asks the poller to wait until data is there.
func (r *receiver) recvmmsg(fd uintptr) bool {
	for i := range r.msgs {
		h := &r.msgs[i].hdr
		h.Namelen = uint32(unsafe.Sizeof(r.names[i]))
		h.SetControllen(controlSize)
		h.Flags = 0
	}
	n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&r.msgs[0])),
		uintptr(len(r.msgs)), unix.MSG_DONTWAIT, 0, 0)
	if errno == unix.EAGAIN {
		return false
	}
	r.errno = errno
	r.got = 0
	if errno == 0 {
		r.got = int(n)
	}
	return true
}

// receive is the ReceiveFunc.
func (r *receiver) receive(bufs [][]byte, sizes []int, from []netip.AddrPort) (int, error) {
	for {
		if n := r.deal(bufs, sizes, from); n > 0 {
			return n, nil
		}
		if err := r.fill(); err != nil {
			return 0, err
		}
	}
}

// fill waits for the next messages.
func (r *receiver) fill() error {
	for failures := 0; failures < maxPassing; {
		if err := r.s.raw.Read(r.read); err != nil {
			if errors.Is(err, net.ErrClosed) {
				return net.ErrClosed
			}
			return err
		}
		if r.errno == 0 {
			r.at, r.start = 0, 0
			r.open()
			return nil
		}
		if !passing(r.errno) {
			return r.errno
		}
		if !fromNetwork(r.errno) {
			failures++
		}
	}
	return errBroken
}

// open looks at the message whose turn it is.
func (r *receiver) open() {
	if r.at >= r.got {
		return
	}
	h := &r.msgs[r.at].hdr
	r.segment = segmentSize(r.controls[r.at][:min(int(h.Controllen), controlSize)])
	r.from = r.sender()
}

// deal hands out the datagrams that are there, up to len(bufs).
func (r *receiver) deal(bufs [][]byte, sizes []int, from []netip.AddrPort) int {
	n := 0
	for n < len(bufs) && r.at < r.got {
		m := &r.msgs[r.at]
		end := int(m.n)
		if r.segment > 0 {
			end = min(end, r.start+r.segment)
		}
		d := r.bufs[r.at][r.start:end]
		// An empty datagram says nothing, and one that is larger than the
		// caller's buffer cannot be authentic any more: neither is handed out.
		if len(d) > 0 && len(d) <= len(bufs[n]) {
			sizes[n] = copy(bufs[n], d)
			from[n] = r.from
			n++
		}
		r.start = end
		if r.start >= int(m.n) {
			r.at, r.start = r.at+1, 0
			r.open()
		}
	}
	return n
}

// sender reads the address of the message whose turn it is.
func (r *receiver) sender() netip.AddrPort {
	name := &r.names[r.at]
	switch name.Family {
	case unix.AF_INET:
		v4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(name))
		return netip.AddrPortFrom(netip.AddrFrom4(v4.Addr), hostOrder(v4.Port))
	case unix.AF_INET6:
		a := netip.AddrFrom16(name.Addr)
		if name.Scope_id != 0 && a.IsLinkLocalUnicast() {
			if r.scope != name.Scope_id {
				r.scope, r.zone = name.Scope_id, strconv.Itoa(int(name.Scope_id))
			}
			a = a.WithZone(r.zone)
		}
		return netip.AddrPortFrom(a, hostOrder(name.Port))
	}
	return netip.AddrPort{}
}

// hostOrder reads a port that stands in network byte order.
func hostOrder(port uint16) uint16 {
	return binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(&port))[:])
}

// segmentSize finds the UDP_GRO control message: the size of the datagrams
// that the kernel put together. 0: the message is one datagram.
func segmentSize(control []byte) int {
	for len(control) >= unix.SizeofCmsghdr {
		h := (*unix.Cmsghdr)(unsafe.Pointer(&control[0]))
		length := int(h.Len)
		if length < unix.SizeofCmsghdr || length > len(control) {
			return 0
		}
		data := control[unix.CmsgLen(0):max(unix.CmsgLen(0), length)]
		if h.Level == unix.IPPROTO_UDP && h.Type == unix.UDP_GRO && len(data) >= 2 {
			// The kernel writes an int; older ones wrote 16 bits.
			if len(data) >= 4 {
				return int(int32(binary.NativeEndian.Uint32(data)))
			}
			return int(binary.NativeEndian.Uint16(data))
		}
		control = control[min(len(control), unix.CmsgSpace(length-unix.CmsgLen(0))):]
	}
	return 0
}
