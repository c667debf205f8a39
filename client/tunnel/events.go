package tunnel

import (
	"errors"
	"slices"
	"time"

	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/ike"
)

// handle performs one event of the session in use.
func (l *line) handle(ev ike.Event) {
	switch e := ev.(type) {
	case ike.Step:
		l.emit(Progress{Step: string(e.Name)})
	case ike.Established:
		l.established(e)
	case ike.ChildAdded:
		if err := l.added(l.strand, e); err != nil {
			l.fail(&diagnose.Failure{Cause: diagnose.CauseProtocol, Err: err})
		}
	case ike.ChildActive:
		l.active(e)
	case ike.ChildRefused:
		l.refusedChild(e)
	case ike.ChildRemoved:
		l.removed(l.strand, e)
	case ike.IKERekeyed:
		l.info.useIKE(e.Suite)
		l.info.IKERekeyAt, l.info.IKEEstablished = e.RekeyAt, time.Now()
		l.log.Info("the IKE SA has new keys", "ike", l.info.IKESuite, "until", l.info.IKERekeyAt)
		l.changed()
	case ike.PeerAddresses:
		l.gateways = e.Addresses
		l.tellAddresses(l.strand)
	case ike.Moved:
		l.moved(e)
	case ike.MoveRefused:
		l.moveRefused(e)
	case ike.PeerSilent:
		l.silent(e)
	case ike.PeerHeard:
		l.forget(becauseOfSilence)
	case ike.PathNarrow:
		l.pathNarrow(e)
	case ike.Reauthenticate:
		l.signInUntil(l.strand, e)
	case ike.Redirect:
		l.redirected(e.To)
	case ike.PathChecked:
		l.pathChecked(e)
	case ike.Closed:
		l.closed(e)
	}
}

func (l *line) established(e ike.Established) {
	l.strand.established(e)
	l.world.profile, l.world.given, l.world.mayClaim = l.cfg.Profile, e.Configuration, l.cfg.MayClaim
	if l.cfg.LocalNetworks != nil {
		l.world.local = l.cfg.LocalNetworks()
	}
	l.plane.SetPeer(e.Remote)
	l.plane.SetPathMTU(surePath)
}

// active switches outbound traffic to a Child SA; the first one brings the
// device up.
func (l *line) active(e ike.ChildActive) {
	if err := l.plane.Activate(e.InboundSPI); err != nil {
		l.fail(&diagnose.Failure{Cause: diagnose.CauseInternal, Err: err})
		return
	}
	l.use(e.InboundSPI)
	if l.up {
		l.carryMore(e.InboundSPI)
		return
	}
	l.world.remote = l.carried()
	n := l.decide()
	n.Gateway = l.info.GatewayAddress.Addr()
	n.MTU = l.mtu()
	tun, err := l.cfg.OpenTUN(TUNConfig{Addresses: n.Addresses, MTU: n.MTU})
	if err != nil {
		l.fail(&diagnose.Failure{Cause: diagnose.CauseTUNFailed, Err: err})
		return
	}
	l.vigil.gate = &gate{TUN: tun}
	l.tun, n.Interface = l.vigil.gate, tun.Name()
	l.holdFor(l.strand)
	l.plane.AttachTUN(l.tun, n.MTU)
	l.up, l.stood = true, true
	for _, r := range n.Refused {
		l.log.Warn("the gateway sent what the profile does not allow", "refused", r)
	}
	for _, o := range n.Overlaps {
		l.log.Warn("this network and the company have the same addresses", "warning", o)
	}
	for _, w := range slices.Concat(l.info.IKEWarnings, l.info.ESPWarnings) {
		l.log.Warn("the profile allows what is not safe", "warning", w)
	}
	l.log.Info("the first Child SA stands", "gateway", l.info.GatewayAddress, "identity", l.info.GatewayIdentity,
		"behind_nat", l.info.BehindNAT, "ike", l.info.IKESuite, "esp", l.info.ESPSuite)
	l.net = n
	l.watch()
	l.askForMore()
	l.beginSearch()
}

// follow holds the network against what the Child SAs carry now, which need not be
// what they did (RFC 7296 2.9.2). What they carry beyond that gets its routes. What
// they carry no more keeps them as long as the line stands: the plane drops it, and
// it never leaves in clear.
func (l *line) follow() {
	next := l.decide()
	if lost := missing(l.net.Routes, next.Routes); len(lost) > 0 {
		l.log.Warn("the gateway does not carry any more what it did", "networks", lost)
	}
	routes, dns := missing(next.Routes, l.net.Routes), missing(next.DNS, l.net.DNS)
	if len(routes)+len(dns) == 0 || len(l.net.Routes)+len(routes) > 2*l.world.most() {
		l.changed()
		return
	}
	l.log.Info("the gateway carries more than before", "networks", routes)
	l.net.Routes = slices.Concat(l.net.Routes, routes)
	l.net.DNS = slices.Concat(l.net.DNS, dns)
	l.net.Full, l.net.Domains = next.Full || l.net.Full, next.Domains
	l.tellUp()
}

// missing lists what of one list the other has not.
func missing[T comparable](of, in []T) (out []T) {
	has := make(map[T]bool, len(in))
	for _, v := range in {
		has[v] = true
	}
	for _, v := range of {
		if !has[v] {
			out = append(out, v)
		}
	}
	return out
}

func (l *line) changed() {
	if l.vigil.told {
		l.emit(Changed{Info: l.info})
	}
}

// fail ends the line for a reason of this machine's: the gateway is told, and
// the reason, not the goodbye, is what Run returns.
func (l *line) fail(f *diagnose.Failure) {
	if l.finished == nil {
		l.finished = f
	}
	l.quit()
}

func (l *line) closed(e ike.Closed) {
	if l.orphan(e.Failure) {
		return
	}
	l.gone = true
	l.done = !l.quitting()
	if l.finished != nil || e.Failure == nil {
		return
	}
	l.finished = l.ending(e.Failure)
	if l.sendErr != nil && (e.Failure.Cause == ike.CauseNoAnswer || e.Failure.Cause == ike.CausePeerDead) {
		if f := sendFailure(l.sendErr, l.remote); f != nil {
			l.finished = errors.Join(f, e.Failure)
		}
	}
}

// mtu is the device's: the profile's, else what the largest path holds. The
// plane refuses inward what the real path cannot.
func (l *line) mtu() int {
	if m := l.cfg.Profile.Traffic.MTU; m != 0 {
		return m
	}
	return l.plane.InnerMTU(largestPath)
}
