package e2e

import (
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/client/lab"
)

// state is the status's.
func (m *machine) state(want string) {
	m.t.Helper()
	m.says("the state is "+want, func(status string) bool { return strings.Contains(status, `"state": "`+want+`"`) })
}

// says waits until `homewardctl status --json` fits.
func (m *machine) says(what string, fits func(status string) bool) {
	m.t.Helper()
	last := ""
	if err := lab.Until(m.ctx, what, func() (bool, error) {
		var err error
		last, err = m.System.Run(m.ctx, "homewardctl", "status", "--json")
		return err == nil && fits(last), nil // the service may not answer yet
	}); err != nil {
		m.t.Fatalf("%v; the status is %s", err, last)
	}
}

// imports brings in a profile in Homeward's own format.
func (m *machine) imports(n lab.Native) {
	m.t.Helper()
	text, err := n.JSON()
	if err != nil {
		m.t.Fatal(err)
	}
	m.write("/root/own.json", string(text))
	m.run("homewardctl", "import", "/root/own.json", "--yes")
}

// said is what the early unit has said in this boot.
func (m *machine) said() string {
	m.t.Helper()
	return m.run("journalctl", "--no-pager", "-b", "-u", "homeward-boot")
}

// TestOnAcrossAReboot: what was held back for a line that somebody wanted is held by a
// service that is started anew, and not in the next start of the computer, which says
// so. For a line that is always on it is, with the state whole or damaged, before
// anything leaves; and the administrator's way out opens it.
func TestOnAcrossAReboot(t *testing.T) {
	m := newMachine(t)
	m.boot()
	m.install(m.debs[0])
	m.setting("on")
	m.forget()
	m.loud("on, and nobody has connected")
	// There is no gateway in this lab, so the attempt fails, and stays wanted.
	m.run("sh", "-c", "echo none | homewardctl connect "+lab.OfficeProfile+" --user alice --password-stdin --timeout 20s; true")
	m.state("blocked")
	m.forget()
	m.quiet("on, and the line is not there")
	m.run("systemctl", "restart", "homewardd")
	m.answers()
	m.quiet("the service restarted")
	m.state("blocked")
	m.cut()
	m.boot()
	m.loud("the next boot")
	m.state("disconnected")
	if log := m.said(); !strings.Contains(log, "Not blocked: the computer has been started anew since somebody connected") {
		t.Errorf("the early unit says %q", log)
	}

	// The service's own questions for the gateway's name would be heard, so only the
	// early unit is at work.
	m.imports(lab.Native{Name: "always", CA: [][]byte{m.PKI.CA.DER()}, Fields: map[string]any{
		"client.username": lab.UserName, "on_demand.when": "always", "traffic.kill_switch": "on",
	}})
	m.run("sh", "-c", "echo none | homewardctl machine set always --password-stdin")
	m.says("the line is wanted", func(status string) bool { return strings.Contains(status, `"engaged": true`) })
	m.run("systemctl", "stop", "homewardd")
	m.write("/etc/systemd/system/homewardd.service.d/never.conf", "[Unit]\nConditionPathExists=/never\n")
	for _, name := range []string{"whole", "damaged"} {
		m.cut()
		if name == "damaged" {
			damage(t, m, "posture.json")
		}
		m.forget()
		m.boot()
		m.quiet("a boot with a line that is always on, the state " + name)
		if log := m.said(); !strings.Contains(log, "Blocked: ") || !strings.Contains(log, "always") {
			t.Errorf("with the state %s the early unit says %q", name, log)
		}
	}
	m.run("homewardd", "cleanup")
	m.loud("homewardd cleanup")
}
