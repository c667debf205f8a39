package lab

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"
)

// Rogue is a host in the client's Wi-Fi that wants its traffic: it answers DHCP and
// announces itself as a router, with more than a router has to say. It ends with the lab.
type Rogue struct {
	// DNS is the resolver that it wants to be asked.
	DNS *Resolver

	lab    *Lab
	onLink []netip.Prefix // what the client takes for the link's since it has advertised
	script string
	client string // busybox
}

// The rogue's addresses, beside those of the router whose machine it is on.
var (
	RogueAddress  = netip.MustParseAddr("192.168.77.66")
	RogueAddress6 = netip.MustParseAddr("fd00:77::66")
)

// Lure is what a rogue offers.
type Lure struct {
	Address netip.Prefix   // what the client gets, with its network; DHCP
	Routes  []netip.Prefix // to lead to the rogue: options 121 and 249 (RFC 3442), or route information (RFC 4191)
	OnLink  []netip.Prefix // networks that the client shall take for the link's; router advertisements
	MTU     int            // 0: none
}

// rogueScript does with a lease what DHCP clients do (udhcpc's interface): address, MTU,
// the routes of RFC 3442 in place of the router, and the name server.
const rogueScript = `#!/bin/sh -e
case $1 in
bound|renew)
	ip addr replace $ip/$mask dev $interface
	[ -z "$mtu" ] || ip link set $interface mtu $mtu
	[ -n "$staticroutes" ] || staticroutes=$msstaticroutes
	set -- $staticroutes
	while [ $# -ge 2 ]; do
		ip route replace $1 via $2 dev $interface proto dhcp onlink
		shift 2
	done
	for server in $dns; do
		echo "nameserver $server"
	done > /etc/resolv.conf
	;;
esac
`

// Rogue puts one into the Wi-Fi. The program of BusyBox has to be named to Main.
func (l *Lab) Rogue(ctx context.Context) (*Rogue, error) {
	r := &Rogue{lab: l, DNS: newResolver(publicZone()), script: filepath.Join(l.Dir, "udhcpc.sh")}
	var err error
	if r.client, err = BusyBox.file(ctx, "usr/bin/busybox"); err != nil {
		return nil, err
	}
	if err := os.WriteFile(r.script, []byte(rogueScript), 0o755); err != nil {
		return nil, fmt.Errorf("lab: a rogue: %w", err)
	}
	if err := ipBatch(l.Router, fmt.Sprintf("addr add %s/24 dev lan", RogueAddress), fmt.Sprintf("addr add %s/64 dev lan nodad", RogueAddress6)); err != nil {
		return nil, fmt.Errorf("lab: a rogue: %w", err)
	}
	l.onClose(r.DNS.close)
	return r, r.DNS.listen(l.Router, RogueAddress, RogueAddress6)
}

// Lease has the client ask for a lease, and the rogue answer.
func (r *Rogue) Lease(ctx context.Context, lure Lure) (err error) {
	var conn net.PacketConn
	if err := r.lab.Router.Do(func() (err error) {
		c := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
			var berr error
			err := raw.Control(func(fd uintptr) { berr = unix.BindToDevice(int(fd), "lan") })
			return errors.Join(err, berr)
		}}
		conn, err = c.ListenPacket(ctx, "udp4", "0.0.0.0:67")
		return err
	}); err != nil {
		return fmt.Errorf("lab: a rogue's DHCP: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- serveDHCP(conn, lure) }()
	_, err = r.lab.Client.Run(ctx, r.client, "udhcpc", "-i", "eth0", "-f", "-q", "-n", "-t", "5", "-T", "1", "-s", r.script,
		"-O", "staticroutes", "-O", "msstaticroutes", "-O", "mtu", "-O", "dns")
	return errors.Join(err, conn.Close(), <-ended)
}

// serveDHCP answers until the socket is closed.
func serveDHCP(conn net.PacketConn, lure Lure) error {
	buf := make([]byte, 2048)
	for {
		n, _, err := conn.ReadFrom(buf)
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("lab: a rogue's DHCP: %w", err)
		}
		ask, err := dhcpv4.FromBytes(buf[:n])
		if err != nil || ask.OpCode != dhcpv4.OpcodeBootRequest {
			continue
		}
		answer, err := lure.answer(ask)
		if err == nil {
			_, err = conn.WriteTo(answer.ToBytes(), &net.UDPAddr{IP: net.IPv4bcast, Port: 68})
		}
		if err != nil {
			return fmt.Errorf("lab: a rogue's DHCP: %w", err)
		}
	}
}

// answer is the offer, or the acknowledgement, with the routes in both options.
func (l Lure) answer(ask *dhcpv4.DHCPv4) (*dhcpv4.DHCPv4, error) {
	kind := dhcpv4.MessageTypeOffer
	if ask.MessageType() == dhcpv4.MessageTypeRequest {
		kind = dhcpv4.MessageTypeAck
	}
	me := net.IP(RogueAddress.AsSlice())
	var routes []*dhcpv4.Route
	for _, p := range l.Routes {
		if p.Addr().Is4() {
			routes = append(routes, &dhcpv4.Route{Router: me, Dest: &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), 32)}})
		}
	}
	with := []dhcpv4.Modifier{
		dhcpv4.WithMessageType(kind), dhcpv4.WithServerIP(me), dhcpv4.WithOption(dhcpv4.OptServerIdentifier(me)),
		dhcpv4.WithYourIP(l.Address.Addr().AsSlice()), dhcpv4.WithNetmask(net.CIDRMask(l.Address.Bits(), 32)),
		dhcpv4.WithLeaseTime(3600), dhcpv4.WithRouter(me), dhcpv4.WithDNS(me), dhcpv4.WithBroadcast(true),
	}
	if len(routes) > 0 {
		classless := dhcpv4.OptClasslessStaticRoute(routes...)
		with = append(with, dhcpv4.WithOption(classless), dhcpv4.WithGeneric(dhcpv4.GenericOptionCode(249), classless.Value.ToBytes()))
	}
	if l.MTU > 0 {
		with = append(with, dhcpv4.WithGeneric(dhcpv4.OptionInterfaceMTU, binary.BigEndian.AppendUint16(nil, uint16(l.MTU))))
	}
	return dhcpv4.NewReplyFromRequest(ask, with...)
}

// Options of router advertisements (RFC 4861 4.6, RFC 4191 2.3, RFC 8106 5).
const (
	raPrefix, raMTU, raRoute, raServers, raSearch = 3, 5, 24, 25, 31
)

// Advertise has the rogue announce itself once, as the best of routers, to a client
// that listens to such (accept_ra), and returns when the client's system has taken it.
func (r *Rogue) Advertise(ctx context.Context, lure Lure) (err error) {
	client := r.lab.Client
	r.onLink = append(r.onLink, lure.OnLink...)
	if err := sysctl(client, "net/ipv6/conf/eth0/accept_ra=2", "net/ipv6/conf/eth0/accept_ra_rt_info_max_plen=128"); err != nil {
		return err
	}
	text, err := r.lab.Router.Run(ctx, "ip", "-o", "-6", "addr", "show", "dev", "lan", "scope", "link")
	if err != nil {
		return err
	}
	_, after, _ := strings.Cut(text, "inet6 ")
	from, _, _ := strings.Cut(after, "/")
	var conn net.PacketConn
	var lan *net.Interface
	if err := r.lab.Router.Do(func() (err error) {
		if lan, err = net.InterfaceByName("lan"); err != nil {
			return err
		}
		conn, err = net.ListenPacket("ip6:ipv6-icmp", from+"%lan")
		return err
	}); err != nil {
		return fmt.Errorf("lab: a rogue's advertisement: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	p := ipv6.NewPacketConn(conn)
	if err := errors.Join(p.SetMulticastHopLimit(255), p.SetMulticastInterface(lan)); err != nil {
		return fmt.Errorf("lab: a rogue's advertisement: %w", err)
	}
	everybody := &net.IPAddr{IP: net.IPv6linklocalallnodes, Zone: "lan"}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return until(ctx, 100*time.Millisecond, "the client takes the rogue's advertisement", func() (bool, error) {
		if _, err := conn.WriteTo(lure.advertisement(), everybody); err != nil {
			return false, err
		}
		routes, err := client.Run(ctx, "ip", "-6", "route", "show", "table", "main", "proto", "ra")
		if err != nil {
			return false, err
		}
		for _, p := range lure.Routes {
			if p.Addr().Is6() && !strings.Contains(routes, strings.TrimSuffix(p.String(), "/128")+" via "+from) {
				return false, nil
			}
		}
		return strings.Contains(routes, "default via "+from), nil
	})
}

// advertisement is a router advertisement (RFC 4861 4.2) of high preference; the system
// adds the checksum.
func (l Lure) advertisement() []byte {
	const high, lifetime = 0x08, 1800
	b := []byte{134, 0, 0, 0, 64, high, lifetime >> 8, lifetime & 0xff, 0, 0, 0, 0, 0, 0, 0, 0}
	seconds := binary.BigEndian.AppendUint32(nil, lifetime)
	for _, p := range l.OnLink {
		const onLinkAndAutonomous = 0xc0
		b = append(b, raPrefix, 4, byte(p.Bits()), onLinkAndAutonomous)
		b = append(append(append(b, seconds...), seconds...), 0, 0, 0, 0)
		b = append(b, p.Addr().AsSlice()...)
	}
	for _, p := range l.Routes {
		if p.Addr().Is6() {
			b = append(append(b, raRoute, 3, byte(p.Bits()), high), seconds...)
			b = append(b, p.Addr().AsSlice()...)
		}
	}
	b = append(append(b, raServers, 3, 0, 0), seconds...)
	b = append(b, RogueAddress6.AsSlice()...)
	b = append(append(b, raSearch, 3, 0, 0), seconds...)
	b = append(b, "\x04corp\x07example\x00\x00\x00"...)
	if l.MTU > 0 {
		b = binary.BigEndian.AppendUint32(append(b, raMTU, 1, 0, 0), uint32(l.MTU))
	}
	return b
}

// Forget takes from the client what it has of rogues: it leaves that network, and is in
// the old one again.
func (r *Rogue) Forget(ctx context.Context) error {
	client := r.lab.Client
	for _, p := range r.onLink {
		if _, err := client.Run(ctx, "ip", "-6", "route", "flush", p.String(), "dev", "eth0", "proto", "kernel"); err != nil {
			return err
		}
	}
	for _, words := range []string{
		"ip -4 route flush proto dhcp", "ip -6 route flush proto ra", "ip -6 addr flush dev eth0 dynamic",
		"ip -4 addr flush dev eth0", "ip link set eth0 mtu 1500", "ip addr add 192.168.77.2/24 dev eth0",
		"ip route replace default via 192.168.77.1",
	} {
		f := strings.Fields(words)
		if _, err := client.Run(ctx, f[0], f[1:]...); err != nil {
			return err
		}
	}
	if err := os.WriteFile(client.Path("/etc/resolv.conf"), []byte(publicResolv), 0o644); err != nil {
		return fmt.Errorf("lab: forgetting a rogue: %w", err)
	}
	return sysctl(client, "net/ipv6/conf/eth0/accept_ra=1", "net/ipv6/conf/eth0/mtu=1500")
}
