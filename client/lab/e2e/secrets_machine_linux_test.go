package e2e

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"

	"github.com/homeward-vpn/homeward/client/lab"
)

// machineStore is the one place that holds a secret as it is, by an administrator's
// word: the machine's own credential (client/machine).
const machineStore = "machine"

// signInByMachine has the service sign in by itself, with a password that is refused and
// one that is not, behind the kill switch, and over a restart. It leaves all files of
// the service's state behind, the credential's too.
func (w *secretsWalk) signInByMachine(gateway lab.GatewayOptions) {
	w.t.Helper()
	wrong, right := rand.Text(), rand.Text()
	w.needles.password("the machine's wrong password", wrong)
	w.needles.password("the machine's password", right)
	const user = "machine"
	own := gateway
	own.Users = map[string]string{user: right}
	if err := w.Gateway.Reload(w.ctx, own); err != nil {
		w.t.Fatal(err)
	}
	w.must("", "killswitch", "on")
	w.demanding("boot", map[string]any{"client.username": user})
	w.must(wrong+"\n", "machine", "set", demandProfile, "--password-stdin")
	w.until("blocked")
	w.look()
	w.must(right+"\n", "machine", "set", demandProfile, "--password-stdin")
	w.until("connected")
	w.use()
	w.restarted()
	w.until("connected")
	for _, args := range [][]string{{"machine", "list"}, {"machine", "list", "--json"}, {"show", demandProfile, "--json"}} {
		w.must("", args...)
	}
	w.must("", "disconnect")
	w.must("", "killswitch", "profile")
	for _, name := range []string{"posture.json", "gateways.json", "refused.json", machineStore} {
		if _, err := os.Stat(filepath.Join(w.StateDir, name)); err != nil {
			w.t.Errorf("%s is not there to be searched: %v", name, err)
		}
	}
	if err := w.Gateway.Reload(w.ctx, gateway); err != nil {
		w.t.Fatal(err)
	}
}

// inMachineStore says that a file is a credential of the machine's own. It must be
// readable by nobody but its owner.
func (w *secretsWalk) inMachineStore(path string) bool {
	w.t.Helper()
	if !strings.HasPrefix(path, filepath.Join(w.StateDir, machineStore)+string(filepath.Separator)) {
		return false
	}
	info, err := os.Lstat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		w.t.Errorf("the machine's credential: %v, %v", info.Mode(), err)
	}
	return true
}
