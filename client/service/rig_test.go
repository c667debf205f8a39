package service

import (
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/tunnel"
)

var (
	ada  = control.Caller{UID: 1000}
	bob  = control.Caller{UID: 1001}
	root = control.Caller{UID: 0, Admin: true}
)

// rig is a service on parts that remember what was done to them. Everything
// happens inside one bubble of virtual time.
type rig struct {
	t       *testing.T
	svc     *Service
	tunnels []*fakeTunnel
	end     context.CancelFunc
	ended   chan error

	mu       sync.Mutex
	trace    []string
	fails    map[string]error         // by the words of the trace
	blocks   map[string]chan struct{} // the part waits until it is closed
	profiles *fakeProfiles
	began    string // what a start does
	policy   *Policy
}

// note records what is done, and does what the test wants of it.
func (r *rig) note(what string) error {
	r.mu.Lock()
	r.trace = append(r.trace, what)
	err, block := r.fails[what], r.blocks[what]
	r.mu.Unlock()
	if block != nil {
		<-block
	}
	return err
}

func (r *rig) fail(what string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fails[what] = err
}

// done gives what was done since it was asked last.
func (r *rig) done() string {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	s := strings.Join(r.trace, ", ")
	r.trace = nil
	return s
}

func (r *rig) expect(want string) {
	r.t.Helper()
	if got := r.done(); got != want {
		r.t.Errorf("done: %s\nwant: %s", got, want)
	}
}

func (r *rig) state(want control.State) control.Status {
	r.t.Helper()
	synctest.Wait()
	st := r.svc.Status(ada)
	if st.State != want {
		r.t.Fatalf("state %s (error %+v), want %s", st.State, st.Error, want)
	}
	return st
}

// tunnel gives the tunnel that was made last.
func (r *rig) tunnel() *fakeTunnel {
	r.t.Helper()
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.tunnels) == 0 {
		r.t.Fatal("there is no tunnel")
	}
	return r.tunnels[len(r.tunnels)-1]
}

func (r *rig) count() int {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.tunnels)
}

func (r *rig) connect(name string) {
	r.t.Helper()
	if _, err := r.svc.Connect(r.t.Context(), ada, control.ConnectRequest{Profile: name}); err != nil {
		r.t.Fatal(err)
	}
	synctest.Wait()
}

// up brings a line up.
func (r *rig) up() *fakeTunnel {
	r.t.Helper()
	r.connect("office")
	f := r.tunnel()
	f.do(func() { f.emit(officeUp()) })
	r.state(control.StateConnected)
	r.done()
	return f
}

func officeUp() tunnel.Up {
	return tunnel.Up{
		Network: tunnel.Network{
			Interface: "homeward0", Gateway: netip.MustParseAddr("203.0.113.1"),
			Addresses: []netip.Prefix{netip.MustParsePrefix("10.98.0.2/32")},
			Routes:    []netip.Prefix{netip.MustParsePrefix("10.99.0.0/24")},
			DNS:       []netip.Addr{netip.MustParseAddr("10.99.0.2")}, Domains: []string{"corp.example"},
			Refused: []string{"The gateway asked for the route 192.168.1.0/24, which the profile does not allow."},
		},
		Info: tunnel.Info{
			GatewayAddress: netip.MustParseAddrPort("203.0.113.1:4500"), GatewayIdentity: "vpn.example.com",
			IKESuite: "aes256gcm16-prfsha384-ecp384", IKEEstablished: time.Now(), IKERekeyAt: time.Now().Add(time.Hour),
			ESPSuite: "aes256gcm16", ESN: true, BehindNAT: true,
		},
	}
}

// fakeTunnel does what the test says, on its own goroutine.
type fakeTunnel struct {
	rig    *rig
	cfg    tunnel.Config
	orders chan func()
	finish chan error
	emit   func(tunnel.Event)
	ctx    context.Context
	deaf   bool // does not end when it is told to

	mu    sync.Mutex
	stats tunnel.Stats
}

func (f *fakeTunnel) Run(ctx context.Context, emit func(tunnel.Event)) error {
	f.emit, f.ctx = emit, ctx
	if err := f.rig.note("tunnel starts"); err != nil {
		return err
	}
	for {
		select {
		case order := <-f.orders:
			order()
		case err := <-f.finish:
			f.rig.note("tunnel fails")
			return err
		case <-ctx.Done():
			if f.deaf {
				<-f.finish
			}
			f.rig.note("tunnel ends")
			return nil
		}
	}
}

func (f *fakeTunnel) Stats() tunnel.Stats {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.stats
}

// Renew implements Tunnel.
func (f *fakeTunnel) Renew() { f.rig.note("sign-in again") }

// do lets the tunnel's goroutine do something and waits until all is quiet.
func (f *fakeTunnel) do(order func()) {
	f.orders <- order
	synctest.Wait()
}

// ask lets the tunnel ask; the result is there when the question is closed.
func (f *fakeTunnel) ask(q tunnel.Question) <-chan asked {
	c := make(chan asked, 1)
	f.do(func() {
		go func() {
			a, err := f.cfg.Ask(f.ctx, q)
			c <- asked{a, err}
		}()
	})
	return c
}

type asked struct {
	answer tunnel.Answer
	err    error
}

func (f *fakeTunnel) die(err error) {
	f.finish <- err
	synctest.Wait()
}

type fakeRouter struct{ *rig }

func (r fakeRouter) Set(n tunnel.Network) error { return r.note("routes of " + n.Interface) }
func (r fakeRouter) Clear() error               { return r.note("no routes") }

type fakeResolver struct {
	*rig
	warning string
}

func (r fakeResolver) Set(n tunnel.Network) (string, error) {
	return r.warning, r.note("dns of " + n.Interface)
}
func (r fakeResolver) Clear() error { return r.note("no dns") }

type fakeSwitch struct{ *rig }

// hold notes the policy that is set last; nil: none.
func (r *rig) hold(p *Policy) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.policy = p
}

// holds gives it.
func (r *rig) holds() *Policy {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.policy
}

func (r fakeSwitch) Set(p Policy) error {
	r.hold(&p)
	if p.Tunnel != nil {
		return r.note("closed but for " + p.Tunnel.Interface)
	}
	return r.note("closed")
}
func (r fakeSwitch) Clear() error {
	r.hold(nil)
	return r.note("open")
}
func (r fakeSwitch) Stands() (bool, error)                          { return false, nil }
func (r fakeSwitch) Check() error                                   { return nil }
func (r fakeSwitch) Watch(context.Context) (<-chan struct{}, error) { return nil, nil }

// fakeProfiles is a store in memory.
type fakeProfiles struct {
	mu   sync.Mutex
	list []profile.Stored
}

func (p *fakeProfiles) List(uid uint32, admin bool) []profile.Stored {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []profile.Stored
	for _, s := range p.list {
		if admin || s.Owner == uid {
			out = append(out, s)
		}
	}
	return out
}

func (p *fakeProfiles) find(match func(profile.Stored) bool) (profile.Stored, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.list {
		if match(s) {
			return s, nil
		}
	}
	return profile.Stored{}, profile.ErrNotFound
}

func (p *fakeProfiles) All([]uint32) []profile.Stored { return p.List(0, true) }

func (p *fakeProfiles) Get(id string, _ uint32) (profile.Stored, error) {
	return p.find(func(s profile.Stored) bool { return s.Profile.ID == id })
}

func (p *fakeProfiles) ByName(name string, uid uint32) (profile.Stored, error) {
	return p.find(func(s profile.Stored) bool { return s.Owner == uid && s.Profile.Name == name })
}

func (p *fakeProfiles) Add(q *profile.Profile, owner uint32) error {
	if _, err := p.ByName(q.Name, owner); err == nil {
		return &profile.NameTakenError{Name: q.Name}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.list = append(p.list, profile.Stored{Owner: owner, Profile: *q})
	return nil
}

func (p *fakeProfiles) Delete(id string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.list)
	p.list = slices.DeleteFunc(p.list, func(s profile.Stored) bool { return s.Profile.ID == id })
	if len(p.list) == n {
		return profile.ErrNotFound
	}
	return nil
}

// guarded is a profile that wants the kill switch.
func guarded(name string, owner uint32) profile.Stored {
	s := named(name, owner)
	s.Profile.Traffic.KillSwitch = profile.KillSwitchOn
	return s
}

func named(name string, owner uint32) profile.Stored {
	return profile.Stored{Owner: owner, Profile: profile.Profile{Version: profile.Version, ID: profile.NewID(), Name: name}}
}

// inRig runs a test with a service that is running.
func inRig(t *testing.T, test func(t *testing.T, r *rig)) {
	t.Helper()
	inRigWith(t, func(*Config) {}, test)
}

// inRigWith is the same with a service that is made a little differently.
func inRigWith(t *testing.T, change func(*Config), test func(t *testing.T, r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := &rig{t: t, began: "open, clean up", fails: map[string]error{}, blocks: map[string]chan struct{}{}, ended: make(chan error, 1)}
		r.profiles = &fakeProfiles{list: []profile.Stored{named("office", ada.UID), named("lab", ada.UID), named("secret", bob.UID), guarded("vault", ada.UID)}}
		logs := NewLogRing(slog.DiscardHandler)
		cfg := Config{
			Logger: slog.New(logs), Logs: logs, Profiles: r.profiles,
			Router: fakeRouter{r}, Resolver: fakeResolver{rig: r, warning: "All names go to the company."}, KillSwitch: fakeSwitch{r},
			NewTunnel: func(cfg tunnel.Config) Tunnel {
				f := &fakeTunnel{rig: r, cfg: cfg, orders: make(chan func()), finish: make(chan error)}
				r.mu.Lock()
				defer r.mu.Unlock()
				r.tunnels = append(r.tunnels, f)
				return f
			},
			CleanUp: func() error { return r.note("clean up") },
		}
		change(&cfg)
		svc, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		r.svc = svc
		var ctx context.Context
		ctx, r.end = context.WithCancel(context.Background())
		go func() { r.ended <- svc.Run(ctx) }()
		r.expect(r.began)
		test(t, r)
		r.end()
		<-r.ended
	})
}
