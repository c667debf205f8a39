package tunnel

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/ike/iketest"
)

// TestRefusedOrphan: a gateway that allows one IKE SA at a time has ended the one in
// use, and refuses the password of the one that was to take over, which was changed
// meanwhile. That is why the line ends: a line that was lost would come back by
// itself, with the same password.
func TestRefusedOrphan(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tr, cfg := newTraveller(t, nil, limited100)
		began := time.Now()
		r := run(t, cfg)
		r.up()
		<-time.After(signIns*4/5 - time.Since(began) - time.Second/2)
		tr.tell(func(time.Time) error {
			tr.gateway.Change(func(c *iketest.ResponderConfig) { c.Users = map[string]string{iketest.UserName: "changed"} })
			return nil
		})
		tr.slow(time.Second)
		tr.tell(tr.gateway.DeleteIKE)
		select {
		case err := <-r.result:
			if !isCause(err, diagnose.CauseWrongPassword) {
				t.Errorf("Run returned %v, want %s", err, diagnose.CauseWrongPassword)
			}
		case <-time.After(2 * orphanPatience):
			t.Error("the line waits on, and there is no session")
			r.stop()
		}
	})
}

// TestLockedMeanwhile: an account that is locked while its line stands is not tried
// again when the gateway ends the line, nor by whoever brings lost lines back.
func TestLockedMeanwhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, limited100)
		cfg := o.config()
		var asked atomic.Int32
		ask := cfg.Ask
		cfg.Ask = func(ctx context.Context, q Question) (Answer, error) { asked.Add(1); return ask(ctx, q) }
		r := run(t, cfg)
		r.up()
		o.tell(func(time.Time) error {
			o.gateway.Change(func(c *iketest.ResponderConfig) {
				c.SignIn.Refuse = map[string]int{iketest.UserName: 647} // RFC 2759 6: the account is disabled
			})
			return nil
		})
		<-time.After(signIns - time.Second)
		r.standing()
		if n := asked.Load(); n != 2 {
			t.Errorf("asked %d times, want once for the first sign-in and once for the second", n)
		}
		o.tell(o.gateway.DeleteIKE)
		if err := <-r.result; !isCause(err, diagnose.CauseAccountLocked) {
			t.Errorf("Run returned %v, want %s", err, diagnose.CauseAccountLocked)
		}
	})
}
