package e2e

import (
	"context"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/client/lab"
)

// guardedProfile signs in by name and password and sends everything through the
// tunnel; its line is soon known to be lost.
const guardedProfile = "guarded"

// guard is a rig whose machine has the kill switch set, with the stranger at work.
func guard(t *testing.T, o lab.Options, mode string) *guarded {
	t.Helper()
	return guardFor(t, testTime, o, mode)
}

// guardFor is guard for a test that may last that long.
func guardFor(t *testing.T, limit time.Duration, o lab.Options, mode string) *guarded {
	t.Helper()
	r := startFor(t, limit, o)
	r.native(lab.Native{Name: guardedProfile, CA: [][]byte{r.PKI.CA.DER()}, Fields: map[string]any{"session.liveness": "1s"}})
	g := r.watch()
	if mode != "" {
		r.must("", "killswitch", mode)
	}
	return g
}

// closes plays the scene from which on nothing may leave: with the first packet that the
// service sends, or asks with, it is closed.
func (g *guarded) closes(name string, scene func()) {
	g.t.Helper()
	g.sniffer.Arm(name, lab.IKE, lab.DNS)
	scene()
	before, begun := g.sniffer.Armed()
	if !begun {
		g.t.Fatalf("%s: the service has sent nothing", name)
	}
	if before.Leaks() == 0 {
		g.t.Errorf("before %s nobody has tried anything", name)
	}
	g.open = false
	g.scene("after "+name, func() {})
}

// reopens plays the scene after which everything may leave again, and does.
func (g *guarded) reopens(name string, scene func()) {
	g.t.Helper()
	g.open = true
	scene()
	t, _ := g.play(name, func() {})
	if without := missing(t.Leaked); len(without) > 0 {
		g.t.Errorf("%s: the sniffer saw no %s leave", name, strings.Join(without, ", no "))
	}
}

// do plays a step that must succeed.
func (g *guarded) do(f func() error) {
	g.t.Helper()
	if err := f(); err != nil {
		g.t.Fatal(err)
	}
}

// signIn connects with the employee's name and password.
func (g *guarded) signIn() {
	g.t.Helper()
	g.connect(guardedProfile)
}

// TestNothingLeaksOfALine: from the first packet of a connection to the user's own
// Disconnect nothing leaves but what the line is made of, whatever becomes of the
// line, of the gateway and of the service (security.md, kill switch).
func TestNothingLeaksOfALine(t *testing.T) {
	t.Parallel()
	g := guard(t, lab.Options{Gateway: lab.GatewayOptions{Reauth: 3 * time.Second, Overtime: time.Second}}, "on")

	// A page that is under way when the line is wanted does not arrive.
	page := make(chan error, 1)
	go func() {
		_, err := g.Client.Fetch(g.ctx, "http://"+lab.PublicAddress.String()+"/blob?n=100000000&pace=100000")
		page <- err
	}()
	g.round()
	g.closes("connect", g.signIn)
	g.scene("a flow that stood is cut", func() {
		if err := <-page; err == nil || g.ctx.Err() != nil {
			t.Errorf("a transfer beside the tunnel ended with %v", err)
		}
	})
	g.scene("connected", func() { g.tellsTruth("on") })

	g.scene("reauthentication, make before break", func() {
		first := g.theSA()
		if err := g.Gateway.WaitSAs(g.ctx, "another IKE SA alone stands", func(sas []lab.SA) bool {
			return len(sas) == 1 && sas[0].UniqueID != first.ike && len(sas[0].Children) == 1
		}); err != nil {
			t.Error(err)
		}
	})
	g.do(func() error { return g.Gateway.Reload(g.ctx, lab.GatewayOptions{}) })
	g.scene("a new line", func() {
		g.do(func() error { return g.Gateway.Terminate(g.ctx) })
		g.until("connecting")
		g.until("connected")
	})
	g.scene("rekey of both SAs", func() {
		first := g.theSA()
		for range 2 {
			g.do(func() error { return g.Gateway.RekeyChild(g.ctx) })
			g.do(func() error { return g.Gateway.RekeyIKE(g.ctx) })
		}
		if last := g.theSA(); first.ike == last.ike || first.child == last.child {
			t.Errorf("nothing was rekeyed: %+v, then %+v", first, last)
		}
	})
	g.scene("the gateway dies", func() {
		g.do(g.Gateway.Kill)
		g.until("connecting")
	})
	g.scene("the gateway comes back", func() {
		g.do(func() error { return g.Gateway.Restart(g.ctx) })
		g.until("connected")
	})
	g.scene("suspended", func() {
		g.do(func() error { return g.Service().Signal(syscall.SIGSTOP) })
		g.lasts(3 * time.Second)
	})
	g.scene("resumed", func() {
		g.do(func() error { return g.Service().Signal(syscall.SIGCONT) })
		g.until("connected")
	})
	g.scene("the tunnel's device deleted", func() {
		g.deleteTunnel()
		g.until("connected")
	})

	g.flushed()

	g.scene("kill -9 of the service", func() { g.do(g.Kill) })
	g.scene("the service manager cleans up", g.cleanedUp)
	g.scene("started again", func() { g.do(func() error { return g.Homeward.Start(g.ctx) }); g.round() })
	g.scene("connected again", g.signIn)
	g.scene("the service stopped", func() {
		g.do(func() error { return g.Homeward.Stop(g.ctx) })
		g.cleanedUp()
	})
	g.scene("the service started", func() { g.do(func() error { return g.Homeward.Start(g.ctx) }) })
	g.scene("a wrong password", func() {
		g.fails("wrong\n", "connect", guardedProfile, "--user", lab.UserName, "--password-stdin")
		g.until("blocked")
	})
	g.scene("the right one", g.signIn)
	g.reopens("the user's Disconnect", func() { g.must("", "disconnect") })
	g.untouched("after disconnect")
}

// cleanedUp is what the service manager does after an end of the service.
func (g *guarded) cleanedUp() {
	g.t.Helper()
	if out, err := g.StopHook(g.ctx); err != nil {
		g.t.Errorf("the hook after the service's end: %v: %s", err, out)
	}
}

// longestOpen is how long somebody who takes every rule of the machine's away may
// leave it open.
const longestOpen = 500 * time.Millisecond

// flushed has somebody else flush all rules: the hole is short, and told.
func (g *guarded) flushed() {
	g.t.Helper()
	t, _ := g.play("every rule of the machine flushed", func() {
		g.do(func() error { _, err := g.Client.Run(g.ctx, "nft", "flush", "ruleset"); return err })
		if err := lab.Until(g.ctx, "the status tells of it", func() (bool, error) { return g.killSwitch().KillSwitch.Alarm != "", nil }); err != nil {
			g.t.Errorf("%v: %+v", err, g.killSwitch().KillSwitch)
		}
		g.t.Logf("the alarm says %q", g.killSwitch().KillSwitch.Alarm)
	})
	g.t.Logf("after a flush of all rules %d frames left, over %v", t.Leaks(), t.Open)
	if t.Open > longestOpen {
		g.t.Errorf("after a flush of all rules the machine was open for %v", t.Open)
	}
	g.scene("after the flush", func() { g.until("connected") })
}

// lasts lets some time go by while the stranger goes on.
func (g *guarded) lasts(d time.Duration) {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(g.ctx, d)
	defer cancel()
	<-ctx.Done()
}

// deleteTunnel takes the device away under the line.
func (g *guarded) deleteTunnel() {
	g.t.Helper()
	out, err := g.Client.Run(g.ctx, "sh", "-c", "ip -o link show type tun | cut -d: -f2")
	if err != nil {
		g.t.Fatal(err)
	}
	devices := strings.Fields(out)
	if len(devices) != 1 {
		g.t.Fatalf("the client has the tunnel devices %q, want one", devices)
	}
	g.do(func() error { _, err := g.Client.Run(g.ctx, "ip", "link", "delete", devices[0]); return err })
}

// tellsTruth wants the status to say that nothing leaves, and since when it is proven.
func (g *guarded) tellsTruth(mode string) {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(g.ctx, 10*time.Second)
	defer cancel()
	var k killSwitch // what was read when it was proven: the next policy begins anew
	if err := lab.Until(ctx, "it is proven that nothing leaves", func() (bool, error) {
		k = g.killSwitch()
		return k.KillSwitch.Verified != nil, nil
	}); err != nil {
		g.t.Errorf("%v: %+v", err, k.KillSwitch)
		return
	}
	if k := k.KillSwitch; k.Mode != mode || !k.Engaged || k.Alarm != "" || time.Since(*k.Verified) > time.Minute {
		g.t.Errorf("the status says %+v, want %s, engaged, verified and no alarm", k, mode)
	}
}
