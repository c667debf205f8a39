package attendant

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/app/viewmodel"
	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/credential"
	"github.com/homeward-vpn/homeward/client/credential/answer"
	"github.com/homeward-vpn/homeward/client/profile"
)

// TestEditedGatewayGetsNothing: a profile that the person has led to another gateway, or
// to one that proves itself in another way, is not given the password of the one before;
// any other change leaves it.
func TestEditedGatewayGetsNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.serve()
	r.ready()
	for _, c := range []struct {
		name    string
		edit    func(p *profile.Profile)
		forgets bool
	}{
		{"renamed", func(p *profile.Profile) { p.Name = "work" }, false},
		{"another gateway", func(p *profile.Profile) { p.Gateway.Address = "elsewhere.example.com" }, true},
		{"another proof", func(p *profile.Profile) { p.Gateway.Identity = "another.example.com" }, true},
	} {
		if err := answer.SetPassword(t.Context(), r.store, r.profile.ID, []byte("hunter2")); err != nil {
			t.Fatal(err)
		}
		p, err := r.a.Profile(t.Context(), r.profile.ID)
		if err != nil {
			t.Fatal(err)
		}
		edited := *p
		c.edit(&edited)
		if err := r.a.Save(t.Context(), &edited); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if kept := r.kept(); (kept == "") != c.forgets {
			t.Errorf("%s: %q is kept", c.name, kept)
		}
		if told := r.a.Input().Forgotten; (told == edited.Name) != c.forgets {
			t.Errorf("%s: told of %q", c.name, told)
		}
		if err := r.a.Do(t.Context(), viewmodel.Action{Kind: viewmodel.ActionPutAway, Value: string(viewmodel.NoticeTold)}); err != nil || r.a.Input().Forgotten != "" {
			t.Errorf("%s: put away: %v, %q", c.name, err, r.a.Input().Forgotten)
		}
	}
	fresh := office()
	fresh.Name = "by hand"
	if err := r.a.Save(t.Context(), &fresh); err != nil {
		t.Errorf("a new one: %v", err)
	}
	if _, err := r.a.Profile(t.Context(), fresh.ID); err != nil {
		t.Errorf("a new one is not there: %v", err)
	}
}

// TestNoOwnProfilesHere: where the policy lets nobody but administrators add profiles, a
// file is not even looked at.
func TestNoOwnProfilesHere(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.b.settings = control.Settings{OwnProfiles: control.OwnProfilesAdministrators, Managed: []string{control.ManagedOwnProfiles}, ManagedBy: "Harbour IT"}
	r.serve()
	r.ready()
	r.a.update(func(in *viewmodel.Input) { in.UID = 1000 })
	var refusal *control.Refusal
	if plan, err := r.a.Open(t.Context(), file(t, "office.mobileconfig", sample(t))); plan != nil || !errors.As(err, &refusal) || refusal.Code != control.CodeForbidden || !strings.Contains(refusal.Message, "Harbour IT") {
		t.Errorf("%v, %v", plan, err)
	}
	r.a.update(func(in *viewmodel.Input) { in.UID = 0 })
	plan, err := r.a.Open(t.Context(), file(t, "office.mobileconfig", sample(t)))
	if err != nil {
		t.Fatalf("an administrator: %v", err)
	}
	plan.Discard()
}

// TestFileChangesBehindTheSheet: what is taken over is what the sheet has shown, whatever
// has become of the file meanwhile.
func TestFileChangesBehindTheSheet(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.serve()
	r.ready()
	path := file(t, "office.mobileconfig", sample(t))
	plan, err := r.a.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	shown := plan.Items[0].Profile.Gateway.Address
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(sample(t), shown, "evil.example.com")), 0o600); err != nil {
		t.Fatal(err)
	}
	done, err := r.a.TakeOver(t.Context(), plan)
	if err != nil {
		t.Fatal(err)
	}
	if p, err := r.a.Profile(t.Context(), done[0].ID); err != nil || p.Gateway.Address != shown {
		t.Errorf("%+v, %v", p, err)
	}
}

// TestProfileChangesBehindTheSheet: a profile that leads to another gateway since the
// sheet was shown loses what is kept for that one, and the person is told.
func TestProfileChangesBehindTheSheet(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.serve()
	r.ready()
	path := file(t, "office.mobileconfig", sample(t))
	take := func(between func(id string)) string {
		plan, err := r.a.Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		if plan.Items[0].Elsewhere {
			t.Error("the sheet says already that it leads elsewhere")
		}
		between(plan.Items[0].Profile.ID)
		done, err := r.a.TakeOver(t.Context(), plan)
		if err != nil {
			t.Fatal(err)
		}
		return done[0].ID
	}
	id := take(func(string) {})
	take(func(again string) {
		p, err := r.a.Profile(t.Context(), again)
		if err != nil || again != id {
			t.Fatalf("it replaces %s: %v", again, err)
		}
		p.Gateway.Address = "elsewhere.example.com"
		if err := r.a.Save(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		if err := answer.SetPassword(t.Context(), r.store, id, []byte("of elsewhere")); err != nil {
			t.Fatal(err)
		}
		r.a.putAway(viewmodel.NoticeTold)
	})
	kept, err := answer.Kept(t.Context(), r.store, id)
	defer kept.Clear()
	if err != nil && !errors.Is(err, credential.ErrNotKept) || len(kept.Password) > 0 {
		t.Errorf("something is kept: %v", err)
	}
	if r.a.Input().Forgotten == "" {
		t.Error("nobody is told")
	}
}

// TestServiceGoesWhileTakingOver: nothing is half taken over where the service goes away
// under the sheet, and the same file is taken over when it is back.
func TestServiceGoesWhileTakingOver(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.serve()
	r.ready()
	path := file(t, "office.mobileconfig", sample(t))
	plan, err := r.a.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	id := plan.Items[0].Profile.ID
	plan.Items[0].Secrets.Password = []byte("hunter2")
	r.end()
	if _, err := r.a.TakeOver(t.Context(), plan); err == nil {
		t.Fatal("taken over without a service")
	}
	kept, err := answer.Kept(t.Context(), r.store, id)
	defer kept.Clear()
	if err != nil && !errors.Is(err, credential.ErrNotKept) || len(kept.Password) > 0 {
		t.Errorf("a password is kept for no profile: %v", err)
	}
	r.serve()
	r.ready()
	if plan, err = r.a.Open(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	if _, err := r.a.TakeOver(t.Context(), plan); err != nil {
		t.Errorf("the second time: %v", err)
	}
}

// TestWishesDoNotMeet: what is wished meanwhile and not shown takes nothing from what is,
// so that a refused wish does not stay on the screen.
func TestWishesDoNotMeet(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	connect := viewmodel.Action{Kind: viewmodel.ActionConnect, Profile: r.profile.ID}
	n := r.a.wish(connect)
	meanwhile := r.a.wish(viewmodel.Action{Kind: viewmodel.ActionOpenFile})
	r.a.wished(meanwhile, 0, nil)
	if r.a.Input().Wish != connect {
		t.Error("it is not shown any more")
	}
	r.a.wished(n, 0, control.Refuse(control.CodeForbidden, "not you"))
	if in := r.a.Input(); in.Wish.Kind != "" || in.Trouble == nil {
		t.Errorf("after the refusal: %+v, %v", in.Wish, in.Trouble)
	}
}

// TestTakenAwayIsNotAskedAgain: a question that was taken away in the moment in which its
// answer was refused is not shown once more.
func TestTakenAwayIsNotAskedAgain(t *testing.T) {
	t.Parallel()
	q := newQuestions(New(Config{}))
	ctx, cancel := context.WithCancel(t.Context())
	q.again(ctx, password)
	if j, asking, ok := q.next(ctx); !ok || j.prompt.ID != password.ID || asking.Err() != nil {
		t.Error("it is not asked again while it is open")
	}
	cancel()
	q.again(ctx, password)
	if _, _, ok := q.next(t.Context()); ok {
		t.Error("it is asked again")
	}
}

// TestQuitWhileAsking: the end of the program takes its question away, and gives no
// answer to it, so that another program may.
func TestQuitWhileAsking(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.serve()
	r.ready()
	ctx, quit := context.WithCancel(t.Context())
	who := &person{asked: make(chan *question)}
	other := New(Config{
		Service: control.NewClient(r.path), Prompter: who, UID: r.a.cfg.UID, Now: r.a.cfg.Now, Logger: r.a.cfg.Logger,
		OpenStore: r.a.cfg.OpenStore, OpenWallet: r.a.cfg.OpenWallet,
	})
	ended := make(chan struct{})
	go func() {
		other.Run(ctx)
		close(ended)
	}()
	r.ask(password)
	shown := next(t, "the other program's question", who.asked)
	here := next(t, "this one's", r.person.asked)
	quit()
	next(t, "the question is taken away", shown.ended)
	next(t, "the end", ended)
	here.answer <- typed("right")
	if a := next(t, "the answer", r.b.answers); a.Declined || string(a.Secret) != "right" {
		t.Errorf("answered %+v", a)
	}
}
