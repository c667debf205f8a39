package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/tunnel"
)

// machine is a system that fails now and then and holds what was set.
type machine struct {
	t       *testing.T
	tunnels atomic.Int32 // that run

	mu          sync.Mutex
	rng         *rand.Rand
	routes, dns string // of which device
	calm        bool   // nothing fails any more
}

func (m *machine) chance(n int) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return !m.calm && m.rng.IntN(n) == 0
}

func (m *machine) set(where *string, value string) error {
	if m.chance(8) {
		return errors.New("busy")
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	*where = value
	return nil
}

type stressedRouter struct{ *machine }

func (r stressedRouter) Set(n tunnel.Network) error { return r.set(&r.routes, n.Interface) }
func (r stressedRouter) Clear() error               { return r.set(&r.routes, "") }

type stressedResolver struct{ *machine }

func (r stressedResolver) Set(n tunnel.Network) (string, error) {
	return "", r.set(&r.dns, n.Interface)
}
func (r stressedResolver) Clear() error { return r.set(&r.dns, "") }

// restless is a tunnel to a gateway that does as it pleases.
type restless struct {
	*machine
	cfg tunnel.Config
}

func (f restless) Run(ctx context.Context, emit func(tunnel.Event)) error {
	if n := f.tunnels.Add(1); n > 1 {
		f.t.Errorf("%d tunnels run at the same time", n)
	}
	defer f.tunnels.Add(-1)
	for !f.chance(6) {
		switch {
		case ctx.Err() != nil:
			return nil
		case f.chance(3):
			emit(tunnel.Progress{Step: "reaching"})
		case f.chance(3):
			a, err := f.cfg.Ask(ctx, tunnel.Question{Kind: tunnel.AskPassword, Username: "ada"})
			if err != nil && ctx.Err() == nil {
				return err
			}
			clear(a.Secret)
		case f.chance(2):
			emit(officeUp())
		default:
			emit(tunnel.Changed{})
		}
	}
	if f.chance(3) {
		<-ctx.Done()
		return nil
	}
	causes := diagnose.Causes()
	f.mu.Lock()
	defer f.mu.Unlock()
	return &diagnose.Failure{Cause: causes[f.rng.IntN(len(causes))]}
}

func (restless) Stats() tunnel.Stats { return tunnel.Stats{Drops: map[string]uint64{"replay": 1}} }

// Renew implements Tunnel.
func (restless) Renew() {}

// TestUsersAtTheSameTime lets three users call everything at once, on real
// goroutines, while gateways and the system fail as they please; the race
// detector watches. Then the service is told to end, in the middle of it all,
// and must leave nothing.
func TestUsersAtTheSameTime(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			m := &machine{t: t, rng: rand.New(rand.NewPCG(seed, 11))}
			logs := NewLogRing(slog.DiscardHandler)
			svc, err := New(Config{
				Logger: slog.New(logs), Logs: logs,
				Profiles: &fakeProfiles{list: []profile.Stored{named("office", ada.UID), named("lab", ada.UID), named("secret", bob.UID)}},
				Router:   stressedRouter{m}, Resolver: stressedResolver{m}, KillSwitch: NoKillSwitch{},
				NewTunnel: func(cfg tunnel.Config) Tunnel { return restless{m, cfg} },
				CleanUp: func() error { // as the ledger's replay does
					m.mu.Lock()
					defer m.mu.Unlock()
					m.routes, m.dns = "", ""
					return nil
				},
				Jitter: func(least, _ time.Duration) time.Duration { return least / 1000 },
			})
			if err != nil {
				t.Fatal(err)
			}
			ctx, end := context.WithCancel(t.Context())
			defer end()
			ended := make(chan error, 1)
			go func() { ended <- svc.Run(ctx) }()

			var users sync.WaitGroup
			for n, who := range []control.Caller{ada, ada, bob, root} {
				users.Go(func() {
					rng := rand.New(rand.NewPCG(seed, uint64(n)))
					for range 4000 {
						useEverything(t, svc, who, rng)
					}
				})
			}
			users.Wait()
			if _, err := svc.Connect(ctx, ada, control.ConnectRequest{Profile: "office"}); err != nil && code(err) != control.CodeConflict {
				t.Error(err)
			}
			end()
			select {
			case err := <-ended:
				if err != nil {
					t.Error(err)
				}
			case <-time.After(time.Minute):
				t.Fatal("the service does not end")
			}
			checkNothingLeft(t, svc, m)
		})
	}
}

// useEverything makes one random call.
func useEverything(t *testing.T, svc *Service, who control.Caller, rng *rand.Rand) {
	t.Helper()
	expected := func(err error, codes ...control.Code) {
		t.Helper()
		if err == nil {
			return
		}
		for _, c := range codes {
			if code(err) == c {
				return
			}
		}
		t.Errorf("user %d: %v", who.UID, err)
	}
	switch n := rng.IntN(20); {
	case n < 6:
		name := []string{"office", "lab", "secret"}[rng.IntN(3)]
		_, err := svc.Connect(t.Context(), who, control.ConnectRequest{Profile: name})
		expected(err, control.CodeConflict, control.CodeNotFound)
	case n < 9:
		_, err := svc.Disconnect(t.Context(), who)
		expected(err, control.CodeForbidden)
	case n < 14:
		st := svc.Status(who)
		if st.Redacted && (st.Profile != "" || st.Gateway != nil || len(st.Prompts) > 0 || st.Error != nil && st.Error.Detail != "") {
			t.Errorf("user %d sees another's line: %+v", who.UID, st)
		}
		for _, p := range st.Prompts {
			a := control.Answer{Prompt: p.ID, Secret: control.Secret("secret")}
			if rng.IntN(4) == 0 {
				a = control.Answer{Prompt: p.ID, Declined: true}
			}
			expected(svc.Answer(t.Context(), who, a), control.CodeGone)
		}
	case n < 16:
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := svc.Wait(ctx, who, svc.Status(who).Revision); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	case n < 18:
		expected(svc.Logs(t.Context(), who, false, func([]control.LogEntry) error { return nil }))
	default:
		p := named(fmt.Sprint("extra", rng.IntN(3)), who.UID).Profile
		expected(svc.AddProfile(who, &p), control.CodeConflict)
		expected(svc.DeleteProfile(who, p.Name), control.CodeConflict, control.CodeNotFound)
	}
}

func checkNothingLeft(t *testing.T, svc *Service, m *machine) {
	t.Helper()
	if n := m.tunnels.Load(); n != 0 {
		t.Errorf("%d tunnels run on", n)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.routes != "" || m.dns != "" {
		t.Errorf("left: routes of %q, dns of %q", m.routes, m.dns)
	}
	svc.prompts.mu.Lock()
	defer svc.prompts.mu.Unlock()
	if len(svc.prompts.open) != 0 || len(svc.prompts.kept.given) != 0 {
		t.Errorf("left: %d questions, %d answers", len(svc.prompts.open), len(svc.prompts.kept.given))
	}
	if _, err := svc.Connect(t.Context(), ada, control.ConnectRequest{Profile: "office"}); code(err) != control.CodeUnavailable {
		t.Errorf("a service that has ended takes a wish: %v", err)
	}
}
