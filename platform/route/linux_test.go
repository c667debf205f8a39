//go:build linux

package route

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/platform/ledger"
	"github.com/homeward-vpn/homeward/platform/platformtest/namespace"
	"github.com/homeward-vpn/homeward/platform/tun"
)

// uplink builds a machine's network in the test's own namespace: eth0 with both
// families, default routes and a strict reverse path filter.
func uplink(t *testing.T) {
	t.Helper()
	for _, args := range []string{
		"link set lo up",
		"link add eth0 type veth peer name wire",
		"addr add 192.168.77.2/24 dev eth0",
		"addr add fd77::2/64 dev eth0 nodad",
		"link set wire up",
		"link set eth0 up",
		"route add default via 192.168.77.1",
		"route add default via fd77::1",
	} {
		namespace.Run(t, "ip", strings.Fields(args)...)
	}
	for name, value := range map[string]string{"all": "0", "eth0": "1"} {
		if err := os.WriteFile("/proc/sys/net/ipv4/conf/"+name+"/rp_filter", []byte(value), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	// Link-local addresses settle by themselves a moment later; the tests
	// compare what ip(8) prints, so nothing may settle in between.
	for _, dev := range []string{"eth0", "wire"} {
		namespace.Run(t, "ip", "-6", "addr", "flush", "dev", dev, "scope", "link")
	}
	namespace.AwaitIPv6(t, "eth0", "fd77::2")
}

func tunnel(t *testing.T, l *ledger.Ledger) *tun.Device {
	t.Helper()
	d, err := tun.Create(tun.Config{Addresses: prefixes("10.98.0.2/32 fd98::2/128"), Ledger: l})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	namespace.AwaitIPv6(t, d.Name(), "fd98::2")
	return d
}

// way asks the kernel which device a packet would leave by.
func way(t *testing.T, to string, args ...string) string {
	t.Helper()
	out := namespace.Run(t, "ip", append([]string{"-j", "route", "get", to}, args...)...)
	var got []struct{ Dev, Prefsrc string }
	if err := json.Unmarshal([]byte(out), &got); err != nil || len(got) != 1 {
		t.Fatalf("ip route get %s: %s (%v)", to, out, err)
	}
	return got[0].Dev
}

// wantWays checks where packets go: "address device [more arguments of ip]".
func wantWays(t *testing.T, ways ...string) {
	t.Helper()
	for _, w := range ways {
		f := strings.Fields(w)
		if got := way(t, f[0], f[2:]...); got != f[1] {
			t.Errorf("%s leaves by %s, want %s", strings.Join(append(f[:1], f[2:]...), " "), got, f[1])
		}
	}
}

// TestWays sets full and split tunnels for real, and asks the kernel.
func TestWays(t *testing.T) {
	if !namespace.Enter(t) {
		return
	}
	uplink(t)
	before := namespace.Take(t)
	d := tunnel(t, nil)
	withTunnel := namespace.Take(t)
	r, err := New(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	mark := fmt.Sprintf("mark %#x", uint32(DefaultMark))

	set(t, r, Config{Interface: d.Name(), Routes: prefixes("0.0.0.0/0 ::/0"), Exclude: prefixes("198.18.0.0/15"), Full: true})
	wantWays(t,
		"203.0.113.1 homeward0", "203.0.113.1 eth0 "+mark,
		"2001:db8::1 homeward0", "2001:db8::1 eth0 "+mark,
		"192.168.77.9 eth0", "fd77::9 eth0",
		"198.18.4.4 eth0", "127.0.0.1 lo", "192.168.77.2 lo", "::1 lo",
		"fe80::1 eth0 oif eth0",
	)
	// A hostile DHCP server: more specific routes, half the world, a wide local net.
	for _, args := range []string{
		"route add 203.0.113.0/25 via 192.168.77.1", "route add 0.0.0.0/1 via 192.168.77.1",
		"addr add 10.0.0.2/8 dev eth0", "addr add 203.0.113.200/24 dev eth0",
		"-6 route add 2001:db8::/48 via fd77::1",
	} {
		namespace.Run(t, "ip", strings.Fields(args)...)
	}
	set(t, r, Config{Interface: d.Name(), Routes: prefixes("0.0.0.0/0 ::/0"), Full: true})
	wantWays(t, "203.0.113.1 homeward0", "10.99.0.2 homeward0", "198.18.4.4 homeward0", "2001:db8::1 homeward0")
	for _, args := range []string{
		"route del 203.0.113.0/25", "route del 0.0.0.0/1", "addr del 10.0.0.2/8 dev eth0",
		"addr del 203.0.113.200/24 dev eth0", "-6 route del 2001:db8::/48",
	} {
		namespace.Run(t, "ip", strings.Fields(args)...)
	}

	set(t, r, Config{Interface: d.Name(), Routes: prefixes("10.99.0.0/24 fd99::/64")})
	wantWays(t, "10.99.0.2 homeward0", "203.0.113.1 eth0", "10.99.0.2 eth0 "+mark,
		"fd99::1 homeward0", "2001:db8::1 eth0", "192.168.77.9 eth0")

	if err := r.Clear(); err != nil {
		t.Fatal(err)
	}
	if got := namespace.Take(t); got != withTunnel {
		t.Errorf("after Clear:\n%+v\nbefore:\n%+v", got, withTunnel)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if got := namespace.Take(t); got != before {
		t.Errorf("at the end:\n%+v\nat the start:\n%+v", got, before)
	}
	wantFilter(t, "1")
}

func set(t *testing.T, r *Router, c Config) {
	t.Helper()
	if err := r.Set(c); err != nil {
		t.Fatal(err)
	}
	rec := &recorder{kernel: r.kernel}
	r.kernel = rec
	if err := r.Set(c); err != nil {
		t.Fatal(err)
	}
	if rec.changes != 0 {
		t.Errorf("setting the same again makes %d changes", rec.changes)
	}
	r.kernel = rec.kernel
	wantFilter(t, "2")
}

func wantFilter(t *testing.T, want string) {
	t.Helper()
	raw, err := os.ReadFile("/proc/sys/net/ipv4/conf/eth0/rp_filter")
	if err != nil || strings.TrimSpace(string(raw)) != want {
		t.Errorf("the reverse path filter is %q (%v), want %s", raw, err, want)
	}
}

// TestStrictFilterWouldDrop shows why the filter is loosened: an answer of the
// gateway arrives on the uplink while an unmarked packet to it would not leave there.
func TestStrictFilterWouldDrop(t *testing.T) {
	if !namespace.Enter(t) {
		return
	}
	uplink(t)
	d := tunnel(t, nil)
	r, err := New(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	set(t, r, Config{Interface: d.Name(), Routes: prefixes("0.0.0.0/0"), Full: true})
	arrives := func() error {
		out, err := exec.Command("ip", "route", "get", "192.168.77.2", "from", "203.0.113.1", "iif", "eth0").CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	}
	if err := arrives(); err != nil {
		t.Fatalf("with a loose filter: %v", err)
	}
	if err := r.kernel.SetFilter("eth0", filterStrict); err != nil {
		t.Fatal(err)
	}
	if arrives() == nil {
		t.Fatal("a strict filter would not have dropped it: this test shows nothing")
	}
}

// TestIPv6Off: a machine with IPv6 switched off gets its IPv4 routes.
func TestIPv6Off(t *testing.T) {
	if !namespace.Enter(t) {
		return
	}
	namespace.Run(t, "ip", "link", "set", "lo", "up")
	for _, name := range []string{"all", "default"} {
		if err := os.WriteFile("/proc/sys/net/ipv6/conf/"+name+"/disable_ipv6", []byte("1"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	d, err := tun.Create(tun.Config{Addresses: prefixes("10.98.0.2/32 fd98::2/128")})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}()
	r, err := New(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Set(Config{Interface: d.Name(), Routes: prefixes("0.0.0.0/0 ::/0"), Full: true}); err != nil {
		t.Fatal(err)
	}
	wantWays(t, "203.0.113.1 homeward0")
	if err := r.Clear(); err != nil {
		t.Fatal(err)
	}
}

// TestForeignRoutesAreKept: what others put into our table or beside our rule stays.
func TestForeignRoutesAreKept(t *testing.T) {
	if !namespace.Enter(t) {
		return
	}
	uplink(t)
	namespace.Run(t, "ip", "route", "add", "198.51.100.0/24", "dev", "eth0", "table", fmt.Sprint(Table))
	namespace.Run(t, "ip", "rule", "add", "pref", fmt.Sprint(RulePriority), "fwmark", "0x7", "lookup", "99")
	d := tunnel(t, nil)
	before := namespace.Take(t)
	r, err := New(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	set(t, r, Config{Interface: d.Name(), Routes: prefixes("0.0.0.0/0"), Full: true})
	if err := r.Clear(); err != nil {
		t.Fatal(err)
	}
	if got := namespace.Take(t); got != before {
		t.Errorf("after Clear:\n%+v\nbefore:\n%+v", got, before)
	}
}

// TestManyRoutes: ten thousand prefixes of both families go in, change and go
// out at once.
func TestManyRoutes(t *testing.T) {
	if !namespace.Enter(t) {
		return
	}
	uplink(t)
	d := tunnel(t, nil)
	before := namespace.Take(t)
	r, err := New(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := Config{Interface: d.Name()}
	for i := range 5000 {
		c.Routes = append(c.Routes,
			netip.PrefixFrom(netip.AddrFrom4([4]byte{20, byte(i >> 8), byte(i), 0}), 24),
			netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, byte(i >> 8), byte(i)}), 48))
	}
	start := time.Now()
	set(t, r, c)
	wantWays(t, "20.19.135.1 homeward0", "20.20.0.1 eth0", "2001:db8:1387::1 homeward0")
	c.Routes = c.Routes[2000:]
	set(t, r, c)
	if err := r.Clear(); err != nil {
		t.Fatal(err)
	}
	took := time.Since(start)
	t.Logf("10,000 routes set, shown, changed and cleared in %v", took)
	if took > 20*time.Second {
		t.Errorf("that is too long")
	}
	if got := namespace.Take(t); got != before {
		t.Error("something is left behind")
	}
}
