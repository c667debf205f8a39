package canary

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// mostDevices bounds one proof. Interfaces with addresses come first.
const mostDevices = 16

// device is one interface to try.
type device struct {
	name    string
	index   int
	because string // why it cannot be tried; "": it can
}

// devices finds the interfaces to try, and the prefixes that the machine is on.
func devices(c Config) ([]device, []netip.Prefix, error) {
	links, err := net.Interfaces()
	if err != nil {
		return nil, nil, fmt.Errorf("canary: the interfaces: %w", err)
	}
	parts, err := enslaved()
	if err != nil {
		return nil, nil, err
	}
	var found []device
	var taken []netip.Prefix
	bare := map[string]int{} // 1: without an address
	for _, link := range links {
		on, err := prefixes(link)
		if err != nil {
			return nil, nil, err
		}
		taken = append(taken, on...)
		named := slices.Contains(c.Devices, link.Name)
		if !named && (len(c.Devices) > 0 || link.Flags&net.FlagLoopback != 0 || parts[link.Index] || slices.Contains(c.Except, link.Name)) {
			continue
		}
		d := device{name: link.Name, index: link.Index}
		if link.Flags&net.FlagUp == 0 {
			d.because = "the interface is down"
			bare[d.name] = 2
		} else if len(on) == 0 {
			bare[d.name] = 1
		}
		found = append(found, d)
	}
	for _, name := range c.Devices {
		if !slices.ContainsFunc(found, func(d device) bool { return d.name == name }) {
			found = append(found, device{name: name, because: "there is no such interface"})
		}
	}
	slices.SortStableFunc(found, func(a, b device) int { return cmp.Compare(bare[a.name], bare[b.name]) })
	if len(found) > mostDevices {
		c.Logger.Warn("there are more interfaces than are tried", "interfaces", len(found), "tried", mostDevices)
		found = found[:mostDevices]
	}
	return found, taken, nil
}

func prefixes(link net.Interface) (on []netip.Prefix, err error) {
	addrs, err := link.Addrs()
	if err != nil {
		return nil, fmt.Errorf("canary: the addresses of %s: %w", link.Name, err)
	}
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil && !p.Addr().IsLinkLocalUnicast() {
			on = append(on, p.Masked())
		}
	}
	return on, nil
}

// enslaved are the interfaces, by index, that are part of another.
func enslaved() (map[int]bool, error) {
	parts := map[int]bool{}
	err := dump(unix.RTM_GETLINK, unix.AF_UNSPEC, unix.RTM_NEWLINK, func(m *syscall.NetlinkMessage) error {
		attrs, err := syscall.ParseNetlinkRouteAttr(m)
		if err != nil || len(m.Data) < unix.SizeofIfInfomsg {
			return err
		}
		index := (*unix.IfInfomsg)(unsafe.Pointer(&m.Data[0])).Index
		for _, a := range attrs {
			if a.Attr.Type == unix.IFLA_MASTER {
				parts[int(index)] = true
			}
		}
		return nil
	})
	return parts, err
}

// asked says by which interfaces, and for which family, a next hop's hardware address
// is being asked for right now, or has just not been found: only there can a packet
// wait that the kernel took.
func asked() (map[int]map[Family]bool, error) {
	const unknown = unix.NUD_INCOMPLETE | unix.NUD_FAILED
	found := map[int]map[Family]bool{}
	err := dump(unix.RTM_GETNEIGH, unix.AF_UNSPEC, unix.RTM_NEWNEIGH, func(m *syscall.NetlinkMessage) error {
		if len(m.Data) < unix.SizeofNdMsg {
			return nil
		}
		n := (*unix.NdMsg)(unsafe.Pointer(&m.Data[0]))
		family := IPv4
		if n.Family == unix.AF_INET6 {
			family = IPv6
		}
		if n.State&unknown != 0 && (n.Family == unix.AF_INET || n.Family == unix.AF_INET6) {
			if found[int(n.Ifindex)] == nil {
				found[int(n.Ifindex)] = map[Family]bool{}
			}
			found[int(n.Ifindex)][family] = true
		}
		return nil
	})
	return found, err
}

// dump reads a table of rtnetlink(7).
func dump(request, family int, answer uint16, each func(*syscall.NetlinkMessage) error) error {
	raw, err := syscall.NetlinkRIB(request, family)
	if err != nil {
		return fmt.Errorf("canary: asking the kernel: %w", err)
	}
	messages, err := syscall.ParseNetlinkMessage(raw)
	if err != nil {
		return fmt.Errorf("canary: what the kernel says: %w", err)
	}
	for i := range messages {
		if messages[i].Header.Type != answer {
			continue
		}
		if err := each(&messages[i]); err != nil {
			return fmt.Errorf("canary: what the kernel says: %w", err)
		}
	}
	return nil
}
