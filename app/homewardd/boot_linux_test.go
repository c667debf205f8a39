package main

import (
	"bytes"
	"errors"
	"log/slog"
	"net"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/homeward-vpn/homeward/platform/platformtest/namespace"
)

// TestBootForReal: the command blocks a network namespace by the kernel's own
// firewall, in the local network, too, unless that is permitted; the unit's
// cleanup keeps that, and the administrator's takes it away.
func TestBootForReal(t *testing.T) {
	if !namespace.Enter(t) {
		return
	}
	for _, args := range []string{
		"link set lo up", "link add eth0 type veth peer name wire", "link set wire up", "link set eth0 up",
		"addr add 192.168.77.2/24 dev eth0", "addr add 203.0.113.2/24 dev eth0",
		"neigh add 192.168.77.1 lladdr 02:00:00:00:00:01 dev eth0", "neigh add 203.0.113.1 lladdr 02:00:00:00:00:01 dev eth0",
	} {
		namespace.Run(t, "ip", strings.Fields(args)...)
	}
	f := firewall{slog.New(slog.DiscardHandler)}
	if _, err := f.Stands(); err != nil {
		t.Skip("no kill switch on this machine: ", err)
	}
	open := func(when string, near, far bool) {
		t.Helper()
		if got := leaves(t, "192.168.77.1:9"); got != near {
			t.Errorf("%s: the local network is open: %v", when, got)
		}
		if got := leaves(t, "203.0.113.1:9"); got != far {
			t.Errorf("%s: the network is open: %v", when, got)
		}
		table, err := exec.Command("nft", "list", "table", "inet", "homeward").CombinedOutput()
		if there := err == nil; there == far {
			t.Errorf("%s: the table is there: %v\n%s", when, there, table)
		}
	}
	open("before", true, true)
	for _, tt := range []struct {
		dir    string
		near   bool
		blocks bool
	}{
		{stateDir(t, lockdown), false, true},
		{stateDir(t, nearby), true, true},
		{spoiled(t, lockdown), false, true},
		{stateDir(t, off), true, false},
	} {
		command := func(args ...string) string {
			t.Helper()
			var out, errOut bytes.Buffer
			cmd := command(&out, &errOut)
			cmd.SetArgs(append(args, "--state-dir", tt.dir))
			if err := cmd.ExecuteContext(t.Context()); err != nil {
				t.Errorf("%q: %v", args, err)
			}
			return out.String()
		}
		if said := command("boot"); strings.HasPrefix(said, "Blocked: ") != tt.blocks {
			t.Errorf("boot says %q", said)
		}
		open("booted", tt.near, !tt.blocks)
		command("boot", "--wait")
		open("booted again", tt.near, !tt.blocks)
		command("cleanup", "--keep-block")
		open("after the service", tt.near, !tt.blocks)
		if said := command("cleanup"); strings.Contains(said, "open again") != tt.blocks {
			t.Errorf("cleanup says %q", said)
		}
		open("cleaned up", true, true)
	}
}

// leaves says whether a datagram may leave.
func leaves(t *testing.T, to string) bool {
	t.Helper()
	conn, err := net.Dial("udp4", to)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}()
	_, err = conn.Write([]byte("x"))
	if err != nil && !errors.Is(err, syscall.EPERM) && !errors.Is(err, syscall.EACCES) && !errors.Is(err, syscall.ECONNREFUSED) {
		t.Fatal(err)
	}
	if err == nil { // a refusal by ICMP shows on the next call
		_, err = conn.Write([]byte("x"))
	}
	return err == nil
}
