package lab

import (
	"context"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// Without a tunnel the client has the internet, through the NAT, and nothing
// of the company.
func TestWithoutATunnelTheCompanyIsOutOfReach(t *testing.T) {
	t.Parallel()
	l, ctx := start(t, Options{NoGateway: true})
	page, err := l.Client.Fetch(ctx, "http://"+PublicName+"/seen")
	if err != nil {
		t.Fatal(err)
	}
	seen := strings.TrimSpace(page.Body)
	if seen != RouterOutside.String() && seen != ClientAddress6.String() {
		t.Errorf("the internet sees the client at %q, want the router's address or the routed IPv6 one", seen)
	}
	page, err = l.Client.Fetch(ctx, "http://"+PublicAddress.String()+"/seen")
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.TrimSpace(page.Body); got != RouterOutside.String() {
		t.Errorf("over IPv4 the internet sees the client at %q, want %v", got, RouterOutside)
	}
	if got, err := l.Client.Lookup(ctx, IntranetName); err == nil {
		t.Errorf("the public DNS knows %s as %v", IntranetName, got)
	}
	if l.PublicDNS.Queries(IntranetName) == 0 || l.CompanyDNS.Queries(IntranetName) != 0 {
		t.Errorf("asked were public %v, company %v: want the public server only", l.PublicDNS.Asked(), l.CompanyDNS.Asked())
	}
	for _, addr := range []netip.Addr{IntranetAddress, IntranetAddress6} {
		short, cancel := context.WithTimeout(ctx, 700*time.Millisecond)
		if page, err := l.Client.Fetch(short, "http://"+netip.AddrPortFrom(addr, 80).String()+"/"); err == nil {
			t.Errorf("the intranet at %v is open to the world: %q", addr, page.Body)
		}
		cancel()
	}
}

func TestNamesOfTheGateway(t *testing.T) {
	t.Parallel()
	l, ctx := start(t, Options{NoGateway: true})
	for _, tc := range []struct {
		name string
		want []netip.Addr
	}{
		{GatewayName, []netip.Addr{GatewayAddress}},
		{GatewayName6, []netip.Addr{GatewayAddress6}},
		{GatewayNameBoth, []netip.Addr{GatewayAddress, GatewayAddress6}},
	} {
		got, err := l.Client.Lookup(ctx, tc.name)
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		for i := range got {
			got[i] = got[i].Unmap()
		}
		slices.SortFunc(got, netip.Addr.Compare)
		if !slices.Equal(got, tc.want) {
			t.Errorf("%s is %v, want %v", tc.name, got, tc.want)
		}
	}
}

// The client's /etc belongs to the client: it can be renamed over, as on a
// real machine, and neither the router nor the machine outside sees it.
func TestResolvConfIsTheClientsOwn(t *testing.T) {
	t.Parallel()
	l, ctx := start(t, Options{NoGateway: true})
	before, err := l.Client.Snapshot(ctx)
	if err != nil {
		t.Fatal(err)
	}
	outside, err := os.ReadFile("/etc/resolv.conf")
	if err != nil {
		t.Fatal(err)
	}
	const script = `set -e
echo "nameserver 10.99.0.2" > /etc/resolv.conf.new
mv /etc/resolv.conf.new /etc/resolv.conf
ip link add name tun9 type veth peer name tun9p
ip route add 10.1.2.0/24 via 192.168.77.1
ip rule add fwmark 7 lookup 77
echo 2 > /proc/sys/net/ipv4/conf/eth0/rp_filter`
	if _, err := l.Client.Run(ctx, "sh", "-c", script); err != nil {
		t.Fatal(err)
	}
	after, err := l.Client.Snapshot(ctx)
	if err != nil {
		t.Fatal(err)
	}
	diff := before.Diff(after)
	for _, want := range []string{"- nameserver 192.168.77.1", "+ nameserver 10.99.0.2", "tun9", "10.1.2.0/24", "fwmark 0x7", "eth0/rp_filter"} {
		if !strings.Contains(diff, want) {
			t.Errorf("the difference does not tell of %q:\n%s", want, diff)
		}
	}
	still, err := os.ReadFile("/etc/resolv.conf")
	if err != nil {
		t.Fatal(err)
	}
	if string(still) != string(outside) {
		t.Errorf("the resolv.conf of the machine outside has changed to %q", still)
	}
	if again, err := l.Client.Snapshot(ctx); err != nil {
		t.Error(err)
	} else if d := after.Diff(again); d != "" {
		t.Errorf("two snapshots in a row differ:\n%s", d)
	}
}

func TestBlobsAndUploads(t *testing.T) {
	t.Parallel()
	l, ctx := start(t, Options{NoGateway: true})
	const n = 3_000_001
	want, err := BlobSHA256(n)
	if err != nil {
		t.Fatal(err)
	}
	base := "http://" + PublicAddress.String()
	page, err := l.Client.Fetch(ctx, base+"/blob?n=3000001")
	if err != nil {
		t.Fatal(err)
	}
	if page.SHA256 != want || page.Length != n {
		t.Errorf("got %d bytes of hash %s, want %d of %s", page.Length, page.SHA256, n, want)
	}
	if page, err = l.Client.Upload(ctx, base+"/sink", n); err != nil {
		t.Fatal(err)
	}
	if got := strings.TrimSpace(page.Body); got != "3000001 "+want {
		t.Errorf("the server got %q, want 3000001 bytes of %s", got, want)
	}
	if page, err = l.Client.Fetch(ctx, base+"/blob?n=-1"); err != nil || page.Status != 400 {
		t.Errorf("a negative length gives %d, %v; want status 400", page.Status, err)
	}
}

func TestCaptureTellsProtocolsApart(t *testing.T) {
	t.Parallel()
	l, ctx := start(t, Options{})
	c, err := l.Capture(l.Client, "eth0", nil)
	if err != nil {
		t.Fatal(err)
	}
	sw, err := l.StartStrongSwanClient(ctx, UserName, UserPassword)
	if err != nil {
		t.Fatal(err)
	}
	if err := sw.Connect(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Client.Fetch(ctx, "http://"+IntranetAddress.String()+"/"); err != nil {
		t.Fatal(err)
	}
	if got := c.Leaks(); slices.ContainsFunc(got, func(f Frame) bool { return f.Protocol != DNS }) || len(got) == 0 {
		t.Errorf("captured %v, want nothing but the question for the gateway's name", got)
	}
	if _, err := l.Client.Fetch(ctx, "http://"+PublicAddress.String()+"/"); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	got := c.Summary()
	for _, p := range []Protocol{ARP, IKE, ESP, DNS, Other} {
		if got[p] == 0 {
			t.Errorf("no frame of %s in %v", p, got)
		}
	}
	if !slices.ContainsFunc(c.Leaks(), func(f Frame) bool {
		return f.Protocol == Other && f.Outgoing && f.Destination == netip.AddrPortFrom(PublicAddress, 80)
	}) {
		t.Errorf("the plain request is not among %v", c.Leaks())
	}
	if lost, err := c.Lost(); lost != 0 || err != nil {
		t.Errorf("lost %d frames, %v", lost, err)
	}
}
