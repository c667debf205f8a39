package service

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/tunnel"
)

// asksFresh says whether the next question for a password has to be answered anew.
func (r *rig) asksFresh(username string) bool {
	r.t.Helper()
	r.connect("office")
	r.tunnel().ask(tunnel.Question{Kind: tunnel.AskPassword, Username: username})
	fresh := r.prompt().Fresh
	if _, err := r.svc.Disconnect(r.t.Context(), ada); err != nil {
		r.t.Fatal(err)
	}
	r.state(control.StateDisconnected)
	return fresh
}

// TestRefusedPasswordIsAskedForAnew: whether a password may be answered by itself
// the next time depends on what became of the last one.
func TestRefusedPasswordIsAskedForAnew(t *testing.T) {
	die := func(c diagnose.Cause) func(*rig, *fakeTunnel) {
		return func(_ *rig, f *fakeTunnel) { f.die(&diagnose.Failure{Cause: c}) }
	}
	for name, tt := range map[string]struct {
		end   func(r *rig, f *fakeTunnel)
		fresh bool
	}{
		"refused":                  {die(diagnose.CauseWrongPassword), true},
		"refused without a reason": {die(diagnose.CauseRejected), true},
		"the account is locked":    {die(diagnose.CauseAccountLocked), true},
		"expired":                  {die(diagnose.CausePasswordExpired), true},
		"the server is silent":     {die(diagnose.CauseSignInSilent), false},
		"the line is lost":         {die(diagnose.CauseLineLost), false},
		"no address":               {die(diagnose.CauseNoAddress), false},
		"asked again, and then lost": {func(r *rig, f *fakeTunnel) {
			q := passwordQuestion
			q.Fresh = true
			f.ask(q)
			f.die(&diagnose.Failure{Cause: diagnose.CauseLineLost})
		}, true},
		"called off in the middle":   {func(r *rig, _ *fakeTunnel) { r.disconnect() }, true},
		"the line stands, then ends": {func(r *rig, f *fakeTunnel) { f.do(func() { f.emit(officeUp()) }); r.disconnect() }, false},
		"refused when it came back": {func(r *rig, f *fakeTunnel) {
			f.do(func() { f.emit(officeUp()) })
			f.die(&diagnose.Failure{Cause: diagnose.CauseLineLost})
			<-time.After(time.Minute)
			f = r.tunnel()
			if a := <-f.ask(passwordQuestion); string(a.answer.Secret) != "right" {
				r.t.Fatalf("not the kept one: %v", a.err)
			}
			f.die(&diagnose.Failure{Cause: diagnose.CauseWrongPassword})
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			inRig(t, func(t *testing.T, r *rig) {
				if r.asksFresh("ada") {
					t.Fatal("fresh before anything was sent")
				}
				r.connect("office")
				f := r.tunnel()
				answered := f.ask(passwordQuestion)
				r.answer("right")
				clear((<-answered).answer.Secret)
				tt.end(r, f)
				r.state(control.StateDisconnected)
				if got := r.asksFresh("ada"); got != tt.fresh {
					t.Errorf("fresh is %v", got)
				}
				if r.asksFresh("charles") {
					t.Error("another user's password is taken for refused")
				}
			})
		})
	}
}

func (r *rig) disconnect() {
	r.t.Helper()
	if _, err := r.svc.Disconnect(r.t.Context(), ada); err != nil {
		r.t.Fatal(err)
	}
	synctest.Wait()
}

// TestRefusalsOutliveTheService: also the one that nobody has heard, since the
// service was killed while the password was under way. A line that stands, and the
// end of the profile, take it away.
func TestRefusalsOutliveTheService(t *testing.T) {
	path := filepath.Join(t.TempDir(), "refused.json")
	id := profile.NewID()
	killed := openTrials(path, slog.New(slog.DiscardHandler))
	killed.sent(id, "ada", false)
	next := openTrials(path, slog.New(slog.DiscardHandler))
	if !next.known(id, "ada") || next.known(id, "charles") || next.known(profile.NewID(), "ada") {
		t.Error("what was under way is not known")
	}
	data, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(data), id) {
		t.Errorf("%s, %v", data, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	next.drop(id)
	if data, err := os.ReadFile(path); err != nil || string(data) != "[]" {
		t.Errorf("%s, %v", data, err)
	}
	if openTrials(path, slog.New(slog.DiscardHandler)).known(id, "ada") {
		t.Error("it is not taken away")
	}
	for _, damaged := range []string{"", "[", `{"a":1}`, `[{"profile":"../x","username":"ada"}]`, strings.Repeat(" ", maxTrials+1)} {
		if err := os.WriteFile(path, []byte(damaged), 0o600); err != nil {
			t.Fatal(err)
		}
		if n := len(openTrials(path, slog.New(slog.DiscardHandler)).of); n != 0 {
			t.Errorf("%.20q: %d entries", damaged, n)
		}
	}
}

// TestPasswordIsNotedBeforeItIsSent: by the time that the tunnel has it, the disk
// knows; and a profile that is forgotten leaves nothing.
func TestPasswordIsNotedBeforeItIsSent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "refused.json")
	inRigWith(t, func(cfg *Config) { cfg.Trials = path }, func(t *testing.T, r *rig) {
		id := r.svc.Profiles(ada)[0].ID
		r.connect("office")
		answered := r.tunnel().ask(passwordQuestion)
		r.answer("right")
		<-answered
		if data, err := os.ReadFile(path); err != nil || !strings.Contains(string(data), id) || strings.Contains(string(data), "right") {
			t.Errorf("%s, %v", data, err)
		}
		r.tunnel().die(&diagnose.Failure{Cause: diagnose.CauseWrongPassword})
		r.state(control.StateDisconnected)
		if err := r.svc.DeleteProfile(ada, "office"); err != nil {
			t.Fatal(err)
		}
		if data, err := os.ReadFile(path); err != nil || strings.Contains(string(data), id) {
			t.Errorf("%s, %v", data, err)
		}
	})
}
