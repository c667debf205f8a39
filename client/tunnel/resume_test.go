package tunnel

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/ike/iketest"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// byPSK makes the traveller's office one that signs in without a person.
func byPSK(c *iketest.ResponderConfig) {
	c.Client, c.Certificate = iketest.ClientByPSK, nil
}

// withPSK is the profile's half of it.
func withPSK(cfg *Config) {
	cfg.Profile.Client = profile.Client{Auth: profile.ClientPSK, Identity: "alice@example.com"}
	cfg.Profile.Gateway.Auth = profile.GatewayPSK
}

// lossy is a socket whose network loses what is sent while it is told to, and remembers
// when that was.
type lossy struct {
	mobileSocket
	lose *atomic.Bool
	mu   *sync.Mutex
	lost *[]time.Time
}

func (s lossy) Send(bufs [][]byte, to netip.AddrPort) error {
	if !s.lose.Load() {
		return s.mobileSocket.Send(bufs, to)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	*s.lost = append(*s.lost, time.Now())
	return nil
}

// TestResumeAsksAtOnce: a sign of life that nobody has answered yet when the machine
// falls asleep is asked for anew the moment it wakes, and not when the pause between two
// tries is over.
func TestResumeAsksAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tr, cfg := newTraveller(t, &iketest.MOBIKE{}, byPSK)
		withPSK(&cfg)
		net := lossy{mobileSocket: mobileSocket{tr.client, tr.office}, lose: new(atomic.Bool), mu: new(sync.Mutex), lost: new([]time.Time)}
		cfg.OpenTransport = func() (Transport, error) { return net, nil }
		r := run(t, cfg)
		r.up()
		<-time.After(10 * time.Second)
		net.lose.Store(true)
		tr.changes <- NetworkChange{}
		<-time.After(730 * time.Millisecond)
		woken := time.Now()
		tr.changes <- NetworkChange{Resumed: true, Slept: time.Hour}
		<-time.After(20 * time.Millisecond)
		net.mu.Lock()
		if n := len(*net.lost); n == 0 || (*net.lost)[n-1].Before(woken) {
			t.Errorf("lost %v, woken at %v", *net.lost, woken)
		}
		net.mu.Unlock()
		net.lose.Store(false)
		<-time.After(3 * time.Second)
		carries(t, tr.office)
		r.stop()
	})
}

// TestResumeAsksAnew: a sign of life that was asked for before the machine slept is
// asked for again when it wakes, however little time its clock says has gone by.
func TestResumeAsksAnew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tr, cfg := newTraveller(t, &iketest.MOBIKE{}, byPSK)
		withPSK(&cfg)
		r := run(t, cfg)
		r.up()
		<-time.After(10 * time.Second)
		count := func() (n int) {
			tr.tell(func(time.Time) error { n = tr.gateway.Received[wire.ExchangeInformational]; return nil })
			return n
		}
		tr.changes <- NetworkChange{}
		<-time.After(time.Second)
		before := count()
		tr.changes <- NetworkChange{Resumed: true, Slept: time.Hour}
		<-time.After(200 * time.Millisecond)
		if n := count() - before; n != 1 {
			t.Errorf("%d requests after a sleep", n)
		}
		carries(t, tr.office)
		r.stop()
	})
}

// freezer is an alarm of a process that can be stopped: what is set while it is comes
// later by that time.
type freezer struct {
	Alarm
	stopped *atomic.Int64
}

func (f freezer) Set(wait time.Duration) error {
	return f.Alarm.Set(max(0, wait) + time.Duration(f.stopped.Swap(0)))
}

// TestProcessThatWasStopped: a service that was frozen for longer than the gateway
// waits finds out by its own alarm, without a word of the system's, and a successor
// takes over in a moment; the request that was under way is not counted as unheard.
func TestProcessThatWasStopped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tr, cfg := newTraveller(t, &iketest.MOBIKE{}, byPSK)
		withPSK(&cfg)
		cfg.Profile.Session.Liveness = profile.Duration(20 * time.Second)
		cfg.NetworkChanged = nil
		var stopped atomic.Int64
		cfg.NewAlarm = func() (Alarm, error) {
			a, err := newRuntimeAlarm()
			return freezer{a, &stopped}, err
		}
		r := run(t, cfg)
		r.up()
		carries(t, tr.office)
		const asleep, patience = 10 * time.Minute, 20 * time.Second
		tr.tell(func(time.Time) error { tr.gateway.Forget(); return nil })
		// It is stopped when it has asked for the next sign of life.
		stopped.Store(int64(asleep))
		began := time.Now()
		<-time.After(asleep)
		i := r.info("taken over", func(i Info) bool { return i.IKEEstablished.After(began) })
		if took := i.IKEEstablished.Sub(began); took < asleep || took > asleep+patience+3*time.Second {
			t.Errorf("taken over after %v", took)
		}
		carries(t, tr.office)
		r.stop()
	})
}

// TestOffline: without a network nobody is asked and nothing is sent, and the reason
// is one that passes.
func TestOffline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, cfg := newTraveller(t, &iketest.MOBIKE{}, nil)
		cfg.Online = func() bool { return false }
		cfg.Resolve = func(context.Context, string) ([]netip.Addr, error) {
			t.Error("a name is looked up")
			return nil, errors.New("offline")
		}
		cfg.Ask = func(context.Context, Question) (Answer, error) {
			t.Error("somebody is asked")
			return Answer{}, errors.New("offline")
		}
		cfg.OpenTransport = func() (Transport, error) {
			t.Error("a socket is opened")
			return nil, errors.New("offline")
		}
		err := New(cfg).Run(t.Context(), func(Event) {})
		if !isCause(err, diagnose.CauseNoNetwork) || !diagnose.CauseNoNetwork.Passing() {
			t.Errorf("Run returned %v", err)
		}
	})
}
