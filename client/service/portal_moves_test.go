package service

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/client/portal"
	"github.com/homeward-vpn/homeward/client/tunnel"
)

// TestNetworkIsForgottenWithTheNetwork: what was found of one network is not said of the
// next, neither by what was known nor by a look that was under way.
func TestNetworkIsForgottenWithTheNetwork(t *testing.T) {
	h := &hotel{finding: held}
	var changes chan tunnel.NetworkChange
	var hold chan struct{}
	inRigWith(t, func(cfg *Config) {
		changes, hold = make(chan tunnel.NetworkChange), make(chan struct{}) // of the test's own time
		cfg.Portals = h.parts()
		look := cfg.Portals.Look
		cfg.Portals.Look = func(ctx context.Context) (portal.Finding, error) {
			f, err := look(ctx)
			if h.looked() == 2 {
				<-hold
			}
			return f, err
		}
		cfg.Tunnel.NetworkChanged = func(context.Context) (<-chan tunnel.NetworkChange, error) { return changes, nil }
	}, func(t *testing.T, r *rig) {
		r.connect("office")
		r.tunnel().die(&diagnose.Failure{Cause: diagnose.CauseGatewaySilent})
		if st := r.svc.Status(ada); st.Portal == nil || st.Portal.State != control.PortalCaptive {
			t.Fatalf("the status shows %+v", st.Portal)
		}
		r.up()
		changes <- tunnel.NetworkChange{}
		synctest.Wait()
		if st := r.svc.Status(ada); st.Portal != nil {
			t.Errorf("of another network, that nobody has looked at, the status shows %+v", st.Portal)
		}

		old := make(chan control.Portal)
		go func() {
			found, _ := r.svc.LookPortal(t.Context(), ada) // a finding, or why there is none: it is of the old network
			old <- found
		}()
		synctest.Wait()
		changes <- tunnel.NetworkChange{}
		synctest.Wait()
		close(hold)
		if found := <-old; found.State != control.PortalCaptive {
			t.Errorf("the look has found %+v", found)
		}
		if st := r.svc.Status(ada); st.Portal != nil {
			t.Errorf("of the network after it the status shows %+v", st.Portal)
		}
	})
}

// TestSignInEndsWithTheService: who is signing in when the service ends is told so, and
// nobody may leave any more.
func TestSignInEndsWithTheService(t *testing.T) {
	h := &hotel{finding: held}
	inRigWith(t, func(cfg *Config) { cfg.Portals = h.parts() }, func(t *testing.T, r *rig) {
		r.connect("vault")
		s := r.signIn(ada)
		if p := r.holds(); p == nil || p.Portal == nil {
			t.Fatalf("the policy is %+v", p)
		}
		r.end()
		synctest.Wait()
		if got := s.why(); got != control.SignInRemoved {
			t.Errorf("it ended as %q", got)
		}
		if p := r.holds(); p == nil || p.Portal != nil || h.group().closed != 1 {
			t.Errorf("after the service the policy is %+v, and the group was closed %d times", p, h.group().closed)
		}
	})
}
