package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/client/lab"
)

// stranger lets another user of the client's computer run homewardctl, and gives what it
// says; it skips the test where nobody else can be played.
func (r *rig) stranger() func(args ...string) string {
	r.t.Helper()
	for dir := filepath.Dir(r.Socket); strings.HasPrefix(dir, r.Dir); dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o711); err != nil { // the lab keeps everybody else out
			r.t.Fatal(err)
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
		r.t.Skip("another user cannot be played on this machine: ", out)
	}
	return as
}

// TestAnotherUserBehindTheKillSwitch: whoever else uses the computer, also by switching
// users, can neither see whose line it is nor let go of what it holds back, in any state
// of it, and is told who can; each sentence names a way out that works.
func TestAnotherUserBehindTheKillSwitch(t *testing.T) {
	t.Parallel()
	r := start(t, lab.Options{})
	r.importFile(lab.OfficeProfile)
	as := r.stranger()
	r.must("", "killswitch", "on")
	cannot := func(state string) {
		t.Helper()
		before := r.rules()
		for _, args := range [][]string{{"disconnect"}, {"killswitch", "off"}, {"killswitch", "profile"}, {"killswitch", "--local-network", "allow"}} {
			if out := as(args...); !strings.Contains(out, "only they, or an administrator") {
				t.Errorf("%s: %q by another user: %s", state, args, out)
			}
		}
		if r.rules() != before || before == "" {
			t.Errorf("%s: the rules are another's to change:\n%s", state, r.rules())
		}
		for _, args := range [][]string{{"status"}, {"status", "--json"}, {"profiles"}, {"logs"}} {
			if out := as(args...); strings.Contains(out, lab.OfficeProfile) || strings.Contains(out, lab.GatewayName) {
				t.Errorf("%s: another user sees in %q: %s", state, args, out)
			}
		}
	}
	r.connect(lab.OfficeProfile)
	cannot("connected")
	if err := r.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := r.Homeward.Start(r.ctx); err != nil {
		t.Fatal(err)
	}
	r.holds("blocked", "service-restarted")
	cannot("blocked")
	if out := as("status"); !strings.Contains(out, "until another user of it, or an administrator, disconnects") || !strings.Contains(out, "«sudo homewardctl disconnect»") {
		t.Errorf("another user is told %s", out)
	}
	if out := r.must("", "status"); !strings.Contains(out, "until you connect or disconnect") || !strings.Contains(out, "«homewardctl disconnect»") {
		t.Errorf("the user is told %s", out)
	}
	if s := r.fails("", "forget", lab.OfficeProfile); !strings.Contains(s, "«homewardctl disconnect»") {
		t.Errorf("forgetting a profile that is held for: %s", s)
	}
	res := r.ctl("wrong\n", "connect", lab.OfficeProfile, "--user", lab.UserName, "--password-stdin")
	if res.Code == 0 || !strings.Contains(res.Stderr, "nothing leaves this computer until you connect; «homewardctl disconnect» opens the network.") {
		t.Errorf("a wrong password behind the kill switch: %s", res.Stderr)
	}
	r.holds("blocked", "wrong-password")
	cannot("a wrong password")
	r.must("", "disconnect")
	if out := as("status"); !strings.HasPrefix(out, "Not connected\n") || r.rules() != "" {
		t.Errorf("let go: %s", out)
	}
	r.untouched("after the user's own disconnect")
}
