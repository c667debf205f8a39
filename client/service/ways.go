package service

import (
	"context"
	"net/netip"
	"sync"

	"github.com/homeward-vpn/homeward/client/control"
)

// ways knows by which network the line goes. The system is asked where the line leads to
// another gateway address and when the network of this computer has changed, on a
// goroutine of its own:
//
//	the tunnel says where it leads, follow says that the network is another -> kick
//	  -> run: Config.Leaves -> status
type ways struct {
	leaves func(to netip.Addr) (control.Network, bool) // nil: nobody can tell
	wake   func()                                      // tells watchers of the status
	kicks  chan struct{}                               // one place

	mu    sync.Mutex
	to    netip.Addr // the gateway of the line, or of the last one
	found control.Network
	of    netip.Addr // for which found is; invalid: for none
}

func newWays(leaves func(netip.Addr) (control.Network, bool), wake func()) *ways {
	return &ways{leaves: leaves, wake: wake, kicks: make(chan struct{}, 1)}
}

// lead takes note of where the line leads.
func (w *ways) lead(to netip.Addr) {
	w.mu.Lock()
	same := w.to == to
	w.to = to
	w.mu.Unlock()
	if !same {
		w.moved()
	}
}

// moved is for another network.
func (w *ways) moved() {
	select {
	case w.kicks <- struct{}{}:
	default:
	}
}

// run looks whenever there is a reason to, until ctx ends.
func (w *ways) run(ctx context.Context) {
	if w.leaves == nil {
		return
	}
	for {
		select {
		case <-w.kicks:
		case <-ctx.Done():
			return
		}
		w.mu.Lock()
		to := w.to
		w.mu.Unlock()
		if !to.IsValid() {
			continue
		}
		found, known := w.leaves(to)
		found.Name = oneLine(found.Name, networkWords)
		of := to
		if !known {
			found, of = control.Network{}, netip.Addr{}
		}
		w.mu.Lock()
		same := w.found == found && w.of == of
		w.found, w.of = found, of
		w.mu.Unlock()
		if !same {
			w.wake()
		}
	}
}

// networkWords bounds the name of a network, in characters: an SSID has 32 octets.
const networkWords = 32

// describeNetwork adds the network that the line in st goes by.
func (s *Service) describeNetwork(st *control.Status) {
	if st.Gateway == nil || st.Path == nil || st.Path.Waiting {
		return
	}
	w := s.ways
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.of == st.Gateway.Address {
		found := w.found
		st.Network = &found
	}
}
