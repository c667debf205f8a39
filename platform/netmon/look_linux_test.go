package netmon

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/homeward-vpn/homeward/platform/platformtest/namespace"
)

// TestLook reads a real kernel's network: links, addresses, the way out; what
// leads inside is not physical, and what cannot be used yet is no address.
func TestLook(t *testing.T) {
	if !namespace.Enter(t) {
		return
	}
	for _, line := range []string{
		"link set lo up",
		"link add eth0 type veth peer name wire", "link set eth0 up", "link set wire up",
		"addr add 192.168.77.2/24 dev eth0", "addr add fd77::2/64 dev eth0 nodad",
		"link add br0 type bridge", "link set br0 up", "addr add 172.17.0.1/16 dev br0",
		"link add box type veth peer name inside", "link set box master br0", "link set box up", "link set inside up",
		"tuntap add dev tun9 mode tun", "link set tun9 up", "addr add 10.9.9.9/32 dev tun9",
		"route add default via 192.168.77.1 metric 100", "route add default dev tun9 metric 200",
		"route add default dev tun9 table 26733", "-6 route add default via fd77::1",
		"route add 198.51.100.0/24 via 192.168.77.9",
	} {
		namespace.Run(t, "ip", strings.Fields(line)...)
	}
	s, err := Now(Config{Names: func() (Servers, error) { return Servers{Domains: []string{"lan"}}, nil }})
	if err != nil {
		t.Fatal(err)
	}
	named := func(name string) Link {
		at := slices.IndexFunc(s.Links, func(l Link) bool { return l.Name == name })
		if at < 0 {
			t.Fatalf("no %s among %+v", name, s.Links)
		}
		return s.Links[at]
	}
	eth, br, box, tun := named("eth0"), named("br0"), named("box"), named("tun9")
	if !eth.Up || !eth.Physical || eth.Kind != Ethernet || !slices.Contains(eth.Addresses, netip.MustParsePrefix("192.168.77.2/24")) ||
		!slices.Contains(eth.Addresses, netip.MustParsePrefix("fd77::2/64")) {
		t.Errorf("the cable: %+v", eth)
	}
	if br.Physical || box.Physical || tun.Physical || tun.Kind != Tunnel {
		t.Errorf("what leads inside: %+v, %+v, %+v", br, box, tun)
	}
	if got, ok := s.Link(eth.Index); !ok || got.Name != "eth0" {
		t.Errorf("by its index: %+v", got)
	}
	if want := (Way{eth.Index, netip.MustParseAddr("192.168.77.1")}); s.Default4 != want {
		t.Errorf("the way out: %+v, want %+v", s.Default4, want)
	}
	if want := (Way{eth.Index, netip.MustParseAddr("fd77::1")}); s.Default6 != want {
		t.Errorf("the way out: %+v, want %+v", s.Default6, want)
	}
	if !s.HasPath() || !slices.Equal(s.SearchDomains, []string{"lan"}) {
		t.Errorf("the network: %+v", s)
	}
	// A way out over the bridge makes it the machine's own.
	namespace.Run(t, "ip", "route", "add", "default", "via", "172.17.0.9", "metric", "5")
	if s, err = Now(Config{}); err != nil || !named("br0").Physical || s.Default4.Link != br.Index {
		t.Errorf("a bridge with the way out: %+v, %v", named("br0"), err)
	}
	for _, line := range []string{"link set wire down", "link set br0 down"} {
		namespace.Run(t, "ip", strings.Fields(line)...)
	}
	if s, err = Now(Config{}); err != nil || s.HasPath() || named("eth0").Up || s.Default4.Link == br.Index {
		t.Errorf("with the cable out: %+v, %v", s, err)
	}
}

// TestFullNetwork: a listing of a main table with thousands of routes is complete,
// and changes of our own table are not told.
func TestFullNetwork(t *testing.T) {
	if !namespace.Enter(t) {
		return
	}
	namespace.Run(t, "ip", "link", "add", "eth0", "type", "veth", "peer", "name", "wire")
	namespace.Run(t, "ip", "link", "set", "eth0", "up")
	namespace.Run(t, "ip", "link", "set", "wire", "up")
	batch := func(lines []string) {
		file := filepath.Join(t.TempDir(), "batch")
		if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
			t.Fatal(err)
		}
		namespace.Run(t, "ip", "-batch", file)
	}
	var main, own []string
	for i := range 3000 {
		p := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 0}), 24).String()
		main = append(main, "route add "+p+" dev eth0")
		own = append(own, "route add "+p+" dev eth0 table 26733")
	}
	batch(main)
	namespace.Run(t, "ip", "route", "add", "default", "dev", "eth0")
	s, err := Now(Config{})
	if err != nil || s.Default4.Link == 0 {
		t.Fatalf("%+v, %v", s.Default4, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	changes, err := Watch(ctx, Config{OwnTable: 26733})
	if err != nil {
		t.Fatal(err)
	}
	for limit := time.After(2500 * time.Millisecond); ; { // the kernel settles IPv6 addresses in two seconds
		select {
		case <-changes:
			continue
		case <-limit:
		}
		break
	}
	batch(own)
	select {
	case c := <-changes:
		t.Errorf("our own doing is told: %b", c.Kinds)
	case <-time.After(500 * time.Millisecond):
	}
	cancel()
	for range changes {
		continue
	}
}

// TestKindOfLink reads what sysfs says of hardware.
func TestKindOfLink(t *testing.T) {
	t.Parallel()
	sys := t.TempDir()
	for path, content := range map[string]string{
		"wlan0/uevent": "DEVTYPE=wlan\nINTERFACE=wlan0\n", "wlan0/wireless/status": "0", "wlan0/device/x": "",
		"wlp2s0/phy80211/index": "0", "wlp2s0/uevent": "",
		"wwan0/uevent": "DEVTYPE=wwan\nINTERFACE=wwan0\n", "wwan0/device/x": "",
		"eth0/uevent": "INTERFACE=eth0\n", "eth0/device/x": "",
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(sys, path)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(sys, path), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name     string
		hardware uint16
		made     string
		slave    bool
		kind     LinkKind
		physical bool
	}{
		{"wlan0", unix.ARPHRD_ETHER, "", false, WiFi, true},
		{"wlp2s0", unix.ARPHRD_ETHER, "", false, WiFi, true},
		{"wwan0", unix.ARPHRD_NONE, "", false, Cellular, true},
		{"rmnet0", unix.ARPHRD_RAWIP, "rmnet", false, Cellular, true},
		{"eth0", unix.ARPHRD_ETHER, "", true, Ethernet, true},
		{"vlan5", unix.ARPHRD_ETHER, "vlan", false, Ethernet, true},
		{"veth1", unix.ARPHRD_ETHER, "veth", true, Ethernet, false},
		{"docker0", unix.ARPHRD_ETHER, "bridge", false, Ethernet, false},
		{"wg0", unix.ARPHRD_NONE, "wireguard", false, Tunnel, false},
		{"tap0", unix.ARPHRD_ETHER, "tun", false, Tunnel, false},
		{"ppp0", unix.ARPHRD_PPP, "ppp", false, Tunnel, false},
		{"ib0", unix.ARPHRD_INFINIBAND, "", false, Other, true},
	} {
		kind := kindOf(c.name, c.hardware, c.made, sys)
		if kind != c.kind || physical(Link{Name: c.name, Kind: kind}, c.made, c.slave, sys) != c.physical {
			t.Errorf("%s is %s, want %s, physical %t", c.name, kind, c.kind, c.physical)
		}
	}
}

// FuzzMessages: whatever stands in a message of the kernel's, reading it ends, and
// what is read can be used.
func FuzzMessages(f *testing.F) {
	f.Add(uint16(unix.RTM_NEWLINK), make([]byte, unix.SizeofIfInfomsg))
	f.Add(uint16(unix.RTM_NEWADDR), appendAttribute([]byte{2, 24, 0, 0, 2, 0, 0, 0}, unix.IFA_LOCAL, []byte{192, 0, 2, 1}))
	route := append([]byte{2, 0, 0, 0, 254, 3, 0, 1, 0, 0, 0, 0}, appendAttribute(nil, unix.RTA_OIF, []byte{2, 0, 0, 0})...)
	f.Add(uint16(unix.RTM_NEWROUTE), appendAttribute(route, unix.RTA_MULTIPATH, []byte{8, 0, 0, 0, 2, 0, 0, 0}))
	f.Add(uint16(0x1c), radio(3, "home").data)
	f.Add(uint16(unix.GENL_ID_CTRL), family())
	f.Fuzz(func(t *testing.T, kind uint16, data []byte) {
		m := message{kind, data}
		(&seen{said: map[string]string{}, ownTable: 5}).change(kind, data)
		s := assemble([]message{m}, []message{m}, readSSIDs([]message{m}), "/nowhere")
		if len(s.Links) > 1 {
			t.Errorf("one message makes %d links", len(s.Links))
		}
		if index, p, ok := readAddress(data); ok && !p.IsValid() {
			t.Errorf("an address that is none: %d %v", index, p)
		}
		for _, family := range []byte{unix.AF_INET, unix.AF_INET6} {
			if w := defaultWay([]message{m}, family); w.Link == 0 && w.Router.IsValid() {
				t.Errorf("a way to nowhere: %+v", w)
			}
		}
		if n, ok := readFamily(data); ok && n.family == 0 {
			t.Error("a family without a number")
		}
		for _, name := range readSSIDs([]message{m}) {
			if name == "" || len(name) > longestSSID {
				t.Errorf("a name of %d octets", len(name))
			}
		}
		associates(data)
		(&files{paths: []string{"/etc/resolv.conf"}}).concerns(data)
	})
}
