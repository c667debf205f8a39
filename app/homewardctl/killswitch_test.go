package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/client/service"
	"github.com/homeward-vpn/homeward/client/tunnel"
)

// switchboard is a kill switch in memory.
type switchboard struct {
	service.NoKillSwitch
	mu    sync.Mutex
	holds bool
	err   error
}

func (s *switchboard) Set(service.Policy) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.holds = s.err == nil
	return s.err
}

func (s *switchboard) Clear() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.holds = false
	return nil
}

func (s *switchboard) breaks(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

func (r *rig) status() control.Status {
	r.t.Helper()
	st, err := r.app.client.Status(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	return st
}

// TestKillSwitch goes through the modes at a terminal: what is set, what is said, and
// what a person who only wants the network back has to type.
func TestKillSwitch(t *testing.T) {
	r := newRig(t)
	out := r.ok("killswitch")
	if !strings.Contains(out, "off") || !strings.Contains(out, "the profile decides") {
		t.Errorf("at first: %s", out)
	}
	r.fails([]string{"shut", "off, on, lockdown or profile"}, "killswitch", "shut")
	r.fails([]string{"everybody", "allow, refuse or profile"}, "killswitch", "--local-network", "everybody")
	r.fails([]string{"one mode"}, "killswitch", "on", "off")
	if os.Getuid() == 0 {
		r.fails([]string{"no profile yet", "homewardctl import"}, "killswitch", "lockdown")
	}

	r.ok("import", r.file("office.mobileconfig", mobileconfig("office", eapUser, "")))
	r.ok("killswitch", "on")
	if r.walls.holds {
		t.Error("something is held back, and nobody has connected")
	}
	r.person.will("right")
	r.ok("connect", "office")
	st := r.status()
	if !r.walls.holds || st.KillSwitch.Mode != "on" || !st.KillSwitch.Engaged {
		t.Errorf("connected under %+v", st.KillSwitch)
	}
	if out := r.ok("status"); !strings.Contains(out, "Kill switch") || !strings.Contains(out, "refuses everything else") {
		t.Errorf("a split tunnel behind a kill switch is not spoken of: %s", out)
	}
	var shown struct {
		KillSwitch map[string]any `json:"killswitch"`
	}
	if err := json.Unmarshal([]byte(r.ok("status", "--json")), &shown); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"mode", "engaged", "verified", "alarm", "local_network"} {
		if _, there := shown.KillSwitch[key]; !there {
			t.Errorf("status --json says nothing of killswitch.%s: %v", key, shown.KillSwitch)
		}
	}
	if out := r.ok("killswitch", "--local-network", "allow"); !strings.Contains(out, "the local network is open") {
		t.Errorf("with the local network: %s", out)
	}
	r.ok("disconnect")
	if r.walls.holds {
		t.Error("held back after the user's own disconnect")
	}

	r.person.will("right")
	if os.Getuid() != 0 {
		r.fails([]string{"administrators"}, "killswitch", "lockdown")
		return
	}
	r.ok("killswitch", "lockdown")
	if out := r.ok("status"); !r.walls.holds || !strings.HasPrefix(out, "Blocked: nothing leaves this computer until you connect\n") {
		t.Errorf("in lockdown: %s", out)
	}
	if out := r.ok("disconnect"); !strings.HasPrefix(out, "Not connected") {
		t.Errorf("disconnect without a line: %s", out)
	}
	r.person.will("right")
	r.ok("connect", "office")
	if out := r.ok("disconnect"); !r.walls.holds || !strings.Contains(out, "Lockdown is on") {
		t.Errorf("disconnected in lockdown: %s", out)
	}
	r.ok("killswitch", "off")
	if out := r.ok("status"); r.walls.holds || !strings.HasPrefix(out, "Not connected") {
		t.Errorf("lifted: %s", out)
	}
}

// TestKillSwitchThatFails: nobody is told that all is well.
func TestKillSwitchThatFails(t *testing.T) {
	r := newRig(t)
	r.ok("import", r.file("office.mobileconfig", mobileconfig("office", eapUser, "")))
	if os.Getuid() != 0 {
		t.Skip("lockdown is for administrators")
	}
	r.walls.breaks(errors.New("no nft"))
	r.fails([]string{"the kill switch could not be set"}, "killswitch", "lockdown")
	if out := r.ok("status"); !strings.Contains(out, "not sure") || !strings.Contains(out, "ALARM: The kill switch could not be set (no nft)") {
		t.Errorf("status: %s", out)
	}
	st := r.status()
	if st.KillSwitch.Engaged || st.KillSwitch.Alarm == "" || st.Error == nil || st.Error.Cause != string(diagnose.CausePolicyFailed) {
		t.Errorf("%+v", st)
	}
	r.fails([]string{"no nft"}, "killswitch")
	r.walls.breaks(nil)
	r.ok("killswitch", "off")
	if st := r.status(); st.State != control.StateDisconnected {
		t.Errorf("lifted: %+v", st)
	}
}

// TestGivingUpLetsNothingOut: a person who has stopped waiting has not disconnected;
// one who has pressed Ctrl-C has.
func TestGivingUpLetsNothingOut(t *testing.T) {
	r := newRig(t)
	r.ok("import", r.file("office.mobileconfig", mobileconfig("office", eapUser, "")))
	r.ok("killswitch", "on")
	silent := make(chan struct{}, 2)
	r.setGateway(func(ctx context.Context, _ tunnel.Config, emit func(tunnel.Event)) error {
		emit(tunnel.Progress{Step: "reaching"})
		silent <- struct{}{}
		<-ctx.Done()
		return nil
	})
	r.fails([]string{"does not answer", "homewardctl disconnect"}, "connect", "--timeout", "50ms", "office")
	<-silent
	if st := r.status(); !r.walls.holds || st.State != control.StateConnecting {
		t.Errorf("given up: %+v", st)
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if code := r.runWith(ctx, "connect", "--timeout", "1h", "office"); code == 0 {
		t.Error("connected to nobody")
	}
	if st := r.status(); r.walls.holds || st.State != control.StateDisconnected {
		t.Errorf("called off: %+v", st)
	}
}
