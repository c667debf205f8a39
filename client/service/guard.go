package service

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/client/supervisor"
	"github.com/homeward-vpn/homeward/client/tunnel"
)

// guard is between the supervisor, which decides how much is held back, and the
// kill switch, which does it:
//
//	order (supervisor), reach (a tunnel's gateways), open (a hole for a moment),
//	refresh (another local network), altered (somebody else's hand)
//	  -> compose: one Policy of all that
//	  -> posture: what must outlive this process is on disk before it is done
//	  -> KillSwitch.Set
//	  -> changed: the proof begins anew, the status is told
//
// A policy that could not be set is told to the supervisor and tried again until
// it stands.
type guard struct {
	ks      KillSwitch
	posture Posture
	logger  *slog.Logger
	local   func() []netip.Prefix // nil: none are known
	post    func(supervisor.Event)
	wake    func() // tells watchers of the status
	prover  *prover
	now     func() time.Time

	// setting is held from composing a policy until it stands, so that policies
	// come in the order of what they are made from.
	setting sync.Mutex

	mu       sync.Mutex
	ordered  supervisor.Policy
	network  tunnel.Network // of the tunnel that is let through
	lines    map[uint64][]netip.AddrPort
	holes    map[uint64]hole
	lastHole uint64
	portal   *PolicyPortal
	standing Standing
	behind   bool    // the disk does not say so
	stands   *Policy // what was set last, and stands as far as is known
	unsure   bool    // a former run may have left something, or a policy failed
	failed   bool    // what is ordered does not stand
	proving  bool    // it is set once more because a proof found a leak
	shown    shownGuard
}

// hole is a way that is open for a moment, for the service alone.
type hole struct{ resolvers, probes []netip.AddrPort }

// shownGuard is what the status says.
type shownGuard struct {
	verified time.Time
	alarms   [alarmKinds]string
	changes  uint64 // of the policy
}

// alarmKind is a reason to doubt that nothing leaves; the first one is told first.
type alarmKind int

const (
	alarmFailed alarmKind = iota
	alarmLeak
	alarmAltered
	alarmPosture
	alarmKinds
)

func newGuard(cfg Config, post func(supervisor.Event), wake func()) *guard {
	g := &guard{
		ks: cfg.KillSwitch, posture: cfg.Posture, logger: cfg.Logger, local: cfg.Tunnel.LocalNetworks,
		post: post, wake: wake, now: time.Now, unsure: true,
		lines: map[uint64][]netip.AddrPort{}, holes: map[uint64]hole{},
	}
	if g.posture == nil {
		g.posture = noPosture{}
	}
	g.prover = newProver(cfg.Proof, cfg.Logger, g.proven, g.again)
	return g
}

// order makes p what is held back from now on. network is that of p's tunnel.
func (g *guard) order(p supervisor.Policy, network tunnel.Network) error {
	return g.change(func() {
		if p.Allow == supervisor.AllowAll || p.Request.ProfileID != g.ordered.Request.ProfileID {
			g.shown.alarms[alarmAltered] = ""
		}
		g.ordered, g.network = p, network
	})
}

// reach is what a tunnel's Config.Reach does.
func (g *guard) reach(line uint64, gateways []netip.AddrPort) error {
	return g.told(g.change(func() { g.lines[line] = slices.Clone(gateways) }))
}

// readdress names the addresses that a tunnel's device is about to have, besides those
// that it has.
func (g *guard) readdress(line uint64, addresses []netip.Prefix) error {
	return g.told(g.change(func() {
		if g.ordered.Allow != supervisor.AllowTunnel || g.ordered.Tunnel != line {
			return
		}
		all := slices.Clone(g.network.Addresses)
		for _, a := range addresses {
			if !slices.Contains(all, a) {
				all = append(all, a)
			}
		}
		g.network.Addresses = all
	}))
}

// gone closes what was open for a tunnel, with the next policy: its packets are
// marked, and nobody sends them any more.
func (g *guard) gone(line uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.lines, line)
}

// open opens a way for the service's own packets, to resolvers or to a web server
// that is asked whether there is a captive portal, until shut is called.
func (g *guard) open(h hole) (shut func(), err error) {
	var id uint64
	err = g.told(g.change(func() {
		g.lastHole++
		id = g.lastHole
		g.holes[id] = h
	}))
	shut = func() {
		if err := g.told(g.change(func() { delete(g.holes, id) })); err != nil {
			g.logger.Error("a way that was open for a moment could not be closed", "error", err)
		}
	}
	if err != nil {
		shut()
		return nil, err
	}
	return shut, nil
}

// refresh takes over what the local networks are now. What stands is proven anew also
// where it stays the same: there may be ways out now that nobody has tried.
func (g *guard) refresh() error {
	err := g.told(g.change(func() {}))
	g.mu.Lock()
	defer g.mu.Unlock()
	g.prover.changed(g.subject())
	return err
}

// subject is what there is to prove now. The caller holds mu.
func (g *guard) subject() subject {
	s := subject{changes: g.shown.changes, restrains: g.stands != nil && !g.failed, again: g.proving}
	if g.stands != nil && g.stands.Tunnel != nil {
		s.except = []string{g.stands.Tunnel.Interface}
	}
	return s
}

// retry sets again what could not be set. Only where that is the case.
func (g *guard) retry() {
	g.mu.Lock()
	failed := g.failed
	g.mu.Unlock()
	if failed && g.change(func() {}) == nil {
		g.logger.Info("the kill switch stands again")
		g.post(supervisor.PolicyBack{})
	}
}

// trouble says whether there is something to retry.
func (g *guard) trouble() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.failed
}

// told tells the supervisor of a policy that could not be set.
func (g *guard) told(err error) error {
	if err == nil {
		return nil
	}
	f := &diagnose.Failure{Cause: diagnose.CausePolicyFailed, Seen: err.Error(), Err: err}
	g.post(supervisor.PolicyLost{Failure: f})
	return f
}

// change changes what the policy is made of, and sees to it that it stands.
func (g *guard) change(how func()) error {
	g.setting.Lock()
	defer g.setting.Unlock()
	g.mu.Lock()
	how()
	g.mu.Unlock()
	return g.hold()
}

// hold makes what stands what is ordered. The caller holds setting.
func (g *guard) hold() error {
	local := g.around()
	g.mu.Lock()
	want, stands, unsure := g.compose(local), g.stands, g.unsure
	g.mu.Unlock()
	if want != nil {
		g.engage()
	}
	if !unsure && reflect.DeepEqual(want, stands) {
		return nil
	}
	var err error
	if want != nil {
		err = g.ks.Set(*want)
	} else {
		err = g.ks.Clear()
	}
	g.mu.Lock()
	g.failed, g.unsure = err != nil, err != nil
	if err == nil {
		g.stands = want
	}
	g.shown.verified = time.Time{}
	g.shown.changes++
	if !g.proving { // else it stays until it is proven that nothing leaves
		g.alarm(alarmLeak, "")
	}
	g.alarm(alarmFailed, "")
	if err != nil {
		g.alarm(alarmFailed, fmt.Sprintf("The kill switch could not be set (%v); Homeward keeps trying, and until then it is not sure that nothing leaves.", err))
	}
	s := g.subject()
	g.mu.Unlock()
	switch {
	case err != nil:
		g.logger.Error("the kill switch could not be set", "error", err)
	case want == nil:
		g.disengage()
	}
	g.prover.changed(s)
	g.wake()
	return err
}

// again sets once more what stands, for a proof found that it does not hold.
func (g *guard) again() {
	g.setting.Lock()
	defer g.setting.Unlock()
	g.mu.Lock()
	g.unsure, g.proving = true, true
	g.mu.Unlock()
	if err := g.told(g.hold()); err != nil {
		g.logger.Error("a policy that leaks could not be set once more", "error", err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.proving = false
}

// alarm sets or clears one. The caller holds mu.
func (g *guard) alarm(kind alarmKind, sentence string) { g.shown.alarms[kind] = sentence }

// raise sets an alarm.
func (g *guard) raise(kind alarmKind, sentence string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.alarm(kind, sentence)
}

// compose makes one policy of all that is known, with these local networks; nil:
// everything may leave. The caller holds mu.
func (g *guard) compose(local []netip.Prefix) *Policy {
	o := g.ordered
	if !o.Restrains() {
		return nil
	}
	p := &Policy{Portal: g.portal}
	if g.allowsLocal() {
		p.LocalNetworks = local
	}
	for _, h := range sorted(g.holes) {
		p.Resolvers = append(p.Resolvers, h.resolvers...)
		p.Probes = append(p.Probes, h.probes...)
	}
	if o.Allow == supervisor.AllowNothing {
		return p
	}
	for _, gateways := range sorted(g.lines) {
		p.Gateways = append(p.Gateways, gateways...)
	}
	if o.Allow == supervisor.AllowTunnel && g.network.Interface != "" {
		p.Tunnel = carriedBy(g.network)
	}
	return p
}

// sorted gives the values in the order of their keys, so that equal policies are.
func sorted[T any](m map[uint64]T) (out []T) {
	keys := make([]uint64, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		out = append(out, m[k])
	}
	return out
}

// carriedBy is what a policy says of a tunnel's device.
func carriedBy(n tunnel.Network) *PolicyTunnel {
	t := &PolicyTunnel{Interface: n.Interface, Addresses: slices.Clone(n.Addresses), DNS: slices.Clone(n.DNS)}
	for _, a := range n.Addresses {
		t.IPv4 = t.IPv4 || a.Addr().Is4()
		t.IPv6 = t.IPv6 || a.Addr().Is6()
	}
	return t
}

// watch looks whether what stands is what was set, whenever somebody else may have
// changed it, until ctx ends.
func (g *guard) watch(ctx context.Context) {
	for ctx.Err() == nil {
		changes, err := g.ks.Watch(ctx)
		if err != nil {
			g.logger.Warn("what others do to the kill switch is not noticed at once", "error", err)
		}
		if changes == nil {
			return
		}
		g.altered() // before anybody looked
		for told := true; told; {
			select {
			case _, told = <-changes:
				g.altered()
			case <-ctx.Done():
				return
			}
		}
		select {
		case <-time.After(watchPause):
		case <-ctx.Done():
		}
	}
}

// watchPause is how long it takes until the rules are watched anew, where the system
// has stopped telling.
const watchPause = time.Second

// altered sets again what somebody else has changed, and says so.
func (g *guard) altered() {
	g.setting.Lock()
	defer g.setting.Unlock()
	g.mu.Lock()
	intact := !g.ordered.Restrains() || g.failed
	g.mu.Unlock()
	if intact {
		return // there is nothing to be altered, or it is being retried
	}
	err := g.ks.Check()
	if err == nil {
		return
	}
	g.logger.Error("somebody else has changed the kill switch's rules; they are set again", "error", err)
	g.mu.Lock()
	g.unsure = true
	at := g.now().Format("15:04")
	g.alarm(alarmAltered, fmt.Sprintf("Something else on this computer took away or changed the kill switch's rules at %s, and Homeward has set them again; look for another firewall or VPN program.", at))
	g.mu.Unlock()
	if g.told(g.hold()) == nil {
		g.logger.Info("the kill switch's rules stand again")
	}
}

// proven takes the outcome of a proof that nothing leaves, begun when there had
// been so many changes of the policy. leak is a sentence, empty: none was seen.
func (g *guard) proven(changes uint64, at time.Time, leak string) {
	g.mu.Lock()
	fresh := changes == g.shown.changes && g.stands != nil && !g.failed
	if fresh {
		g.shown.verified = at
		if leak != "" {
			g.shown.verified = time.Time{}
		}
		g.alarm(alarmLeak, leak)
	}
	g.mu.Unlock()
	if fresh {
		g.wake()
	}
}

// describe is the status of the kill switch.
func (g *guard) describe(state supervisor.State) control.KillSwitch {
	g.mu.Lock()
	defer g.mu.Unlock()
	k := control.KillSwitch{Mode: state.Mode().String(), Engaged: g.stands != nil && !g.failed}
	k.LocalNetwork = k.Mode != control.KillSwitchOff && g.allowsLocal()
	if v := g.shown.verified; !v.IsZero() && k.Engaged {
		v = v.Round(0)
		k.Verified = &v
	}
	for _, sentence := range g.shown.alarms {
		if sentence != "" {
			k.Alarm = sentence
			break
		}
	}
	return k
}
