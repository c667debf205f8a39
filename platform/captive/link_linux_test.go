package captive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv4/server4"
	"github.com/insomniacslk/dhcp/dhcpv6"
	"github.com/insomniacslk/dhcp/dhcpv6/server6"
	"golang.org/x/sys/unix"

	"github.com/homeward-vpn/homeward/platform/platformtest/namespace"
)

// Servers of another namespace answer over a real link, each with a URI of its own.
func TestAskARealLink(t *testing.T) {
	if !namespace.Enter(t) {
		return
	}
	far := outside(t)
	namespace.Run(t, "ip", "link", "set", "lo", "up")
	namespace.Run(t, "ip", "link", "add", "wlan0", "type", "veth", "peer", "name", "ap0")
	namespace.Run(t, "ip", "link", "set", "ap0", "netns", strconv.Itoa(far.thread))
	up(t, "wlan0", "192.0.2.2/24", "fe80::2/64")
	far.run(func() error { up(t, "ap0", "192.0.2.1/24", "fe80::1/64"); return nil })

	const api = "https://portal.example/%s"
	ways := map[Source]func() (io.Closer, error){
		DHCPv4:              func() (io.Closer, error) { return serve4(fmt.Sprintf(api, "4")) },
		DHCPv6:              func() (io.Closer, error) { return serve6(fmt.Sprintf(api, "6")) },
		RouterAdvertisement: func() (io.Closer, error) { return advertise(fmt.Sprintf(api, "ra")) },
	}
	for _, w := range askers() {
		t.Run(string(w.source), func(t *testing.T) {
			// First nobody answers.
			short, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			if uri, err := w.ask(short, "wlan0"); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("a silent link says %q, %v", uri, err)
			}
			var server io.Closer
			far.run(func() (err error) { server, err = ways[w.source](); return err })
			defer func() {
				if err := server.Close(); err != nil {
					t.Error(err)
				}
			}()
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			word, err := ask(ctx, "wlan0", nil, []asker{w})
			if err != nil || word.Source != w.source || word.API == "" {
				t.Fatalf("the network says %+v, %v", word, err)
			}
			t.Log(word.API)
		})
	}
	// A device that is not there, and one without any address.
	if _, err := Ask(t.Context(), "nothing0", nil); err == nil || errors.Is(err, ErrSilent) {
		t.Errorf("a device that is not there: %v", err)
	}
}

// up gives a device its addresses, without the wait for another that has them
// (RFC 4862 5.4), and brings it up.
func up(t *testing.T, device, v4, v6 string) {
	namespace.Run(t, "ip", "addr", "add", v4, "dev", device)
	namespace.Run(t, "ip", "addr", "add", v6, "dev", device, "nodad")
	namespace.Run(t, "ip", "link", "set", device, "up")
}

// elsewhere is a thread in a network namespace of its own.
type elsewhere struct {
	thread int
	jobs   chan func()
	t      *testing.T
}

func outside(t *testing.T) *elsewhere {
	e := &elsewhere{jobs: make(chan func()), t: t}
	ready := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		err := unix.Unshare(unix.CLONE_NEWNET)
		e.thread = unix.Gettid()
		ready <- err
		for job := range e.jobs {
			job()
		}
	}()
	if err := <-ready; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { close(e.jobs) })
	return e
}

// run does something over there. What it starts from that thread (a socket, a
// program) belongs there.
func (e *elsewhere) run(f func() error) {
	e.t.Helper()
	done := make(chan error)
	e.jobs <- func() { done <- f() }
	if err := <-done; err != nil {
		e.t.Fatal(err)
	}
}

type server struct {
	io.Closer
	ended chan error
}

func (s server) Close() error {
	err := s.Closer.Close()
	<-s.ended // its error is the closing itself
	return err
}

func serve4(uri string) (io.Closer, error) {
	conn, err := server4.NewIPv4UDPConn("ap0", &net.UDPAddr{Port: dhcpv4.ServerPort})
	if err != nil {
		return nil, err
	}
	s, err := server4.NewServer("", nil, func(conn net.PacketConn, _ net.Addr, m *dhcpv4.DHCPv4) {
		if m.MessageType() != dhcpv4.MessageTypeInform || !m.IsOptionRequested(dhcpv4.GenericOptionCode(114)) {
			return
		}
		reply, err := dhcpv4.NewReplyFromRequest(m, dhcpv4.WithMessageType(dhcpv4.MessageTypeAck),
			dhcpv4.WithOption(dhcpv4.OptGeneric(dhcpv4.GenericOptionCode(114), []byte(uri))))
		if err == nil {
			_, err = conn.WriteTo(reply.ToBytes(), &net.UDPAddr{IP: m.ClientIPAddr, Port: dhcpv4.ClientPort})
		}
		if err != nil {
			log.Print(err)
		}
	}, server4.WithConn(conn))
	return started(s, err, func() error { return s.Serve() })
}

func serve6(uri string) (io.Closer, error) {
	s, err := server6.NewServer("ap0", nil, func(conn net.PacketConn, peer net.Addr, m dhcpv6.DHCPv6) {
		request, ok := m.(*dhcpv6.Message)
		if !ok || request.MessageType != dhcpv6.MessageTypeInformationRequest || !request.IsOptionRequested(dhcpv6.OptionCaptivePortal) {
			return
		}
		reply, err := dhcpv6.NewMessage(dhcpv6.WithOption(&dhcpv6.OptionGeneric{OptionCode: dhcpv6.OptionCaptivePortal, OptionData: []byte(uri)}))
		if err == nil {
			reply.MessageType, reply.TransactionID = dhcpv6.MessageTypeReply, request.TransactionID
			_, err = conn.WriteTo(reply.ToBytes(), peer)
		}
		if err != nil {
			log.Print(err)
		}
	})
	return started(s, err, func() error { return s.Serve() })
}

func started(s io.Closer, err error, serve func() error) (io.Closer, error) {
	if err != nil {
		return nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- serve() }()
	return server{s, ended}, nil
}

// advertise answers each router solicitation.
func advertise(uri string) (io.Closer, error) {
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.IPPROTO_ICMPV6)
	if err != nil {
		return nil, err
	}
	link, err := net.InterfaceByName("ap0")
	if err != nil {
		return nil, err
	}
	group := &unix.IPv6Mreq{Multiaddr: netip.MustParseAddr("ff02::2").As16(), Interface: uint32(link.Index)}
	if err := errors.Join(unix.SetsockoptIPv6Mreq(fd, unix.IPPROTO_IPV6, unix.IPV6_JOIN_GROUP, group),
		unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_UNICAST_HOPS, 255)); err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), "router")
	raw, err := f.SyscallConn()
	if err != nil {
		return nil, err
	}
	option := append([]byte{optionPortal, byte((2 + len(uri) + 7) / 8)}, uri...)
	option = append(option, make([]byte, (8-len(option)%8)%8)...)
	message := append(append([]byte{typeAdvertisement}, make([]byte, advertisementSize-1)...), option...)
	ended := make(chan error, 1)
	go func() {
		buf := make([]byte, 2048)
		for {
			var from unix.Sockaddr
			var n int
			var rerr error
			err := raw.Read(func(fd uintptr) bool {
				n, from, rerr = unix.Recvfrom(int(fd), buf, 0)
				return !errors.Is(rerr, unix.EAGAIN)
			})
			if err = errors.Join(err, rerr); err != nil {
				ended <- err
				return
			}
			if n < 8 || buf[0] != typeSolicitation {
				continue
			}
			if err := unix.Sendto(fd, message, 0, from); err != nil {
				log.Print(err)
			}
		}
	}()
	return server{f, ended}, nil
}
