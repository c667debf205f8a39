package killswitch

import (
	"errors"
	"net"
	"net/netip"

	conntrack "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// cut asks the kernel for its flows and takes away those that a policy does not
// keep.
func (nfTables) cut(t *table) (int, error) {
	gone, errs := 0, []error(nil)
	for _, family := range []conntrack.InetFamily{unix.AF_INET, unix.AF_INET6} {
		n, err := conntrack.ConntrackDeleteFilters(conntrack.ConntrackTable, family, unwanted(t.policy))
		gone += int(n)
		errs = append(errs, err)
	}
	return gone, errors.Join(errs...)
}

// unwanted is a filter that finds what a policy does not keep.
type unwanted Policy

// MatchConntrackFlow implements the filter. What is rewritten on its way shows
// in the addresses of the answers: those are the ones on the wire.
func (u unwanted) MatchConntrackFlow(f *conntrack.ConntrackFlow) bool {
	return !Policy(u).keeps(flow{
		protocol: f.Forward.Protocol,
		asked:    end{plain(f.Reverse.DstIP), f.Reverse.DstPort},
		answers:  end{plain(f.Reverse.SrcIP), f.Reverse.SrcPort},
	})
}

func plain(ip net.IP) netip.Addr {
	a, _ := netip.AddrFromSlice(ip)
	return a.Unmap()
}
