package service

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/tunnel"
)

// server is a sign-in server as trials sees one: which answers are right.
type server struct {
	trials  *trials
	profile string
	kept    string // by the user's program, which gives it unless it is asked anew
	wrong   int
}

// signIn is one line, from the question to its end: right is the password of the hour.
func (s *server) signIn(right string) {
	cause := diagnose.CauseWrongPassword
	if fresh := s.trials.known(s.profile, "ada"); !fresh && s.kept != "" {
		s.trials.sent(s.profile, "ada", true)
		if s.kept == right {
			s.trials.stood(s.profile)
			return
		}
		s.wrong++
		s.trials.ended(s.profile, &diagnose.Failure{Cause: cause})
	}
	s.kept = right // the person knows
	s.trials.sent(s.profile, "ada", false)
	s.trials.stood(s.profile)
}

// TestCodesAreReplayedOnce: an account whose password is another each time, and that
// nothing says so of, costs one wrong try, however many lines there are and whoever is
// started again; one whose password is changed now and then costs one each time that it
// is, and its password goes on being kept.
func TestCodesAreReplayedOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "refused.json")
	open := func() *trials { return openTrials(path, slog.New(slog.DiscardHandler)) }
	codes := &server{profile: profile.NewID()}
	static := &server{profile: profile.NewID()}
	for i, code := range []string{"1", "2", "3", "4", "5", "6"} {
		codes.trials, static.trials = open(), open()
		codes.signIn(code)
		static.trials = open()
		static.signIn([]string{"old", "old", "old", "new", "new", "new"}[i])
	}
	if codes.wrong != 1 || static.wrong != 1 {
		t.Errorf("%d codes replayed, want one; %d wrong passwords, want one", codes.wrong, static.wrong)
	}
	after := open()
	if !after.codes(codes.profile, "ada") || after.codes(static.profile, "ada") || after.known(static.profile, "ada") {
		t.Error("a code is taken for a password, or a password for a code")
	}
	after.drop(codes.profile)
	after.drop(static.profile)
	if data, err := os.ReadFile(path); err != nil || string(data) != "[]" {
		t.Errorf("forgotten profiles leave %s, %v", data, err)
	}
}

// TestCodesAreNotKept: once an account is known to have codes, none of them brings a
// line back by itself; the user is asked.
func TestCodesAreNotKept(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		kept := func(secret string) {
			r.t.Helper()
			if err := r.svc.Answer(t.Context(), ada, control.Answer{Prompt: r.prompt().ID, Secret: control.Secret(secret), Kept: true}); err != nil {
				t.Fatal(err)
			}
		}
		question := tunnel.Question{Kind: tunnel.AskPassword, Username: "ada"}
		r.connect("office")
		f := r.tunnel()
		answered := f.ask(question)
		r.prompt()
		kept("an old code")
		<-answered
		f.die(&diagnose.Failure{Cause: diagnose.CauseWrongPassword})
		r.state(control.StateDisconnected)

		r.connect("office")
		f = r.tunnel()
		answered = f.ask(question)
		if !r.prompt().Fresh {
			t.Error("a code may be answered by itself")
		}
		r.answer("a code")
		<-answered
		f.do(func() { f.emit(officeUp()) })
		f.die(&diagnose.Failure{Cause: diagnose.CauseLineLost})
		<-time.After(time.Minute) // the line comes back
		r.tunnel().ask(question)
		if !r.prompt().Fresh {
			t.Error("the line that comes back replays a code")
		}
	})
}
