package lab

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// Stranger is another user of a machine, the client's above all, whose programs
// talk to everybody without a pause, by the routes and bound to the physical
// devices, from new sockets and from old ones. Safe for concurrent use.
type Stranger struct {
	// UID is who it is. 0: this machine's user namespace has one user only, so
	// the stranger is the same as everybody else.
	UID int

	flows   []Flow
	process *Process
	mu      sync.Mutex // for one question at a time
	stdin   io.WriteCloser
	stdout  *bufio.Reader
}

// Flow is one thing that a Stranger does again and again.
type Flow struct {
	Kind   Kind           `json:"kind"`
	To     netip.AddrPort `json:"to"`
	Device string         `json:"device,omitempty"` // bound to; empty: as the routes say
}

// Family is 4 or 6.
func (f Flow) Family() int { return family(f.To.Addr()) }

// String names the flow.
func (f Flow) String() string {
	s := fmt.Sprintf("%s to %s", f.Kind, f.To)
	if f.Device != "" {
		s += " by " + f.Device
	}
	return s
}

// Ends counts how attempts ended; those under way are in Attempts alone.
type Ends struct {
	Attempts    int
	Answered    int
	Refused     int    // a reset, an ICMP message or an error of the system's: at once
	Unreachable int    // no route, no device
	Silent      int    // nothing came
	Odd         int    // anything else
	Oddity      string // the first of them
}

// Add adds up.
func (e *Ends) Add(o Ends) {
	e.Attempts += o.Attempts
	e.Answered += o.Answered
	e.Refused += o.Refused
	e.Unreachable += o.Unreachable
	e.Silent += o.Silent
	e.Odd += o.Odd
	if e.Oddity == "" {
		e.Oddity = o.Oddity
	}
}

// Less gives what was counted since an earlier count.
func (e Ends) Less(o Ends) Ends {
	e.Attempts -= o.Attempts
	e.Answered -= o.Answered
	e.Refused -= o.Refused
	e.Unreachable -= o.Unreachable
	e.Silent -= o.Silent
	e.Odd -= o.Odd
	return e
}

// echoPort is where Responders answer, by TCP and UDP.
const echoPort = 7

// StrangerFlows is everything that a stranger may try on this lab's client: each kind
// to the public server, to each router, to the intranet and, where it could
// pass for the service, to the gateway; as the routes say, and by each device.
func (l *Lab) StrangerFlows() []Flow {
	var flows []Flow
	all := func(device string, addresses ...netip.Addr) {
		for _, to := range addresses {
			for _, k := range Kinds {
				port := uint16(echoPort)
				switch k {
				case DNSoverUDP, DNSoverTCP:
					port = 53
				case Echo:
					port = 0
				}
				flows = append(flows, Flow{Kind: k, To: netip.AddrPortFrom(to, port), Device: device})
			}
		}
	}
	all("", PublicAddress, PublicAddress6, IntranetAddress, IntranetAddress6)
	for _, u := range l.clientUplinks() {
		all("", u.Routers...)
		all(u.Device, u.Routers...)
		if u.Translator.IsValid() {
			for _, device := range []string{"", u.Device} {
				all(device, Translated(u.Translator, PublicAddress))
				flows = append(flows, inDisguise(device, Translated(u.Translator, GatewayAddress))...)
			}
		}
		for _, a := range u.Addresses {
			if a.Addr().Is4() {
				all(u.Device, PublicAddress, IntranetAddress)
				flows = append(flows, inDisguise(u.Device, GatewayAddress, mdnsGroup)...)
			} else {
				all(u.Device, PublicAddress6, IntranetAddress6)
				flows = append(flows, inDisguise(u.Device, GatewayAddress6, mdnsGroup6)...)
			}
		}
	}
	return append(append(flows, inDisguise("", GatewayAddress)...), inDisguise("", GatewayAddress6)...)
}

// Whom programs ask who else is on the link (RFC 6762 3).
var (
	mdnsGroup  = netip.MustParseAddr("224.0.0.251")
	mdnsGroup6 = netip.MustParseAddr("ff02::fb")
)

// inDisguise are flows to the gateway that look like the service's, and to groups
// of those on the link.
func inDisguise(device string, gateway netip.Addr, groups ...netip.Addr) []Flow {
	flows := []Flow{
		{UDP, netip.AddrPortFrom(gateway, 500), device},
		{UDP, netip.AddrPortFrom(gateway, 4500), device},
		{TCP, netip.AddrPortFrom(gateway, 4500), device},
		{Echo, netip.AddrPortFrom(gateway, 0), device},
	}
	for _, g := range groups {
		flows = append(flows, Flow{UDP, netip.AddrPortFrom(g, 5353), device})
	}
	return flows
}

// NeighbourFlows is what a stranger on the router's machine may try on the client,
// whose system answers some of it by itself.
func (l *Lab) NeighbourFlows() []Flow {
	var flows []Flow
	for _, to := range []netip.Addr{ClientAddress, ClientAddress6} {
		flows = append(flows, Flow{TCP, netip.AddrPortFrom(to, echoPort), "lan"},
			Flow{UDP, netip.AddrPortFrom(to, echoPort), "lan"}, Flow{Echo, netip.AddrPortFrom(to, 0), "lan"})
	}
	return flows
}

// clientUplinks are the client's: all of Uplinks, or the one cable that there is.
func (l *Lab) clientUplinks() []*Uplink {
	if l.Uplinks != nil {
		return l.Uplinks.all()
	}
	return newUplinks(l.Client).all()[:1]
}

// The stranger's user and group.
const strangerID = 4242

// Stranger starts one on a machine, and what answers it beyond the client's. It
// ends with Stop or with the lab.
func (l *Lab) Stranger(n *Namespace, flows []Flow) (*Stranger, error) {
	if err := l.startResponders(); err != nil {
		return nil, err
	}
	if err := permitEcho(n); err != nil {
		return nil, err
	}
	text, err := json.Marshal(flows)
	if err != nil {
		return nil, fmt.Errorf("lab: telling a stranger what to do: %w", err)
	}
	stage, err := stageCommand(stageHelper, "stranger", string(text))
	if err != nil {
		return nil, err
	}
	cmd := n.Command(context.Background(), stage.Path, stage.Args[1:]...)
	cmd.Env = stage.Env
	s := &Stranger{flows: flows}
	said := &syncBuffer{}
	cmd.Stderr = said
	if s.stdin, err = cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("lab: starting a stranger: %w", err)
	}
	// Not StdoutPipe, which Wait would close under a reader.
	out, in, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("lab: starting a stranger: %w", err)
	}
	cmd.Stdout, s.stdout = in, bufio.NewReader(out)
	s.process, err = startProcess("stranger", cmd)
	if err = errors.Join(err, in.Close()); err != nil {
		return nil, errors.Join(err, out.Close())
	}
	s.process.said = said
	l.onClose(func() error { return errors.Join(s.Stop(), out.Close()) })
	if err := json.Unmarshal(s.line(), &s.UID); err != nil {
		return nil, fmt.Errorf("lab: starting a stranger: %w: %s", err, said)
	}
	return s, nil
}

// permitEcho lets the stranger's group send echo requests (icmp(7)); where
// there is no such group, root's.
func permitEcho(n *Namespace) error {
	const name = "net/ipv4/ping_group_range"
	err := sysctl(n, fmt.Sprintf("%s=0 %d", name, strangerID))
	if errors.Is(err, unix.EINVAL) {
		err = sysctl(n, name+"=0 0")
	}
	return err
}

// Count gives each flow's ends so far. The caller owns the map.
func (s *Stranger) Count() (map[Flow]Ends, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ends []Ends
	_, err := io.WriteString(s.stdin, "\n")
	if err == nil {
		err = json.Unmarshal(s.line(), &ends)
	}
	if err == nil && len(ends) != len(s.flows) {
		err = errors.New("not as many counts as flows")
	}
	if err != nil {
		return nil, fmt.Errorf("lab: asking a stranger: %w: %s", err, s.process.said)
	}
	counts := map[Flow]Ends{}
	for i, f := range s.flows {
		counts[f] = ends[i]
	}
	return counts, nil
}

// line is the next line of the stranger's; empty: it has ended.
func (s *Stranger) line() []byte {
	line, err := s.stdout.ReadBytes('\n')
	if err != nil {
		return nil
	}
	return line
}

// Stop ends the stranger.
func (s *Stranger) Stop() error { return s.process.Kill() }
