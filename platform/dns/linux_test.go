//go:build linux

package dns

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	wire "github.com/miekg/dns"

	"github.com/homeward-vpn/homeward/platform/platformtest/namespace"
	"github.com/homeward-vpn/homeward/platform/tun"
)

// patience bounds every wait: what takes longer is broken.
const patience = 20 * time.Second

// TestBindMounted writes a resolv.conf for real that is a mount point of its
// own, as containers have it.
func TestBindMounted(t *testing.T) {
	if !namespace.Enter(t) {
		return
	}
	dir := t.TempDir()
	conf, inner := filepath.Join(dir, "resolv.conf"), filepath.Join(dir, "inner")
	write(t, conf, "")
	write(t, inner, plain)
	namespace.Run(t, "mount", "--bind", inner, conf)
	defer namespace.Run(t, "umount", conf)
	before := picture(t, dir)
	env := System()
	env.ResolvConf, env.Resolved = conf, nil
	for _, crash := range []bool{false, true} {
		l := openLedger(t, t.TempDir())
		d, err := New(l, nil, env)
		if err != nil {
			t.Fatal(err)
		}
		mustSet(t, d, everyName)
		if got := read(t, inner); !strings.Contains(got, "10.99.0.2") {
			t.Fatalf("the mounted file holds %q", got)
		}
		if crash {
			err = l.Replay(undoWith(env))
		} else {
			err = d.Clear()
		}
		if err != nil {
			t.Fatal(err)
		}
		if got := picture(t, dir); got != before || l.Len() != 0 {
			t.Errorf("crash %v: %d records, and\n%s--- before\n%s", crash, l.Len(), got, before)
		}
	}
}

// TestNothingThere: a machine without D-Bus, systemd-resolved and resolvconf.
func TestNothingThere(t *testing.T) {
	if !namespace.Enter(t) {
		return
	}
	namespace.Run(t, "mount", "-t", "tmpfs", "tmpfs", "/run")
	env := System()
	env.ResolvConf = filepath.Join(t.TempDir(), "resolv.conf")
	env.LookPath = func(string) (string, error) { return "", exec.ErrNotFound }
	write(t, env.ResolvConf, plain)
	d, err := New(nil, nil, env)
	if err != nil {
		t.Fatal(err)
	}
	mustSet(t, d, everyName)
	if d.Mode() != ModeFile {
		t.Errorf("mode %q", d.Mode())
	}
	if err := d.Clear(); err != nil || read(t, env.ResolvConf) != plain {
		t.Errorf("%v, %q", err, read(t, env.ResolvConf))
	}
}

// start runs a daemon until the test ends, or until stop is called.
func start(t *testing.T, cmd *exec.Cmd) (stop func()) {
	t.Helper()
	var out bytes.Buffer
	if cmd.Stdout == nil {
		cmd.Stdout = &out
	}
	cmd.Stderr = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := false
	stop = func() {
		if done {
			return
		}
		done = true
		if err := cmd.Process.Kill(); err != nil {
			t.Error(err)
		}
		var exit *exec.ExitError
		if err := cmd.Wait(); err != nil && !errors.As(err, &exit) {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("%s said:\n%s", cmd.Path, out.String())
		}
	}
	t.Cleanup(stop)
	return stop
}

// company is a tunnel whose far side is this test.
type company struct {
	*tun.Device
	seen chan string // names asked at the company's resolver
}

func newCompany(t *testing.T) *company {
	t.Helper()
	d, err := tun.Create(tun.Config{Addresses: []netip.Prefix{netip.MustParsePrefix("10.98.0.2/32")}})
	if err != nil {
		t.Fatal(err)
	}
	c := &company{Device: d, seen: make(chan string, 64)}
	namespace.Run(t, "ip", "route", "add", "10.99.0.0/24", "dev", d.Name())
	ended := make(chan struct{})
	go c.read(ended)
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		<-ended
	})
	return c
}

// read takes DNS questions out of the tunnel's IPv4 UDP packets.
func (c *company) read(ended chan struct{}) {
	defer close(ended)
	const offset = 16
	bufs, sizes := make([][]byte, c.BatchSize()), make([]int, c.BatchSize())
	for i := range bufs {
		bufs[i] = make([]byte, 65536)
	}
	for {
		n, err := c.Read(bufs, sizes, offset)
		if err != nil {
			return
		}
		for i := range n {
			p := bufs[i][offset : offset+sizes[i]]
			if len(p) < 28 || p[0]>>4 != 4 || p[9] != 17 {
				continue
			}
			var m wire.Msg
			if m.Unpack(p[int(p[0]&15)*4+8:]) == nil && len(m.Question) == 1 {
				c.seen <- m.Question[0].Name
			}
		}
	}
}

// asked waits for the next question at the company's resolver.
func (c *company) asked(t *testing.T) string {
	t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case name := <-c.seen:
		return name
	case <-timer.C:
		t.Fatal("the company's resolver is not asked")
	}
	return ""
}

// ask sends a question to the stub resolver, and does not wait for an answer.
func ask(t *testing.T, name string) *wire.Conn {
	t.Helper()
	c, err := wire.Dial("udp", "127.0.0.53:53")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	m := new(wire.Msg).SetQuestion(wire.Fqdn(name), wire.TypeA)
	if err := c.WriteMsg(m); err != nil {
		t.Fatal(err)
	}
	return c
}

// refused waits for the stub's own answer that nobody can be asked.
func refused(t *testing.T, name string) {
	t.Helper()
	c := ask(t, name)
	if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	m, err := c.ReadMsg()
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if m.Rcode == wire.RcodeSuccess {
		t.Errorf("%s is answered: %v", name, m)
	}
}

// TestRealOpenresolv runs the real openresolv.
func TestRealOpenresolv(t *testing.T) {
	if !namespace.EnterRoot(t, "openresolv") {
		return
	}
	env := System()
	uplink := func(stdin string) {
		t.Helper()
		err := within(func(ctx context.Context) error {
			out, err := env.Run(ctx, []byte(stdin), "/usr/sbin/resolvconf", "-a", "eth0.dhcp")
			t.Logf("%s", out)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	write(t, "/etc/resolv.conf", "# Generated by resolvconf\n")
	uplink("nameserver 192.168.77.1\nsearch home.lan\n")
	before := read(t, "/etc/resolv.conf")
	if !strings.Contains(before, "192.168.77.1") {
		t.Fatalf("openresolv does not keep the file: %q", before)
	}
	l := openLedger(t, t.TempDir())
	for _, crash := range []bool{false, true} {
		d, err := New(l, nil, env)
		if err != nil {
			t.Fatal(err)
		}
		mustSet(t, d, everyName)
		got := read(t, "/etc/resolv.conf")
		if d.Mode() != ModeOpenresolv || !strings.Contains(got, "nameserver 10.99.0.2") || strings.Contains(got, "192.168.77.1") {
			t.Errorf("mode %q, file %q", d.Mode(), got)
		}
		if crash {
			err = l.Replay(Undo())
		} else {
			err = d.Clear()
		}
		if err != nil || l.Len() != 0 {
			t.Fatalf("crash %v: %v, %d records", crash, err, l.Len())
		}
		if got := read(t, "/etc/resolv.conf"); got != before {
			t.Errorf("crash %v: file %q, was %q", crash, got, before)
		}
	}
	// An entry that is gone already is no error.
	if err := undoResolvconf(env, resolvconfEntry{Flavour: ModeOpenresolv, Name: "homeward0.homeward"}); err != nil {
		t.Error(err)
	}
	// The network changes while the tunnel is up: openresolv keeps both.
	d, err := New(l, nil, env)
	if err != nil {
		t.Fatal(err)
	}
	mustSet(t, d, everyName)
	uplink("nameserver 172.20.0.1\n")
	if got := read(t, "/etc/resolv.conf"); !strings.Contains(got, "10.99.0.2") {
		t.Errorf("our server is gone: %q", got)
	}
	if err := d.Clear(); err != nil {
		t.Fatal(err)
	}
	if got := read(t, "/etc/resolv.conf"); !strings.Contains(got, "172.20.0.1") || strings.Contains(got, "10.99.0.2") {
		t.Errorf("after Clear: %q", got)
	}
}
