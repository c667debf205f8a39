package canary

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/platform/platformtest/namespace"
)

// TestMain is the child too, as the service's program is.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == Command {
		if err := Child(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// policy refuses all but loopback, as the kill switch does; before stands first.
func policy(before string) string {
	return `flush ruleset
table inet held {
	chain out {
		type filter hook output priority 0; policy drop
		oifname "lo" accept
		icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit, mld2-listener-report } accept
		` + before + `
		meta l4proto tcp reject with tcp reset
		reject with icmpx admin-prohibited
	}
}`
}

func nft(t *testing.T, text string) {
	t.Helper()
	cmd := exec.Command("nft", "-f", "-")
	cmd.Stdin = strings.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("nft: %v\n%s\n%s", err, out, text)
	}
}

func ip(t *testing.T, lines ...string) {
	t.Helper()
	for _, line := range lines {
		namespace.Run(t, "ip", strings.Fields(line)...)
	}
}

// wire makes a device eth0 with addresses and routes of both families, whose other
// end nobody answers at.
func wire(t *testing.T) {
	t.Helper()
	ip(t, "link set lo up", "link add eth0 type veth peer name far", "link set far up", "link set eth0 up",
		"addr add 192.168.77.2/24 dev eth0", "addr add fd77::2/64 dev eth0 nodad",
		"route add default via 192.168.77.1 dev eth0", "-6 route add default via fd77::1 dev eth0")
}

// proof proves, in time.
func proof(t *testing.T, c Config) Report {
	t.Helper()
	r, err := Prove(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if r.Took > 2*time.Second || r.At.IsZero() {
		t.Errorf("took %v, at %v", r.Took, r.At)
	}
	t.Logf("%d attempts in %v", len(r.Probes), r.Took.Round(time.Millisecond))
	return r
}

// eth0 is what most tests try.
var eth0 = Config{Devices: []string{"eth0"}}

// only fails unless exactly the probes that are meant have an outcome.
func (r Report) only(t *testing.T, o Outcome, meant func(Probe) bool) {
	t.Helper()
	if len(r.Probes) == 0 {
		t.Error("nothing was tried")
	}
	for _, p := range r.Probes {
		if (p.Outcome == o) != meant(p) {
			t.Errorf("%+v", p)
		}
	}
}

func all(Probe) bool { return true }

// TestHeld: with the policy up everything is refused, whoever sends it, though
// another device may be used.
func TestHeld(t *testing.T) {
	if !namespace.Enter(t) {
		return
	}
	wire(t)
	ip(t, "tuntap add mode tun name homeward0", "link set homeward0 up", "addr add 10.98.0.2/32 dev homeward0")
	nft(t, policy(`oifname "homeward0" accept`))
	r := proof(t, eth0)
	r.only(t, Refused, all)
	if !r.Held || len(r.Probes) != 16 || len(r.Leaks()) != 0 {
		t.Errorf("held %v, %d attempts", r.Held, len(r.Probes))
	}
	// Without a list: far, the other end of the wire, is an interface too, and the
	// tunnel is none that anything must be kept from.
	r = proof(t, Config{Except: []string{"homeward0"}})
	for _, p := range r.Probes {
		if p.Device == "homeward0" || p.Device == "lo" {
			t.Errorf("%+v", p)
		}
	}
	if !r.Held || len(r.Probes) != 32 {
		t.Errorf("held %v: %+v", r.Held, r.Probes)
	}
}

// TestNoPolicy: everything leaves, also where no neighbour answers, and what the wire
// shows is told from what waits for one.
func TestNoPolicy(t *testing.T) {
	if !namespace.Enter(t) {
		return
	}
	wire(t)
	r := proof(t, eth0)
	r.only(t, Left, all)
	if r.Held || len(r.Leaks()) != 16 {
		t.Errorf("held %v: %+v", r.Held, r.Probes)
	}
	ip(t, "neigh replace 192.168.77.1 lladdr 02:00:00:00:00:01 dev eth0", "-6 neigh replace fd77::1 lladdr 02:00:00:00:00:01 dev eth0")
	r = proof(t, eth0)
	r.only(t, Left, all)
	for _, p := range r.Probes {
		if !strings.Contains(p.Detail, "seen on the wire") {
			t.Errorf("%+v", p)
		}
	}
}

// TestHole: a hole in the policy is found, exactly that one, whether or not the next
// hop is known.
func TestHole(t *testing.T) {
	if !namespace.Enter(t) {
		return
	}
	wire(t)
	for name, row := range map[string]struct {
		rule  string
		meant func(Probe) bool
	}{
		"tcp4":  {"meta nfproto ipv4 meta l4proto tcp accept", func(p Probe) bool { return p.Family == IPv4 && p.Kind == TCP }},
		"tcp6":  {"meta nfproto ipv6 meta l4proto tcp accept", func(p Probe) bool { return p.Family == IPv6 && p.Kind == TCP }},
		"dns":   {"udp dport 53 accept", func(p Probe) bool { return p.Kind == DNS }},
		"udp":   {"udp dport != 53 accept", func(p Probe) bool { return p.Kind == UDP }},
		"ping4": {"icmp type echo-request accept", func(p Probe) bool { return p.Kind == ICMP && p.Family == IPv4 }},
		"ping6": {"icmpv6 type echo-request accept", func(p Probe) bool { return p.Kind == ICMP && p.Family == IPv6 }},
		"user":  {"meta skuid 65534 accept", func(p Probe) bool { return p.User == "uid 65534" }},
		"root":  {"meta skuid 0 accept", func(p Probe) bool { return p.User == Service }},
	} {
		for _, next := range []string{"unknown", "known"} {
			t.Run(name+" "+next, func(t *testing.T) {
				nft(t, policy(row.rule))
				ip(t, "neigh flush dev eth0", "-6 neigh flush dev eth0")
				if next == "known" {
					ip(t, "neigh replace 192.168.77.1 lladdr 02:00:00:00:00:01 dev eth0", "-6 neigh replace fd77::1 lladdr 02:00:00:00:00:01 dev eth0")
				}
				r := proof(t, eth0)
				r.only(t, Left, row.meant)
				r.only(t, Refused, func(p Probe) bool { return !row.meant(p) })
				if r.Held {
					t.Error("a policy with a hole is held")
				}
			})
		}
	}
}

// TestPingSockets: where the service may have a ping socket, as everybody on most systems, what a
// filter refuses is refused, and a hole for echo requests is found.
func TestPingSockets(t *testing.T) {
	if !namespace.Enter(t) {
		return
	}
	wire(t)
	if err := os.WriteFile("/proc/sys/net/ipv4/ping_group_range", []byte("0 0"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, next := range []string{"unknown", "asked for", "known"} {
		t.Run(next, func(t *testing.T) {
			nft(t, "flush ruleset")
			switch next {
			case "asked for": // by somebody, before the policy
				namespace.Run(t, "bash", "-c", "echo > /dev/udp/198.51.100.9/9; echo > /dev/udp/2001:db8::9/9")
			case "known":
				ip(t, "neigh replace 192.168.77.1 lladdr 02:00:00:00:00:01 dev eth0", "-6 neigh replace fd77::1 lladdr 02:00:00:00:00:01 dev eth0")
			}
			nft(t, policy(""))
			proof(t, eth0).only(t, Refused, all)
			nft(t, policy("icmp type echo-request accept\nicmpv6 type echo-request accept"))
			proof(t, eth0).only(t, Left, func(p Probe) bool { return p.Kind == ICMP })
		})
	}
}

// TestSilentDrop: a filter that drops without a word holds as well.
func TestSilentDrop(t *testing.T) {
	if !namespace.Enter(t) {
		return
	}
	wire(t)
	nft(t, policy("meta l4proto { tcp, udp } drop"))
	r := proof(t, eth0)
	r.only(t, Refused, all)
	if !r.Held {
		t.Error("not held")
	}
}

// TestOtherTraffic: what somebody else sends to the same prefixes is not mistaken for
// an attempt.
func TestOtherTraffic(t *testing.T) {
	if !namespace.Enter(t) {
		return
	}
	wire(t)
	ip(t, "neigh replace 192.168.77.1 lladdr 02:00:00:00:00:01 dev eth0")
	nft(t, policy("udp dport 9 accept"))
	c, err := net.Dial("udp", "192.0.2.9:9")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan int)
	go func() {
		sent := 0
		for ; ctx.Err() == nil; sent++ {
			if _, err := c.Write([]byte("homeward somebody else")); err != nil {
				t.Errorf("after %d: %v", sent, err)
				break
			}
		}
		done <- sent
	}()
	r := proof(t, eth0)
	cancel()
	if sent := <-done; sent == 0 {
		t.Error("nobody else sent anything")
	}
	r.only(t, Refused, all)
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// TestNothingToTry: what cannot be tried is said, and proves nothing.
func TestNothingToTry(t *testing.T) {
	if !namespace.Enter(t) {
		return
	}
	r := proof(t, Config{})
	r.only(t, NotTried, func(p Probe) bool { return p.Device == "" && strings.Contains(p.Detail, "loopback") })
	ip(t, "link set lo up", "link add eth0 type veth peer name far")
	r2 := proof(t, eth0)
	r2.only(t, NotTried, func(p Probe) bool { return strings.Contains(p.Detail, "down") })
	r3 := proof(t, Config{Devices: []string{"wlan7"}})
	r3.only(t, NotTried, func(p Probe) bool { return strings.Contains(p.Detail, "no such interface") })
	for _, r := range []Report{r, r2, r3} {
		if r.Held || len(r.Untried()) != 16 {
			t.Errorf("%+v", r)
		}
	}
}

// TestNoAddress: without an address or a route of a family, what leaves nevertheless
// is seen, and with the policy nothing is.
func TestNoAddress(t *testing.T) {
	if !namespace.Enter(t) {
		return
	}
	ip(t, "link set lo up", "link add eth0 type veth peer name far", "link set far up", "link set eth0 up")
	r := proof(t, eth0)
	for _, p := range r.Probes {
		if want := map[Family]Outcome{IPv4: Left, IPv6: Unreachable}[p.Family]; p.Outcome != want {
			t.Errorf("%+v, want %s", p, want)
		}
	}
	nft(t, policy(""))
	if r = proof(t, eth0); !r.Held || len(r.Leaks()) != 0 {
		t.Errorf("%+v", r)
	}
	if err := os.WriteFile("/proc/sys/net/ipv6/conf/all/disable_ipv6", []byte("1"), 0); err != nil {
		t.Fatal(err)
	}
	r = proof(t, eth0)
	r.only(t, Unreachable, func(p Probe) bool { return p.Family == IPv6 })
	if !r.Held {
		t.Errorf("%+v", r)
	}
}

// TestDocumentationIsLocal: a machine that lives on a prefix of documentation tries
// another.
func TestDocumentationIsLocal(t *testing.T) {
	if !namespace.Enter(t) {
		return
	}
	wire(t)
	ip(t, "addr add 192.0.2.7/24 dev eth0")
	nft(t, policy("ip daddr 192.0.2.0/24 accept"))
	r := proof(t, eth0)
	r.only(t, Refused, all)
}

// oneUser marks the run in a user namespace with one user.
const oneUser = "HOMEWARD_TEST_ONE_USER"

// TestOneUser: where there is no other user, that is said of each of his attempts,
// and the service's own still prove what they do.
func TestOneUser(t *testing.T) {
	if os.Getenv(oneUser) == "" {
		if out, err := exec.Command("unshare", "-Urnm", "--", "true").CombinedOutput(); err != nil {
			t.Skipf("this machine allows no user namespace: %s", out)
		}
		cmd := exec.Command("unshare", "-Urnm", "--", os.Args[0], "-test.run=^TestOneUser$", "-test.v")
		cmd.Env = append(os.Environ(), oneUser+"=1")
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "--- PASS: TestOneUser") {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	wire(t)
	nft(t, policy(""))
	r := proof(t, eth0)
	r.only(t, NotTried, func(p Probe) bool { return p.User != Service && strings.Contains(p.Detail, "one user only") })
	r.only(t, Refused, func(p Probe) bool { return p.User == Service })
	if !r.Held {
		t.Error("not held")
	}
}

// TestCancelled: a proof that nobody wants any more ends, and proves nothing.
func TestCancelled(t *testing.T) {
	if !namespace.Enter(t) {
		return
	}
	wire(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if r, err := Prove(ctx, eth0); err == nil || r.Held {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestChildRefusesNonsense: the child ends with an error on what it does not
// understand.
func TestChildRefusesNonsense(t *testing.T) {
	t.Parallel()
	for _, in := range []string{"", "{", "[{}", `{"a":1}`} {
		var out strings.Builder
		if err := Child(strings.NewReader(in), &out); err == nil || out.Len() > 0 {
			t.Errorf("%q: %v, %q", in, err, out.String())
		}
	}
}

func TestMapped(t *testing.T) {
	t.Parallel()
	whole := "         0          0 4294967295\n"
	one := "         0       1000          1\n"
	some := one + "         1     100000      65536\n"
	for _, row := range []struct {
		text string
		id   uint32
		want bool
	}{{whole, 65534, true}, {one, 65534, false}, {one, 0, true}, {some, 65534, true}, {some, 70000, false}, {"", 0, false}, {"x y z\n", 0, false}} {
		if got := mapped(row.text, row.id); got != row.want {
			t.Errorf("%q, %d: %v", row.text, row.id, got)
		}
	}
}

// TestReport: what is shown to a person or a test is what was found.
func TestReport(t *testing.T) {
	t.Parallel()
	text, err := json.Marshal(Probe{Family: IPv4, Kind: DNS, User: Service, Device: "eth0", Outcome: Refused})
	if err != nil || string(text) != `{"family":"ipv4","kind":"dns","user":"service","device":"eth0","outcome":"refused"}` {
		t.Errorf("%s, %v", text, err)
	}
	all := targets("eth0", nil)
	if len(all) != len(kinds)*len(families) {
		t.Fatalf("%d targets", len(all))
	}
	for i, a := range all {
		if slices.ContainsFunc(all[i+1:], func(b target) bool { return b.Token == a.Token }) {
			t.Error("two attempts with the same token")
		}
	}
}
