package tun

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strconv"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
	wgtun "golang.zx2c4.com/wireguard/tun"
)

// namesTried bounds the search for a free default name.
const namesTried = 16

const clonePath = "/dev/net/tun"

// addrGenModeNone is IN6_ADDR_GEN_MODE_NONE of linux/if_link.h.
const addrGenModeNone = 1

func create(c Config) (*Device, error) {
	fd, name, err := openNamed(c.Name)
	if err != nil {
		return nil, err
	}
	// Unmonitored: wireguard's monitor would wake once a second to see whether
	// the device is up, and nobody here asks.
	dev, _, err := wgtun.CreateUnmonitoredTUNFromFD(fd)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("preparing %s: %w", name, err), unix.Close(fd))
	}
	d := &Device{dev: dev, name: name, mtu: c.MTU, logger: c.Logger, ledger: c.Ledger}
	link, err := netlink.LinkByName(name)
	if err != nil {
		return d.abandon(fmt.Errorf("finding %s: %w", name, err))
	}
	if c.Ledger != nil {
		// Addresses and flags come next. The device itself, which the kernel
		// removes with our descriptor, had to stand first to have an index:
		// the index tells it from a later one of the same name.
		d.record, err = c.Ledger.Record(kind, entry{Name: name, Index: link.Attrs().Index})
		if err != nil {
			return d.abandon(err)
		}
	}
	if err := setUp(link, c); err != nil {
		return d.abandon(fmt.Errorf("setting up %s: %w", name, err))
	}
	return d, nil
}

// openNamed attaches to a new device of that name, or of a free default one.
func openNamed(name string) (fd int, got string, err error) {
	if name != "" {
		fd, err = openExclusive(name)
		return fd, name, err
	}
	base := DefaultName[:len(DefaultName)-1]
	for i := range namesTried {
		name = base + strconv.Itoa(i)
		fd, err = openExclusive(name)
		var taken *NameTakenError
		if !errors.As(err, &taken) {
			return fd, name, err
		}
	}
	return -1, "", err
}

func openExclusive(name string) (int, error) {
	fd, err := unix.Open(clonePath, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("opening %s: %w", clonePath, err)
	}
	ifr, err := unix.NewIfreq(name)
	if err != nil {
		return -1, errors.Join(fmt.Errorf("device name %q: %w", name, err), unix.Close(fd))
	}
	// IFF_VNET_HDR brings segmentation and checksum offload; IFF_TUN_EXCL
	// refuses a device that stands already.
	ifr.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI | unix.IFF_VNET_HDR | unix.IFF_TUN_EXCL)
	err = unix.IoctlIfreq(fd, unix.TUNSETIFF, ifr)
	if err == nil {
		return fd, nil
	}
	if errors.Is(err, unix.EBUSY) || errors.Is(err, unix.EEXIST) || errors.Is(err, unix.EINVAL) && exists(name) {
		err = &NameTakenError{Name: name}
	}
	return -1, errors.Join(err, unix.Close(fd))
}

// exists: a device of another kind (a bridge, say) makes TUNSETIFF answer EINVAL.
func exists(name string) bool {
	_, err := net.InterfaceByName(name)
	return err == nil
}

func setUp(link netlink.Link, c Config) error {
	if err := netlink.LinkSetMTU(link, c.MTU); err != nil {
		return fmt.Errorf("setting the MTU %d: %w", c.MTU, err)
	}
	// No link-local address of the kernel's own: it would send router
	// solicitations and multicast reports into the tunnel.
	if err := netlink.LinkSetIP6AddrGenMode(link, addrGenModeNone); err != nil {
		c.Logger.Debug("device keeps its IPv6 link-local address", "error", err)
	}
	if err := netlink.LinkSetUp(link); err != nil {
		return fmt.Errorf("bringing it up: %w", err)
	}
	return addAddresses(link, c.Addresses, c.Logger)
}

// addAddresses sets every address. A machine without IPv6 does without the
// IPv6 ones as long as there is another.
func addAddresses(link netlink.Link, addresses []netip.Prefix, logger *slog.Logger) error {
	set := 0
	var left error
	for _, p := range addresses {
		a := &netlink.Addr{IPNet: ipNet(p)}
		if p.Addr().Is6() {
			a.Flags = unix.IFA_F_NODAD // nobody else is on this link
		}
		err := netlink.AddrReplace(link, a)
		if err == nil {
			set++
			continue
		}
		err = fmt.Errorf("adding address %s: %w", p, err)
		if p.Addr().Is4() || !noIPv6(err) {
			return err
		}
		logger.Warn("IPv6 is off on this machine", "address", p, "error", err)
		left = err
	}
	if set == 0 {
		return left
	}
	return nil
}

// setAddresses adds what is missing and then takes away what is too many.
func (d *Device) setAddresses(addresses []netip.Prefix) error {
	link, err := netlink.LinkByName(d.name)
	if err != nil {
		return err
	}
	before, err := netlink.AddrList(link, netlink.FAMILY_ALL)
	if err != nil {
		return fmt.Errorf("listing: %w", err)
	}
	if err := addAddresses(link, addresses, d.logger); err != nil {
		return err
	}
	for _, a := range before {
		held, ok := netip.AddrFromSlice(a.IP)
		ones, _ := a.Mask.Size()
		if ok && slices.Contains(addresses, netip.PrefixFrom(held.Unmap(), ones)) {
			continue
		}
		if err := netlink.AddrDel(link, &a); err != nil {
			return fmt.Errorf("removing address %s: %w", a.IPNet, err)
		}
	}
	return nil
}

// noIPv6: what the kernel answers where IPv6 is absent, or switched off.
func noIPv6(err error) bool {
	return errors.Is(err, unix.EACCES) || errors.Is(err, unix.EOPNOTSUPP) ||
		errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENODEV)
}

func ipNet(p netip.Prefix) *net.IPNet {
	a := p.Addr()
	return &net.IPNet{IP: a.AsSlice(), Mask: net.CIDRMask(p.Bits(), a.BitLen())}
}

// remove takes a crashed run's device away, if it is still that very one.
func remove(e entry) error {
	link, err := netlink.LinkByName(e.Name)
	var gone netlink.LinkNotFoundError
	if errors.As(err, &gone) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("finding %s: %w", e.Name, err)
	}
	if link.Attrs().Index != e.Index || link.Type() != "tuntap" {
		return nil // somebody else's, that has got the name since
	}
	if err := netlink.LinkDel(link); err != nil {
		return fmt.Errorf("removing %s: %w", e.Name, err)
	}
	return nil
}
