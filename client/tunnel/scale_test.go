package tunnel

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/ike"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// crowd is a profile with ten thousand networks and as many domains, of a
// gateway that carries everything.
func crowd() world {
	p := &profile.Profile{}
	for i := range 10000 {
		p.Traffic.Include = append(p.Traffic.Include, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 0}), 24))
		p.DNS.Domains = append(p.DNS.Domains, fmt.Sprintf("d%d.corp%d.example", i, i%100))
	}
	return world{
		profile: p, remote: remote("0.0.0.0/0", "::/0"), local: prefixes("10.0.0.0/8"),
		given: ike.Configuration{Addresses: prefixes("10.98.0.7/32", "fd00:98::7/128"), DNS: addrs("10.0.0.2")},
	}
}

// TestTenThousand: all of the profile's networks and domains are used, at once.
func TestTenThousand(t *testing.T) {
	t.Parallel()
	w := crowd()
	start := time.Now()
	n := w.network()
	took := time.Since(start)
	if len(n.Routes) != 10000 || len(n.Domains) != 10000 || len(n.Refused) != 0 {
		t.Errorf("%d routes, %d domains, refused %v", len(n.Routes), len(n.Domains), n.Refused)
	}
	t.Logf("10,000 networks and 10,000 domains decided in %v", took)
	if took > 2*time.Second {
		t.Errorf("deciding took %v", took)
	}
	if lost := missing(n.Routes, n.Routes); len(lost) != 0 {
		t.Errorf("missing %v", lost)
	}
}

// TestTenThousandAgainstAHostileGateway: it cuts the profile's networks into as
// many pieces as it can and pushes what it may; what it adds is bounded, and so
// is the work.
func TestTenThousandAgainstAHostileGateway(t *testing.T) {
	t.Parallel()
	w := crowd()
	w.remote = nil
	for i := range byte(64) {
		w.remote = append(w.remote, wire.TrafficSelector{
			Start: netip.AddrFrom4([4]byte{i, 0, 0, 1}), End: netip.AddrFrom4([4]byte{255, 255, 255, 254 - i}), EndPort: 65535,
		})
	}
	for i := range 256 {
		w.given.Subnets = append(w.given.Subnets, netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 168, byte(i), 0}), 25))
		w.given.Domains = append(w.given.Domains, fmt.Sprintf("pushed%d.corp.example", i))
	}
	w.profile.Traffic.AcceptPushed = true
	w.profile.DNS.AcceptPushed, w.profile.DNS.AllowPushed = true, w.profile.DNS.Domains
	for name, allow := range map[string][]netip.Prefix{"no allow-list": nil, "allow-list": w.profile.Traffic.Include} {
		w.profile.Traffic.AllowPushed = allow
		start := time.Now()
		n := w.network()
		took := time.Since(start)
		t.Logf("%s: %d routes, decided in %v", name, len(n.Routes), took)
		if len(n.Routes) < 10000 || len(n.Routes) > w.most()+len(n.DNS) || len(n.Refused) > maxRefused+1 || took > 10*time.Second {
			t.Errorf("%s: %d routes of %d at most, %d refused, in %v", name, len(n.Routes), w.most(), len(n.Refused), took)
		}
	}
}

// BenchmarkTenThousand decides networks and domains of ten thousand each.
func BenchmarkTenThousand(b *testing.B) {
	w := crowd()
	for b.Loop() {
		if n := w.network(); len(n.Routes) != 10000 {
			b.Fatal(len(n.Routes))
		}
	}
}
