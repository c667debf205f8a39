package tunnel

import (
	"errors"

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
)

// pathSizes are asked for in this order until one gets through: Ethernet, DSL
// with PPPoE, and what is left after a provider's tunnel or two.
var pathSizes = []int{largestPath, 1492, 1400}

// searchPath starts the search, or takes its next step.
func (l *line) searchPath() {
	for len(l.sizes) > 0 {
		size := l.sizes[0]
		l.sizes = l.sizes[1:]
		if known := l.transport.PathMTU(l.info.GatewayAddress); known != 0 && size > known {
			continue
		}
		l.later(ike.CheckPath{Size: size})
		return
	}
}

// pathChecked takes an answer: the first size that gets through is the path's.
func (l *line) pathChecked(e ike.PathChecked) {
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
	if size <= surePath {
		return
	}
	l.log.Debug("path MTU found", "octets", size)
	l.plane.SetPathMTU(size)
}

// unsearchable reports the one refusal of a path check that is no defect: the
// gateway knows no fragmentation, and the line stays at surePath.
func unsearchable(err error) bool { return errors.Is(err, ike.ErrNoFragments) }
