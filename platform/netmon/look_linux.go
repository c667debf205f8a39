package netmon

import (
	"cmp"
	"encoding/binary"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// sysNet is where the kernel says what a device is.
const sysNet = "/sys/class/net"

// look reads links, addresses, and the main table's default routes.
func look() (Snapshot, error) {
	links, err := list(unix.NETLINK_ROUTE, unix.RTM_GETLINK, unix.NLM_F_DUMP, make([]byte, unix.SizeofIfInfomsg))
	if err != nil {
		return Snapshot{}, err
	}
	addresses, err := list(unix.NETLINK_ROUTE, unix.RTM_GETADDR, unix.NLM_F_DUMP, make([]byte, unix.SizeofIfAddrmsg))
	if err != nil {
		return Snapshot{}, err
	}
	var ways [2]Way
	for i, family := range []byte{unix.AF_INET, unix.AF_INET6} {
		ask := make([]byte, unix.SizeofRtMsg)
		ask[0], ask[4] = family, unix.RT_TABLE_MAIN
		routes, err := list(unix.NETLINK_ROUTE, unix.RTM_GETROUTE, unix.NLM_F_DUMP, ask)
		if err != nil {
			return Snapshot{}, err
		}
		ways[i] = defaultWay(routes, family)
	}
	ssids, err := ssids()
	if err != nil {
		return Snapshot{}, err
	}
	s := assemble(links, addresses, ssids, sysNet)
	s.Default4, s.Default6 = ways[0], ways[1]
	for i, l := range s.Links {
		// What the system sends by default leaves the machine there, a bridge, say.
		s.Links[i].Physical = l.Physical || l.Kind != Tunnel && (l.Index == ways[0].Link || l.Index == ways[1].Link)
	}
	return s, nil
}

// assemble makes a Snapshot of the kernel's messages. ssids are by index.
func assemble(links, addresses []message, ssids map[int]string, sys string) Snapshot {
	var s Snapshot
	for _, m := range links {
		if l, ok := readLink(m.data, sys); ok && m.kind == unix.RTM_NEWLINK {
			l.SSID = ssids[l.Index]
			s.Links = append(s.Links, l)
		}
	}
	slices.SortFunc(s.Links, func(a, b Link) int { return cmp.Compare(a.Index, b.Index) })
	for _, m := range addresses {
		index, prefix, ok := readAddress(m.data)
		at := slices.IndexFunc(s.Links, func(l Link) bool { return l.Index == index })
		if ok && at >= 0 && m.kind == unix.RTM_NEWADDR {
			s.Links[at].Addresses = append(s.Links[at].Addresses, prefix)
		}
	}
	return s
}

// readLink reads RTM_NEWLINK; false: of the loopback, or not a link.
func readLink(data []byte, sys string) (Link, bool) {
	if len(data) < unix.SizeofIfInfomsg {
		return Link{}, false
	}
	m := (*unix.IfInfomsg)(unsafe.Pointer(&data[0]))
	if m.Flags&unix.IFF_LOOPBACK != 0 {
		return Link{}, false
	}
	attrs := attributes(data[unix.SizeofIfInfomsg:])
	const carries = unix.IFF_UP | unix.IFF_LOWER_UP
	l := Link{
		Name: text(attrs[unix.IFLA_IFNAME]), Index: int(m.Index),
		Up: m.Flags&carries == carries,
	}
	made := text(attributes([]byte(attrs[unix.IFLA_LINKINFO]))[unix.IFLA_INFO_KIND])
	l.Kind = kindOf(l.Name, m.Type, made, sys)
	_, slave := attrs[unix.IFLA_MASTER]
	l.Physical = physical(l, made, slave, sys)
	return l, true
}

// text is an attribute that ends with a zero.
func text(value string) string {
	value, _, _ = strings.Cut(value, "\x00")
	return value
}

// tunnels are the kinds of device (IFLA_INFO_KIND) that wrap packets up.
var tunnels = []string{
	"tun", "wireguard", "ipip", "sit", "gre", "ip6gre", "ip6tnl", "vti", "vti6", "xfrm", "erspan", "ppp", "ovpn",
}

// kindOf says what a link is made of: by what made it, then by what sysfs says of
// the hardware. A folder of another namespace tells nothing, and Ethernet remains.
func kindOf(name string, hardware uint16, made, sys string) LinkKind {
	uevent, err := os.ReadFile(filepath.Join(sys, name, "uevent"))
	if err == nil && slices.Contains(strings.Split(string(uevent), "\n"), "DEVTYPE=wwan") {
		return Cellular
	}
	if slices.Contains(tunnels, made) {
		return Tunnel
	}
	for _, sign := range []string{"wireless", "phy80211"} {
		if _, err := os.Stat(filepath.Join(sys, name, sign)); err == nil {
			return WiFi
		}
	}
	switch hardware {
	case unix.ARPHRD_ETHER:
		return Ethernet
	case unix.ARPHRD_PPP, unix.ARPHRD_NONE, unix.ARPHRD_TUNNEL, unix.ARPHRD_TUNNEL6, unix.ARPHRD_SIT, unix.ARPHRD_IPGRE:
		return Tunnel
	case unix.ARPHRD_RAWIP:
		return Cellular // a modem without Ethernet's frames
	}
	return Other
}

// inner are the kinds of device that lead to containers and virtual machines, or
// nowhere.
var inner = []string{"bridge", "dummy", "ifb", "nlmon", "veth", "macvtap", "vcan", "vrf"}

// physical says whether packets leave the machine by a link: by a device of its
// own hardware; by what is built on such, a VLAN or a bond; and in a container or a
// namespace by the cable that leads out of it. A cable that is plugged into a
// bridge or another device leads inside.
func physical(l Link, made string, slave bool, sys string) bool {
	if l.Kind == Tunnel {
		return false
	}
	if _, err := os.Stat(filepath.Join(sys, l.Name, "device")); err == nil {
		return true
	}
	return made == "veth" && !slave || !slices.Contains(inner, made)
}

// readAddress reads RTM_NEWADDR; false: it is none that can be used.
func readAddress(data []byte) (index int, p netip.Prefix, ok bool) {
	if len(data) < unix.SizeofIfAddrmsg {
		return 0, p, false
	}
	m := (*unix.IfAddrmsg)(unsafe.Pointer(&data[0]))
	attrs := attributes(data[unix.SizeofIfAddrmsg:])
	flags := addressFlags(m, attrs)
	const useless = unix.IFA_F_TENTATIVE | unix.IFA_F_DADFAILED | unix.IFA_F_DEPRECATED
	raw := attrs[unix.IFA_LOCAL]
	if raw == "" {
		raw = attrs[unix.IFA_ADDRESS]
	}
	a, ok := netip.AddrFromSlice([]byte(raw))
	if !ok || flags&useless != 0 && flags&unix.IFA_F_OPTIMISTIC == 0 {
		return 0, p, false
	}
	p = netip.PrefixFrom(a, int(m.Prefixlen))
	return int(m.Index), p, p.IsValid()
}

// addressFlags are the flags of an address, in whichever place they stand.
func addressFlags(m *unix.IfAddrmsg, attrs map[uint16]string) uint32 {
	if full := attrs[unix.IFA_FLAGS]; len(full) == 4 {
		return binary.NativeEndian.Uint32([]byte(full))
	}
	return uint32(m.Flags)
}

// defaultWay finds the default route with the least metric among a listing.
func defaultWay(routes []message, family byte) Way {
	var best Way
	least := ^uint32(0)
	for _, m := range routes {
		if len(m.data) < unix.SizeofRtMsg || m.kind != unix.RTM_NEWROUTE {
			continue
		}
		head := (*unix.RtMsg)(unsafe.Pointer(&m.data[0]))
		if head.Family != family || head.Dst_len != 0 || head.Type != unix.RTN_UNICAST || head.Flags&(unix.RTM_F_CLONED|unix.RTNH_F_DEAD|unix.RTNH_F_LINKDOWN) != 0 {
			continue
		}
		attrs := attributes(m.data[unix.SizeofRtMsg:])
		table := uint32(head.Table)
		if v, ok := number(attrs[unix.RTA_TABLE]); ok {
			table = v
		}
		metric, _ := number(attrs[unix.RTA_PRIORITY])
		if table != unix.RT_TABLE_MAIN || best.Link != 0 && metric >= least {
			continue
		}
		way := hop(attrs)
		if way.Link == 0 {
			continue
		}
		best, least = way, metric
	}
	return best
}

// hop is where a route leads: of several next hops to the first.
func hop(attrs map[uint16]string) Way {
	var w Way
	if several := []byte(attrs[unix.RTA_MULTIPATH]); len(several) >= unix.SizeofRtNexthop {
		size := min(len(several), int(binary.NativeEndian.Uint16(several)))
		if size < unix.SizeofRtNexthop {
			return w
		}
		w.Link = int(int32(binary.NativeEndian.Uint32(several[4:])))
		attrs = attributes(several[unix.SizeofRtNexthop:size])
	} else if v, ok := number(attrs[unix.RTA_OIF]); ok {
		w.Link = int(int32(v))
	}
	w.Router, _ = netip.AddrFromSlice([]byte(attrs[unix.RTA_GATEWAY]))
	if via := attrs[unix.RTA_VIA]; len(via) > 2 { // a router of the other family
		w.Router, _ = netip.AddrFromSlice([]byte(via[2:]))
	}
	return w
}

// number is an attribute of four octets.
func number(value string) (uint32, bool) {
	if len(value) != 4 {
		return 0, false
	}
	return binary.NativeEndian.Uint32([]byte(value)), true
}
