package main

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/platform/platformtest/namespace"
)

// A machine with neighbours: a second VPN with a table, rules and a device of its
// own, a container engine's bridge and packet filter, an administrator's rules and
// a strict reverse path filter. None of it is ours to touch.

// neighbours is their packet filter, as a container engine writes it.
const neighbours = `
table ip nat {
	chain DOCKER { type nat hook prerouting priority dstnat; tcp dport 8080 dnat to 172.17.0.2:80; }
	chain POSTROUTING { type nat hook postrouting priority srcnat; ip saddr 172.17.0.0/16 oifname != "docker0" masquerade; }
}
table ip filter {
	chain FORWARD { type filter hook forward priority filter; iifname "docker0" accept; }
}
`

// busyMachine builds the world, on folders of the test's own.
func busyMachine(t *testing.T) {
	t.Helper()
	etc := t.TempDir()
	files := map[string]string{"resolv.conf": "# by DHCP\nnameserver 192.168.77.1\nsearch home.lan\noptions edns0\n", "hosts": "127.0.0.1 localhost\n", "nsswitch.conf": "hosts: files dns\n"}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(etc, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	namespace.Run(t, "mount", "--bind", etc, "/etc")
	namespace.Run(t, "mount", "-t", "tmpfs", "tmpfs", "/run")
	for _, args := range []string{
		"link set lo up",
		"link add eth0 type veth peer name wire", "link set eth0 addrgenmode none", "link set wire addrgenmode none", "link set wire up", "link set eth0 up",
		"addr add 192.168.77.2/24 dev eth0", "addr add fd77::2/64 dev eth0 nodad",
		"route add default via 192.168.77.1", "-6 route add default via fd77::1",
		"tuntap add mode tun name vpn9", "link set vpn9 addrgenmode none", "link set vpn9 up", "addr add 10.7.0.2/32 dev vpn9",
		"route add default dev vpn9 table 51820", "route add 10.7.0.0/16 dev vpn9",
		"rule add pref 5270 not fwmark 0xca6c lookup 51820 suppress_prefixlength 0",
		"-6 rule add pref 5270 not fwmark 0xca6c lookup 51820",
		"link add docker0 type bridge", "link set docker0 addrgenmode none", "link set docker0 up", "addr add 172.17.0.1/16 dev docker0",
		"rule add pref 100 from 192.168.77.3 lookup 100", "route add blackhole 10.66.0.0/16 table 100",
		// Beside ours: the same table number and priority, by somebody else.
		"rule add pref 26700 from 10.200.0.0/16 lookup 26733", "route add 10.201.0.0/16 dev eth0 table 26733 proto static",
	} {
		namespace.Run(t, "ip", strings.Fields(args)...)
	}
	namespace.AwaitIPv6(t, "eth0", "fd77::2")
	for _, device := range []string{"eth0", "docker0"} {
		if err := os.WriteFile("/proc/sys/net/ipv4/conf/"+device+"/rp_filter", []byte("1"), 0); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := exec.LookPath("nft"); err == nil {
		cmd := exec.Command("nft", "-f", "-")
		cmd.Stdin = strings.NewReader(neighbours)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("nft: %v: %s", err, out)
		}
	}
}

// panorama is all of the world that a tunnel could change, as text, one line for
// each thing.
func panorama(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for _, args := range []string{
		"-4 route show table all", "-6 route show table all", "-4 rule", "-6 rule", "link", "addr",
	} {
		fmt.Fprintf(&b, "ip %s\n%s", args, namespace.Run(t, "ip", strings.Fields(args)...))
	}
	if _, err := exec.LookPath("nft"); err == nil {
		fmt.Fprintf(&b, "nft\n%s", namespace.Run(t, "nft", "list", "ruleset"))
	}
	settings, err := filepath.Glob("/proc/sys/net/ipv*/conf/*/*")
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(settings)
	for _, path := range settings {
		value, err := os.ReadFile(path)
		if err == nil && !strings.Contains(path, "stable_secret") {
			fmt.Fprintf(&b, "%s %s", path, value)
		}
	}
	err = filepath.WalkDir("/etc", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		content, err := os.ReadFile(path)
		fmt.Fprintf(&b, "%s %v %q\n", path, info.Mode(), content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// difference shows the lines that only one of two panoramas has.
func difference(got, want string) string {
	var b strings.Builder
	was, is := strings.Split(want, "\n"), strings.Split(got, "\n")
	for _, line := range was {
		if !slices.Contains(is, line) {
			b.WriteString("- " + line + "\n")
		}
	}
	for _, line := range is {
		if !slices.Contains(was, line) {
			b.WriteString("+ " + line + "\n")
		}
	}
	return b.String()
}
