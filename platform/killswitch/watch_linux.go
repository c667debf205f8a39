package killswitch

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// generations hears of every change of nf_tables: after each the kernel tells
// the new generation's number.
type generations struct {
	file *os.File
	buf  [64 << 10]byte
}

func (*nfTables) watch() (watcher, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_NETFILTER)
	if err != nil {
		return nil, explain(err)
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: 1 << (unix.NFNLGRP_NFTABLES - 1)}); err != nil {
		return nil, errors.Join(explain(err), unix.Close(fd))
	}
	return &generations{file: os.NewFile(uintptr(fd), "netlink")}, nil
}

func (g *generations) close() error { return g.file.Close() }

// next returns after a change. What is too much to understand, or was lost on
// the way (ENOBUFS), counts as one.
func (g *generations) next() error {
	for {
		n, err := g.file.Read(g.buf[:])
		if errors.Is(err, unix.ENOBUFS) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading netlink: %w", err)
		}
		messages, err := syscall.ParseNetlinkMessage(g.buf[:n])
		if err != nil {
			return nil
		}
		for _, m := range messages {
			if m.Header.Type == unix.NFNL_SUBSYS_NFTABLES<<8|unix.NFT_MSG_NEWGEN {
				return nil
			}
		}
	}
}
