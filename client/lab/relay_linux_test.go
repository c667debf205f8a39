package lab

import (
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// echo answers every datagram that reaches the gateway's address with the
// address that it came from.
func echo(t *testing.T, l *Lab, at netip.AddrPort) {
	t.Helper()
	var c *net.UDPConn
	if err := l.network.gateway.Do(func() (err error) {
		c, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
		return err
	}); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		<-ended
	})
	go func() {
		defer close(ended)
		buf := make([]byte, maxDatagram)
		for {
			_, from, err := c.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			if _, err := c.WriteToUDPAddrPort([]byte(from.String()), from); err != nil {
				return
			}
		}
	}()
}

// dialer is a UDP socket of the client towards one address.
type dialer struct {
	*net.UDPConn
	t *testing.T
}

func dial(t *testing.T, l *Lab, to netip.AddrPort) dialer {
	t.Helper()
	var c *net.UDPConn
	if err := l.Client.Do(func() (err error) {
		c, err = net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(to))
		return err
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return dialer{c, t}
}

// ask sends n octets and returns the answer; empty: there was none in time.
func (d dialer) ask(n int, wait time.Duration) string {
	d.t.Helper()
	if _, err := d.Write(make([]byte, n)); err != nil {
		d.t.Fatal(err)
	}
	if err := d.SetReadDeadline(time.Now().Add(wait)); err != nil {
		d.t.Fatal(err)
	}
	buf := make([]byte, 1000)
	m, err := d.Read(buf)
	if err != nil {
		return ""
	}
	return string(buf[:m])
}

const (
	patience   = 5 * time.Second
	impatience = 200 * time.Millisecond
)

func TestRelayImpairs(t *testing.T) {
	t.Parallel()
	l, _ := start(t, Options{NoGateway: true, Relay: true})
	for name, to := range map[string]netip.AddrPort{
		"IPv4 port 500":  netip.AddrPortFrom(GatewayAddress, 500),
		"IPv4 port 4500": netip.AddrPortFrom(GatewayAddress, 4500),
		"IPv6 port 4500": netip.AddrPortFrom(GatewayAddress6, 4500),
	} {
		t.Run(name, func(t *testing.T) {
			l.Relay.SetBoth(Impairment{})
			echo(t, l, to)
			d := dial(t, l, to)
			header := packetSize(0, to.Addr())
			seen := d.ask(100, patience)
			if want := mapped(t, l, d).String(); seen != want {
				t.Fatalf("the gateway sees %q, the relay's mapping is %s", seen, want)
			}

			l.Relay.SetBoth(Impairment{Delay: 40 * time.Millisecond})
			begin := time.Now()
			if d.ask(100, patience) == "" {
				t.Error("nothing came through a slow path")
			}
			if took := time.Since(begin); took < 80*time.Millisecond {
				t.Errorf("there and back took %v, want 80 ms or more", took)
			}

			l.Relay.SetBoth(Impairment{MTU: 1280})
			if d.ask(1280-header, patience) == "" {
				t.Error("a packet of 1280 octets did not pass")
			}
			if d.ask(1281-header, impatience) != "" {
				t.Error("a packet of 1281 octets passed")
			}

			before := l.Relay.Count(ToClient)
			l.Relay.SetBoth(Impairment{})
			l.Relay.Set(ToClient, Impairment{Dark: true})
			if d.ask(100, impatience) != "" {
				t.Error("an answer came through the dark")
			}
			if after := l.Relay.Count(ToClient); after.Dark != before.Dark+1 {
				t.Errorf("%d were lost in the dark, want 1", after.Dark-before.Dark)
			}
			l.Relay.SetBoth(Impairment{})
			if d.ask(100, patience) == "" {
				t.Error("the light did not come back")
			}
		})
	}
}

// mapped is the relay's outer address for a socket of the client.
func mapped(t *testing.T, l *Lab, d dialer) netip.AddrPort {
	t.Helper()
	at, ok := l.Relay.Mappings()[d.LocalAddr().(*net.UDPAddr).AddrPort()]
	if !ok {
		t.Fatalf("no mapping for %v in %v", d.LocalAddr(), l.Relay.Mappings())
	}
	return at
}

// One mapping serves both ports of the gateway; a rebinding changes the outer
// port, and the address when told to, and traffic goes on.
func TestRelayRebinds(t *testing.T) {
	t.Parallel()
	l, _ := start(t, Options{NoGateway: true, Relay: true})
	at := netip.AddrPortFrom(GatewayAddress, 4500)
	echo(t, l, at)
	d := dial(t, l, at)
	first := d.ask(10, patience)
	if again := d.ask(10, patience); again != first || first == "" {
		t.Fatalf("the gateway saw %q, then %q", first, again)
	}
	if err := l.Relay.Rebind(false); err != nil {
		t.Fatal(err)
	}
	second := d.ask(10, patience)
	if second == first || !strings.HasPrefix(second, RouterOutside.String()+":") {
		t.Errorf("after a rebinding the gateway sees %q, before it saw %q", second, first)
	}
	if err := l.Relay.Rebind(true); err != nil {
		t.Fatal(err)
	}
	if third := d.ask(10, patience); !strings.HasPrefix(third, RouterSecond.String()+":") {
		t.Errorf("after a move the gateway sees %q, want %v", third, RouterSecond)
	}
}

// The relay can be switched in and out under a flow that exists.
func TestRelaySwitches(t *testing.T) {
	t.Parallel()
	l, ctx := start(t, Options{NoGateway: true})
	at := netip.AddrPortFrom(GatewayAddress, 4500)
	echo(t, l, at)
	d := dial(t, l, at)
	if d.ask(10, patience) == "" {
		t.Fatal("nothing came through the kernel's NAT")
	}
	if err := l.UseRelay(); err != nil {
		t.Fatal(err)
	}
	if d.ask(10, patience) == "" {
		t.Error("nothing came through the relay")
	}
	if got := l.Relay.Count(ToGateway).Sent; got != 1 {
		t.Errorf("the relay sent %d datagrams, want the one", got)
	}
	if err := l.Relay.WaitQuiet(ctx); err != nil {
		t.Error(err)
	}
	if err := l.UseKernelNAT(); err != nil {
		t.Fatal(err)
	}
	if d.ask(10, patience) == "" {
		t.Error("nothing came through the kernel's NAT again")
	}
	if l.Relay != nil {
		t.Error("the relay is still there")
	}
}

// A tunnel survives a path that loses, doubles and reorders.
func TestStrongSwanOverABadPath(t *testing.T) {
	t.Parallel()
	l, ctx := start(t, Options{Relay: true})
	c, err := l.StartStrongSwanClient(ctx, UserName, UserPassword)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Connect(ctx); err != nil {
		t.Fatal(err)
	}
	l.Relay.SetBoth(Impairment{Delay: 2 * time.Millisecond, Loss: 0.02, Reorder: 0.05, Duplicate: 0.05})
	const n = 1 << 20
	want, err := BlobSHA256(n)
	if err != nil {
		t.Fatal(err)
	}
	page, err := l.Client.Fetch(ctx, "http://"+IntranetAddress.String()+"/blob?n=1048576")
	if err != nil {
		t.Fatal(err)
	}
	if page.SHA256 != want {
		t.Errorf("got %d bytes of hash %s, want %s", page.Length, page.SHA256, want)
	}
	count := l.Relay.Count(ToClient)
	if count.Lost == 0 || count.Reordered == 0 || count.Duplicated == 0 {
		t.Errorf("counters %+v, want some of every impairment", count)
	}
}
