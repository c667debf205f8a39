package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/client/lab"
)

// killSwitch is `homewardctl status --json`, as far as it is about the kill switch.
type killSwitch struct {
	State      string `json:"state"`
	KillSwitch struct {
		Mode     string     `json:"mode"`
		Engaged  bool       `json:"engaged"`
		Verified *time.Time `json:"verified"`
		Alarm    string     `json:"alarm"`
	} `json:"killswitch"`
	Error *struct {
		Cause string `json:"cause"`
	} `json:"error"`
}

func (r *rig) killSwitch() killSwitch {
	r.t.Helper()
	var s killSwitch
	if err := json.Unmarshal([]byte(r.must("", "status", "--json")), &s); err != nil {
		r.t.Fatal(err)
	}
	return s
}

// rules is the kernel's table, as nft prints it; empty: there is none.
func (r *rig) rules() string {
	r.t.Helper()
	out, err := r.Client.Run(r.ctx, "nft", "list", "ruleset")
	if err != nil {
		r.t.Fatal(err)
	}
	_, table, found := strings.Cut(out, "table inet homeward {")
	if !found {
		return ""
	}
	return table
}

// holds wants that the state is this, for this cause, and that traffic is held back.
func (r *rig) holds(state, cause string) {
	r.t.Helper()
	s := r.killSwitch()
	why := ""
	if s.Error != nil {
		why = s.Error.Cause
	}
	if s.State != state || why != cause || !s.KillSwitch.Engaged || s.KillSwitch.Alarm != "" {
		r.t.Errorf("%s (%s), %+v, want %s (%s) and held back", s.State, why, s.KillSwitch, state, cause)
	}
	if r.rules() == "" {
		r.t.Errorf("%s without a table in the kernel", s.State)
	}
}

// TestKillSwitchModes goes through the modes with a real gateway: on closes with
// connect and opens with the user's own disconnect, byte for byte; lockdown stays
// closed; off opens at once.
func TestKillSwitchModes(t *testing.T) {
	t.Parallel()
	r := start(t, lab.Options{})
	if s := r.fails("", "killswitch", "lockdown"); !strings.Contains(s, "no profile yet") || r.rules() != "" {
		t.Errorf("before there is a profile: %s", s)
	}
	r.importFile(lab.OfficeProfile)
	r.must("", "killswitch", "on")
	if r.rules() != "" {
		t.Error("held back before connect")
	}
	r.connect(lab.OfficeProfile)
	r.holds("connected", "")
	r.opens(intranet("/"), lab.IntranetGreeting)
	if err := lab.Until(r.ctx, "the kill switch is proven", func() (bool, error) {
		s := r.killSwitch()
		return s.KillSwitch.Verified != nil || s.KillSwitch.Alarm != "", nil
	}); err != nil {
		t.Error(err)
	}
	r.holds("connected", "")
	r.must("", "disconnect")
	if s := r.killSwitch(); s.State != "disconnected" || s.KillSwitch.Engaged || r.rules() != "" {
		t.Errorf("after disconnect: %+v", s)
	}
	r.untouched("after the user's own disconnect")

	r.must("", "killswitch", "lockdown")
	r.holds("blocked", "lockdown")
	r.connect(lab.OfficeProfile)
	r.holds("connected", "")
	r.opens(intranet("/"), lab.IntranetGreeting)
	if out := r.must("", "disconnect"); !strings.Contains(out, "Lockdown") {
		t.Errorf("disconnect in lockdown says %q", out)
	}
	r.holds("blocked", "lockdown")
	r.closed(intranet("/"))

	r.connect(lab.OfficeProfile)
	r.must("", "killswitch", "off")
	if s := r.killSwitch(); s.State != "connected" || s.KillSwitch.Engaged || r.rules() != "" {
		t.Errorf("off over a line that stands: %+v", s)
	}
	r.opens(intranet("/"), lab.IntranetGreeting)
	r.must("", "disconnect")
	r.untouched("after killswitch off")
}

// TestKillSwitchOutlivesTheService: kill -9, a start after it, and an orderly end keep
// the block in on and lockdown, for the cause that is told; only the user or an
// administrator opens it.
func TestKillSwitchOutlivesTheService(t *testing.T) {
	t.Parallel()
	for mode, cause := range map[string]string{"on": "service-restarted", "lockdown": "service-restarted"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			r := start(t, lab.Options{})
			r.importFile(lab.OfficeProfile)
			r.must("", "killswitch", mode)
			r.connect(lab.OfficeProfile)
			if err := r.Kill(); err != nil {
				t.Fatal(err)
			}
			if r.rules() == "" {
				t.Error("kill -9 has opened the network")
			}
			if err := r.Homeward.Start(r.ctx); err != nil {
				t.Fatal(err)
			}
			r.holds("blocked", cause)
			r.connect(lab.OfficeProfile)
			r.opens(intranet("/"), lab.IntranetGreeting)
			if err := r.Homeward.Stop(r.ctx); err != nil {
				t.Fatal(err)
			}
			if r.rules() == "" {
				t.Error("an orderly end has opened the network")
			}
			if err := r.Homeward.Start(r.ctx); err != nil {
				t.Fatal(err)
			}
			r.holds("blocked", cause)
			r.must("", "disconnect")
			if mode == "lockdown" {
				r.holds("blocked", "lockdown")
				if err := r.Kill(); err != nil {
					t.Fatal(err)
				}
				if err := r.Homeward.Start(r.ctx); err != nil {
					t.Fatal(err)
				}
				r.holds("blocked", "lockdown")
				r.must("", "killswitch", "off")
			}
			if s := r.killSwitch(); s.State != "disconnected" || r.rules() != "" {
				t.Errorf("let go: %+v", s)
			}
			r.untouched("after the block was lifted")
		})
	}
}

// TestKillSwitchIsSetAgain: rules that somebody else has flushed come back by
// themselves, and the user is told.
func TestKillSwitchIsSetAgain(t *testing.T) {
	t.Parallel()
	r := start(t, lab.Options{})
	r.importFile(lab.OfficeProfile)
	r.must("", "killswitch", "lockdown")
	before := r.rules()
	if _, err := r.Client.Run(r.ctx, "nft", "flush", "ruleset"); err != nil {
		t.Fatal(err)
	}
	if err := lab.Until(r.ctx, "the rules are set again", func() (bool, error) {
		return r.killSwitch().KillSwitch.Alarm != "", nil
	}); err != nil {
		t.Fatal(err)
	}
	s := r.killSwitch()
	if !s.KillSwitch.Engaged || !strings.Contains(s.KillSwitch.Alarm, "another firewall") || r.rules() != before {
		t.Errorf("after a flush: %+v, rules\n%s\nbefore\n%s", s.KillSwitch, r.rules(), before)
	}
	r.must("", "killswitch", "off")
	r.untouched("after the block was lifted")
}

// TestHolesOfARedirect: RFC 5685. Behind the kill switch a line that is sent to another
// gateway has the way to that opened before its first packet, and the way to the first
// one closed behind it.
func TestHolesOfARedirect(t *testing.T) {
	t.Parallel()
	r := start(t, lab.Options{Second: &lab.GatewayOptions{}})
	r.importFile(lab.OfficeProfile)
	r.must("", "killswitch", "lockdown")
	r.connect(lab.OfficeProfile)
	first, second := lab.GatewayAddress.String(), lab.SecondGatewayAddress.String()
	if rules := r.rules(); !strings.Contains(rules, first+" . 4500") || strings.Contains(rules, second) {
		t.Errorf("connected, the rules are\n%s", rules)
	}
	if err := r.Gateway.Redirect(r.ctx, second); err != nil {
		t.Fatal(err)
	}
	if err := lab.Until(r.ctx, "the hole has moved", func() (bool, error) {
		rules := r.rules()
		return strings.Contains(rules, second+" . 4500") && !strings.Contains(rules, first), nil
	}); err != nil {
		t.Errorf("%v; the rules are\n%s", err, r.rules())
	}
	r.opens(intranet("/"), lab.IntranetGreeting)
	r.holds("connected", "")
	r.must("", "killswitch", "off")
}

// TestLockdownIsForAdministrators: another user of the computer can neither set nor
// lift it, and is told so in a sentence.
func TestLockdownIsForAdministrators(t *testing.T) {
	t.Parallel()
	r := start(t, lab.Options{})
	r.importFile(lab.OfficeProfile)
	for dir := filepath.Dir(r.Socket); strings.HasPrefix(dir, r.Dir); dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o711); err != nil { // the lab keeps everybody else out
			t.Fatal(err)
		}
	}
	as := func(args ...string) string {
		line := fmt.Sprintf("exec setpriv --reuid=65534 --clear-groups %s %s", r.Binaries.Control, strings.Join(args, " "))
		cmd := r.Client.Command(r.ctx, "sh", "-c", line)
		cmd.Env = r.Environment()
		out, _ := cmd.CombinedOutput() // its sentence is looked at
		return string(out)
	}
	if out := as("killswitch"); !strings.Contains(out, "Kill switch") {
		t.Skip("another user cannot be played on this machine: ", out)
	}
	if out := as("killswitch", "lockdown"); !strings.Contains(out, "administrators") || r.rules() != "" {
		t.Errorf("lockdown by anybody: %s", out)
	}
	r.must("", "killswitch", "lockdown")
	for _, mode := range []string{"off", "on", "profile"} {
		if out := as("killswitch", mode); !strings.Contains(out, "administrators") {
			t.Errorf("%s by anybody: %s", mode, out)
		}
	}
	r.holds("blocked", "lockdown")
	r.must("", "killswitch", "off")
}
