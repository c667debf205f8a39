package e2e

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/homeward-vpn/homeward/client/lab"
)

// browser is a script that signs in to the hotel's network and stays open. What it saw
// is in its folder.
const browser = `#!/bin/sh
cd DIR
cat /etc/resolv.conf > resolv.conf
grep ^hosts: /etc/nsswitch.conf > hosts
grep CapEff /proc/self/status > capabilities
id -u > uid
curl -sS -m 10 --cacert ROOTS "$1" > page 2> page.err
curl -sS -m 5 http://PUBLIC/ > public 2>&1
cat go > /dev/null
curl -sS -m 10 --cacert ROOTS -d room=7 "$1" > welcome 2> welcome.err
touch signed-in
exec tail -f /dev/null
`

// portal is what is known of the network's sign-in page.
type portal struct {
	State          string     `json:"state"`
	By             string     `json:"by"`
	Device         string     `json:"device"`
	SigningInUntil *time.Time `json:"signing_in_until"`
}

func (r *rig) portal() *portal {
	r.t.Helper()
	var st struct {
		Portal *portal `json:"portal"`
	}
	if err := json.Unmarshal([]byte(r.must("", "status", "--json")), &st); err != nil {
		r.t.Fatal(err)
	}
	return st.Portal
}

// TestCaptivePortal: a hotel's network, in lockdown. It is told in words that it wants
// a sign-in; one browser may leave for that, with names of its own, and nobody else
// while it does; when the network lets us out the browser ends, all is blocked again,
// and the line comes up.
func TestCaptivePortal(t *testing.T) {
	t.Parallel()
	r := start(t, lab.Options{})
	hotel := r.hotel()
	r.restartWith("SSL_CERT_FILE", hotel.Roots)
	r.importFile(lab.OfficeProfile)
	r.must("", "killswitch", "lockdown")
	sniffer, err := r.Sniff("looking", signingIn())
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := r.Stranger(r.Client, r.StrangerFlows())
	if err != nil {
		t.Fatal(err)
	}
	beside := func(next string) {
		t.Helper()
		tally, err := sniffer.Phase(r.ctx, next)
		if err != nil {
			t.Fatal(err)
		}
		nothing(t, tally)
	}

	if out := r.must("", "portal"); !strings.Contains(out, "wants you to sign in first, at "+lab.PortalPage) {
		t.Fatalf("the network is told as %q", out)
	}
	if p := r.portal(); p == nil || p.State != "captive" || p.By != "api" || p.Device != "eth0" {
		t.Errorf("the status shows %+v", p)
	}
	if out := r.must("", "status"); !strings.Contains(out, "homewardctl portal sign-in") {
		t.Errorf("the status does not say what to do: %q", out)
	}
	beside("signing in")

	dir, signIn, signedIn := r.openBrowser(hotel)
	r.appears(filepath.Join(dir, "public"), signIn)
	if p := r.portal(); p.SigningInUntil == nil || time.Until(*p.SigningInUntil) > 10*time.Minute {
		t.Errorf("the status shows %+v", p)
	}
	// Another program of the same computer stays where it is.
	if out, err := r.Client.Run(r.ctx, "curl", "-sS", "-m", "5", "-k", "https://"+lab.RouterInside.String()+"/sign-in"); err == nil {
		t.Errorf("a program that is not the browser reads %q", out)
	}
	if err := os.WriteFile(filepath.Join(dir, "go"), []byte("go\n"), 0); err != nil {
		t.Fatal(err)
	}
	if err := signIn.Wait(); err != nil {
		t.Errorf("the sign-in failed: %v: %s", err, signedIn)
	}
	if said := signedIn.String(); !strings.Contains(said, "The network lets you out now") {
		t.Errorf("the sign-in ended with %q", said)
	}
	beside("signed in")
	for name, want := range map[string]string{
		"page": lab.PortalGreeting, "welcome": lab.PortalWelcome, "hosts": "hosts: files dns", "resolv.conf": "nameserver " + lab.RouterInside.String() + "\noptions timeout:2",
	} {
		if got := r.read(dir, name); !strings.Contains(got, want) {
			t.Errorf("the browser's %s is %q (%s), want %q", name, got, r.read(dir, name+".err"), want)
		}
	}
	if uid := strings.TrimSpace(r.read(dir, "uid")); uid != "0" && !strings.HasSuffix(strings.TrimSpace(r.read(dir, "capabilities")), "0000000000000000") {
		t.Errorf("the browser of user %s has powers: %s", uid, r.read(dir, "capabilities"))
	}
	if n := hotel.SignIns(); n != 1 {
		t.Errorf("%d have signed in", n)
	}
	if p := r.portal(); p == nil || p.State != "open" || p.SigningInUntil != nil {
		t.Errorf("afterwards the status shows %+v", p)
	}
	sniffer.Allow(lab.GatewayOnly())
	r.connect(lab.OfficeProfile)
	r.opens(intranet("/"), "")
	beside("connected")
	if counts, err := stranger.Count(); err != nil || len(counts) == 0 {
		t.Errorf("the stranger did nothing: %v", err)
	}
	r.must("", "disconnect")
	if err := stranger.Stop(); err != nil {
		t.Error(err)
	}
	r.must("", "killswitch", "off")
}

// hotel makes the client's network one of a hotel, or skips where no program can be let
// out alone.
func (r *rig) hotel() *lab.CaptivePortal {
	r.t.Helper()
	if err := r.Homeward.OwnGroup(r.ctx); err != nil {
		r.t.Skip("no control groups in this lab (real root is needed), so no program can be let out alone: ", err)
	}
	hotel, err := r.StartCaptivePortal()
	if err != nil {
		r.t.Fatal(err)
	}
	return hotel
}

// signingIn is what the service asks in a hotel, and what the browser reads, at ports
// that the stranger has nothing to do with.
func signingIn() lab.Allowed {
	return lab.Allowed{Names: []string{lab.PortalName, lab.GatewayName, lab.PublicName}, Gateways: lab.GatewayOnly().Gateways,
		Pages: []netip.AddrPort{netip.AddrPortFrom(lab.RouterInside, 443), netip.AddrPortFrom(lab.PublicAddress, 80), netip.AddrPortFrom(lab.PublicAddress6, 80)}}
}

// openBrowser starts `homewardctl portal sign-in` with the script as the browser, as an
// ordinary user where there is one.
func (r *rig) openBrowser(hotel *lab.CaptivePortal) (dir string, cmd *exec.Cmd, said *transcript) {
	r.t.Helper()
	dir = filepath.Join(r.Dir, "guest")
	if err := os.Mkdir(dir, 0o777); err != nil {
		r.t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o777); err != nil { // whatever the umask
		r.t.Fatal(err)
	}
	if err := unix.Mkfifo(filepath.Join(dir, "go"), 0o644); err != nil {
		r.t.Fatal(err)
	}
	script := filepath.Join(dir, "browser")
	text := strings.NewReplacer("DIR", dir, "ROOTS", hotel.Roots, "PUBLIC", lab.PublicAddress.String()).Replace(browser)
	if err := os.WriteFile(script, []byte(text), 0o755); err != nil {
		r.t.Fatal(err)
	}
	args := []string{r.Binaries.Control, "portal", "sign-in", "--", script}
	if _, err := r.Client.Run(r.ctx, "setpriv", "--reuid=1000", "--regid=1000", "--clear-groups", "true"); err == nil {
		args = append([]string{"setpriv", "--reuid=1000", "--regid=1000", "--clear-groups"}, args...)
	} else {
		r.t.Log("the browser is root's: this lab has one user only")
	}
	cmd = r.Client.Command(r.ctx, args[0], args[1:]...)
	cmd.Env = append(r.Homeward.Environment(), "HOME="+dir, "TMPDIR="+dir)
	said = &transcript{}
	cmd.Stdout, cmd.Stderr = writer{said}, writer{said}
	r.t.Cleanup(func() {
		if r.t.Failed() {
			r.t.Log("the sign-in said: " + said.String())
		}
	})
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	return dir, cmd, said
}

// writer adds to a transcript.
type writer struct{ *transcript }

// Write implements io.Writer.
func (w writer) Write(p []byte) (int, error) {
	w.add(string(p))
	return len(p), nil
}

// appears waits for a file that is complete: the next one is there.
func (r *rig) appears(path string, by *exec.Cmd) {
	r.t.Helper()
	if err := lab.Until(r.ctx, path+" appears", func() (bool, error) {
		if _, err := os.Stat(filepath.Join("/proc", strconv.Itoa(by.Process.Pid), "root")); err != nil {
			return false, fmt.Errorf("who was to write it has ended: %w", err)
		}
		info, err := os.Stat(path)
		return err == nil && info.Size() > 0, nil
	}); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) read(dir, name string) string {
	raw, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return err.Error()
	}
	return string(raw)
}

// restartWith starts the service anew with more environment.
func (r *rig) restartWith(key, value string) {
	r.t.Helper()
	if err := r.Homeward.Stop(r.ctx); err != nil {
		r.t.Fatal(err)
	}
	r.Homeward.Setenv(key, value)
	if err := r.Homeward.Start(r.ctx); err != nil {
		r.t.Fatal(err)
	}
}
