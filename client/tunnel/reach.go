package tunnel

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"time"

	"github.com/homeward-vpn/homeward/client/diagnose"
)

// A kill switch lets packets through to the addresses that it knows, and to no
// others. So before the first packet to an address the way to it is opened
// (Config.Reach), and one that no session has to do with any more is closed:
//
//	openWays, after every input: what the sessions may send to
//	  -> the same as is open: nothing
//	  -> Config.Reach with the whole of it
//	send: an address that is not open yet -> a guest's, for a while -> openWays, before
//	  the packet leaves
//
// ESP goes nowhere but where IKE has been.

// natPort is where IKE and ESP go once a handshake has begun (RFC 7296 2.23).
const natPort = 4500

// An answer goes to where the request came from (RFC 7296 2.11), which may be any
// address where somebody repeats a request of the gateway's. A few of those are open
// at a time, each for a while.
const (
	mostGuests = 4
	guestStay  = time.Minute
)

// guest is an address that no session names, and that one has sent to.
type guest struct {
	at    netip.AddrPort
	until time.Time
}

// reachTime bounds the wait for the way to be opened.
const reachTime = 5 * time.Second

// ways are where the line may send to.
func (l *line) ways(now time.Time) (out []netip.AddrPort) {
	put := func(host netip.Addr, port uint16) {
		if !host.IsValid() {
			return
		}
		at := netip.AddrPortFrom(host.Unmap(), port)
		if i, found := slices.BinarySearchFunc(out, at, netip.AddrPort.Compare); !found {
			out = slices.Insert(out, i, at)
		}
	}
	for _, s := range l.strands() {
		hosts := []netip.Addr{s.remote.Addr(), s.info.GatewayAddress.Addr()}
		hosts = slices.Concat(hosts, s.gateways, l.namesakes(s), l.translate.hosts)
		for _, host := range hosts {
			put(host, s.remote.Port())
			if s.remote.Port() == defaultIKEPort {
				put(host, natPort)
			}
			if at := s.info.GatewayAddress; at.IsValid() {
				put(host, at.Port())
			}
		}
	}
	for _, g := range l.guests {
		if g.until.After(now) {
			put(g.at.Addr(), g.at.Port())
		}
	}
	return out
}

// openWays opens and closes what has changed.
func (l *line) openWays() *diagnose.Failure {
	if l.cfg.Reach == nil {
		return nil
	}
	want := l.ways(time.Now())
	if slices.Equal(want, l.reachable) {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(l.life), reachTime)
	defer cancel()
	if err := l.cfg.Reach(ctx, slices.Clone(want)); err != nil {
		return &diagnose.Failure{Cause: diagnose.CausePolicyFailed, Seen: err.Error(), Err: err}
	}
	l.reachable = want
	return nil
}

// errNoWay says that a packet is not sent, as if a network had lost it.
var errNoWay = errors.New("tunnel: the way to this address is not open")

// open sees to it that a packet may be sent there. An error: it may not.
func (l *line) open(to netip.AddrPort) error {
	to = netip.AddrPortFrom(to.Addr().Unmap(), to.Port())
	if l.cfg.Reach == nil || slices.Contains(l.reachable, to) {
		return nil
	}
	now := time.Now()
	if !slices.Contains(l.ways(now), to) {
		l.guests = slices.DeleteFunc(l.guests, func(g guest) bool { return !g.until.After(now) })
		if len(l.guests) == mostGuests {
			return errNoWay
		}
		l.guests = append(l.guests, guest{to, now.Add(guestStay)})
	}
	if err := l.openWays(); err != nil {
		l.fail(err)
		return errNoWay
	}
	return nil
}
