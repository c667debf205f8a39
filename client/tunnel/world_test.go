package tunnel

import (
	"context"
	"crypto/rand"
	"errors"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/esp/esptest"
	"github.com/homeward-vpn/homeward/ike/auth"
	"github.com/homeward-vpn/homeward/ike/iketest"
)

// The tests of this package run whole lines in virtual time (testing/synctest):
// the Tunnel as it is, a responder that shares no code with it, and fakes of
// the socket and the device. Real gateways are met in client/lab/e2e.

var (
	clientAddr  = netip.MustParseAddrPort("198.51.100.7:40000")
	gatewayAddr = iketest.GatewayPublic
	insideAddr  = netip.MustParseAddr("10.98.0.7")
	serverAddr  = netip.MustParseAddr("10.99.0.2")
)

// socket is the fake transport with what a tunnel asks beyond it.
type socket struct{ *esptest.Transport }

func (socket) LocalAddr(netip.AddrPort) netip.AddrPort { return clientAddr }

// limited has no way to one address.
type limited struct {
	socket
	unreachable netip.Addr
}

func (l limited) LocalAddr(to netip.AddrPort) netip.AddrPort {
	if to.Addr() == l.unreachable {
		return netip.AddrPort{}
	}
	return l.socket.LocalAddr(to)
}

type device struct{ *esptest.TUN }

func (device) Name() string { return "test0" }

// errReaddressed: a test that expects other addresses brings a device for that.
var errReaddressed = errors.New("the device got other addresses")

func (device) SetAddresses([]netip.Prefix) error { return errReaddressed }

// office is one gateway and the wires to it.
type office struct {
	t       *testing.T
	ca      *iketest.Authority
	gateway *iketest.Responder
	made    iketest.ResponderConfig // what it was made from
	client  *esptest.Transport
	tun     *esptest.TUN
	ends    map[uint32]esptest.Pair // the gateway's, by its inbound SPI

	mu      sync.Mutex
	pathMTU int // IP packets above this are lost; 0: none
	// delay is how long the gateways' messages are on their way.
	delay  time.Duration
	others map[netip.Addr]*iketest.Responder
	// clients are the client's ends by family, as its NAT shows them; also are
	// further addresses of the office's own gateway.
	clients map[bool]netip.AddrPort
	also    []netip.Addr
	// carry, where set, takes what is ESP, on the gateway's goroutine.
	carry func(g *iketest.Responder, d esptest.Datagram)
	esp   chan esptest.Datagram
	poke  chan func(now time.Time)
}

// newOffice must be called inside a synctest bubble: it moves virtual time to
// when its certificates are valid and runs the gateway on a goroutine that
// ends with the test.
func newOffice(t *testing.T, change func(*iketest.ResponderConfig)) *office {
	t.Helper()
	<-time.After(time.Until(iketest.Epoch))
	o := &office{t: t, ends: map[uint32]esptest.Pair{},
		clients: map[bool]netip.AddrPort{true: clientAddr},
		esp:     make(chan esptest.Datagram, 64), poke: make(chan func(time.Time))}
	o.ca = iketest.NewAuthority("Office CA", iketest.P256)
	cfg := iketest.ResponderConfig{
		Rand:         iketest.NewRand(1),
		Address:      gatewayAddr,
		Certificate:  o.ca.Issue(iketest.Leaf{DNSNames: []string{iketest.GatewayName}}),
		Users:        map[string]string{iketest.UserName: iketest.Password},
		PSK:          []byte(iketest.SharedKey),
		Fragments:    true,
		Addresses:    []netip.Prefix{netip.PrefixFrom(insideAddr, 32)},
		DNS:          []netip.Addr{serverAddr},
		FragmentSize: 1200,
	}
	var err error
	if cfg.Identity, err = auth.ParseIdentity(iketest.GatewayName); err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(&cfg)
	}
	o.made = cfg
	o.gateway = iketest.NewResponder(cfg)
	o.client = esptest.NewTransport(clientAddr, 16)
	o.tun = esptest.NewTUN(16)
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() { o.serve(ctx) })
	t.Cleanup(func() { cancel(); done.Wait() })
	return o
}

// serve is the wire and the gateway's loop.
func (o *office) serve(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		var at time.Time
		for _, g := range o.gateways() {
			at = earlier(at, g.NextTimeout())
		}
		if at.IsZero() {
			timer.Stop()
		} else {
			timer.Reset(time.Until(at))
		}
		select {
		case <-ctx.Done():
			return
		case f := <-o.poke:
			f(time.Now())
		case <-timer.C:
			for _, g := range o.gateways() {
				g.HandleTimeout(time.Now())
			}
		case d := <-o.client.Sent():
			o.arrive(d)
		}
		for _, g := range o.gateways() {
			for p, ok := g.Poll(); ok; p, ok = g.Poll() {
				o.depart(p)
			}
		}
	}
}

// gateways are the office's own and those that open later.
func (o *office) gateways() []*iketest.Responder {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]*iketest.Responder{o.gateway}, slices.Collect(maps.Values(o.others))...)
}

// open adds a gateway that is like the office's own but for its address and what
// changes.
func (o *office) open(at netip.Addr, change func(*iketest.ResponderConfig)) *iketest.Responder {
	cfg := o.made
	cfg.Rand, cfg.Address = iketest.NewRand(uint64(at.AsSlice()[3])), at
	if change != nil {
		change(&cfg)
	}
	g := iketest.NewResponder(cfg)
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.others == nil {
		o.others = map[netip.Addr]*iketest.Responder{}
	}
	o.others[at] = g
	return g
}

func (o *office) arrive(d esptest.Datagram) {
	o.mu.Lock()
	limit, carry, gateway := o.pathMTU, o.carry, o.others[d.Peer.Addr()]
	from := o.clients[d.Peer.Addr().Is4()]
	if d.Peer.Addr() == gatewayAddr || slices.Contains(o.also, d.Peer.Addr()) {
		gateway = o.gateway
	}
	o.mu.Unlock()
	if limit != 0 && len(d.Data)+28 > limit {
		return
	}
	if gateway == nil || !from.IsValid() {
		return
	}
	p := iketest.Packet{From: from, To: d.Peer, Data: d.Data}
	switch {
	case len(d.Data) == 1 && d.Data[0] == 0xFF:
		p.Keepalive, p.Data = true, nil
	case d.Peer.Port() == 500:
	case len(d.Data) > 4 && [4]byte(d.Data) == [4]byte{}:
		p.Encap, p.Data = true, d.Data[4:]
	case carry != nil:
		carry(gateway, d)
		return
	default:
		o.esp <- d
		return
	}
	gateway.Handle(time.Now(), p)
}

// reopen gives the client a new socket in place of the last one.
func (o *office) reopen() *esptest.Transport {
	next := esptest.NewTransport(clientAddr, 16)
	o.tell(func(time.Time) error { o.client = next; return nil })
	return next
}

// narrow makes the path lose larger IP packets.
func (o *office) narrow(mtu int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.pathMTU = mtu
}

func (o *office) depart(p iketest.Packet) {
	o.mu.Lock()
	here, delay := o.clients[p.To.Addr().Is4()] == p.To, o.delay
	o.mu.Unlock()
	if !here {
		return
	}
	data := p.Data
	if p.Encap {
		data = append([]byte{0, 0, 0, 0}, p.Data...)
	}
	client, d := o.client, esptest.Datagram{Peer: p.From, Data: data}
	if delay == 0 {
		client.Deliver(d)
		return
	}
	d.Data = slices.Clone(data)
	time.AfterFunc(delay, func() { client.Deliver(d) })
}

// slow makes the gateways' messages take their time.
func (o *office) slow(delay time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.delay = delay
}

// tell runs f on the gateway's goroutine.
func (o *office) tell(f func(now time.Time) error) {
	o.t.Helper()
	result := make(chan error, 1)
	o.poke <- func(now time.Time) { result <- f(now) }
	if err := <-result; err != nil {
		o.t.Error(err)
	}
}

func (o *office) profile() *profile.Profile {
	return &profile.Profile{
		Name: "office",
		Gateway: profile.Gateway{
			Address: iketest.GatewayName, Identity: iketest.GatewayName,
			Auth: profile.GatewayCertificate, Anchors: [][]byte{o.ca.DER},
		},
		Client:  profile.Client{Auth: profile.ClientMSCHAPv2, Username: iketest.UserName},
		Traffic: profile.Traffic{Full: true},
	}
}

// config is a tunnel's to this office, with the right password.
func (o *office) config() Config {
	return Config{
		Profile:       o.profile(),
		Resolve:       func(context.Context, string) ([]netip.Addr, error) { return []netip.Addr{gatewayAddr}, nil },
		OpenTransport: func() (Transport, error) { return socket{o.client}, nil },
		OpenTUN:       func(TUNConfig) (TUN, error) { return device{o.tun}, nil },
		Ask: func(_ context.Context, q Question) (Answer, error) {
			switch q.Kind {
			case AskPassword:
				return Answer{Username: iketest.UserName, Secret: []byte(iketest.Password)}, nil
			case AskPSK:
				return Answer{Secret: []byte(iketest.SharedKey)}, nil
			case AskSignature:
				sig, err := auth.Sign(employee.Key, auth.Scheme(q.Scheme), rand.Reader, q.Data)
				return Answer{Secret: sig}, err
			}
			return Answer{}, errors.New("nobody answers that")
		},
	}
}

// running is a tunnel under way.
type running struct {
	*Tunnel
	t      *testing.T
	events chan Event
	result chan error
	cancel context.CancelFunc
}

func run(t *testing.T, cfg Config) *running {
	t.Helper()
	_, cfg = guard(t, cfg)
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{Tunnel: New(cfg), t: t, events: make(chan Event, 256), result: make(chan error, 1), cancel: cancel}
	go func() { r.result <- r.Run(ctx, func(e Event) { r.events <- e }) }()
	return r
}

// up waits for the line and gives what it wants of the system.
func (r *running) up() Up {
	r.t.Helper()
	for {
		select {
		case e := <-r.events:
			if up, ok := e.(Up); ok {
				return up
			}
		case err := <-r.result:
			r.t.Fatalf("the line ended: %v", err)
		}
	}
}

// stop ends the line on the user's wish.
func (r *running) stop() {
	r.t.Helper()
	r.cancel()
	if err := <-r.result; err != nil {
		r.t.Errorf("Run returned %v after a cancel, want nil", err)
	}
}
