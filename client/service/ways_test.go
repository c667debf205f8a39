package service

import (
	"context"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/client/tunnel"
)

// places is a computer that is carried about.
type places struct {
	mu      sync.Mutex
	at      control.Network
	unknown bool
	asked   []netip.Addr
}

func (p *places) leaves(to netip.Addr) (control.Network, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = append(p.asked, to)
	return p.at, !p.unknown
}

func (p *places) move(to control.Network, known bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at, p.unknown = to, !known
}

// TestStatusNamesTheNetwork: the network is looked at when the line comes up and when it
// changes, and its owner alone is told.
func TestStatusNamesTheNetwork(t *testing.T) {
	p := &places{at: control.Network{Kind: control.NetworkWiFi, Name: "Harbour\x1b[2J\n\u202eGuest"}}
	var changes chan tunnel.NetworkChange
	inRigWith(t, func(c *Config) {
		changes = make(chan tunnel.NetworkChange)
		c.Leaves = p.leaves
		c.Tunnel.NetworkChanged = func(context.Context) (<-chan tunnel.NetworkChange, error) { return changes, nil }
	}, func(t *testing.T, r *rig) {
		if n := r.svc.Status(ada).Network; n != nil {
			t.Errorf("before any line: %+v", n)
		}
		f := r.up()
		if n := r.svc.Status(ada).Network; n == nil || *n != (control.Network{Kind: "wifi", Name: "Harbour [2J Guest"}) {
			t.Errorf("%+v", n)
		}
		if n := r.svc.Status(bob).Network; n != nil {
			t.Errorf("another user sees %+v", n)
		}
		before := r.svc.Status(ada).Revision
		p.move(control.Network{Kind: control.NetworkEthernet, Name: "eth0"}, true)
		changes <- tunnel.NetworkChange{}
		synctest.Wait()
		if st := r.svc.Status(ada); st.Network == nil || st.Network.Kind != control.NetworkEthernet || st.Revision <= before {
			t.Errorf("after a change: %+v, revision %d, before %d", st.Network, st.Revision, before)
		}
		info := officeUp().Info
		info.Waiting = true
		f.do(func() { f.emit(tunnel.Changed{Info: info}) })
		if n := r.svc.Status(ada).Network; n != nil {
			t.Errorf("while the line waits for a network: %+v", n)
		}
		info.Waiting, info.GatewayAddress = false, netip.MustParseAddrPort("[2001:db8::1]:4500")
		f.do(func() { f.emit(tunnel.Changed{Info: info}) })
		if n := r.svc.Status(ada).Network; n == nil || p.asked[len(p.asked)-1] != info.GatewayAddress.Addr() {
			t.Errorf("to another address: %+v, asked for %v", n, p.asked)
		}
		p.move(control.Network{}, false)
		changes <- tunnel.NetworkChange{}
		if n := r.state(control.StateConnected).Network; n != nil {
			t.Errorf("where nobody can tell: %+v", n)
		}
	})
}

// TestRenewByHand: who may have a line signed in again, and when.
func TestRenewByHand(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		refused := func(c control.Caller, want control.Code) {
			t.Helper()
			if _, err := r.svc.Renew(t.Context(), c); code(err) != want {
				t.Errorf("%v, want %s", err, want)
			}
			r.expect("")
		}
		refused(ada, control.CodeConflict)
		r.connect("office")
		r.done()
		refused(ada, control.CodeConflict)
		refused(bob, control.CodeForbidden)
		f := r.tunnel()
		f.do(func() { f.emit(officeUp()) })
		r.done()
		refused(bob, control.CodeForbidden)
		for _, c := range []control.Caller{ada, root} {
			if _, err := r.svc.Renew(t.Context(), c); err != nil {
				t.Error(err)
			}
			r.expect("sign-in again")
		}
	})
}

// TestFailureFields: the parts of a failure's sentence are there for another language,
// fit to be shown, and for its owner alone.
func TestFailureFields(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		f := r.up()
		ends := time.Now().Add(-time.Hour)
		f.die(&diagnose.Failure{
			Cause: diagnose.CausePINWrong, Seen: "“Card”\n\x07\u202eOne", Expected: "「vpn」\tname", When: ends, Tries: 2,
		})
		got := r.svc.Status(ada).Error
		if got == nil || got.Seen != "'Card' One" || got.Expected != "'vpn' name" || !got.When.Equal(ends) || got.Tries != 2 {
			t.Errorf("%+v", got)
		}
		if seen := r.svc.Status(bob).Error; seen == nil || seen.Seen != "" || seen.Expected != "" || !seen.When.IsZero() || seen.Tries != 0 {
			t.Errorf("another user sees %+v", seen)
		}
	})
}

// TestTrafficIsReadWhenAsked: counters are those of the moment, and their change wakes
// nobody.
func TestTrafficIsReadWhenAsked(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		f := r.up()
		before := r.svc.Status(ada)
		f.mu.Lock()
		f.stats = tunnel.Stats{TxBytes: 7, RxBytes: 9}
		f.mu.Unlock()
		synctest.Wait()
		after := r.svc.Status(ada)
		if after.ESP.TxBytes != 7 || after.ESP.RxBytes != 9 || after.Revision != before.Revision {
			t.Errorf("%+v at revision %d, before %d", after.ESP, after.Revision, before.Revision)
		}
	})
}
