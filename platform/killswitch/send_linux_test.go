package killswitch

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"
)

// how a packet is sent. The zero value sends by UDP, as any program does.
type how struct {
	protocol int // of a raw socket, or unix.IPPROTO_TCP
	raw      []byte
	to       netip.AddrPort
	from     netip.AddrPort
	mark     int
	device   string
	hops     int
	options  []byte // of the IPv4 header
	mapped   bool   // IPv4 by a socket of IPv6
	answer   bool   // wait for what comes back
	asRaw    bool   // TCP, with the segment in raw
	stranger bool   // from an address that is not the machine's (IP_TRANSPARENT)
}

// send does it, in the place of the thread that it is called on, and returns
// what the program is told.
func (h how) send() (err error) {
	six := h.to.Addr().Is6() || h.mapped
	domain, kind, protocol := unix.AF_INET, unix.SOCK_DGRAM, 0
	if six {
		domain = unix.AF_INET6
	}
	switch {
	case h.protocol == unix.IPPROTO_TCP && !h.asRaw:
		kind = unix.SOCK_STREAM
	case h.protocol != 0:
		kind, protocol = unix.SOCK_RAW, h.protocol
	}
	fd, err := unix.Socket(domain, kind|unix.SOCK_CLOEXEC, protocol)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unix.Close(fd)) }()
	if err := h.prepare(fd, six); err != nil {
		return err
	}
	to, err := h.address(h.to)
	if err != nil {
		return err
	}
	if kind == unix.SOCK_STREAM {
		// The runtime may interrupt it; the kernel goes on, and says so when asked again.
		for {
			if err := unix.Connect(fd, to); err != unix.EINTR {
				return err
			}
		}
	}
	payload := h.raw
	if payload == nil {
		payload = []byte("is anybody there")
	}
	if !h.answer {
		return unix.Sendto(fd, payload, 0, to)
	}
	if err := unix.Connect(fd, to); err != nil {
		return err
	}
	if _, err := unix.Write(fd, payload); err != nil {
		return err
	}
	_, err = unix.Read(fd, make([]byte, 64))
	return err
}

func (h how) prepare(fd int, six bool) error {
	wait := unix.NsecToTimeval(int64(patient))
	errs := []error{
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &wait),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait),
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_BROADCAST, 1),
	}
	if h.mark != 0 {
		errs = append(errs, unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_MARK, h.mark))
	}
	if h.device != "" {
		errs = append(errs, unix.BindToDevice(fd, h.device))
	}
	if h.hops != 0 && six {
		errs = append(errs, unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_HOPS, h.hops),
			unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_UNICAST_HOPS, h.hops))
	}
	if h.options != nil {
		errs = append(errs, unix.SetsockoptString(fd, unix.IPPROTO_IP, unix.IP_OPTIONS, string(h.options)))
	}
	if h.hops != 0 && !six {
		errs = append(errs, unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_TTL, h.hops))
	}
	if h.stranger && six {
		errs = append(errs, unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_TRANSPARENT, 1))
	} else if h.stranger {
		errs = append(errs, unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_TRANSPARENT, 1))
	}
	if h.from.IsValid() {
		from, err := h.address(h.from)
		errs = append(errs, err, unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1), unix.Bind(fd, from))
	}
	return errors.Join(errs...)
}

func (h how) address(a netip.AddrPort) (unix.Sockaddr, error) {
	if a.Addr().Is4() && !h.mapped {
		return &unix.SockaddrInet4{Addr: a.Addr().As4(), Port: int(a.Port())}, nil
	}
	out := &unix.SockaddrInet6{Addr: a.Addr().As16(), Port: int(a.Port())}
	if h.device != "" {
		link, err := net.InterfaceByName(h.device)
		if err != nil {
			return nil, err
		}
		out.ZoneId = uint32(link.Index)
	}
	if h.protocol != 0 && (h.protocol != unix.IPPROTO_TCP || h.asRaw) {
		out.Port = 0 // a raw socket takes it for a protocol
	}
	return out, nil
}

// datagram is a UDP header with nothing behind it.
func datagram(port uint16) []byte {
	return append(binary.BigEndian.AppendUint16([]byte{0x30, 0x39}, port), 0, 8, 0, 0)
}

// header4 and header6 are written by the program itself.
func header4(to string, protocol byte, fragment uint16, payload []byte) []byte {
	a := netip.MustParseAddr(to).As4()
	out := append([]byte{0x45, 0, 0, byte(20 + len(payload)), 0, 7}, byte(fragment>>8), byte(fragment), 64, protocol, 0, 0, 0, 0, 0, 0)
	return append(append(out, a[:]...), payload...)
}

func header6(from, to string, next byte, payload []byte) []byte {
	a, b := netip.MustParseAddr(from).As16(), netip.MustParseAddr(to).As16()
	out := append([]byte{0x60, 0, 0, 0, 0, byte(len(payload)), next, 64}, a[:]...)
	return append(append(out, b[:]...), payload...)
}

const udpNumber = unix.IPPROTO_UDP

// behindOptions is an extension header of IPv6 that says nothing, and what follows.
func behindOptions(next byte, payload []byte) []byte {
	return append([]byte{next, 0, 1, 4, 0, 0, 0, 0}, payload...)
}
