package attendant

import (
	"errors"
	"testing"

	"github.com/homeward-vpn/homeward/app/viewmodel"
	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/credential"
	"github.com/homeward-vpn/homeward/client/credential/answer"
	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/client/profile"
)

var password = control.Prompt{ID: 1, Kind: control.PromptPassword, Username: "ada"}

// numbered is a question with another ID; fresh: the answer before was refused.
func numbered(id uint64, fresh bool) control.Prompt {
	p := password
	p.ID, p.Fresh = id, fresh
	return p
}

// kept is the password that is kept for the rig's profile.
func (r *rig) kept() string {
	r.t.Helper()
	s, err := answer.Kept(r.t.Context(), r.store, r.profile.ID)
	if err != nil {
		r.t.Fatal(err)
	}
	defer s.Clear()
	return string(s.Password)
}

// settled waits until nobody is asked any more and the attempt's end was worked off,
// which the question of another attempt shows.
func (r *rig) settled(id uint64) *question {
	r.t.Helper()
	r.ask(control.Prompt{ID: id, Kind: control.PromptCode})
	return next(r.t, "the question after", r.person.asked)
}

// TestWrongThenRight: the person is asked, told that it was wrong, and asked again; what
// has worked is kept, and answers by itself the next time, as what was kept.
func TestWrongThenRight(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.serve()
	r.ready()
	r.ask(password)
	q := next(t, "the question", r.person.asked)
	if q.Kind != credential.KindPassword || q.Refused || q.Profile != "office" || q.KeptIn != credential.ModeKeychain {
		t.Errorf("asked %+v", q.Prompt)
	}
	r.until("the question is known", func(in viewmodel.Input) bool { return in.Asking != nil && in.Asking.Profile == "office" })
	q.answer <- typed("wrong")
	if a := next(t, "the answer", r.b.answers); string(a.Secret) != "wrong" || a.Kept {
		t.Errorf("answered %+v", a)
	}
	r.ask(numbered(2, true))
	q = next(t, "the question again", r.person.asked)
	if !q.Refused {
		t.Errorf("it is not said that it was wrong: %+v", q.Prompt)
	}
	q.answer <- typed("right")
	if a := next(t, "the answer", r.b.answers); a.Prompt != 2 || string(a.Secret) != "right" {
		t.Errorf("answered %+v", a)
	}
	r.become(control.StateConnected, nil)
	r.settled(3).answer <- reply{err: credential.ErrDeclined}
	if a := next(t, "the answer to another question", r.b.answers); !a.Declined {
		t.Errorf("answered %+v", a)
	}
	if r.kept() != "right" {
		t.Errorf("kept is %q", r.kept())
	}
	r.become(control.StateDisconnected, nil)
	r.ask(numbered(4, false))
	if a := next(t, "the answer by itself", r.b.answers); string(a.Secret) != "right" || !a.Kept {
		t.Errorf("answered %+v", a)
	}
	r.until("nobody is asked", func(in viewmodel.Input) bool { return in.Asking == nil })
}

// TestKeptIsWrong: what was kept and is refused is asked for, and not kept any longer;
// that the person was wrong is not said.
func TestKeptIsWrong(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if err := r.store.Put(t.Context(), r.profile.ID, profile.Secrets{Password: []byte("old")}); err != nil {
		t.Fatal(err)
	}
	r.serve()
	r.ready()
	r.ask(password)
	if a := next(t, "the answer", r.b.answers); string(a.Secret) != "old" || !a.Kept {
		t.Errorf("answered %+v", a)
	}
	r.ask(numbered(2, true))
	q := next(t, "the question", r.person.asked)
	if got := r.kept(); got != "" {
		t.Errorf("%q is still kept", got)
	}
	q.answer <- reply{err: credential.ErrDeclined}
	if a := next(t, "the answer", r.b.answers); !a.Declined {
		t.Errorf("answered %+v", a)
	}
	r.become(control.StateDisconnected, &control.Error{Cause: string(diagnose.CauseWrongPassword), Message: "wrong"})
	r.settled(3)
	if in := r.a.Input(); in.Trouble != nil {
		t.Errorf("trouble beside the refusal: %v", in.Trouble)
	}
}

// TestKeptEndsTheAttempt: a kept password whose refusal ends the attempt goes as well.
func TestKeptEndsTheAttempt(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if err := r.store.Put(t.Context(), r.profile.ID, profile.Secrets{Password: []byte("old")}); err != nil {
		t.Fatal(err)
	}
	r.serve()
	r.ready()
	r.ask(password)
	next(t, "the answer", r.b.answers)
	r.become(control.StateBlocked, &control.Error{Cause: string(diagnose.CauseAccountLocked), Message: "locked"})
	r.settled(2)
	if got := r.kept(); got != "" {
		t.Errorf("%q is still kept", got)
	}
}

// TestSomebodyElseAnswers: where another program was quicker, the question goes, nothing
// is answered, and what the person had begun to type is not taken for the next answer.
func TestSomebodyElseAnswers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.serve()
	r.ready()
	r.ask(password)
	q := next(t, "the question", r.person.asked)
	r.become(control.StateConnecting, nil)
	next(t, "the question goes", q.ended)
	r.become(control.StateConnected, nil)
	r.settled(2).answer <- typed("123456")
	if a := next(t, "the next answer", r.b.answers); a.Prompt != 2 || string(a.Secret) != "123456" {
		t.Errorf("answered %+v", a)
	}
	if r.kept() != "" {
		t.Error("something is kept")
	}
}

// TestAnsweredTooLate: the service has closed the question in the same moment.
func TestAnsweredTooLate(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.serve()
	r.ready()
	r.b.fail("answer", control.Refuse(control.CodeGone, "it was answered"))
	r.ask(password)
	next(t, "the question", r.person.asked).answer <- typed("right")
	r.become(control.StateConnected, nil)
	r.settled(2)
	if in := r.a.Input(); in.Trouble != nil || r.kept() != "" {
		t.Errorf("trouble %v, kept %q", in.Trouble, r.kept())
	}
}

// TestDoesNotFit: what the service cannot take is asked for once more, and not for ever.
func TestDoesNotFit(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.serve()
	r.ready()
	r.b.fail("answer", control.Refuse(control.CodeTooLarge, "it is too long"))
	r.ask(password)
	for range maxTries {
		next(t, "the question", r.person.asked).answer <- typed("much too long")
		r.until("it is told", func(in viewmodel.Input) bool { return in.Trouble != nil })
	}
	r.b.fail("answer", nil)
	r.become(control.StateDisconnected, nil)
	if q := r.settled(2); q.Kind != credential.KindCode {
		t.Errorf("asked again: %+v", q.Prompt)
	}
}

// TestRenewal: a line that stands asks again; the new password is kept when the line has
// been made anew, and the old line's standing is no sign of that.
func TestRenewal(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.serve()
	r.ready()
	stands := &control.IKE{Suite: "one"}
	again := password
	again.Again, again.ProfileID = true, r.profile.ID
	r.b.post(func(st *control.Status) {
		st.State, st.ProfileID, st.IKE, st.Prompts = control.StateConnected, r.profile.ID, stands, []control.Prompt{again}
	})
	q := next(t, "the question", r.person.asked)
	if !q.Again {
		t.Errorf("asked %+v", q.Prompt)
	}
	q.answer <- typed("new")
	next(t, "the answer", r.b.answers)
	r.b.post(func(st *control.Status) { st.Prompts = nil }) // as before
	r.until("that is seen", func(in viewmodel.Input) bool { return len(in.Status.Prompts) == 0 })
	if r.kept() != "" {
		t.Error("kept before it has worked")
	}
	r.b.post(func(st *control.Status) { st.IKE = &control.IKE{Suite: "two", Established: stands.Established.Add(1)} })
	r.seen()
	r.settled(2)
	if r.kept() != "new" {
		t.Errorf("kept is %q", r.kept())
	}
}

// TestWishes: what the person wants shows at once, and until the status does; what went
// wrong shows until the next wish.
func TestWishes(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.serve()
	r.ready()
	connect := viewmodel.Action{Kind: viewmodel.ActionConnect, Profile: r.profile.ID}
	r.b.fail("connect", control.Refuse(control.CodeConflict, "another user is connected"))
	var refusal *control.Refusal
	if err := r.a.Do(t.Context(), connect); !errors.As(err, &refusal) {
		t.Errorf("%v", err)
	}
	if in := r.a.Input(); in.Wish.Kind != "" || !errors.As(in.Trouble, &refusal) {
		t.Errorf("refused: %+v, %v", in.Wish, in.Trouble)
	}
	r.b.fail("connect", nil)
	if err := r.a.Do(t.Context(), connect); err != nil {
		t.Fatal(err)
	}
	if got := next(t, "the wish", r.b.connects); got.Profile != r.profile.ID {
		t.Errorf("wished %+v", got)
	}
	if in := r.a.Input(); in.Wish != connect || in.Trouble != nil {
		t.Errorf("wished: %+v, %v", in.Wish, in.Trouble)
	}
	r.become(control.StateConnecting, nil)
	r.until("the status shows it", func(in viewmodel.Input) bool {
		return in.Status.State == control.StateConnecting && in.Wish.Kind == ""
	})
	if err := r.a.Do(t.Context(), viewmodel.Action{Kind: viewmodel.ActionKillSwitch, Value: control.KillSwitchOn}); err != nil {
		t.Fatal(err)
	}
	if in := r.a.Input(); in.Settings.KillSwitch != control.KillSwitchOn || in.Wish.Kind != "" {
		t.Errorf("set: %+v, %+v", in.Settings, in.Wish)
	}
	if err := r.a.Do(t.Context(), viewmodel.Action{Kind: "nonsense"}); err == nil {
		t.Error("nonsense was done")
	}
}

// TestProfiles: a profile is chosen, renamed, copied with what is kept for it, forgotten
// and removed; the window is about the one that it should be about.
func TestProfiles(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if err := r.store.Put(t.Context(), r.profile.ID, profile.Secrets{Password: []byte("kept")}); err != nil {
		t.Fatal(err)
	}
	r.serve()
	r.ready()
	do := func(kind viewmodel.ActionKind, id, value string) {
		t.Helper()
		if err := r.a.Do(t.Context(), viewmodel.Action{Kind: kind, Profile: id, Value: value}); err != nil {
			t.Fatal(err)
		}
	}
	do(viewmodel.ActionRename, r.profile.ID, "Work")
	r.until("the new name", func(in viewmodel.Input) bool {
		return in.Chosen != nil && in.Chosen.Name == "Work" && in.Profiles[0].Name == "Work"
	})
	do(viewmodel.ActionDuplicate, r.profile.ID, "")
	in := r.until("the copy is chosen", func(in viewmodel.Input) bool {
		return len(in.Profiles) == 2 && in.Chosen != nil && in.Chosen.Name == "Work (2)"
	})
	copied := in.Chosen.ID
	if s, err := answer.Kept(t.Context(), r.store, copied); err != nil || string(s.Password) != "kept" {
		t.Errorf("kept for the copy: %v", err)
	}
	do(viewmodel.ActionAlways, copied, string(profile.WhenLogin))
	r.until("it connects at login", func(in viewmodel.Input) bool { return in.Chosen.OnDemand.When == profile.WhenLogin })
	do(viewmodel.ActionForget, r.profile.ID, "")
	if r.kept() != "" {
		t.Error("it is still kept")
	}
	do(viewmodel.ActionRemove, copied, "")
	in = r.until("the first is there again", func(in viewmodel.Input) bool { return len(in.Profiles) == 1 && in.About().ID == r.profile.ID })
	if ids, err := r.store.Kept(); err != nil || len(ids) != 0 {
		t.Errorf("kept are %v, %v", ids, err)
	}
	do(viewmodel.ActionSelect, r.profile.ID, "")
	r.until("the first is chosen", func(in viewmodel.Input) bool { return in.Chosen != nil && in.Chosen.ID == r.profile.ID })
}
