package killswitch

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/homeward-vpn/homeward/platform/platformtest/namespace"
)

// A machine with a network: eth0 (which is no pair of devices, as those of containers
// are, but on one) leads to the rest of the world, homeward0 to the
// company, guest0 to a container. What leaves eth0 and homeward0 is seen on the
// other side, where everything that packets are sent to has its address.

// patient bounds every wait: what takes longer is broken.
const patient = 10 * time.Second

// place is a network namespace, entered by one thread of its own. All threads run
// on one processor, so that packets stay in order.
type place struct {
	t    *testing.T
	path string
	work chan func()
}

func newPlace(t *testing.T, own bool) *place {
	t.Helper()
	p := &place{t: t, work: make(chan func())}
	ready := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with its namespace
		var one unix.CPUSet
		one.Set(0)
		err := unix.SchedSetaffinity(0, &one)
		if err == nil && own {
			err = unix.Unshare(unix.CLONE_NEWNET)
		}
		p.path = fmt.Sprintf("/proc/%d/task/%d/ns/net", unix.Getpid(), unix.Gettid())
		ready <- err
		for f := range p.work {
			f()
		}
	}()
	if err := <-ready; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { close(p.work) })
	return p
}

// do runs a function in the place.
func (p *place) do(f func()) {
	done := make(chan struct{})
	p.work <- func() { defer close(done); f() }
	<-done
}

// run runs programs in the place, one on each line.
func (p *place) run(lines string) {
	p.t.Helper()
	for line := range strings.Lines(lines) {
		if args := strings.Fields(line); len(args) > 0 {
			var out []byte
			var err error
			p.do(func() { out, err = exec.Command(args[0], args[1:]...).CombinedOutput() })
			if err != nil {
				p.t.Fatalf("%s: %v\n%s", line, err, out)
			}
		}
	}
}

// world is the machine and what is around it.
type world struct {
	t                   *testing.T
	machine, far, guest *place
	wire, inner         *sniffer
	fence, tunnelFence  int // packet sockets on eth0 and homeward0
	fences              uint16
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, machine: newPlace(t, false), far: newPlace(t, true), guest: newPlace(t, true)}
	for _, p := range []*place{w.machine, w.far, w.guest} {
		// Addresses are good at once: a packet must not depend on when it is sent.
		p.run("sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.all.accept_dad=0")
	}
	w.machine.run(`
		ip link set lo up
		ip link add socket0 type veth peer name wire address 02:00:00:00:00:01
		ip link set socket0 up
		ip link add link socket0 name eth0 address 02:00:00:00:00:02 type macvlan mode private
		ip link add homeward0 address 02:00:00:00:01:02 type veth peer name inner address 02:00:00:00:01:01
		ip link add guest0 address 02:00:00:00:02:01 type veth peer name uplink address 02:00:00:00:02:02
		ip link set wire netns ` + w.far.path + `
		ip link set inner netns ` + w.far.path + `
		ip link set uplink netns ` + w.guest.path + `
		sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.conf.all.rp_filter=0
		sysctl -qw net.ipv4.conf.all.accept_source_route=1 net.ipv4.conf.default.rp_filter=0
		sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv4.icmp_msgs_per_sec=100000 net.ipv6.icmp.ratelimit=0`)
	w.far.run(`
		ip link set lo up
		ip link set wire up
		ip link set inner up
		ip addr add 192.168.77.1/24 dev wire
		ip addr add fd77::1/64 dev wire nodad
		ip addr add 203.0.113.1/24 dev inner
		ip addr add 2001:db8:99::1/64 dev inner nodad
		ip route add 10.98.0.2 dev inner
		ip route add fd98::2 dev inner
		ip route add 172.30.0.0/24 via 10.98.0.2 dev inner onlink
		ip route add default via 192.168.77.2
		ip route add default via fd77::2`)
	for _, a := range strings.Fields("192.0.2.1 192.0.2.53 192.0.2.80 198.51.100.1 10.98.0.53 2001:db8::1 2001:db8::53 2001:db8::80 2001:db8:1::1 fd98::53") {
		w.far.run("ip addr add " + a + " dev lo")
	}
	w.machine.run(`
		ip link set eth0 up
		ip link set homeward0 up
		ip link set guest0 up
		ip addr add 192.168.77.2/24 dev eth0
		ip addr add fd77::2/64 dev eth0 nodad
		ip addr add 10.98.0.2/32 dev homeward0
		ip addr add fd98::2/128 dev homeward0 nodad
		ip addr add 172.30.0.1/24 dev guest0
		ip addr add fd30::1/64 dev guest0 nodad
		ip route add default via 192.168.77.1
		ip route add default via fd77::1
		ip route add 203.0.113.0/24 dev homeward0
		ip route add 10.98.0.53/32 dev homeward0
		ip route add 2001:db8:99::/64 dev homeward0
		ip route add fd98::53/128 dev homeward0
		ip neigh add 192.168.77.1 lladdr 02:00:00:00:00:01 dev eth0 nud permanent
		ip neigh add 192.168.77.9 lladdr 02:00:00:00:00:01 dev eth0 nud permanent
		ip neigh add fd77::1 lladdr 02:00:00:00:00:01 dev eth0 nud permanent
		ip neigh add fd77::9 lladdr 02:00:00:00:00:01 dev eth0 nud permanent
		ip neigh add 203.0.113.1 lladdr 02:00:00:00:01:01 dev homeward0 nud permanent
		ip neigh add 10.98.0.53 lladdr 02:00:00:00:01:01 dev homeward0 nud permanent
		ip neigh add 2001:db8:99::1 lladdr 02:00:00:00:01:01 dev homeward0 nud permanent
		ip neigh add fd98::53 lladdr 02:00:00:00:01:01 dev homeward0 nud permanent
		ip neigh add 172.30.0.2 lladdr 02:00:00:00:02:02 dev guest0 nud permanent
		ip neigh add fd30::2 lladdr 02:00:00:00:02:02 dev guest0 nud permanent`)
	w.guest.run(`
		ip link set lo up
		ip link set uplink up
		ip addr add 172.30.0.2/24 dev uplink
		ip addr add fd30::2/64 dev uplink nodad
		ip route add default via 172.30.0.1
		ip route add default via fd30::1
		ip neigh add 172.30.0.1 lladdr 02:00:00:00:02:01 dev uplink nud permanent
		ip neigh add fd30::1 lladdr 02:00:00:00:02:01 dev uplink nud permanent`)
	namespace.AwaitIPv6(t, "eth0", "fd77::2")
	namespace.AwaitIPv6(t, "homeward0", "fd98::2")
	w.wire, w.inner = newSniffer(w, "wire"), newSniffer(w, "inner")
	w.machine.do(func() { w.fence, w.tunnelFence = packetSocket(t, "eth0"), packetSocket(t, "homeward0") })
	t.Cleanup(func() {
		if err := errors.Join(unix.Close(w.fence), unix.Close(w.tunnelFence)); err != nil {
			t.Error(err)
		}
	})
	return w
}

// packetSocket is one that sends and receives whole frames.
func packetSocket(t *testing.T, device string) int {
	link, err := net.InterfaceByName(device)
	if err != nil {
		t.Error(err)
		return -1
	}
	all := binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, unix.ETH_P_ALL))
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, int(all))
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: link.Index})
	}
	if err == nil {
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 64<<20)
	}
	if err != nil {
		t.Error(err)
	}
	return fd
}

// sniffer sees what arrives on the other side.
type sniffer struct {
	t      *testing.T
	fd     int
	frames chan []byte
}

func newSniffer(w *world, device string) *sniffer {
	s := &sniffer{t: w.t, frames: make(chan []byte, 1<<16)}
	w.far.do(func() { s.fd = packetSocket(w.t, device) })
	timeout := unix.NsecToTimeval(int64(50 * time.Millisecond))
	if err := unix.SetsockoptTimeval(s.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout); err != nil {
		w.t.Fatal(err)
	}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 1<<16)
		for {
			n, from, err := unix.Recvfrom(s.fd, buf, 0)
			select {
			case <-stop:
				return
			default:
			}
			if err != nil {
				continue // nothing came for a while
			}
			if ll, ok := from.(*unix.SockaddrLinklayer); ok && ll.Pkttype != unix.PACKET_OUTGOING {
				s.frames <- append([]byte(nil), buf[:n]...)
			}
		}
	}()
	w.t.Cleanup(func() {
		close(stop)
		<-done
		if err := unix.Close(s.fd); err != nil {
			w.t.Error(err)
		}
	})
	return s
}

// fenceType marks frames of the test itself (an experimental EtherType).
const fenceType = 0x88b5

// seen are the frames that have left since the last call.
func (w *world) seen() [][]byte {
	w.t.Helper()
	return append(w.behind(w.wire, w.fence), w.behind(w.inner, w.tunnelFence)...)
}

// behind waits for a frame that passes every filter and was sent behind all
// others, twice, so that what was still being forwarded has gone, too.
func (w *world) behind(s *sniffer, socket int) (out [][]byte) {
	w.t.Helper()
	for range 2 {
		w.fences++
		frame := append(make([]byte, 12), fenceType>>8, fenceType&0xff)
		copy(frame, "\xff\xff\xff\xff\xff\xff")
		frame = append(binary.BigEndian.AppendUint16(frame, w.fences), make([]byte, 44)...)
		w.machine.do(func() {
			if _, err := unix.Write(socket, frame); err != nil {
				w.t.Error(err)
			}
		})
		for end, found := time.After(patient), false; !found; {
			select {
			case f := <-s.frames:
				if !isFence(f) {
					out = append(out, f)
				} else {
					found = binary.BigEndian.Uint16(f[14:]) == w.fences
				}
			case <-end:
				w.t.Fatal("a frame of the test's own does not arrive")
			}
		}
	}
	return out
}

func isFence(f []byte) bool {
	return len(f) > 16 && binary.BigEndian.Uint16(f[12:]) == fenceType
}

// packet is what a frame carries.
type packet struct {
	from, to netip.Addr
	protocol uint8
	port     uint16 // where it goes
	kind     uint8  // of ICMP
}

// extension tells the headers of IPv6 that others follow.
func extension(protocol uint8) bool {
	return slices.Contains([]uint8{unix.IPPROTO_HOPOPTS, unix.IPPROTO_ROUTING, unix.IPPROTO_DSTOPTS, unix.IPPROTO_FRAGMENT}, protocol)
}

// decode reads a frame; ok is false for what is not IP.
func decode(f []byte) (p packet, ok bool) {
	if len(f) < 14+20 {
		return p, false
	}
	var above []byte
	switch ip := f[14:]; binary.BigEndian.Uint16(f[12:]) {
	case unix.ETH_P_IP:
		p.from, _ = netip.AddrFromSlice(ip[12:16])
		p.to, _ = netip.AddrFromSlice(ip[16:20])
		p.protocol, above = ip[9], ip[min(len(ip), int(ip[0]&15)*4):]
	case unix.ETH_P_IPV6:
		if len(ip) < 40 {
			return p, false
		}
		p.from, _ = netip.AddrFromSlice(ip[8:24])
		p.to, _ = netip.AddrFromSlice(ip[24:40])
		p.protocol, above = ip[6], ip[40:]
		for extension(p.protocol) && len(above) > 8 {
			length := int(above[1])*8 + 8
			if p.protocol == unix.IPPROTO_FRAGMENT {
				length = 8
			}
			p.protocol, above = above[0], above[min(len(above), length):]
		}
	default:
		return p, false
	}
	if len(above) >= 4 {
		p.kind, p.port = above[0], binary.BigEndian.Uint16(above[2:])
	}
	return p, true
}
