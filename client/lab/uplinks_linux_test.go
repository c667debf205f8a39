package lab

import (
	"context"
	"net/netip"
	"strings"
	"testing"
)

// seen is the address that the public server sees the client come from; empty:
// it is not reached.
func seen(ctx context.Context, l *Lab, server netip.Addr) string {
	page, err := l.Client.Fetch(ctx, "http://"+netip.AddrPortFrom(server, 80).String()+"/seen")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(page.Body)
}

// Each uplink that comes up or goes takes the default route of its families with
// it, by rank, and the internet sees another address. At home again the machine
// is as it was.
func TestUplinks(t *testing.T) {
	t.Parallel()
	l, ctx := start(t, Options{NoGateway: true, Uplinks: true})
	before, err := l.Client.Snapshot(ctx)
	if err != nil {
		t.Fatal(err)
	}
	u := l.Uplinks
	cable, six := u.Cable.Addresses[0].Addr().String(), u.Six.Addresses[0].Addr().String()
	home, home6, carrier := RouterOutside.String(), ClientAddress6.String(), CarrierOutside.String()
	for _, step := range []struct {
		name   string
		do     func() error
		v4, v6 string
	}{
		{"at the start", func() error { return nil }, home, home6},
		{"LTE beside the Wi-Fi", u.LTE.Up, home, home6},
		{"out of the Wi-Fi's reach", u.WiFi.Down, carrier, ""},
		{"at the cable", u.Cable.Up, cable, ""},
		{"the cable pulled", u.Cable.Down, carrier, ""},
		{"IPv6 beside LTE", u.Six.Up, carrier, six},
		{"IPv6 only", u.LTE.Down, "", six},
		{"back on the Wi-Fi too", u.WiFi.Up, home, six},
		{"home", u.Home, home, home6},
	} {
		if err := step.do(); err != nil {
			t.Fatal(step.name, ": ", err)
		}
		if got := seen(ctx, l, PublicAddress); got != step.v4 {
			t.Errorf("%s: over IPv4 the public server sees %q, want %q", step.name, got, step.v4)
		}
		if got := seen(ctx, l, PublicAddress6); got != step.v6 {
			t.Errorf("%s: over IPv6 the public server sees %q, want %q", step.name, got, step.v6)
		}
	}
	after, err := l.Client.Snapshot(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if d := before.Diff(after); d != "" {
		t.Errorf("at home again the machine is not as it was:\n%s", d)
	}
}

// The gateway is reached over every uplink, through the relays where there is a
// NAT, and sees who it is.
func TestGatewayOverEachUplink(t *testing.T) {
	t.Parallel()
	l, _ := start(t, Options{NoGateway: true, Uplinks: true, Relay: true})
	at, at6 := netip.AddrPortFrom(GatewayAddress, 4500), netip.AddrPortFrom(GatewayAddress6, 4500)
	echo(t, l, at)
	echo(t, l, at6)
	u := l.Uplinks
	for _, c := range []struct {
		uplink *Uplink
		to     netip.AddrPort
		seen   netip.Addr
	}{
		{u.WiFi, at, RouterOutside},
		{u.WiFi, at6, RouterOutside6},
		{u.LTE, at, CarrierOutside},
		{u.Cable, at, u.Cable.Addresses[0].Addr()},
		{u.Six, at6, u.Six.Addresses[0].Addr()},
	} {
		for _, other := range u.all() {
			if err := other.Down(); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.uplink.Up(); err != nil {
			t.Fatal(err)
		}
		got, err := netip.ParseAddrPort(dial(t, l, c.to).ask(10, patience))
		if err != nil || got.Addr() != c.seen {
			t.Errorf("over %s the gateway sees %v (%v), want %v", c.uplink.Device, got, err, c.seen)
		}
	}
	if err := l.Uplinks.LTE.Relay.Rebind(true); err != nil {
		t.Error(err)
	}
}

// A client is sent from the first gateway to the second, which lets the same
// people in and gives other addresses. strongSwan as the client asks there with
// selectors of its old address, and so gets no Child SA.
func TestSecondGateway(t *testing.T) {
	t.Parallel()
	l, ctx := start(t, Options{Second: &GatewayOptions{}})
	c, err := l.StartStrongSwanClient(ctx, UserName, UserPassword)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Connect(ctx); err != nil {
		t.Fatal(err, "\n", c.Log())
	}
	if sas, err := l.Second.SAs(ctx); err != nil || len(sas) != 0 {
		t.Errorf("the second gateway has %+v (%v), want nobody", sas, err)
	}
	if err := l.Gateway.Redirect(ctx, SecondGatewayAddress.String()); err != nil {
		t.Fatal(err)
	}
	if err := l.Second.WaitSAs(ctx, "the client has come over", func(sas []SA) bool {
		return len(sas) == 1 && sas[0].State == "ESTABLISHED" && len(sas[0].VIPs) == 2 && strings.HasPrefix(sas[0].VIPs[0], "10.98.1.")
	}); err != nil {
		t.Fatal(err, "\n", c.Log())
	}
	if err := l.Gateway.WaitSAs(ctx, "the client has left the first", func(sas []SA) bool { return len(sas) == 0 }); err != nil {
		t.Error(err)
	}
}
