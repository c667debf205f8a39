package killswitch

import (
	"runtime/debug"
	"slices"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/platform/platformtest/namespace"
)

// swapBound is how long it may take to put one policy of a connection in the place of
// another, reading it back and cutting flows included.
const swapBound = 20 * time.Millisecond

// raced says that the race detector is in this program, which makes it many times slower.
func raced() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// TestSwapTime goes through a connection's states and back. Of several rounds the best
// counts, for the machine may be busy with other tests.
func TestSwapTime(t *testing.T) {
	if raced() {
		t.Skip("the race detector's time is none of the policy's")
	}
	if !namespace.Enter(t) {
		return
	}
	s, all := newSwitch(t), states()
	life := []string{"blocked", "resolving", "connecting", "connected", "connected, local network", "connecting", "blocked"}
	best := make([]time.Duration, len(life))
	for round := range 20 {
		for i, state := range life {
			began := time.Now()
			setPolicy(t, s, all[state])
			if took := time.Since(began); round == 0 || took < best[i] {
				best[i] = took
			}
		}
		if slices.Max(best) < swapBound {
			break
		}
	}
	for i, state := range life {
		t.Logf("to %q: %v", state, best[i])
		if best[i] >= swapBound {
			t.Errorf("to %q it takes %v at best", state, best[i])
		}
	}
}
