package main

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/credential"
	"github.com/homeward-vpn/homeward/client/credential/answer"
	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/client/tunnel"
)

// accounts is a server that counts what it is sent, and whose lines can be lost.
type accounts struct {
	mu       sync.Mutex
	password string
	seen     map[string]int
	lost     context.CancelCauseFunc // of the line that stands; nil: none does
	came     chan struct{}           // closed at the next sign-in
}

var errLost = errors.New("the line was lost")

func newAccounts(password string) *accounts {
	return &accounts{password: password, seen: map[string]int{}, came: make(chan struct{})}
}

// lose has the line that stands lost, and waits until somebody signs in again. From
// then on no status is of the line that was lost.
func (a *accounts) lose(t *testing.T) {
	t.Helper()
	a.mu.Lock()
	lost, came := a.lost, a.came
	a.mu.Unlock()
	if lost == nil {
		t.Fatal("there is no line that could be lost")
	}
	lost(errLost)
	select {
	case <-came:
	case <-time.After(time.Minute):
		t.Fatal("nobody has signed in again")
	}
}

func (a *accounts) change(password string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.password = password
}

// wrong counts the wrong passwords that came.
func (a *accounts) wrong() (n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for password, times := range a.seen {
		if password != a.password {
			n += times
		}
	}
	return n
}

func (a *accounts) gateway(ctx context.Context, cfg tunnel.Config, emit func(tunnel.Event)) error {
	got, err := cfg.Ask(ctx, tunnel.Question{Kind: tunnel.AskPassword, Username: "ada"})
	if err != nil {
		return err
	}
	a.mu.Lock()
	right := string(got.Secret) == a.password
	a.seen[string(got.Secret)]++
	close(a.came)
	a.came, a.lost = make(chan struct{}), nil
	up, lost := context.WithCancelCause(ctx)
	defer lost(nil)
	if right {
		a.lost = lost
	}
	a.mu.Unlock()
	if !right {
		return &diagnose.Failure{Cause: diagnose.CauseWrongPassword}
	}
	if err := lineUp(up, emit); !errors.Is(context.Cause(up), errLost) {
		return err
	}
	return &diagnose.Failure{Cause: diagnose.CauseLineLost}
}

// TestWrongPasswordIsSentOnce: the server counts. A password that was changed at the
// server while the line stood is sent once, by the line that comes back, and never
// again by itself: not by another run of the program, not after the service was
// started again, not however often somebody tries.
func TestWrongPasswordIsSentOnce(t *testing.T) {
	t.Parallel()
	r := officeRig(t)
	server := newAccounts("right")
	server.seen["right"] = 0
	r.setGateway(server.gateway)
	r.person.will("right")
	r.ok("connect", "office")
	r.person.will()
	server.lose(t)
	r.wait("the line", inState(control.StateConnected)) // by itself, with what is kept
	server.mu.Lock()
	server.seen = map[string]int{}
	server.mu.Unlock()

	server.change("changed")
	server.lose(t)
	r.wait("the end", inState(control.StateDisconnected))
	if n := server.wrong(); n != 1 {
		t.Fatalf("the line that comes back has sent %d wrong passwords, want one", n)
	}
	for range 3 {
		r.fails([]string{"no terminal"}, "connect", "office") // the person is asked, and is not there
	}
	r.restart()
	r.fails([]string{"no terminal"}, "connect", "office")
	if n := server.wrong(); n != 1 {
		t.Errorf("the server has seen %d wrong passwords, want one", n)
	}
	r.person.will("changed")
	r.ok("connect", "office")
	r.ok("disconnect")
	r.person.will()
	r.restart()
	r.ok("connect", "office") // what is kept is the new one
	if n := server.wrong(); n != 1 {
		t.Errorf("the server has seen %d wrong passwords, want one", n)
	}
}

// TestKilledWhileThePasswordIsUnderWay: what nobody has heard the answer to is not
// sent again by itself either.
func TestKilledWhileThePasswordIsUnderWay(t *testing.T) {
	t.Parallel()
	r := officeRig(t)
	r.person.will("right")
	r.ok("connect", "office")
	r.ok("disconnect")
	sent, times := make(chan struct{}), 0
	r.setGateway(func(ctx context.Context, cfg tunnel.Config, _ func(tunnel.Event)) error {
		if _, err := cfg.Ask(ctx, tunnel.Question{Kind: tunnel.AskPassword, Username: "ada"}); err != nil {
			return err
		}
		times++
		close(sent)
		<-ctx.Done()
		return nil
	})
	r.person.will()
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-sent; cancel() }()
	r.runWith(ctx, "connect", "office")
	r.restart()
	r.fails([]string{"no terminal"}, "connect", "office")
	if times != 1 {
		t.Errorf("sent %d times", times)
	}
}

// TestKindsAtTheProgram: each kind of question reaches the person as it is, with the
// server's words set apart, and only a password is kept.
func TestKindsAtTheProgram(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		question tunnel.Question
		says     string
		kind     credential.Kind
		right    func(tunnel.Answer) bool
	}{
		"code": {
			tunnel.Question{Kind: tunnel.AskCode, Username: "ada", Message: "Token?\n1 for a call", Echo: true}, "123456", credential.KindCode,
			func(a tunnel.Answer) bool { return string(a.Secret) == "123456" },
		},
		"new password": {
			tunnel.Question{Kind: tunnel.AskNewPassword, Username: "ada", Message: "Expired"}, "newer", credential.KindNewPassword,
			func(a tunnel.Answer) bool { return string(a.New) == "newer" },
		},
		"choice": {
			tunnel.Question{Kind: tunnel.AskChoice, Options: []tunnel.Option{{ID: "a", Label: "A"}, {ID: "b", Label: "B", Detail: "x"}}}, "b", credential.KindChoice,
			func(a tunnel.Answer) bool { return a.Choice == "b" },
		},
		"consent": {
			tunnel.Question{Kind: tunnel.AskConsent, Message: "Use is watched."}, "y", credential.KindConsent,
			func(tunnel.Answer) bool { return true },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := officeRig(t)
			r.setGateway(askingGateway(tt.question, tt.right))
			r.person.will(tt.says)
			r.ok("connect", "office")
			saw := r.person.prompts()
			if len(saw) != 1 || saw[0].Kind != tt.kind || saw[0].Message != tt.question.Message || saw[0].Echo != tt.question.Echo ||
				len(saw[0].Options) != len(tt.question.Options) || saw[0].Expires.IsZero() || (saw[0].Speaker != "") != (saw[0].Message != "") {
				t.Errorf("the person saw %+v", saw)
			}
			r.ok("disconnect")
			r.person.will(tt.says)
			r.ok("connect", "office")
			if n := len(r.person.questions()); n != 1 {
				t.Errorf("asked %d times the second time", n)
			}
		})
	}
}

// TestNoAtTheProgram: a no to a notice ends the attempt in words.
func TestNoAtTheProgram(t *testing.T) {
	t.Parallel()
	r := officeRig(t)
	r.setGateway(askingGateway(tunnel.Question{Kind: tunnel.AskConsent, Message: "Use is watched."}, func(tunnel.Answer) bool { return true }))
	r.person.will("n")
	r.fails([]string{"stopped before it was made"}, "connect", "office")
}

// TestNewPasswordIsKept: the next line comes up with it, and where the attempt failed
// after it was given, nobody knows which counts, and nothing is kept.
func TestNewPasswordIsKept(t *testing.T) {
	t.Parallel()
	for _, fails := range []bool{false, true} {
		r := officeRig(t)
		r.person.will("right")
		r.ok("connect", "office")
		r.ok("disconnect")
		r.setGateway(func(ctx context.Context, cfg tunnel.Config, emit func(tunnel.Event)) error {
			if _, err := cfg.Ask(ctx, tunnel.Question{Kind: tunnel.AskPassword, Username: "ada"}); err != nil {
				return err
			}
			a, err := cfg.Ask(ctx, tunnel.Question{Kind: tunnel.AskNewPassword, Username: "ada"})
			if err != nil || string(a.Secret) != "right" || string(a.New) != "newer" {
				t.Errorf("%q for %q, %v", a.New, a.Secret, err)
			}
			if fails {
				return &diagnose.Failure{Cause: diagnose.CauseNoAddress}
			}
			return lineUp(ctx, emit)
		})
		r.person.will("newer")
		if fails {
			r.fails([]string{"no address"}, "connect", "office")
		} else {
			r.ok("connect", "office")
			r.ok("disconnect")
		}
		r.setGateway(passwordGateway("newer"))
		if fails {
			r.person.will("newer")
		} else {
			r.person.will()
		}
		r.ok("connect", "office")
	}
}

// window is the desktop program as far as questions go: it watches, and answers with
// the same Answerer as the command line.
type window struct {
	client   *control.Client
	prompter credential.Prompter
}

// answer answers the first question that comes.
func (w *window) answer(ctx context.Context, p control.ProfileInfo) error {
	answers := answer.New(answer.Config{
		Service: w.client, Profile: p, Prompter: w.prompter,
		OpenStore: func() (answer.Store, error) { return nil, credential.ErrNotKept }, Tell: func(string) {},
	})
	defer answers.Clear()
	done := errors.New("done")
	err := w.client.Watch(ctx, func(st control.Status) error {
		if len(st.Prompts) == 0 {
			return nil
		}
		return errors.Join(done, answers.Give(ctx, st.Prompts[0]))
	})
	if errors.Is(err, done) {
		err = answers.Trouble()
	}
	return err
}

// TestWindowAndTerminal: both are asked, the window answers, and the terminal's
// question is taken away; it goes on to the line, and keeps nothing that it has not
// sent.
func TestWindowAndTerminal(t *testing.T) {
	t.Parallel()
	r := officeRig(t)
	r.person.silent = make(chan struct{}) // at the terminal somebody looks and says nothing
	atWindow := &person{}
	atWindow.will("right")
	answered := make(chan error, 1)
	p := r.profiles()[0]
	go func() {
		<-r.person.silent
		answered <- (&window{client: control.NewClient(r.socket), prompter: atWindow}).answer(t.Context(), p)
	}()
	if out := r.ok("connect", "office"); !strings.Contains(out, "Connected to office") {
		t.Errorf("said %q", out)
	}
	if err := <-answered; err != nil {
		t.Error(err)
	}
	if q := atWindow.questions(); !slices.Equal(q, r.person.questions()) || len(q) != 1 {
		t.Errorf("the window asked %q, the terminal %q", q, r.person.questions())
	}
	r.ok("disconnect")
	r.person.silent = nil
	r.person.will()
	r.fails([]string{"no terminal"}, "connect", "office") // nothing was kept by the terminal
}

// TestForgetIsFoundNowhere: after the program has forgotten, a search through its
// files, the service's and the keychain finds no trace.
func TestForgetIsFoundNowhere(t *testing.T) {
	t.Parallel()
	for _, all := range []bool{false, true} {
		r := officeRig(t)
		r.ok("import", r.file("lab.mobileconfig", mobileconfig("lab", eapUser, "")))
		for _, name := range []string{"office", "lab"} {
			r.person.will("right")
			r.ok("connect", name)
			r.ok("disconnect")
		}
		r.setGateway(failingGateway(&diagnose.Failure{Cause: diagnose.CauseRejected}))
		var ids []string
		for _, p := range r.profiles() {
			ids = append(ids, p.ID)
		}
		if len(search(t, r, ids[0])) == 0 || len(r.keychain.entries) != 1 {
			t.Fatal("nothing is kept that could be forgotten")
		}
		if all {
			r.ok("forget", "--all")
		} else {
			r.ok("forget", "office")
			if len(r.keychain.entries) != 1 {
				t.Error("the key is gone while something is sealed with it")
			}
			r.ok("forget", "lab")
		}
		for _, id := range ids {
			if found := search(t, r, id); len(found) != 0 {
				t.Errorf("%s is found in %q", id, found)
			}
		}
		if found := search(t, r, "right"); len(found) != 0 {
			t.Errorf("the password is found in %q", found)
		}
		if len(r.keychain.entries) != 0 {
			t.Errorf("the keychain still has %d entries", len(r.keychain.entries))
		}
		if out := r.ok("secrets"); !strings.Contains(out, "0 ") {
			t.Errorf("said %q", out)
		}
	}
}

// search looks for a text in the names and the contents of every file.
func search(t *testing.T, r *rig, text string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(r.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if strings.Contains(path, text) || bytes.Contains(data, []byte(text)) {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestSecretsCommand: the user chooses, and what is kept comes along.
func TestSecretsCommand(t *testing.T) {
	t.Parallel()
	r := officeRig(t)
	r.app.openSecrets = func() (secretStore, error) {
		s, err := credential.Open(filepath.Join(r.dir, "sealed"), r.keychain)
		if err == nil {
			s.Passphrase = r.app.passphrase
		}
		return s, err
	}
	if out := r.ok("secrets"); !strings.Contains(out, "under a key in the keychain") {
		t.Errorf("said %q", out)
	}
	r.person.will("right")
	r.ok("connect", "office")
	r.ok("disconnect")
	r.person.will("short")
	r.fails([]string{"at least", "longer"}, "secrets", "passphrase")
	r.person.will("a long passphrase")
	if out := r.ok("secrets", "passphrase"); !strings.Contains(out, "under a passphrase") || len(r.keychain.entries) != 0 {
		t.Errorf("said %q", out)
	}
	r.keychain.absent = true
	r.person.will("a long passphrase")
	r.ok("connect", "office")
	if q := r.person.questions(); len(q) != 1 || q[0] != "Passphrase of your kept passwords" {
		t.Errorf("asked %q", q)
	}
	r.ok("disconnect")
	r.person.will("wrong wrong wrong", "wrong wrong wrong", "wrong wrong wrong", "right", "a long passphrase")
	r.ok("connect", "office")
	if !strings.Contains(r.err.String(), "the passphrase that opens what is kept was wrong") {
		t.Errorf("said %q", r.err.String())
	}
	r.ok("disconnect")
	r.person.will("a long passphrase")
	r.fails([]string{"no keychain answers", "nothing is lost"}, "secrets", "keychain")
	r.person.will("a long passphrase")
	r.ok("secrets", "ask")
	for range 2 {
		r.person.will("right")
		r.ok("connect", "office")
		if q := r.person.questions(); len(q) != 1 {
			t.Errorf("asked %q", q)
		}
		r.ok("disconnect")
	}
	if out := r.ok("secrets"); !strings.Contains(out, "Nothing is kept") {
		t.Errorf("said %q", out)
	}
	r.fails(nil, "secrets", "plain")
}

// TestCodesThatGoAsPasswords: where the password is another at each sign-in, and the
// server does not say so, one of them is replayed, once, and none after that.
func TestCodesThatGoAsPasswords(t *testing.T) {
	t.Parallel()
	r := officeRig(t)
	server := newAccounts("")
	r.setGateway(server.gateway)
	wrong := 0
	for _, code := range []string{"111", "222", "333", "444"} {
		server.change(code)
		server.mu.Lock()
		server.seen = map[string]int{}
		server.mu.Unlock()
		r.person.will(code)
		if r.runWith(t.Context(), "connect", "office") != 0 {
			wrong++
			r.ok("connect", "office")
		}
		if server.wrong() > 1 {
			t.Errorf("with %s the server has seen %d wrong ones", code, server.wrong())
		}
		r.ok("disconnect")
		r.restart()
	}
	if wrong != 1 {
		t.Errorf("%d sign-ins began with an old code, want one", wrong)
	}
}
