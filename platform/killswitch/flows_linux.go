package killswitch

import (
	"errors"
	"net"
	"net/netip"

	conntrack "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// cut asks the kernel for its flows and takes away those that a policy does not
// keep. Asking takes the kernel longer than a whole change of policy, for it looks
// through a large table; so it is asked once for both families, and for one again
// only where there is something to take away.
func (nfTables) cut(t *table) (int, error) {
	all, err := conntrack.ConntrackTableList(conntrack.ConntrackTable, unix.AF_UNSPEC)
	if err != nil && !errors.Is(err, conntrack.ErrDumpInterrupted) {
		return 0, err
	}
	found := map[conntrack.InetFamily]bool{}
	for _, f := range all {
		if unwanted(t.policy).MatchConntrackFlow(f) {
			found[conntrack.InetFamily(f.FamilyType)] = true
		}
	}
	gone, errs := 0, []error(nil)
	for family := range found {
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
