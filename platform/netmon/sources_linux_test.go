package netmon

import (
	"encoding/hex"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"golang.org/x/sys/unix"
)

// patience bounds every wait: what takes longer is broken.
const patience = 10 * time.Second

// listen runs a source and gives what it says; it ends with the test.
func listen(t *testing.T, s source) <-chan news {
	t.Helper()
	said, done := make(chan news, 16), make(chan struct{})
	go func() {
		defer close(done)
		for {
			n, err := s.next()
			if err != nil {
				return
			}
			said <- n
		}
	}()
	t.Cleanup(func() {
		if err := s.close(); err != nil {
			t.Error(err)
		}
		select {
		case <-done:
		case <-time.After(patience):
			t.Error("a closed source goes on")
		}
	})
	return said
}

// hears waits for news with kinds.
func hears(t *testing.T, said <-chan news, kinds Kind) news {
	t.Helper()
	limit := time.After(patience)
	for {
		select {
		case n := <-said:
			if n.kinds == 0 {
				continue
			}
			if n.kinds != kinds {
				t.Fatalf("heard %b, want %b", n.kinds, kinds)
			}
			return n
		case <-limit:
			t.Fatalf("nothing is heard, want %b", kinds)
		}
	}
}

// TestClocks: what a machine's clocks say of the time in which it did not run.
func TestClocks(t *testing.T) {
	t.Parallel()
	at := func(monotonic, boot, wall time.Duration) clocks { return clocks{monotonic, boot, wall} }
	const m, h = time.Minute, time.Hour
	for _, c := range []struct {
		name  string
		after clocks // from 0, 0, 0
		want  time.Duration
	}{
		{"a minute of work", at(m, m, m), 0},
		{"an hour's sleep", at(m, h+m, h+m), h},
		{"a sleep, and a wall clock that was lost in it", at(m, h+m, 0), h},
		{"a virtual machine frozen with its clocks", at(m, m, h+m), h},
		{"a clock set by a time server", at(m, m, m+time.Second), 0},
		{"a clock set back", at(m, m, m-h), 0},
		{"clocks read one after the other", at(m, m+time.Millisecond, m), 0},
	} {
		if got := slept(clocks{}, c.after); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// TestWallTimer: the timer that never fires is armed, and ends with its close.
// Setting the wall clock is not a test's business.
func TestWallTimer(t *testing.T) {
	t.Parallel()
	w, err := openWallTimer()
	if err != nil {
		t.Fatal(err)
	}
	said := listen(t, w)
	select {
	case n := <-said:
		t.Errorf("a timer that never fires says %+v", n)
	case <-time.After(50 * time.Millisecond):
	}
}

// TestContinued: a process that goes on after it was stopped is told so.
func TestContinued(t *testing.T) {
	t.Parallel()
	said := listen(t, openContinued())
	if err := unix.Kill(os.Getpid(), unix.SIGCONT); err != nil {
		t.Fatal(err)
	}
	hears(t, said, Resumed)
}

// TestFiles: name servers that change are told with what they are now, in
// whichever way the file is written; written again is not changed.
func TestFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	conf, later := filepath.Join(dir, "resolv.conf"), filepath.Join(dir, "run", "resolve", "resolv.conf")
	write := func(path, content string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	write(conf, "nameserver 192.0.2.1\n")
	server := netip.MustParseAddrPort("192.0.2.9:53")
	f, err := openFiles([]string{conf, later}, func() (Servers, error) {
		return Servers{Servers: []netip.AddrPort{server}}, nil
	}, slog.New(slog.DiscardHandler))
	must(err)
	said := listen(t, f)
	steps := []struct {
		name string
		do   func()
	}{
		{"written", func() { write(conf, "nameserver 192.0.2.2\n") }},
		{"replaced", func() {
			write(conf+".new", "nameserver 192.0.2.3\n")
			must(os.Rename(conf+".new", conf))
		}},
		{"removed", func() { must(os.Remove(conf)) }},
		{"a link in its place", func() {
			write(filepath.Join(dir, "real"), "nameserver 192.0.2.4\n")
			must(os.Symlink("real", conf))
		}},
		{"a folder that did not exist", func() {
			must(os.MkdirAll(filepath.Dir(later), 0o755))
			write(later, "nameserver 192.0.2.5\n")
		}},
		{"the file in it", func() { write(later, "nameserver 192.0.2.6\n") }},
	}
	for _, s := range steps {
		s.do()
		if n := hears(t, said, Names); n.names == nil || n.names.Servers[0] != server {
			t.Errorf("%s: %+v", s.name, n)
		}
		for quiet := false; !quiet; { // the same write may be seen in two halves
			select {
			case <-said:
			case <-time.After(100 * time.Millisecond):
				quiet = true
			}
		}
	}
	write(later, "nameserver 192.0.2.6\n")
	write(filepath.Join(dir, "other"), "x")
	for {
		select {
		case n := <-said:
			if n.kinds != 0 {
				t.Errorf("what did not change is told: %+v", n)
			}
			continue
		case <-time.After(200 * time.Millisecond):
		}
		break
	}
}

// busConf is a bus on which everybody may say everything.
const busConf = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path=%s</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_type="*"/><allow receive_type="*"/></policy></busconfig>`

// startBus runs a private bus and gives its address.
func startBus(t *testing.T) (address string, stop func()) {
	t.Helper()
	program, err := exec.LookPath("dbus-daemon")
	if err != nil {
		t.Skip("dbus-daemon (package dbus-daemon) is not installed")
	}
	dir := t.TempDir()
	conf, socket := filepath.Join(dir, "bus.conf"), filepath.Join(dir, "bus")
	if err := os.WriteFile(conf, []byte(strings.Replace(busConf, "%s", socket, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "--config-file="+conf, "--nofork", "--nopidfile", "--print-address")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := false
	stop = func() {
		if ended {
			return
		}
		ended = true
		if err := cmd.Process.Kill(); err != nil {
			t.Error(err)
		}
		if err := cmd.Wait(); cmd.ProcessState == nil {
			t.Error(err)
		}
	}
	t.Cleanup(stop)
	if _, err := out.Read(make([]byte, 256)); err != nil {
		t.Fatal("dbus-daemon does not start: ", err)
	}
	return "unix:path=" + socket, stop
}

// TestBus: systemd-logind's word that the machine wakes up, and the bus's that
// systemd-resolved has come, on a bus of the test's own.
func TestBus(t *testing.T) {
	t.Parallel()
	address, stop := startBus(t)
	b, err := dialBus(address, Config{}.filled())
	if err != nil {
		t.Fatal(err)
	}
	said := listen(t, b)
	login, err := dbus.Connect(address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := login.Close(); err != nil {
			t.Error(err)
		}
	}()
	for _, falls := range []bool{true, false} {
		if err := login.Emit("/org/freedesktop/login1", loginManager+"."+sleepMember, falls); err != nil {
			t.Fatal(err)
		}
	}
	hears(t, said, Resumed)
	for _, word := range []any{"awake", nil} {
		var body []any
		if word != nil {
			body = append(body, word)
		}
		if err := login.Emit("/org/freedesktop/login1", loginManager+"."+sleepMember, body...); err != nil {
			t.Fatal(err)
		}
	}
	if reply, err := login.RequestName(resolveName, 0); err != nil || reply != dbus.RequestNameReplyPrimaryOwner {
		t.Fatal(reply, err)
	}
	hears(t, said, Names) // and not Resumed: what is no word of a sleep is none
	stop()
}

// TestBusThatDoesNotAnswer: whoever listens at the bus's place and says nothing
// does not hold up the start.
func TestBusThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "nobody")
	if _, err := dialBus("unix:path="+path, Config{}.filled()); err == nil {
		t.Error("a bus that does not exist is spoken to")
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if _, err := dialBus("unix:path="+path, Config{}.filled()); err == nil {
		t.Error("a bus that says nothing is spoken to")
	}
	if took := time.Since(began); took > patience {
		t.Errorf("a silent bus is waited for %v", took)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

// family is CTRL_CMD_NEWFAMILY for nl80211, as a kernel 6.1 with a radio says it.
func family() []byte {
	body := []byte{unix.CTRL_CMD_NEWFAMILY, 2, 0, 0}
	body = appendAttribute(body, unix.CTRL_ATTR_FAMILY_NAME, []byte("nl80211\x00"))
	body = appendAttribute(body, unix.CTRL_ATTR_FAMILY_ID, []byte{0x1c, 0})
	var groups []byte
	for i, name := range []string{"config", "scan", "regulatory", "mlme"} {
		group := appendAttribute(nil, unix.CTRL_ATTR_MCAST_GRP_NAME, []byte(name+"\x00"))
		group = appendAttribute(group, unix.CTRL_ATTR_MCAST_GRP_ID, []byte{byte(4 + i), 0, 0, 0})
		groups = appendAttribute(groups, uint16(i+1)|unix.NLA_F_NESTED, group)
	}
	return appendAttribute(body, unix.CTRL_ATTR_MCAST_GROUPS|unix.NLA_F_NESTED, groups)
}

// radio is NL80211_CMD_NEW_INTERFACE.
func radio(index byte, ssid string) message {
	body := []byte{7, 1, 0, 0}
	body = appendAttribute(body, radioIndex, []byte{index, 0, 0, 0})
	body = appendAttribute(body, 4, []byte("wlan0\x00"))
	if ssid != "" {
		body = appendAttribute(body, radioSSID, []byte(ssid))
	}
	return message{0x1c, body}
}

// TestRadios reads the kernel's words on radios. There is none here, and none can
// be made up without the kernel's mac80211_hwsim: so from its messages.
func TestRadios(t *testing.T) {
	t.Parallel()
	if n, ok := readFamily(family()); !ok || n != (radioNumbers{family: 0x1c, group: 7}) {
		t.Errorf("the family is read as %+v, %t", n, ok)
	}
	for _, bad := range [][]byte{nil, {1, 2}, {9, 0, 0, 0}, family()[:20]} {
		if n, ok := readFamily(bad); ok {
			t.Errorf("%s is read as %+v", hex.EncodeToString(bad), n)
		}
	}
	got := readSSIDs([]message{
		radio(3, "home"), radio(4, ""), radio(5, "caf\xc3\xa9\x00\x01"), radio(6, strings.Repeat("x", 33)), {0x1c, []byte{7}}, {0x1c, nil},
	})
	if len(got) != 2 || got[3] != "home" || got[5] != "caf\xc3\xa9\x00\x01" {
		t.Errorf("the names are read as %v", got)
	}
	for command, want := range map[byte]bool{radioConnect: true, radioRoam: true, radioDisconnect: true, 33: false, 59: false} {
		if associates([]byte{command, 1, 0, 0}) != want {
			t.Errorf("command %d: want %t", command, want)
		}
	}
	if associates(nil) {
		t.Error("no message is one")
	}
	// This kernel's own generic netlink, whatever radios it has.
	if _, err := ssids(); err != nil && !errors.Is(err, unix.EPERM) {
		t.Errorf("asking the kernel: %v", err)
	}
}
