package netmon

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// rtnetlink (rtnetlink(7)) tells every change of links, addresses and routes to
// who has joined its groups. A message says what is now, not what has changed, and
// many are repeated: what they said last is kept and compared.

// groups are what is joined, as bits of the old kind (RTMGRP_*), which reach the
// groups that are wanted here.
const groups = 1<<(unix.RTNLGRP_LINK-1) |
	1<<(unix.RTNLGRP_IPV4_IFADDR-1) | 1<<(unix.RTNLGRP_IPV6_IFADDR-1) |
	1<<(unix.RTNLGRP_IPV4_ROUTE-1) | 1<<(unix.RTNLGRP_IPV6_ROUTE-1)

// maxMessages is the buffer of one read; the kernel puts no more into one datagram.
const maxMessages = 64 << 10

// mostKept bounds what is remembered; where it is not enough everything counts as
// a change.
const mostKept = 4096

// rtnetlink is the system's word.
type rtnetlink struct {
	file *os.File
	buf  []byte
	seen seen
}

// receiveBuffer holds what comes in one go where somebody sets thousands of routes.
const receiveBuffer = 1 << 20

func openRoutes(ownTable uint32) (*rtnetlink, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("netmon: a netlink socket: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: groups}); err != nil {
		return nil, errors.Join(fmt.Errorf("netmon: joining the groups of netlink: %w", err), unix.Close(fd))
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBuffer); err != nil {
		return nil, errors.Join(fmt.Errorf("netmon: a larger buffer for netlink: %w", err), unix.Close(fd))
	}
	return &rtnetlink{
		file: os.NewFile(uintptr(fd), "netlink"), buf: make([]byte, maxMessages),
		seen: seen{said: map[string]string{}, ownTable: ownTable},
	}, nil
}

func (r *rtnetlink) close() error { return r.file.Close() }

// next implements source. The kernel drops messages where the buffer is full, and
// says so: then everything may have changed.
func (r *rtnetlink) next() (news, error) {
	n, err := r.file.Read(r.buf)
	if errors.Is(err, unix.ENOBUFS) {
		clear(r.seen.said)
		return news{kinds: All}, nil
	}
	if err != nil {
		return news{}, fmt.Errorf("netmon: reading netlink: %w", err)
	}
	messages, err := syscall.ParseNetlinkMessage(r.buf[:n])
	if err != nil {
		return news{kinds: All}, nil // more than can be understood is a reason to look
	}
	var kinds Kind
	for _, m := range messages {
		kinds |= r.seen.change(m.Header.Type, m.Data)
	}
	return news{kinds: kinds}, nil
}

// seen is what was said last about each link and address.
type seen struct {
	said     map[string]string
	ownTable uint32 // of routes that are our own doing; 0: none
}

// change notes a message and says what it changes.
func (s seen) change(kind uint16, data []byte) Kind {
	if len(s.said) > mostKept {
		clear(s.said)
	}
	switch kind {
	case unix.RTM_NEWLINK, unix.RTM_DELLINK:
		return s.link(kind == unix.RTM_NEWLINK, data)
	case unix.RTM_NEWADDR, unix.RTM_DELADDR:
		return s.address(kind == unix.RTM_NEWADDR, data)
	case unix.RTM_NEWROUTE, unix.RTM_DELROUTE:
		return s.route(data)
	}
	return 0
}

// note keeps what was said about a thing and tells whether it is news. What is
// gone leaves nothing behind.
func (s seen) note(is bool, key, value string) bool {
	before, known := s.said[key]
	if !is {
		delete(s.said, key)
		return true
	}
	s.said[key] = value
	return !known || before != value
}

// link takes word of an interface. What counts is whether it is up and carries;
// a radio's levels and counters come in the same message.
func (s seen) link(is bool, data []byte) Kind {
	if len(data) < unix.SizeofIfInfomsg {
		return Links
	}
	m := (*unix.IfInfomsg)(unsafe.Pointer(&data[0]))
	state := fmt.Sprint(m.Flags & (unix.IFF_UP | unix.IFF_RUNNING | unix.IFF_LOWER_UP))
	if m.Flags&unix.IFF_LOOPBACK != 0 || !s.note(is, fmt.Sprint("link ", m.Index), state) {
		return 0
	}
	return Links
}

// address takes word of an address. Its lifetimes, which a router renews every few
// seconds, do not count; that it can be used now, or not any more, does.
func (s seen) address(is bool, data []byte) Kind {
	if len(data) < unix.SizeofIfAddrmsg {
		return Addresses
	}
	m := (*unix.IfAddrmsg)(unsafe.Pointer(&data[0]))
	if m.Scope == unix.RT_SCOPE_HOST {
		return 0
	}
	attrs := attributes(data[unix.SizeofIfAddrmsg:])
	addr := attrs[unix.IFA_LOCAL]
	if addr == "" {
		addr = attrs[unix.IFA_ADDRESS]
	}
	flags := addressFlags(m, attrs)
	const usable = unix.IFA_F_TENTATIVE | unix.IFA_F_DADFAILED | unix.IFA_F_DEPRECATED
	if !s.note(is, fmt.Sprint("address ", m.Index, " ", m.Prefixlen, " ", addr), fmt.Sprint(flags&usable)) {
		return 0
	}
	return Addresses
}

// route takes word of a route that packets could leave by. The kernel's own tables
// of local addresses follow the addresses, which are told anyway, and what it has
// learnt about single hosts is no change of the network.
func (s seen) route(data []byte) Kind {
	if len(data) < unix.SizeofRtMsg {
		return Routes
	}
	m := (*unix.RtMsg)(unsafe.Pointer(&data[0]))
	if m.Table == unix.RT_TABLE_LOCAL || m.Flags&unix.RTM_F_CLONED != 0 || m.Type == unix.RTN_MULTICAST || m.Type == unix.RTN_LOCAL {
		return 0
	}
	table := attributes(data[unix.SizeofRtMsg:])[unix.RTA_TABLE]
	if s.ownTable != 0 && len(table) == 4 && binary.NativeEndian.Uint32([]byte(table)) == s.ownTable {
		return 0
	}
	return Routes
}

// attributeType is an attribute's type without the flags that may stand in it.
const attributeType = 0x3fff

// attributes reads the attributes behind a message's fixed part.
func attributes(b []byte) map[uint16]string {
	out := map[uint16]string{}
	for len(b) >= unix.SizeofRtAttr {
		size, kind := int(binary.NativeEndian.Uint16(b)), binary.NativeEndian.Uint16(b[2:])
		if size < unix.SizeofRtAttr || size > len(b) {
			break
		}
		out[kind&attributeType] = string(b[unix.SizeofRtAttr:size])
		b = b[min(len(b), (size+unix.NLA_ALIGNTO-1)&^(unix.NLA_ALIGNTO-1)):]
	}
	return out
}
