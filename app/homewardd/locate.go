package main

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"

	"github.com/homeward-vpn/homeward/client/locate"
	"github.com/homeward-vpn/homeward/platform/dns"
	"github.com/homeward-vpn/homeward/platform/transport"
)

// newLocator finds gateways with the service's own questions to the physical network,
// and remembers them in a file, where one is named.
// open lets them through the kill switch.
func newLocator(cacheFile string, resolver *dns.Configurator, open func([]netip.AddrPort) (func(), error), logger *slog.Logger) (*locate.Locator, error) {
	return locate.New(locate.Config{
		Servers: func() ([]netip.AddrPort, error) {
			u, err := resolver.Underlay()
			if err == nil && len(u.Servers) == 0 {
				u.Servers = ownResolvers(resolvConf)
			}
			return u.Servers, err
		},
		Dial: func(ctx context.Context, network string, to netip.AddrPort) (net.Conn, error) {
			return transport.DialMarked(ctx, mark, network, to)
		},
		Open:      func(_ context.Context, servers []netip.AddrPort) (func(), error) { return open(servers) },
		CacheFile: cacheFile,
		HostsFile: hostsFile,
		Logger:    logger,
	})
}

// resolvConf names the name servers of a Unix.
const resolvConf = "/etc/resolv.conf"

// ownResolvers are the resolvers on this machine that resolv.conf names. They are
// asked where nobody says whom they ask themselves; their own questions carry no
// mark, so under a kill switch they know only what they remember.
func ownResolvers(path string) (found []netip.AddrPort) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil // like one that names none
	}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) < 2 || f[0] != "nameserver" {
			continue
		}
		if a, err := netip.ParseAddr(f[1]); err == nil && a.IsLoopback() {
			found = append(found, netip.AddrPortFrom(a, 53))
		}
	}
	return found
}
