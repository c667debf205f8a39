package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/credential"
	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/tunnel"
)

func officeRig(t *testing.T) *rig {
	t.Helper()
	r := newRig(t)
	r.ok("import", r.file("office.mobileconfig", mobileconfig("office", eapUser, "")))
	return r
}

func TestFromTheFileToTheLine(t *testing.T) {
	t.Parallel()
	r := officeRig(t)
	r.person.will("right")
	out := r.ok("connect", "office")
	if out != "Connected to office, your address there is 10.98.0.2.\n" {
		t.Errorf("said %q", out)
	}
	if !strings.Contains(r.err.String(), "Signing you in…\n") {
		t.Errorf("progress %q", r.err.String())
	}
	if q := r.person.questions(); len(q) != 1 || q[0] != "Password of ada for office" {
		t.Errorf("asked %q", q)
	}
	status := r.ok("status")
	for _, want := range []string{"Connected to office since ", "vpn.example.com (203.0.113.1)", "10.98.0.2", "10.99.0.0/24", "corp.example asked at 10.99.0.2", "1.5 kB in 2 packets"} {
		if !strings.Contains(status, want) {
			t.Errorf("status lacks %q:\n%s", want, status)
		}
	}
	r.fails([]string{"office is connected already", "homewardctl disconnect"}, "connect", "office")
	r.fails([]string{"in use", "homewardctl disconnect"}, "forget", "office")
	if out := r.ok("disconnect"); out != "Disconnected.\n" {
		t.Errorf("said %q", out)
	}
	if out := r.ok("disconnect"); out != "Not connected.\n" {
		t.Errorf("said %q", out)
	}

	// The password worked, so it is kept and nobody is asked again.
	r.person.will()
	r.ok("connect", "OFFICE")
	if q := r.person.questions(); len(q) != 0 {
		t.Errorf("asked %q again", q)
	}
	r.ok("disconnect")
	id := r.profiles()[0].ID
	r.ok("forget", "office")
	store, err := r.app.openSecrets()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Get(t.Context(), id); !errors.Is(err, credential.ErrNotKept) {
		t.Errorf("the secrets of a forgotten profile: %v", err)
	}
	r.fails([]string{`no profile named "office"`, "homewardctl profiles"}, "connect", "office")
}

func TestKeptWrongPasswordIsSentOnce(t *testing.T) {
	t.Parallel()
	r := officeRig(t)
	r.person.will("right")
	r.ok("connect", "office")
	r.ok("disconnect")
	r.setGateway(passwordGateway("changed"))
	r.person.will()
	r.fails([]string{"did not accept your user name and password"}, "connect", "office")
	if len(r.person.questions()) != 0 || !strings.Contains(r.err.String(), "was deleted") {
		t.Errorf("asked %q, said %q", r.person.questions(), r.err.String())
	}
	r.person.will("changed")
	r.ok("connect", "office")
	if len(r.person.questions()) != 1 {
		t.Error("the wrong password was sent again")
	}
}

func TestTypedWrongPasswordIsNotKept(t *testing.T) {
	t.Parallel()
	r := officeRig(t)
	r.person.will("wrong")
	r.fails([]string{"did not accept your user name and password"}, "connect", "office")
	r.person.will("right")
	r.ok("connect", "office")
	if len(r.person.questions()) != 1 {
		t.Error("nobody was asked")
	}
}

func TestPasswordFromStandardInput(t *testing.T) {
	t.Parallel()
	r := officeRig(t)
	r.keychain.absent = true
	r.app.in = strings.NewReader("right\n")
	r.ok("connect", "office", "--password-stdin")
	if n := strings.Count(r.err.String(), "keychain"); n != 1 {
		t.Errorf("%d notices that nothing is kept: %q", n, r.err.String())
	}
	r.ok("disconnect")
	r.app.in = strings.NewReader("")
	r.fails([]string{"--password-stdin", "no password was given"}, "connect", "office", "--password-stdin")
	if st, err := r.app.client.Status(t.Context()); err != nil || st.State != control.StateDisconnected {
		t.Errorf("connecting without a password: %v, %v", st.State, err)
	}
}

func TestNobodyToAsk(t *testing.T) {
	t.Parallel()
	r := officeRig(t)
	r.fails([]string{"no terminal", "--password-stdin"}, "connect", "office")
	r.ok("import", r.file("lab.mobileconfig", mobileconfig("lab", eap, "")))
	r.fails([]string{"no terminal", "--user"}, "connect", "lab")
}

func TestUserNameIsAskedOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.ok("import", r.file("lab.mobileconfig", mobileconfig("lab", eap, "")))
	r.person.will("lovelace", "right")
	r.ok("connect", "lab")
	if q := r.person.questions(); len(q) != 1 || q[0] != "User name and password for lab" {
		t.Errorf("asked %q", q)
	}
	r.ok("disconnect")
	if user := r.profiles()[0].Username; user != "lovelace" {
		t.Errorf("the profile's user is %q", user)
	}
	r.person.will()
	r.ok("connect", "lab")
}

func TestAnotherUserNameGetsNoKeptPassword(t *testing.T) {
	t.Parallel()
	r := officeRig(t)
	r.person.will("right")
	r.ok("connect", "office")
	r.ok("disconnect")
	r.person.will("right")
	r.ok("connect", "office", "--user", "charles")
	if q := r.person.questions(); len(q) != 1 || !strings.Contains(q[0], "charles") {
		t.Errorf("asked %q", q)
	}
}

func TestFailureIsOneSentence(t *testing.T) {
	t.Parallel()
	r := officeRig(t)
	r.setGateway(failingGateway(&diagnose.Failure{Cause: diagnose.CauseGatewayWrongName, Seen: "vpn.example.org", Expected: "vpn.example.com"}))
	r.fails([]string{"certificate is for vpn.example.org, but the profile expects vpn.example.com"}, "connect", "office")
	if status := r.ok("status"); !strings.Contains(status, "Not connected") || !strings.Contains(status, "vpn.example.org") {
		t.Errorf("status: %s", status)
	}
	if out := r.ok("status", "--json"); !strings.Contains(out, `"cause": "gateway-wrong-name"`) || !strings.Contains(out, `"message": "The gateway's certificate`) {
		t.Errorf("status --json: %s", out)
	}
}

func TestTimeoutCallsTheAttemptOff(t *testing.T) {
	t.Parallel()
	r := officeRig(t)
	started, left := make(chan struct{}), new(atomic.Bool)
	r.setGateway(silentGateway(started, left))
	r.fails([]string{"The gateway vpn.example.com does not answer"}, "connect", "office", "--timeout", "1s")
	if st, err := r.app.client.Status(t.Context()); err != nil || st.State != control.StateDisconnected || !left.Load() {
		t.Errorf("after the timeout: %v, %v", st.State, err)
	}
	r.setGateway(func(ctx context.Context, _ tunnel.Config, emit func(tunnel.Event)) error {
		emit(tunnel.Progress{Step: "setting-up"})
		<-ctx.Done()
		return nil
	})
	r.fails([]string{"did not connect within 50ms", "--timeout"}, "connect", "office", "--timeout", "50ms")
	r.fails([]string{"--timeout"}, "connect", "office", "--timeout", "-1s")
}

// waits are what an attempt may be waiting for; each closes its channel when the
// wait has begun.
var waits = map[string]func(r *rig) <-chan struct{}{
	"while the gateway is silent": func(r *rig) <-chan struct{} {
		started := make(chan struct{})
		r.setGateway(silentGateway(started, new(atomic.Bool)))
		return started
	},
	"while the person is asked": func(r *rig) <-chan struct{} {
		r.person.silent = make(chan struct{})
		return r.person.silent
	},
}

func TestInterruptCallsTheAttemptOff(t *testing.T) {
	t.Parallel()
	for name, interrupt := range waits {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := officeRig(t)
			when := interrupt(r)
			ctx, cancel := context.WithCancel(t.Context())
			go func() { <-when; cancel() }()
			if code := r.runWith(ctx, "connect", "office"); code == 0 || !strings.Contains(r.err.String(), "stopped, as you wished") {
				t.Errorf("exit code %d: %s", code, r.err.String())
			}
			if st, err := r.app.client.Status(t.Context()); err != nil || st.State != control.StateDisconnected {
				t.Errorf("after the interrupt: %v, %v", st.State, err)
			}
		})
	}
}

// TestDisconnectWhileSomebodyConnectsAgain: the line of before is down, and the
// command does not wait for the next one to end.
func TestDisconnectWhileSomebodyConnectsAgain(t *testing.T) {
	t.Parallel()
	r := officeRig(t)
	stopping, goOn := make(chan struct{}), make(chan struct{})
	r.setGateway(func(ctx context.Context, _ tunnel.Config, emit func(tunnel.Event)) error {
		err := lineUp(ctx, emit)
		stopping <- struct{}{}
		<-goOn
		return err
	})
	r.ok("connect", "office")
	again := make(chan error, 1)
	go func() {
		<-stopping
		r.setGateway(func(ctx context.Context, _ tunnel.Config, emit func(tunnel.Event)) error { return lineUp(ctx, emit) })
		_, err := r.app.client.Connect(t.Context(), control.ConnectRequest{Profile: "office"})
		close(goOn)
		again <- err
	}()
	r.fails([]string{"asked for again meanwhile", "disconnect once more"}, "disconnect")
	if err := <-again; err != nil {
		t.Error(err)
	}
	if out := r.ok("disconnect"); !strings.Contains(out, "Disconnected.") {
		t.Errorf("said %q", out)
	}
}

// TestServiceDiesInTheMiddle: whoever waits for a line, or is asked for a
// password, learns at once that the service is gone.
func TestServiceDiesInTheMiddle(t *testing.T) {
	t.Parallel()
	for name, when := range waits {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := officeRig(t)
			moment, died := when(r), make(chan error, 1)
			go func() {
				<-moment
				died <- r.cut()
			}()
			words := []string{"the Homeward service stopped answering", "homewardctl status"}
			if r.person.silent == nil {
				words = []string{"the Homeward service"} // the watch may not have begun: then it does not run
			}
			r.fails(words, "connect", "office")
			if err := <-died; err != nil {
				t.Error(err)
			}
			r.fails([]string{"not running", "systemctl start homewardd"}, "status")
		})
	}
}

func TestGatewayLosesPatienceWhileThePersonIsAsked(t *testing.T) {
	t.Parallel()
	r := officeRig(t)
	r.person.silent = make(chan struct{})
	r.setGateway(func(ctx context.Context, cfg tunnel.Config, _ func(tunnel.Event)) error {
		asking, cancel := context.WithCancel(ctx)
		go func() { <-r.person.silent; cancel() }()
		if _, err := cfg.Ask(asking, tunnel.Question{Kind: tunnel.AskPassword, Username: "ada"}); err == nil {
			t.Error("answered by nobody")
		}
		return &diagnose.Failure{Cause: diagnose.CauseClosedByGateway}
	})
	r.fails([]string{"The gateway closed the connection"}, "connect", "office")
}

func TestSignatureComesFromTheStore(t *testing.T) {
	t.Parallel()
	r := officeRig(t)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	store, err := r.app.openSecrets()
	if err != nil {
		t.Fatal(err)
	}
	question := tunnel.Question{Kind: tunnel.AskSignature, Scheme: "ecdsa-sha256", Data: proof()}
	r.setGateway(askingGateway(question, func(a tunnel.Answer) bool {
		digest := sha256.Sum256(question.Data)
		return ecdsa.VerifyASN1(&key.PublicKey, digest[:], a.Secret)
	}))
	r.fails([]string{"private key is not", "import the file that holds both"}, "connect", "office")
	if err := store.Put(t.Context(), r.profiles()[0].ID, profile.Secrets{PrivateKey: der}); err != nil {
		t.Fatal(err)
	}
	r.ok("connect", "office")
	r.ok("disconnect")
	r.keychain.absent = true
	r.fails([]string{"keychain does not answer (absent)"}, "connect", "office")
}

func TestSharedKey(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const psk = `<key>AuthenticationMethod</key><string>SharedSecret</string><key>SharedSecret</key><string>correct-horse-battery-staple-42</string><key>LocalIdentifier</key><string>ada</string>`
	r.setGateway(askingGateway(tunnel.Question{Kind: tunnel.AskPSK}, func(a tunnel.Answer) bool { return string(a.Secret) == "correct-horse-battery-staple-42" }))
	r.ok("import", r.file("site.mobileconfig", mobileconfig("site", psk, "")))
	if strings.Contains(r.out.String()+r.err.String(), "correct-horse-battery-staple-42") {
		t.Error("the report shows the shared key")
	}
	r.ok("connect", "site")
	r.ok("disconnect")
	r.ok("forget", "site")

	r.keychain.absent = true
	r.ok("import", r.file("site.mobileconfig", mobileconfig("site", psk, "")))
	if !strings.Contains(r.err.String(), "you will be asked") {
		t.Errorf("said %q", r.err.String())
	}
	r.person.will("correct-horse-battery-staple-42")
	r.ok("connect", "site")
	r.ok("disconnect")
	r.person.will(fmt.Sprintf("0x%x", "correct-horse-battery-staple-42")) // RFC 7296 2.15
	r.ok("connect", "site")
}

func TestNoService(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.app.client = control.NewClient(filepath.Join(t.TempDir(), "none"))
	file := r.file("office.mobileconfig", mobileconfig("office", eapUser, ""))
	for _, args := range [][]string{
		{"status"}, {"status", "--watch"}, {"profiles"}, {"show", "x"}, {"forget", "x"}, {"connect", "x"}, {"disconnect"}, {"logs"}, {"import", file},
	} {
		r.fails([]string{"service is not running", "start it"}, args...)
	}
	if out := r.ok("version"); !strings.Contains(out, "not running") {
		t.Errorf("said %q", out)
	}
}

func TestSomethingElseOnTheSocket(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	go func() { // hangs up on everybody
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		}
	}()
	defer func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}()
	r.app.client = control.NewClient(path)
	r.fails([]string{"stopped answering"}, "status")
}
