package profile

import (
	"net/netip"
	"slices"
)

// OnDemand says when the line comes and goes by itself: from when on somebody
// looks (When), and in which networks (Rules). The zero value leaves it to the
// employee.
type OnDemand struct {
	When When `json:"when,omitempty"`
	// Rules are looked at in order whenever the network has changed; the first that
	// matches decides. Where none does, WhenRules leaves everything as it is, and
	// the others want the line.
	Rules []Rule `json:"rules,omitempty"`
}

// When says from when on the line comes by itself.
type When string

// The choices. Each wants somebody who can sign in: a program of the employee's
// that watches, or with WhenBoot and WhenAlways what an administrator has put
// into the service's own store.
const (
	WhenNever  When = ""       // the employee connects
	WhenRules  When = "rules"  // while the employee is signed in to the computer, where a rule says so
	WhenLogin  When = "login"  // while the employee is signed in, unless a rule says otherwise
	WhenBoot   When = "boot"   // from the start of the computer on, unless a rule says otherwise
	WhenAlways When = "always" // as WhenBoot, and the employee's Disconnect lasts until the network changes
)

// BeforeLogin says whether the line may come before anybody has signed in to the
// computer, which wants a credential in the service's own store.
func (w When) BeforeLogin() bool { return w == WhenBoot || w == WhenAlways }

// RuleAction is what a rule wants.
type RuleAction string

// The actions.
const (
	RuleConnect    RuleAction = "connect"
	RuleDisconnect RuleAction = "disconnect" // a trusted network: a line ends, and none begins
	RuleIgnore     RuleAction = "ignore"     // leave it as it is
	// RuleEvaluate asks what Rule.Domains need. Nobody watches which names are
	// looked up: what is needed is found out when the network has changed.
	RuleEvaluate RuleAction = "evaluate"
)

// RuleInterface is a kind of network interface.
type RuleInterface string

// The kinds.
const (
	RuleEthernet RuleInterface = "ethernet"
	RuleWiFi     RuleInterface = "wifi"
	RuleCellular RuleInterface = "cellular"
)

// Rule matches a network in which all that it names is found. One that names
// nothing matches every network.
type Rule struct {
	Action RuleAction `json:"action"`
	// Interface is what the default route goes through.
	Interface RuleInterface `json:"interface,omitempty"`
	SSIDs     []string      `json:"ssids,omitempty"` // one of them is the Wi-Fi's name
	// DNSDomains: one of them is a search domain of the network; "*.corp.example"
	// stands for those below, "*" for any.
	DNSDomains []string `json:"dns_domains,omitempty"`
	// DNSServers: one of them is a name server of the network; "10.1.*" stands for all
	// addresses that begin so.
	DNSServers []string `json:"dns_servers,omitempty"`
	// ProbeURL must answer a GET with 200, without a redirect, beside the tunnel.
	ProbeURL string       `json:"probe_url,omitempty"`
	Domains  []DomainRule `json:"domains,omitempty"` // with RuleEvaluate
}

// clone copies every slice that a caller could want to change.
func (o OnDemand) clone() OnDemand {
	o.Rules = slices.Clone(o.Rules)
	for i := range o.Rules {
		r := &o.Rules[i]
		r.SSIDs, r.DNSDomains, r.DNSServers = slices.Clone(r.SSIDs), slices.Clone(r.DNSDomains), slices.Clone(r.DNSServers)
		r.Domains = slices.Clone(r.Domains)
		for j := range r.Domains {
			d := &r.Domains[j]
			d.Domains, d.RequiredServers = slices.Clone(d.Domains), slices.Clone(d.RequiredServers)
		}
	}
	return o
}

// DomainAction is what a DomainRule wants.
type DomainAction string

// The actions.
const (
	DomainIfNeeded DomainAction = "if-needed" // connect where the names cannot be reached from here
	DomainNever    DomainAction = "never"     // these names need no line
)

// DomainRule says whether names need the line.
type DomainRule struct {
	Domains []string     `json:"domains"` // these and what is below them
	Action  DomainAction `json:"action"`
	// RequiredServers: the line is needed where none of them is a name server of the
	// network. RequiredURL: where it does not answer 200. For DomainIfNeeded; where
	// neither is set, the line is needed everywhere.
	RequiredServers []netip.Addr `json:"required_servers,omitempty"`
	RequiredURL     string       `json:"required_url,omitempty"`
}

// KillSwitch is what a profile wants of the kill switch, where the computer has no
// setting of its own.
type KillSwitch string

// The choices.
const (
	KillSwitchDefault KillSwitch = "" // as off
	KillSwitchOff     KillSwitch = "off"
	KillSwitchOn      KillSwitch = "on" // nothing leaves outside the tunnel from Connect until Disconnect
)

// LocalNetwork says whether the network that the computer is in can be reached
// beside the tunnel while the kill switch holds.
type LocalNetwork string

// The choices.
const (
	LocalDefault LocalNetwork = "" // as refuse
	LocalAllow   LocalNetwork = "allow"
	LocalRefuse  LocalNetwork = "refuse"
)

// Overlap says who has an address that both the network the computer is in and
// the company use.
type Overlap string

// The choices.
const (
	OverlapDefault Overlap = ""
	OverlapCompany Overlap = "company" // the tunnel
	OverlapLocal   Overlap = "local"   // the network the computer is in
)
