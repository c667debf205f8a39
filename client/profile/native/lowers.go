package native

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/homeward-vpn/homeward/client/profile"
)

// opinion is what the report says of one unit beside its value.
type opinion struct {
	verdict profile.Verdict // empty: Honoured
	note    string
	lowers  bool // wants a yes
}

// Where a setting stops being one of taste.
const (
	hastyLiveness = 10 * time.Second
	longLifetime  = 24 * time.Hour
)

// judge says what a setting means for the employee, where that is not plain
// from its name, and whether it lowers security. It is exhaustive: what no case
// names is as safe as leaving it out.
func judge(u unit, p *profile.Profile) opinion {
	for _, at := range []string{"client.eap.", "client.further[].eap."} {
		if field, ok := strings.CutPrefix(u.pattern, at); ok {
			return judgeSignIn(field, u)
		}
	}
	switch u.pattern {
	case "ike.legacy", "child.legacy":
		if u.value == true {
			return opinion{note: "algorithms that are no longer safe may be used; a line that uses one says so", lowers: true}
		}
	case "ike.proposals[]", "child.proposals[]":
		return judgeProposal(u.value.(profile.Proposal))
	case "ike.lifetime", "child.lifetime":
		if time.Duration(u.value.(profile.Duration)) > longLifetime {
			return opinion{note: "the same keys are used for more than a day", lowers: true}
		}
	case "gateway.pins":
		return opinion{note: "one of these keys must stand in the gateway's chain, and when the gateway gets another one this profile needs it too"}
	case "gateway.revocation":
		return judgeRevocation(u.value.(profile.Revocation))
	case "gateway.quirks":
		return judgeQuirks(u.value.([]profile.Quirk))
	case "gateway.anchors":
		return opinion{note: "only what these issue is trusted, and for this gateway only"}
	case "client.certificates":
		return opinion{verdict: profile.Approximated, note: "the private key cannot stand in this file: it must be kept here already, from a .mobileconfig or by «homewardctl certificate import»"}
	case "client.eap_only":
		if p.Client.EAPOnly == profile.EAPOnlySafe {
			return opinion{note: "the gateway may prove itself by the sign-in alone, where the method lets it"}
		}
		if p.Client.EAPOnly == profile.EAPOnlyAny {
			return opinion{note: "the gateway may prove itself by your password alone, without a certificate: an impostor learns enough to guess it", lowers: true}
		}
	case "client.further[].bare":
		if u.value == true {
			return opinion{note: "this sign-in is not tied to the line: somebody between you and the gateway could use it", lowers: true}
		}
	case "session.liveness":
		return judgeLiveness(time.Duration(p.Session.Liveness))
	case "traffic.exclude":
		if p.Traffic.Full && slices.ContainsFunc(p.Traffic.Exclude, public) {
			return opinion{note: "what goes there leaves outside the tunnel, although all else goes through it", lowers: true}
		}
	case "traffic.local_network":
		if p.Traffic.LocalNetwork == profile.LocalAllow {
			return opinion{note: "while the kill switch holds, everybody in the network you are in can still be reached", lowers: true}
		}
	case "traffic.overlap":
		if p.Traffic.Overlap == profile.OverlapLocal {
			return opinion{note: "where both use the same addresses, what is meant for the company goes to the network you are in", lowers: true}
		}
	case "on_demand.when":
		return judgeWhen(p.OnDemand.When)
	case "on_demand.rules[].action":
		return judgeRule(u.value.(profile.RuleAction), p)
	case "on_demand.rules[].probe_url", "on_demand.rules[].domains[].required_url":
		return opinion{note: "asked for beside the tunnel, so whoever carries your traffic sees that you ask"}
	}
	return opinion{}
}

func judgeWhen(w profile.When) opinion {
	switch {
	case w.BeforeLogin():
		return opinion{note: "the line comes by itself; before you sign in to the computer only with a credential that an administrator gives to the service, «sudo homewardctl machine set»"}
	case w != profile.WhenNever:
		return opinion{note: "the line comes by itself while a program of yours can sign in, such as «homewardctl attend»"}
	}
	return opinion{}
}

func judgeRule(a profile.RuleAction, p *profile.Profile) opinion {
	switch {
	case a == profile.RuleEvaluate:
		return opinion{verdict: profile.Approximated, note: "decided when the network changes, not when a name is looked up"}
	case a == profile.RuleDisconnect && p.Traffic.KillSwitch == profile.KillSwitchOn:
		return opinion{note: "in a network that looks like this one the kill switch lets everything out", lowers: true}
	}
	return opinion{}
}

func judgeProposal(p profile.Proposal) opinion {
	switch {
	case p.Readable():
		return opinion{note: "nothing is encrypted: everybody on the way can read it", lowers: true}
	case p.Legacy():
		return opinion{note: "no longer safe; offered last, and a line that uses it says so", lowers: true}
	}
	return opinion{}
}

func judgeQuirks(list []profile.Quirk) opinion {
	var notes []string
	if slices.Contains(list, profile.QuirkNoIDr) {
		notes = append(notes, "the name that the gateway gives itself is not compared; its certificate alone says who it is")
	}
	if slices.Contains(list, profile.QuirkRekeyWithoutPFS) {
		notes = append(notes, "fresh keys are derived from the old ones: who learns those learns all")
	}
	return opinion{note: strings.Join(notes, "; "), lowers: len(notes) > 0}
}

func judgeLiveness(d time.Duration) opinion {
	switch {
	case d < 0:
		return opinion{note: "a gateway that is gone is noticed only when you disconnect", lowers: true}
	case d > 0 && d < hastyLiveness:
		return opinion{note: "the gateway is asked so often that a short gap in the network can end the line, and what is sent then is not protected", lowers: true}
	}
	return opinion{}
}

// own are the networks of homes and companies (RFC 1918, RFC 4193), and those
// that no router carries.
var own = []netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("169.254.0.0/16"), netip.MustParsePrefix("127.0.0.0/8"),
	netip.MustParsePrefix("fc00::/7"), netip.MustParsePrefix("fe80::/10"), netip.MustParsePrefix("::1/128"),
}

// public says that a prefix is more than somebody's own network.
func public(p netip.Prefix) bool {
	return !slices.ContainsFunc(own, func(o netip.Prefix) bool { return o.Bits() <= p.Bits() && o.Contains(p.Addr()) })
}
