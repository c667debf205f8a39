package tunnel

import (
	"fmt"
	"time"

	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/ike"
	"github.com/homeward-vpn/homeward/ike/auth"
)

// verdict judges a chain, the gateway's or an EAP server's, by the profile.
func (l *line) verdict(s *strand, e ike.NeedVerdict) error {
	policy, err := l.gatewayPolicy()
	if e.EAP {
		policy, err = l.serverPolicy(e.Round)
	}
	if err != nil {
		return err
	}
	return l.trusted(s, e, policy)
}

// gatewayPolicy is the same wherever the line was sent to.
func (l *line) gatewayPolicy() (auth.ChainPolicy, error) {
	g := &l.cfg.Profile.Gateway
	policy := auth.ChainPolicy{Intermediates: g.Intermediates, Name: g.Name(), IssuerName: g.IssuerName, Now: time.Now()}
	for _, text := range g.Pins {
		pin, err := auth.ParsePin(text)
		if err != nil {
			return policy, &diagnose.Failure{Cause: diagnose.CauseProfile, Seen: fmt.Sprintf("pin %q", text), Err: err}
		}
		policy.Pins = append(policy.Pins, pin)
	}
	var err error
	policy.Anchors, err = l.anchors(g.Anchors)
	return policy, err
}

// serverPolicy is for the server of a sign-in over TLS; round 0 is the first.
func (l *line) serverPolicy(round int) (auth.ChainPolicy, error) {
	p := l.cfg.Profile
	settings, _ := p.Client.SignIn()
	if round > 0 {
		settings, _ = p.Client.Further[round-1].SignIn()
	}
	anchors, err := l.anchors(p.ServerAnchors(settings))
	return auth.ChainPolicy{
		Purpose:       auth.ForEAPServer,
		Anchors:       anchors,
		Intermediates: p.Gateway.Intermediates,
		Names:         p.ServerNames(settings),
		Now:           time.Now(),
	}, err
}

// anchors gives those of the profile, else the system's.
func (l *line) anchors(ofProfile [][]byte) ([][]byte, error) {
	if len(ofProfile) > 0 || l.cfg.SystemRoots == nil {
		return ofProfile, nil
	}
	roots, err := l.cfg.SystemRoots()
	if err != nil {
		return nil, &diagnose.Failure{Cause: diagnose.CauseInternal, Err: err}
	}
	return roots, nil
}
