package service

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/client/portal"
	"github.com/homeward-vpn/homeward/client/tunnel"
)

const hotelPage = "https://portal.hotel.example/"

// hotel is a network with a sign-in page, and the system's way to let one program out.
type hotel struct {
	mu       sync.Mutex
	finding  portal.Finding
	err      error
	looks    int
	heard    int
	noGroups error
	groups   []*fakeGroup
}

type fakeGroup struct {
	mu       sync.Mutex
	members  []int
	left     chan struct{}
	closed   int
	admitErr error
}

func (g *fakeGroup) Path() string { return "homeward/portal" }
func (g *fakeGroup) Admit(pid int, _ uint32) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.members = append(g.members, pid)
	return g.admitErr
}
func (g *fakeGroup) Ended(ctx context.Context) error {
	select {
	case <-g.left:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
func (g *fakeGroup) Close() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed++
	return nil
}

func (h *hotel) set(f portal.Finding, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.finding, h.err = f, err
}

func (h *hotel) looked() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.looks
}

func (h *hotel) listened() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.heard
}

func (h *hotel) group() *fakeGroup {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.groups) == 0 {
		return nil
	}
	return h.groups[len(h.groups)-1]
}

func (h *hotel) parts() Portals {
	return Portals{
		Look: func(context.Context) (portal.Finding, error) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.looks++
			return h.finding, h.err
		},
		Listen: func(context.Context) (portal.Finding, error) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.heard++
			return portal.Finding{State: portal.Named, Device: "wlan0", By: "network"}, nil
		},
		Resolvers: func() ([]netip.Addr, error) { return []netip.Addr{netip.MustParseAddr("192.168.1.1")}, nil },
		Confine: func() (Confinement, error) {
			h.mu.Lock()
			defer h.mu.Unlock()
			if h.noGroups != nil {
				return nil, h.noGroups
			}
			h.groups = append(h.groups, &fakeGroup{left: make(chan struct{})})
			return h.groups[len(h.groups)-1], nil
		},
	}
}

var (
	held = portal.Finding{State: portal.Captive, Device: "wlan0", By: "api", SignIn: hotelPage}
	free = portal.Finding{State: portal.Open, Device: "wlan0", By: "api"}
)

// signing is a sign-in under way: its lines, and its result.
type signing struct {
	mu     sync.Mutex
	lines  []control.PortalSignIn
	err    error
	ended  bool
	cancel context.CancelFunc
}

func (r *rig) signIn(c control.Caller) *signing {
	ctx, cancel := context.WithCancel(r.t.Context())
	s := &signing{cancel: cancel}
	go func() {
		err := r.svc.SignInPortal(ctx, c, func(v control.PortalSignIn) error {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.lines = append(s.lines, v)
			return nil
		})
		s.mu.Lock()
		defer s.mu.Unlock()
		s.err, s.ended = err, true
	}()
	synctest.Wait()
	return s
}

func (s *signing) why() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ended || len(s.lines) == 0 {
		return fmt.Sprintf("(not ended: %v, %d lines, %v)", !s.ended, len(s.lines), s.err)
	}
	return s.lines[len(s.lines)-1].Ended
}

// inHotel runs a test with a line that is wanted under the kill switch and fails for
// want of a way out.
func inHotel(t *testing.T, test func(t *testing.T, r *rig, h *hotel, policy func() *Policy)) {
	t.Helper()
	h := &hotel{finding: held}
	inRigWith(t, func(cfg *Config) { cfg.Portals = h.parts() }, func(t *testing.T, r *rig) {
		r.connect("vault")
		test(t, r, h, r.holds)
		if _, err := r.svc.Disconnect(t.Context(), ada); err != nil {
			t.Error(err)
		}
		synctest.Wait()
	})
}

// One program may leave, for as long as it takes, and it is told to whom.
func TestSignInToTheNetwork(t *testing.T) {
	for _, tc := range []struct {
		name string
		end  func(r *rig, h *hotel, s *signing)
		want string
		err  error
	}{
		{"the network lets us out", func(_ *rig, h *hotel, _ *signing) {
			h.set(free, nil)
			<-time.After(signInLook)
		}, control.SignInDone, nil},
		{"the browser is closed", func(_ *rig, h *hotel, _ *signing) { close(h.group().left) }, control.SignInClosed, nil},
		{"it takes too long", func(*rig, *hotel, *signing) { <-time.After(signInTime) }, control.SignInTime, nil},
		{"the user's program leaves", func(_ *rig, _ *hotel, s *signing) { s.cancel() }, "", context.Canceled},
	} {
		t.Run(tc.name, func(t *testing.T) {
			inHotel(t, func(t *testing.T, r *rig, h *hotel, policy func() *Policy) {
				s := r.signIn(ada)
				s.mu.Lock()
				if len(s.lines) != 1 {
					t.Fatalf("told were %d lines, %v", len(s.lines), s.err)
				}
				first := s.lines[0]
				s.mu.Unlock()
				if first.URL != hotelPage || len(first.Resolvers) != 1 || !first.Until.Equal(time.Now().Add(signInTime)) {
					t.Errorf("told was %+v", first)
				}
				if p := policy(); p == nil || p.Portal == nil || p.Portal.Cgroup != "homeward/portal" || len(p.Portal.Resolvers) != 1 || p.Tunnel != nil {
					t.Errorf("the policy is %+v", p)
				}
				if st := r.svc.Status(bob); st.Portal == nil || st.Portal.SigningInUntil == nil || len(st.Warnings) == 0 {
					t.Errorf("everybody's status shows %+v, %q", st.Portal, st.Warnings)
				}
				if err := r.svc.EnterPortal(t.Context(), control.Caller{UID: ada.UID, PID: 77}, first.Session); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				tc.end(r, h, s)
				synctest.Wait()
				if got := s.why(); got != tc.want || !errors.Is(s.err, tc.err) {
					t.Errorf("it ended as %q, %v; want %q, %v", got, s.err, tc.want, tc.err)
				}
				if p := policy(); p == nil || p.Portal != nil {
					t.Errorf("after it the policy is %+v", p)
				}
				if g := h.group(); g.closed != 1 || len(g.members) != 1 || g.members[0] != 77 {
					t.Errorf("the group was closed %d times, and had %v", g.closed, g.members)
				}
				if st := r.svc.Status(ada); st.Portal != nil && st.Portal.SigningInUntil != nil {
					t.Errorf("the status shows %+v", st.Portal)
				}
			})
		})
	}
}

// Who may not, and when it makes no sense.
func TestSignInIsRefused(t *testing.T) {
	inHotel(t, func(t *testing.T, r *rig, h *hotel, policy func() *Policy) {
		code := func(err error) control.Code {
			var refused *control.Refusal
			if !errors.As(err, &refused) {
				return control.Code(fmt.Sprint(err))
			}
			return refused.Code
		}
		if s := r.signIn(bob); code(s.err) != control.CodeForbidden {
			t.Errorf("another user: %v", s.err)
		}
		s := r.signIn(ada)
		if second := r.signIn(ada); code(second.err) != control.CodeConflict {
			t.Errorf("a second sign-in: %v", second.err)
		}
		session := s.lines[0].Session
		for name, call := range map[string]struct {
			c       control.Caller
			session uint64
			code    control.Code
		}{
			"another user":    {control.Caller{UID: bob.UID, PID: 5}, session, control.CodeNotFound},
			"another session": {control.Caller{UID: ada.UID, PID: 5}, session + 1, control.CodeNotFound},
		} {
			if err := r.svc.EnterPortal(t.Context(), call.c, call.session); code(err) != call.code {
				t.Errorf("%s is let in: %v", name, err)
			}
		}
		if err := r.svc.EnterPortal(t.Context(), control.Caller{UID: ada.UID, PID: 5}, session); err != nil {
			t.Error(err)
		}
		if err := r.svc.EnterPortal(t.Context(), control.Caller{UID: ada.UID, PID: 6}, session); code(err) != control.CodeConflict {
			t.Errorf("a second program is let in: %v", err)
		}
		s.cancel()
		synctest.Wait()
		if err := r.svc.EnterPortal(t.Context(), control.Caller{UID: ada.UID, PID: 7}, session); code(err) != control.CodeNotFound {
			t.Errorf("a program is let in after the end: %v", err)
		}

		<-time.After(2 * freshLook)
		h.set(free, nil)
		if s := r.signIn(ada); code(s.err) != control.CodeConflict {
			t.Errorf("a network that lets us out: %v", s.err)
		}
		<-time.After(lookPause)
		h.set(portal.Finding{State: portal.Unknown}, errors.New("silence"))
		if s := r.signIn(ada); code(s.err) != control.CodeUnavailable {
			t.Errorf("a network that is not known: %v", s.err)
		}
		<-time.After(lookPause)
		h.set(held, nil)
		h.mu.Lock()
		h.noGroups = errors.New("no groups")
		h.mu.Unlock()
		if s := r.signIn(ada); code(s.err) != control.CodeUnavailable {
			t.Errorf("a system without groups: %v", s.err)
		}
		if p := policy(); p == nil || p.Portal != nil {
			t.Errorf("the policy is %+v", p)
		}
	})
}

// A policy that cannot be set opens nothing and leaves nothing behind.
func TestSignInWithoutAPolicy(t *testing.T) {
	inHotel(t, func(t *testing.T, r *rig, h *hotel, _ func() *Policy) {
		r.fail("closed", errors.New("no room"))
		s := r.signIn(ada)
		if s.err == nil || len(s.lines) != 0 {
			t.Errorf("told were %d lines, %v", len(s.lines), s.err)
		}
		if g := h.group(); g.closed != 1 {
			t.Errorf("the group was closed %d times", g.closed)
		}
		r.fail("closed", nil)
		<-time.After(time.Minute) // the guard sets it again by itself
		synctest.Wait()
		s = r.signIn(ada)
		if len(s.lines) != 1 {
			t.Fatalf("the next sign-in: %v", s.err)
		}
		s.cancel()
		synctest.Wait()
	})
}

// The network is looked at when an attempt fails for want of a way, and when it is
// another, and only where somebody wants out.
func TestWhenTheNetworkIsLookedAt(t *testing.T) {
	h := &hotel{finding: held}
	var changes chan tunnel.NetworkChange
	inRigWith(t, func(cfg *Config) {
		cfg.Portals = h.parts()
		changes = make(chan tunnel.NetworkChange) // of the test's own time
		cfg.Tunnel.NetworkChanged = func(context.Context) (<-chan tunnel.NetworkChange, error) { return changes, nil }
	}, func(t *testing.T, r *rig) {
		changes <- tunnel.NetworkChange{}
		synctest.Wait()
		if n := h.looked(); n != 0 {
			t.Errorf("looked %d times although nobody wants a line", n)
		}
		r.connect("office")
		changes <- tunnel.NetworkChange{} // the tunnel's own device, say
		synctest.Wait()
		if n := h.looked(); n != 0 {
			t.Errorf("looked %d times although nothing has failed", n)
		}
		r.tunnel().die(&diagnose.Failure{Cause: diagnose.CauseWrongPassword})
		if n := h.looked(); n != 0 {
			t.Errorf("looked %d times because of a wrong password", n)
		}
		r.connect("office")
		r.tunnel().die(&diagnose.Failure{Cause: diagnose.CauseGatewaySilent, Expected: "203.0.113.1"})
		if n := h.looked(); n != 1 {
			t.Errorf("looked %d times after a gateway's silence, want once", n)
		}
		if st := r.svc.Status(ada); st.Portal == nil || st.Portal.State != control.PortalCaptive || st.Portal.URL != hotelPage {
			t.Errorf("the status shows %+v", st.Portal)
		}
		h.set(free, nil)
		changes <- tunnel.NetworkChange{}
		synctest.Wait()
		if st := r.svc.Status(ada); h.looked() != 2 || st.Portal == nil || st.Portal.State != control.PortalOpen {
			t.Errorf("after another network: looked %d times, the status shows %+v", h.looked(), st.Portal)
		}
		r.up()
		changes <- tunnel.NetworkChange{}
		synctest.Wait()
		if n := h.looked(); n != 2 {
			t.Errorf("looked %d times although the line stands", n)
		}
	})
}

// Under the kill switch nobody beyond the link is asked unless a person wants to know.
func TestUnderTheKillSwitchTheNetworkIsHeard(t *testing.T) {
	inHotel(t, func(t *testing.T, r *rig, h *hotel, policy func() *Policy) {
		r.tunnel().die(&diagnose.Failure{Cause: diagnose.CauseGatewaySilent, Expected: "203.0.113.1"})
		h.mu.Lock()
		looks, heard := h.looks, h.heard
		h.mu.Unlock()
		if looks != 0 || heard != 1 {
			t.Errorf("the network was asked %d times and heard %d times, want 0 and 1", looks, heard)
		}
		st := r.svc.Status(ada)
		if st.Portal == nil || st.Portal.State != control.PortalNamed || st.Portal.URL != "" || !strings.Contains(strings.Join(st.Warnings, " "), "homewardctl portal") {
			t.Errorf("the status shows %+v, %q", st.Portal, st.Warnings)
		}
		if p := policy(); p == nil || len(p.Probes) != 0 || len(p.Resolvers) != 0 {
			t.Errorf("the policy is %+v", p)
		}
		found, err := r.svc.LookPortal(t.Context(), ada)
		if err != nil || found.State != control.PortalCaptive || h.looked() != 1 {
			t.Errorf("a person finds %+v, %v, with %d questions", found, err, h.looked())
		}
	})
}

// A system without the parts says so.
func TestNoPortals(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		if _, err := r.svc.LookPortal(t.Context(), ada); !errors.Is(err, errNoPortals) {
			t.Errorf("%v", err)
		}
		if s := r.signIn(ada); !errors.Is(s.err, errNoPortals) {
			t.Errorf("%v", s.err)
		}
		if st := r.svc.Status(ada); st.Portal != nil {
			t.Errorf("%+v", st.Portal)
		}
	})
}
