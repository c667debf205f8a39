package service

import (
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/diagnose"
)

// TestStorm lets users, gateways and parts of the system do as they please for
// a day of virtual time; then the user disconnects, and nothing may be left.
func TestStorm(t *testing.T) {
	for seed := range uint64(6) {
		inRig(t, func(t *testing.T, r *rig) {
			rng := rand.New(rand.NewPCG(seed, 7))
			parts := []string{"routes of homeward0", "dns of homeward0", "no dns", "no routes", "tunnel starts", "open", "closed", "closed but for homeward0"}
			for range 300 {
				<-time.After(time.Duration(rng.Int64N(int64(10 * time.Minute))))
				var err error
				if rng.IntN(3) == 0 {
					err = &diagnose.Failure{Cause: diagnose.CauseInternal}
				}
				r.fail(parts[rng.IntN(len(parts))], err)
				stormTurn(r, rng)
			}
			for _, p := range parts {
				r.fail(p, nil)
			}
			for range 2 {
				if _, err := r.svc.Disconnect(t.Context(), ada); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
			}
			st := r.state(control.StateDisconnected)
			if len(st.Prompts) != 0 || st.Gateway != nil {
				t.Errorf("left: %+v", st)
			}
			r.svc.linesMu.Lock()
			defer r.svc.linesMu.Unlock()
			if len(r.svc.lines) != 0 {
				t.Errorf("%d tunnels still run", len(r.svc.lines))
			}
		})
	}
}

// stormTurn does one random thing.
func stormTurn(r *rig, rng *rand.Rand) {
	synctest.Wait()
	st := r.svc.Status(ada)
	r.svc.linesMu.Lock()
	var f *fakeTunnel
	for _, l := range r.svc.lines {
		f = l.tunnel.(*fakeTunnel)
	}
	r.svc.linesMu.Unlock()
	switch n := rng.IntN(10); {
	case n == 0:
		if _, err := r.svc.Disconnect(r.t.Context(), ada); err != nil {
			r.t.Error(err)
		}
	case n < 5 || f == nil:
		name := []string{"office", "lab", "vault"}[rng.IntN(3)]
		if _, err := r.svc.Connect(r.t.Context(), ada, control.ConnectRequest{Profile: name}); err != nil && code(err) != control.CodeConflict {
			r.t.Error(err)
		}
	case n < 6 && len(st.Prompts) > 0:
		if err := r.svc.Answer(r.t.Context(), ada, control.Answer{Prompt: st.Prompts[0].ID, Secret: control.Secret("x")}); err != nil {
			r.t.Error(err)
		}
	case n < 7:
		f.ask(passwordQuestion)
	case n < 9:
		f.do(func() { f.emit(officeUp()) })
	default:
		causes := diagnose.Causes()
		f.die(&diagnose.Failure{Cause: causes[rng.IntN(len(causes))]})
	}
	if n := len(r.svc.Status(ada).Prompts); n > 0 && r.svc.Status(ada).State == control.StateDisconnected {
		r.t.Errorf("disconnected with %d prompts", n)
	}
}
