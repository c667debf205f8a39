package tunnel

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"github.com/homeward-vpn/homeward/ike"
)

// The line follows this machine from network to network:
//
//	the network has changed, or this machine has slept
//	  -> roam: by which address is the gateway reached now?
//	  none            -> the session waits without sending, however long that takes
//	  by a translator -> it waits until that is found (translate.go)
//	  the same        -> an urgent sign of life: short retransmissions first
//	  another         -> MOBIKE: Move; Moved -> peer, routes and path MTU follow
//	                     without: a successor that asks for the same inner addresses
//	the gateway stays silent -> a successor beside the session, which goes on trying
//
// The sockets are bound to no address, so that the system chooses the source of
// every packet, and ESP leaves from the new address as soon as there is one. To
// another address of the gateway's ESP goes only when the gateway has agreed,
// which is when it begins to take it there, and when that address is proven to be
// its own (RFC 4555 3.5, 3.7). Inbound packets are taken from wherever they come.

const (
	// mostMoves is how many moves Info remembers.
	mostMoves = 8
	// hesitation is how long a silent gateway is waited for before the user would
	// have to sign in again because of it.
	hesitation = 3 * time.Second
	// hurryPause is how long a sign of life is waited for before another change has
	// it asked for anew.
	hurryPause = 5 * time.Second
	// lateBy is how much later than it was set an alarm comes where this process did
	// not run: it was stopped or frozen, and no clock of the system's tells.
	lateBy = 3 * time.Second
	// stillUnderWay is how long after a change what comes in may have been sent before.
	stillUnderWay = time.Second
)

// Why a successor is wanted.
const (
	becauseOfNetwork = "another network, and a gateway that does not follow"
	becauseOfSilence = "the gateway is silent since the network changed"
)

// Move is one change of the line's path, for the status.
type Move struct {
	At       time.Time
	From, To netip.AddrPort // our own ends, as this machine has them
	Gateway  netip.AddrPort // where it goes since
}

// NetworkChange is word that the network of this machine may have changed.
type NetworkChange struct {
	// Resumed: the machine has slept, or this process did not run. The gateway may
	// have given us up meanwhile, also where the network is what it was.
	Resumed bool
	Slept   time.Duration // as far as is known; 0: it is not
}

// watchNetwork begins to listen to changes of the network. A nil channel, where
// nobody tells them, never yields.
func (l *line) watchNetwork(ctx context.Context) <-chan NetworkChange {
	if l.cfg.NetworkChanged == nil {
		return nil
	}
	changes, err := l.cfg.NetworkChanged(ctx)
	if err != nil {
		l.log.Warn("changes of the network are not noticed at once", "err", err)
		return nil
	}
	return changes
}

// roam follows a change of the network. Before the line is up there is nothing to
// move: the handshake's next try goes the new way by itself.
func (l *line) roam(c NetworkChange) {
	if !l.up || l.done || l.quitting() {
		return
	}
	if c.Resumed {
		l.log.Info("this computer has slept, or the service was stopped; the gateway is asked whether it still knows us", "slept", c.Slept.Round(time.Second))
	}
	l.roamed = time.Now()
	if l.seekTranslator(c) {
		l.wait()
		return
	}
	l.takeWay(c)
}

// takeWay goes the way that there is now.
func (l *line) takeWay(c NetworkChange) {
	l.tellAddresses(l.strand)
	local, remote, ok := l.way()
	switch {
	case !ok:
		l.wait()
		return
	case l.cfg.LocalNetworks != nil:
		l.world.local = l.cfg.LocalNetworks()
	}
	waited := l.info.Waiting
	l.info.Waiting = false
	switch {
	case l.gone:
		l.replaceFor(becauseOfNetwork, local, time.Time{})
	case local.Addr() == l.local.Addr() && remote.Addr() == l.info.GatewayAddress.Addr():
		l.hurry(waited || c.Resumed)
		l.adapt()
	case l.mobile:
		l.log.Info("the line moves", "from", l.local, "to", local, "gateway", remote)
		l.later(ike.Move{Local: local, Remote: remote})
	default:
		l.later(ike.CheckLiveness{Urgent: true}) // it ends a wait, and some gateways follow by themselves
		l.replaceFor(becauseOfNetwork, local, time.Time{})
	}
}

// hurry asks for a sign of life. One that is asked for already is not asked for anew
// by every change, which would begin the tries again and again, and never end them;
// unless it was asked for in another time (anew).
func (l *line) hurry(anew bool) {
	now := time.Now()
	if !anew && l.hurried.After(l.heardAt) && now.Sub(l.hurried) < hurryPause {
		return
	}
	l.hurried = now
	l.later(ike.CheckLiveness{Urgent: true})
}

// overslept notices by an alarm that this process did not run when it was due. What
// waited for an answer meanwhile begins its tries anew before its time is found to
// be over.
func (l *line) overslept(now time.Time) {
	if late := now.Sub(l.due); !l.due.IsZero() && late >= lateBy {
		l.roam(NetworkChange{Resumed: true, Slept: late})
		l.drain()
	}
}

// way is how the gateway is reached now: at the address in use if that is possible,
// else at another one that is known.
func (l *line) way() (local, remote netip.AddrPort, ok bool) {
	for _, host := range l.gatewayHosts() {
		remote = netip.AddrPortFrom(host, l.info.GatewayAddress.Port())
		if local = l.transport.LocalAddr(remote); local.IsValid() {
			return local, remote, true
		}
	}
	return netip.AddrPort{}, netip.AddrPort{}, false
}

// gatewayHosts lists where the gateway can be, the address in use first. What may be
// the word of another network's translator comes last.
func (l *line) gatewayHosts() []netip.Addr {
	hosts := []netip.Addr{l.info.GatewayAddress.Addr().Unmap()}
	for _, a := range slices.Concat(l.gateways, l.namesakes(l.strand)) {
		if a = a.Unmap(); !slices.Contains(hosts, a) && (!a.IsPrivate() || hosts[0].IsPrivate()) {
			hosts = append(hosts, a)
		}
	}
	return l.translate.order(hosts)
}

// namesakes are the addresses that the gateway's name has; nil where the line has
// been sent to another gateway than the name's.
func (l *line) namesakes(s *strand) []netip.Addr {
	if !slices.Contains(l.resolved, s.remote.Addr()) {
		return nil
	}
	return l.resolved
}

// tellAddresses says to a session by which addresses of ours its gateway can be
// reached, and which else the gateway's name has.
func (l *line) tellAddresses(s *strand) {
	if !s.mobile {
		return
	}
	var ours []netip.Addr
	known := l.namesakes(s)
	for _, host := range slices.Concat(s.gateways, known) {
		at := l.transport.LocalAddr(netip.AddrPortFrom(host, s.info.GatewayAddress.Port()))
		if at.IsValid() && !slices.Contains(ours, at.Addr()) {
			ours = append(ours, at.Addr())
		}
	}
	s.later(ike.Addresses{Local: ours, Remote: known})
}

// wait keeps the line while there is no network. Nothing fails by that: the
// gateway keeps its half for as long as it likes, and is asked when there is one.
func (l *line) wait() {
	if l.info.Waiting {
		return
	}
	l.log.Info("there is no network, and the line waits for one")
	l.info.Waiting = true
	l.later(ike.NoPath{})
	l.changed()
}

// moved takes the gateway's word on the path in use.
func (l *line) moved(e ike.Moved) {
	l.stall.open = false
	before := l.local
	if e.Local.IsValid() {
		l.local = e.Local
	}
	elsewhere := e.Remote != l.info.GatewayAddress
	if before == l.local && !elsewhere && e.Behind.Us == l.info.BehindNAT {
		l.forget(becauseOfSilence)
		return // it was the NAT that has moved, or nothing at all
	}
	l.info.GatewayAddress, l.info.BehindNAT = e.Remote, e.Behind.Us
	l.note(Move{At: time.Now(), From: before, To: l.local, Gateway: e.Remote})
	l.log.Info("the line has moved", "from", before, "to", l.local, "gateway", e.Remote, "behind_nat", e.Behind.Us)
	if elsewhere {
		l.plane.SetPeer(e.Remote)
	}
	l.forget(becauseOfSilence)
	l.adapt()
	if before != l.local || elsewhere {
		l.newPath()
	}
}

// note keeps a move for the status.
func (l *line) note(m Move) {
	l.info.Moves = append(slices.Clone(l.info.Moves), m)
	if more := len(l.info.Moves) - mostMoves; more > 0 {
		l.info.Moves = l.info.Moves[more:]
	}
}

// moveRefused is for a gateway that takes no path that is known.
func (l *line) moveRefused(e ike.MoveRefused) {
	l.stall.open = false
	l.log.Warn("the gateway refuses to follow", "to", e.Local, "why", e.Notify.String())
	l.replaceFor(becauseOfNetwork, e.Local, time.Time{})
}

// silent brings up a successor beside a session whose gateway does not answer: it
// may have forgotten us while this machine slept. A user who would have to sign in
// for that is given a moment's peace first, since most silences end by themselves.
func (l *line) silent(e ike.PeerSilent) {
	if l.roamed.IsZero() || e.Since.After(l.roamed.Add(stillUnderWay)) {
		return // no more than the stall of a line whose network is what it was
	}
	var at time.Time
	if l.byPerson() {
		at = time.Now().Add(hesitation)
	}
	local, _, _ := l.way()
	l.replaceFor(becauseOfSilence, local, at)
}

// replaceFor plans a successor from an address of ours, unless one from there is
// on its way already.
func (l *line) replaceFor(why string, local netip.AddrPort, at time.Time) {
	if s := l.successor(); s != nil && (s.local.Addr() == local.Addr() || why == becauseOfSilence) {
		return
	}
	var remotes []netip.AddrPort
	for _, host := range l.gatewayHosts() {
		to := netip.AddrPortFrom(host, l.remote.Port())
		if l.transport.LocalAddr(to).IsValid() {
			remotes = append(remotes, to)
		}
	}
	if h := l.next; h != nil && h.why == why && h.strand == nil {
		// Planned already: the user may be asked, and a refusal has its pause.
		h.remotes = remotes
		if soon := h.tried.Add(firstPause); !h.at.IsZero() && why == becauseOfNetwork && soon.Before(h.at) {
			h.at = soon
		}
		return
	}
	l.handOver(plan{why: why, remotes: remotes, at: at, change: func(c *ike.Config) {
		// Nothing more is heard of the session in use. Only once it is forgotten do
		// some gateways, strongSwan for one, give its addresses to us again (RFC 7296 2.4).
		c.InitialContact = true
	}})
}

// forget gives up a plan that has lost its reason, unless the gateway may be ending
// the session in use for it.
func (l *line) forget(why string) {
	l.roamed = time.Time{}
	if s := l.successor(); s != nil && s.signingIn() {
		return
	}
	if l.next != nil && l.next.why == why && l.next.orphaned == nil {
		l.log.Info("the successor is not needed any more", "why", why)
		l.abandon(l.next)
		l.planSignIn()
	}
}
