package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/machine"
	"github.com/homeward-vpn/homeward/client/ondemand"
	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/service"
)

// byItself is a service that connects by itself, in a network of which nothing is known.
func byItself() *service.Automation {
	return &service.Automation{
		Network: func() (ondemand.Environment, bool, error) { return ondemand.Environment{}, true, nil },
		Changes: func(context.Context) (<-chan struct{}, error) { return nil, nil },
	}
}

// demandRig has a profile that comes by itself, and a machine that may sign in.
func demandRig(t *testing.T, when string) *rig {
	t.Helper()
	r := newRig(t)
	r.automation = byItself()
	store, err := machine.Open(filepath.Join(t.TempDir(), "machine"))
	if err != nil {
		t.Fatal(err)
	}
	r.machine = store
	r.restart()
	r.ok("import", r.file("office.json", nativeFile(`"on_demand": {"when": "`+when+`"},`)))
	return r
}

// attending runs attend beside the test, as another process of the user's, until the
// test ends; what it says on standard error is in the result then.
func (r *rig) attending() *bytes.Buffer {
	r.t.Helper()
	var said bytes.Buffer
	other := *r.app
	other.out, other.errOut = &said, &said
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- other.attend(ctx) }()
	r.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			r.t.Errorf("attend: %v", err)
		}
	})
	return &said
}

// wait waits for a status, not for ever.
func (r *rig) wait(what string, good func(control.Status) bool) control.Status {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), time.Minute)
	defer cancel()
	var found control.Status
	done := errors.New("done")
	err := r.app.client.Watch(ctx, func(st control.Status) error {
		if found = st; good(st) {
			return done
		}
		return nil
	})
	if !errors.Is(err, done) {
		r.t.Fatalf("%s does not come: %v, %+v", what, err, found)
	}
	return found
}

func inState(want control.State) func(control.Status) bool {
	return func(st control.Status) bool { return st.State == want }
}

// TestAttendSignsIn: what is kept in the keychain brings the line up when attend is
// started, without a question; what a person ends stays down, and status says so.
func TestAttendSignsIn(t *testing.T) {
	t.Parallel()
	r := demandRig(t, "login")
	if out := r.ok("status"); !strings.Contains(out, "By itself") || !strings.Contains(out, "homewardctl attend") {
		t.Errorf("status:\n%s", out)
	}
	r.person.will("right")
	r.ok("connect", "office") // the password is kept
	r.restart()
	r.person.will()
	r.attending()
	r.wait("the line", inState(control.StateConnected))
	if asked := r.person.questions(); len(asked) != 0 {
		t.Errorf("asked %q", asked)
	}
	r.ok("disconnect")
	st := r.wait("the reason", func(st control.Status) bool { return st.Automatic != nil && st.Automatic.Waiting != "" })
	if st.State != control.StateDisconnected || !strings.Contains(st.Automatic.Waiting, "You have disconnected yourself") {
		t.Errorf("%+v", st)
	}
}

// TestAttendDeclinesNothing: what is not kept stays asked, and a person answers it in
// their own time, elsewhere.
func TestAttendDeclinesNothing(t *testing.T) {
	t.Parallel()
	r := demandRig(t, "login")
	r.attending()
	r.wait("the question", inState(control.StateNeedsInput))
	r.person.will("right")
	r.ok("connect", "office")
	if asked := r.person.questions(); len(asked) != 1 {
		t.Errorf("asked %q", asked)
	}
}

// TestAttendOutlivesTheService: it comes back to a service that was started again.
func TestAttendOutlivesTheService(t *testing.T) {
	t.Parallel()
	r := demandRig(t, "login")
	r.person.will("right")
	r.ok("connect", "office")
	r.ok("disconnect")
	r.attending()
	r.restart()
	r.wait("the line", inState(control.StateConnected))
}

// TestMachine: an administrator gives the service a password; the line comes at its
// start, without anybody; it is never shown, and goes with the profile.
func TestMachine(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only an administrator gives the service a credential: run as root")
	}
	r := demandRig(t, "boot")
	r.fails([]string{"--user"}, "machine", "set", "office", "--certificate", "/nonexistent", "--user")
	r.person.will("wrong-7f3a")
	if out := r.ok("machine", "set", "office"); !strings.Contains(out, "file rights only") {
		t.Errorf("said %q", out)
	}
	st := r.wait("the failure", func(st control.Status) bool {
		return st.Automatic != nil && st.Automatic.Waiting != "" && st.Error != nil
	})
	if st.Error.Cause != "wrong-password" {
		t.Errorf("%+v", st.Error)
	}
	r.person.will("right")
	r.ok("machine", "set", "office")
	r.wait("the line", inState(control.StateConnected))
	r.restart()
	r.wait("the line after a start", inState(control.StateConnected))
	if asked := r.person.questions(); len(asked) != 1 {
		t.Errorf("asked %q", asked)
	}
	for _, args := range [][]string{{"machine", "list"}, {"machine", "list", "--json"}, {"status", "--json"}, {"show", "office", "--json"}, {"logs"}} {
		if out := r.ok(args...); strings.Contains(out, "right\"") || strings.Contains(out, "7f3a") || strings.Contains(out, "cmlnaHQ") {
			t.Errorf("%q shows it:\n%s", args, out)
		}
	}
	if out := r.ok("machine", "list"); !strings.Contains(out, "office") || !strings.Contains(out, "password") || !strings.Contains(out, "yes") {
		t.Errorf("list:\n%s", out)
	}
	r.ok("disconnect")
	r.ok("machine", "remove", "office")
	r.fails([]string{"keeps no credential"}, "machine", "remove", "office")
	r.person.will("right")
	r.ok("machine", "set", "office") // and the line stays down, for a person has ended it
	if st := r.wait("the reason", func(st control.Status) bool { return st.Automatic != nil && st.Automatic.Waiting != "" }); st.State != control.StateDisconnected {
		t.Errorf("%+v", st)
	}
	r.ok("forget", "office")
	if list := r.machine.List(); len(list) != 0 {
		t.Errorf("%+v is left", list)
	}
}

// TestMachineRefuses: what would be of no use is refused in words.
func TestMachineRefuses(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only an administrator gives the service a credential: run as root")
	}
	r := demandRig(t, "login")
	r.person.will("right")
	r.fails([]string{"neither boot nor always"}, "machine", "set", "office")
	r.fails([]string{"there is no profile"}, "machine", "set", "nowhere")
	if out := r.ok("machine", "list"); !strings.Contains(out, "no profile itself") {
		t.Errorf("list:\n%s", out)
	}
}

// TestAutomaticWords: status says what the rules want, why, and why it is not so.
func TestAutomaticWords(t *testing.T) {
	t.Parallel()
	got := automatic(control.Automatic{Profile: "office", Action: "disconnect", Reason: "Rule 1: stay disconnected in the Wi-Fi “Office”.", Waiting: "You have connected yourself."})
	if want := "stay disconnected from office. Rule 1: stay disconnected in the Wi-Fi “Office”. You have connected yourself."; got != want {
		t.Errorf("%q", got)
	}
	if rows := demandRows(profile.OnDemand{When: profile.WhenLogin, Rules: []profile.Rule{{Action: profile.RuleConnect}}}); len(rows) != 2 || rows[1].value != "connect in every network" {
		t.Errorf("%+v", rows)
	}
}
