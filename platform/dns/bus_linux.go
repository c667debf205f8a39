package dns

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/godbus/dbus/v5"
	"golang.org/x/sys/unix"
)

// The names of systemd-resolved on the system bus
// (org.freedesktop.resolve1, see its manual page).
const (
	resolveName    = "org.freedesktop.resolve1"
	resolvePath    = dbus.ObjectPath("/org/freedesktop/resolve1")
	resolveManager = "org.freedesktop.resolve1.Manager"
)

// resolveBus is one connection to the bus.
type resolveBus struct {
	conn   *dbus.Conn
	object dbus.BusObject
}

// dialResolved connects to systemd-resolved.
func dialResolved(ctx context.Context) (Resolved, error) {
	conn, err := dialOwner(ctx, resolveName, errNoResolved)
	if err != nil {
		return nil, err
	}
	return &resolveBus{conn: conn, object: conn.Object(resolveName, resolvePath)}, nil
}

// dialOwner connects to the system bus, and makes sure that somebody owns the
// name there: else the error is absent. A service that does not run is not
// started, for nobody reads from it.
func dialOwner(ctx context.Context, name string, absent error) (*dbus.Conn, error) {
	conn, err := dbus.ConnectSystemBus(dbus.WithContext(ctx))
	if err != nil {
		return nil, fmt.Errorf("%w: connecting to the system bus: %w", absent, err)
	}
	var owned bool
	err = conn.BusObject().CallWithContext(ctx, "org.freedesktop.DBus.NameHasOwner", 0, name).Store(&owned)
	if err == nil && !owned {
		err = absent
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

func (b *resolveBus) Close() error { return b.conn.Close() }

func (b *resolveBus) call(ctx context.Context, method string, args ...any) error {
	err := b.object.CallWithContext(ctx, resolveManager+"."+method, 0, args...).Err
	if err != nil {
		return fmt.Errorf("systemd-resolved, %s: %w", method, err)
	}
	return nil
}

// linkAddress is the bus's (iay): family and address.
type linkAddress struct {
	Family  int32
	Address []byte
}

func (b *resolveBus) SetLinkDNS(ctx context.Context, index int, servers []netip.Addr) error {
	list := make([]linkAddress, 0, len(servers))
	for _, a := range servers {
		family := int32(unix.AF_INET)
		if a.Is6() {
			family = unix.AF_INET6
		}
		list = append(list, linkAddress{family, a.AsSlice()})
	}
	return b.call(ctx, "SetLinkDNS", int32(index), list)
}

// tooManyName is how the bus names E2BIG, systemd-resolved's answer to a list
// that is too long.
const tooManyName = "System.Error.E2BIG"

// linkDomain is the bus's (sb): name and "for routing only".
type linkDomain struct {
	Name        string
	RoutingOnly bool
}

func (b *resolveBus) SetLinkDomains(ctx context.Context, index int, domains []LinkDomain) error {
	list := make([]linkDomain, 0, len(domains))
	for _, d := range domains {
		list = append(list, linkDomain(d))
	}
	err := b.call(ctx, "SetLinkDomains", int32(index), list)
	var said dbus.Error
	if errors.As(err, &said) && said.Name == tooManyName {
		return errors.Join(errTooManyDomains, err)
	}
	return err
}

func (b *resolveBus) SetLinkDefaultRoute(ctx context.Context, index int, on bool) error {
	return b.call(ctx, "SetLinkDefaultRoute", int32(index), on)
}

func (b *resolveBus) SetLinkQuiet(ctx context.Context, index int) error {
	for _, method := range []string{"SetLinkLLMNR", "SetLinkMulticastDNS", "SetLinkDNSSEC", "SetLinkDNSOverTLS"} {
		if err := b.call(ctx, method, int32(index), "no"); err != nil {
			return err
		}
	}
	return nil
}

func (b *resolveBus) RevertLink(ctx context.Context, index int) error {
	return b.call(ctx, "RevertLink", int32(index))
}

func (b *resolveBus) FlushCaches(ctx context.Context) error { return b.call(ctx, "FlushCaches") }

// knownServer is the bus's (iiayqs): link, family, address, port, name.
type knownServer struct {
	Link, Family int32
	Address      []byte
	Port         uint16
	Name         string
}

// oldServer is the bus's (iiay), of releases before 246.
type oldServer struct {
	Link, Family int32
	Address      []byte
}

// knownDomain is the bus's (isb).
type knownDomain struct {
	Link        int32
	Name        string
	RoutingOnly bool
}

func (b *resolveBus) Known(ctx context.Context) (Known, error) {
	var k Known
	for _, list := range []struct {
		property string
		into     *[]LinkServer
	}{{"DNS", &k.Servers}, {"FallbackDNS", &k.Fallback}} {
		servers, err := b.servers(ctx, list.property)
		if err != nil {
			return Known{}, err
		}
		for _, s := range servers {
			if a, ok := netip.AddrFromSlice(s.Address); ok {
				*list.into = append(*list.into, LinkServer{int(s.Link), netip.AddrPortFrom(a, s.Port)})
			}
		}
	}
	var domains []knownDomain
	if err := b.property(ctx, "Domains", &domains); err != nil {
		return Known{}, err
	}
	for _, d := range domains {
		k.Domains = append(k.Domains, KnownDomain{int(d.Link), LinkDomain{d.Name, d.RoutingOnly}})
	}
	return k, nil
}

// servers reads a list of servers, with their ports where it tells them.
func (b *resolveBus) servers(ctx context.Context, property string) ([]knownServer, error) {
	var list []knownServer
	err := b.property(ctx, property+"Ex", &list)
	if err == nil {
		return list, nil
	}
	var old []oldServer
	if b.property(ctx, property, &old) != nil {
		return nil, err
	}
	for _, s := range old {
		list = append(list, knownServer{Link: s.Link, Family: s.Family, Address: s.Address})
	}
	return list, nil
}

func (b *resolveBus) property(ctx context.Context, name string, into any) error {
	err := b.object.CallWithContext(ctx, "org.freedesktop.DBus.Properties.Get", 0, resolveManager, name).Store(into)
	if err != nil {
		return fmt.Errorf("systemd-resolved, %s: %w", name, err)
	}
	return nil
}

// The names of NetworkManager's keeper of resolvers
// (org.freedesktop.NetworkManager.DnsManager, see its manual page).
const (
	managerName = "org.freedesktop.NetworkManager"
	managerPath = dbus.ObjectPath("/org/freedesktop/NetworkManager/DnsManager")
	managerKind = "org.freedesktop.NetworkManager.DnsManager"
)

// askNetworkManager reads what it has given to the system's resolver.
func askNetworkManager(ctx context.Context) (all []NetworkDNS, err error) {
	conn, err := dialOwner(ctx, managerName, errNoNetworkManager)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	var entries []map[string]dbus.Variant
	err = conn.Object(managerName, managerPath).CallWithContext(ctx,
		"org.freedesktop.DBus.Properties.Get", 0, managerKind, "Configuration").Store(&entries)
	if err != nil {
		return nil, fmt.Errorf("NetworkManager, Configuration: %w", err)
	}
	for _, e := range entries {
		var n NetworkDNS
		var servers []string
		for key, into := range map[string]any{"interface": &n.Interface, "vpn": &n.VPN, "nameservers": &servers, "domains": &n.Domains} {
			if v, ok := e[key]; ok {
				if err := v.Store(into); err != nil {
					return nil, fmt.Errorf("NetworkManager, Configuration, %s: %w", key, err)
				}
			}
		}
		for _, s := range servers {
			if a, err := netip.ParseAddr(s); err == nil { // newer ones may write a URI: not a plain resolver
				n.Servers = append(n.Servers, a)
			}
		}
		all = append(all, n)
	}
	return all, nil
}
