package service

import (
	"context"
	"errors"
	"net/netip"
)

// KillSwitch holds the traffic of this computer back. Its policy outlives the
// service; platform/killswitch has one, which app/homewardd joins.
type KillSwitch interface {
	// Set replaces what stands by p, in one step, and cuts the flows that p does
	// not allow. After an error it is not known what stands.
	Set(p Policy) error
	// Clear lets everything out.
	Clear() error
	// Stands says whether a policy holds anything back, also one of a former run.
	Stands() (bool, error)
	// Check says whether what was Set last is what stands, to the letter.
	Check() error
	// Watch tells, until ctx ends, that somebody else may have changed it. A nil
	// channel: that cannot be seen here.
	Watch(ctx context.Context) (<-chan struct{}, error)
}

// Policy is what may leave the machine beyond what always may: loopback, DHCP and
// what a host needs of NDP (see security.md). Everything else is refused.
type Policy struct {
	Gateways  []netip.AddrPort // IKE and ESP over UDP, of the service alone
	Resolvers []netip.AddrPort // DNS, of the service alone
	Probes    []netip.AddrPort // TCP, of the service alone
	Tunnel    *PolicyTunnel    // nil: there is none
	// LocalNetworks are reachable beside the tunnel.
	LocalNetworks []netip.Prefix
	Portal        *PolicyPortal // nil: nobody signs in to a network
}

// PolicyTunnel is the device through which traffic may leave.
type PolicyTunnel struct {
	Interface  string
	Addresses  []netip.Prefix
	DNS        []netip.Addr // who may be asked for names, and nobody else
	IPv4, IPv6 bool         // the families that it carries
}

// PolicyPortal is the one process group that may sign in to a network.
type PolicyPortal struct {
	Cgroup    string // below the mount of cgroup2
	Resolvers []netip.Addr
}

// NoKillSwitch is the kill switch of a system that has none: it refuses to
// pretend.
type NoKillSwitch struct{}

// Set implements KillSwitch.
func (NoKillSwitch) Set(Policy) error { return errors.ErrUnsupported }

// Clear implements KillSwitch.
func (NoKillSwitch) Clear() error { return nil }

// Stands implements KillSwitch.
func (NoKillSwitch) Stands() (bool, error) { return false, nil }

// Check implements KillSwitch.
func (NoKillSwitch) Check() error { return nil }

// Watch implements KillSwitch.
func (NoKillSwitch) Watch(context.Context) (<-chan struct{}, error) { return nil, nil }
