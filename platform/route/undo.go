package route

import (
	"fmt"
	"net/netip"
)

// kernel is what this package asks of the operating system.
type kernel interface {
	// World reads the state. tunnel names the tunnel device, which must exist.
	World(tunnel string) (world, error)
	// AddRoutes adds routes to the table, replacing ours of the same prefix.
	AddRoutes([]routeEntry) error
	// DelRoutes removes routes; one that is gone already is not an error.
	DelRoutes([]routeEntry) error
	// Restore switches the tunnel device on, and gives it addresses.
	Restore(tunnel string, addresses []netip.Prefix) error
	AddRule(rule) error
	DelRule(rule) error
	// Own reads our routes and rules of both families, by table, priority and protocol.
	Own(policyEntry) ([]routeEntry, []rule, error)
	// Filter returns conf.NAME.rp_filter, false where the interface is gone.
	Filter(name string) (value int, exists bool, err error)
	SetFilter(name string, value int) error
	// Boot names the time since the machine was started, "" where it cannot tell.
	Boot() string
}

// The ledger's names for our changes.
const (
	policyKind = "route-policy"
	filterKind = "rp-filter"
)

// policyEntry is the record of table and rules: how to find ours.
type policyEntry struct {
	Table    int `json:"table"`
	Priority int `json:"priority"`
	Protocol int `json:"protocol"`
}

var ownPolicy = policyEntry{Table: Table, Priority: RulePriority, Protocol: Protocol}

// filterEntry is the record of one loosened reverse path filter.
type filterEntry struct {
	Interface string `json:"interface"`
	Before    int    `json:"before"`
	// Boot is when it was changed: the setting does not outlive it.
	Boot string `json:"boot,omitempty"`
}

// undoPolicy removes our rules, then our routes, and nobody else's.
func undoPolicy(k kernel, e policyEntry) error {
	if e != ownPolicy {
		return fmt.Errorf("a record names table %d, rule %d, protocol %d, which this version does not own",
			e.Table, e.Priority, e.Protocol)
	}
	routes, rules, err := k.Own(e)
	if err != nil {
		return fmt.Errorf("reading our routes and rules: %w", err)
	}
	for _, r := range rules {
		if err := k.DelRule(r); err != nil {
			return err
		}
	}
	return k.DelRoutes(routes)
}

// undoFilter sets the filter back, unless somebody has changed it since. After a
// power cut whatever stands there was set by the system as it started.
func undoFilter(k kernel, e filterEntry) error {
	if e.Boot != k.Boot() {
		return nil
	}
	now, exists, err := k.Filter(e.Interface)
	if err != nil {
		return fmt.Errorf("reading the reverse path filter of %s: %w", e.Interface, err)
	}
	if !exists || now != filterLoose {
		return nil
	}
	return k.SetFilter(e.Interface, e.Before)
}
