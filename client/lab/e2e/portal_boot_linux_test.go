package e2e

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/client/lab"
)

// systemBrowser is openBrowser's script as an ordinary user's of a booted system.
const systemBrowser = `#!/bin/sh
cd /tmp/guest
cat /proc/self/cgroup > group
id -u > uid
curl -sS -m 10 --cacert /etc/hotel.pem "$1" > page 2> page.err
curl -sS -m 5 http://PUBLIC/ > public 2>&1
echo $$ > ready
cat go > /dev/null
curl -sS -m 10 --cacert /etc/hotel.pem -d room=7 "$1" > welcome 2> welcome.err
exec tail -f /dev/null
`

// TestPortalUnderSystemd: signing in to a network where the service is a unit with all
// its restraints, and the user a program of another slice: the network is asked by DHCP,
// the user's program is let in to a group below the unit's, and let out of nothing else.
// It ends with the sign-in, and with the service where that is killed.
func TestPortalUnderSystemd(t *testing.T) {
	m := newMachine(t)
	hotel, err := m.StartCaptivePortal()
	if err != nil {
		t.Fatal(err)
	}
	roots, err := os.ReadFile(hotel.Roots)
	if err != nil {
		t.Fatal(err)
	}
	for path, f := range map[string]struct {
		text string
		mode os.FileMode
	}{
		"/etc/hotel.pem":   {string(roots), 0o644},
		"/etc/resolv.conf": {"nameserver " + lab.RouterInside.String() + "\n", 0o644},
		"/etc/systemd/system/homewardd.service.d/hotel.conf": {"[Service]\nEnvironment=SSL_CERT_FILE=/etc/hotel.pem\n", 0o644},
		"/usr/local/bin/hotel-browser":                       {strings.ReplaceAll(systemBrowser, "PUBLIC", lab.PublicAddress.String()), 0o755},
	} {
		if err := m.Write(path, f.text, f.mode); err != nil {
			t.Fatal(err)
		}
	}
	m.boot()
	m.install(m.debs[0])
	m.setting("lockdown")
	m.sniffer.Allow(signingIn())
	m.forget()
	if out := m.run("homewardctl", "portal"); !strings.Contains(out, "wants you to sign in first, at "+lab.PortalPage) {
		t.Fatalf("the network is told as %q", out)
	}
	if out := m.run("homewardctl", "status", "--json"); !strings.Contains(out, `"by":"api"`) && !strings.Contains(out, `"by": "api"`) {
		t.Errorf("the network was not asked by DHCP: %s", out)
	}

	m.signIn()
	if at := m.seen("group"); !strings.Contains(at, "homewardd.service/homeward-portal") {
		t.Errorf("the browser is in %q", at)
	}
	if uid := m.seen("uid"); uid != "1000" {
		t.Errorf("the browser is of user %q", uid)
	}
	if page := m.seen("page"); !strings.Contains(page, lab.PortalGreeting) {
		t.Errorf("the browser reads %q (%s)", page, m.seen("page.err"))
	}
	if out, err := m.System.Run(m.ctx, "setpriv", "--reuid=1000", "--regid=1000", "--clear-groups", "curl", "-sS", "-m", "3", "-k", lab.PortalPage); err == nil {
		t.Errorf("another program of the same user reads %q", out)
	}
	m.quiet("a browser out")
	m.run("sh", "-ec", "echo go > /tmp/guest/go")
	m.until("the unit of the sign-in has ended", func() bool {
		out, _ := m.System.Run(m.ctx, "systemctl", "is-active", "guest") // which fails where it is not
		return strings.TrimSpace(out) == "inactive"
	})
	if n := hotel.SignIns(); n != 1 {
		t.Errorf("%d have signed in: %s", n, m.run("journalctl", "--no-pager", "-b", "-u", "guest"))
	}
	m.unseen()
	m.quiet("the sign-in over")

	// Once more, and the service is killed: itself alone, as by the kernel for want of
	// memory. Its unit ends whom it had let out, and leaves nothing open.
	if err := hotel.Forget(m.ctx); err != nil {
		t.Fatal(err)
	}
	m.until("the network wants a sign-in again", func() bool { // what was found a moment ago is told once more
		return strings.Contains(m.run("homewardctl", "portal"), "wants you to sign in first")
	})
	m.signIn()
	m.run("systemctl", "kill", "--kill-who=main", "--signal=KILL", "homewardd")
	m.unseen()
	m.answers()
	if rules := m.run("nft", "list", "table", "inet", "homeward"); strings.Contains(rules, "socket cgroupv2") {
		t.Errorf("after the restart a way is open: %s", rules)
	}
	m.sniffer.Allow(lab.Allowed{})
	m.forget()
	m.quiet("the service killed during a sign-in")
	m.setting("off")
}

// signIn begins one as a user of the system, in a slice of his own, and waits until the
// browser has read what there is.
func (m *machine) signIn() {
	m.t.Helper()
	m.run("sh", "-ec", "rm -rf /tmp/guest; mkdir -m 777 /tmp/guest; mkfifo -m 666 /tmp/guest/go; systemctl reset-failed guest 2>/dev/null || :")
	m.run("systemd-run", "--unit=guest", "--slice=user.slice", "--uid=1000", "--gid=1000", "--setenv=HOME=/tmp/guest",
		"homewardctl", "portal", "sign-in", "--", "/usr/local/bin/hotel-browser")
	m.until("the browser is out", func() bool {
		info, err := os.Stat(m.Path("/tmp/guest/ready"))
		if out, _ := m.System.Run(m.ctx, "systemctl", "is-failed", "guest"); strings.TrimSpace(out) == "failed" { // which fails where it has not
			m.t.Fatal("the sign-in has ended: ", m.run("journalctl", "--no-pager", "-b", "-u", "guest"))
		}
		return err == nil && info.Size() > 0
	})
}

// unseen waits until the browser is gone.
func (m *machine) unseen() {
	m.t.Helper()
	pid := m.seen("ready")
	m.until("the browser is gone", func() bool {
		_, err := os.Stat(m.Path(fmt.Sprintf("/proc/%s/exe", pid)))
		return err != nil
	})
}

func (m *machine) seen(name string) string {
	raw, err := os.ReadFile(m.Path("/tmp/guest/" + name))
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(raw))
}

func (m *machine) until(what string, is func() bool) {
	m.t.Helper()
	if err := lab.Until(m.ctx, what, func() (bool, error) { return is(), nil }); err != nil {
		m.t.Fatal(err)
	}
}
