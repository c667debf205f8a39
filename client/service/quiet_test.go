package service

import (
	"testing"
	"testing/synctest"

	"github.com/homeward-vpn/homeward/client/control"
)

// TestNothingIsDueWhileTheLineStands: an attempt has the network suspected after a
// while; once the line stands, and when nobody wants one any more, no timer of that
// wakes the computer.
func TestNothingIsDueWhileTheLineStands(t *testing.T) {
	h := &hotel{finding: free}
	inRigWith(t, func(cfg *Config) { cfg.Portals = h.parts() }, func(t *testing.T, r *rig) {
		long := r.svc.portals.long
		r.connect("office")
		if !long.Stop() {
			t.Error("an attempt that takes long is not noticed")
		}
		long.Reset(doubtTime)
		f := r.tunnel()
		f.do(func() { f.emit(officeUp()) })
		r.state(control.StateConnected)
		if long.Stop() || r.svc.portals.unknown.Stop() {
			t.Error("while the line stands something is due")
		}
		if _, err := r.svc.Disconnect(t.Context(), ada); err != nil {
			t.Fatal(err)
		}
		r.state(control.StateDisconnected)

		r.connect("office")
		if _, err := r.svc.Disconnect(t.Context(), ada); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if long.Stop() {
			t.Error("after an attempt was called off something is due")
		}
	})
}
