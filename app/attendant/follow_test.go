package attendant

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/homeward-vpn/homeward/app/viewmodel"
	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/credential"
	"github.com/homeward-vpn/homeward/client/profile"
)

// TestRestart: a service that goes and comes back leaves what is known where it is, says
// nothing but that it is away, and is followed again, with what it asks then.
func TestRestart(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.serve()
	r.ready()
	r.ask(control.Prompt{ID: 1, Kind: control.PromptPassword, Username: "ada"})
	first := next(t, "the question", r.person.asked)
	r.end()
	lost := r.until("the service is away", func(in viewmodel.Input) bool { return in.Link == viewmodel.LinkLost })
	if lost.Status.State != control.StateNeedsInput || lost.Trouble != nil || len(lost.Told) != 0 || len(lost.Profiles) != 1 {
		t.Errorf("away, it is %+v", lost)
	}
	next(t, "the question goes", first.ended)
	r.b.post(func(st *control.Status) {
		st.State, st.Prompts, st.Revision = control.StateDisconnected, nil, 1
		r.b.profiles = append(r.b.profiles, office())
	})
	r.serve()
	back := r.ready()
	if len(back.Profiles) != 2 || back.Asking != nil {
		t.Errorf("back, it is %+v", back)
	}
	r.ask(control.Prompt{ID: 2, Kind: control.PromptPassword, Username: "ada"})
	next(t, "the next question", r.person.asked).answer <- typed("right")
	if a := next(t, "the answer", r.b.answers); a.Prompt != 2 || string(a.Secret) != "right" {
		t.Errorf("answered %+v", a)
	}
}

// TestNotOurs: a socket of somebody else's, and a service of another version, are told
// for what they are, and followed as soon as they are ours.
func TestNotOurs(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if err := os.WriteFile(r.path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	in := r.until("a file in the socket's place", func(in viewmodel.Input) bool { return in.Link == viewmodel.LinkForeign })
	if in.LinkDetail != r.path {
		t.Errorf("the detail is %q", in.LinkDetail)
	}
	if err := os.Remove(r.path); err != nil {
		t.Fatal(err)
	}
	r.serve()
	r.ready()
}

// direct is a service without a socket between, for virtual time.
type direct struct {
	b    *backend
	gone atomic.Pointer[error] // why it does not answer; nil: it does
	// attempts are the calls to Attend.
	attempts atomic.Int32
}

// be makes it answer, or not.
func (d *direct) be(away error) {
	if away == nil {
		d.gone.Store(nil)
		return
	}
	d.gone.Store(&away)
}

func (d *direct) away() error {
	if e := d.gone.Load(); e != nil {
		return *e
	}
	return nil
}

func (d *direct) Attend(ctx context.Context, each func(control.Status) error) error {
	d.attempts.Add(1)
	if err := d.away(); err != nil {
		return err
	}
	defer d.b.Attend(control.Caller{})()
	st := d.b.Status(control.Caller{})
	for {
		if err := each(st); err != nil {
			return err
		}
		var err error
		if st, err = d.b.Wait(ctx, control.Caller{}, st.Revision); err != nil {
			return err
		}
		if err := d.away(); err != nil {
			return &control.LostError{Err: err}
		}
	}
}

func (d *direct) Status(context.Context) (control.Status, error) {
	return d.b.Status(control.Caller{}), nil
}

func (d *direct) Profiles(context.Context) ([]control.ProfileInfo, error) {
	return d.b.Profiles(control.Caller{}), nil
}

func (d *direct) Profile(_ context.Context, name string) (*profile.Profile, error) {
	return d.b.Profile(control.Caller{}, name)
}

func (d *direct) AddProfile(_ context.Context, p *profile.Profile) error {
	return d.b.AddProfile(control.Caller{}, p)
}

func (d *direct) DeleteProfile(_ context.Context, name string) error {
	return d.b.DeleteProfile(control.Caller{}, name)
}

func (d *direct) Answer(ctx context.Context, a control.Answer) error {
	return d.b.Answer(ctx, control.Caller{}, a)
}

func (d *direct) Connect(ctx context.Context, r control.ConnectRequest) (control.Accepted, error) {
	return d.b.Connect(ctx, control.Caller{}, r)
}

func (d *direct) Disconnect(ctx context.Context) (control.Accepted, error) {
	return d.b.Disconnect(ctx, control.Caller{})
}

func (d *direct) Renew(ctx context.Context) (control.Accepted, error) {
	return d.b.Renew(ctx, control.Caller{})
}

func (d *direct) Settings(context.Context) (control.Settings, error) {
	return d.b.Settings(control.Caller{}), nil
}

func (d *direct) ChangeSettings(ctx context.Context, c control.SettingsChange) (control.Settings, error) {
	return d.b.ChangeSettings(ctx, control.Caller{}, c)
}

func (d *direct) LookPortal(ctx context.Context) (control.Portal, error) {
	return d.b.LookPortal(ctx, control.Caller{})
}

func (d *direct) Logs(context.Context, bool, func(control.LogEntry) error) error { return nil }

// inBubble runs an attendant in virtual time.
func inBubble(t *testing.T, away error, test func(t *testing.T, d *direct, a *Attendant)) {
	dir := filepath.Join(t.TempDir(), "sealed")
	synctest.Test(t, func(t *testing.T) {
		d := &direct{b: newBackend()}
		d.be(away)
		d.b.profiles = []profile.Profile{office()}
		a := New(Config{
			Service: d, Prompter: &person{asked: make(chan *question)}, UID: os.Getuid(), Now: time.Now, Logger: slog.New(slog.DiscardHandler),
			OpenStore:  func() (Store, error) { return nil, errors.New("there is none") },
			OpenWallet: func() (*credential.Wallet, error) { return nil, errors.New("there is none in " + dir) },
		})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			a.Run(ctx)
			close(ended)
		}()
		synctest.Wait()
		test(t, d, a)
		cancel()
		<-ended
	})
}

// after lets time pass.
func after(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// heard counts the changes of some time, at most one in each of its parts.
func heard(a *Attendant, parts int, part time.Duration) (n int) {
	for range parts {
		after(part)
		select {
		case <-a.Changed():
			n++
		default:
		}
	}
	return n
}

// TestAbsence: a service that is not there yet is waited for, then said to be absent; one
// that has answered before is away for a minute first. Nobody is called too often, the
// person who opens the window does not wait, and who comes back is followed.
func TestAbsence(t *testing.T) {
	gone := &control.NotRunningError{Path: "/run/s", Err: os.ErrNotExist}
	inBubble(t, gone, func(t *testing.T, d *direct, a *Attendant) {
		expect := func(when string, want viewmodel.Link) {
			t.Helper()
			if got := a.Input().Link; got != want {
				t.Errorf("%s: the link is %q, want %q", when, got, want)
			}
		}
		expect("at once", viewmodel.LinkStarting)
		after(4 * time.Second)
		expect("after 4 s", viewmodel.LinkAbsent)
		d.attempts.Store(0)
		after(10 * time.Minute)
		if n := d.attempts.Swap(0); n < 55 || n > 125 {
			t.Errorf("%d calls in 10 min", n)
		}
		a.Show(true)
		synctest.Wait()
		if n := d.attempts.Load(); n != 1 {
			t.Errorf("%d calls when the window is opened", n)
		}
		a.Show(false)

		d.be(nil)
		after(lastPause)
		expect("when it is there", viewmodel.LinkReady)

		d.be(errors.New("killed"))
		d.b.post(func(*control.Status) {})
		d.be(gone)
		after(20 * time.Second)
		expect("20 s after its end", viewmodel.LinkLost)
		after(time.Minute)
		expect("a minute later", viewmodel.LinkAbsent)
		d.be(&control.VersionError{Service: "9"})
		after(lastPause)
		expect("with another one", viewmodel.LinkVersion)
		if in := a.Input(); in.LinkDetail != "9" || in.Trouble != nil {
			t.Errorf("%+v", in)
		}
		d.be(nil)
		after(lastPause)
		expect("in the end", viewmodel.LinkReady)
	})
}

// connected shows a line that carries traffic.
func connected(st *control.Status) {
	st.State, st.ProfileID, st.ESP = control.StateConnected, "", &control.ESP{TxBytes: 1000, RxBytes: 2000}
}

// TestHiddenCostsNothing: while the window is hidden nobody is asked and nothing changes;
// shown, the traffic is counted now and then and kept for some minutes; without a line
// the view grows old twice a minute.
func TestHiddenCostsNothing(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, d *direct, a *Attendant) {
		expect := func(what string, parts int, part time.Duration, changes, questions int) {
			t.Helper()
			synctest.Wait()
			select {
			case <-a.Changed():
			default:
			}
			d.b.called("status")
			n := heard(a, parts, part)
			if asked := d.b.called("status"); n != changes || asked != questions {
				t.Errorf("%s: %d changes and %d questions, want %d and %d", what, n, asked, changes, questions)
			}
		}
		d.b.post(connected)
		expect("hidden", 60, time.Minute, 0, 0)
		a.Show(true) // which counts at once
		expect("shown", 60, sampling, 60, 60)
		if n := len(a.Input().Samples); n != 61 {
			t.Errorf("%d samples", n)
		}
		after(time.Hour)
		if n := len(a.Input().Samples); n < 100 || n > 103 {
			t.Errorf("%d samples after an hour", n)
		}
		a.Show(false)
		expect("hidden again", 60, time.Minute, 0, 0)
		d.b.post(func(st *control.Status) { st.State, st.ESP = control.StateDisconnected, nil })
		synctest.Wait()
		if n := len(a.Input().Samples); n != 0 {
			t.Errorf("%d samples of a line that is gone", n)
		}
		a.Show(true)
		expect("without a line", 600, time.Second, 20, 0)
	})
}

// TestExpiryIsNoticed: a session that is about to end is told in time, also while the
// window is hidden, and once.
func TestExpiryIsNoticed(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, d *direct, a *Attendant) {
		by := time.Now().Add(time.Hour)
		d.b.post(func(st *control.Status) {
			connected(st)
			st.SignInAgainBy = &by
		})
		synctest.Wait()
		<-a.Changed()
		if n := heard(a, 44, time.Minute); n != 0 {
			t.Errorf("%d changes before it is due", n)
		}
		if n := heard(a, 2, time.Minute); n != 1 {
			t.Errorf("%d changes when it is due", n)
		}
		if n := heard(a, 30, time.Minute); n != 0 {
			t.Errorf("%d changes afterwards", n)
		}
	})
}

// TestReadAgain: profiles and settings are read again when they have changed, and not
// with each status.
func TestReadAgain(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, d *direct, a *Attendant) {
		if n := d.b.called("profiles"); n != 1 {
			t.Errorf("read %d times at first", n)
		}
		for range 10 {
			d.b.post(func(st *control.Status) { st.Step = "reaching" })
			synctest.Wait()
		}
		if n := d.b.called("profiles") + d.b.called("settings"); n != 1 { // the first time's settings
			t.Errorf("read %d times without a change", n)
		}
		p := office()
		p.Name = "home"
		if err := d.b.AddProfile(control.Caller{}, &p); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if in := a.Input(); len(in.Profiles) != 2 || d.b.called("profiles") != 1 {
			t.Errorf("%+v", in.Profiles)
		}
	})
}
