// Package killswitch decides what may leave the machine, whatever its routes
// say: one policy at a time, replaced as a whole, read back after the change.
//
// It owns the nftables table `inet homeward` and nothing else: it never touches
// another table, and takes its own away with Clear or Remove only. The policy
// is meant to outlive the process, so it is in no ledger. It changes the
// system in Set, Clear and Remove, and starts nothing but what Watch is asked
// for. app/homewardd hands it to client/service.
//
//	killswitch.go   Policy, Switch, the errors
//	check.go        a policy is made canonical, or refused
//	rules.go        policy -> table: the one place that says what may leave
//	model.go        what a table is made of
//	text.go         table -> text that nft(8) reads, for people and golden files
//	*_linux.go      table -> kernel (encode, batch), kernel -> table (read), flows, watch
//
// # What a policy does
//
// Every packet that is not named here is refused, so that programs fail at
// once: TCP by a reset, all else as "administratively prohibited".
//
//   - Loopback is free. So are a host's own DHCPv4 and DHCPv6, neighbour
//     discovery (RFC 4861) and multicast listener reports (RFC 3810), without
//     which there is no network to build a tunnel over.
//   - Packets with the service's mark reach the gateways, resolvers and probes
//     of the policy: exactly those addresses, ports and protocols. A program
//     that may set marks (CAP_NET_ADMIN or CAP_NET_RAW) reaches no more.
//   - What goes through the tunnel's device is free, in the families that the
//     tunnel carries; but names are asked (ports 53 and 853) of the tunnel's
//     resolvers alone. The device is matched by its name and need not exist.
//   - Local networks, where the policy names some, are reached by any device
//     but the tunnel's; never for names, and never from the tunnel's addresses.
//   - One control group, where the policy names one, may sign in to a captive
//     portal: TCP, and DNS to the resolvers that are named.
//   - Forwarded packets (containers, virtual machines) go through the tunnel
//     and to local networks, by the same rules; and answers come back. Those
//     that may not are answered where they come from a bridge or a pair of
//     devices, as containers do; nobody else can make this machine send anything.
//   - Packets to the tunnel's addresses that come in by another device are
//     dropped (CVE-2019-14899).
//
// There is no rule for established connections: each packet is judged by what
// the policy allows now. After a change the kernel forgets the flows that it no
// longer allows (conntrack), so that nothing goes on by a short cut that an
// earlier policy opened.
//
// The chains come last in their hooks: what another table accepted is still
// refused here, and what another table rewrote is judged as it is then. Where
// another table sends a packet another way after it was routed, the hook still
// shows the old way; so everything is judged once more in postrouting, by the
// device that it really takes. There the kernel can drop only.
//
// # What it does not see
//
// A packet socket (AF_PACKET, CAP_NET_RAW) writes below nftables, as do sockets of
// other protocols than IP (PPPoE), bridged virtual machines, and macvlan and ipvlan
// devices in other namespaces: they are other machines on the link. DHCP clients
// rely on that. So do flows of others that a flowtable forwards, until the kernel
// misses what was cut, within a second. Who may make raw packets may send neighbour
// discovery anywhere. An administrator can take the table away; Watch notices.
//
// # Other systems
//
// Policy says what, not how. On Windows it becomes filters of one WFP sublayer,
// replaced in one transaction: gateways by program and service SID in place of
// the mark, the tunnel by the LUID of its device, lockdown as persistent and
// boot-time filters. On macOS it becomes one pf anchor, loaded at once, by user
// and group, followed by killing the states that it no longer allows; nothing
// blocks at boot there. Until then New returns errors.ErrUnsupported.
package killswitch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
)

// Policy says what may leave. The zero Policy lets out nothing but what every
// policy does. Addresses are IPv4 or IPv6, never IPv4 in IPv6; slices belong to
// the caller and are not kept.
type Policy struct {
	// Mark is on the packets of the service itself (SO_MARK). It is needed
	// where Gateways, Resolvers or Probes are set.
	Mark uint32
	// Gateways are reached by UDP: IKE, and ESP in UDP.
	Gateways []netip.AddrPort
	// Resolvers are asked for the gateway's name, by UDP and TCP.
	Resolvers []netip.AddrPort
	// Probes are reached by TCP: what tells whether there is a captive portal.
	Probes []netip.AddrPort

	Tunnel *Tunnel // nil: there is none
	// LocalNetworks may be reached beside the tunnel. They may hold multicast
	// groups and 255.255.255.255/32, see CommonLocalNetworks.
	LocalNetworks []netip.Prefix
	Portal        *Portal // nil: nobody is signing in
}

// Tunnel is the way that is open while a tunnel stands.
type Tunnel struct {
	Interface string         // the device's name, at most 15 bytes
	Addresses []netip.Prefix // the tunnel's own addresses; the bits do not matter
	DNS       []netip.Addr   // asked for names; empty: nobody is
	IPv4      bool           // carried; what is not is refused
	IPv6      bool
}

// Portal lets one program sign in to a captive portal.
type Portal struct {
	Cgroup    string       // its control group, a path below the mount of cgroup2
	Resolvers []netip.Addr // asked for names, on port 53
}

// CommonLocalNetworks are the addresses that local networks use: private ones
// (RFC 1918, RFC 4193), those of a link (RFC 3927, RFC 4291), the broadcast
// address, and multicast that stays near (RFC 5771, RFC 2365, RFC 7346). They
// are for when the machine's own networks are not known yet.
func CommonLocalNetworks() []netip.Prefix {
	var out []netip.Prefix
	for _, s := range []string{
		"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16",
		"224.0.0.0/24", "239.0.0.0/8", "255.255.255.255/32",
		"fe80::/10", "fc00::/7",
		"ff01::/16", "ff02::/16", "ff03::/16", "ff04::/16", "ff05::/16",
	} {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

// Text is the policy as nft(8) would read it, one spelling for equal policies.
// A policy that Set would refuse has none and gives the reason as a comment.
func (p Policy) Text() string {
	t, err := build(p)
	if err != nil {
		return "# " + err.Error() + "\n"
	}
	return t.text()
}

// Config is what a Switch is made with.
type Config struct {
	Logger *slog.Logger // nil: the default one
}

// Switch holds the machine to one policy. It is safe for concurrent use.
type Switch struct {
	log    *slog.Logger
	kernel kernel

	mu   sync.Mutex
	want *standing // what Set made last; nil: nothing yet, or cleared
	mine bool      // Set or Clear was called: want is what there should be
	// held is the policy after which the flows were cut, and seen the firewall's
	// generation when it was read back; nil: there is none, or it was altered.
	held *Policy
	seen uint32
}

// AlteredError says that the kernel does not hold what was set: somebody else
// changed it, or it took something other than what it was given.
type AlteredError struct{ What string }

func (e *AlteredError) Error() string {
	return "the firewall's rules are not those that were set: " + e.What
}

// UnavailableError says that this machine cannot hold a policy: its kernel has
// no nf_tables, or not all that is needed of it, or this process may not use it.
type UnavailableError struct {
	Reason string
	Err    error
}

func (e *UnavailableError) Error() string { return e.Reason + ": " + e.Err.Error() }

func (e *UnavailableError) Unwrap() error { return e.Err }

// New prepares a switch and changes nothing: a policy that a former process
// left stands. An *UnavailableError says that there can be none;
// errors.ErrUnsupported that this system has no kill switch.
func New(c Config) (*Switch, error) {
	k, err := newKernel()
	if err != nil {
		return nil, fmt.Errorf("killswitch: %w", err)
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return &Switch{log: c.Logger, kernel: k}, nil
}

// Set puts a policy in the place of the one before, whoever made that: at no
// moment is there none, or a mixture. It returns when the kernel has shown the
// policy as it was meant, has forgotten the flows that it does not allow, and has
// dropped what was sent before and waits for its next hop.
//
// After an error other than *AlteredError, what stood before stands.
func (s *Switch) Set(p Policy) error {
	t, err := build(p)
	if err != nil {
		return fmt.Errorf("killswitch: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	made, err := s.kernel.replace(t)
	if err != nil {
		return fmt.Errorf("killswitch: setting the policy: %w", err)
	}
	held, seen := s.held, s.seen
	s.want, s.mine, s.held = made, true, nil
	got, err := s.compare()
	if err != nil {
		return fmt.Errorf("killswitch: the policy was set: %w", err)
	}
	s.seen = got.generation
	// Where nobody else changed anything since, a policy that only allows more
	// leaves all packets and flows as they are.
	s.clean(t, held != nil && seen != 0 && s.seen == seen+1 && newKeeper(t.policy).keepsAll(*held))
	return nil
}

// clean ends what an earlier policy let through and the one that stands does not;
// none says that there is nothing of that. No rule asks whether a flow is known, so
// that the packets of one which stays in the kernel's memory are refused all the
// same.
func (s *Switch) clean(t *table, none bool) {
	if !none {
		waiting, err := s.kernel.dropWaiting()
		if err != nil {
			s.log.Warn("packets from before the policy that wait for their next hop could not be dropped", "error", err)
		}
		cut, lost := s.kernel.cut(t)
		if lost != nil {
			s.log.Warn("flows that the policy does not allow could not be forgotten", "error", lost)
		}
		if err != nil || lost != nil {
			return // and the next policy tries again
		}
		s.log.Debug("what an earlier policy let through has ended", "flows", cut, "next hops", waiting)
	}
	s.held = &t.policy
	s.log.Debug("policy set", "rules", t.size())
}

// Clear takes the policy away: everything may leave.
func (s *Switch) Clear() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.kernel.remove(); err != nil {
		return fmt.Errorf("killswitch: taking the policy away: %w", err)
	}
	s.want, s.mine, s.held = nil, true, nil
	return nil
}

// Check reads the kernel and says whether it holds exactly what Set made, or
// nothing after Clear; an *AlteredError says that it does not. Before the first
// of these it is held against what the former process noted in it.
func (s *Switch) Check() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.compare(); err != nil {
		return fmt.Errorf("killswitch: %w", err)
	}
	return nil
}

// compare holds what the kernel has, which it returns, against what it should have.
func (s *Switch) compare() (*standing, error) {
	got, err := s.kernel.read()
	if err != nil {
		return nil, err
	}
	switch {
	case !s.mine && got == nil:
		return nil, nil
	case !s.mine:
		return got, got.intact()
	case s.want == nil && got == nil:
		return nil, nil
	case s.want == nil:
		return got, &AlteredError{What: "a policy stands that was taken away"}
	case got == nil:
		return nil, &AlteredError{What: "they are gone"}
	}
	return got, s.want.difference(got)
}

// Stands says whether a policy holds the machine now, one of a former process
// too. One that somebody altered does not stand.
func (s *Switch) Stands() (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	got, err := s.kernel.read()
	if err != nil {
		return false, fmt.Errorf("killswitch: %w", err)
	}
	return got != nil && got.intact() == nil, nil
}

// Watch tells when somebody else changed what Set made: each time it yields,
// Check fails, or has failed a moment ago. It ends with the context, or when
// the kernel no longer answers, by closing the channel.
func (s *Switch) Watch(ctx context.Context) (<-chan struct{}, error) {
	w, err := s.kernel.watch()
	if err != nil {
		return nil, fmt.Errorf("killswitch: watching the firewall: %w", err)
	}
	out := make(chan struct{}, 1)
	go s.attend(ctx, w, out)
	return out, nil
}

// attend turns changes of any table into word of changes of ours.
func (s *Switch) attend(ctx context.Context, w watcher, out chan<- struct{}) {
	defer close(out)
	stop := context.AfterFunc(ctx, func() { s.end(w) })
	defer func() {
		if stop() {
			s.end(w)
		}
	}()
	for {
		if err := w.next(); err != nil {
			if ctx.Err() == nil {
				s.log.Error("the firewall is no longer watched", "error", err)
			}
			return
		}
		// Check waits for a Set that is under way.
		err := s.Check()
		if err == nil {
			continue
		}
		s.log.Warn("the firewall was changed by somebody else", "error", err)
		select {
		case out <- struct{}{}:
		default: // word that nobody has taken yet is enough
		}
	}
}

func (s *Switch) end(w watcher) {
	if err := w.close(); err != nil {
		s.log.Warn("closing the watch of the firewall", "error", err)
	}
}

// Remove takes away the policy of any process. It is for cleaning up and needs
// no Switch; where there is nothing, or could be nothing, it does nothing.
func Remove() error {
	k, err := newKernel()
	if errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	if err == nil {
		err = errors.Join(k.remove(), k.close())
	}
	if err != nil {
		return fmt.Errorf("killswitch: removing the policy: %w", err)
	}
	return nil
}

// kernel is the system's firewall.
type kernel interface {
	// replace puts a table in the place of the one before, in one transaction,
	// and returns what the kernel is to show of it.
	replace(*table) (*standing, error)
	// remove deletes the table; that there is none is no error.
	remove() error
	// read returns the table that stands, nil where there is none.
	read() (*standing, error)
	// cut makes the kernel forget the flows that a table does not allow, and
	// says how many.
	cut(*table) (int, error)
	// dropWaiting drops what has passed the table of before and not left yet.
	dropWaiting() (int, error)
	// watch reports changes of the firewall, by anybody. It may be called, and
	// its watcher used, while other methods are.
	watch() (watcher, error)
	// close lets go of what talks to the firewall; what stands stays.
	close() error
}

// watcher yields when any table may have changed.
type watcher interface {
	next() error
	close() error // ends next; once
}
