package control

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"sync"
	"testing"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/platform/localsock"
)

// fakeBackend remembers what it was called with.
type fakeBackend struct {
	mu       sync.Mutex
	status   Status
	changed  chan struct{}
	callers  []Caller
	connects []ConnectRequest
	answers  []Answer
	added    []*profile.Profile
	settings Settings
	machines []MachineCredential
	present  int // programs that answer prompts
	signIn   func(ctx context.Context, emit func(PortalSignIn) error) error
	entered  []uint64
	err      error // what the next calls answer
}

func newFakeBackend() *fakeBackend {
	return &fakeBackend{status: Status{Revision: 1, State: StateDisconnected}, changed: make(chan struct{})}
}

func (b *fakeBackend) publish(st State) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.status.Revision++
	b.status.State = st
	close(b.changed)
	b.changed = make(chan struct{})
}

func (b *fakeBackend) note(c Caller) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.callers = append(b.callers, c)
	return b.err
}

func (b *fakeBackend) Status(Caller) Status {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.status
}

func (b *fakeBackend) Wait(ctx context.Context, _ Caller, after uint64) (Status, error) {
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
			return Status{}, ctx.Err()
		}
	}
}

func (b *fakeBackend) Connect(_ context.Context, c Caller, r ConnectRequest) (Accepted, error) {
	err := b.note(c)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.connects = append(b.connects, r)
	return Accepted{Revision: b.status.Revision}, err
}

func (b *fakeBackend) Disconnect(_ context.Context, c Caller) (Accepted, error) {
	return Accepted{Revision: 7}, b.note(c)
}

func (b *fakeBackend) Answer(_ context.Context, c Caller, a Answer) error {
	err := b.note(c)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answers = append(b.answers, a)
	return err
}

func (b *fakeBackend) Renew(_ context.Context, c Caller) (Accepted, error) {
	return Accepted{Revision: 9}, b.note(c)
}

func (b *fakeBackend) Attend(Caller) func() {
	b.count(1)
	return func() { b.count(-1) }
}

func (b *fakeBackend) count(by int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.present += by
	close(b.changed)
	b.changed = make(chan struct{})
}

func (b *fakeBackend) SetMachine(_ context.Context, c Caller, m MachineCredential) error {
	err := b.note(c)
	b.mu.Lock()
	defer b.mu.Unlock()
	m.Password = bytes.Clone(m.Password)
	b.machines = append(b.machines, m)
	return err
}

func (b *fakeBackend) RemoveMachine(_ context.Context, c Caller, _ string) error { return b.note(c) }

func (b *fakeBackend) Machines(c Caller) ([]MachineInfo, error) {
	return []MachineInfo{{Profile: "office", Kind: "password of alice"}}, b.note(c)
}

func (b *fakeBackend) Settings(Caller) Settings {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.settings
}

func (b *fakeBackend) ChangeSettings(_ context.Context, c Caller, change SettingsChange) (Settings, error) {
	err := b.note(c)
	b.mu.Lock()
	defer b.mu.Unlock()
	if change.KillSwitch != nil {
		b.settings.KillSwitch = *change.KillSwitch
	}
	if change.LocalNetwork != nil {
		b.settings.LocalNetwork = *change.LocalNetwork
	}
	return b.settings, err
}

func (b *fakeBackend) LookPortal(_ context.Context, c Caller) (Portal, error) {
	return Portal{State: PortalCaptive, By: "api", URL: "https://portal.example/"}, b.note(c)
}

func (b *fakeBackend) SignInPortal(ctx context.Context, c Caller, emit func(PortalSignIn) error) error {
	if err := b.note(c); err != nil {
		return err
	}
	return b.signIn(ctx, emit)
}

func (b *fakeBackend) EnterPortal(_ context.Context, c Caller, session uint64) error {
	err := b.note(c)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.entered = append(b.entered, session)
	return err
}

func (b *fakeBackend) Profiles(c Caller) []ProfileInfo { return nil }

func (b *fakeBackend) Profile(c Caller, name string) (*profile.Profile, error) {
	if err := b.note(c); err != nil {
		return nil, err
	}
	return &profile.Profile{Name: name}, nil
}

func (b *fakeBackend) AddProfile(c Caller, p *profile.Profile) error {
	err := b.note(c)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.added = append(b.added, p)
	return err
}

func (b *fakeBackend) DeleteProfile(c Caller, name string) error {
	return Refuse(CodeNotFound, "there is no profile named %s", name)
}

func (b *fakeBackend) Logs(ctx context.Context, _ Caller, follow bool, emit func([]LogEntry) error) error {
	if err := emit([]LogEntry{{Message: "first"}, {Message: "second"}}); err != nil || !follow {
		return err
	}
	<-ctx.Done()
	return ctx.Err()
}

// serve starts a server on a socket of its own and gives a client to it.
func serve(t *testing.T, b Backend) *Client {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	l, err := localsock.Listen(path, localsock.DefaultMode)
	if err != nil {
		t.Fatal(err)
	}
	return serveOn(t, b, path, l, identify)
}

func serveOn(t *testing.T, b Backend, path string, l net.Listener, who func(net.Conn) (Caller, error)) *Client {
	t.Helper()
	s := NewServer(b, slog.New(slog.NewTextHandler(io.Discard, nil)))
	s.identify = who
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		if err := s.Shutdown(context.Background()); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return NewClient(path)
}
