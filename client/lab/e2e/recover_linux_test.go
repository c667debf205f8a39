package e2e

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/client/lab"
)

// device gives the index of the tunnel's device, 0: there is none.
func (r *rig) device() int {
	r.t.Helper()
	out, err := r.Client.Run(r.ctx, "ip", "-j", "link")
	if err != nil {
		r.t.Fatal(err)
	}
	var links []struct {
		Index int    `json:"ifindex"`
		Name  string `json:"ifname"`
	}
	if err := json.Unmarshal([]byte(out), &links); err != nil {
		r.t.Fatalf("ip prints %q: %v", out, err)
	}
	for _, l := range links {
		if strings.HasPrefix(l.Name, "homeward") {
			return l.Index
		}
	}
	return 0
}

// TestDeviceVanishes: somebody removes the tunnel's device under a live line.
// The line comes back by itself, with a device, routes and name servers of its
// own, and under the kill switch nothing leaves meanwhile.
func TestDeviceVanishes(t *testing.T) {
	t.Parallel()
	r := start(t, lab.Options{})
	r.importFile(lab.OfficeProfile)
	g := r.watch()
	r.must("", "killswitch", "on")
	r.connect(lab.OfficeProfile)
	for range 3 {
		g.scene("the tunnel's device is removed", func() {
			before := r.device()
			if before == 0 {
				t.Fatal("there is no device")
			}
			if _, err := r.Client.Run(r.ctx, "ip", "link", "del", "homeward0"); err != nil {
				t.Fatal(err)
			}
			if err := lab.Until(r.ctx, "the line is back on another device", func() (bool, error) {
				now := r.device()
				return now != 0 && now != before && r.status().State == "connected", nil
			}); err != nil {
				t.Fatal(err)
			}
			r.opens(intranet("/"), lab.IntranetGreeting)
		})
	}
	if !strings.Contains(r.Homeward.Log(), "device") {
		t.Error("the log does not say why the line was lost")
	}
	r.must("", "disconnect")
	r.must("", "killswitch", "off")
	r.untouched("after disconnect")
}

// TestResolvConfEdited: while the line is up a DHCP client writes resolv.conf
// anew, then somebody edits it. The company's names are found again each time,
// and what they wrote is there when the line is down.
func TestResolvConfEdited(t *testing.T) {
	t.Parallel()
	r := start(t, lab.Options{})
	conf := r.Client.Path("/etc/resolv.conf")
	read := func() string {
		t.Helper()
		b, err := os.ReadFile(conf)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(conf, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	before := read()
	r.importFile(lab.OfficeProfile)
	r.connect(lab.OfficeProfile)
	ours := "nameserver " + lab.IntranetAddress.String()
	again := func(what string) {
		t.Helper()
		if err := lab.Until(r.ctx, "ours stands after "+what, func() (bool, error) {
			return strings.Contains(read(), ours) && strings.Contains(read(), "Homeward wrote"), nil
		}); err != nil {
			t.Fatalf("%v: %s", err, read())
		}
		r.opens(intranet("/"), lab.IntranetGreeting)
	}
	again("connecting")
	fresh := "# by DHCP\nnameserver " + lab.RouterInside.String() + "\noptions edns0\n"
	write(fresh)
	again("a DHCP client's file")
	write(strings.ReplaceAll(read(), ours, "nameserver 192.0.2.53") + "options timeout:3\n")
	again("an edit")
	if !strings.Contains(read(), "timeout:3") {
		t.Errorf("their option is not kept: %s", read())
	}
	r.must("", "disconnect")
	if got, want := read(), "# by DHCP\nnameserver "+lab.RouterInside.String()+"\nnameserver 192.0.2.53\noptions edns0 timeout:3\n"; got != want {
		t.Errorf("after disconnect:\n%s--- want\n%s", got, want)
	}
	write(before)
}

// TestResolvedRestarts: systemd-resolved is killed under a live line and started
// anew, without what it knew. The company's names are found again.
func TestResolvedRestarts(t *testing.T) {
	t.Parallel()
	r := start(t, lab.Options{Names: lab.Resolved, Gateway: lab.GatewayOptions{Subnets: []string{lab.IntranetPrefix.String()}}})
	r.importFile(lab.SplitProfile)
	r.connect(lab.SplitProfile)
	r.opens(intranet("/"), lab.IntranetGreeting)
	said, err := r.Client.Run(r.ctx, "busctl", "--system", "call", "org.freedesktop.DBus", "/", "org.freedesktop.DBus",
		"GetConnectionUnixProcessID", "s", "org.freedesktop.resolve1")
	fields := strings.Fields(said)
	if err != nil || len(fields) != 2 {
		t.Fatalf("who systemd-resolved is: %q, %v", said, err)
	}
	for _, args := range [][]string{{"kill", "-9", fields[1]}, {"rm", "-rf", "/run/systemd/resolve/netif"}} {
		if _, err := r.Client.Run(r.ctx, args[0], args[1:]...); err != nil {
			t.Fatal(err)
		}
	}
	again := r.Client.Command(r.ctx, "/usr/lib/systemd/systemd-resolved")
	if err := again.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := again.Process.Kill(); err != nil {
			t.Error(err)
		}
		if err := again.Wait(); err == nil {
			t.Error("systemd-resolved ended by itself")
		}
	}()
	if err := lab.Until(r.ctx, "the tunnel's link is set again", func() (bool, error) {
		out, err := r.Client.Run(r.ctx, "resolvectl", "domain")
		return err == nil && strings.Contains(out, lab.CompanyDomain), nil
	}); err != nil {
		t.Fatal(err)
	}
	r.opens(intranet("/"), lab.IntranetGreeting)
	r.must("", "disconnect")
	if got := r.resolvectl("domain"); strings.Contains(got, lab.CompanyDomain) {
		t.Errorf("after disconnect it knows %q", got)
	}
	// The home router, which the DHCP client would tell it of anew, is not ours to bring back.
	for _, args := range [][]string{{"dns", "eth0", lab.RouterInside.String()}, {"default-route", "eth0", "yes"}} {
		if _, err := r.Client.Run(r.ctx, "resolvectl", args...); err != nil {
			t.Fatal(err)
		}
	}
	r.untouched("after disconnect")
	if err := r.Homeward.Stop(r.ctx); err != nil {
		t.Fatal(err)
	}
	r.Homeward = nil
}
