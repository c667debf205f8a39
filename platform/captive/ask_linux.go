package captive

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"syscall"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv4/nclient4"
	"github.com/insomniacslk/dhcp/dhcpv6"
	"github.com/insomniacslk/dhcp/dhcpv6/nclient6"
	"golang.org/x/sys/unix"
)

// Each question is sent again after a while, for the first packet on a link that has
// just come up is often lost; ctx bounds the whole.
const (
	again   = time.Second
	retries = 30
	// portalOption4 is RFC 8910's option; the library knows the code by an older use.
	portalOption4 = 114
	portalOption6 = dhcpv6.OptionCaptivePortal
	serverPort6   = 547
)

var allServers6 = netip.MustParseAddr("ff02::1:2")

func askers() []asker {
	return []asker{{DHCPv4, inform4}, {DHCPv6, inform6}, {RouterAdvertisement, solicit}}
}

// inform4 asks a DHCPv4 server for parameters alone (DHCPINFORM, RFC 2131 3.4), by a
// packet socket: the machine's own client keeps its port.
func inform4(ctx context.Context, device string) (_ string, err error) {
	own, err := address(device, netip.Addr.Is4)
	if err != nil {
		return "", err
	}
	c, err := nclient4.New(device, nclient4.WithTimeout(again), nclient4.WithRetry(retries))
	if err != nil {
		return "", fmt.Errorf("captive: a socket for DHCPv4 on %s: %w", device, err)
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	ack, err := c.Inform(ctx, own.AsSlice(), dhcpv4.WithRequestedOptions(dhcpv4.GenericOptionCode(portalOption4)))
	if err != nil {
		return "", unanswered(ctx, "DHCPv4", err)
	}
	return string(ack.Options.Get(dhcpv4.GenericOptionCode(portalOption4))), nil
}

// inform6 asks DHCPv6 servers for information alone (RFC 8415 18.2.6). Another client
// of this machine may have the port just now; then the question is left to the others.
func inform6(ctx context.Context, device string) (_ string, err error) {
	if _, err := address(device, linkLocal); err != nil {
		return "", err
	}
	conn, err := listen6(ctx, device)
	if err != nil {
		return "", fmt.Errorf("captive: a socket for DHCPv6 on %s: %w", device, err)
	}
	c, err := nclient6.NewWithConn(conn, nil, nclient6.WithTimeout(again), nclient6.WithRetry(retries))
	if err != nil {
		return "", errors.Join(fmt.Errorf("captive: asking by DHCPv6 on %s: %w", device, err), conn.Close())
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	m, err := dhcpv6.NewMessage(dhcpv6.WithRequestedOptions(portalOption6), dhcpv6.WithOption(dhcpv6.OptElapsedTime(0)))
	if err != nil {
		return "", fmt.Errorf("captive: a question by DHCPv6: %w", err)
	}
	m.MessageType = dhcpv6.MessageTypeInformationRequest
	to := &net.UDPAddr{IP: allServers6.AsSlice(), Port: serverPort6, Zone: device}
	reply, err := c.SendAndRead(ctx, to, m, nclient6.IsMessageType(dhcpv6.MessageTypeReply))
	if err != nil {
		return "", unanswered(ctx, "DHCPv6", err)
	}
	option := reply.Options.GetOne(portalOption6)
	if option == nil {
		return "", nil
	}
	return string(option.ToBytes()), nil
}

// listen6 opens the client's port on one device, with whatever address the kernel
// finds usable when it sends.
func listen6(ctx context.Context, device string) (net.PacketConn, error) {
	c := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		var berr error
		err := raw.Control(func(fd uintptr) {
			berr = unix.SetsockoptString(int(fd), unix.SOL_SOCKET, unix.SO_BINDTODEVICE, device)
		})
		return errors.Join(err, berr)
	}}
	return c.ListenPacket(ctx, "udp6", net.JoinHostPort("::", strconv.Itoa(dhcpv6.DefaultClientPort)))
}

// unanswered tells a silence, which is the ordinary case, from what went wrong.
func unanswered(ctx context.Context, by string, err error) error {
	if ctx.Err() != nil || errors.Is(err, nclient4.ErrNoResponse) || errors.Is(err, nclient6.ErrNoResponse) {
		return context.DeadlineExceeded
	}
	return fmt.Errorf("captive: asking by %s: %w", by, err)
}

func linkLocal(a netip.Addr) bool { return a.Is6() && a.IsLinkLocalUnicast() }

// address gives an address of a device's.
func address(device string, fits func(netip.Addr) bool) (netip.Addr, error) {
	link, err := net.InterfaceByName(device)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("captive: %w", err)
	}
	addrs, err := link.Addrs()
	if err != nil {
		return netip.Addr{}, fmt.Errorf("captive: the addresses of %s: %w", device, err)
	}
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil && fits(p.Addr()) {
			return p.Addr(), nil
		}
	}
	return netip.Addr{}, fmt.Errorf("captive: %s has no address to ask from", device)
}

// solicit asks the routers of a link for an advertisement and listens until one has
// the option, or ctx ends.
func solicit(ctx context.Context, device string) (_ string, err error) {
	link, err := net.InterfaceByName(device)
	if err != nil {
		return "", fmt.Errorf("captive: %w", err)
	}
	if _, err := address(device, linkLocal); err != nil {
		return "", err
	}
	fd, err := routerSocket(device)
	if err != nil {
		return "", fmt.Errorf("captive: a socket for router advertisements on %s: %w", device, err)
	}
	f := os.NewFile(uintptr(fd), "router advertisements")
	defer func() { err = errors.Join(err, f.Close()) }()
	stop := context.AfterFunc(ctx, func() { _ = f.SetReadDeadline(time.Unix(1, 0)) }) // fails on a closed file alone
	defer stop()
	raw, err := f.SyscallConn()
	if err != nil {
		return "", fmt.Errorf("captive: listening to routers: %w", err)
	}
	for heard := false; ; {
		if ctx.Err() != nil {
			return "", silence(heard)
		}
		if err := sendSolicitation(raw.Write, link.Index); err != nil {
			return "", err
		}
		next := time.Now().Add(again)
		if err := f.SetReadDeadline(next); err != nil {
			return "", fmt.Errorf("captive: listening to routers: %w", err)
		}
		for {
			m, err := receive(raw.Read)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				break
			}
			if err != nil {
				return "", err
			}
			uri, err := portalOf(m)
			if uri != "" {
				return uri, nil
			}
			heard = heard || err == nil && len(m) > 0
		}
		if heard {
			return "", nil // routers answer, and none speaks of a portal
		}
	}
}

// silence is the end of listening: nothing said, or nobody there.
func silence(heard bool) error {
	if heard {
		return nil
	}
	return context.DeadlineExceeded
}

// routerSocket opens a socket for router advertisements on one device.
func routerSocket(device string) (int, error) {
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.IPPROTO_ICMPV6)
	if err != nil {
		return -1, err
	}
	var filter unix.ICMPv6Filter // a set bit is a type that is not delivered
	for i := range filter.Data {
		filter.Data[i] = ^uint32(0)
	}
	filter.Data[typeAdvertisement/32] &^= 1 << (typeAdvertisement % 32)
	err = errors.Join(
		unix.SetsockoptICMPv6Filter(fd, unix.IPPROTO_ICMPV6, unix.ICMPV6_FILTER, &filter),
		unix.SetsockoptString(fd, unix.SOL_SOCKET, unix.SO_BINDTODEVICE, device),
		// What routers and hosts say on a link has this hop limit, which nobody from
		// outside can make (RFC 4861 6.1).
		unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_HOPS, 255),
		unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_RECVHOPLIMIT, 1),
	)
	if err != nil {
		return -1, errors.Join(err, unix.Close(fd))
	}
	return fd, nil
}

// sendSolicitation sends one to all routers of the link.
func sendSolicitation(write func(func(fd uintptr) bool) error, index int) error {
	to := &unix.SockaddrInet6{ZoneId: uint32(index)}
	to.Addr = netip.MustParseAddr("ff02::2").As16()
	var serr error
	err := write(func(fd uintptr) bool {
		serr = unix.Sendto(int(fd), solicitation, 0, to)
		return !errors.Is(serr, unix.EAGAIN)
	})
	if err = errors.Join(err, serr); err != nil {
		return fmt.Errorf("captive: a router solicitation: %w", err)
	}
	return nil
}

// receive reads one message; it is empty where it did not come from a router of
// this link.
func receive(read func(func(fd uintptr) bool) error) ([]byte, error) {
	buf, oob := make([]byte, 2048), make([]byte, 64)
	var n, oobn int
	var from unix.Sockaddr
	var rerr error
	err := read(func(fd uintptr) bool {
		n, oobn, _, from, rerr = unix.Recvmsg(int(fd), buf, oob, 0)
		return !errors.Is(rerr, unix.EAGAIN)
	})
	if err = errors.Join(err, rerr); err != nil {
		return nil, fmt.Errorf("captive: reading a router advertisement: %w", err)
	}
	router, ok := from.(*unix.SockaddrInet6)
	if !ok || !netip.AddrFrom16(router.Addr).IsLinkLocalUnicast() || hopLimit(oob[:oobn]) != 255 {
		return nil, nil
	}
	return buf[:n], nil
}

// hopLimit finds it among the control messages; -1 where it is not.
func hopLimit(oob []byte) int {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return -1
	}
	for _, m := range messages {
		if m.Header.Level == unix.IPPROTO_IPV6 && m.Header.Type == unix.IPV6_HOPLIMIT && len(m.Data) >= 4 {
			return int(binary.NativeEndian.Uint32(m.Data))
		}
	}
	return -1
}
