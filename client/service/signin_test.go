package service

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/client/portal"
	"github.com/homeward-vpn/homeward/client/supervisor"
	"github.com/homeward-vpn/homeward/client/tunnel"
)

// clock is the wall's, which a test can set.
type clock struct {
	mu    sync.Mutex
	ahead time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Round(0).Add(c.ahead)
}

func (c *clock) jump(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
}

// guest is a machine in a hotel, whose network can change.
type guest struct {
	*rig
	*hotel
	wall    *clock
	changes chan tunnel.NetworkChange

	mu        sync.Mutex
	resolvers []netip.Addr
}

func (g *guest) resolve(to ...string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.resolvers = nil
	for _, a := range to {
		g.resolvers = append(g.resolvers, netip.MustParseAddr(a))
	}
}

// move is a change of the network, and what follows from it.
func (g *guest) move() {
	g.changes <- tunnel.NetworkChange{}
	synctest.Wait()
	<-time.After(signInLook / 2)
	synctest.Wait()
}

func asGuest(t *testing.T, change func(*Config), test func(t *testing.T, g *guest)) {
	t.Helper()
	g := &guest{hotel: &hotel{finding: held}, wall: &clock{}}
	g.resolve("192.168.1.1")
	inRigWith(t, func(cfg *Config) {
		cfg.Portals = g.parts()
		cfg.Portals.Resolvers = func() ([]netip.Addr, error) {
			g.mu.Lock()
			defer g.mu.Unlock()
			return g.resolvers, nil
		}
		g.changes = make(chan tunnel.NetworkChange)
		cfg.Tunnel.NetworkChanged = func(context.Context) (<-chan tunnel.NetworkChange, error) { return g.changes, nil }
		if change != nil {
			change(cfg)
		}
	}, func(t *testing.T, r *rig) {
		g.rig = r
		r.svc.portals.now = g.wall.now
		test(t, g)
		if _, err := r.svc.Disconnect(t.Context(), control.Caller{UID: ada.UID, Admin: true}); err != nil {
			t.Error(err)
		}
		synctest.Wait()
	})
}

// A sign-in ends when it could not be begun any more, or is not needed, and goes on
// through what does not concern it.
func TestWhatEndsASignIn(t *testing.T) {
	const goesOn = "goes on"
	set := func(mode string) func(*testing.T, *guest) {
		return func(t *testing.T, g *guest) {
			if err := g.rig.set(control.Caller{Admin: true}, mode); err != nil {
				t.Error(err)
			}
		}
	}
	for _, tc := range []struct {
		name string
		line bool // somebody wants one before
		do   func(t *testing.T, g *guest)
		want string
	}{
		{"the line comes up", true, func(_ *testing.T, g *guest) {
			f := g.tunnel()
			f.do(func() { f.emit(officeUp()) })
		}, control.SignInDone},
		{"the user disconnects", true, func(t *testing.T, g *guest) {
			if _, err := g.svc.Disconnect(t.Context(), ada); err != nil {
				t.Error(err)
			}
		}, control.SignInRemoved},
		{"the kill switch is switched off", true, set("off"), control.SignInRemoved},
		{"the kill switch is switched on for all", false, set("on"), control.SignInRemoved},
		{"lockdown is set", true, set("lockdown"), control.SignInRemoved},
		{"another user wants a line", false, func(t *testing.T, g *guest) {
			if _, err := g.svc.Connect(t.Context(), bob, control.ConnectRequest{Profile: "secret"}); err != nil {
				t.Error(err)
			}
		}, control.SignInRemoved},
		{"the user wants a line", false, func(_ *testing.T, g *guest) { g.connect("vault") }, goesOn},
		{"an attempt fails", true, func(_ *testing.T, g *guest) {
			g.tunnel().die(&diagnose.Failure{Cause: diagnose.CauseGatewaySilent})
		}, goesOn},
		{"the network is the same after a change", true, func(_ *testing.T, g *guest) {
			again := held
			again.SignIn += "?session=2"
			g.hotel.set(again, nil)
			g.move()
		}, goesOn},
		{"the network lets us out after a change", true, func(_ *testing.T, g *guest) {
			g.hotel.set(free, nil)
			g.move()
		}, control.SignInDone},
		{"another hotel's network", true, func(_ *testing.T, g *guest) {
			other := held
			other.SignIn = "https://portal.other.example/"
			g.hotel.set(other, nil)
			g.move()
		}, control.SignInRemoved},
		{"a network that is not known", true, func(_ *testing.T, g *guest) {
			g.hotel.set(portal.Finding{State: portal.Unknown}, errors.New("silence"))
			g.move()
		}, control.SignInRemoved},
		{"other name servers", true, func(_ *testing.T, g *guest) {
			g.resolve("192.168.1.1", "192.168.1.2")
			g.move()
		}, control.SignInRemoved},
		{"the computer sleeps beyond the time", true, func(_ *testing.T, g *guest) {
			g.wall.jump(signInTime + time.Second)
			<-time.After(signInLook)
		}, control.SignInTime},
		{"the clock is set back", true, func(_ *testing.T, g *guest) {
			g.wall.jump(-24 * time.Hour)
			<-time.After(signInTime)
		}, control.SignInTime},
	} {
		t.Run(tc.name, func(t *testing.T) {
			asGuest(t, nil, func(t *testing.T, g *guest) {
				if tc.line {
					g.connect("vault")
				}
				s := g.signIn(ada)
				if len(s.lines) != 1 {
					t.Fatal(s.err)
				}
				tc.do(t, g)
				synctest.Wait()
				s.mu.Lock()
				ended, why := s.ended, s.lines[len(s.lines)-1].Ended
				s.mu.Unlock()
				switch st := g.svc.Status(ada); {
				case tc.want == goesOn:
					if ended || st.Portal == nil || st.Portal.SigningInUntil == nil {
						t.Errorf("it has ended as %q, %v", why, s.err)
					}
					s.cancel()
					synctest.Wait()
				case !ended || why != tc.want:
					t.Errorf("it has ended: %v, as %q, want %q", ended, why, tc.want)
				}
				if p := g.holds(); p != nil && p.Portal != nil {
					t.Errorf("after it the policy is %+v", p)
				}
				if grp := g.group(); grp.closed != 1 {
					t.Errorf("the group was closed %d times", grp.closed)
				}
			})
		})
	}
}

// A look that hangs keeps neither the time's end nor the browser's waiting.
func TestASlowLookHoldsNothingUp(t *testing.T) {
	for name, end := range map[string]func(g *guest, s *signing) string{
		"the browser is closed": func(g *guest, _ *signing) string { close(g.group().left); return control.SignInClosed },
		"another setting": func(g *guest, _ *signing) string {
			if err := g.rig.set(control.Caller{Admin: true}, "on"); err != nil {
				g.t.Error(err)
			}
			return control.SignInRemoved
		},
	} {
		t.Run(name, func(t *testing.T) {
			var slow sync.Mutex
			hangs := false
			asGuest(t, func(cfg *Config) {
				look := cfg.Portals.Look
				cfg.Portals.Look = func(ctx context.Context) (portal.Finding, error) {
					slow.Lock()
					wait := hangs
					slow.Unlock()
					if wait {
						<-ctx.Done()
						return portal.Finding{State: portal.Unknown}, ctx.Err()
					}
					return look(ctx)
				}
			}, func(t *testing.T, g *guest) {
				s := g.signIn(ada)
				if err := g.svc.EnterPortal(t.Context(), control.Caller{UID: ada.UID, PID: 7}, s.lines[0].Session); err != nil {
					t.Fatal(err)
				}
				slow.Lock()
				hangs = true
				slow.Unlock()
				<-time.After(signInLook + time.Second)
				before := time.Now()
				want := end(g, s)
				synctest.Wait()
				if got := s.why(); got != want || time.Since(before) != 0 {
					t.Errorf("after %v: %q, want %q at once", time.Since(before), got, want)
				}
			})
		})
	}
}

// Who closes the browser as soon as he has signed in is connected as soon as that is
// seen, and need not wait for the next attempt.
func TestClosedBeforeItWasSeen(t *testing.T) {
	asGuest(t, nil, func(t *testing.T, g *guest) {
		g.connect("vault")
		g.tunnel().die(&diagnose.Failure{Cause: diagnose.CauseGatewaySilent})
		s := g.signIn(ada)
		if err := g.svc.EnterPortal(t.Context(), control.Caller{UID: ada.UID, PID: 7}, s.lines[0].Session); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		attempts := g.count()
		<-time.After(lookPause) // what was found before is not told again
		g.hotel.set(free, nil)
		close(g.group().left)
		synctest.Wait()
		if s.why() != control.SignInClosed || g.count() != attempts+1 {
			t.Errorf("it ended as %q, and %d attempts became %d", s.why(), attempts, g.count())
		}
	})
}

// An attempt that takes long has the network looked at, before it has failed.
func TestALongAttemptIsADoubt(t *testing.T) {
	asGuest(t, nil, func(t *testing.T, g *guest) {
		for _, tc := range []struct {
			profile      string
			looks, heard int // once the attempt is long
			state        string
		}{
			{"vault", 0, 1, control.PortalNamed}, // under the kill switch
			{"office", 1, 1, control.PortalCaptive},
		} {
			g.connect(tc.profile)
			<-time.After(doubtTime - time.Millisecond)
			synctest.Wait()
			looks, heard := g.looked(), g.listened()
			<-time.After(time.Millisecond)
			synctest.Wait()
			if looks+heard != tc.looks+tc.heard-1 || g.looked() != tc.looks || g.listened() != tc.heard {
				t.Errorf("%s: looked %d times and listened %d before %v, and %d and %d then", tc.profile, looks, heard, doubtTime, g.looked(), g.listened())
			}
			if st := g.svc.Status(ada); st.Portal == nil || st.Portal.State != tc.state {
				t.Errorf("%s: the status shows %+v", tc.profile, st.Portal)
			}
			if _, err := g.svc.Disconnect(t.Context(), ada); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
	})
}

// Any local user may ask, and the network is not asked as fast as he can.
func TestLooksAreNotAFlood(t *testing.T) {
	asGuest(t, nil, func(t *testing.T, g *guest) {
		var all sync.WaitGroup
		for range 200 {
			all.Go(func() {
				if p, err := g.svc.LookPortal(t.Context(), bob); err != nil || p.State != control.PortalCaptive {
					t.Errorf("%+v, %v", p, err)
				}
			})
		}
		all.Wait()
		if n := g.looked(); n != 1 {
			t.Errorf("the network was looked at %d times", n)
		}
		<-time.After(lookPause)
		if _, err := g.svc.LookPortal(t.Context(), bob); err != nil || g.looked() != 2 {
			t.Errorf("a moment later it was looked at %d times, %v", g.looked(), err)
		}
	})
}

// What could not be found out is asked again, less and less often, as long as a line is
// being tried; under the kill switch it is not.
func TestUnknownIsLookedAtAgain(t *testing.T) {
	asGuest(t, nil, func(t *testing.T, g *guest) {
		g.hotel.set(portal.Finding{State: portal.Unknown}, errors.New("silence"))
		g.connect("office")
		for i, wait := range []time.Duration{doubtTime, doubtFirst, 2 * doubtFirst, 4 * doubtFirst} {
			<-time.After(wait - time.Nanosecond) // and one more, so the next time is as far away
			synctest.Wait()
			if n := g.looked(); n != i {
				t.Errorf("looked %d times too early, want %d", n, i)
			}
			<-time.After(time.Nanosecond)
			synctest.Wait()
			if n := g.looked(); n != i+1 {
				t.Errorf("looked %d times, want %d", n, i+1)
			}
		}
		<-time.After(time.Hour)
		if n := g.looked(); n > 20 {
			t.Errorf("looked %d times in an hour", n)
		}
		if _, err := g.svc.Disconnect(t.Context(), ada); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		n := g.looked()
		<-time.After(time.Hour)
		g.connect("vault")
		<-time.After(time.Minute)
		if g.looked() != n {
			t.Error("looked although nobody waits for a line, or under the kill switch")
		}
	})
}

// Who may open a way beside whose line.
func TestMaySignIn(t *testing.T) {
	for _, tc := range []struct {
		who  control.Caller
		line supervisor.Request
		want bool
	}{
		{ada, supervisor.Request{}, true},
		{ada, supervisor.Request{ProfileID: "1", Owner: ada.UID}, true},
		{ada, supervisor.Request{ProfileID: "1", Owner: bob.UID}, false},
		{ada, supervisor.Request{ProfileID: "1", Owner: root.UID}, true},
		{root, supervisor.Request{ProfileID: "1", Owner: bob.UID}, true},
	} {
		if got := maySignIn(tc.who, supervisor.State{Request: tc.line}); got != tc.want {
			t.Errorf("%+v beside %+v: %v", tc.who, tc.line, got)
		}
	}
}
