package e2e

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/client/lab"
)

// noLeaks runs talk while the client's wire is watched: nothing but IKE, ESP and
// what a link needs may pass.
func (r *rig) noLeaks(talk func()) {
	r.t.Helper()
	c, err := r.Lab.Capture(r.Client, "eth0", nil)
	if err != nil {
		r.t.Fatal(err)
	}
	talk()
	if err := c.Close(); err != nil {
		r.t.Error(err)
	}
	if leaks := c.Leaks(); len(leaks) != 0 {
		r.t.Errorf("%d frames left beside the tunnel, the first: %v", len(leaks), leaks[0])
	}
	if lost, err := c.Lost(); lost != 0 || err != nil {
		r.t.Errorf("the capture missed %d frames: %v", lost, err)
	}
}

// try fetches a page that may or may not open.
func (r *rig) try(url string) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.ctx, time.Second)
	defer cancel()
	if _, err := r.Client.Fetch(ctx, url); err != nil {
		r.t.Logf("%s: %v", url, err)
	}
}

// TestFamilyThatIsNotCarried: the gateway gives one family only, and the other
// does not go on beside a full tunnel.
func TestFamilyThatIsNotCarried(t *testing.T) {
	t.Parallel()
	v4, v6 := "http://"+lab.PublicAddress.String()+"/seen", "http://["+lab.PublicAddress6.String()+"]/seen"
	for _, pools := range []lab.Pools{lab.IPv4Pool, lab.IPv6Pool} {
		t.Run(string(pools), func(t *testing.T) {
			t.Parallel()
			r := start(t, lab.Options{Gateway: lab.GatewayOptions{Pools: pools}})
			r.importFile(lab.OfficeProfile)
			r.opens(v4, lab.RouterOutside.String())
			r.opens(v6, lab.ClientAddress6.String())
			r.connect(lab.OfficeProfile)
			r.noLeaks(func() {
				r.opens(intranet("/"), lab.IntranetGreeting)
				r.try(v4)
				r.try(v6)
			})
			r.must("", "disconnect")
			r.opens(v6, lab.ClientAddress6.String())
		})
	}
}

// TestAccessPointClaimsTheNameServer: the network that the client is in holds
// the address of the company's name server. The names are asked inside all the same.
func TestAccessPointClaimsTheNameServer(t *testing.T) {
	t.Parallel()
	r := start(t, lab.Options{})
	r.importFile(lab.OfficeProfile)
	claim := func(verb string) {
		if _, err := r.Client.Run(r.ctx, "ip", "addr", verb, "10.99.0.7/24", "dev", "eth0"); err != nil {
			t.Fatal(err)
		}
	}
	claim("add")
	r.connect(lab.OfficeProfile)
	r.noLeaks(func() { r.opens(intranet("/"), lab.IntranetGreeting) })
	r.must("", "disconnect")
	claim("del")
}

// TestGatewayWantsTheLocalNetwork: a part of the network that the client is in
// is no company's, and the user hears that somebody asked for it.
func TestGatewayWantsTheLocalNetwork(t *testing.T) {
	t.Parallel()
	r := start(t, lab.Options{Gateway: lab.GatewayOptions{Subnets: []string{lab.IntranetPrefix.String(), "192.168.77.0/25"}}})
	r.importFile(lab.SplitProfile)
	r.connect(lab.SplitProfile)
	s := r.status()
	if !slices.Contains(s.Routes, lab.IntranetPrefix.String()) || slices.Contains(s.Routes, "192.168.77.0/25") {
		t.Errorf("routes = %q, want the company's alone", s.Routes)
	}
	if !strings.Contains(strings.Join(s.Warnings, " "), "192.168.77.0/25") {
		t.Errorf("warnings = %q, want one about the local network", s.Warnings)
	}
	out, err := r.Client.Run(r.ctx, "ip", "route", "get", lab.RouterInside.String())
	if err != nil || !strings.Contains(out, "dev eth0") {
		t.Errorf("the home router is reached by %s (%v)", out, err)
	}
	r.must("", "disconnect")
}

// TestTerminate ends the service with SIGTERM at every step of a connection and
// at many moments between. It ends well and leaves the machine as it was.
func TestTerminate(t *testing.T) {
	t.Parallel()
	r := start(t, lab.Options{})
	r.importFile(lab.SplitProfile)
	r.importFile(lab.OfficeProfile)
	end := func(when string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(r.ctx, 15*time.Second)
		defer cancel()
		if err := r.Stop(ctx); err != nil {
			t.Fatalf("%s: %v", when, err)
		}
		if err := r.Service().Wait(ctx); err != nil {
			t.Errorf("told to end %s the service ends with %v", when, err)
		}
		r.untouched("told to end " + when)
		if err := r.Homeward.Start(r.ctx); err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range []string{"reaching", "checking", "signing-in", "setting-up", "connected"} {
		r.connectUntil(step)
		end("at " + step)
	}
	for _, profile := range []string{lab.OfficeProfile, lab.SplitProfile} {
		for after := time.Duration(0); after < 160*time.Millisecond; after += 20 * time.Millisecond {
			ctx, cancel := context.WithCancel(r.ctx)
			done := r.connecting(ctx, profile)
			<-time.After(after)
			end(after.String() + " after connect " + profile)
			cancel()
			<-done
		}
	}
}

// TestImpatientUser connects and disconnects from two terminals as fast as the
// programs start, interrupts what takes long, and is left with a line that
// works and then with the machine as it was.
func TestImpatientUser(t *testing.T) {
	t.Parallel()
	r := start(t, lab.Options{})
	r.importFile(lab.SplitProfile)
	r.importFile(lab.OfficeProfile)
	for i := range 12 {
		profile := []string{lab.OfficeProfile, lab.SplitProfile}[i/2%2]
		ctx, cancel := context.WithTimeout(r.ctx, time.Duration(10+i*14)*time.Millisecond)
		first, second := r.connecting(ctx, profile), r.connecting(r.ctx, profile)
		<-first
		cancel()
		if i%3 == 0 { // before, while or after the second connects
			if res := r.ctl("", "disconnect"); res.Code != 0 && !strings.Contains(res.Stderr, "asked for again meanwhile") {
				t.Errorf("round %d: disconnect: %s", i, res.Stderr)
			}
		}
		<-second
		r.must("", "disconnect")
		if s := r.status(); s.State != "disconnected" {
			t.Errorf("round %d ends %s (%+v)", i, s.State, s.Error)
			r.must("", "disconnect")
		}
	}
	r.untouched("after the storm")
	r.connect(lab.OfficeProfile)
	r.opens(intranet("/"), lab.IntranetGreeting)
	r.must("", "disconnect")
}
