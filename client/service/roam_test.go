package service

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/tunnel"
)

// TestStatusFollowsTheLine: changes of network, and the lack of one, stand in the
// status; the line stays connected meanwhile.
func TestStatusFollowsTheLine(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		f := r.up()
		up := officeUp()
		if p := r.svc.Status(ada).Path; p == nil || p.Follows || p.Waiting || len(p.Moves) != 0 {
			t.Errorf("at first: %+v", p)
		}
		at := time.Now()
		up.Info.MOBIKE, up.Info.Waiting = true, true
		up.Info.Moves = []tunnel.Move{{
			At: at, From: netip.MustParseAddrPort("192.168.1.23:40000"), To: netip.MustParseAddrPort("[2001:db8::7]:40000"),
			Gateway: netip.MustParseAddrPort("[2001:db8:2::5]:4500"),
		}}
		f.do(func() { f.emit(tunnel.Changed{Info: up.Info}) })
		synctest.Wait()
		st := r.svc.Status(ada)
		want := control.Move{
			At: at, From: netip.MustParseAddr("192.168.1.23"), To: netip.MustParseAddr("2001:db8::7"), Gateway: netip.MustParseAddr("2001:db8:2::5"),
		}
		if p := st.Path; st.State != control.StateConnected || !p.Follows || !p.Waiting || len(p.Moves) != 1 || p.Moves[0] != want {
			t.Errorf("%s, %+v", st.State, p)
		}
	})
}
