package killswitch

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/homeward-vpn/homeward/platform/platformtest/namespace"
)

// How long it takes to put one policy in the place of another.

// many is a policy with n gateways and n local networks, half of each family.
func many(n int) Policy {
	p := Policy{Mark: testMark, Tunnel: states()["connected"].Tunnel}
	for i := range n {
		if i%2 == 0 {
			a := binary.BigEndian.AppendUint32(nil, 0x0b000000+uint32(i)*2)
			g, _ := netip.AddrFromSlice(a)
			p.Gateways = append(p.Gateways, netip.AddrPortFrom(g, 4500))
			p.LocalNetworks = append(p.LocalNetworks, netip.PrefixFrom(g, 32))
		} else {
			p.Gateways = append(p.Gateways, netip.MustParseAddrPort(fmt.Sprintf("[2001:db8:%x::1]:4500", i)))
			p.LocalNetworks = append(p.LocalNetworks, netip.MustParsePrefix(fmt.Sprintf("fd00:%x::/32", i)))
		}
	}
	return p
}

// TestLargePolicies: large policies are set as they are, and taken away. How
// long that takes is BenchmarkSwap's.
func TestLargePolicies(t *testing.T) {
	if !namespace.Enter(t) {
		return
	}
	s := newSwitch(t)
	for _, n := range []int{1, 1000, 5000, maxEndpoints} {
		began := time.Now()
		setPolicy(t, s, many(n))
		t.Logf("%d gateways and as many local networks: %v", n, time.Since(began))
		if err := s.Check(); err != nil {
			t.Error(err)
		}
	}
	setPolicy(t, s, Policy{})
	if ok, err := s.Stands(); !ok || err != nil {
		t.Errorf("stands: %v, %v", ok, err)
	}
}

// stage is a part of Set, measured many times.
type stage struct {
	name      string
	best, all time.Duration
	cpu       time.Duration
}

// used is the processor time of the whole process, the kernel's work for it
// included: on a machine that is busy with other things it says more than the clock.
func used(b *testing.B) time.Duration {
	b.Helper()
	var r unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

func (s *stage) measure(b *testing.B, do func() error) {
	b.Helper()
	cpu, began := used(b), time.Now()
	err := do()
	took := time.Since(began)
	if err != nil {
		b.Fatal(s.name, ": ", err)
	}
	s.all += took
	s.cpu += used(b) - cpu
	if s.best == 0 || took < s.best {
		s.best = took
	}
}

func (s *stage) report(b *testing.B) {
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	b.ReportMetric(ms(s.best), s.name+"-best-ms")
	b.ReportMetric(ms(s.all)/float64(b.N), s.name+"-mean-ms")
	b.ReportMetric(ms(s.cpu)/float64(b.N), s.name+"-cpu-ms")
}

// BenchmarkSwap changes between two policies of each size, of which each allows
// what the other does not, while the kernel remembers a flow. The swap is the
// kernel's transaction, from the request to its word that the new policy stands;
// Set is all of it: encoding, the swap, reading back, cutting flows. It wants a
// network namespace of its own:
//
//	unshare -Urn go test -run ^$ -bench Swap ./platform/killswitch
func BenchmarkSwap(b *testing.B) {
	if links, err := net.Interfaces(); err != nil || len(links) != 1 {
		b.Skip("this is no namespace of the benchmark's own: unshare -Urn makes one")
	}
	if out, err := exec.Command("ip", "link", "set", "lo", "up").CombinedOutput(); err != nil {
		b.Skipf("%v: %s", err, out)
	}
	for _, n := range []int{1, 1000, 10000} {
		b.Run(fmt.Sprint(n, " gateways and networks"), func(b *testing.B) { benchmarkSwap(b, n) })
	}
}

func benchmarkSwap(b *testing.B, n int) {
	s, err := New(Config{})
	if err != nil {
		b.Skip(err)
	}
	policies := []Policy{many(n), many(n)}
	policies[1].Tunnel = &Tunnel{Interface: "other0", IPv4: true}
	if err := s.Set(policies[0]); err != nil {
		b.Fatal(err)
	}
	// Rules of this policy look at flows, so that from now on there are some.
	if err := (how{to: netip.MustParseAddrPort("127.0.0.1:9")}).send(); err != nil {
		b.Fatal(err)
	}
	encoding, swap, reading, cutting, whole := stage{name: "encode"}, stage{name: "swap"}, stage{name: "read"}, stage{name: "cut"}, stage{name: "set"}
	for i := range b.N {
		t, err := build(policies[i%2])
		if err != nil {
			b.Fatal(err)
		}
		var batch *packer
		encoding.measure(b, func() error {
			m, err := encode(t)
			if err == nil {
				m.annotate(m.shape())
				batch, err = m.pack()
			}
			return err
		})
		swap.measure(b, func() error { return s.kernel.(*nfTables).commit(batch) })
		reading.measure(b, func() error { _, err := s.kernel.read(); return err })
		cutting.measure(b, func() error { _, err := s.kernel.cut(t); return err })
		whole.measure(b, func() error { return s.Set(policies[(i+1)%2]) })
	}
	for _, s := range []stage{encoding, swap, reading, cutting, whole} {
		s.report(b)
	}
	if err := s.Clear(); err != nil {
		b.Fatal(err)
	}
}
