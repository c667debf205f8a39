package service

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/client/tunnel"
)

var passwordQuestion = tunnel.Question{Kind: tunnel.AskPassword, Username: "ada", Message: "Welcome"}

// prompt gives the one prompt that ada sees.
func (r *rig) prompt() control.Prompt {
	r.t.Helper()
	st := r.state(control.StateNeedsInput)
	if len(st.Prompts) != 1 {
		r.t.Fatalf("%d prompts", len(st.Prompts))
	}
	return st.Prompts[0]
}

func code(err error) control.Code {
	var refusal *control.Refusal
	if errors.As(err, &refusal) {
		return refusal.Code
	}
	return ""
}

func TestPromptIsAnsweredOnceByItsOwner(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.connect("office")
		answered := r.tunnel().ask(passwordQuestion)
		p := r.prompt()
		if p.Kind != control.PromptPassword || p.Username != "ada" || p.Profile != "office" || p.Message != "Welcome" ||
			p.Text != "Password of ada for office" || p.Expires.Before(time.Now()) {
			t.Errorf("%+v", p)
		}
		for _, other := range []control.Caller{bob, root} {
			if list := r.svc.Status(other).Prompts; len(list) != 0 {
				t.Errorf("user %d sees %+v", other.UID, list)
			}
			secret := control.Secret("stolen")
			if err := r.svc.Answer(t.Context(), other, control.Answer{Prompt: p.ID, Secret: secret}); code(err) != control.CodeGone || strings.Contains(err.Error(), "user") {
				t.Errorf("user %d answers: %v", other.UID, err)
			}
			if !bytes.Equal(secret, make([]byte, len(secret))) {
				t.Error("a refused secret is left in memory")
			}
		}
		if err := r.svc.Answer(t.Context(), ada, control.Answer{Prompt: p.ID, Secret: control.Secret("right")}); err != nil {
			t.Fatal(err)
		}
		if a := <-answered; a.err != nil || string(a.answer.Secret) != "right" || a.answer.Username != "ada" {
			t.Errorf("%v, %v", a.answer.Username, a.err)
		}
		if err := r.svc.Answer(t.Context(), ada, control.Answer{Prompt: p.ID, Secret: control.Secret("again")}); code(err) != control.CodeGone {
			t.Errorf("a second answer: %v", err)
		}
		if st := r.state(control.StateConnecting); len(st.Prompts) != 0 {
			t.Errorf("prompts %+v after the answer", st.Prompts)
		}
	})
}

func TestPromptEnds(t *testing.T) {
	ends := map[string]struct {
		do   func(t *testing.T, r *rig, p control.Prompt)
		want func(error) bool
	}{
		"it expires": {
			func(t *testing.T, _ *rig, _ control.Prompt) { <-time.After(promptLife) },
			isUnanswered,
		},
		"the user declines": {
			func(t *testing.T, r *rig, p control.Prompt) {
				if err := r.svc.Answer(t.Context(), ada, control.Answer{Prompt: p.ID, Declined: true}); err != nil {
					t.Error(err)
				}
			},
			isMissing,
		},
		"the user disconnects": {
			func(t *testing.T, r *rig, _ control.Prompt) {
				if _, err := r.svc.Disconnect(t.Context(), ada); err != nil {
					t.Error(err)
				}
			},
			func(err error) bool { return errors.Is(err, context.Canceled) },
		},
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			inRig(t, func(t *testing.T, r *rig) {
				r.connect("office")
				answered := r.tunnel().ask(passwordQuestion)
				p := r.prompt()
				end.do(t, r, p)
				if a := <-answered; !end.want(a.err) {
					t.Errorf("%v", a.err)
				}
				synctest.Wait()
				if list := r.svc.Status(ada).Prompts; len(list) != 0 {
					t.Errorf("still open: %+v", list)
				}
				if err := r.svc.Answer(t.Context(), ada, control.Answer{Prompt: p.ID, Secret: control.Secret("late")}); code(err) != control.CodeGone {
					t.Errorf("a late answer: %v", err)
				}
			})
		})
	}
}

func isMissing(err error) bool { return diagnose.From(err).Cause == diagnose.CauseCredentialsMissing }

func isUnanswered(err error) bool { return diagnose.From(err).Cause == diagnose.CauseUnanswered }

func TestPromptTexts(t *testing.T) {
	t.Parallel()
	for want, q := range map[string]tunnel.Question{
		"Password of ada for office":        passwordQuestion,
		"User name and password for office": {Kind: tunnel.AskPassword},
		"Second password of ada for office": {Kind: tunnel.AskFurther, Username: "ada"},
		"Shared key for office":             {Kind: tunnel.AskPSK},
		"Signature for office":              {Kind: tunnel.AskSignature},
	} {
		if got := promptText("office", q); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestSignatureQuestion(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.connect("office")
		message := []byte("to be signed")
		answered := r.tunnel().ask(tunnel.Question{Kind: tunnel.AskSignature, Scheme: "ecdsa-sha256", Data: message})
		p := r.prompt()
		clear(message) // the tunnel's own buffer is used again
		if p.Kind != control.PromptSignature || p.Scheme != "ecdsa-sha256" || string(p.Data) != "to be signed" {
			t.Errorf("%+v", p)
		}
		if err := r.svc.Answer(t.Context(), ada, control.Answer{Prompt: p.ID, Secret: control.Secret("signature")}); err != nil {
			t.Fatal(err)
		}
		if a := <-answered; string(a.answer.Secret) != "signature" {
			t.Errorf("%v", a.err)
		}
	})
}

// answer answers the open prompt.
func (r *rig) answer(secret string) {
	r.t.Helper()
	if err := r.svc.Answer(r.t.Context(), ada, control.Answer{Prompt: r.prompt().ID, Secret: control.Secret(secret)}); err != nil {
		r.t.Fatal(err)
	}
	synctest.Wait()
}

// signedIn brings a line up with a password.
func (r *rig) signedIn() *fakeTunnel {
	r.t.Helper()
	r.connect("office")
	f := r.tunnel()
	answered := f.ask(passwordQuestion)
	r.answer("right")
	clear((<-answered).answer.Secret) // as a tunnel does after use
	f.do(func() { f.emit(officeUp()) })
	r.state(control.StateConnected)
	return f
}

func TestLostLineComesBackWithoutTheUser(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.signedIn().die(&diagnose.Failure{Cause: diagnose.CauseLineLost})
		for range 2 { // as often as it takes
			<-time.After(time.Minute)
			f := r.tunnel()
			if a := <-f.ask(passwordQuestion); a.err != nil || string(a.answer.Secret) != "right" || a.answer.Username != "ada" {
				t.Fatalf("the kept answer: %v", a.err)
			}
			// Asked again in the same attempt, the gateway did not like it.
			again := f.ask(passwordQuestion)
			r.prompt()
			f.die(&diagnose.Failure{Cause: diagnose.CauseLineLost})
			if a := <-again; a.err == nil {
				t.Error("a question of a dead tunnel was answered")
			}
			r.state(control.StateConnecting)
		}
	})
}

// The answer to a further sign-in is often good for one time: it is not kept.
func TestFurtherPasswordIsNotKept(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.connect("office")
		f := r.tunnel()
		answered := f.ask(tunnel.Question{Kind: tunnel.AskFurther, Username: "ada-token"})
		r.answer("123456")
		if a := <-answered; a.err != nil || string(a.answer.Secret) != "123456" {
			t.Fatalf("answer: %v", a.err)
		}
		f.do(func() { f.emit(officeUp()) })
		r.state(control.StateConnected)
		f.die(&diagnose.Failure{Cause: diagnose.CauseLineLost})
		<-time.After(time.Minute)
		f = r.tunnel()
		answered = f.ask(tunnel.Question{Kind: tunnel.AskFurther, Username: "ada-token"})
		r.answer("654321")
		if a := <-answered; a.err != nil || string(a.answer.Secret) != "654321" {
			t.Errorf("the answer of before was used again: %v", a.err)
		}
	})
}

func TestKeptAnswersEndWithTheWish(t *testing.T) {
	ends := map[string]func(r *rig, f *fakeTunnel){
		"the user disconnects": func(r *rig, f *fakeTunnel) {
			if _, err := r.svc.Disconnect(r.t.Context(), ada); err != nil {
				r.t.Fatal(err)
			}
		},
		"the gateway refuses the password": func(_ *rig, f *fakeTunnel) {
			f.die(&diagnose.Failure{Cause: diagnose.CauseWrongPassword})
		},
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			inRig(t, func(t *testing.T, r *rig) {
				f := r.signedIn()
				r.svc.prompts.mu.Lock()
				secret := r.svc.prompts.kept.given[tunnel.AskPassword].answer.Secret
				r.svc.prompts.mu.Unlock()
				if string(secret) != "right" {
					t.Fatal("nothing is kept while the line stands")
				}
				end(r, f)
				r.state(control.StateDisconnected)
				if !bytes.Equal(secret, make([]byte, len(secret))) {
					t.Error("the password is left in memory")
				}
				r.connect("office")
				r.tunnel().ask(passwordQuestion)
				r.prompt() // the user is asked again
			})
		})
	}
}

func TestKeptAnswersAreNobodyElses(t *testing.T) {
	t.Parallel()
	p := newPrompts(nil, openTrials("", nil))
	mine := &line{}
	mine.request.ProfileID, mine.request.Owner = "office", 1000
	a := p.asker(mine)
	if _, err := a.accept(passwordQuestion, control.Answer{Secret: []byte("right")}); err != nil {
		t.Fatal(err)
	}
	p.proven()
	other := &line{}
	other.request.ProfileID, other.request.Owner = "lab", 1000
	if _, ok := p.asker(other).keptAnswer(tunnel.Question{Kind: tunnel.AskPassword}); ok {
		t.Error("another profile's gateway gets the password")
	}
	if _, ok := p.asker(mine).keptAnswer(tunnel.Question{Kind: tunnel.AskPSK}); ok {
		t.Error("a password answers for a shared key")
	}
	if kept, ok := p.asker(mine).keptAnswer(tunnel.Question{Kind: tunnel.AskPassword}); !ok || string(kept.Secret) != "right" {
		t.Error("the line does not come back with its own password")
	}
}

func TestUserNameMayComeWithTheAnswer(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.connect("office")
		answered := r.tunnel().ask(tunnel.Question{Kind: tunnel.AskPassword})
		if err := r.svc.Answer(t.Context(), ada, control.Answer{Prompt: r.prompt().ID, Username: "lovelace", Secret: control.Secret("x")}); err != nil {
			t.Fatal(err)
		}
		if a := <-answered; a.answer.Username != "lovelace" {
			t.Errorf("user %q, %v", a.answer.Username, a.err)
		}
	})
}
