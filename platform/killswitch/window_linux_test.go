package killswitch

import (
	"slices"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/platform/platformtest/namespace"
)

// TestFlushedAndBack: somebody flushes every rule of the machine, again and again;
// each time the policy is back at once. For so long anything may leave: it is told
// here how long that is.
func TestFlushedAndBack(t *testing.T) {
	if !namespace.Enter(t) {
		return
	}
	s := newSwitch(t)
	p := states()["connected"]
	setPolicy(t, s, p)
	word, err := s.Watch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	other, err := newKernel()
	if err != nil {
		t.Fatal(err)
	}
	var open []time.Duration
	for range 20 {
		if err := other.remove(); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		select {
		case <-word:
		case <-time.After(patient):
			t.Fatal("nobody notices")
		}
		setPolicy(t, s, p)
		open = append(open, time.Since(began))
		if ok, err := s.Stands(); !ok || err != nil {
			t.Fatalf("stands: %v, %v", ok, err)
		}
	}
	if err := other.close(); err != nil {
		t.Error(err)
	}
	slices.Sort(open)
	t.Logf("open for %v at best, %v in the median, %v at worst", open[0], open[len(open)/2], open[len(open)-1])
}
