//go:build linux

package tun

import (
	"bytes"
	"context"
	"net/netip"
	"os/exec"
	"testing"

	"github.com/homeward-vpn/homeward/platform/platformtest/namespace"
)

// TestDialThrough: what is dialed through the device goes there though no route leads to
// it, and though another device has all of them; and where the device is gone it goes
// nowhere.
func TestDialThrough(t *testing.T) {
	if !namespace.Enter(t) {
		return
	}
	for _, args := range [][]string{
		{"link", "add", "wire", "type", "veth", "peer", "name", "far"}, {"addr", "add", "192.0.2.2/24", "dev", "wire"}, {"link", "set", "wire", "up"}, {"link", "set", "far", "up"},
		{"route", "add", "default", "via", "192.0.2.1"},
	} {
		if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
			t.Fatalf("ip %v: %v, %s", args, err, out)
		}
	}
	d := createTest(t, Config{MTU: 1380, Addresses: addresses})
	before := namespace.Take(t)
	bufs, sizes := make([][]byte, d.BatchSize()), make([]int, d.BatchSize())
	for i := range bufs {
		bufs[i] = make([]byte, 2000)
	}
	to := netip.MustParseAddrPort("198.51.100.7:53")
	for i, to := range []netip.AddrPort{to, netip.MustParseAddrPort("[2001:db8:7::7]:53")} {
		c, err := DialThrough(context.Background(), d.Name(), "udp", to)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write([]byte("question")); err != nil {
			t.Fatal(err)
		}
		n, err := d.Read(bufs, sizes, 100)
		if err != nil || n != 1 {
			t.Fatalf("%d packets, %v", n, err)
		}
		p := bufs[0][100 : 100+sizes[0]]
		var src, dst netip.Addr
		if i == 0 {
			src, dst = netip.AddrFrom4([4]byte(p[12:])), netip.AddrFrom4([4]byte(p[16:]))
		} else {
			src, dst = netip.AddrFrom16([16]byte(p[8:])), netip.AddrFrom16([16]byte(p[24:]))
		}
		if src != addresses[i].Addr() || dst != to.Addr() || !bytes.HasSuffix(p, []byte("question")) {
			t.Errorf("%v to %v: %q", src, dst, p)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	if now := namespace.Take(t); now != before {
		t.Errorf("something is left behind:\n%s\nbefore:\n%s", now, before)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	for _, device := range []string{d.Name(), ""} {
		if c, err := DialThrough(context.Background(), device, "udp", to); err == nil {
			t.Errorf("dialed through %q: %v", device, c.Close())
		}
	}
}
