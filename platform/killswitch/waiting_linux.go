package killswitch

import (
	"errors"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// dropWaiting drops the packets that wait for the hardware address of their next
// hop: they have passed the rules of before, and meet none on their way out. It says
// for how many next hops there were any. Who may still send asks for the address
// again.
func (*nfTables) dropWaiting() (int, error) {
	dropped, errs := 0, []error(nil)
	for _, family := range []int{unix.AF_INET, unix.AF_INET6} {
		// 0: on every device.
		all, err := netlink.NeighList(0, family)
		if err != nil && !errors.Is(err, netlink.ErrDumpInterrupted) {
			errs = append(errs, err)
			continue
		}
		for _, n := range all {
			if n.State&netlink.NUD_INCOMPLETE == 0 {
				continue
			}
			switch err := netlink.NeighDel(&n); {
			case err == nil:
				dropped++
			case !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.ENODEV): // it has gone by itself
				errs = append(errs, err)
			}
		}
	}
	return dropped, errors.Join(errs...)
}
