package route

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

// watched is a router over a kernel in memory whose events a test says.
func watched(t *testing.T) (m *memory, r *Router, say chan<- struct{}, told <-chan struct{}, c Config) {
	t.Helper()
	m = newMemory()
	r = newRouter(nil, slog.New(slog.DiscardHandler), m)
	events := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	context.AfterFunc(ctx, func() { close(events) })
	t.Cleanup(cancel)
	r.events = func(context.Context) (<-chan struct{}, error) { return events, nil }
	told, err := r.Watch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	c = Config{Interface: "homeward0", Addresses: prefixes("10.98.0.2/32"), Routes: prefixes("0.0.0.0/0 ::/0"), Full: true}
	m.own = prefixes("10.98.0.2/32")
	if err := r.Set(c); err != nil {
		t.Fatal(err)
	}
	return m, r, events, told, c
}

// TestWatchTellsWhatIsLost: what somebody else takes away is told once, what is
// none of ours or stands as it should is not, and Set makes it good.
func TestWatchTellsWhatIsLost(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		do   func(m *memory)
		want bool
	}{
		{"nothing", func(*memory) {}, false},
		{"a rule", func(m *memory) { m.rules = m.rules[1:] }, true},
		{"a route", func(m *memory) { delete(m.routes, netip.MustParsePrefix("0.0.0.0/0")) }, true},
		{"a strict filter", func(m *memory) { m.filters["eth0"] = filterStrict }, true},
		{"the device's address", func(m *memory) { m.own = nil }, true},
		{"the device switched off", func(m *memory) { m.down = true }, true},
		{"another local network", func(m *memory) { m.local = prefixes("192.168.5.0/24") }, true},
		{"an address of another device's", func(m *memory) { m.local = append(m.local, prefixes("192.168.77.0/24")...) }, false},
		{"a filter that is off", func(m *memory) { m.filters["wlan0"] = 0 }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m, r, say, told, c := watched(t)
				m.local = prefixes("192.168.77.0/24")
				if err := r.Set(c); err != nil {
					t.Fatal(err)
				}
				tt.do(m)
				for range 3 {
					say <- struct{}{}
				}
				<-time.After(time.Second)
				select {
				case <-told:
					if !tt.want {
						t.Error("told")
					}
				default:
					if tt.want {
						t.Error("not told")
					}
				}
				if err := r.Set(c); err != nil {
					t.Fatal(err)
				}
				say <- struct{}{}
				<-time.After(time.Second)
				select {
				case <-told:
					t.Error("what stands again is told")
				default:
				}
			})
		})
	}
}

// TestEndlessFight: somebody who removes the rule whenever it is set has his way
// after a while; after the rest it is tried again, and another Config begins anew.
func TestEndlessFight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, r, say, told, c := watched(t)
		fight := func() (restored int, contested *ContestedError) {
			for restored < 100 {
				m.rules = nil
				say <- struct{}{}
				<-told
				if err := r.Set(c); errors.As(err, &contested) {
					return restored, contested
				} else if err != nil {
					t.Fatal(err)
				}
				if len(m.rules) != 2 {
					t.Fatalf("the rules are %v", m.rules)
				}
				restored++
			}
			return restored, nil
		}
		began := time.Now()
		restored, contested := fight()
		if restored != contestLimit || contested == nil || contested.Until.Sub(began) < contestRest || len(m.rules) != 0 {
			t.Fatalf("%d restorations, %v, rules %v", restored, contested, m.rules)
		}
		say <- struct{}{}
		<-time.After(time.Second)
		select {
		case <-told:
			t.Error("told while it rests")
		default:
		}
		if err := r.Set(c); !errors.As(err, &contested) {
			t.Errorf("set again while it rests: %v", err)
		}
		<-told // when the rest is over
		if rest := time.Since(began); rest < contestRest || rest > contestRest+time.Minute {
			t.Errorf("it rests for %v", rest)
		}
		if err := r.Set(c); err != nil || len(m.rules) != 2 {
			t.Errorf("after the rest: %v, %v", err, m.rules)
		}
		if restored, contested = fight(); contested == nil || restored != contestLimit-1 {
			t.Errorf("%d restorations, %v", restored, contested)
		}
		c.Exclude = prefixes("198.51.100.0/24")
		if err := r.Set(c); err != nil || len(m.rules) != 2 {
			t.Errorf("another Config: %v, %v", err, m.rules)
		}
		if err := r.Clear(); err != nil {
			t.Error(err)
		}
	})
}

// TestSeldomLossIsNoFight: what is lost now and then is set again for ever.
func TestSeldomLossIsNoFight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, r, say, told, c := watched(t)
		for range 100 {
			m.rules = nil
			say <- struct{}{}
			<-told
			if err := r.Set(c); err != nil {
				t.Fatal(err)
			}
			<-time.After(contestTime / contestLimit)
		}
	})
}

// TestWatchUnsupported: where nobody tells that is said.
func TestWatchUnsupported(t *testing.T) {
	t.Parallel()
	if _, err := newRouter(nil, nil, newMemory()).Watch(t.Context()); !errors.Is(err, errors.ErrUnsupported) {
		t.Error(err)
	}
}
