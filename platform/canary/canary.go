// Package canary proves that nothing leaves this machine by the physical
// interfaces: it tries to.
//
// It owns the attempts, the sockets that watch the wire meanwhile, and the child
// process that tries as another local user. It changes nothing in the system and
// decides nothing: what an attempt that left means is for its caller to say.
// app/homewardd hands it to client/service, which runs it after each change of the
// kill switch's policy.
//
//	Prove: devices -> targets (addresses of documentation, random ports and tokens)
//	  -> a watch on each device (AF_PACKET, what leaves for those addresses)
//	  -> attempts of the service itself, and of the child as another user
//	  -> frames seen, neighbours that are being asked for -> judge -> Report
//
// An attempt is held when this machine refused it and no frame of it was seen.
// That nothing was seen is not enough: a packet that the kernel took and that waits
// until its next hop's hardware address is known has left as far as the policy
// goes. The addresses are those of RFC 5737 and RFC 3849, where nobody lives, so
// that what does get out harms nobody.
package canary

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"
)

// Kind is what an attempt is made with.
type Kind string

// The kinds of attempts.
const (
	TCP  Kind = "tcp"  // a SYN
	UDP  Kind = "udp"  // a datagram to a high port
	DNS  Kind = "dns"  // a question to UDP port 53
	ICMP Kind = "icmp" // an echo request
)

// Family is that of the packet.
type Family string

// The families.
const (
	IPv4 Family = "ipv4"
	IPv6 Family = "ipv6"
)

// Outcome is what became of an attempt.
type Outcome string

// The outcomes.
const (
	Refused     Outcome = "refused"     // by this machine, and no frame was seen
	Left        Outcome = "left"        // seen on the wire, or taken by the kernel for it
	Unreachable Outcome = "unreachable" // there is no way there: no route, no address
	NotTried    Outcome = "not-tried"   // Detail says why
)

// Command is the argument by which a program knows that it is the child. It then
// calls Child and ends.
const Command = "canary"

// Service is the User of the attempts of the calling process.
const Service = "service"

// Probe is one attempt.
type Probe struct {
	Family  Family  `json:"family"`
	Kind    Kind    `json:"kind"`
	User    string  `json:"user"`   // Service, or "uid N"
	Device  string  `json:"device"` // "": none was there to try
	Outcome Outcome `json:"outcome"`
	Detail  string  `json:"detail,omitempty"`
}

// Report is what Prove found.
type Report struct {
	At     time.Time // when the attempts began: what is proven is proven from here on
	Took   time.Duration
	Probes []Probe
	// Held says that attempts were refused and that none left. Where it is false and
	// Leaks is empty, nothing was shown either way, for nothing could be tried.
	Held bool
}

// Leaks are the attempts that left.
func (r Report) Leaks() []Probe { return r.with(Left) }

// Untried are the attempts that could not be made.
func (r Report) Untried() []Probe { return r.with(NotTried) }

func (r Report) with(o Outcome) (found []Probe) {
	for _, p := range r.Probes {
		if p.Outcome == o {
			found = append(found, p)
		}
	}
	return found
}

// User is another local user of this machine.
type User struct{ UID, GID uint32 }

// Nobody is the user and group that have no rights on any Linux.
var Nobody = User{UID: 65534, GID: 65534}

// Config is what Prove goes by.
type Config struct {
	// Devices are the interfaces to try to leave by. Empty: all of this machine but
	// loopback, Except and what is part of another interface (a bond, a bridge).
	Devices []string
	// Except are interfaces that traffic may use, such as the tunnel's.
	Except []string
	// User is tried as well as the calling process's own. Zero: Nobody. The user
	// needs no account.
	User User
	// Logger gets what went wrong with the proof itself. nil: silent.
	Logger *slog.Logger
}

// ErrNoWatch says that the wire cannot be watched, so that nothing can be proven.
var ErrNoWatch = errors.New("canary: the interfaces cannot be watched")

// proofTime bounds one proof.
const proofTime = 1800 * time.Millisecond

// Prove tries to leave and reports what happened. It takes a fraction of a second,
// and never more than two. An error means that nothing was proven; attempts that
// left are no error. It may be called from several goroutines. Where the system is
// not Linux it says errors.ErrUnsupported.
func Prove(ctx context.Context, c Config) (Report, error) {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.User == (User{}) {
		c.User = Nobody
	}
	ctx, cancel := context.WithTimeout(ctx, proofTime)
	defer cancel()
	r := Report{At: time.Now()}
	probes, err := prove(ctx, c)
	if err != nil {
		return Report{}, err
	}
	r.Took, r.Probes = time.Since(r.At), probes
	r.Held = len(r.Leaks()) == 0 && slices.ContainsFunc(probes, func(p Probe) bool { return p.Outcome == Refused })
	return r, nil
}
