package route

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// changeGroups of rtnetlink(7) tell of all that a decision is made from: routes and
// rules, addresses and devices, and the settings of IPv4 (the reverse path filter).
var changeGroups = []int{
	unix.RTNLGRP_LINK, unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV6_IFADDR,
	unix.RTNLGRP_IPV4_ROUTE, unix.RTNLGRP_IPV6_ROUTE, unix.RTNLGRP_IPV4_RULE, unix.RTNLGRP_IPV6_RULE,
	unix.RTNLGRP_IPV4_NETCONF,
}

// changes tells that something has changed, until ctx ends or the kernel says no
// more. What is not taken yet is told once.
func changes(ctx context.Context) (<-chan struct{}, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("watching routes: %w", os.NewSyscallError("socket", err))
	}
	err = os.NewSyscallError("bind", unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}))
	for _, group := range changeGroups {
		err = errors.Join(err, os.NewSyscallError("setsockopt", unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_ADD_MEMBERSHIP, group)))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("watching routes: %w", err), unix.Close(fd))
	}
	file, out := os.NewFile(uintptr(fd), "netlink"), make(chan struct{}, 1)
	closed := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() { closed <- file.Close() })
	go func() {
		defer close(out)
		defer func() {
			if stop() {
				closed <- file.Close()
			}
			<-closed // what a reader's close says nobody can act on
		}()
		buf := make([]byte, 64<<10)
		for {
			n, err := file.Read(buf)
			if err != nil && !errors.Is(err, unix.ENOBUFS) {
				return
			}
			if err == nil && !concerns(buf[:n]) {
				continue
			}
			select {
			case out <- struct{}{}:
			default: // not taken yet
			}
		}
	}()
	return out, nil
}

// concerns says whether messages can be about what Set makes or decides from. What
// other programs do to tables and rules of their own is theirs, and others are told
// all the time. New routes of ours are ours.
func concerns(b []byte) bool {
	messages, err := syscall.ParseNetlinkMessage(b)
	if err != nil {
		return true
	}
	for _, m := range messages {
		switch m.Header.Type {
		case unix.RTM_NEWROUTE, unix.RTM_DELROUTE:
			if len(m.Data) < unix.SizeofRtMsg || routeConcerns(m.Header.Type == unix.RTM_NEWROUTE, m.Data) {
				return true
			}
		default:
			return true
		}
	}
	return false
}

// routeConcerns looks at one route: those of our table, and the default routes of
// the main one, which say whose reverse path filter counts.
func routeConcerns(added bool, data []byte) bool {
	prefix, flags := data[1], binary.NativeEndian.Uint32(data[8:])
	table, protocol := uint32(data[4]), data[5]
	for attrs := data[unix.SizeofRtMsg:]; len(attrs) >= unix.SizeofRtAttr; {
		size, kind := int(binary.NativeEndian.Uint16(attrs)), binary.NativeEndian.Uint16(attrs[2:])
		if size < unix.SizeofRtAttr || size > len(attrs) {
			return true
		}
		if kind == unix.RTA_TABLE && size == unix.SizeofRtAttr+4 {
			table = binary.NativeEndian.Uint32(attrs[unix.SizeofRtAttr:])
		}
		attrs = attrs[min(len(attrs), align4(size)):]
	}
	switch table {
	case Table:
		return !added || protocol != Protocol
	case unix.RT_TABLE_MAIN:
		return prefix == 0 && flags&unix.RTM_F_CLONED == 0
	}
	return false
}
