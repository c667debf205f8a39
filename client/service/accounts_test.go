package service

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/tunnel"
)

// TestRefusalSurvivesAnotherUser: somebody else who signs in with the same profile, by
// --user, neither takes the refusal of the first one's password away when their line
// stands nor when it falls, and the first one's password is not sent by itself again.
func TestRefusalSurvivesAnotherUser(t *testing.T) {
	for name, ends := range map[string]func(*rig, *fakeTunnel){
		"stands":  func(r *rig, f *fakeTunnel) { f.do(func() { f.emit(officeUp()) }); r.disconnect() },
		"refused": func(_ *rig, f *fakeTunnel) { f.die(&diagnose.Failure{Cause: diagnose.CauseWrongPassword}) },
		"lost":    func(_ *rig, f *fakeTunnel) { f.die(&diagnose.Failure{Cause: diagnose.CauseLineLost}) },
	} {
		t.Run(name, func(t *testing.T) {
			inRig(t, func(t *testing.T, r *rig) {
				sign := func(as string) *fakeTunnel {
					r.connect("office")
					f := r.tunnel()
					answered := f.ask(tunnel.Question{Kind: tunnel.AskPassword, Username: as})
					r.answer("secret")
					<-answered
					return f
				}
				sign("ada").die(&diagnose.Failure{Cause: diagnose.CauseWrongPassword})
				r.state(control.StateDisconnected)
				ends(r, sign("charles"))
				r.state(control.StateDisconnected)
				if !r.asksFresh("ada") {
					t.Error("the refused password may be sent again")
				}
			})
		})
	}
}

// TestRefusalsAreBounded: a profile has room for some users, the file for some
// accounts; where it is full, what is not known counts as refused, and the answer to
// a fresh question still goes through.
func TestRefusalsAreBounded(t *testing.T) {
	t.Parallel()
	trials := openTrials("", slog.New(slog.DiscardHandler))
	one := profile.NewID()
	for i := range 3 * mostUsers {
		name := fmt.Sprint("user ", i)
		trials.refused(one, name)
		if !trials.known(one, name) {
			t.Fatalf("the refusal of %s is lost at once", name)
		}
	}
	if n := len(trials.of); n != mostUsers {
		t.Errorf("%d users of one profile", n)
	}
	for len(trials.of) < mostTrials {
		trials.refused(profile.NewID(), "ada")
	}
	late := profile.NewID()
	trials.sent(late, "ada", false)
	if len(trials.of) != mostTrials || !trials.known(late, "ada") {
		t.Errorf("%d accounts; a password that cannot be noted may be sent by itself", len(trials.of))
	}
	trials.drop(one)
	if trials.known(late, "ada") {
		t.Error("there is room again, and nothing was refused")
	}
}

// TestQuestionsOfAnotherRun: an answer that was meant for a question of the service
// before it was started again finds none of this run's.
func TestQuestionsOfAnotherRun(t *testing.T) {
	ids := map[uint64]bool{}
	for range 3 {
		inRigWith(t, func(cfg *Config) { cfg.Trials = filepath.Join(t.TempDir(), "refused.json") }, func(t *testing.T, r *rig) {
			r.connect("office")
			r.tunnel().ask(passwordQuestion)
			id := r.prompt().ID
			for other := range ids {
				if err := r.svc.Answer(t.Context(), ada, control.Answer{Prompt: other, Secret: control.Secret("of another gateway")}); err == nil {
					t.Error("an answer to another run's question was taken")
				}
			}
			if ids[id] || id < 1<<20 || id >= 1<<53 {
				t.Errorf("question %d", id)
			}
			ids[id] = true
		})
	}
}

// TestAnswerForSomebodyElse: whoever answers a question about one user cannot make it
// the answer of another, whose refusal would be noted in their place.
func TestAnswerForSomebodyElse(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.connect("office")
		answered := r.tunnel().ask(tunnel.Question{Kind: tunnel.AskPassword, Username: "ada"})
		if err := r.svc.Answer(t.Context(), ada, control.Answer{Prompt: r.prompt().ID, Username: "charles", Secret: control.Secret("x")}); err != nil {
			t.Fatal(err)
		}
		if a := <-answered; a.answer.Username != "ada" {
			t.Errorf("answered for %q", a.answer.Username)
		}
	})
}
