package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/client/lab"
)

// toldWithin is how long somebody who waits for a line waits for the word that the
// network may want a sign-in first, where the network does not say so itself.
const toldWithin = 20 * time.Second

// TestSilentCaptivePortal: a hotel's network that says nothing of its portal, with
// systemd-resolved on the client, which is held back as everybody else. The line does
// not come up, and the status says by itself what to look at; the probe, once a person
// wants to know, tells; the browser has names all the same; and the line comes up by itself once its user has signed in.
func TestSilentCaptivePortal(t *testing.T) {
	t.Parallel()
	r := start(t, lab.Options{Names: lab.Resolved})
	hotel := r.hotel()
	hotel.Silence()
	r.Homeward.Arguments = []string{"--portal-probe", "http://" + lab.PublicName + "/", "--portal-probe-begins", lab.PublicGreeting}
	r.restartWith("SSL_CERT_FILE", hotel.Roots)
	r.demanding("boot", nil)
	r.must("", "killswitch", "on")
	sniffer, err := r.Sniff("before", signingIn())
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := r.Stranger(r.Client, r.StrangerFlows())
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	r.must(lab.UserPassword+"\n", "machine", "set", demandProfile, "--password-stdin")
	if err := lab.Until(r.ctx, "the line is tried", func() (bool, error) { return r.status().State != "disconnected", nil }); err != nil {
		t.Fatal(err)
	}
	if _, err := sniffer.Phase(r.ctx, "connecting"); err != nil { // until here not all was held back
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
	if err := lab.Until(r.ctx, "the status tells of portals", func() (bool, error) {
		out, err := r.Ctl(r.ctx, "", "status")
		return strings.Contains(out.Stdout, "homewardctl portal"), err
	}); err != nil {
		t.Fatal(err)
	}
	told := time.Since(began)
	t.Logf("portals are told of %v after the attempt began", told.Round(time.Millisecond))
	if told > toldWithin {
		t.Errorf("that took %v", told)
	}
	if n := r.PublicDNS.Queries(lab.PublicName); n != 0 { // the stranger's does not get there
		t.Errorf("the probe's name was asked %d times, and nobody wanted to know", n)
	}
	asked := time.Now()
	if out := r.must("", "portal"); !strings.Contains(out, "wants you to sign in first, at "+lab.PortalPage) {
		t.Errorf("the network is told as %q", out)
	}
	t.Logf("and asked in %v", time.Since(asked).Round(time.Millisecond))
	if p := r.portal(); p == nil || p.State != "captive" || p.By != "probe" {
		t.Errorf("the status shows %+v", p)
	}
	if out := r.must("", "status"); !strings.Contains(out, "homewardctl portal sign-in") {
		t.Errorf("the status does not say what to do: %q", out)
	}
	beside("signing in")

	dir, signIn, heard := r.openBrowser(hotel)
	r.appears(filepath.Join(dir, "public"), signIn)
	if got := r.read(dir, "page"); !strings.Contains(got, lab.PortalGreeting) {
		t.Errorf("the browser reads %q (%s), with the names of %q", got, r.read(dir, "page.err"), r.read(dir, "resolv.conf"))
	}
	if err := os.WriteFile(filepath.Join(dir, "go"), []byte("go\n"), 0); err != nil {
		t.Fatal(err)
	}
	if err := signIn.Wait(); err != nil {
		t.Errorf("the sign-in failed: %v: %s", err, heard)
	}
	done := time.Now()
	r.until("connected")
	t.Logf("the line stands %v after the sign-in has ended", time.Since(done).Round(time.Millisecond))
	beside("connected")
	r.opens(intranet("/"), "")
	if counts, err := stranger.Count(); err != nil || len(counts) == 0 {
		t.Errorf("the stranger did nothing: %v", err)
	}
	r.must("", "disconnect")
	if err := stranger.Stop(); err != nil {
		t.Error(err)
	}
	r.must("", "killswitch", "off")
}

// TestKilledDuringASignIn: the service is killed while a browser is out. Nobody else
// gets out, and its next start ends the browser and closes the way.
func TestKilledDuringASignIn(t *testing.T) {
	t.Parallel()
	r := start(t, lab.Options{NoGateway: true})
	hotel := r.hotel()
	r.restartWith("SSL_CERT_FILE", hotel.Roots)
	r.importFile(lab.OfficeProfile)
	r.must("", "killswitch", "lockdown")
	sniffer, err := r.Sniff("signing in", signingIn())
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := r.Stranger(r.Client, r.StrangerFlows())
	if err != nil {
		t.Fatal(err)
	}
	dir, signIn, said := r.openBrowser(hotel)
	r.appears(filepath.Join(dir, "public"), signIn)
	rules := func() string {
		t.Helper()
		out, err := r.Client.Run(r.ctx, "nft", "list", "table", "inet", "homeward")
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	if !strings.Contains(rules(), "socket cgroupv2") {
		t.Fatal("no way is open, so nothing is seen of its end")
	}
	if err := r.Homeward.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := r.Homeward.Start(r.ctx); err != nil {
		t.Fatal(err)
	}
	if err := signIn.Wait(); err == nil || !strings.Contains(said.String(), "stopped answering") {
		t.Errorf("who was signing in is told: %s", said)
	}
	if text := rules(); strings.Contains(text, "socket cgroupv2") {
		t.Errorf("the way is open after the restart: %s", text)
	}
	if p := r.portal(); p != nil && p.SigningInUntil != nil {
		t.Errorf("the status shows %+v", p)
	}
	tally, err := sniffer.Phase(r.ctx, "after")
	if err != nil {
		t.Fatal(err)
	}
	nothing(t, tally)
	sniffer.Allow(lab.Allowed{})
	if out, err := r.Client.Run(r.ctx, "curl", "-sS", "-m", "2", "-k", "https://"+lab.RouterInside.String()+"/sign-in"); err == nil {
		t.Errorf("a program reads %q", out)
	}
	if tally, err = sniffer.Phase(r.ctx, "end"); err != nil {
		t.Fatal(err)
	}
	nothing(t, tally)
	if err := stranger.Stop(); err != nil {
		t.Error(err)
	}
	r.must("", "killswitch", "off")
}
