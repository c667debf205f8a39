package attendant

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/app/viewmodel"
	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/credential"
	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/platform/localsock"
)

// backend is a service that does what the test says.
type backend struct {
	mu       sync.Mutex
	status   control.Status
	changed  chan struct{}
	profiles []profile.Profile
	settings control.Settings
	fails    map[string]error // by the call's name
	calls    map[string]int
	present  int

	connects chan control.ConnectRequest
	answers  chan control.Answer
}

func newBackend() *backend {
	return &backend{
		status: control.Status{Revision: 1, State: control.StateDisconnected}, changed: make(chan struct{}),
		fails: map[string]error{}, calls: map[string]int{},
		connects: make(chan control.ConnectRequest, 10), answers: make(chan control.Answer, 10),
	}
}

// post shows a changed status.
func (b *backend) post(change func(st *control.Status)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.status.Revision++
	change(&b.status)
	close(b.changed)
	b.changed = make(chan struct{})
}

func (b *backend) fail(call string, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fails[call] = err
}

func (b *backend) note(call string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls[call]++
	return b.fails[call]
}

// called says how often, and forgets it.
func (b *backend) called(call string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := b.calls[call]
	b.calls[call] = 0
	return n
}

func (b *backend) now() control.Status {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.status
}

func (b *backend) Status(control.Caller) control.Status {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls["status"]++
	return b.status
}

func (b *backend) Wait(ctx context.Context, _ control.Caller, after uint64) (control.Status, error) {
	for {
		b.mu.Lock()
		st, changed := b.status, b.changed
		b.mu.Unlock()
		if st.Revision > after {
			return st, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return control.Status{}, ctx.Err()
		}
	}
}

func (b *backend) Connect(_ context.Context, _ control.Caller, r control.ConnectRequest) (control.Accepted, error) {
	if err := b.note("connect"); err != nil {
		return control.Accepted{}, err
	}
	b.connects <- r
	return control.Accepted{Revision: b.now().Revision + 1}, nil
}

func (b *backend) Disconnect(context.Context, control.Caller) (control.Accepted, error) {
	return control.Accepted{Revision: b.now().Revision + 1}, b.note("disconnect")
}

func (b *backend) Renew(context.Context, control.Caller) (control.Accepted, error) {
	return control.Accepted{Revision: b.now().Revision + 1}, b.note("renew")
}

func (b *backend) Answer(_ context.Context, _ control.Caller, a control.Answer) error {
	if err := b.note("answer"); err != nil {
		return err
	}
	a.Secret, a.New = slices.Clone(a.Secret), slices.Clone(a.New)
	b.answers <- a
	return nil
}

func (b *backend) Settings(control.Caller) control.Settings {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls["settings"]++
	return b.settings
}

func (b *backend) ChangeSettings(_ context.Context, _ control.Caller, c control.SettingsChange) (control.Settings, error) {
	if err := b.note("change settings"); err != nil {
		return control.Settings{}, err
	}
	b.post(func(st *control.Status) {
		if c.KillSwitch != nil {
			b.settings.KillSwitch = *c.KillSwitch
		}
		st.Filings++
	})
	return b.Settings(control.Caller{}), nil
}

func (b *backend) LookPortal(context.Context, control.Caller) (control.Portal, error) {
	return control.Portal{}, b.note("look")
}

func (b *backend) SignInPortal(context.Context, control.Caller, func(control.PortalSignIn) error) error {
	return b.note("sign in")
}

func (b *backend) EnterPortal(context.Context, control.Caller, uint64) error { return b.note("enter") }

func (b *backend) Profiles(control.Caller) []control.ProfileInfo {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls["profiles"]++
	var list []control.ProfileInfo
	for _, p := range b.profiles {
		list = append(list, control.ProfileInfo{
			ID: p.ID, Name: p.Name, Owner: uint32(os.Getuid()), Gateway: p.Gateway.Address,
			Username: p.Client.Username, Format: p.Origin.Format, Identifier: p.Origin.Identifier,
		})
	}
	return list
}

func (b *backend) Profile(_ control.Caller, name string) (*profile.Profile, error) {
	if err := b.note("profile"); err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range b.profiles {
		if p.ID == name || p.Name == name {
			return &p, nil
		}
	}
	return nil, control.Refuse(control.CodeNotFound, "there is no profile named %q", name)
}

func (b *backend) AddProfile(_ control.Caller, p *profile.Profile) error {
	if err := b.note("add"); err != nil {
		return err
	}
	b.post(func(st *control.Status) {
		b.profiles = slices.DeleteFunc(b.profiles, func(o profile.Profile) bool { return o.ID == p.ID })
		b.profiles = append(b.profiles, *p)
		st.Filings++
	})
	return nil
}

func (b *backend) DeleteProfile(_ control.Caller, name string) error {
	if err := b.note("delete"); err != nil {
		return err
	}
	b.post(func(st *control.Status) {
		b.profiles = slices.DeleteFunc(b.profiles, func(o profile.Profile) bool { return o.ID == name })
		st.Filings++
	})
	return nil
}

func (b *backend) Attend(control.Caller) func() {
	b.count(1)
	return func() { b.count(-1) }
}

func (b *backend) count(by int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.present += by
}

func (b *backend) SetMachine(context.Context, control.Caller, control.MachineCredential) error {
	return b.note("set machine")
}

func (b *backend) RemoveMachine(context.Context, control.Caller, string) error {
	return b.note("remove machine")
}

func (b *backend) Machines(control.Caller) ([]control.MachineInfo, error) {
	return nil, b.note("machines")
}

func (b *backend) Logs(_ context.Context, _ control.Caller, _ bool, emit func([]control.LogEntry) error) error {
	return emit([]control.LogEntry{{Message: "first"}})
}

// office is a profile that signs in with a password.
func office() profile.Profile {
	return profile.Profile{
		Version: profile.Version, ID: profile.NewID(), Name: "office", Origin: profile.Origin{Format: "mobileconfig"},
		Gateway: profile.Gateway{Address: "vpn.example.com", Auth: profile.GatewayCertificate},
		Client:  profile.Client{Auth: profile.ClientMSCHAPv2, Username: "ada"}, Traffic: profile.Traffic{Full: true},
	}
}

// person answers questions as the test says.
type person struct{ asked chan *question }

// question is one that is shown; answer or end ends it.
type question struct {
	credential.Prompt
	answer chan reply
	ended  chan struct{} // it was taken away
}

type reply struct {
	credential.Reply
	err error
}

// Prompt implements credential.Prompter.
func (p *person) Prompt(ctx context.Context, q credential.Prompt) (credential.Reply, error) {
	shown := &question{Prompt: q, answer: make(chan reply), ended: make(chan struct{})}
	select {
	case p.asked <- shown:
	case <-ctx.Done():
		return credential.Reply{}, ctx.Err()
	}
	select {
	case r := <-shown.answer:
		return r.Reply, r.err
	case <-ctx.Done():
		close(shown.ended)
		return credential.Reply{}, ctx.Err()
	}
}

func typed(s string) reply { return reply{Reply: credential.Reply{Secret: []byte(s)}} }

// rig is an attendant with a service behind the real socket.
type rig struct {
	t       *testing.T
	b       *backend
	a       *Attendant
	person  *person
	store   *credential.Store
	path    string
	end     func() // ends the service
	profile profile.Profile
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, b: newBackend(), person: &person{asked: make(chan *question)}, profile: office()}
	r.b.profiles = []profile.Profile{r.profile}
	dir, err := os.MkdirTemp("", "hw")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	r.path = filepath.Join(dir, "s")
	if r.store, err = credential.Open(filepath.Join(dir, "sealed"), &memory{}); err != nil {
		t.Fatal(err)
	}
	r.a = attend(t, control.NewClient(r.path), r.person, r.store, filepath.Join(dir, "sealed"))
	return r
}

// attend runs an attendant until the test ends.
func attend(t *testing.T, s Service, p credential.Prompter, store *credential.Store, dir string) *Attendant {
	a := New(Config{
		Service: s, Prompter: p, UID: os.Getuid(), Now: time.Now, Logger: slog.New(slog.DiscardHandler),
		OpenStore: func() (Store, error) { return store, nil },
		OpenWallet: func() (*credential.Wallet, error) {
			return credential.OpenWallet(dir, func() (credential.Keys, error) { return store, nil })
		},
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		a.Run(ctx)
		close(ended)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	return a
}

// serve starts the service.
func (r *rig) serve() {
	r.t.Helper()
	l, err := localsock.Listen(r.path, localsock.DefaultMode)
	if err != nil {
		r.t.Fatal(err)
	}
	r.serveOn(l)
}

func (r *rig) serveOn(l net.Listener) {
	s := control.NewServer(r.b, slog.New(slog.DiscardHandler))
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	r.end = sync.OnceFunc(func() {
		if err := errors.Join(s.Shutdown(context.Background()), <-served); err != nil {
			r.t.Error(err)
		}
	})
	r.t.Cleanup(r.end)
}

// until waits until the input fits.
func (r *rig) until(what string, fits func(in viewmodel.Input) bool) viewmodel.Input {
	r.t.Helper()
	return until(r.t, r.a, what, fits)
}

func until(t *testing.T, a *Attendant, what string, fits func(in viewmodel.Input) bool) viewmodel.Input {
	t.Helper()
	limit := time.NewTimer(20 * time.Second)
	defer limit.Stop()
	for {
		if in := a.Input(); fits(in) {
			return in
		}
		select {
		case <-a.Changed():
		case <-limit.C:
			t.Fatalf("%s: it is %+v", what, a.Input())
		}
	}
}

func (r *rig) ready() viewmodel.Input {
	r.t.Helper()
	return r.until("the service answers", func(in viewmodel.Input) bool { return in.Link == viewmodel.LinkReady })
}

// ask has the service ask something.
func (r *rig) ask(p control.Prompt) {
	p.Profile, p.ProfileID, p.Expires = r.profile.Name, r.profile.ID, time.Now().Add(time.Minute)
	r.b.post(func(st *control.Status) {
		st.State, st.Profile, st.ProfileID = control.StateNeedsInput, p.Profile, p.ProfileID
		st.Prompts = []control.Prompt{p}
	})
}

// become shows a state without questions, until it is seen: the newest one wins.
func (r *rig) become(s control.State, e *control.Error) {
	r.t.Helper()
	r.b.post(func(st *control.Status) { st.State, st.Error, st.Prompts = s, e, nil })
	r.seen()
}

// seen waits until the newest status is.
func (r *rig) seen() {
	r.t.Helper()
	revision := r.b.now().Revision
	r.until("the status is seen", func(in viewmodel.Input) bool { return in.Status.Revision >= revision })
}

// next gives the next thing on a channel.
func next[T any](t *testing.T, what string, c <-chan T) T {
	t.Helper()
	limit := time.NewTimer(20 * time.Second)
	defer limit.Stop()
	select {
	case v := <-c:
		return v
	case <-limit.C:
		t.Fatalf("%s: nothing has come", what)
		panic("unreachable")
	}
}

// memory is a keychain.
type memory struct {
	mu      sync.Mutex
	entries map[string]string
}

func (k *memory) Get(_ context.Context, service, user string) (string, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if secret, ok := k.entries[service+"/"+user]; ok {
		return secret, nil
	}
	return "", credential.ErrNoEntry
}

func (k *memory) Set(_ context.Context, service, user, secret string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.entries == nil {
		k.entries = map[string]string{}
	}
	k.entries[service+"/"+user] = secret
	return nil
}

func (k *memory) Delete(_ context.Context, service, user string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.entries, service+"/"+user)
	return nil
}
