package lab

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// Uplinks are the client's ways to the internet. Each has networks, addresses
// and a NAT of its own, or none:
//
//	WiFi   eth0    192.168.77.2, fd00:77::2   the home router; IPv4 through its NAT
//	LTE    lte0    100.64.0.2                 a carrier's NAT, seen as CarrierOutside
//	Cable  cable0  198.51.100.2               no NAT
//	Six    six0    2001:db8:66::2             no NAT, IPv6 only
//	NAT64  nat0    2001:db8:64::2             IPv6 only, a translator to IPv4; nil without Options.NAT64
//
// At the start WiFi alone is up. The one that is up with the least metric has
// the default route of a family: Cable, then Six, NAT64, WiFi, LTE.
type Uplinks struct{ WiFi, LTE, Cable, Six, NAT64 *Uplink }

// Uplink is one device of the client's with what a DHCP client would make of it.
type Uplink struct {
	Device    string
	Addresses []netip.Prefix
	Routers   []netip.Addr // by each a default route
	// Relay is the uplink's NAT in userspace; nil: the kernel's, or there is none.
	Relay *Relay
	// Translator is the prefix by which this uplink's network leads to IPv4; zero: it
	// does not, or needs none.
	Translator netip.Prefix

	machine *Namespace
	metric  int
	// The other end of the cable.
	far       *Namespace
	farDevice string
}

// What the internet sees of the client on LTE, and where its mapping may move.
var (
	CarrierOutside = netip.MustParseAddr("203.0.113.4")
	CarrierSecond  = netip.MustParseAddr("203.0.113.5")
	carrierInside  = netip.MustParseAddr("100.64.0.1")
)

// uplinksResolv is the client's /etc/resolv.conf: a server that every uplink
// reaches, so that no change of uplink needs another file.
const uplinksResolv = "nameserver 203.0.113.53\nnameserver 2001:db8:113::53\noptions timeout:1 attempts:2\n"

func newUplinks(client *Namespace) *Uplinks {
	prefix, addr := netip.MustParsePrefix, netip.MustParseAddr
	return &Uplinks{
		WiFi: &Uplink{machine: client, Device: "eth0", metric: 600, Routers: []netip.Addr{RouterInside, RouterInside6},
			Addresses: []netip.Prefix{netip.PrefixFrom(ClientAddress, 24), netip.PrefixFrom(ClientAddress6, 64)}},
		LTE: &Uplink{machine: client, Device: "lte0", metric: 700, Routers: []netip.Addr{carrierInside},
			Addresses: []netip.Prefix{prefix("100.64.0.2/24")}},
		Cable: &Uplink{machine: client, Device: "cable0", metric: 100, Routers: []netip.Addr{addr("198.51.100.1")},
			Addresses: []netip.Prefix{prefix("198.51.100.2/24")}},
		Six: &Uplink{machine: client, Device: "six0", metric: 200, Routers: []netip.Addr{addr("2001:db8:66::1")},
			Addresses: []netip.Prefix{prefix("2001:db8:66::2/64")}},
	}
}

func (u *Uplinks) all() []*Uplink {
	all := []*Uplink{u.WiFi, u.LTE, u.Cable, u.Six}
	if u.NAT64 != nil {
		all = append(all, u.NAT64)
	}
	return all
}

// Up brings the uplink up as a DHCP client does: the link, its addresses, a word
// with each router, and last the way out.
func (u *Uplink) Up() error {
	lines := []string{"link set " + u.Device + " up"}
	for _, a := range u.Addresses {
		nodad := ""
		if a.Addr().Is6() {
			nodad = " nodad"
		}
		lines = append(lines, fmt.Sprintf("addr replace %s dev %s%s", a, u.Device, nodad))
	}
	if err := ipBatch(u.machine, lines...); err != nil {
		return fmt.Errorf("lab: bringing %s up: %w", u.Device, err)
	}
	for _, r := range u.Routers {
		if err := u.meet(r); err != nil {
			return err
		}
	}
	return u.Open()
}

// Open gives an uplink that is up its way out, and Shut takes that away: the link
// and its addresses stay, as where a router announces itself no more.
func (u *Uplink) Open() error { return u.routes("replace") }

// Shut is described at Open.
func (u *Uplink) Shut() error { return u.routes("del") }

func (u *Uplink) routes(verb string) error {
	var lines []string
	for _, r := range u.Routers {
		lines = append(lines, fmt.Sprintf("route %s default via %s dev %s metric %d", verb, r, u.Device, u.metric))
	}
	if err := ipBatch(u.machine, lines...); err != nil {
		return fmt.Errorf("lab: %s the way out by %s: %w", verb, u.Device, err)
	}
	return nil
}

// meet returns when the client knows where a router is. A device that has just come up
// may lose its first packet, and the kernel asks for a neighbour again after a second
// only. The router begins: under a kill switch nobody on the client's machine may, nor
// answer, but who asks where the client is tells where it is itself.
func (u *Uplink) meet(router netip.Addr) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return Until(ctx, fmt.Sprintf("%v is known on %s", router, u.Device), func() (bool, error) {
		for _, a := range u.Addresses {
			if a.Addr().Is4() != router.Is4() {
				continue
			}
			if _, err := u.far.Run(ctx, "ip", "neigh", "flush", "to", a.Addr().String(), "dev", u.farDevice); err != nil {
				return false, err
			}
			// Whether there is an answer is not the question.
			if _, err := u.far.Run(ctx, "ping", "-n", "-q", "-c", "1", "-W", "0.1", "-I", u.farDevice, a.Addr().String()); ctx.Err() != nil {
				return false, err
			}
		}
		known, err := u.machine.Run(ctx, "ip", "neigh", "show", "to", router.String(), "dev", u.Device)
		return strings.Contains(known, "lladdr"), err
	})
}

// Down takes the uplink away, as when a cable is pulled or the Wi-Fi is out of
// reach: the link goes, and with it the routes and the addresses.
func (u *Uplink) Down() error {
	if err := ipBatch(u.machine, "link set "+u.Device+" down", "addr flush dev "+u.Device); err != nil {
		return fmt.Errorf("lab: taking %s down: %w", u.Device, err)
	}
	return nil
}

// Home brings the client back to where it started: on its Wi-Fi alone.
func (u *Uplinks) Home() error {
	if err := u.WiFi.Up(); err != nil {
		return err
	}
	for _, other := range u.all()[1:] {
		if err := other.Down(); err != nil {
			return err
		}
	}
	return nil
}

// addUplinks builds the carrier's machine and the cables of the other uplinks,
// and makes the internet a router for those that have no NAT.
func (w *network) addUplinks(u *Uplinks) error {
	var err error
	if w.carrier, err = newNamespace("carrier", map[string]string{"resolv.conf": uplinksResolv}); err != nil {
		return err
	}
	for _, step := range []func() error{
		func() error { return prepare(w.carrier, true) },
		func() error { return sysctl(w.internet, forwarding...) },
		func() error { return cable(w.client, "lte0", w.carrier, "lan") },
		func() error { return cable(w.client, "cable0", w.internet, "cable") },
		func() error { return cable(w.client, "six0", w.internet, "six") },
		func() error { return cable(w.carrier, "wan", w.internet, "carrier") },
		func() error {
			return ipText(w.carrier, `
				addr add 100.64.0.1/24 dev lan
				addr add 203.0.113.4/24 dev wan
				addr add 203.0.113.5/24 dev wan
				link set lan up
				link set wan up
				route add 10.99.0.0/24 via 203.0.113.1`)
		},
		func() error { return translate(w.carrier, "100.64.0.0/24") },
		func() error {
			return ipText(w.internet, `
				link set dev carrier master br0
				addr add 198.51.100.1/24 dev cable
				addr add 2001:db8:66::1/64 dev six nodad
				link set dev carrier up
				link set cable up
				link set six up
				route add 10.99.0.0/24 via 203.0.113.1
				route add fd00:99::/64 via 2001:db8:113::1`)
		},
		func() error {
			return ipText(w.gateway, `
				route add 198.51.100.0/24 via 203.0.113.53
				route add 2001:db8:66::/64 via 2001:db8:113::53`)
		},
		func() error {
			return ipBatch(w.client, "route del default via 192.168.77.1", "route del default via fd00:77::1")
		},
	} {
		if err := step(); err != nil {
			return fmt.Errorf("lab: building the uplinks: %w", err)
		}
	}
	for uplink, end := range map[*Uplink]struct {
		far    *Namespace
		device string
	}{u.WiFi: {w.router, "lan"}, u.LTE: {w.carrier, "lan"}, u.Cable: {w.internet, "cable"}, u.Six: {w.internet, "six"}} {
		uplink.far, uplink.farDevice = end.far, end.device
	}
	// Up and down once, so that a device which was used is as one that was not.
	for _, uplink := range u.all() {
		if err := uplink.Up(); err != nil {
			return err
		}
	}
	return u.Home()
}
