package service

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/supervisor"
	"github.com/homeward-vpn/homeward/client/tunnel"
)

// Status implements control.Backend.
func (s *Service) Status(c control.Caller) control.Status {
	b := s.shown
	b.mu.Lock()
	st := control.Status{
		Revision: b.number, Filings: b.filings, State: visible(b.state), Since: b.since.Round(0),
		Addresses: []netip.Prefix{}, Routes: []netip.Prefix{}, Warnings: slices.Clone(b.warnings),
		DNS: control.DNS{Servers: []netip.Addr{}, Domains: []string{}},
	}
	state, l := b.state, b.line
	mine := !b.owned || b.owner == c.UID || b.owner == profile.OwnerSystem || c.Admin
	mine = mine || state.Phase == supervisor.Disconnected && state.Failure == nil // nothing to see
	b.mu.Unlock()
	if st.Warnings == nil {
		st.Warnings = []string{}
	}
	st.Step = state.Step
	st.KillSwitch = s.guard.describe(state)
	st.Portal = s.portals.show()
	if w := portalWarning(st.Portal, state); w != "" {
		st.Warnings = append(st.Warnings, w)
	}
	describeFailure(&st, state)
	st.Automatic = s.auto.describe(c)
	if !mine {
		return redact(st)
	}
	st.Profile, st.ProfileID = state.Request.ProfileName, state.Request.ProfileID
	st.Prompts = s.prompts.visible(c.UID)
	if l != nil {
		l.describe(&st, state.Mode() != supervisor.Off)
		s.describeNetwork(&st)
	}
	return st
}

func describeFailure(st *control.Status, state supervisor.State) {
	if state.Waiting() {
		st.Step = stepWaiting
	} else if f := state.Failure; f != nil {
		if f.Cause == diagnose.CauseServiceRestarted && state.Mode() == supervisor.Lockdown {
			f = &diagnose.Failure{Cause: f.Cause, Expected: state.Mode().String()} // another way out
		}
		st.Error = &control.Error{Cause: string(f.Cause), Message: f.Sentence(), Detail: f.Error(), When: f.When, Tries: f.Tries}
		st.Error.Seen, st.Error.Expected = f.Shown()
	}
	if state.Unprotected {
		st.Warnings = append(st.Warnings, "The kill switch could not be set, so nothing vouches that traffic is held back; disconnect from the network if that matters.")
	}
}

// redact leaves what any local user may read: that there is a line, and the
// kind of its trouble.
func redact(st control.Status) control.Status {
	st.Redacted = true
	if st.Error != nil {
		words := "Another user's connection has failed; they can see why."
		if st.State == control.StateBlocked {
			words = "Another user's connection has failed or was cut off, and its kill switch holds; only they, or an administrator with «sudo homewardctl disconnect», can let go of it."
		}
		st.Error = &control.Error{Cause: st.Error.Cause, Message: words}
	}
	return st
}

// stepWaiting is the step of a line that comes up when there is a network.
const stepWaiting = "waiting"

// describe adds what is known of the tunnel. held: the kill switch holds.
func (l *line) describe(st *control.Status, held bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	st.Warnings = append(st.Warnings, l.notices...)
	if !l.up {
		return
	}
	st.Gateway = &control.Gateway{
		Address: l.info.GatewayAddress.Addr(), Port: l.info.GatewayAddress.Port(),
		Identity: l.info.GatewayIdentity, BehindNAT: l.info.BehindNAT,
		Version: l.info.GatewayVersion,
	}
	st.Addresses = append(st.Addresses, l.net.Addresses...)
	st.Routes = append(st.Routes, l.net.Routes...)
	st.DNS.Servers = append(st.DNS.Servers, l.net.DNS...)
	st.DNS.Domains = append(st.DNS.Domains, l.net.Domains...)
	st.IKE = &control.IKE{Suite: l.info.IKESuite, Established: l.info.IKEEstablished, RekeyAt: l.info.IKERekeyAt}
	if by := l.info.SignInAgainBy; !by.IsZero() {
		st.SignInAgainBy = &by
	}
	st.Path = &control.Path{Follows: l.info.MOBIKE, Waiting: l.info.Waiting, Moves: []control.Move{}}
	for _, m := range l.info.Moves {
		st.Path.Moves = append(st.Path.Moves, control.Move{At: m.At, From: m.From.Addr(), To: m.To.Addr(), Gateway: m.Gateway.Addr()})
	}
	stats := l.tunnel.Stats()
	st.ESP = &control.ESP{
		Suite: l.info.ESPSuite, ESN: l.info.ESN,
		TxBytes: stats.TxBytes, RxBytes: stats.RxBytes, TxPackets: stats.TxPackets, RxPackets: stats.RxPackets,
		Drops: maps.Clone(stats.Drops),
	}
	if st.ESP.Drops == nil {
		st.ESP.Drops = map[string]uint64{}
	}
	st.ESP.SAs = carrying(l.info.Children, stats.SAs)
	st.Warnings = slices.Concat(st.Warnings, l.said(held), endings(l.info, time.Now()), l.info.IKEWarnings, l.info.ESPWarnings, l.info.Warnings)
}

// said are the line's own warnings, with what the kill switch keeps from working.
func (l *line) said(held bool) []string {
	if !held {
		return l.warnings
	}
	var out []string
	for _, w := range l.warnings {
		if w != l.ofNames || len(l.net.DNS) > 0 { // else it speaks of servers that cannot be asked
			out = append(out, w)
		}
	}
	if len(l.net.DNS) == 0 {
		out = append(out, "The gateway names no name servers, and the kill switch keeps all others from being asked, so no names can be looked up; tell your administrator.")
	}
	if !l.net.Full {
		out = append(out, "The line carries only the routes above, and the kill switch refuses everything else, the Internet too, while it holds; another mode is set with «homewardctl killswitch».")
	} else if len(l.net.Exclude) > 0 {
		var words []string
		for _, p := range l.net.Exclude {
			words = append(words, p.String())
		}
		out = append(out, fmt.Sprintf("The profile leaves %s out of the line, and the kill switch refuses that while it holds.", strings.Join(words, ", ")))
	}
	return out
}

// endings speaks of certificates that end soon.
func endings(i tunnel.Info, now time.Time) (out []string) {
	for _, s := range []string{i.Own.OwnExpiry("Your certificate", now), i.Gateway.GatewayExpiry(now)} {
		if s != "" {
			out = append(out, s)
		}
	}
	return out
}

// carrying describes the Child SAs with what they have carried.
func carrying(children []tunnel.Child, used map[uint32]tunnel.Usage) []control.ESPSA {
	out := make([]control.ESPSA, 0, len(children))
	for _, c := range children {
		u := used[c.InboundSPI]
		out = append(out, control.ESPSA{
			InboundSPI: c.InboundSPI, OutboundSPI: c.OutboundSPI, Local: c.Local, Remote: c.Remote,
			Suite: c.Suite, ESN: c.ESN, Since: c.Since.Round(0), RekeyAt: c.RekeyAt.Round(0),
			TxBytes: u.TxBytes, RxBytes: u.RxBytes,
		})
	}
	return out
}

// Wait implements control.Backend.
func (s *Service) Wait(ctx context.Context, c control.Caller, after uint64) (control.Status, error) {
	for {
		s.shown.mu.Lock()
		number, changed := s.shown.number, s.shown.changed
		s.shown.mu.Unlock()
		if number > after {
			return s.Status(c), nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return control.Status{}, ctx.Err()
		}
	}
}
