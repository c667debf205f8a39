package tunnel

import (
	"context"
	"net/netip"
	"slices"

	"github.com/homeward-vpn/homeward/client/diagnose"
)

// readdress gives the device other addresses. What keeps packets for them from coming
// in by another device than ours must know them before.
func (l *line) readdress(addresses []netip.Prefix) *diagnose.Failure {
	l.log.Info("the gateway gave other addresses", "addresses", addresses)
	if l.cfg.Readdress != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(l.life), reachTime)
		defer cancel()
		if err := l.cfg.Readdress(ctx, slices.Clone(addresses)); err != nil {
			return &diagnose.Failure{Cause: diagnose.CausePolicyFailed, Seen: err.Error(), Err: err}
		}
	}
	if err := l.tun.SetAddresses(addresses); err != nil {
		return &diagnose.Failure{Cause: diagnose.CauseTUNFailed, Err: err}
	}
	return nil
}
