package main

import (
	"errors"
	"testing"

	"github.com/homeward-vpn/homeward/client/service"
)

// TestNoWallPretendsNothing: on a computer that can have no kill switch, one without
// nf_tables say, nothing counts as held back, and the reason is told.
func TestNoWallPretendsNothing(t *testing.T) {
	t.Parallel()
	why := errors.New("this kernel has no nf_tables")
	w := noWall{why: why}
	if err := w.Set(service.Policy{}); !errors.Is(err, why) {
		t.Errorf("Set: %v", err)
	}
	if stands, err := w.Stands(); stands || err != nil {
		t.Errorf("Stands: %v, %v", stands, err)
	}
	if err := w.Clear(); err != nil {
		t.Errorf("Clear, where everything may leave anyway: %v", err)
	}
}
