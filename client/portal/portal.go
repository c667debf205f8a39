package portal

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"
)

// State is what a network turned out to be.
type State string

// The states.
const (
	Unknown State = "unknown" // neither the API nor the probe could be asked
	Open    State = "open"    // it lets everybody out, or us
	Captive State = "captive" // it wants a sign-in first
	Named   State = "named"   // it says that it has a portal; whether it holds us was not asked
)

// Finding is what Look has found out.
type Finding struct {
	State  State
	Device string // whose network it is; "" with Unknown, and where the probe alone answered
	// By is who said so: "api", "network" (it says that it has no portal), "probe".
	By string
	// SignIn is where a browser signs in, an http or https URL; "" unless Captive.
	SignIn string
	// Until is when the network wants a new sign-in; zero: it does not say.
	Until time.Time
	// Extend says that SignIn serves to stay longer, too (RFC 8908 5).
	Extend bool
}

// Word is what the network of a device says of itself (RFC 8910).
type Word struct {
	API          string // an https URL; "": nothing
	Unrestricted bool   // it has no portal
}

// Probe is a page whose content is known, asked in clear, for that is what a portal
// answers in another's place.
type Probe struct {
	URL  string // http. "": there is no probe
	Body string // how the page begins
}

// Config is what a Detector asks with. The functions leave by the physical network
// although the kill switch blocks it for everybody else, and may be called at the
// same time.
type Config struct {
	// Devices are the physical devices that are up, the one with the best default
	// route first.
	Devices func() ([]string, error)
	// Word asks the network of a device. An error: it says nothing.
	Word func(ctx context.Context, device string) (Word, error)
	// Lookup finds a host's addresses at the network's own resolvers.
	Lookup func(ctx context.Context, host string) ([]netip.Addr, error)
	// Own are this machine's addresses, and the networks inside it: of tunnels, of
	// containers. Nobody's portal is there.
	Own func() ([]netip.Prefix, error)
	// Dial opens a TCP connection by a device, wherever else the routes lead.
	Dial   func(ctx context.Context, device string, to netip.AddrPort) (net.Conn, error)
	Roots  *x509.CertPool // who vouches for an API's server; nil: the system's
	Probe  Probe
	Logger *slog.Logger     // nil: nothing is told
	Now    func() time.Time // nil: time.Now
}

// The bounds of one Look: each question, and how many devices and addresses of one
// host are tried.
const (
	patience      = 4 * time.Second
	mostDevices   = 3
	mostAddresses = 4
	bodyLimit     = 64 << 10
	headerLimit   = 16 << 10
	urlLimit      = 2048
)

// Detector looks at networks. It is safe for concurrent use.
type Detector struct{ cfg Config }

// New makes a detector. It asks nothing yet.
func New(c Config) (*Detector, error) {
	if c.Devices == nil || c.Word == nil || c.Lookup == nil || c.Own == nil || c.Dial == nil {
		return nil, errors.New("portal: a part is missing")
	}
	if c.Probe.URL != "" {
		if u, err := address(c.Probe.URL); err != nil || u.Scheme != "http" {
			return nil, fmt.Errorf("portal: %q cannot be the probe: it must be an http URL, for nobody answers https in another's place", c.Probe.URL)
		}
		if c.Probe.Body == "" {
			return nil, errors.New("portal: how the probe's page begins is not known, so every portal would pass for it")
		}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Detector{c}, nil
}

// Look finds out what the network is now. It takes some seconds at most (three times
// the patience of one question), and less where ctx ends. The error says why the state
// is Unknown; nil with any other.
func (d *Detector) Look(ctx context.Context) (Finding, error) {
	devices, err := d.cfg.Devices()
	if err != nil {
		return Finding{State: Unknown}, fmt.Errorf("portal: the devices of this machine: %w", err)
	}
	if len(devices) == 0 {
		return Finding{State: Unknown}, errors.New("portal: there is no network to look at")
	}
	devices = devices[:min(len(devices), mostDevices)]
	found, errs := make([]Finding, len(devices)), make([]error, len(devices), len(devices)+1)
	var all sync.WaitGroup
	for i, device := range devices {
		all.Go(func() { found[i], errs[i] = d.byWord(ctx, device) })
	}
	all.Wait()
	for i, f := range found {
		if errs[i] == nil {
			return f, nil
		}
	}
	f, err := d.probe(ctx, devices[0])
	if err == nil {
		return f, nil
	}
	return Finding{State: Unknown}, errors.Join(append(errs, err)...)
}

// byWord asks the network of a device, and the API that it names.
func (d *Detector) byWord(ctx context.Context, device string) (Finding, error) {
	asked, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	w, err := d.cfg.Word(asked, device)
	switch {
	case err != nil:
		return Finding{}, fmt.Errorf("portal: the network of %s: %w", device, err)
	case w.Unrestricted:
		return Finding{State: Open, Device: device, By: "network"}, nil
	}
	f, err := d.api(ctx, device, w.API)
	if err != nil {
		d.cfg.Logger.Info("the network names a portal's API that cannot be asked", "device", device, "api", w.API, "error", err)
		return Finding{}, err
	}
	f.Device = device
	return f, nil
}
