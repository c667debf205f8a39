package tunnel

import (
	"slices"
	"time"

	"github.com/homeward-vpn/homeward/ike"
)

// How large a packet may be is not left to ICMP, which many networks drop. A
// line starts with what nearly every path carries, so that TCP (by its clamped
// MSS) and everything that listens to "packet too big" never meets a black
// hole; then IKE asks the gateway, size by size, whether more gets through.
//
// What the system has learnt from ICMP in the meantime still lowers the answer:
// it would cut larger packets into fragments, which arrive here and there but
// are no path to rely on.

const (
	// largestPath is Ethernet's MTU.
	largestPath = 1500
	// surePath is IPv6's least MTU, which paths of IPv4 in use have too.
	surePath = 1280
	// leastPath is what every host of IPv4 takes (RFC 791 3.1). No path of IPv6 is
	// ever asked for less than surePath.
	leastPath = 576
)

// pathSizes are asked for in this order until one gets through: Ethernet, DSL
// with PPPoE, and what is left after a provider's tunnel or two.
var pathSizes = []int{largestPath, 1492, 1400}

// narrowSizes are asked for after that where IKE's own messages had to be cut
// smaller than surePath to get through.
var narrowSizes = []int{surePath, 1024, 800}

// newPath begins with what nearly every path carries.
func (l *line) newPath() {
	l.stall.asked = time.Time{} // that was of another path
	l.plane.SetPathMTU(surePath)
	l.narrow = false
	l.beginSearch()
}

// beginSearch starts the search anew.
func (l *line) beginSearch() {
	l.sizes, l.checking = pathSizes, false
	if l.narrow {
		// The search takes a while, and what TCP agrees on now it keeps.
		l.plane.SetPathMTU(leastPath)
		l.sizes = slices.Concat(pathSizes, narrowSizes)
	}
	l.searchPath()
}

// pathNarrow takes word that surePath may be too much. Before the line is up the
// search is still to come.
func (l *line) pathNarrow(e ike.PathNarrow) {
	l.narrow = e.Size < surePath
	if !l.up || !l.narrow {
		return
	}
	l.sizes = narrowSizes
	if !l.checking { // else it is the check that has found out, and its answer follows
		l.searchPath()
	}
}

// searchPath takes the next step of the search. Where nothing gets through that was
// asked for, the least remains.
func (l *line) searchPath() {
	for len(l.sizes) > 0 {
		size := l.sizes[0]
		l.sizes = l.sizes[1:]
		if known := l.transport.PathMTU(l.info.GatewayAddress); known != 0 && size > known {
			continue
		}
		l.checking = true
		l.later(ike.CheckPath{Size: size})
		return
	}
	if l.narrow {
		l.log.Info("the path to the gateway carries small packets only", "octets", leastPath)
		l.plane.SetPathMTU(leastPath)
	}
}

// pathChecked takes an answer: the first size that gets through is the path's.
func (l *line) pathChecked(e ike.PathChecked) {
	l.checking = false
	if !e.OK {
		l.log.Debug("packets of this size do not reach the gateway", "octets", e.Size)
		l.searchPath()
		return
	}
	size := e.Size
	if known := l.transport.PathMTU(l.info.GatewayAddress); known != 0 {
		size = min(size, known)
	}
	l.sizes = nil
	if size <= surePath && !l.narrow {
		return
	}
	l.narrow = false
	l.log.Debug("path MTU found", "octets", size)
	l.plane.SetPathMTU(size)
}
