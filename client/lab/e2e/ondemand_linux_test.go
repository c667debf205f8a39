package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/homeward-vpn/homeward/client/lab"
)

const demandProfile = "by-itself"

// demanding imports a profile that connects by itself, with more fields.
func (r *rig) demanding(when string, more map[string]any) {
	r.t.Helper()
	fields := map[string]any{"client.username": lab.UserName, "on_demand.when": when}
	for k, v := range more {
		fields[k] = v
	}
	r.native(lab.Native{Name: demandProfile, CA: [][]byte{r.PKI.CA.DER()}, Fields: fields})
}

// restarted ends the service and starts it again, as a boot does.
func (r *rig) restarted() {
	r.t.Helper()
	if err := r.Homeward.Stop(r.ctx); err != nil {
		r.t.Fatal(err)
	}
	if err := r.Homeward.Start(r.ctx); err != nil {
		r.t.Fatal(err)
	}
}

// automatic is what status says of what comes by itself.
func (r *rig) automatic() (out struct {
	Automatic struct{ Action, Reason, Waiting string } `json:"automatic"`
}) {
	r.t.Helper()
	if err := json.Unmarshal([]byte(r.must("", "status", "--json")), &out); err != nil {
		r.t.Fatal(err)
	}
	return out
}

// names writes the client's resolv.conf, as another network's DHCP would.
func (r *rig) names(text string) {
	r.t.Helper()
	if err := os.WriteFile(r.Client.Path("/etc/resolv.conf"), []byte(text), 0o644); err != nil {
		r.t.Fatal(err)
	}
}

// TestBootByMachinePassword: what an administrator gave the service brings the line up
// at its start, also after a kill, without anybody; it is in no output and no log.
func TestBootByMachinePassword(t *testing.T) {
	t.Parallel()
	r := start(t, lab.Options{})
	r.verbose()
	r.demanding("boot", nil)
	r.must(lab.UserPassword+"\n", "machine", "set", demandProfile, "--password-stdin")
	r.until("connected")
	r.opens(intranet("/"), lab.IntranetGreeting)
	r.restarted()
	r.until("connected")
	if err := r.Homeward.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := r.Homeward.Start(r.ctx); err != nil {
		t.Fatal(err)
	}
	r.until("connected")
	r.opens(intranet("/"), lab.IntranetGreeting)
	r.must("", "disconnect")
	if w := r.automatic().Automatic.Waiting; !strings.Contains(w, "You have disconnected yourself") {
		t.Errorf("status says %q", w)
	}
	needles := newNeedles()
	needles.password("the machine's password", lab.UserPassword)
	for _, args := range [][]string{{"machine", "list", "--json"}, {"status", "--json"}, {"logs"}, {"show", demandProfile, "--json"}} {
		for _, found := range needles.find(r.must("", args...)) {
			t.Errorf("%q shows %s", args, found)
		}
	}
	for _, found := range needles.find(r.Homeward.Log()) {
		t.Errorf("the service's log shows %s", found)
	}
	info, err := os.ReadDir(filepath.Join(r.StateDir, "machine"))
	if err != nil || len(info) != 1 {
		t.Fatalf("%v, %v", info, err)
	}
	if i, err := info[0].Info(); err != nil || i.Mode().Perm() != 0o600 {
		t.Errorf("the credential's file: %v, %v", i.Mode(), err)
	}
	r.must("", "forget", demandProfile)
	if info, err = os.ReadDir(filepath.Join(r.StateDir, "machine")); err != nil || len(info) != 0 {
		t.Errorf("after forget %v is left, %v", info, err)
	}
}

// TestBootByMachineCertificate: the same with a certificate of the machine's own.
func TestBootByMachineCertificate(t *testing.T) {
	t.Parallel()
	r := start(t, lab.Options{})
	r.demanding("always", map[string]any{"client.auth": "certificate", "client.username": nil, "client.identity": lab.EmployeeMail})
	machine, err := r.PKI.Employee(lab.EmployeeMail, lab.ECDSA256)
	if err != nil {
		t.Fatal(err)
	}
	packed, err := lab.PKCS12(machine, r.PKI.CA, "import me", false)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(r.Dir, "machine.p12")
	if err := os.WriteFile(path, packed, 0o600); err != nil {
		t.Fatal(err)
	}
	r.must("import me\n", "machine", "set", demandProfile, "--certificate", path, "--password-stdin")
	r.until("connected")
	r.restarted()
	r.until("connected")
	r.opens(intranet("/"), lab.IntranetGreeting)
	if out := r.must("", "machine", "list"); !strings.Contains(out, "certificate of ") || !strings.Contains(out, "yes") {
		t.Errorf("machine list:\n%s", out)
	}
}

// TestTrustedByName: in a network with the company's search domain there is no line; a
// person's Disconnect outside of it lasts until the rules have changed their mind.
func TestTrustedByName(t *testing.T) {
	t.Parallel()
	r := start(t, lab.Options{})
	outside, err := os.ReadFile(r.Client.Path("/etc/resolv.conf"))
	if err != nil {
		t.Fatal(err)
	}
	inside := "search office.corp.example\n" + string(outside)
	r.demanding("boot", map[string]any{"on_demand.rules": []any{
		map[string]any{"action": "disconnect", "dns_domains": []string{"*.corp.example"}, "dns_servers": []string{"*"}},
	}})
	r.names(inside)
	r.restarted()
	r.must(lab.UserPassword+"\n", "machine", "set", demandProfile, "--password-stdin")
	r.says("disconnect", "Rule 1: stay disconnected")
	r.names(string(outside))
	r.until("connected")
	r.must("", "disconnect")
	r.says("connect", "You have disconnected yourself")
	r.names(inside)
	r.says("disconnect", "Rule 1")
	r.names(string(outside))
	r.until("connected")
	r.must("", "disconnect")
}

// says waits until status says that of what comes by itself, while there is no line.
func (r *rig) says(action, words string) {
	r.t.Helper()
	r.explains(action, words)
	if s := r.status(); s.State != "disconnected" {
		r.t.Errorf("the state is %s", s.State)
	}
}

// explains waits until status says that of what comes by itself.
func (r *rig) explains(action, words string) {
	r.t.Helper()
	if err := lab.Until(r.ctx, action+" by itself: "+words, func() (bool, error) {
		a := r.automatic().Automatic
		return a.Action == action && strings.Contains(a.Reason+" "+a.Waiting, words), nil
	}); err != nil {
		r.t.Fatalf("%v: %+v", err, r.automatic())
	}
}

// TestProbeRule: a page that answers keeps the line down, one that does not lets it
// come; in lockdown the probe has a way of its own, and the line is wanted everywhere.
func TestProbeRule(t *testing.T) {
	t.Parallel()
	r := start(t, lab.Options{})
	probing := func(url string) map[string]any {
		return map[string]any{"on_demand.rules": []any{map[string]any{"action": "disconnect", "probe_url": url}}}
	}
	r.demanding("boot", probing("http://"+lab.PublicName+"/"))
	r.must(lab.UserPassword+"\n", "machine", "set", demandProfile, "--password-stdin")
	r.says("disconnect", "answers")
	if asked := r.PublicDNS.Queries(lab.PublicName); asked == 0 {
		t.Error("the probe's name was asked of nobody")
	}
	r.must("", "killswitch", "lockdown")
	r.until("connected")
	r.restarted()
	r.until("connected")
	r.explains("connect", "answers")
	r.must("", "killswitch", "off")
	r.until("disconnected")
	r.demanding("boot", probing("http://"+lab.PublicAddress.String()+":9/"))
	r.until("connected")
	r.must("", "disconnect")
}

// TestAttendWithKeychain: attend brings the line up at login with what a real keychain
// holds, and asks nobody; it ends when it is told to.
func TestAttendWithKeychain(t *testing.T) {
	t.Parallel()
	r := start(t, lab.Options{})
	r.keychain(t)
	r.demanding("login", nil)
	r.must(lab.UserPassword+"\n", "connect", demandProfile, "--password-stdin")
	r.must("", "disconnect")
	r.restarted()
	cmd := r.CtlCommand(r.ctx, "attend")
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r.until("connected")
	r.opens(intranet("/"), lab.IntranetGreeting)
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil || said.Len() != 0 {
		t.Errorf("attend: %v, %q", err, said.String())
	}
	r.must("", "disconnect")
}
