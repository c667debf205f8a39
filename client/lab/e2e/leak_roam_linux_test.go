package e2e

import (
	"slices"
	"testing"

	"github.com/homeward-vpn/homeward/client/lab"
)

// TestNothingLeaksOnTheWay: while the line moves over every uplink, the device flaps and
// its addresses and routes change, nothing leaves by any of the uplinks.
func TestNothingLeaksOnTheWay(t *testing.T) {
	t.Parallel()
	g := guard(t, lab.Options{Uplinks: true}, "on")
	g.round()
	g.closes("connect on the Wi-Fi", g.signIn)
	u := g.Uplinks
	seenAt := func(from string) {
		t.Helper()
		if err := g.Gateway.WaitSAs(g.ctx, "the gateway sees the client at "+from, func(sas []lab.SA) bool {
			return slices.ContainsFunc(sas, func(sa lab.SA) bool { return sa.State == "ESTABLISHED" && sa.Remote == from })
		}); err != nil {
			t.Fatal(err)
		}
		g.carries()
	}
	for _, s := range scenes(u) {
		if s.blind {
			continue // nothing changes on the client's machine
		}
		g.scene(s.name, func() {
			for _, f := range s.do {
				g.do(f)
			}
			seenAt(s.from)
		})
	}
	g.scene("the Wi-Fi flaps, five times", func() {
		for range 5 {
			g.do(u.WiFi.Down)
			g.do(u.WiFi.Up)
		}
		g.carries()
	})
	g.scene("the address goes, and another comes", func() {
		g.ip("addr del 192.168.77.2/24 dev eth0")
		g.ip("addr add 192.168.77.9/24 dev eth0", "route add default via 192.168.77.1 dev eth0 metric 600")
		g.carries()
	})
	g.scene("the first address is back", func() {
		g.ip("addr del 192.168.77.9/24 dev eth0")
		g.do(u.WiFi.Up)
		g.carries()
	})
	g.scene("the default routes replaced", func() {
		g.do(u.LTE.Up)
		g.ip("route del default via 192.168.77.1 dev eth0 metric 600", "-6 route del default via fd00:77::1 dev eth0 metric 600")
		g.carries()
		g.do(u.WiFi.Up)
		g.carries()
		g.do(u.LTE.Down)
	})
	g.scene("no uplink at all, for a while", func() {
		g.do(u.WiFi.Down)
		g.round()
		g.do(u.WiFi.Up)
		g.carries()
	})
	g.reopens("the user's Disconnect", func() { g.must("", "disconnect") })
	g.do(u.Home)
}

// carries waits until the stranger is answered through the line.
func (g *guarded) carries() {
	g.t.Helper()
	inside := func(f lab.Flow) bool { return f.Device == "" && f.To.Addr() == lab.IntranetAddress }
	before := sum(g.count(), inside).Answered
	if err := lab.Until(g.ctx, "the line carries", func() (bool, error) {
		now, err := g.stranger.Count()
		return sum(now, inside).Answered > before+2, err
	}); err != nil {
		g.t.Fatal(err)
	}
}

// ip changes the client's network as somebody else would.
func (g *guarded) ip(lines ...string) {
	g.t.Helper()
	for _, l := range lines {
		if _, err := g.Client.Run(g.ctx, "sh", "-c", "ip "+l); err != nil {
			g.t.Fatal(err)
		}
	}
}
