// Package ondemand decides whether the network that the computer is in wants a
// line: it holds a profile's rules against what is known of the network.
//
// It is pure: it asks nobody, keeps nothing and knows no clock. What a rule can only
// learn from the network it says as a Probe; the caller makes that, puts the answer
// into the Environment and asks again:
//
//	Evaluate -> Decision, or a Probe -> the caller asks the URL -> Evaluate ...
//
// The rules are those of Apple's OnDemandRules: in order, a rule matches where all
// that it names is found, and the first that matches decides. client/service calls it
// whenever the network has changed.
package ondemand

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/homeward-vpn/homeward/client/profile"
)

// Environment is what is known of the network that the computer is in.
type Environment struct {
	// Interface is the kind of what the default route goes through. "": another kind.
	Interface profile.RuleInterface
	SSID      string       // of that interface's Wi-Fi; "": none, or not known
	Servers   []netip.Addr // name servers of the network, the tunnel's left out
	Domains   []string     // search domains of the network, the tunnel's left out
	// Answers are those to the probes that were asked for: whether the URL answers 200.
	Answers map[string]bool
}

// Action is what is to be done.
type Action string

// The actions.
const (
	Connect    Action = "connect"
	Disconnect Action = "disconnect"
	Ignore     Action = "ignore" // leave it as it is
)

// Decision is what the rules say of a network.
type Decision struct {
	Action Action
	Rule   int    // which rule, from 0; -1: none matches
	Reason string // a sentence for a person
}

// Probe is a question that the caller has to ask the network: does this URL answer
// a GET with 200, without a redirect?
type Probe struct{ URL string }

// Evaluate decides. Where it needs to know more first, it gives a Probe, whose answer
// is to be put into env.Answers; the Decision means nothing then. It asks for each URL
// once, and only where all else of the rule matches.
func Evaluate(o profile.OnDemand, env Environment) (Decision, *Probe) {
	for i, r := range o.Rules {
		if !matches(r, env) {
			continue
		}
		if r.ProbeURL != "" {
			answers, known := env.Answers[r.ProbeURL]
			if !known {
				return Decision{}, &Probe{URL: r.ProbeURL}
			}
			if !answers {
				continue
			}
		}
		return decide(i, r, env)
	}
	if o.When == profile.WhenRules || o.When == profile.WhenNever {
		return Decision{Action: Ignore, Rule: -1, Reason: "No rule of the profile is for this network."}, nil
	}
	reason := "The profile wants the line in every network."
	if len(o.Rules) > 0 {
		reason = "No rule of the profile is for this network, so it wants the line."
	}
	return Decision{Action: Connect, Rule: -1, Reason: reason}, nil
}

// decide gives what a rule that matches wants.
func decide(i int, r profile.Rule, env Environment) (Decision, *Probe) {
	d := Decision{Rule: i, Action: Ignore, Reason: fmt.Sprintf("Rule %d: %s.", i+1, r.Words())}
	switch r.Action {
	case profile.RuleConnect:
		d.Action = Connect
	case profile.RuleDisconnect:
		d.Action = Disconnect
	case profile.RuleEvaluate:
		return evaluate(d, r, env)
	}
	return d, nil
}

// evaluate looks whether the names of a rule need the line. Nobody watches what is
// looked up, so the question is not whether somebody wants them.
func evaluate(d Decision, r profile.Rule, env Environment) (Decision, *Probe) {
	for _, of := range r.Domains {
		needed, probe := needs(of, env)
		if probe != nil {
			return Decision{}, probe
		}
		if needed {
			d.Action = Connect
			d.Reason = fmt.Sprintf("Rule %d: %s cannot be reached from this network.", d.Rule+1, strings.Join(of.Domains[:min(len(of.Domains), 3)], ", "))
			return d, nil
		}
	}
	d.Reason = fmt.Sprintf("Rule %d: nothing that it names needs the line in this network.", d.Rule+1)
	return d, nil
}

func needs(of profile.DomainRule, env Environment) (bool, *Probe) {
	switch {
	case of.Action == profile.DomainNever:
		return false, nil
	case len(of.RequiredServers) == 0 && of.RequiredURL == "":
		return true, nil
	case len(of.RequiredServers) > 0 && !slices.ContainsFunc(of.RequiredServers, func(a netip.Addr) bool {
		return slices.ContainsFunc(env.Servers, func(s netip.Addr) bool { return plain(s) == plain(a) })
	}):
		return true, nil
	case of.RequiredURL == "":
		return false, nil
	}
	answers, known := env.Answers[of.RequiredURL]
	if !known {
		return false, &Probe{URL: of.RequiredURL}
	}
	return !answers, nil
}

// matches holds a rule against what is known without asking.
func matches(r profile.Rule, env Environment) bool {
	if r.Interface != "" && r.Interface != env.Interface {
		return false
	}
	if len(r.SSIDs) > 0 && (env.SSID == "" || !slices.Contains(r.SSIDs, env.SSID)) {
		return false
	}
	return anyPair(r.DNSDomains, env.Domains, matchesDomain) && anyPair(r.DNSServers, env.Servers, matchesServer)
}

// anyPair says that one of the network's values is one of the rule's, or that the
// rule names none.
func anyPair[T any](patterns []string, have []T, match func(string, T) bool) bool {
	if len(patterns) == 0 {
		return true
	}
	for _, p := range patterns {
		if slices.ContainsFunc(have, func(v T) bool { return match(p, v) }) {
			return true
		}
	}
	return false
}

// matchesDomain: "corp.example" is that name, "*.corp.example" any below it, "*" any.
func matchesDomain(pattern, domain string) bool {
	pattern, domain = strings.ToLower(pattern), strings.ToLower(strings.TrimSuffix(domain, "."))
	if tail, wild := strings.CutPrefix(pattern, "*"); wild {
		return len(domain) > len(tail) && strings.HasSuffix(domain, tail)
	}
	return domain == pattern
}

// matchesServer: an address is itself, "10.1.*" what is written with that beginning.
func matchesServer(pattern string, server netip.Addr) bool {
	server = plain(server)
	if head, wild := strings.CutSuffix(pattern, "*"); wild {
		return strings.HasPrefix(server.String(), strings.ToLower(head))
	}
	a, err := netip.ParseAddr(pattern)
	return err == nil && plain(a) == server
}

// plain is an address without its zone, and an IPv4 one as itself.
func plain(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }
