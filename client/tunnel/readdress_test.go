package tunnel

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/homeward-vpn/homeward/client/diagnose"
)

// TestReaddressIsToldBefore: the kill switch names other addresses before the device has
// them, and where it cannot the device never gets them.
func TestReaddressIsToldBefore(t *testing.T) {
	t.Parallel()
	other := netip.PrefixFrom(netip.MustParseAddr("10.98.0.99"), 32)
	for name, fails := range map[string]error{"named": nil, "not named": errors.New("the kernel refuses")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				o := newOffice(t, limited100)
				cfg := o.config()
				given := make(chan []netip.Prefix, 4)
				named := make(chan []netip.Prefix, 4)
				cfg.OpenTUN = func(TUNConfig) (TUN, error) { return readdress{device: device{o.tun}, given: given}, nil }
				cfg.Readdress = func(_ context.Context, to []netip.Prefix) error {
					if len(given) != 0 {
						t.Error("the device has the addresses already")
					}
					named <- to
					return fails
				}
				r := run(t, cfg)
				r.up()
				o.tell(func(time.Time) error { o.gateway.Give(other); return nil })
				if got := <-named; !slices.Equal(got, []netip.Prefix{other}) {
					t.Errorf("named %v", got)
				}
				if fails != nil {
					if err := <-r.result; !isCause(err, diagnose.CausePolicyFailed) || len(given) != 0 {
						t.Errorf("Run returned %v, and the device was given %d lists", err, len(given))
					}
					return
				}
				if got := <-given; !slices.Equal(got, []netip.Prefix{other}) {
					t.Errorf("the device got %v", got)
				}
				r.stop()
			})
		})
	}
}
