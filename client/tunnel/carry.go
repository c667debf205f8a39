package tunnel

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/ike"
	"github.com/homeward-vpn/homeward/ike/suite"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// What a line carries is what its Child SAs carry together. There is one, as a
// rule; a gateway that narrows selectors one by one has one for each of its
// networks (RFC 7296 2.9), and may make and delete them while the line stands:
//
//	ChildAdded    the plane receives on it
//	ChildActive   it carries: routes follow, and what is missing still is asked for
//	ChildRemoved  it carries no more: its routes stay as long as the line does, so
//	              that nothing leaves in clear, and the plane refuses what uses them

// carrier is what the line keeps of a Child SA.
type carrier struct {
	outbound      uint32
	local, remote []wire.TrafficSelector
	suite         suite.Proposal
	esn           bool
	since         time.Time // it came into use; zero: not yet
	order         int       // in which they did
	rekeyAt       time.Time
}

// put keeps a Child SA that the plane has taken.
func (s *strand) put(sa ike.ChildSA) {
	s.carriers[sa.InboundSPI] = carrier{
		outbound: sa.OutboundSPI, local: sa.LocalTS, remote: sa.RemoteTS,
		suite: sa.Suite, esn: sa.ESN, rekeyAt: sa.RekeyAt,
	}
}

// use notes that a Child SA carries traffic from now on.
func (s *strand) use(inboundSPI uint32) {
	c, ok := s.carriers[inboundSPI]
	if !ok {
		return
	}
	s.uses++
	c.since, c.order = time.Now(), s.uses
	s.carriers[inboundSPI] = c
	s.info.ESPSuite, s.info.ESN = c.suite.Keyword(), c.esn
	s.show()
}

// drop forgets a Child SA. False: it carried nothing.
func (s *strand) drop(inboundSPI uint32) bool {
	used := !s.carriers[inboundSPI].since.IsZero()
	delete(s.carriers, inboundSPI)
	s.show()
	return used
}

// show takes the Child SAs in use into the status.
func (s *strand) show() {
	s.info.Children, s.info.ESPWarnings = s.children(), nil
	for _, spi := range s.inUse() {
		for _, w := range warnings("This line", s.carriers[spi].suite) {
			if !slices.Contains(s.info.ESPWarnings, w) {
				s.info.ESPWarnings = append(s.info.ESPWarnings, w)
			}
		}
	}
}

// inUse lists the inbound SPIs of the Child SAs that carry traffic, in the order in
// which they came to it.
func (s *strand) inUse() []uint32 {
	spis := slices.Collect(maps.Keys(s.carriers))
	spis = slices.DeleteFunc(spis, func(spi uint32) bool { return s.carriers[spi].since.IsZero() })
	slices.SortFunc(spis, func(a, b uint32) int { return cmp.Compare(s.carriers[a].order, s.carriers[b].order) })
	return spis
}

// carried is what all Child SAs in use carry to the gateway.
func (s *strand) carried() []wire.TrafficSelector {
	var out []wire.TrafficSelector
	for _, spi := range s.inUse() {
		for _, t := range s.carriers[spi].remote {
			if !slices.Contains(out, t) {
				out = append(out, t)
			}
		}
	}
	return out
}

// children describes the Child SAs in use.
func (s *strand) children() []Child {
	var out []Child
	for _, spi := range s.inUse() {
		c := s.carriers[spi]
		out = append(out, Child{
			InboundSPI: spi, OutboundSPI: c.outbound, Local: selectorTexts(c.local), Remote: selectorTexts(c.remote),
			Suite: c.suite.Keyword(), ESN: c.esn, Since: c.since, RekeyAt: c.rekeyAt,
		})
	}
	return out
}

// selectorTexts writes selectors as people do: prefixes where they are such.
func selectorTexts(ts []wire.TrafficSelector) []string {
	out := []string{}
	for _, t := range ts {
		text := t.Start.String() + "-" + t.End.String()
		if ps := t.Prefixes(); len(ps) == 1 {
			text = ps[0].String()
		}
		if t.Protocol != 0 || t.StartPort != 0 || t.EndPort != 65535 {
			text += fmt.Sprintf(" protocol %d ports %d-%d", t.Protocol, t.StartPort, t.EndPort)
		}
		out = append(out, text)
	}
	return out
}

// carryMore takes a Child SA into use beside, or in place of, others.
func (l *line) carryMore(inboundSPI uint32) {
	l.log.Info("a Child SA carries traffic", "esp", l.info.ESPSuite,
		"networks", strings.Join(selectorTexts(l.carriers[inboundSPI].remote), " "), "in_use", len(l.info.Children))
	l.world.remote = l.carried()
	l.follow()
}

// carryLess goes on without a Child SA.
func (l *line) carryLess() {
	l.world.remote = l.carried()
	if l.up && len(l.info.Children) > 0 {
		l.follow()
	}
}

// askForMore asks the gateway for the networks that are wanted and that none of
// its Child SAs carries: those that the profile names, and those that the gateway
// has pushed and the profile takes (RFC 7296 3.15.2). Each is asked for once.
func (l *line) askForMore() {
	carried, _ := l.world.carried(l.world.addresses())
	for _, p := range l.world.wanted() {
		if slices.Contains(l.wished, p) || slices.ContainsFunc(carried, p.Overlaps) {
			continue
		}
		l.wished = append(l.wished, p)
		l.later(ike.CreateChild{RemoteTS: []wire.TrafficSelector{wire.SelectorFromPrefix(p)}})
	}
}

// wanted lists the networks that are to go through the line. Of a full tunnel that
// is everything, which the session asks for by itself.
func (w world) wanted() []netip.Prefix {
	t := w.profile.Traffic
	if t.Full {
		return nil
	}
	want := slices.Clone(t.Include)
	if t.AcceptPushed || len(t.Include) == 0 {
		for _, p := range w.given.Subnets {
			if w.refuseSubnet(p) == "" && !slices.Contains(want, p) {
				want = append(want, p)
			}
		}
	}
	return want[:min(len(want), maxWished)]
}

// childless says to the core how the first Child SA is made.
func childless(c profile.Childless) ike.Childless {
	switch c {
	case profile.ChildlessOffered:
		return ike.ChildlessOffered
	case profile.ChildlessRequired:
		return ike.ChildlessRequired
	}
	return ike.ChildlessNever
}

// maxWished bounds how many networks are asked for one by one.
const maxWished = 64

// refused takes the gateway's word on a network that it will not carry.
func (l *line) refusedChild(e ike.ChildRefused) {
	l.log.Info("the gateway carries no more networks", "asked", strings.Join(selectorTexts(e.RemoteTS), " "), "answer", e.Notify.String())
}

// uncreated reports the refusals of a request for a Child SA that are no defect:
// it is carried, there are enough, or there is no address for it.
func uncreated(err error) bool {
	return errors.Is(err, ike.ErrCarried) || errors.Is(err, ike.ErrTooManyChildren) || errors.Is(err, ike.ErrNoSelectors)
}
