package killswitch

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/homeward-vpn/homeward/platform/platformtest/namespace"
)

// segment is a TCP header with these flags and nothing behind it.
func segment(from, to uint16, flags byte) []byte {
	b := binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, from), to)
	return append(b, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, flags, 0x20, 0, 0, 0, 0, 0)
}

// checksum fills in the checksum of a segment, which is at an offset.
func checksum(from, to string, protocol byte, b []byte, at int) []byte {
	out := append([]byte(nil), b...)
	pseudo := append(netip.MustParseAddr(from).AsSlice(), netip.MustParseAddr(to).AsSlice()...)
	pseudo = append(pseudo, 0, protocol, byte(len(b)>>8), byte(len(b)))
	sum := uint32(0)
	for _, part := range [][]byte{pseudo, out} {
		for i := 0; i+1 < len(part); i += 2 {
			sum += uint32(binary.BigEndian.Uint16(part[i:]))
		}
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	binary.BigEndian.PutUint16(out[at:], ^uint16(sum))
	return out
}

// TestElicited: nothing that comes from outside makes the kernel answer there:
// no reset, no acceptance, no error, no redirect, neither from this machine nor
// for those behind it. Without a policy each of them is answered.
func TestElicited(t *testing.T) {
	if !namespace.Enter(t) {
		return
	}
	w := newWorld(t)
	const me4, me6, guest4, guest6 = "192.168.77.2", "fd77::2", "172.30.0.2", "fd30::2"
	const out4, out6 = "198.51.100.1", "2001:db8:1::1"
	w.listenHere(t, 8080)
	tcp4 := func(to string, port uint16, flags byte) how {
		return how{protocol: unix.IPPROTO_TCP, asRaw: true, to: netip.AddrPortFrom(netip.MustParseAddr(to), 0), from: netip.AddrPortFrom(netip.MustParseAddr(out4), 0),
			raw: checksum(out4, to, tcp, segment(4000, port, flags), 16)}
	}
	tcp6 := func(to string, port uint16, flags byte) how {
		return how{protocol: unix.IPPROTO_TCP, asRaw: true, to: netip.AddrPortFrom(netip.MustParseAddr(to), 0), from: netip.AddrPortFrom(netip.MustParseAddr(out6), 0),
			raw: checksum(out6, to, tcp, segment(4000, port, flags), 16)}
	}
	from := func(a string, h how) how { h.from = netip.MustParseAddrPort(a); return h }
	hops := func(n int, h how) how { h.hops = n; return h }
	udp := func(to string) how { return how{to: netip.MustParseAddrPort(to)} }
	raw := func(protocol int, from, to string, b []byte) how {
		return how{to: netip.AddrPortFrom(netip.MustParseAddr(to), 0), from: netip.AddrPortFrom(netip.MustParseAddr(from), 0), protocol: protocol, raw: b}
	}
	const syn, ack = 2, 16
	probes := map[string]how{
		"SYN, closed, IPv4":         tcp4(me4, 81, syn),
		"SYN, closed, IPv6":         tcp6(me6, 81, syn),
		"SYN, open, IPv4":           tcp4(me4, 8080, syn),
		"SYN, open, IPv6":           tcp6(me6, 8080, syn),
		"stray ACK, IPv4":           tcp4(me4, 8080, ack),
		"UDP, closed, IPv4":         from(out4+":4000", udp(me4+":81")),
		"UDP, closed, IPv6":         from("["+out6+"]:4000", udp("["+me6+"]:81")),
		"echo, IPv4":                raw(unix.IPPROTO_ICMP, out4, me4, []byte{8, 0, 0xf7, 0xff, 0, 0, 0, 0}),
		"echo, IPv6":                raw(unix.IPPROTO_ICMPV6, out6, me6, []byte{128, 0, 0, 0, 0, 0, 0, 0}),
		"unknown protocol, IPv4":    raw(200, out4, me4, datagram(1)),
		"unknown next header, IPv6": raw(200, out6, me6, datagram(1)),
		"through, UDP, IPv4":        from(out4+":4000", udp(guest4+":81")),
		"through, UDP, IPv6":        from("["+out6+"]:4000", udp("["+guest6+"]:81")),
		"through, SYN, IPv4":        tcp4(guest4, 81, syn),
		"through, SYN, IPv6":        tcp6(guest6, 81, syn),
		"through, last hop, IPv4":   hops(1, from(out4+":4000", udp(guest4+":81"))),
		"through, last hop, IPv6":   hops(1, from("["+out6+"]:4000", udp("["+guest6+"]:81"))),
		"back by the way it came":   hops(1, from("192.168.77.1:4000", udp("198.51.100.200:81"))),
	}
	w.far.run(`
		ip route add 172.30.0.2 via 192.168.77.2
		ip -6 route add fd30::/64 via fd77::2
		ip route add 198.51.100.200 via 192.168.77.2
		ip neigh add 192.168.77.2 lladdr 02:00:00:00:00:02 dev wire nud permanent
		ip neigh add fd77::2 lladdr 02:00:00:00:00:02 dev wire nud permanent`)
	s := newSwitch(t)
	try := func(state string, name string, h how, answered bool) {
		t.Helper()
		w.seen()
		w.far.do(func() {
			if err := h.send(); err != nil {
				t.Errorf("%s: sending: %v", name, err)
			}
		})
		var left []packet
		for _, f := range append(w.seen(), w.seen()...) {
			if p, ok := decode(f); ok && p.to == h.from.Addr() {
				left = append(left, p)
			}
		}
		if (len(left) > 0) != answered {
			t.Errorf("%s: %s: there leave %+v", state, name, left)
		}
	}
	for what, h := range probes {
		try("no policy", what, h, true)
	}
	for _, name := range []string{"blocked", "connecting", "connected"} {
		setPolicy(t, s, states()[name])
		for what, h := range probes {
			try(name, what, h, false)
		}
	}
}

// listenHere answers TCP on the machine.
func (w *world) listenHere(t *testing.T, port int) {
	t.Helper()
	w.machine.do(func() {
		fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err == nil {
			err = errors.Join(unix.Bind(fd, &unix.SockaddrInet6{Port: port}), unix.Listen(fd, 8))
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := unix.Close(fd); err != nil {
				t.Error(err)
			}
		})
	})
}
