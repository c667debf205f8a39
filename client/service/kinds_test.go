package service

import (
	"bytes"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/client/tunnel"
)

// kinds has every kind of question, an answer that fits, and one that does not.
var kinds = map[tunnel.QuestionKind]struct {
	question   tunnel.Question
	fits, not  control.Answer
	text       string
	whenNo     diagnose.Cause
	secondTime bool // the same is answered again without the user, once the line has stood
}{
	tunnel.AskPassword: {
		tunnel.Question{Username: "ada"}, control.Answer{Secret: control.Secret("right")}, control.Answer{Choice: "yes"},
		"Password of ada for office", diagnose.CauseCredentialsMissing, true,
	},
	tunnel.AskNewPassword: {
		tunnel.Question{Username: "ada"}, control.Answer{New: control.Secret("newer")}, control.Answer{Secret: control.Secret("right")},
		"New password of ada for office, since the old one has expired", diagnose.CauseCredentialsMissing, false,
	},
	tunnel.AskFurther: {
		tunnel.Question{Username: "ada-token"}, control.Answer{Secret: control.Secret("123456")}, control.Answer{New: control.Secret("123456")},
		"Second password of ada-token for office", diagnose.CauseCredentialsMissing, false,
	},
	tunnel.AskCode: {
		tunnel.Question{Username: "ada", Message: "Token?", Echo: true}, control.Answer{Secret: control.Secret("123456")}, control.Answer{Certificates: [][]byte{{1}}},
		"One-time code of ada for office", diagnose.CauseCredentialsMissing, false,
	},
	tunnel.AskPSK: {
		tunnel.Question{}, control.Answer{Secret: control.Secret("key")}, control.Answer{Choice: "key"},
		"Shared key for office", diagnose.CauseCredentialsMissing, true,
	},
	tunnel.AskSignature: {
		tunnel.Question{Scheme: "ed25519", Data: []byte("octets")}, control.Answer{Secret: control.Secret("signature")}, control.Answer{New: control.Secret("signature")},
		"Signature for office", diagnose.CauseCredentialsMissing, false,
	},
	tunnel.AskCertificate: {
		tunnel.Question{Issuers: [][]byte{{0x30, 0}}}, control.Answer{Certificates: [][]byte{{0x30, 1, 0}}}, control.Answer{Secret: control.Secret("x")},
		"Your certificate for office", diagnose.CauseCertificateMissing, true,
	},
	tunnel.AskChoice: {
		tunnel.Question{Options: []tunnel.Option{{ID: "a", Label: "A"}, {ID: "b", Label: "B", Detail: "the second"}}}, control.Answer{Choice: "b"}, control.Answer{Choice: "c"},
		"Your choice for office", diagnose.CauseCancelled, false,
	},
	tunnel.AskConsent: {
		tunnel.Question{Message: "Monitored."}, control.Answer{Choice: control.ConsentYes}, control.Answer{Choice: "no"},
		"The gateway of office wants your consent to go on", diagnose.CauseCancelled, false,
	},
}

// TestEveryKindOfQuestion goes through one mechanism: it is shown to its owner, an
// answer that does not fit leaves it open, one that fits closes it, and only what
// lasts answers again by itself.
func TestEveryKindOfQuestion(t *testing.T) {
	for kind, tt := range kinds {
		t.Run(string(kind), func(t *testing.T) {
			inRig(t, func(t *testing.T, r *rig) {
				q := tt.question
				q.Kind = kind
				r.connect("office")
				answered := r.tunnel().ask(q)
				p := r.prompt()
				if p.Kind != control.PromptKind(kind) || p.Text != tt.text || p.Message != q.Message || p.Echo != q.Echo || len(p.Options) != len(q.Options) || len(p.Issuers) != len(q.Issuers) {
					t.Errorf("%+v", p)
				}
				not := tt.not
				not.Prompt = p.ID
				if err := r.svc.Answer(t.Context(), ada, not); code(err) != control.CodeBadRequest {
					t.Errorf("an answer of another kind: %v", err)
				}
				if again := r.prompt(); again.ID != p.ID {
					t.Error("the question was closed by it")
				}
				fits := tt.fits
				fits.Prompt = p.ID
				fits.Secret, fits.New = bytes.Clone(fits.Secret), bytes.Clone(fits.New)
				if err := r.svc.Answer(t.Context(), ada, fits); err != nil {
					t.Fatal(err)
				}
				a := <-answered
				if a.err != nil || !bytes.Equal(a.answer.Secret, tt.fits.Secret) || !bytes.Equal(a.answer.New, tt.fits.New) || a.answer.Choice != tt.fits.Choice ||
					!slices.EqualFunc(a.answer.Certificates, tt.fits.Certificates, bytes.Equal) {
					t.Errorf("%+v, %v", a.answer, a.err)
				}
				f := r.tunnel()
				f.do(func() { f.emit(officeUp()) })
				f.die(&diagnose.Failure{Cause: diagnose.CauseLineLost})
				<-time.After(time.Minute)
				again := r.tunnel().ask(q)
				synctest.Wait()
				if open := len(r.svc.Status(ada).Prompts); (open == 0) != tt.secondTime {
					t.Errorf("%d questions for the line that comes back", open)
				}
				if tt.secondTime && (<-again).err != nil {
					t.Error("not answered")
				}
			})
		})
	}
}

// TestNoToAQuestion: to decline ends what asked, with a cause of its own kind.
func TestNoToAQuestion(t *testing.T) {
	for kind, tt := range kinds {
		t.Run(string(kind), func(t *testing.T) {
			inRig(t, func(t *testing.T, r *rig) {
				r.connect("office")
				q := tt.question
				q.Kind = kind
				answered := r.tunnel().ask(q)
				if err := r.svc.Answer(t.Context(), ada, control.Answer{Prompt: r.prompt().ID, Declined: true}); err != nil {
					t.Fatal(err)
				}
				f := diagnose.From((<-answered).err)
				if f == nil || f.Cause != tt.whenNo || f.Sentence() == "" {
					t.Errorf("%v", f)
				}
			})
		})
	}
}

// TestNewPasswordReplacesTheOld: the old one goes with it to the gateway, and the new
// one brings the line back.
func TestNewPasswordReplacesTheOld(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.connect("office")
		f := r.tunnel()
		first := f.ask(passwordQuestion)
		r.answer("expired")
		<-first
		second := f.ask(tunnel.Question{Kind: tunnel.AskNewPassword, Username: "ada"})
		if err := r.svc.Answer(t.Context(), ada, control.Answer{Prompt: r.prompt().ID, New: control.Secret("newer")}); err != nil {
			t.Fatal(err)
		}
		if a := <-second; string(a.answer.Secret) != "expired" || string(a.answer.New) != "newer" {
			t.Errorf("%q, %q, %v", a.answer.Secret, a.answer.New, a.err)
		}
		f.do(func() { f.emit(officeUp()) })
		f.die(&diagnose.Failure{Cause: diagnose.CauseLineLost})
		<-time.After(time.Minute)
		if a := <-r.tunnel().ask(passwordQuestion); string(a.answer.Secret) != "newer" || a.answer.Username != "ada" {
			t.Errorf("the line comes back with %q, %v", a.answer.Secret, a.err)
		}
	})
}

// TestCodesAreGivenOnce: however often the line is lost and renewed, no code is given
// to the gateway twice.
func TestCodesAreGivenOnce(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		seen := map[string]bool{}
		r.connect("office")
		for n := range 20 {
			f := r.tunnel()
			q := tunnel.Question{Kind: tunnel.AskCode, Username: "ada"}
			if n%2 == 1 { // to renew it
				f.do(func() { f.emit(officeUp()) })
				q.Again, q.Until = true, time.Now().Add(time.Hour)
			}
			answered := f.ask(q)
			synctest.Wait()
			code := string(rune('a' + n))
			r.renewWith(code)
			a := <-answered
			if got := string(a.answer.Secret); got != code || seen[got] {
				t.Fatalf("%q is given for %q, %v", got, code, a.err)
			}
			seen[code] = true
			if n%2 == 1 {
				f.renewed()
				f.die(&diagnose.Failure{Cause: diagnose.CauseLineLost})
				<-time.After(time.Minute)
			}
		}
	})
}

// TestTwoPrograms: both see the question, the first answer wins, and the other learns
// in words what became of its own. Neither another user nor an administrator sees
// or learns anything.
func TestTwoPrograms(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		for range 50 {
			r.connect("office")
			answered := r.tunnel().ask(passwordQuestion)
			synctest.Wait()
			var wg sync.WaitGroup
			errs := make([]error, 2)
			shown := make([]control.Status, 2) // before either answers
			for i := range shown {
				if shown[i] = r.svc.Status(ada); len(shown[i].Prompts) != 1 {
					t.Fatalf("program %d sees %d questions", i, len(shown[i].Prompts))
				}
			}
			for i, secret := range []string{"of the window", "of the terminal"} {
				wg.Go(func() {
					errs[i] = r.svc.Answer(t.Context(), ada, control.Answer{Prompt: shown[i].Prompts[0].ID, Secret: control.Secret(secret)})
				})
			}
			wg.Wait()
			a := <-answered
			won, lost := 0, 1
			if errs[0] != nil {
				won, lost = 1, 0
			}
			if errs[won] != nil || code(errs[lost]) != control.CodeGone || !strings.Contains(errs[lost].Error(), "answered already, in another window or terminal") {
				t.Fatalf("%v", errs)
			}
			if want := []string{"of the window", "of the terminal"}[won]; string(a.answer.Secret) != want {
				t.Errorf("%q wins, want %q", a.answer.Secret, want)
			}
			synctest.Wait()
			if n := len(r.svc.Status(ada).Prompts); n != 0 {
				t.Errorf("the next snapshot has %d questions", n)
			}
			if _, err := r.svc.Disconnect(t.Context(), ada); err != nil {
				t.Fatal(err)
			}
			r.state(control.StateDisconnected)
		}
	})
}

// TestLateAnswersAreToldWhy: answered, expired, withdrawn; and to others nothing.
func TestLateAnswersAreToldWhy(t *testing.T) {
	for want, end := range map[string]func(r *rig, p control.Prompt){
		"answered already": func(r *rig, _ control.Prompt) { r.answer("right") },
		"has expired":      func(*rig, control.Prompt) { <-time.After(promptLife) },
		"not asked any more": func(r *rig, _ control.Prompt) {
			if _, err := r.svc.Disconnect(r.t.Context(), ada); err != nil {
				r.t.Fatal(err)
			}
		},
	} {
		t.Run(want, func(t *testing.T) {
			inRig(t, func(t *testing.T, r *rig) {
				r.connect("office")
				r.tunnel().ask(passwordQuestion)
				p := r.prompt()
				if left := time.Until(p.Expires); left != promptLife {
					t.Errorf("%v are left at the beginning", left)
				}
				end(r, p)
				synctest.Wait()
				secret := control.Secret("late")
				err := r.svc.Answer(t.Context(), ada, control.Answer{Prompt: p.ID, Secret: secret})
				if code(err) != control.CodeGone || !strings.Contains(err.Error(), want) {
					t.Errorf("%v", err)
				}
				if !bytes.Equal(secret, make([]byte, len(secret))) {
					t.Error("a late secret is left in memory")
				}
				for _, who := range []control.Caller{bob, root} {
					mine := r.svc.Answer(t.Context(), who, control.Answer{Prompt: p.ID, Secret: control.Secret("x")})
					never := r.svc.Answer(t.Context(), who, control.Answer{Prompt: 1 << 60, Secret: control.Secret("x")})
					if code(mine) != control.CodeGone || mine.Error() != never.Error() {
						t.Errorf("user %d learns %v, and %v of one that never was", who.UID, mine, never)
					}
				}
			})
		})
	}
}

// TestExpiredQuestionIsSaid: the status says that nobody answered, and what to do.
func TestExpiredQuestionIsSaid(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.connect("office")
		f := r.tunnel()
		answered := f.ask(tunnel.Question{Kind: tunnel.AskCode, Username: "ada"})
		<-time.After(promptLife)
		f.die((<-answered).err)
		st := r.state(control.StateDisconnected)
		if st.Error == nil || st.Error.Cause != string(diagnose.CauseUnanswered) || !strings.Contains(st.Error.Message, "one-time code") {
			t.Errorf("%+v", st.Error)
		}
	})
}

// TestQuestionsAreBounded: in number, and in what a server may have them say.
func TestQuestionsAreBounded(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.connect("office")
		f := r.tunnel()
		var all []<-chan asked
		for range mostOpen {
			all = append(all, f.ask(passwordQuestion))
		}
		if a := <-f.ask(passwordQuestion); diagnose.From(a.err).Cause != diagnose.CauseProtocol {
			t.Errorf("one too many: %v", a.err)
		}
		if n := len(r.svc.Status(ada).Prompts); n != mostOpen {
			t.Errorf("%d are open", n)
		}
		for range mostClosed {
			if _, err := r.svc.Disconnect(t.Context(), ada); err != nil {
				t.Fatal(err)
			}
			r.connect("office")
			r.tunnel().ask(passwordQuestion)
		}
		for _, c := range all {
			<-c
		}
		r.svc.prompts.mu.Lock()
		defer r.svc.prompts.mu.Unlock()
		if n := len(r.svc.prompts.closed); n > mostClosed {
			t.Errorf("%d closed ones are remembered", n)
		}
	})
}

func TestServerWords(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("word ", 100000)
	for in, want := range map[string]string{
		"":                              "",
		"Your token, please":            "Your token, please",
		"1. push\r\n2. call\n\n 3. SMS": "1. push\n2. call\n3. SMS",
		"a\x1b[2Jb\u202ec\u2028d\x00":   "a [2Jb c d",
		"\xff\xfe":                      "",
	} {
		if got := serverWords(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
	for _, in := range []string{long, strings.ReplaceAll(long, " ", "\n"), strings.Repeat("\n", 1<<20) + "x", strings.Repeat("ü", 1<<16)} {
		got := serverWords(in)
		if n := len([]rune(got)); n > control.MaxMessage || strings.Count(got, "\n") >= control.MaxMessageLines {
			t.Errorf("%d characters in %d lines", n, strings.Count(got, "\n")+1)
		}
	}
}

func FuzzServerWords(f *testing.F) {
	f.Add("Enter PIN:\x1b]0;x\a\nor 1 for push")
	f.Add(strings.Repeat("x\n", 50))
	f.Fuzz(func(t *testing.T, in string) {
		got := serverWords(in)
		if n := len([]rune(got)); n > control.MaxMessage {
			t.Fatalf("%d characters", n)
		}
		if strings.Count(got, "\n") >= control.MaxMessageLines {
			t.Fatalf("too many lines: %q", got)
		}
		for _, r := range got {
			if r != '\n' && (unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co)) {
				t.Fatalf("%q passes %U", got, r)
			}
		}
	})
}
