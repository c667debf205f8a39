package service

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/tunnel"
)

// renewal asks for what a line that stands is renewed with (RFC 4478).
func renewal(by time.Time) tunnel.Question {
	return tunnel.Question{Kind: tunnel.AskPassword, Username: "ada", Again: true, Until: by}
}

// renewWith answers the one prompt that is open.
func (r *rig) renewWith(secret string) {
	r.t.Helper()
	synctest.Wait()
	list := r.svc.Status(ada).Prompts
	if len(list) != 1 {
		r.t.Fatalf("%d prompts", len(list))
	}
	if err := r.svc.Answer(r.t.Context(), ada, control.Answer{Prompt: list[0].ID, Secret: control.Secret(secret)}); err != nil {
		r.t.Fatal(err)
	}
}

// TestLineIsRenewedWithoutTheUser: RFC 4478. What the line was made with renews it
// again and again, until it is refused; then the user is asked, and that answer is
// the one that is kept.
func TestLineIsRenewedWithoutTheUser(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		f := r.signedIn()
		by := time.Now().Add(4 * time.Minute)
		for range 3 {
			if a := <-f.ask(renewal(by)); a.err != nil || string(a.answer.Secret) != "right" {
				t.Fatalf("%q, %v", a.answer.Secret, a.err)
			}
			f.renewed()
		}
		if n := len(r.svc.Status(ada).Prompts); n != 0 {
			t.Errorf("%d prompts meanwhile", n)
		}
		refused := renewal(by)
		refused.Fresh = true
		answered := f.ask(refused)
		synctest.Wait()
		st := r.svc.Status(ada)
		if st.State != control.StateConnected || len(st.Prompts) != 1 {
			t.Fatalf("%s with %d prompts", st.State, len(st.Prompts))
		}
		p := st.Prompts[0]
		want := "Password of ada for office, which ends at " + by.Local().Format("15:04") + " without a new sign-in"
		if !p.Again || !p.Fresh || !p.Expires.Equal(by) || p.Text != want {
			t.Errorf("%+v", p)
		}
		r.renewWith("renewed")
		if a := <-answered; string(a.answer.Secret) != "renewed" {
			t.Errorf("%q, %v", a.answer.Secret, a.err)
		}
		f.renewed()
		if a := <-f.ask(renewal(by)); string(a.answer.Secret) != "renewed" {
			t.Errorf("%q, %v", a.answer.Secret, a.err)
		}
	})
}

// renewed says that a successor has taken over.
func (f *fakeTunnel) renewed() {
	<-time.After(time.Second) // no two sign-ins are at the same time
	info := officeUp().Info
	info.SignedInAt = time.Now()
	f.do(func() { f.emit(tunnel.Changed{Info: info}) })
}

// TestRefusedAnswerIsNotKept: an answer that has not renewed the line is not given to
// the gateway again, whatever asks for one next.
func TestRefusedAnswerIsNotKept(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		f := r.signedIn()
		q := renewal(time.Now().Add(time.Hour))
		q.Fresh = true
		answered := f.ask(q)
		r.renewWith("wrong")
		<-answered
		answered = f.ask(renewal(time.Now().Add(time.Hour))) // another plan
		synctest.Wait()
		select {
		case a := <-answered:
			t.Fatalf("%q is given again", a.answer.Secret)
		default:
		}
		r.renewWith("right again")
		<-answered
		f.renewed()
		if a := <-f.ask(renewal(time.Now().Add(time.Hour))); string(a.answer.Secret) != "right again" {
			t.Errorf("%q, %v", a.answer.Secret, a.err)
		}
	})
}

// TestOneTimeCodes: a password that was right and is refused when it is used for the
// second time may be a code that nobody calls one. It is the last that is kept.
func TestOneTimeCodes(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		f := r.signedIn()
		replayed := 0
		for _, code := range []string{"1", "2", "3", "4", "5"} {
			q := renewal(time.Now().Add(time.Hour))
			answered := f.ask(q)
			synctest.Wait()
			select {
			case <-answered: // what was kept, which the gateway refuses
				replayed++
				q.Fresh = true
				answered = f.ask(q)
			default:
			}
			r.renewWith(code)
			if a := <-answered; string(a.answer.Secret) != code {
				t.Errorf("%q, %v", a.answer.Secret, a.err)
			}
			f.renewed()
		}
		if replayed != 1 {
			t.Errorf("%d codes were used twice, want one until it is known what they are", replayed)
		}
	})
}

// TestRenewalWaitsUntilItIsTooLate: such a question outlives others, and ends when
// the gateway would end the line.
func TestRenewalWaitsUntilItIsTooLate(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		f := r.signedIn()
		q := renewal(time.Now().Add(promptLife + time.Minute))
		q.Fresh = true
		answered := f.ask(q)
		<-time.After(promptLife + 30*time.Second)
		synctest.Wait()
		if n := len(r.svc.Status(ada).Prompts); n != 1 {
			t.Errorf("%d prompts, want the one that still helps", n)
		}
		if a := <-answered; !isUnanswered(a.err) || !time.Now().Equal(q.Until) {
			t.Errorf("%v at %v", a.err, time.Now())
		}
		if st := r.svc.Status(ada); st.State != control.StateConnected {
			t.Errorf("the line is %s", st.State)
		}
	})
}

// TestStatusSaysUntilWhen: the end of the sign-in and the gateway's version are in
// the owner's status, and in nobody else's.
func TestStatusSaysUntilWhen(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		f := r.signedIn()
		if by := r.svc.Status(ada).SignInAgainBy; by != nil {
			t.Errorf("the status says %v before the gateway has", by)
		}
		info := officeUp().Info
		info.SignInAgainBy, info.GatewayVersion = time.Now().Add(time.Hour).Round(0), "office 7"
		f.do(func() { f.emit(tunnel.Changed{Info: info}) })
		synctest.Wait()
		st := r.svc.Status(ada)
		if st.SignInAgainBy == nil || !st.SignInAgainBy.Equal(info.SignInAgainBy) || st.Gateway.Version != "office 7" {
			t.Errorf("%v, %+v", st.SignInAgainBy, st.Gateway)
		}
		if bob := r.svc.Status(bob); bob.SignInAgainBy != nil {
			t.Error("another user learns of it")
		}
	})
}

// TestConnectJoinsARenewal: whoever asks for the line that stands may answer.
func TestConnectJoinsARenewal(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		f := r.signedIn()
		if _, err := r.svc.Connect(t.Context(), ada, control.ConnectRequest{Profile: "office"}); code(err) != control.CodeConflict {
			t.Errorf("a second wish: %v", err)
		}
		q := renewal(time.Now().Add(time.Minute))
		q.Fresh = true
		answered := f.ask(q)
		synctest.Wait()
		if _, err := r.svc.Connect(t.Context(), ada, control.ConnectRequest{Profile: "office"}); err != nil {
			t.Errorf("joining: %v", err)
		}
		r.renewWith("renewed")
		if a := <-answered; a.err != nil {
			t.Error(a.err)
		}
		if n := r.count(); n != 1 {
			t.Errorf("%d tunnels were started", n)
		}
	})
}
