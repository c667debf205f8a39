package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/diagnose"
)

func TestCommandLineMistakes(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, args := range [][]string{
		{"conect"}, {"connect"}, {"connect", "a", "b"}, {"connect", "office", "--pasword-stdin"}, {"connect", "office", "--timeout", "soon"},
		{"import"}, {"show"}, {"forget"}, {"status", "x"}, {"logs", "x"}, {"disconnect", "x"}, {"profiles", "x"},
	} {
		r.fails(nil, args...)
		if !strings.Contains(r.err.String(), "homewardctl") || strings.Contains(r.err.String(), "Usage:") {
			t.Errorf("%q: %q", args, r.err.String())
		}
	}
}

func TestProfilesAndShow(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if out := r.ok("profiles"); !strings.Contains(out, "homewardctl import FILE") {
		t.Errorf("an empty list: %q", out)
	}
	if out := r.ok("profiles", "--json"); strings.TrimSpace(out) != "[]" {
		t.Errorf("an empty list: %q", out)
	}
	r.ok("import", r.file("office.mobileconfig", mobileconfig("office", eapUser, "")))
	if out := r.ok("profiles"); !strings.Contains(out, "office") || !strings.Contains(out, "vpn.example.com") || !strings.Contains(out, "ada") {
		t.Errorf("%q", out)
	}
	var list []control.ProfileInfo
	if err := json.Unmarshal([]byte(r.ok("profiles", "--json")), &list); err != nil || len(list) != 1 || list[0].Name != "office" {
		t.Errorf("%+v, %v", list, err)
	}
	out := r.ok("show", "office")
	for _, want := range []string{"office", "Harbour Ltd", "vpn.example.com", "user name and password", "ada"} {
		if !strings.Contains(out, want) {
			t.Errorf("show lacks %q:\n%s", want, out)
		}
	}
	r.fails([]string{`no profile named "lab"`}, "show", "lab")
	r.fails([]string{`no profile named "lab"`}, "forget", "lab")
}

func TestStatusWatch(t *testing.T) {
	t.Parallel()
	r := officeRig(t)
	reader, writer := io.Pipe()
	watcher := *r.app
	watcher.out, watcher.errOut = writer, io.Discard
	ctx, cancel := context.WithCancel(t.Context())
	code := make(chan int, 1)
	go func() { code <- watcher.run(ctx, []string{"status", "--watch", "--json"}) }()
	lines := bufio.NewScanner(reader)
	next := func() (st control.Status) {
		if !lines.Scan() {
			t.Fatal("the watch has ended")
		}
		if err := json.Unmarshal(lines.Bytes(), &st); err != nil {
			t.Fatal(err)
		}
		return st
	}
	if st := next(); st.State != control.StateDisconnected {
		t.Errorf("first %s", st.State)
	}
	r.person.will("right")
	r.ok("connect", "office")
	for next().State != control.StateConnected {
	}
	cancel()
	if err := reader.Close(); err != nil {
		t.Error(err)
	}
	if c := <-code; c != 0 {
		t.Errorf("Ctrl-C ends a watch with exit code %d", c)
	}
}

func TestLogs(t *testing.T) {
	t.Parallel()
	r := officeRig(t)
	r.person.will("right")
	r.ok("connect", "office")
	out := r.ok("logs")
	for _, want := range []string{"info  profile stored", "info  state from=connecting to=connected profile=office"} {
		if !strings.Contains(out, want) {
			t.Errorf("the log lacks %q:\n%s", want, out)
		}
	}
	if strings.Contains(out, "right") {
		t.Errorf("the log shows the password:\n%s", out)
	}
}

func TestCompletion(t *testing.T) {
	t.Parallel()
	r := officeRig(t)
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if out := r.ok("completion", shell); !strings.Contains(out, "homewardctl") {
			t.Errorf("%s: %.60q", shell, out)
		}
	}
	if out := r.ok("__complete", "connect", ""); !strings.Contains(out, "office\tvpn.example.com") {
		t.Errorf("names: %q", out)
	}
}

func TestHostileTextDoesNotReachTheTerminal(t *testing.T) {
	t.Parallel()
	hostile := "a\x1b[2Jb\u202ec\u2028d\r\ne"
	r := newRig(t)
	st := control.Status{State: control.StateConnected, Profile: hostile, Warnings: []string{hostile},
		Gateway: &control.Gateway{Identity: hostile}, DNS: control.DNS{Domains: []string{hostile}},
		ESP: &control.ESP{Suite: hostile, Drops: map[string]uint64{hostile: 1},
			SAs: []control.ESPSA{{Suite: hostile, Remote: []string{hostile}}}},
		Error: &control.Error{Message: hostile}}
	if err := r.app.printStatus(st, time.Now()); err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{r.out.String(), sentence(errors.New(hostile)), sentence(&diagnose.Failure{Cause: diagnose.CauseRejected, Seen: hostile})} {
		for _, c := range s {
			if c != '\n' && (unicode.IsControl(c) || unicode.Is(unicode.Cf, c) || c == '\u2028') {
				t.Errorf("%U in %q", c, s)
			}
		}
	}
}

// Each Child SA is shown: names, networks, suite, age and what it has carried.
func TestStatusShowsEachChildSA(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	now := time.Date(2026, 3, 4, 12, 0, 0, 0, time.Local)
	st := control.Status{State: control.StateConnected, ESP: &control.ESP{SAs: []control.ESPSA{
		{InboundSPI: 0xc0ffee01, OutboundSPI: 0x22, Remote: []string{"10.1.0.0/16"}, Suite: "aes256gcm16", Since: now.Add(-time.Hour), RekeyAt: now.Add(30 * time.Minute), TxBytes: 5000},
		{InboundSPI: 0xc0ffee02, OutboundSPI: 0x23, Remote: []string{"10.2.0.0/16", "fd00::/8"}, Suite: "aes256gcm16-ecp384", Since: now, RekeyAt: now.Add(time.Hour), RxBytes: 7},
	}}}
	if err := r.app.printStatus(st, now); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"c0ffee01/00000022 to 10.1.0.0/16 with aes256gcm16 since 11:00, new keys in 30 min",
		"c0ffee02/00000023 to 10.2.0.0/16, fd00::/8 with aes256gcm16-ecp384 since 12:00", size(5000) + " sent", size(7) + " received",
	} {
		if !strings.Contains(r.out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, r.out.String())
		}
	}
}

// TestNoBareErrors: what Go calls an error is put into a sentence.
func TestNoBareErrors(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]string{
		context.Canceled:         "stopped, as you wished.",
		context.DeadlineExceeded: "the Homeward service did not answer in time; look whether it still runs with «homewardctl status».",
		fmt.Errorf("x: %w", &diagnose.Failure{Cause: diagnose.CauseCancelled}): (&diagnose.Failure{Cause: diagnose.CauseCancelled}).Sentence(),
	} {
		if got := sentence(err); got != want {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	}
}

func TestWords(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 4, 12, 0, 0, 0, time.Local)
	for got, want := range map[string]string{
		at(now.Add(-time.Hour), now):         "11:00",
		at(now.Add(-48*time.Hour), now):      "2 March 12:00",
		until(now.Add(161*time.Minute), now): "in 2 h 41 min",
		until(now.Add(5*time.Minute), now):   "in 5 min",
		until(now.Add(-time.Minute), now):    "in less than a minute",
		size(999):                            "999 bytes",
		size(1500):                           "1.5 kB",
		size(1 << 40):                        "1.1 TB",
		size(^uint64(0)):                     "18.4 EB",
		quoteArg("office"):                   "office",
		quoteArg("Harbour Office"):           "'Harbour Office'",
		quoteArg("it's"):                     `'it'\''s'`,
		quoteArg(""):                         "''",
		headline(control.Status{State: "blocked", KillSwitch: control.KillSwitch{Mode: "on", Engaged: true}}, now):       "Blocked: nothing leaves this computer until you connect or disconnect",
		headline(control.Status{State: "blocked", KillSwitch: control.KillSwitch{Mode: "lockdown", Engaged: true}}, now): "Blocked: nothing leaves this computer until you connect",
		headline(control.Status{State: "blocked", KillSwitch: control.KillSwitch{Mode: "on"}}, now):                      "Not connected, and it is not sure that nothing leaves this computer",
		headline(control.Status{State: "connecting", Profile: "office", Step: "signing-in"}, now):                        "Connecting to office: Signing you in",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
